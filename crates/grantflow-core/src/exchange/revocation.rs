//! Token revocation ([RFC 7009]): by POST only, since a token in an address ends up in logs.
//!
//! [RFC 7009]: https://www.rfc-editor.org/rfc/rfc7009

use super::{TokenTypeHint, refusal, send};
use crate::form::Form;
use crate::{Client, Cx, Error, Request, Response, Secret, Step};

/// A request to end a token, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Client, Cx, Endpoint, Now, RevocationRequest, Secret, TokenTypeHint};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_revocation_endpoint(Endpoint::new("https://server.example.com/revoke")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
///
/// let request = RevocationRequest::new(&client, &Secret::new("45ghiukldjahdnhzdauz"), TokenTypeHint::RefreshToken);
/// assert_eq!(request.to_http(&mut cx)?.method(), "POST");
/// assert!(request.parse(&http::Response::new(Body::empty()), &cx).is_ok());
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RevocationRequest {
    client: Client,
    token: Secret,
    hint: TokenTypeHint,
}

impl RevocationRequest {
    /// Asks the server to end `token`; for a refresh token that ends the whole grant ([RFC 7009 section 2.1]).
    ///
    /// [RFC 7009 section 2.1]: https://www.rfc-editor.org/rfc/rfc7009#section-2.1
    #[must_use]
    pub fn new(client: &Client, token: &Secret, hint: TokenTypeHint) -> Self {
        Self {
            client: client.clone(),
            token: token.clone(),
            hint,
        }
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the client has no revocation endpoint, or its secret fits in no header; what
    /// [`ClientAuthentication::parameters`](crate::ClientAuthentication::parameters) answers.
    /// [`Error::InvalidInput`] too if the client authenticates by a certificate, and `cx` has none or the endpoint no TLS;
    /// [`Error::Profile`].
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        let endpoint = self.client.revocation_endpoint()?;
        let mut form = Form::default();
        form.push("token", self.token.expose());
        form.push("token_type_hint", self.hint.as_str());
        let authorization = self
            .client
            .authentication()
            .apply(&self.client, endpoint, &mut form, cx)?;
        form.post_as(endpoint, authorization, self.client.quirks())
    }

    /// Reads the reply: a success means that the token is of no use any more, also one the server never knew.
    ///
    /// [RFC 7009 section 2.2]: "The content of the response body is ignored by the client".
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, with
    /// [`ErrorCode::UnsupportedTokenType`](crate::error::ErrorCode::UnsupportedTokenType) too: the token then still works.
    /// [`Error::BadReply`] if the reply made no sense.
    ///
    /// [RFC 7009 section 2.2]: https://www.rfc-editor.org/rfc/rfc7009#section-2.2
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<(), Error> {
        refusal::check(reply, cx)
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<()> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }
}
