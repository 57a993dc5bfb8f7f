//! The client certificate that connections show ([RFC 8705]): a chain and its key from PEM files.
//!
//! [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705

use std::fmt;
use std::path::{Path, PathBuf};

use grantflow_core::{Body, CertificateThumbprint, TransportError, TransportErrorKind};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::error::because;

/// Where it is.
#[derive(Clone, Debug)]
pub(crate) struct CertificateFiles {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// What was read, and fits together.
pub(crate) struct ClientCertificate {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
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
        let key = PrivateKeyDer::from_pem_slice(pem(&self.key)?.as_bytes())
            .map_err(|_| no("the file of the client certificate's key holds none"))?;
        // Found out now, and not by the first server that asks for it.
        let ring = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(chain.clone(), key.clone_key(), &ring)
            .map_err(|_| no("the key is not that of the client certificate, or cannot be used"))?;
        Ok(ClientCertificate {
            chain,
            key,
            thumbprint,
        })
    }
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
