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
use grantflow_core::{CertificateThumbprint, Challenge, Credentials, Error};
use http::{Extensions, HeaderValue, Uri, header};
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
        match self.0.allows(&uri).await {
            Ok(()) => {}
            Err(Error::OriginNotAllowed(_)) => return next.run(request, extensions).await,
            Err(error) => return Err(other(error)),
        }
        let header = self.0.header().await.map_err(other)?;
        if self.0.header_name() != header::AUTHORIZATION {
            // reqwest takes along to other hosts what it does not know, and its redirects cannot be forbidden for one request.
            let refusal =
                "send a token in another header than Authorization, since redirects would carry it elsewhere";
            return Err(other(Error::Unsupported(refusal)));
        }
        self.0.add_api_headers(request.headers_mut());
        let again = request.try_clone();
        let (reply, lacks_a_proof) = self
            .send(request, (&uri, &header), extensions, next.clone())
            .await?;
        let wants_login = Challenge::asks_for_login(reply.headers());
        if lacks_a_proof || wants_login || !self.0.is_refused_by(reply.status()) {
            return Ok(reply);
        }
        let Some(again) = again else {
            // The 401 tells the caller; why no other token can be had, the next request will.
            drop(self.0.after_401(&header).await);
            return Ok(reply);
        };
        match self.0.after_401(&header).await.map_err(other)? {
            Some(header) => Ok(self.send(again, (&uri, &header), extensions, next).await?.0),
            None => Ok(reply),
        }
    }
}

impl Middleware {
    /// Sends with the header, and once more if the API asks for another proof and the request can be sent again. Where it cannot, that
    /// is said beside the reply: the token is as good as before, and the next request has the proof.
    async fn send(
        &self,
        mut request: Request,
        (uri, header): (&Uri, &HeaderValue),
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<(Response, bool)> {
        let method = request.method().clone();
        let target = (&method, uri);
        let again = request.try_clone();
        self.0
            .put_on_over(self.1, header, target, request.headers_mut())
            .map_err(other)?;
        let reply = next.clone().run(request, extensions).await?;
        let asks = |reply: &Response| {
            let reply = (reply.status(), reply.headers());
            self.0.is_worth_another_proof(header, target, reply)
        };
        let mut again = match (asks(&reply), again) {
            (true, Some(again)) => again,
            (lacks_a_proof, _) => return Ok((reply, lacks_a_proof)),
        };
        self.0
            .put_on_over(self.1, header, target, again.headers_mut())
            .map_err(other)?;
        let reply = next.run(again, extensions).await?;
        // What it says is remembered, and not asked for a third time.
        let _heard = asks(&reply);
        Ok((reply, false))
    }
}

fn other(error: Error) -> reqwest_middleware::Error {
    reqwest_middleware::Error::middleware(error)
}
