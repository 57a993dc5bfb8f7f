//! The settings of the transport, and what ureq is told by them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::native::Proxies;
use grantflow_core::transport::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};
use grantflow_core::{Error, TransportError, TransportErrorKind};
use ureq::config::Config;
use ureq::tls::{ClientCert, PemItem, RootCerts, TlsConfig, TlsProvider};

use crate::UreqTransport;
use crate::certificate::{CertificateFiles, ClientCertificate};
use crate::error::because;
use crate::transport::Agents;

type ReadRoots = fn(&Path) -> Result<RootCerts, TransportError>;
type ReadCertificate = fn(&CertificateFiles) -> Result<ClientCertificate, TransportError>;

/// The settings of a [`UreqTransport`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `build`"]
pub struct Builder {
    connect: Duration,
    total: Duration,
    // With what reads them, so that a program that names no files has none of it.
    ca_file: Option<(PathBuf, ReadRoots)>,
    certificate: Option<(CertificateFiles, ReadCertificate)>,
    no_proxy: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            total: REQUEST_TIMEOUT,
            ca_file: None,
            certificate: None,
            no_proxy: false,
        }
    }

    /// How long the name lookup and the connection with its TLS handshake may take; 5 s by default.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long a request may take from the call to the last byte of the reply; 30 s by default.
    ///
    /// What has arrived by then is read all the same: a process that was stopped in between must not leave a new token unread.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.total = limit;
        self
    }

    /// Trusts the certificates of this PEM file, and no others.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_file = Some((path.as_ref().to_owned(), roots));
        self
    }

    /// Shows this client certificate to every server that asks for one ([RFC 8705]): its chain and its key, from PEM files, which may be
    /// one and the same.
    ///
    /// [`Transport::certificate`](grantflow_core::Transport::certificate) then says its thumbprint, for what tokens are bound to
    /// ([`CertificateBound`](grantflow_core::CertificateBound)).
    ///
    /// [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705
    pub fn client_certificate(mut self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let files = CertificateFiles {
            chain: chain.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
        };
        self.certificate = Some((files, CertificateFiles::read));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// Makes the transport; the CA file and the client certificate are read now.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] of kind [`Tls`](TransportErrorKind::Tls) if the CA file cannot be read or holds no certificate, or the
    /// client certificate cannot be read or used; [`Error::InvalidInput`] if the environment names a proxy that cannot be used.
    pub fn build(self) -> Result<UreqTransport, Error> {
        let roots = match &self.ca_file {
            Some((path, read)) => read(path)?,
            None => RootCerts::PlatformVerifier,
        };
        let proxies = if self.no_proxy {
            Proxies::none()
        } else {
            Proxies::from_env()?
        };
        let certificate = self
            .certificate
            .as_ref()
            .map(|(files, read)| read(files))
            .transpose()?;
        Ok(UreqTransport::with(Agents::new(
            self,
            roots,
            certificate,
            proxies,
        )))
    }

    /// How long a request may take.
    pub(crate) fn limit(&self) -> Duration {
        self.total
    }

    /// How long a connection may take.
    pub(crate) fn connect_limit(&self) -> Duration {
        self.connect
    }

    /// What ureq is told.
    pub(crate) fn config(
        &self,
        roots: &RootCerts,
        certificate: Option<&ClientCert>,
        proxy: Option<ureq::Proxy>,
    ) -> Config {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(ring)
            .root_certs(roots.clone())
            .client_cert(certificate.cloned())
            .build();
        Config::builder()
            .tls_config(tls)
            .proxy(proxy)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .allow_non_standard_methods(true)
            // Another crate of the program may switch ureq's decompression on: nothing is asked for that would need it.
            .accept_encoding("identity")
            .user_agent(concat!("grantflow-ureq/", env!("CARGO_PKG_VERSION")))
            .build()
    }
}

fn roots(path: &Path) -> Result<RootCerts, TransportError> {
    let pem = std::fs::read(path).map_err(|e| {
        TransportError::new(TransportErrorKind::Tls)
            .before_sending()
            .because(e)
    })?;
    let items = ureq::tls::parse_pem(&pem).filter_map(Result::ok);
    let certificates = items.filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        return Err(because(TransportErrorKind::Tls, "the CA file holds no certificate").before_sending());
    }
    Ok(RootCerts::from(certificates))
}
