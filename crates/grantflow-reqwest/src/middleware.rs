//! Credentials on a client of `reqwest-middleware`: the header for allowed origins, one refresh and one replay on 401.
//!
//! ```text
//! request ─▶ allowed origin? ─no──▶ sent as it is
//!               │ yes
//!               ▼
//!            header ─▶ next ─▶ 401? ─no─▶ reply
//!               ▲               │ yes
//!               └── replayable ─┴─ refreshed by its rejected token; else the 401
//! ```

use async_trait::async_trait;
use grantflow_core::{CertificateThumbprint, Credentials, Error, Heard};
use http::{Extensions, Uri, header};
use reqwest::{Request, Response};
use reqwest_middleware::Next;

/// Credentials that can authorize a client of `reqwest-middleware`.
pub trait Authorize {
    /// A middleware that adds the `Authorization` header, and what [belongs to it](Credentials::api_headers), to requests for the
    /// allowed origins and to no others.
    ///
    /// On 401 the token is refreshed, and a request whose body is in memory is sent again, once; after that the 401 is the
    /// caller's. A stream is not sent again, but its 401 has the token refreshed for the next request. Redirects are reqwest's
    /// own: it takes the header off where the host or the port changes, and leaves what belongs to it, such as the name of a
    /// project, which is no secret, and the proof of a bound token, which is for the first address alone. Why no header can be had comes as
    /// [`reqwest_middleware::Error::Middleware`] that holds the [`Error`].
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(credentials: grantflow_core::Credentials) -> Result<(), Box<dyn std::error::Error>> {
    /// use grantflow_reqwest::Authorize;
    ///
    /// let client = reqwest_middleware::ClientBuilder::new(grantflow_reqwest::client()?)
    ///     .with(credentials.middleware())
    ///     .build();
    /// let buckets = client.get("https://storage.googleapis.com/storage/v1/b?project=p");
    /// # Ok(())
    /// # }
    /// ```
    fn middleware(&self) -> Middleware;
}

impl Authorize for Credentials {
    fn middleware(&self) -> Middleware {
        Middleware(self.clone(), None)
    }
}

/// Adds the header of credentials to the requests of a client.
#[derive(Clone, Debug)]
#[must_use = "a middleware does nothing until a client has it"]
pub struct Middleware(Credentials, Option<CertificateThumbprint>);

impl Middleware {
    /// Says that the client shows this certificate, as one of [`Builder::client`](crate::Builder::client) does: reqwest does not tell.
    /// A token that is bound to a certificate (RFC 8705) is sent only then.
    pub fn over_certificate(mut self, shown: CertificateThumbprint) -> Self {
        self.1 = Some(shown);
        self
    }
}

#[async_trait]
impl reqwest_middleware::Middleware for Middleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let uri: Uri = request
            .url()
            .as_str()
            .parse()
            .map_err(reqwest_middleware::Error::middleware)?;
        let mut call = match self.0.api_call(request.method(), &uri).await {
            Ok(call) => call.over_certificate(self.1),
            Err(Error::OriginNotAllowed(_)) => return next.run(request, extensions).await,
            Err(error) => return Err(other(error)),
        };
        loop {
            if call.header_name() != header::AUTHORIZATION {
                // reqwest takes along to other hosts what it does not know, and its redirects cannot be forbidden for one request.
                let refusal = "send a token in another header than Authorization, since redirects would carry it elsewhere";
                return Err(other(Error::Unsupported(refusal)));
            }
            let again = request.try_clone();
            call.put_on(request.headers_mut()).map_err(other)?;
            let reply = next.clone().run(request, extensions).await?;
            request = match (call.heard(reply.status(), reply.headers()), again) {
                (Heard::Again, Some(again)) => again,
                (Heard::Refused, Some(again)) if call.renew().await.map_err(other)? => again,
                (Heard::Refused, None) => {
                    // The 401 tells the caller; why no other token can be had, the next request will.
                    drop(call.renew().await);
                    return Ok(reply);
                }
                _ => return Ok(reply),
            };
        }
    }
}

fn other(error: Error) -> reqwest_middleware::Error {
    reqwest_middleware::Error::middleware(error)
}
