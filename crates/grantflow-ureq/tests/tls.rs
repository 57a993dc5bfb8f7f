//! T44: certificates that are expired, for another host or self-signed are refused before a byte of the request leaves.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::error::Error as StdError;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use grantflow_core::{Body, Error, Request, Transport, TransportError, TransportErrorKind};
use grantflow_ureq::UreqTransport;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

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
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
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
