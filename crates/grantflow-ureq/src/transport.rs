//! The transport: requests of the core through a ureq agent, and back.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantflow_core::native::Proxies;
use grantflow_core::transport::{CONNECT_TIMEOUT, MAX_BODY, REQUEST_TIMEOUT};
use grantflow_core::{Body, Error, Request, Response, Secret, Transport, TransportError, TransportErrorKind};
use ureq::config::Config;
use ureq::http::{Method, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, AsSendBody};

use crate::connect;
use crate::error::{because, classify};

/// Sends the requests of a flow through [ureq](https://docs.rs/ureq).
///
/// Certificates are checked by the operating system's verifier, or against a CA file. The environment's proxies are read when
/// the transport is made ([`Proxies`]). Clones share the connections that are kept alive; a request on one that turns out to be
/// closed fails, it is not sent again.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_ureq::UreqTransport;
///
/// let transport = UreqTransport::builder().request_timeout(Duration::from_secs(10)).build()?;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UreqTransport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Builder,
    roots: RootCerts,
    proxies: Proxies,
    direct: Agent,
    // One agent for each scheme's proxy, made when first needed: an agent loads its certificates once.
    https: OnceLock<Agent>,
    http: OnceLock<Agent>,
}

/// The settings of a [`UreqTransport`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `build`"]
pub struct Builder {
    connect: Duration,
    total: Duration,
    ca_file: Option<PathBuf>,
    no_proxy: bool,
}

impl UreqTransport {
    /// A transport with the defaults: 5 s to connect, 30 s in all, the system's certificates, the environment's proxies.
    ///
    /// # Errors
    ///
    /// See [`Builder::build`].
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// The defaults, to be changed.
    pub fn builder() -> Builder {
        Builder {
            connect: CONNECT_TIMEOUT,
            total: REQUEST_TIMEOUT,
            ca_file: None,
            no_proxy: false,
        }
    }
}

impl Builder {
    /// How long a name lookup may take, and then the connection with its TLS handshake; 5 s by default.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long a request may take from the call to the last byte of the reply; 30 s by default.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.total = limit;
        self
    }

    /// Trusts the certificates of this PEM file, and no others.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_file = Some(path.as_ref().to_owned());
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// Makes the transport; the CA file is read now.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] of kind [`Tls`](TransportErrorKind::Tls) if the CA file cannot be read or holds no certificate;
    /// [`Error::InvalidInput`] if the environment names a proxy that cannot be used.
    pub fn build(self) -> Result<UreqTransport, Error> {
        let roots = match &self.ca_file {
            Some(path) => roots(path)?,
            None => RootCerts::PlatformVerifier,
        };
        let proxies = if self.no_proxy {
            Proxies::none()
        } else {
            Proxies::from_env()?
        };
        Ok(UreqTransport(Arc::new(Inner {
            direct: connect::agent(self.config(&roots, None)),
            https: OnceLock::new(),
            http: OnceLock::new(),
            config: self,
            roots,
            proxies,
        })))
    }

    fn config(&self, roots: &RootCerts, proxy: Option<ureq::Proxy>) -> Config {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(ring)
            .root_certs(roots.clone())
            .build();
        Config::builder()
            .tls_config(tls)
            .proxy(proxy)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .timeout_global(Some(self.total))
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

impl Inner {
    fn agent(&self, uri: &Uri) -> Result<&Agent, TransportError> {
        let Some(proxy) = self.proxies.for_uri(uri) else {
            return Ok(&self.direct);
        };
        let slot = match uri.scheme_str() {
            Some("https") => &self.https,
            _ => &self.http,
        };
        if let Some(agent) = slot.get() {
            return Ok(agent);
        }
        let agent = self.proxied(proxy)?;
        Ok(slot.get_or_init(|| agent))
    }

    fn proxied(&self, proxy: &Secret) -> Result<Agent, TransportError> {
        let proxy = ureq::Proxy::new(proxy.expose()).map_err(|e| classify(e).before_sending())?;
        Ok(connect::agent(self.config.config(&self.roots, Some(proxy))))
    }
}

impl Transport for UreqTransport {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let agent = self.0.agent(request.uri())?;
        let (parts, body) = request.into_parts();
        let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        if body.is_empty() && !takes_body {
            exchange(agent, ureq::http::Request::from_parts(parts, ()))
        } else {
            exchange(agent, ureq::http::Request::from_parts(parts, body.as_bytes()))
        }
    }
}

fn exchange(
    agent: &Agent,
    request: ureq::http::Request<impl AsSendBody>,
) -> Result<Response, TransportError> {
    let (mut parts, body) = agent.run(request).map_err(classify)?.into_parts();
    parts.extensions.clear();
    let too_large = || because(TransportErrorKind::Other, "the reply is larger than 1 MiB");
    let cap = MAX_BODY as u64;
    if body.content_length().is_some_and(|length| length > cap) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let read = body.into_reader().take(cap + 1).read_to_end(&mut bytes);
    let body = Body::from(bytes);
    read.map_err(|error| classify(error.into()))?;
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    Ok(Response::from_parts(parts, body))
}
