//! The transport: requests of the core through a ureq agent, and back.

use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantflow_core::native::{self, Proxies};
use grantflow_core::transport::{MAX_BODY, TimeLimit};
use grantflow_core::{
    Body, CertificateThumbprint, Error, Request, Response, Secret, Transport, TransportError,
    TransportErrorKind,
};
use ureq::http::{Method, Uri};
use ureq::tls::{ClientCert, RootCerts};
use ureq::{Agent, AsSendBody};

use crate::Builder;
use crate::certificate::ClientCertificate;
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
pub struct UreqTransport(Arc<Agents>);

#[derive(Debug)]
pub(crate) struct Agents {
    config: Builder,
    roots: RootCerts,
    certificate: Option<ClientCert>,
    thumbprint: Option<CertificateThumbprint>,
    proxies: Proxies,
    direct: Agent,
    // One agent for each scheme's proxy, made when first needed: an agent loads its certificates once.
    https: OnceLock<Agent>,
    http: OnceLock<Agent>,
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
        Builder::new()
    }

    pub(crate) fn with(agents: Agents) -> Self {
        Self(Arc::new(agents))
    }
}

impl Agents {
    pub(crate) fn new(
        config: Builder,
        roots: RootCerts,
        certificate: Option<ClientCertificate>,
        proxies: Proxies,
    ) -> Self {
        let thumbprint = certificate.as_ref().map(|certificate| certificate.thumbprint);
        let certificate = certificate.map(|certificate| certificate.shown);
        let direct = config.config(&roots, certificate.as_ref(), None);
        Self {
            direct: connect::agent(direct, config.limit()),
            https: OnceLock::new(),
            http: OnceLock::new(),
            config,
            roots,
            certificate,
            thumbprint,
            proxies,
        }
    }

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

    /// Less than the usual time, for what is near or for a flow that says so.
    fn limits(&self, request: &Request) -> Limits {
        let usual = self.config.connect_limit();
        let connect = native::connect_timeout(request.uri(), usual);
        let total = TimeLimit::of(request, self.config.limit());
        let total = (total < self.config.limit()).then_some(total);
        if connect == usual && total.is_none() {
            return Limits::Usual;
        }
        Limits::Less { connect, total }
    }

    fn proxied(&self, proxy: &Secret) -> Result<Agent, TransportError> {
        let proxy = ureq::Proxy::new(proxy.expose()).map_err(|e| classify(e).before_sending())?;
        let limit = self.config.limit();
        let config = self
            .config
            .config(&self.roots, self.certificate.as_ref(), Some(proxy));
        Ok(connect::agent(config, limit))
    }
}

/// How long a request may take.
#[derive(Clone, Copy)]
enum Limits {
    /// As long as the agent has it.
    Usual,
    Less {
        connect: Duration,
        total: Option<Duration>,
    },
}

impl Transport for UreqTransport {
    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.0.thumbprint
    }

    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let agent = self.0.agent(request.uri())?;
        let limits = self.0.limits(&request);
        let (parts, body) = request.into_parts();
        let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        if body.is_empty() && !takes_body {
            exchange(agent, ureq::http::Request::from_parts(parts, ()), limits)
        } else {
            exchange(
                agent,
                ureq::http::Request::from_parts(parts, body.as_bytes()),
                limits,
            )
        }
    }
}

fn exchange(
    agent: &Agent,
    request: ureq::http::Request<impl AsSendBody>,
    limits: Limits,
) -> Result<Response, TransportError> {
    let request = match limits {
        Limits::Usual => request,
        Limits::Less { connect, total } => {
            let request = agent.configure_request(request);
            let request = request
                .timeout_resolve(Some(connect))
                .timeout_connect(Some(connect));
            request.timeout_global(total).build()
        }
    };
    whole(agent.run(request).map_err(classify)?)
}

/// Reads the reply to its end.
fn whole(reply: ureq::http::Response<ureq::Body>) -> Result<Response, TransportError> {
    let (mut parts, body) = reply.into_parts();
    parts.extensions.clear();
    let too_large = || because(TransportErrorKind::Other, "the reply is larger than 1 MiB");
    let cap = MAX_BODY as u64;
    let length = body.content_length().unwrap_or(0);
    if length > cap {
        return Err(too_large());
    }
    // Room for all of it, so that a text that grows leaves no copies of a token behind.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    let read = body.into_reader().take(cap + 1).read_to_end(&mut bytes);
    let body = Body::from(bytes);
    read.map_err(|error| classify(error.into()))?;
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    Ok(Response::from_parts(parts, body))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t42_a_metadata_server_has_three_seconds_to_be_connected_to() {
        let transport = UreqTransport::builder().no_proxy().build().unwrap();
        let limits = |uri: &str| {
            let request = ureq::http::Request::get(uri).body(Body::empty()).unwrap();
            transport.0.limits(&request)
        };
        for near in ["http://169.254.169.254/", "http://metadata.google.internal/"] {
            let Limits::Less { connect, total } = limits(near) else {
                panic!("{near}")
            };
            assert_eq!((connect.as_secs(), total), (3, None));
        }
        assert!(matches!(
            limits("https://oauth2.googleapis.com/token"),
            Limits::Usual
        ));
    }
}
