//! Tokens that are bound to a key or a certificate: what goes with them ([RFC 9449 section 7], [RFC 8705 section 3]).
//!
//! ```text
//! header ─▶ bound? ─no─▶ header and the API's headers
//!             │ yes
//!             ▼
//!           proof ─▶ send ─┬─ asks for another ─▶ proof ─▶ send ─▶ as it is
//!                          └─ else ────────────────────────────▶ as it is
//! ```
//!
//! A certificate goes with no token: it is of the connection, and there is no request over another.
//!
//! [RFC 9449 section 7]: https://www.rfc-editor.org/rfc/rfc9449#section-7
//! [RFC 8705 section 3]: https://www.rfc-editor.org/rfc/rfc8705#section-3

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::{Credentials, Source};
use crate::client::NO_CONSTRAINT;
use crate::token::PROOF;
use crate::{
    CertificateBound, CertificateThumbprint, Client, Cx, Error, Proven, Request, Response, Secret,
    TokenConstraint, TokenType,
};

impl Credentials {
    /// Puts `authorization`, which this handle gave, on a request, and all that belongs to it: the
    /// [headers of the API](Self::add_api_headers), and where the token is bound to a key, a proof for this very request (RFC 9449).
    ///
    /// The request has to go over the transport of this handle where the token is bound to a certificate (RFC 8705); for one that goes
    /// over other connections there is [`put_on_over`](Self::put_on_over).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the token is bound and the handle has no constraint to prove it with, or to another certificate than
    /// connections show; the constraint's own.
    pub fn put_on(
        &self,
        authorization: &HeaderValue,
        target: (&Method, &Uri),
        headers: &mut HeaderMap,
    ) -> Result<(), Error> {
        self.put_on_over(self.transport.certificate(), authorization, target, headers)
    }

    /// The same for a request over connections that show this client certificate.
    ///
    /// # Errors
    ///
    /// As [`put_on`](Self::put_on).
    pub fn put_on_over(
        &self,
        shown: Option<CertificateThumbprint>,
        authorization: &HeaderValue,
        (method, uri): (&Method, &Uri),
        headers: &mut HeaderMap,
    ) -> Result<(), Error> {
        let (mut name, is_certified) = self.header_name_and_certified();
        let token = bound(authorization);
        if token.is_some() {
            name = header::AUTHORIZATION;
        }
        let is_constrained = || {
            self.program_client()
                .is_some_and(|client| client.token_constraint().is_some())
        };
        if token.is_some() || is_certified || is_constrained() {
            let constraint = self.constraint()?.ok_or(NO_CONSTRAINT)?;
            let (token_type, token) = match token {
                Some(token) => (TokenType::Dpop, token),
                None => (TokenType::Bearer, bare(authorization)),
            };
            if constraint.proves(token_type) {
                let to = Proven::request(method, uri).with_access_token(&token);
                let mut fill = |bytes: &mut [u8]| self.transport.fill(bytes);
                let mut cx = Cx::new(self.transport.now(), &mut fill).with_certificate(shown);
                if let Some(proof) = constraint.prove(&to, &mut cx)? {
                    headers.insert(PROOF, proof);
                }
            }
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
        let published = self.shared.cell.load_full();
        let stored = published
            .as_deref()
            .and_then(|published| published.grant.token_key());
        let Some(client) = self.program_client() else {
            let certificate = stored.and_then(CertificateBound::stored);
            return Ok(certificate.map(|bound| Arc::new(bound) as Arc<dyn TokenConstraint>));
        };
        Ok(client.clone().bound_by(stored)?.token_constraint().cloned())
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

    fn header_name_and_certified(&self) -> (HeaderName, bool) {
        let published = self.shared.cell.load();
        match published.as_deref() {
            Some(published) => (published.name.clone(), published.is_certified),
            None => (header::AUTHORIZATION, false),
        }
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

/// The token of a header, whatever comes before it.
fn bare(authorization: &HeaderValue) -> Secret {
    let text = authorization.to_str().unwrap_or_default();
    Secret::new(text.split_once(' ').map_or(text, |(_, token)| token))
}

/// The token of a header, if it is one that is bound to a key.
fn bound(authorization: &HeaderValue) -> Option<Secret> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    (scheme == TokenType::Dpop.as_str()).then(|| Secret::new(token))
}
