//! Answers with an ID token beside the code: it is proven before the code is sent to anybody ([OpenID Connect Core section 3.3.2.12]).
//!
//! ```text
//! body of a POST ─▶ state, issuer ─▶ keys ─▶ the ID token, its c_hash and s_hash ─▶ AuthorizationCode
//! AuthorizationCode ─▶ exchange ─▶ the other ID token, of the same user ─▶ (Token, VerifiedIdToken)
//! ```
//!
//! [OpenID Connect Core section 3.3.2.12]: https://openid.net/specs/openid-connect-core-1_0.html#HybridIDTValidation

use grantflow_core::{AuthorizationCode, PendingAuthorization, Secret, Step};

use crate::id_token::{IdTokenVerifier, Occasion};

impl IdTokenVerifier {
    /// Takes the answer to an authorization that was begun with
    /// [`ResponseType::CodeIdToken`](grantflow_core::ResponseType::CodeIdToken): the body of a POST.
    ///
    /// One with another state is refused before any key is asked for, and the server's refusals need no ID token. The flow ends in
    /// [`Error::TokenRefused`](grantflow_core::Error::TokenRefused) if the ID token is not to be believed or is not that of this code, in
    /// [`Error::BadReply`](grantflow_core::Error::BadReply) or [`Error::Transport`](grantflow_core::Error::Transport) if the keys could
    /// not be had, else in the errors of [`PendingAuthorization::accept_with_id_token`].
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::{AuthorizationRequest, Client, Cx, Error, PendingAuthorization, ResponseType, Step, Token};
    /// use grantflow_oidc::{IdTokenVerifier, VerifiedIdToken, exchange};
    ///
    /// fn ask(client: &Client, cx: &mut Cx<'_>) -> Result<(String, PendingAuthorization), Error> {
    ///     let request = AuthorizationRequest::new(client, "https://app.example/callback").scopes("openid")?;
    ///     let (url, pending) = request.response_type(ResponseType::CodeIdToken).start(cx)?;
    ///     Ok((url.into_string(), pending))
    /// }
    ///
    /// fn finish(client: Client, pending: PendingAuthorization, body: &str, verifier: IdTokenVerifier) -> Step<(Token, VerifiedIdToken)> {
    ///     let code = verifier.accept(pending, body);
    ///     code.and_then(move |code, _| Ok(exchange(&client, code, &verifier)))
    /// }
    /// # let _ = (ask, finish);
    /// ```
    pub fn accept(&self, pending: PendingAuthorization, body: &str) -> Step<AuthorizationCode> {
        let (verifier, body) = (self.clone(), Secret::from(body));
        Step::begin(move |cx| {
            let code = pending.accept_with_id_token(body.expose(), cx)?;
            let occasion = Occasion::of_redirect(&code);
            let occasion = match verifier.checks().wants_state_hash() {
                true => occasion.with_state_hash(),
                false => occasion,
            };
            let user = verifier.verify(code.id_token(), occasion);
            Ok(user.and_then(move |user, _| Ok(Step::Done(code.proven(user.issuer(), user.subject())))))
        })
    }
}
