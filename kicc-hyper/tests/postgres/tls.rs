//! TLS to the database: verified, and never silently left out.

use kicc_hyper::journal::PostgresJournal;
use kicc_proto::journal::{AsyncJournal, Expect, Written};
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::{
    Shared,
    rows::{brisk, row},
};

/// The second one is in no certificate.
const ADDRESSES: [&str; 2] = ["127.31.7.9", "127.31.7.10"];

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [shared.trial("tls_is_verified_and_never_left_out_where_it_was_asked_for", tls)].into()
}

/// The certificate of an authority, and a server's with its key.
fn authority() -> [String; 3] {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let server_key = KeyPair::generate().unwrap();
    let server = CertificateParams::new([ADDRESSES[0].to_owned()]).unwrap();
    let server = server.signed_by(&server_key, &Issuer::new(params, key)).unwrap().pem();
    [certificate, server, server_key.serialize_pem()]
}

async fn tls(shared: &Shared) {
    let cluster = Cluster::start(shared.programs.as_ref().unwrap());
    let database = cluster.database();
    let [ca, certificate, key] = authority();
    for (name, pem) in [("server.crt", &certificate), ("server.key", &key)] {
        let path = cluster.data().join(name);
        std::fs::write(&path, pem).unwrap();
        cluster.own(&path);
    }
    cluster.configure(&format!("listen_addresses = '{}'\nssl = on", ADDRESSES.join(",")));
    cluster.stop();
    cluster.run();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &ca).unwrap();
    let address = |host: &str, rest: &str| format!("postgres://kicc@{host}/{database}?{rest}");
    let open = async |address: &str, ca: Option<&str>| {
        let mut settings = brisk();
        settings.ca_pem = ca.map(|pem| pem.as_bytes().to_vec());
        PostgresJournal::open_with(address, settings).await
    };
    let named = format!("sslmode=require&sslrootcert={}", file.display());
    for (address, ca) in
        [(address(ADDRESSES[0], "sslmode=verify-full"), Some(&*ca)), (address(ADDRESSES[0], &named), None)]
    {
        let journal = open(&address, ca).await.unwrap();
        let written = journal.write(&row("N1"), Expect::Absent).await;
        assert!(matches!(written, Ok(Written::Stored | Written::Conflict(_))), "{written:?}");
        let plain = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl \
            JOIN pg_stat_activity USING (pid) WHERE application_name = 'kicc'";
        let seen = cluster.sql(&database, plain);
        assert!(seen.ends_with("|0") && !seen.starts_with("0|"), "{seen}");
        journal.close().await;
    }
    let other = authority();
    let refused = [
        (address(ADDRESSES[0], "sslmode=require"), None),
        (address(ADDRESSES[0], "sslmode=require"), Some(&*other[0])),
        (address(ADDRESSES[1], "sslmode=require"), Some(&*ca)),
    ];
    for (address, ca) in refused {
        assert!(open(&address, ca).await.is_err(), "{address}");
    }
    cluster.configure("ssl = off");
    cluster.stop();
    cluster.run();
    let error = open(&address(ADDRESSES[0], "sslmode=require"), Some(&ca)).await.unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
    open(&address(ADDRESSES[0], "sslmode=disable"), None).await.unwrap().close().await;
}
