//! The slot for tokens that are bound to a key ([RFC 9449], DPoP) or to a certificate ([RFC 8705]).
//!
//! ```text
//! request ─▶ proof ─▶ Send ─┬─ asks for a proof with a nonce ─▶ proof ─▶ Send ─▶ as it is
//!                           └─ else ───────────────────────────────────────────▶ as it is
//! ```
//!
//! [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449
//! [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::CertificateBound;
use crate::error::InvalidInput;
use crate::{Client, Cx, Error, Secret, TokenType};

/// What tokens are bound to: whoever has such a token can use it only with a proof. That of a key lives outside the core, since it
/// signs; that of a certificate is the connection ([`CertificateBound`](crate::CertificateBound)).
///
/// A client that has one ([`Client::with_token_constraint`](crate::Client::with_token_constraint)) names the key in its authorization
/// requests, sends a proof with every request for a token and with each that is pushed, and takes no token of another type unless the
/// constraint says so.
pub trait TokenConstraint: fmt::Debug + Send + Sync {
    /// The proof for one request: the value of its `DPoP` header, which is good once; `None` where the connection proves it.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be made, or if the connections of the host prove nothing. The request must not be sent then.
    fn prove(&self, to: &Proven<'_>, cx: &mut Cx<'_>) -> Result<Option<HeaderValue>, Error>;

    /// Hears of every reply to a request that had a proof; `error` is the code of an authorization server's refusal. Whether the reply
    /// asks for another proof, so that the request is worth sending once more: nothing was done then.
    fn heard(&self, to: &Proven<'_>, status: StatusCode, headers: &HeaderMap, error: Option<&str>) -> bool;

    /// The thumbprint of the key, for an authorization request to name (`dpop_jkt`, [RFC 9449 section 10]): the code that comes of it is
    /// of no use with another key. `None` where there is no key yet, or a certificate instead.
    ///
    /// [RFC 9449 section 10]: https://www.rfc-editor.org/rfc/rfc9449#section-10
    fn thumbprint(&self) -> Option<&str>;

    /// Whether a token of this type is taken.
    fn takes(&self, token_type: TokenType) -> bool;

    /// Whether a request with a token of this type on it has to be proved.
    fn proves(&self, token_type: TokenType) -> bool {
        token_type == TokenType::Dpop
    }

    /// The name of the algorithm that proofs are signed with; `None` where nothing is signed.
    fn algorithm(&self) -> Option<&str> {
        None
    }

    /// What a record keeps of the key, so that it can be refreshed alone; `None` for one that the program keeps itself.
    fn stored(&self) -> Option<Secret>;

    /// The same with the key that a record kept.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is none.
    fn with_stored(&self, key: &Secret) -> Result<Arc<dyn TokenConstraint>, Error>;
}

/// What a proof is for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Proven<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// Its address.
    pub uri: &'a Uri,
    /// The access token that it carries; `None` at an authorization server.
    pub access_token: Option<&'a Secret>,
}

impl<'a> Proven<'a> {
    /// A request to an authorization server.
    #[must_use]
    pub const fn request(method: &'a Method, uri: &'a Uri) -> Self {
        Self {
            method,
            uri,
            access_token: None,
        }
    }

    /// A request with this access token on it.
    #[must_use]
    pub const fn with_access_token(self, token: &'a Secret) -> Self {
        Self {
            access_token: Some(token),
            ..self
        }
    }
}

impl Client {
    /// Binds the tokens of this client to a key (RFC 9449) or a certificate (RFC 8705).
    ///
    /// It is a part of the program, not of a record: a client that is read from a store has none, and its bound tokens need the
    /// program's ([`Credentials::with_client`](crate::Credentials::with_client)). The key itself may be in the record.
    #[must_use]
    pub fn with_token_constraint(mut self, constraint: Arc<dyn TokenConstraint>) -> Self {
        self.facts().token_constraint = Some(constraint);
        self
    }

    /// The same with the key of a record, if the record has one. A certificate needs nothing of the program: the transport shows it.
    pub(crate) fn bound_by(self, stored: Option<&Secret>) -> Result<Self, Error> {
        match (&self.0.token_constraint, stored) {
            (Some(constraint), Some(key)) => {
                let constraint = constraint.with_stored(key)?;
                Ok(self.with_token_constraint(constraint))
            }
            (None, Some(key)) => Ok(match CertificateBound::stored(key) {
                Some(constraint) => self.with_token_constraint(Arc::new(constraint)),
                None => self,
            }),
            (_, None) => Ok(self),
        }
    }

    /// The thumbprint of the key that its codes are bound to (RFC 9449 section 10).
    pub(crate) fn dpop_jkt(&self) -> Option<&str> {
        self.token_constraint()?.thumbprint()
    }

    /// The same key, where the program does not keep it: who exchanges the code may be another process.
    pub(crate) fn login_key(&self) -> Option<Secret> {
        self.dpop_jkt()?;
        self.token_constraint()?.stored()
    }

    /// What tokens of this client are bound to, where they are.
    #[must_use]
    pub fn token_constraint(&self) -> Option<&Arc<dyn TokenConstraint>> {
        self.0.token_constraint.as_ref()
    }
}

/// A token that is bound, and nothing to prove it with.
pub(crate) const NO_CONSTRAINT: InvalidInput = InvalidInput::new(
    "client",
    "has no constraint, and the token is bound to a key: give the handle the client",
);
