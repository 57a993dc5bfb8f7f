//! Tokens that are bound to a key: what goes with them ([RFC 9449 section 7]).
//!
//! ```text
//! header ─▶ bound? ─no─▶ header and the API's headers
//!             │ yes
//!             ▼
//!           proof ─▶ send ─┬─ asks for another ─▶ proof ─▶ send ─▶ as it is
//!                          └─ else ────────────────────────────▶ as it is
//! ```
//!
//! [RFC 9449 section 7]: https://www.rfc-editor.org/rfc/rfc9449#section-7

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::{Credentials, Source};
use crate::client::NO_CONSTRAINT;
use crate::token::PROOF;
use crate::{Cx, Error, Proven, Request, Response, Secret, TokenConstraint, TokenType};

impl Credentials {
    /// Puts `authorization`, which this handle gave, on a request, and all that belongs to it: the
    /// [headers of the API](Self::add_api_headers), and where the token is bound to a key, a proof for this very request (RFC 9449).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the token is bound and the handle has no constraint to prove it with; the constraint's own.
    pub fn put_on(
        &self,
        authorization: &HeaderValue,
        (method, uri): (&Method, &Uri),
        headers: &mut HeaderMap,
    ) -> Result<(), Error> {
        let mut name = self.header_name();
        if let Some(token) = bound(authorization) {
            name = header::AUTHORIZATION;
            let constraint = self.constraint()?.ok_or(NO_CONSTRAINT)?;
            let to = Proven::request(method, uri).with_access_token(&token);
            let mut fill = |bytes: &mut [u8]| self.transport.fill(bytes);
            let proof = constraint.prove(&to, &mut Cx::new(self.transport.now(), &mut fill))?;
            headers.insert(PROOF, proof);
        }
        self.add_api_headers(headers);
        headers.insert(name, authorization.clone());
        Ok(())
    }

    /// Whether a reply asks for the same request with another proof, as [`put_on`](Self::put_on) makes one ([RFC 9449 section 9]). Every
    /// reply to a request with a proof is to be shown here: what the server says is remembered. Ask once for each request.
    ///
    /// [RFC 9449 section 9]: https://www.rfc-editor.org/rfc/rfc9449#section-9
    #[must_use]
    pub fn is_worth_another_proof(
        &self,
        authorization: &HeaderValue,
        (method, uri): (&Method, &Uri),
        (status, headers): (StatusCode, &HeaderMap),
    ) -> bool {
        let (Some(token), Ok(Some(constraint))) = (bound(authorization), self.constraint()) else {
            return false;
        };
        let to = Proven::request(method, uri).with_access_token(&token);
        constraint.heard(&to, status, headers, None)
    }

    /// What the token in the hand of this handle is bound to.
    fn constraint(&self) -> Result<Option<Arc<dyn TokenConstraint>>, Error> {
        let client = match (&self.client, &*self.source) {
            (Some(client), _) => client.clone(),
            (
                None,
                Source::Stored {
                    renewed_by: Some(source),
                    ..
                },
            ) => source.client().clone(),
            (None, _) => return Ok(None),
        };
        let published = self.shared.cell.load_full();
        let stored = published
            .as_deref()
            .and_then(|published| published.grant.token_key());
        Ok(client.bound_by(stored)?.token_constraint().cloned())
    }

    /// Sends once, and once more if the reply asks for another proof.
    pub(super) async fn send_with(
        &self,
        token: &HeaderValue,
        request: &mut Request,
    ) -> Result<Response, Error> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let target = (&method, &uri);
        self.put_on(token, target, request.headers_mut())?;
        let reply = self.transport.send(request.clone()).await?;
        if !self.is_worth_another_proof(token, target, (reply.status(), reply.headers())) {
            return Ok(reply);
        }
        self.put_on(token, target, request.headers_mut())?;
        let reply = self.transport.send(request.clone()).await?;
        // What it says is remembered, and not asked for a third time.
        let _heard = self.is_worth_another_proof(token, target, (reply.status(), reply.headers()));
        Ok(reply)
    }
}

/// The token of a header, if it is one that is bound to a key.
fn bound(authorization: &HeaderValue) -> Option<Secret> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    (scheme == TokenType::Dpop.as_str()).then(|| Secret::new(token))
}
