//! One call of an API: what goes on its request, and what the reply means ([RFC 6750], [RFC 9449 section 7], [RFC 8705 section 3]).
//!
//! ```text
//! api_call() ─▶ put_on ─▶ send ─▶ heard ─┬─ Done ─────▶ the reply is the caller's
//!                 ▲                      ├─ Again ────▶ another proof: once for each token
//!                 │                      └─ Refused ──▶ renew: once ──no other token──▶ the reply is the caller's
//!                 └─────────────────────────────┴──────────┘
//! ```
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750
//! [RFC 9449 section 7]: https://www.rfc-editor.org/rfc/rfc9449#section-7
//! [RFC 8705 section 3]: https://www.rfc-editor.org/rfc/rfc8705#section-3

use std::fmt;
use std::mem::replace;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};

use super::published::Published;
use super::{Credentials, Source};
use crate::client::NO_CONSTRAINT;
use crate::token::PROOF;
use crate::{CertificateBound, CertificateThumbprint, Client, Cx, Error, Proven, TokenConstraint, TokenType};

/// One call of an API through any HTTP client: what goes on the request, and what its reply means.
///
/// It is for those who bring credentials to an HTTP client that is not the [transport](crate::AsyncTransport); through that one,
/// [`Credentials::authorized`] does all of it. Ask for one with [`Credentials::api_call`], and then in a circle: [`put_on`](Self::put_on),
/// send, [`heard`](Self::heard). A request that cannot be sent again ends there; where its token was refused, [`renew`](Self::renew) it
/// all the same, whatever comes of it, so that the next call has another.
///
/// Redirects are not to be followed in between: what is heard is of the address that the call is for, and so is the proof.
///
/// # Example
///
/// ```
/// use grantflow_core::{ApiCall, Credentials, Error, Heard, Request, Response};
///
/// async fn call(
///     credentials: &Credentials,
///     request: Request,
///     send: impl AsyncFn(Request) -> Result<Response, Error>, // your HTTP client
/// ) -> Result<Response, Error> {
///     let mut call = credentials.api_call(request.method(), request.uri()).await?;
///     loop {
///         let mut with_token = request.clone();
///         call.put_on(with_token.headers_mut())?;
///         let reply = send(with_token).await?;
///         match call.heard(reply.status(), reply.headers()) {
///             Heard::Done => return Ok(reply),
///             Heard::Again => {}
///             Heard::Refused if call.renew().await? => {}
///             Heard::Refused => return Ok(reply),
///         }
///     }
/// }
/// ```
#[must_use = "it says what goes on a request"]
pub struct ApiCall {
    credentials: Credentials,
    method: Method,
    uri: Uri,
    /// What connections show.
    shown: Option<CertificateThumbprint>,
    published: Arc<Published>,
    /// What proves a request with this token, where something has to.
    constraint: Option<Arc<dyn TokenConstraint>>,
    is_proven_anew: bool,
    is_renewed: bool,
}

/// What a reply means for its [call](ApiCall).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever sends requests has to act on each"
)]
#[must_use = "a reply may be worth another request"]
pub enum Heard {
    /// The reply is the caller's.
    Done,
    /// Nothing was done: the API asks for the same request with another proof
    /// ([RFC 9449 section 9](https://www.rfc-editor.org/rfc/rfc9449#section-9)), which the next [`put_on`](ApiCall::put_on) makes.
    Again,
    /// The token has ended, as the API sees it; [`renew`](ApiCall::renew) gets another.
    Refused,
}

impl ApiCall {
    pub(super) fn new(
        credentials: Credentials,
        (method, uri): (&Method, &Uri),
        published: Arc<Published>,
    ) -> Result<Self, Error> {
        Ok(Self {
            constraint: credentials.constraint_on(&published, uri)?,
            credentials,
            shown: None,
            method: method.clone(),
            uri: uri.clone(),
            published,
            is_proven_anew: false,
            is_renewed: false,
        })
    }

    /// Says which client certificate connections show; none, where nothing is said. A token that is bound to a certificate (RFC 8705)
    /// goes over no others.
    pub fn over_certificate(mut self, shown: Option<CertificateThumbprint>) -> Self {
        self.shown = shown;
        self
    }

    /// The header that the token is the value of: `Authorization`, unless the provider has another for it
    /// ([`Quirks::token_header`](crate::Quirks::token_header)). A request with another must follow no redirects: HTTP clients drop
    /// `Authorization` on their way to another host, and that one they do not know.
    #[must_use]
    pub fn header_name(&self) -> &HeaderName {
        &self.published.name
    }

    /// Whether each request needs a proof of its own, since the token is bound to a key (RFC 9449).
    #[must_use]
    pub fn needs_proof(&self) -> bool {
        self.published.needs_proof()
    }

    /// Puts the token on the request, and all that belongs to it: the [headers of the API](Credentials::api_headers), and a proof for
    /// this very request where the token is bound to a key.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the token is bound to another certificate than connections show; the constraint's own.
    pub fn put_on(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        if let Some(constraint) = self.constraint.as_ref().filter(|it| it.proves(self.token_type())) {
            let transport = &self.credentials.transport;
            let mut fill = |bytes: &mut [u8]| transport.fill(bytes);
            let mut cx = Cx::new(transport.now(), &mut fill).with_certificate(self.shown);
            if let Some(proof) = constraint.prove(&self.proven(), &mut cx)? {
                headers.insert(PROOF, proof);
            }
        }
        for (name, value) in self.credentials.api_headers() {
            if !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
        headers.insert(self.published.name.clone(), self.published.header.clone());
        Ok(())
    }

    /// What this reply means. Each is to be shown here, once: what the server says about proofs is remembered.
    ///
    /// A 401 that asks for another login of the user ([RFC 9470 section 3](https://www.rfc-editor.org/rfc/rfc9470#section-3)) is the
    /// caller's, and so is a second refusal.
    pub fn heard(&mut self, status: StatusCode, headers: &HeaderMap) -> Heard {
        let asks = |constraint: &Arc<dyn TokenConstraint>| {
            self.needs_proof() && constraint.heard(&self.proven(), status, headers, None)
        };
        if self.constraint.as_ref().is_some_and(asks) && !replace(&mut self.is_proven_anew, true) {
            return Heard::Again;
        }
        if self.is_renewed || !self.published.grant.is_refused(status, headers) {
            return Heard::Done;
        }
        Heard::Refused
    }

    /// Gets another token in place of the one that was [refused](Heard::Refused), for any number of calls by one refresh. `false`
    /// where refreshing again is of no use: the reply is then the caller's.
    ///
    /// # Errors
    ///
    /// Why no other token can be had, or may be sent: as [`Credentials::api_call`].
    pub async fn renew(&mut self) -> Result<bool, Error> {
        self.is_renewed = true;
        let refused = &self.published.grant.token().access_token;
        let Some(published) = self.credentials.instead_of(refused).await? else {
            return Ok(false);
        };
        self.constraint = self.credentials.constraint_on(&published, &self.uri)?;
        self.published = published;
        self.is_proven_anew = false;
        Ok(true)
    }

    fn proven(&self) -> Proven<'_> {
        let token = &self.published.grant.token().access_token;
        Proven::request(&self.method, &self.uri).with_access_token(token)
    }

    /// As what it goes on the request.
    fn token_type(&self) -> TokenType {
        if self.needs_proof() {
            TokenType::Dpop
        } else {
            TokenType::Bearer
        }
    }
}

/// Without the token.
impl fmt::Debug for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiCall")
            .field("method", &self.method)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// What proves a request with this token, where it may go: nothing, unless the token is bound or the program's client has a
    /// constraint.
    fn constraint_on(
        &self,
        published: &Published,
        uri: &Uri,
    ) -> Result<Option<Arc<dyn TokenConstraint>>, Error> {
        self.allowed_by(published, uri)?;
        let key = published.grant.token_key();
        let constraint = match self.program_client() {
            Some(client) => client.clone().bound_by(key)?.token_constraint().cloned(),
            None => key
                .and_then(CertificateBound::stored)
                .map(|bound| Arc::new(bound) as Arc<dyn TokenConstraint>),
        };
        if constraint.is_none() && (published.is_certified || published.needs_proof()) {
            return Err(NO_CONSTRAINT.into());
        }
        Ok(constraint)
    }

    /// The client of the program, as opposed to that of a record.
    pub(super) fn program_client(&self) -> Option<&Client> {
        match (&self.client, &*self.source) {
            (Some(client), _) => Some(client),
            (
                None,
                Source::Stored {
                    renewed_by: Some(source),
                    ..
                },
            ) => Some(source.client()),
            (None, _) => None,
        }
    }
}
