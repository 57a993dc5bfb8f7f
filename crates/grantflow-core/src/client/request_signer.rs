//! The slot for authorization requests that are signed: JAR ([RFC 9101]).
//!
//! ```text
//! AuthorizationRequest ─▶ parameters ─▶ RequestSigner ─▶ request object ─┬─ start ─▶ address: client_id, request
//!                                                                        └─ push ──▶ form: request, and who the client is
//! ```
//!
//! [RFC 9101]: https://www.rfc-editor.org/rfc/rfc9101

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Client, Cx, Error, Secret};

/// What makes a request object of an authorization request. It lives outside the core, since it signs.
///
/// A client that has one ([`Client::with_request_signer`]) sends no authorization request without: whoever reads the address cannot
/// change what is asked for.
pub trait RequestSigner: fmt::Debug + Send + Sync {
    /// The request object ([RFC 9101 section 4]) of `client`: these parameters, by the names that the provider has for them, to be used
    /// within `lifetime`. A parameter is there more than once only where it may be, as `resource` may.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be signed.
    ///
    /// [RFC 9101 section 4]: https://www.rfc-editor.org/rfc/rfc9101#section-4
    fn sign(
        &self,
        client: &Client,
        parameters: &[(Cow<'_, str>, Cow<'_, str>)],
        lifetime: Duration,
        cx: &mut Cx<'_>,
    ) -> Result<Secret, Error>;
}

impl Client {
    /// Signs every authorization request of this client ([RFC 9101]).
    ///
    /// It is a part of the program, not of a record: a client that is read from a store has none.
    ///
    /// [RFC 9101]: https://www.rfc-editor.org/rfc/rfc9101
    #[must_use]
    pub fn with_request_signer(mut self, signer: Arc<dyn RequestSigner>) -> Self {
        self.facts().request_signer = Some(signer);
        self
    }

    /// What signs authorization requests, where they are signed.
    #[must_use]
    pub fn request_signer(&self) -> Option<&dyn RequestSigner> {
        self.0.request_signer.as_deref()
    }
}
