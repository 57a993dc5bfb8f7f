//! The transport: requests of the core through a reqwest client, and back.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantflow_core::native::connect_timeout;
use grantflow_core::transport::{MAX_BODY, Task, TimeLimit};
use grantflow_core::{
    AsyncTransport, Body, CertificateThumbprint, Error, Request, Response, TransportError, TransportErrorKind,
};
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use reqwest::{Client, Method};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::Builder;
use crate::error::{because, classify};

/// Sends the requests of a flow through [reqwest](https://docs.rs/reqwest), on a tokio runtime.
///
/// It has a client of its own, since no client that was made elsewhere can be kept from following redirects or decompressing.
/// Certificates are checked by the operating system's verifier, or against a CA file. The environment's proxies are read when
/// the transport is made ([`Proxies`](grantflow_core::native::Proxies)). Clones share the connections that are kept alive; a
/// request that was written to one that turns out to be closed fails, it is not sent again. Dropping the future of a request
/// closes its connection.
///
/// There is one reply whose end is not bounded by the limit in time: interim replies (RFC 9110 section 15.2) that come as fast as they
/// are read. hyper reads them without giving the runtime's timer its turn, for as long as they come in one go; they take no memory.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use grantflow_reqwest::ReqwestTransport;
///
/// let transport = ReqwestTransport::builder().request_timeout(Duration::from_secs(10)).build()?;
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: Client,
    /// For what is on the link of this machine: it has less time to be connected to, which reqwest has for a client, not a request.
    near: Client,
    limit: Duration,
    connect: Duration,
    certificate: Option<CertificateThumbprint>,
}

impl ReqwestTransport {
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

    fn client(&self, request: &Request) -> &Client {
        if connect_timeout(request.uri(), self.connect) < self.connect {
            &self.near
        } else {
            &self.client
        }
    }

    /// The clients have no limit of their own for a whole request.
    pub(crate) fn from_safe(
        client: Client,
        near: Client,
        certificate: Option<CertificateThumbprint>,
        settings: &Builder,
    ) -> Self {
        Self {
            client,
            near,
            limit: settings.limit(),
            connect: settings.connect_limit(),
            certificate,
        }
    }
}

#[async_trait]
impl AsyncTransport for ReqwestTransport {
    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.certificate
    }

    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        if Handle::try_current().is_err() {
            return Err(because(TransportErrorKind::Other, "reqwest needs a tokio runtime").before_sending());
        }
        if request.body().is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(request.method())
        {
            // RFC 9110 section 8.6: "A user agent SHOULD send Content-Length in a request when the method defines a meaning for
            // enclosed content"; reqwest leaves a zero out, and some servers then answer 411.
            let headers = request.headers_mut();
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let limit = TimeLimit::of(&request, self.limit);
        let client = self.client(&request);
        let request = request.map(|body| reqwest::Body::from(Bytes::from_owner(Sent(body))));
        let request = reqwest::Request::try_from(request).map_err(classify)?;
        within(limit, async {
            let reply = client.execute(request).await.map_err(classify)?;
            whole(reply).await
        })
        .await
    }

    async fn sleep(&self, pause: Duration) {
        match Handle::try_current() {
            Ok(_) => tokio::time::sleep(pause).await,
            Err(_) => grantflow_core::native::sleep_async(pause).await,
        }
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        match Handle::try_current() {
            Ok(runtime) => {
                drop(runtime.spawn(task));
                Ok(())
            }
            Err(_) => Err(task),
        }
    }
}

/// A body on its way: its bytes are cleared when reqwest lets go of them, and are not copied.
struct Sent(Body);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Ends an exchange when its time is up, but reads what has arrived: a process that was stopped, or whose machine was, goes on with its
/// time used up and the reply in its socket. In that reply may be the one refresh token that is good, since the server has spent the
/// one before it (RFC 9700 section 4.14.2). reqwest's own limit would look at the clock first.
async fn within<T>(
    limit: Duration,
    exchange: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    let mut exchange = pin!(exchange);
    if let Ok(done) = timeout(limit, &mut exchange).await {
        return done;
    }
    let late = timeout(LATE, exchange).await;
    late.unwrap_or_else(|_| {
        Err(because(
            TransportErrorKind::Timeout,
            "the time of the request is up",
        ))
    })
}

/// Enough to read a reply that is there, and no leave for one that drips.
const LATE: Duration = Duration::from_millis(500);

async fn whole(mut reply: reqwest::Response) -> Result<Response, TransportError> {
    let too_large = || because(TransportErrorKind::Other, "the reply is larger than 1 MiB");
    let cap = MAX_BODY as u64;
    if reply.content_length().is_some_and(|length| length > cap) {
        return Err(too_large());
    }
    // Room for all of it from the start where its length is known, so that no copy of a token is left behind.
    let length = reply
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    let mut bytes = Vec::with_capacity(length.unwrap_or(0));
    while let Some(chunk) = reply.chunk().await.map_err(classify)? {
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    let mut whole = Response::new(Body::from(bytes));
    *whole.status_mut() = reply.status();
    *whole.version_mut() = reply.version();
    *whole.headers_mut() = std::mem::take(reply.headers_mut());
    Ok(whole)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn t42_a_metadata_server_has_a_client_with_less_time_to_connect() {
        let transport = ReqwestTransport::builder().no_proxy().build().unwrap();
        let is_near = |uri: &str| {
            let request = http::Request::get(uri).body(Body::empty()).unwrap();
            std::ptr::eq(transport.client(&request), &raw const transport.near)
        };
        assert!(is_near("http://169.254.169.254/"));
        assert!(is_near("http://metadata.google.internal/"));
        assert!(!is_near("https://oauth2.googleapis.com/token"));
    }
}
