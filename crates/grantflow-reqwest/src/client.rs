//! How a client of reqwest is made: ring, the system's certificates, the environment's proxies, nothing process-wide.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::native::Proxies;
use grantflow_core::transport::{CONNECT_TIMEOUT, METADATA_CONNECT_TIMEOUT, REQUEST_TIMEOUT};
use grantflow_core::{Error, TransportError, TransportErrorKind};
use reqwest::{Client, ClientBuilder, Proxy, Url, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::ReqwestTransport;
use crate::certificate::{CertificateFiles, ClientCertificate};
use crate::error::because;

/// A client for requests of one's own: rustls with ring, the system's certificates, 5 s to connect, the environment's proxies.
///
/// It follows redirects as reqwest does and puts no limit on a whole request: a download may take its time.
/// [`ReqwestTransport`] has a stricter one of its own.
///
/// # Errors
///
/// [`Error::Transport`] of kind [`Tls`](TransportErrorKind::Tls) if the system has no certificates; [`Error::InvalidInput`] if
/// the environment names a proxy that cannot be used.
///
/// # Example
///
/// ```
/// let client = grantflow_reqwest::client()?;
/// let request = client.get("https://example.com/");
/// # Ok::<(), grantflow_core::Error>(())
/// ```
pub fn client() -> Result<Client, Error> {
    ReqwestTransport::builder().client()
}

/// The settings of a [`ReqwestTransport`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `build`"]
pub struct Builder {
    connect: Duration,
    total: Duration,
    ca_file: Option<PathBuf>,
    certificate: Option<CertificateFiles>,
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

    /// How long a connection may take with its name lookup and TLS handshake; 5 s by default.
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
        self.ca_file = Some(path.as_ref().to_owned());
        self
    }

    /// Shows this client certificate to every server that asks for one ([RFC 8705]): its chain and its key, from PEM files, which may be
    /// one and the same.
    ///
    /// [`AsyncTransport::certificate`](grantflow_core::AsyncTransport::certificate) then says its thumbprint, for what tokens are bound to
    /// ([`CertificateBound`](grantflow_core::CertificateBound)).
    ///
    /// [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705
    pub fn client_certificate(mut self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.certificate = Some(CertificateFiles {
            chain: chain.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
        });
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// Makes a client for requests of one's own, as [`client`](fn@client) does, with these settings: the time to connect, the CA file, the client
    /// certificate, the proxies. The middleware of this crate has to be told of the certificate.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn client(&self) -> Result<Client, Error> {
        let tls = self.tls(self.read_certificate()?)?;
        self.base(tls, self.connect)?.build().map_err(refused)
    }

    fn read_certificate(&self) -> Result<Option<ClientCertificate>, TransportError> {
        self.certificate.as_ref().map(CertificateFiles::read).transpose()
    }

    /// Makes the transport; certificates and the environment's proxies are read now.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] of kind [`Tls`](TransportErrorKind::Tls) if the CA file cannot be read or holds no certificate, if
    /// the client certificate cannot be read or used, or if the system has none; [`Error::InvalidInput`] if the environment names a proxy
    /// that cannot be used.
    pub fn build(self) -> Result<ReqwestTransport, Error> {
        let certificate = self.read_certificate()?;
        let thumbprint = certificate.as_ref().map(|certificate| certificate.thumbprint);
        let tls = self.tls(certificate)?;
        let client = self.safe(tls.clone(), self.connect)?;
        let near = self.safe(tls, self.connect.min(METADATA_CONNECT_TIMEOUT))?;
        Ok(ReqwestTransport::from_safe(client, near, thumbprint, &self))
    }

    /// How long a connection may take.
    pub(crate) fn connect_limit(&self) -> Duration {
        self.connect
    }

    /// How long a request may take.
    pub(crate) fn limit(&self) -> Duration {
        self.total
    }

    /// A client that follows no redirect and reads a body as it comes.
    fn safe(&self, tls: ClientConfig, connect: Duration) -> Result<Client, Error> {
        let client = self
            .base(tls, connect)?
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // Another crate of the program may switch these on: a body is read as it comes.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .build();
        client.map_err(refused)
    }

    fn base(&self, tls: ClientConfig, connect: Duration) -> Result<ClientBuilder, Error> {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .connect_timeout(connect)
            .user_agent(concat!("grantflow-reqwest/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if self.no_proxy {
            return Ok(builder);
        }
        let proxies = Proxies::from_env()?;
        Ok(builder.proxy(Proxy::custom(move |url| proxy(&proxies, url))))
    }

    fn tls(&self, certificate: Option<ClientCertificate>) -> Result<ClientConfig, TransportError> {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = |e| {
            TransportError::new(TransportErrorKind::Tls)
                .before_sending()
                .because(e)
        };
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(tls)?;
        let config = match &self.ca_file {
            Some(path) => config.with_root_certificates(roots(path)?),
            None => config.with_platform_verifier().map_err(tls)?,
        };
        match certificate {
            None => Ok(config.with_no_client_auth()),
            Some(ours) => config.with_client_auth_cert(ours.chain, ours.key).map_err(tls),
        }
    }
}

fn proxy(proxies: &Proxies, url: &Url) -> Option<Url> {
    let uri = url.as_str().parse().ok()?;
    // What parses as the `Uri` that `Proxies` checked parses as a `Url` too.
    proxies.for_uri(&uri)?.expose().parse().ok()
}

fn roots(path: &Path) -> Result<RootCertStore, TransportError> {
    let none = || because(TransportErrorKind::Tls, "the CA file holds no certificate").before_sending();
    let pem = std::fs::read(path).map_err(|e| {
        TransportError::new(TransportErrorKind::Tls)
            .before_sending()
            .because(e)
    })?;
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if added == 0 { Err(none()) } else { Ok(roots) }
}

fn refused(error: reqwest::Error) -> Error {
    crate::error::classify(error).into()
}
