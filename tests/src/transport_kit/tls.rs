//! The same line between *never sent* and *maybe sent*, with TLS below it.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    HandshakeKind, RootCertStore, ServerConfig, ServerConnection, Stream, SupportedProtocolVersion,
};

use super::answers::{assert_echoed, echo};
use super::server::{OK, Peer, read_request};
use super::*;

/// An authority, and a server's certificate by it.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn authority(server_name: &str) -> Authority {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new([server_name.to_owned()]).expect("a name");
    let server = server.signed_by(&server_key, &issuer).expect("a certificate");
    Authority {
        pem: certificate.pem(),
        der: certificate.der().clone(),
        chain: vec![server.der().clone()],
        key: PrivateKeyDer::try_from(server_key.serialize_der()).expect("a key"),
    }
}

fn server_config(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    asks_for_certificate: bool,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).expect("an authority");
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(versions).expect("versions");
    let builder = if asks_for_certificate {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().expect("an authority"))
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(authority.chain.clone(), authority.key.clone_key());
    Arc::new(config.expect("a certificate and its key"))
}

/// Hands over each request with the connection that it came on.
fn over_tls(
    config: Arc<ServerConfig>,
    serve: impl Fn(&[u8], &mut ServerConnection, &mut Peer) + Send + Sync + 'static,
) -> Server {
    Server::start(move |mut peer| {
        let mut tls = ServerConnection::new(config.clone()).expect("a configuration");
        let request = read_request(&mut Stream::new(&mut tls, &mut peer.stream));
        peer.count(&request);
        serve(&request, &mut tls, &mut peer);
    })
}

/// Answers each request, and tells the kind of handshake and the bytes of the request.
fn serving(config: Arc<ServerConfig>) -> (Server, mpsc::Receiver<(Option<HandshakeKind>, usize)>) {
    let (seen, requests) = mpsc::channel();
    let server = over_tls(config, move |request, tls, peer| {
        if !request.is_empty() {
            let _ = Stream::new(tls, &mut peer.stream).write_all(OK);
        }
        let _ = seen.send((tls.handshake_kind(), request.len()));
    });
    (server, requests)
}

fn secure(server: &Server, ca: Option<&Authority>) -> HttpSettings {
    let mut settings = HttpSettings::new(format!("https://{}", server.address));
    settings.ca_pem = ca.map(|authority| authority.pem.clone().into_bytes());
    settings
}

pub fn a_server_of_a_given_authority_is_trusted_and_sessions_are_resumed(
    adapter: &dyn Adapter,
) -> Option<String> {
    let authority = authority("127.0.0.1");
    for version in [&TLS12, &TLS13] {
        let (server, requests) = serving(server_config(&authority, &[version], false));
        let transport = adapter.open(&secure(&server, Some(&authority)))?;
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            assert_good(&ask(&*transport));
            assert_eq!(requests.recv().expect("a request").0, Some(kind));
        }
        assert_eq!(server.accepted(), 3);
    }
    Some("TLS 1.2, TLS 1.3; resumed".into())
}

pub fn an_untrusted_server_or_another_name_is_never_sent(adapter: &dyn Adapter) -> Option<String> {
    let (mine, stranger, misnamed) = (authority("127.0.0.1"), authority("127.0.0.1"), authority("gw.test"));
    let mut found = String::new();
    for (server_of, ca) in [(&stranger, Some(&mine)), (&mine, None), (&misnamed, Some(&misnamed))] {
        let (server, requests) = serving(server_config(server_of, &[&TLS12, &TLS13], false));
        let exchange = ask(&*adapter.open(&secure(&server, ca))?);
        assert_not_sent(&exchange, NotSent::Tls);
        assert_eq!(requests.recv().expect("a connection").1, 0);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r4_a_handshake_that_breaks_is_never_sent_though_the_errors_are_those_of_a_broken_answer(
    adapter: &dyn Adapter,
) -> Option<String> {
    let plain = Server::start(|mut peer| {
        let _ = peer.stream.read(&mut [0; 1024]);
        peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let resetting = Server::start(|mut peer| {
        let _ = peer.stream.read(&mut [0]);
        peer.reset();
    });
    let closing = Server::start(|mut peer| {
        let _ = peer.stream.read(&mut [0; 1024]);
    });
    let mut found = String::new();
    for server in [plain, resetting, closing] {
        let exchange = ask(&*adapter.open(&secure(&server, None))?);
        assert_not_sent(&exchange, NotSent::Tls);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r4_send_by_ends_a_handshake_that_stalls_or_drips(adapter: &dyn Adapter) -> Option<String> {
    let stalling =
        Server::start(|mut peer| while peer.stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {});
    // The head of a handshake record that never ends.
    let record = [&[22, 3, 3, 0x3f, 0xff][..], &[0; 200]].concat();
    let dripping = Server::start(move |mut peer| peer.drip(&record, Duration::from_millis(20)));
    let mut found = String::new();
    for server in [stalling, dripping] {
        let transport = adapter.open(&secure(&server, None))?;
        let began = Instant::now();
        let exchange = post(&*transport, limits(200, 2000), permitted());
        took(began, 150, 700);
        assert_not_sent(&exchange, NotSent::Tls);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r4_the_permission_is_asked_after_the_handshake(adapter: &dyn Adapter) -> Option<String> {
    let authority = authority("127.0.0.1");
    let (server, requests) = serving(server_config(&authority, &[&TLS13], false));
    let transport = adapter.open(&secure(&server, Some(&authority)))?;
    let exchange = post(&*transport, limits(2000, 2000), refused());
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!(requests.recv(), Ok((Some(HandshakeKind::Full), 0)));
    Some(seen(&exchange, &server))
}

pub fn a_missing_client_certificate_is_at_most_maybe_sent_in_tls_13_and_never_sent_in_tls_12(
    adapter: &dyn Adapter,
) -> Option<String> {
    let authority = authority("127.0.0.1");
    let (newer, _requests) = serving(server_config(&authority, &[&TLS13], true));
    // It says so after the handshake; never sent only where the transport read that in time.
    let result = ask(&*adapter.open(&secure(&newer, Some(&authority)))?).result;
    let in_time = Failure::NotSent(NotSent::Connect);
    assert!(
        result.as_ref().is_err_and(|why| matches!(why, Failure::MaybeSent(_)) || *why == in_time),
        "{result:?}"
    );
    let (older, _requests) = serving(server_config(&authority, &[&TLS12], true));
    assert_not_sent(&ask(&*adapter.open(&secure(&older, Some(&authority)))?), NotSent::Tls);
    Some("at most maybe sent; never sent: tls".into())
}

/// Reads a request, sends all but two bytes of the answer, and then closes or waits for the client to.
fn half(config: Arc<ServerConfig>, closes: bool) -> (Server, mpsc::Receiver<bool>) {
    let (end, was_reset) = mpsc::channel();
    let server = over_tls(config, move |_, tls, peer| {
        let _ = Stream::new(tls, &mut peer.stream).write_all(&OK[..OK.len() - 2]);
        if !closes {
            let _ = end.send(peer.is_reset());
        }
    });
    (server, was_reset)
}

pub fn r7_an_answer_that_is_cut_above_tls_is_maybe_sent(adapter: &dyn Adapter) -> Option<String> {
    let authority = authority("127.0.0.1");
    let (server, _) = half(server_config(&authority, &[&TLS13], false), true);
    let exchange = ask(&*adapter.open(&secure(&server, Some(&authority)))?);
    assert_maybe_sent(&exchange, MaybeSent::Truncated);
    Some(seen(&exchange, &server))
}

pub fn r13a_giving_up_resets_a_money_connection_below_tls_too(adapter: &dyn Adapter) -> Option<String> {
    let authority = authority("127.0.0.1");
    let (server, was_reset) = half(server_config(&authority, &[&TLS13], false), false);
    let transport = adapter.open(&secure(&server, Some(&authority)))?;
    let exchange = post(&*transport, limits(2000, 300), permitted());
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert_eq!(was_reset.recv_timeout(Duration::from_secs(2)), Ok(true));
    Some(seen(&exchange, &server))
}

pub fn a_long_request_and_a_long_answer_pass_through_tls(adapter: &dyn Adapter) -> Option<String> {
    let authority = authority("127.0.0.1");
    let server = over_tls(server_config(&authority, &[&TLS12, &TLS13], false), |request, tls, peer| {
        let _ = Stream::new(tls, &mut peer.stream).write_all(&echo(request));
    });
    let exchange = assert_echoed(&*adapter.open(&secure(&server, Some(&authority)))?);
    Some(seen(&exchange, &server))
}

pub fn a_kept_connection_over_which_the_peer_said_goodbye_is_not_used(
    adapter: &dyn Adapter,
) -> Option<String> {
    let authority = authority("127.0.0.1");
    let (said, goodbye) = mpsc::channel();
    let server = over_tls(server_config(&authority, &[&TLS13], false), move |_, tls, peer| {
        let _ = tls.writer().write_all(OK);
        if peer.number == 0 {
            tls.send_close_notify();
        }
        while tls.wants_write() && tls.write_tls(&mut peer.stream).is_ok() {}
        let _ = said.send(());
        let _ = peer.stream.read(&mut [0]);
    });
    let mut settings = secure(&server, Some(&authority));
    settings.reuse_connections = true;
    let transport = adapter.open(&settings)?;
    assert_good(&ask(&*transport));
    goodbye.recv().expect("it was written");
    thread::sleep(Duration::from_millis(5));
    assert_good(&ask(&*transport));
    assert_eq!(server.accepted(), 2);
    Some("2 requests, 2 connections".into())
}

pub fn tls_runs_inside_a_proxys_tunnel(adapter: &dyn Adapter) -> Option<String> {
    let authority = authority("127.0.0.1");
    let (server, requests) = serving(server_config(&authority, &[&TLS13], false));
    let proxy = Server::tunnelling();
    let mut settings = secure(&server, Some(&authority));
    settings.proxy = Some(proxy.url());
    let transport = adapter.open(&settings)?;
    let exchange = ask(&*transport);
    assert_good(&exchange);
    assert_eq!(requests.recv().expect("a request").0, Some(HandshakeKind::Full));
    assert_not_sent(&post(&*transport, limits(2000, 2000), refused()), NotSent::PermitLapsed);
    assert_eq!(requests.recv(), Ok((Some(HandshakeKind::Resumed), 0)));
    Some(seen(&exchange, &server))
}
