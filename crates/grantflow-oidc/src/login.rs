//! A token only together with who it is of: codes and refresh tokens of OpenID Connect ([OpenID Connect Core section 3.1.3.5],
//! [section 12.2]).
//!
//! ```text
//! exchange ─▶ Send(code) ─▶ Token ─▶ keys ─▶ verify ─▶ (Token, VerifiedIdToken)
//! refresh ─▶ Send(refresh token) ─▶ Token ─┬─ with an ID token ─▶ keys ─▶ verify, same user ─▶ Done
//!                                          │                      └─ failed ─────┴─ failed ─▶ Done: its refresh token alone
//!                                          └─ without ─▶ Done
//! ```
//!
//! [OpenID Connect Core section 3.1.3.5]: https://openid.net/specs/openid-connect-core-1_0.html#TokenResponseValidation
//! [section 12.2]: https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse

use grantflow_core::{
    AuthorizationCode, Client, Error, IdTokenCheck, Record, Refreshed, Secret, Step, Token, TokenRequest,
};

use grantflow_jwt::Algorithm;

use crate::id_token::{IdTokenVerifier, Occasion, VerifiedIdToken};

/// Trades a code for a token, and for who logged in.
///
/// The nonce is that of the authorization, and `at_hash` and `c_hash` are those of this token and this code, or there is an
/// error and no token. To ask for none but the token, as logins of other crates do, give the client the verifier instead
/// ([`Client::with_id_token_check`]).
///
/// # Example
///
/// ```
/// use grantflow_core::{AuthorizationCode, Client, Step, Token};
/// use grantflow_oidc::{IdTokenVerifier, VerifiedIdToken, exchange};
///
/// fn finish(client: &Client, code: AuthorizationCode, verifier: &IdTokenVerifier) -> Step<String> {
///     exchange(client, code, verifier).and_then(|(_token, user): (Token, VerifiedIdToken), _| {
///         Ok(Step::Done(user.subject().to_owned()))
///     })
/// }
/// # let _ = finish;
/// ```
///
/// The flow ends in [`Error::TokenRefused`] if there is no ID token or it is not to be believed, else in the errors of
/// [`TokenRequest::flow`] and [`IdTokenVerifier::verify`].
pub fn exchange(
    client: &Client,
    code: AuthorizationCode,
    verifier: &IdTokenVerifier,
) -> Step<(Token, VerifiedIdToken)> {
    let (verifier, occasion) = (verifier.clone(), Occasion::of_code(&code));
    let allowed = is_allowed(client, &verifier);
    let exchange = TokenRequest::authorization_code(client, code).flow();
    let proven = exchange.and_then(move |token, _| prove(token, occasion, &verifier));
    Step::begin(move |_| allowed.map(|()| proven))
}

/// Trades a refresh token for a new token; an ID token that comes with it is about the same user as `before`, or there is no token to
/// use. To send no ID token is the server's right.
///
/// The new refresh token comes whatever becomes of the proof: the old one is spent. Store it first.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Refreshed, Secret, Step, Token};
/// use grantflow_oidc::{IdTokenVerifier, VerifiedIdToken, refresh};
///
/// fn renew(
///     client: &Client,
///     refresh_token: Secret,
///     (user, verifier): (&VerifiedIdToken, &IdTokenVerifier),
///     store: fn(Secret),
/// ) -> Step<Token> {
///     let refreshed = refresh(client, refresh_token, user, verifier);
///     refreshed.and_then(move |Refreshed { refresh_token, token }, _| {
///         refresh_token.map(store);
///         let (token, _user) = token?;
///         Ok(Step::Done(token))
///     })
/// }
/// # let _ = renew;
/// ```
///
/// The flow ends in the errors of [`TokenRequest::refreshed`], where nothing of use came.
pub fn refresh(
    client: &Client,
    refresh_token: Secret,
    before: &VerifiedIdToken,
    verifier: &IdTokenVerifier,
) -> Step<Refreshed<(Token, Option<VerifiedIdToken>)>> {
    let (verifier, occasion) = (verifier.clone(), Occasion::of_refresh(before));
    let allowed = is_allowed(client, &verifier);
    let refreshed = TokenRequest::refresh(client, refresh_token).refreshed();
    let proven = refreshed.and_then(move |Refreshed { refresh_token, token }, _| {
        let proven = match token {
            Ok(token) if token.id_token.is_some() => prove(token, occasion, &verifier)?,
            unproven => {
                let token = unproven.map(|token| (token, None));
                return Ok(Step::Done(Refreshed { refresh_token, token }));
            }
        };
        Ok(proven.then(|end, _| {
            let token = end.map(|(token, verified)| (token, Some(verified)));
            Ok(Step::Done(Refreshed { refresh_token, token }))
        }))
    });
    Step::begin(move |_| allowed.map(|()| proven))
}

/// Whether the profile of the client takes ID tokens as this verifier does.
fn is_allowed(client: &Client, verifier: &IdTokenVerifier) -> Result<(), Error> {
    let mut names = verifier.algorithms().into_iter();
    names.try_for_each(|name| client.check_algorithm(name))
}

/// The token keeps the signed ID token, whether or not it came encrypted: so the next one can be compared with it, and a logout name it
/// (OpenID Connect RP-Initiated Logout section 2: it "MUST" be decrypted for that).
fn prove(
    mut token: Token,
    occasion: Occasion,
    verifier: &IdTokenVerifier,
) -> Result<Step<(Token, VerifiedIdToken)>, Error> {
    let id_token = token.id_token.as_ref().ok_or(NO_ID_TOKEN)?;
    let signed = verifier.checks().opened(id_token)?;
    let occasion = occasion.with_access_token(token.access_token.clone());
    let verified = verifier.verify_signed(signed.clone(), occasion);
    token.id_token = Some(signed);
    Ok(verified.and_then(|verified, _| Ok(Step::Done((token, verified)))))
}

impl IdTokenCheck for IdTokenVerifier {
    fn algorithms(&self) -> Vec<&str> {
        self.checks().algorithms().map(Algorithm::name).collect()
    }

    fn check(&self, token: Token, code: &AuthorizationCode) -> Step<Token> {
        let (verifier, occasion) = (self.clone(), Occasion::of_code(code));
        Step::begin(move |_| {
            let proven = prove(token, occasion, &verifier)?;
            Ok(proven.and_then(|(token, _), _| Ok(Step::Done(token))))
        })
    }

    fn check_without_redirect(&self, token: Token, acr_values: &[String]) -> Step<Token> {
        let verifier = self.clone();
        let occasion = Occasion::without_redirect().with_acr_values(acr_values);
        Step::begin(move |_| {
            let proven = prove(token, occasion, &verifier)?;
            Ok(proven.and_then(|(token, _), _| Ok(Step::Done(token))))
        })
    }

    fn check_refreshed(&self, token: Token, before: &Record) -> Step<Token> {
        let verifier = self.clone();
        let occasion = match &before.token().id_token {
            Some(id_token) => Occasion::of_refresh_after(id_token),
            None => Ok(Occasion::alone()),
        };
        Step::begin(move |_| {
            let proven = prove(token, occasion?, &verifier)?;
            Ok(proven.and_then(|(token, _), _| Ok(Step::Done(token))))
        })
    }
}

const NO_ID_TOKEN: Error = Error::TokenRefused("no ID token came with it");
