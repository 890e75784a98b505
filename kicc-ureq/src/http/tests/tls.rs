//! The same line between *never sent* and *maybe sent*, with TLS below it.

use super::*;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

/// An authority, and a server's certificate by it.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn authority(server_name: &str) -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().unwrap();
    let server =
        CertificateParams::new([server_name.to_owned()]).unwrap().signed_by(&server_key, &issuer).unwrap();
    Authority {
        pem: certificate.pem(),
        der: certificate.der().clone(),
        chain: vec![server.der().clone()],
        key: PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
    }
}

fn server_config(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    asks_for_certificate: bool,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let builder = if asks_for_certificate {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    Arc::new(builder.with_single_cert(authority.chain.clone(), authority.key.clone_key()).unwrap())
}

/// Answers each request, and tells the kind of handshake and the bytes of the request.
fn serving(config: Arc<ServerConfig>) -> (Server, mpsc::Receiver<(Option<HandshakeKind>, usize)>) {
    let (seen, requests) = mpsc::channel();
    let server = Server::start(move |mut socket, _| {
        let mut tls = ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        let request = read_request(&mut stream);
        if !request.is_empty() {
            let _ = stream.write_all(OK);
        }
        let _ = seen.send((stream.conn.handshake_kind(), request.len()));
    });
    (server, requests)
}

fn secure(server: &Server, ca: Option<&Authority>) -> Http {
    let mut settings = HttpSettings::new(format!("https://{}", server.address));
    settings.ca_pem = ca.map(|authority| authority.pem.clone().into_bytes());
    Http::new(settings).unwrap()
}

#[test]
fn a_server_of_a_given_authority_is_trusted_and_sessions_are_resumed() {
    let authority = authority("127.0.0.1");
    for version in [&TLS12, &TLS13] {
        let (server, requests) = serving(server_config(&authority, &[version], false));
        let http = secure(&server, Some(&authority));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            assert_good(&ask(&http));
            assert_eq!(requests.recv().unwrap().0, Some(kind));
        }
        assert_eq!(server.accepted(), 3);
    }
}

#[test]
fn an_untrusted_server_or_another_name_is_never_sent() {
    let (mine, stranger, misnamed) = (authority("127.0.0.1"), authority("127.0.0.1"), authority("gw.test"));
    for (server_of, ca) in [(&stranger, Some(&mine)), (&mine, None), (&misnamed, Some(&misnamed))] {
        let (server, requests) = serving(server_config(server_of, &[&TLS12, &TLS13], false));
        assert_not_sent(&ask(&secure(&server, ca)), NotSent::Tls);
        assert_eq!(requests.recv().unwrap().1, 0);
    }
}

#[test]
fn r4_a_handshake_that_breaks_is_never_sent_though_the_errors_are_those_of_a_broken_answer() {
    let plain = Server::start(|mut socket, _| {
        let _ = socket.read(&mut [0; 1024]);
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let resetting = Server::start(|mut socket, _| {
        let _ = socket.read(&mut [0]);
        reset(socket);
    });
    let closing = Server::start(|mut socket, _| {
        let _ = socket.read(&mut [0; 1024]);
    });
    for server in [plain, resetting, closing] {
        assert_not_sent(&ask(&secure(&server, None)), NotSent::Tls);
    }
}

#[test]
fn r4_send_by_ends_a_handshake_that_stalls_or_drips() {
    let stalling =
        Server::start(|mut socket, _| while socket.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {});
    let dripping = Server::start(|mut socket, _| {
        // The head of a handshake record that never ends.
        let record = [&[22, 3, 3, 0x3f, 0xff][..], &[0; 200]].concat();
        for byte in record {
            if socket.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    for server in [stalling, dripping] {
        let began = Instant::now();
        assert_not_sent(&post(&secure(&server, None), limits(200, 2000), permitted()), NotSent::Tls);
        took(began, 150, 700);
    }
}

#[test]
fn r4_the_permission_is_asked_after_the_handshake() {
    let authority = authority("127.0.0.1");
    let (server, requests) = serving(server_config(&authority, &[&TLS13], false));
    let exchange = post(&secure(&server, Some(&authority)), limits(2000, 2000), Arc::new(|| false));
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!(requests.recv().unwrap(), (Some(HandshakeKind::Full), 0));
}

#[test]
fn a_missing_client_certificate_is_maybe_sent_in_tls_13_and_never_sent_in_tls_12() {
    let authority = authority("127.0.0.1");
    let (newer, _requests) = serving(server_config(&authority, &[&TLS13], true));
    let result = ask(&secure(&newer, Some(&authority))).result;
    assert!(matches!(result, Err(Failure::MaybeSent(_))), "{result:?}");
    let (older, _requests) = serving(server_config(&authority, &[&TLS12], true));
    assert_not_sent(&ask(&secure(&older, Some(&authority))), NotSent::Tls);
}

#[test]
fn r7_r13a_an_answer_that_stalls_or_is_cut_above_tls_is_maybe_sent() {
    let authority = authority("127.0.0.1");
    let config = server_config(&authority, &[&TLS13], false);
    let half = |closes: bool| {
        let config = config.clone();
        let (end, ended) = mpsc::channel();
        let server = Server::start(move |mut socket, _| {
            let mut tls = ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::Stream::new(&mut tls, &mut socket);
            read_request(&mut stream);
            stream.write_all(&OK[..OK.len() - 2]).unwrap();
            if !closes {
                end.send(socket.read(&mut [0]).is_err()).unwrap();
            }
        });
        let exchange = post(&secure(&server, Some(&authority)), limits(2000, 300), permitted());
        (exchange, ended)
    };
    assert_maybe_sent(&half(true).0, MaybeSent::Truncated);
    let (exchange, was_reset) = half(false);
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert!(was_reset.recv().unwrap());
}

#[test]
fn a_long_request_and_a_long_answer_pass_through_tls() {
    let authority = authority("127.0.0.1");
    let config = server_config(&authority, &[&TLS12, &TLS13], false);
    let server = Server::start(move |mut socket, _| {
        let mut tls = ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        let request = read_request(&mut stream);
        let body = &request[request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4..];
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() / 8).unwrap();
        stream.write_all(&body[body.len() - body.len() / 8..]).unwrap();
    });
    let body: Vec<u8> = (0..500_000u32).map(|number| number as u8).collect();
    let http = secure(&server, Some(&authority));
    let exchange = http.post("/", [].into_iter(), &body, limits(2000, 2000), permitted());
    assert_eq!(exchange.result.unwrap().body, body[body.len() - body.len() / 8..]);
}

#[test]
fn a_kept_connection_over_which_the_peer_said_goodbye_is_not_used() {
    let authority = authority("127.0.0.1");
    let config = server_config(&authority, &[&TLS13], false);
    let server = Server::start(move |mut socket, number| {
        let mut tls = ServerConnection::new(config.clone()).unwrap();
        read_request(&mut rustls::Stream::new(&mut tls, &mut socket));
        tls.writer().write_all(OK).unwrap();
        if number == 0 {
            tls.send_close_notify();
        }
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        let _ = socket.read(&mut [0]);
    });
    let mut settings = HttpSettings::new(format!("https://{}", server.address));
    settings.ca_pem = Some(authority.pem.clone().into_bytes());
    settings.reuse_connections = true;
    let http = Http::new(settings).unwrap();
    assert_good(&ask(&http));
    assert_good(&ask(&http));
    assert_eq!(server.accepted(), 2);
}

#[test]
fn tls_runs_inside_a_proxys_tunnel() {
    let authority = authority("127.0.0.1");
    let (server, requests) = serving(server_config(&authority, &[&TLS13], false));
    let proxy = tunnelling();
    let mut settings = HttpSettings::new(format!("https://{}", server.address));
    settings.ca_pem = Some(authority.pem.clone().into_bytes());
    settings.proxy = Some(proxy.url());
    let http = Http::new(settings).unwrap();
    assert_good(&ask(&http));
    assert_eq!(requests.recv().unwrap().0, Some(HandshakeKind::Full));
    assert_not_sent(&post(&http, limits(2000, 2000), Arc::new(|| false)), NotSent::PermitLapsed);
    assert_eq!(requests.recv().unwrap(), (Some(HandshakeKind::Resumed), 0));
}
