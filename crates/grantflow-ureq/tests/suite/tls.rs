//! T44: certificates that are expired, for another host or self-signed are refused before a byte of the request leaves; and
//! certificates of our own (RFC 8705) are shown, by the key that is theirs.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::error::Error as StdError;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use grantflow_core::{
    Body, CertificateThumbprint, Error, Request, Transport, TransportError, TransportErrorKind,
};
use grantflow_ureq::UreqTransport;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A certificate authority, as a file and as what signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    fn serves(&self, params: &CertificateParams) -> Server {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Server::start(certificate, &key)
    }

    /// A server that speaks to nobody but those with a certificate of `clients`.
    fn serves_clients_of(&self, clients: &Self) -> Server {
        let key = KeyPair::generate().unwrap();
        let certificate = for_loopback().signed_by(&key, &self.issuer).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(clients.issuer.der().clone()).unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), ring);
        Server::start_asking(certificate, &key, Some(verifier.build().unwrap()))
    }

    /// A certificate of a client and its key, as files.
    fn client(&self, name: &str) -> (PathBuf, PathBuf, rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let place = |what| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{what}.pem"));
        std::fs::write(place("chain"), certificate.pem()).unwrap();
        std::fs::write(place("key"), key.serialize_pem()).unwrap();
        (place("chain"), place("key"), certificate, key)
    }

    fn trusted(&self) -> UreqTransport {
        UreqTransport::builder()
            .ca_file(&self.file)
            .no_proxy()
            .build()
            .unwrap()
    }
}

/// Answers `ok` over TLS, and counts the bytes of requests that it could read.
struct Server {
    address: SocketAddr,
    bytes: Arc<AtomicUsize>,
}

impl Server {
    fn start(certificate: rcgen::Certificate, key: &KeyPair) -> Self {
        Self::start_asking(certificate, key, None)
    }

    fn start_asking(
        certificate: rcgen::Certificate,
        key: &KeyPair,
        asks: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Self {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(asks.unwrap_or_else(|| Arc::new(NoClientAuth)))
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            );
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(session, stream);
                let read = stream.read(&mut [0; 4096]).unwrap_or(0);
                counted.fetch_add(read, Ordering::SeqCst);
                drop(
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
                );
            }
        });
        Self { address, bytes }
    }

    fn ask(&self, transport: &UreqTransport) -> Result<String, TransportError> {
        let request = Request::new(Body::empty());
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("https://{}/", self.address).parse().unwrap();
        let reply = transport.send(Request::from_parts(parts, body))?;
        Ok(String::from_utf8(reply.into_body().into_bytes()).unwrap())
    }

    #[track_caller]
    fn is_refused(&self, transport: &UreqTransport, because: &str) {
        let error = self.ask(transport).unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Tls);
        assert!(!error.request_left());
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains(because), "{cause}");
        assert_eq!(self.bytes.load(Ordering::SeqCst), 0);
    }
}

fn for_loopback() -> CertificateParams {
    CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap()
}

#[test]
fn t44_a_certificate_of_the_ca_file_is_accepted() {
    let authority = Authority::new("accepted");
    let server = authority.serves(&for_loopback());
    assert_eq!(server.ask(&authority.trusted()).unwrap(), "ok");
}

#[test]
fn t44_an_expired_certificate_is_refused() {
    let authority = Authority::new("expired");
    let mut params = for_loopback();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2001, 1, 1);
    authority
        .serves(&params)
        .is_refused(&authority.trusted(), "expired");
}

#[test]
fn t44_a_certificate_for_another_host_is_refused() {
    let authority = Authority::new("other-host");
    let params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    authority
        .serves(&params)
        .is_refused(&authority.trusted(), "not valid for");
}

#[test]
fn t44_a_self_signed_certificate_is_refused() {
    let authority = Authority::new("self-signed");
    let key = KeyPair::generate().unwrap();
    let server = Server::start(for_loopback().self_signed(&key).unwrap(), &key);
    server.is_refused(&authority.trusted(), "UnknownIssuer");
}

#[test]
fn t44_a_private_authority_is_not_trusted_by_default() {
    let authority = Authority::new("private");
    let server = authority.serves(&for_loopback());
    server.is_refused(
        &UreqTransport::builder().no_proxy().build().unwrap(),
        "UnknownIssuer",
    );
}

#[test]
fn t44_a_ca_file_replaces_the_system_and_a_useless_one_is_an_error() {
    let empty = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [empty, PathBuf::from("/nonexistent/ca.pem")] {
        let error = UreqTransport::builder().ca_file(file).build().unwrap_err();
        let Error::Transport(error) = error else {
            panic!("{error}");
        };
        assert_eq!(error.kind(), TransportErrorKind::Tls);
        assert!(!error.request_left() && error.source().is_some());
    }
    // Another authority's file does not fall back to anything.
    let server = Authority::new("one").serves(&for_loopback());
    server.is_refused(&Authority::new("another").trusted(), "UnknownIssuer");
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks_and_no_other_will_do() {
    let authority = Authority::new("asking");
    let clients = Authority::new("clients");
    let server = authority.serves_clients_of(&clients);
    let (chain, key, certificate, _) = clients.client("ours");
    let with = |chain: &PathBuf, key: &PathBuf| {
        UreqTransport::builder()
            .ca_file(&authority.file)
            .client_certificate(chain, key)
            .no_proxy()
            .build()
    };
    let ours = with(&chain, &key).unwrap();
    assert_eq!(server.ask(&ours).unwrap(), "ok");
    assert_eq!(
        ours.certificate(),
        Some(CertificateThumbprint::of(certificate.der()))
    );
    // One file may have both.
    let both = chain.with_file_name("both.pem");
    let text = std::fs::read_to_string(&key).unwrap() + &std::fs::read_to_string(&chain).unwrap();
    std::fs::write(&both, text).unwrap();
    assert_eq!(server.ask(&with(&both, &both).unwrap()).unwrap(), "ok");

    let before = server.bytes.load(Ordering::SeqCst);
    let none = authority.trusted();
    assert_eq!(none.certificate(), None);
    let (chain, key, ..) = Authority::new("strangers").client("strange");
    for other in [none, with(&chain, &key).unwrap()] {
        assert!(server.ask(&other).is_err());
    }
    assert_eq!(server.bytes.load(Ordering::SeqCst), before);
}

/// It is found out when the transport is made, and not by the first server that asks.
#[test]
fn t59_a_client_certificate_that_cannot_be_used_is_an_error_and_its_key_is_never_printed() {
    let authority = Authority::new("printed");
    let (chain, key, _, secret) = authority.client("one");
    let (_, other_key, ..) = authority.client("two");
    let empty = chain.with_file_name("no-key.pem");
    std::fs::write(&empty, "no key").unwrap();
    let broken = chain.with_file_name("broken-key.pem");
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&broken, text.replacen("MI", "M!", 1)).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = secret.serialize_der();
    let list = format!("{:?}", &der[der.len() - 12..]);
    let forms = [lines[0], list.trim_matches(['[', ']'])];
    let is_free_of_the_key = |printed: &str| forms.iter().all(|form| !printed.contains(form));
    for (chain, key) in [
        (&chain, &other_key),
        (&chain, &empty),
        (&chain, &broken),
        (&empty, &key),
        (&chain, &PathBuf::from("/nonexistent/key.pem")),
    ] {
        let builder = UreqTransport::builder().client_certificate(chain, key).no_proxy();
        assert!(is_free_of_the_key(&format!("{builder:?}")));
        let error = builder.build().unwrap_err();
        assert!(is_free_of_the_key(&format!("{error:?} {error:#?}")));
        let Error::Transport(error) = error else {
            panic!("{error}");
        };
        assert_eq!(error.kind(), TransportErrorKind::Tls);
        assert!(!error.request_left() && error.source().is_some());
    }
    let transport = UreqTransport::builder()
        .ca_file(&authority.file)
        .client_certificate(&chain, &key)
        .no_proxy()
        .build()
        .unwrap();
    let printed = format!("{transport:?} {transport:#?}");
    assert!(is_free_of_the_key(&printed), "{printed}");
}
