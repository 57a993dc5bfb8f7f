//! The client certificate that connections show ([RFC 8705]): a chain and its key from PEM files.
//!
//! [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705

use std::fmt;
use std::path::{Path, PathBuf};

use grantflow_core::{Body, CertificateThumbprint, TransportError, TransportErrorKind};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey};

use crate::error::because;

/// Where it is.
#[derive(Clone, Debug)]
pub(crate) struct CertificateFiles {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// What was read, and fits together.
pub(crate) struct ClientCertificate {
    pub(crate) shown: ClientCert,
    pub(crate) thumbprint: CertificateThumbprint,
}

impl CertificateFiles {
    pub(crate) fn read(&self) -> Result<ClientCertificate, TransportError> {
        let chain = CertificateDer::pem_slice_iter(pem(&self.chain)?.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| no("the file of the client certificate cannot be read as PEM"))?;
        let own = chain
            .first()
            .ok_or_else(|| no("the file of the client certificate holds none"))?;
        let thumbprint = CertificateThumbprint::of(own);
        // The error of the parser may show bytes of the key.
        let no_key = || no("the file of the client certificate's key holds none");
        let pem = pem(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| no_key())?;
        // Found out now, and not by the first server that asks for it.
        let ring = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(chain.clone(), key, &ring)
            .map_err(|_| no("the key is not that of the client certificate, or cannot be used"))?;
        let chain: Vec<_> = chain
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let key = PrivateKey::from_pem(pem.as_bytes()).map_err(|_| no_key())?;
        Ok(ClientCertificate {
            shown: ClientCert::new_with_certs(&chain, key),
            thumbprint,
        })
    }
}

/// The thumbprint of the certificate that an agent shows, where it shows one.
pub(crate) fn shown_by(agent: &ureq::Agent) -> Option<CertificateThumbprint> {
    let own = agent.config().tls_config().client_cert()?.certs().first()?;
    Some(CertificateThumbprint::of(own.der()))
}

/// Says nothing of the key.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCertificate")
            .field(&self.thumbprint)
            .finish()
    }
}

/// The text of a file, in what is cleared when it is dropped.
fn pem(path: &Path) -> Result<Body, TransportError> {
    let read = std::fs::read(path).map(Body::from);
    read.map_err(|error| {
        TransportError::new(TransportErrorKind::Tls)
            .before_sending()
            .because(error)
    })
}

fn no(problem: &'static str) -> TransportError {
    because(TransportErrorKind::Tls, problem).before_sending()
}
