//! The address a user consents at ([RFC 6749 section 4.1.1], [RFC 7636 section 4.3]), with the request in it or pushed before.
//!
//! [RFC 6749 section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1
//! [RFC 7636 section 4.3]: https://www.rfc-editor.org/rfc/rfc7636#section-4.3

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::mode::ResponseMode;
use super::parameters::{check_parameter, is_protected};
use super::pending::PendingAuthorization;
use super::pkce::Verifier;
use super::query::QueryWriter;
use super::response_type::ResponseType;
use super::url::AuthorizationUrl;
use crate::error::InvalidInput;
use crate::{AuthorizationDetails, Client, Cx, Error, PushedAuthorizationRequest, Scopes, Secret, Step};

/// A request for an authorization code, with state and PKCE in it.
///
/// # Example
///
/// ```
/// # use grantflow_core::{Cx, EntropyError, Error, Now, Timestamp};
/// # let mut n = 0;
/// # let mut fill = |bytes: &mut [u8]| { n += 1; bytes.fill(n); Ok(()) };
/// # let mut cx = Cx::new(Now::default(), &mut fill);
/// use grantflow_core::{AuthorizationRequest, Client};
///
/// let client = Client::google("cid.apps.googleusercontent.com")?;
/// let (url, pending) = AuthorizationRequest::new(&client, "http://127.0.0.1:8080/callback")
///     .scopes("https://www.googleapis.com/auth/calendar")?
///     .login_hint("ann@example.com")
///     .start(&mut cx)?;
/// assert!(url.as_str().starts_with("https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=cid."));
///
/// // The user consents in a browser, and the server redirects it:
/// # let state = url.as_str().split("&state=").nth(1).unwrap().split('&').next().unwrap();
/// # let callback = format!("/callback?code=4/0AbUR2V&state={state}");
/// let code = pending.accept(&callback, &cx)?;
/// assert!(code.scopes().contains("https://www.googleapis.com/auth/calendar"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct AuthorizationRequest<'a> {
    pub(super) client: &'a Client,
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    pub(super) resources: Vec<String>,
    pub(super) parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Of which the ID token has to name one.
    pub(super) acr_values: Vec<String>,
    pub(super) response_type: ResponseType,
    pub(super) response_mode: ResponseMode,
    pub(super) lifetime: Duration,
}

impl<'a> AuthorizationRequest<'a> {
    /// Asks for an authorization of `client` whose answer goes to `redirect_uri`, one of those that are registered for it.
    pub fn new(client: &'a Client, redirect_uri: impl Into<String>) -> Self {
        Self {
            client,
            redirect_uri: redirect_uri.into(),
            scopes: Scopes::none(),
            resources: Vec::new(),
            parameters: Vec::new(),
            acr_values: client.acr_values().to_vec(),
            response_type: ResponseType::Code,
            response_mode: client.response_mode(),
            lifetime: LIFETIME,
        }
    }

    /// Asks for these scopes; with `openid` a nonce is sent too (OpenID Connect Core section 3.1.2.1).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn scopes<S: TryInto<Scopes, Error: Into<Error>>>(mut self, scopes: S) -> Result<Self, Error> {
        self.scopes = scopes.try_into().map_err(Into::into)?;
        Ok(self)
    }

    /// Whether the user is to see a login or a consent: `none`, `login`, `consent`, `select_account`
    /// (OpenID Connect Core section 3.1.2.1).
    #[must_use]
    pub fn prompt(self, prompt: impl Into<Cow<'a, str>>) -> Self {
        self.set("prompt".into(), prompt.into())
    }

    /// The user's name at the server, as far as it is known (OpenID Connect Core section 3.1.2.1).
    #[must_use]
    pub fn login_hint(self, hint: impl Into<Cow<'a, str>>) -> Self {
        self.set("login_hint".into(), hint.into())
    }

    /// How long ago the user may have logged in at most, else the server asks them to log in again; in whole seconds (OpenID Connect Core
    /// section 3.1.2.1, [RFC 9470 section 4]). An ID token that does not say when it was, or says an earlier time, is refused.
    ///
    /// [RFC 9470 section 4]: https://www.rfc-editor.org/rfc/rfc9470#section-4
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        self.set("max_age".into(), max_age.as_secs().to_string().into())
    }

    /// How the user has to log in: names separated by spaces, the preferred one first, as in a [challenge](crate::Challenge::acr_values)
    /// ([RFC 9470 section 4]). An ID token that names none of them is refused; to say what is only wished for, set the
    /// [parameter](Self::parameter) `acr_values`.
    ///
    /// [RFC 9470 section 4]: https://www.rfc-editor.org/rfc/rfc9470#section-4
    #[must_use]
    pub fn acr_values(mut self, values: &str) -> Self {
        self.acr_values = values.split_ascii_whitespace().map(str::to_owned).collect();
        let values = self.acr_values.join(" ");
        self.set("acr_values".into(), values.into())
    }

    /// Google's `access_type`: `offline` for a refresh token, which is what [`Client::google`] sends, or `online`.
    #[must_use]
    pub fn access_type(self, access_type: impl Into<Cow<'a, str>>) -> Self {
        self.set("access_type".into(), access_type.into())
    }

    /// Names a resource that the token is for; may be called again for another
    /// ([RFC 8707 section 2.1](https://www.rfc-editor.org/rfc/rfc8707#section-2.1)).
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        let resource = resource.into();
        if !resource.is_empty() {
            self.resources.push(resource);
        }
        self
    }

    /// Says exactly what the token is to be good for, beside scopes or in place of them
    /// ([RFC 9396 section 2](https://www.rfc-editor.org/rfc/rfc9396#section-2)).
    ///
    /// No [`Key`](crate::Key) has them in it: of two logins that differ in them alone the second replaces the record of the first, unless
    /// a [label](crate::Key::with_label) tells them apart:
    ///
    /// ```
    /// use grantflow_core::{Client, Endpoint, Key, Scopes};
    ///
    /// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://as.example/token")?);
    /// let key = |payment| Key::new(&client, Scopes::none()).with_label(payment);
    /// assert_ne!(key("payment A").digest(), key("payment B").digest());
    /// # Ok::<(), grantflow_core::Error>(())
    /// ```
    #[must_use]
    pub fn authorization_details(self, details: &AuthorizationDetails) -> Self {
        let json = if details.is_empty() {
            String::new()
        } else {
            details.to_json()
        };
        self.set("authorization_details".into(), json.into())
    }

    /// What is to come back. With [`ResponseType::CodeIdToken`] it comes in the body of a POST and in no other way, `openid` has to be among
    /// the scopes, and `grantflow_oidc::IdTokenVerifier` alone accepts it.
    #[must_use]
    pub fn response_type(mut self, response_type: ResponseType) -> Self {
        self.response_type = response_type;
        self
    }

    /// How the answer is to come back; as the [client](Client::with_response_mode) says unless told here. Who receives it has to know: a
    /// POST is another request than a GET, and a signed answer is accepted by `grantflow_oidc::ResponseVerifier` alone.
    #[must_use]
    pub fn response_mode(mut self, mode: ResponseMode) -> Self {
        self.response_mode = mode;
        self
    }

    /// Any other parameter. It replaces one of the same name that the client has for every request, or that stands in the
    /// query of the authorization endpoint; an empty value removes it (quirk 42).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for a parameter that the flow itself sends, or that changes what it sends or how it is answered.
    pub fn parameter(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Result<Self, Error> {
        let name = name.into();
        check_parameter(&name)?;
        if name == "acr_values" {
            self.acr_values.clear();
        }
        Ok(self.set(name, value.into()))
    }

    fn set(mut self, name: Cow<'a, str>, value: Cow<'a, str>) -> Self {
        self.parameters.retain(|(known, _)| *known != name);
        self.parameters.push((name, value));
        self
    }

    /// How long the redirect is waited for; 10 minutes unless said otherwise.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Gives the address to open in the user's browser, and what the redirect will be checked against.
    ///
    /// Where the client [signs its requests](Client::with_request_signer) the address has `client_id` and `request`, and nothing else but
    /// what the authorization endpoint has in its query ([RFC 9101 section 5]).
    ///
    /// # Errors
    ///
    /// What [`RequestSigner::sign`](crate::RequestSigner::sign) answers; [`Error::Entropy`] if there are no random bytes;
    /// [`Error::InvalidInput`] if the client has no authorization endpoint,
    /// the redirect address is none, the client or its endpoint have a parameter that belongs to the flow, or the server takes pushed
    /// requests alone; [`Error::Profile`].
    ///
    /// [RFC 9101 section 5]: https://www.rfc-editor.org/rfc/rfc9101#section-5
    pub fn start(self, cx: &mut Cx<'_>) -> Result<(AuthorizationUrl, PendingAuthorization), Error> {
        self.client.check_authorization(&self.redirect_uri, false)?;
        if self.client.push_required() {
            return Err(InvalidInput::new("client", "has to push its authorization requests").into());
        }
        let drawn = self.draw(cx)?;
        if let Some(object) = self.signed(&drawn, cx)? {
            let ends = cx.wall().plus(self.lifetime);
            let url = AuthorizationUrl::standing_for(self.client, ("request", object.expose()), Some(ends))?;
            return Ok((url, self.pending(drawn, cx)));
        }
        let endpoint = self.client.authorization_endpoint()?;
        let query = QueryWriter::after(endpoint, self.expected_length(), is_protected, |name| {
            self.sets(name) || self.client.parameters().iter().any(|(preset, _)| preset == name)
        })?;
        let url = AuthorizationUrl::of_query(self.write(query, Some(self.client.id()), &drawn));
        Ok((url, self.pending(drawn, cx)))
    }

    /// Gives the same request to be pushed to the server ([RFC 9126]), which answers with the address to open, and what the redirect
    /// will be checked against.
    ///
    /// Parameters in the query of the authorization endpoint are not pushed: they stay in the address. A signed request is pushed as one
    /// parameter, `request` ([RFC 9126 section 3]).
    ///
    /// # Errors
    ///
    /// What [`RequestSigner::sign`](crate::RequestSigner::sign) answers; [`Error::Entropy`] if there are no random bytes;
    /// [`Error::InvalidInput`] if the client has no endpoint for it, the redirect
    /// address is none, or the client has a parameter that belongs to the flow; [`Error::Profile`].
    ///
    /// [RFC 9126]: https://www.rfc-editor.org/rfc/rfc9126
    /// [RFC 9126 section 3]: https://www.rfc-editor.org/rfc/rfc9126#section-3
    pub fn push(self, cx: &mut Cx<'_>) -> Result<(PushedAuthorizationRequest, PendingAuthorization), Error> {
        self.client.check_authorization(&self.redirect_uri, true)?;
        self.client.authorization_endpoint()?;
        self.client.pushed_authorization_request_endpoint()?;
        let drawn = self.draw(cx)?;
        let parameters = match self.signed(&drawn, cx)? {
            None => self.write(QueryWriter::alone(self.expected_length()), None, &drawn),
            Some(object) => {
                let mut query = QueryWriter::alone(16 + object.expose().len());
                query.push("request", object.expose());
                query.finish()
            }
        };
        let pushed = PushedAuthorizationRequest::new(self.client, Secret::new(parameters));
        Ok((pushed, self.pending(drawn, cx)))
    }

    /// The flow that gives what [`start`](Self::start) gives: pushed where the server takes nothing else, else at once.
    ///
    /// # Errors
    ///
    /// As those of [`start`](Self::start) and [`push`](Self::push). The flow ends in those of [`PushedAuthorizationRequest::flow`].
    pub fn begin(self, cx: &mut Cx<'_>) -> Result<Step<(AuthorizationUrl, PendingAuthorization)>, Error> {
        if !self.client.push_required() {
            return self.start(cx).map(Step::Done);
        }
        let (pushed, pending) = self.push(cx)?;
        Ok(pushed.flow().and_then(|url, _| Ok(Step::Done((url, pending)))))
    }

    /// The request object that stands for the whole request, if the client signs its requests. RFC 9126 section 3: what is in it "MUST
    /// NOT" be beside it.
    fn signed(&self, drawn: &Drawn, cx: &mut Cx<'_>) -> Result<Option<Secret>, Error> {
        let Some(signer) = self.client.request_signer() else {
            return Ok(None);
        };
        let query = QueryWriter::alone(self.expected_length());
        let query = Zeroizing::new(self.write(query, Some(self.client.id()), drawn));
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        signer.sign(self.client, &parameters, self.lifetime, cx).map(Some)
    }

    fn draw(&self, cx: &mut Cx<'_>) -> Result<Drawn, Error> {
        check_redirect_uri(&self.redirect_uri)?;
        self.check_response_type()?;
        for (name, _) in self.client.parameters() {
            check_parameter(name)?;
        }
        Drawn::new(self.scopes.contains("openid"), cx)
    }

    fn pending(self, drawn: Drawn, cx: &Cx<'_>) -> PendingAuthorization {
        let (client, response_mode) = (self.client, self.mode());
        // Whoever set it: it is checked if it was sent.
        let max_age = self.sent("max_age").and_then(|seconds| seconds.parse().ok());
        let max_age = max_age.map(Duration::from_secs);
        PendingAuthorization {
            state: drawn.state,
            verifier: drawn.verifier,
            nonce: drawn.nonce,
            issuer: client.issuer().cloned(),
            iss_promised: client.iss_promised(),
            client: client.clone(),
            redirect_uri: self.redirect_uri,
            scopes: self.scopes,
            resources: self.resources,
            acr_values: self.acr_values,
            max_age,
            response_type: self.response_type,
            response_mode,
            dpop_jkt: client.dpop_jkt().map(str::to_owned),
            token_key: client.login_key(),
            code_parameter: client.quirks().code_parameter.clone(),
            created_at: cx.wall(),
            expires_at: cx.wall().plus(self.lifetime),
        }
    }
}

/// What is random about an authorization: each from 32 bytes of its own.
pub(super) struct Drawn {
    pub(super) state: Secret,
    pub(super) verifier: Verifier,
    /// With `openid` only.
    pub(super) nonce: Option<Secret>,
}

impl Drawn {
    pub(super) fn new(openid: bool, cx: &mut Cx<'_>) -> Result<Self, Error> {
        let mut random = Zeroizing::new([[0; 32]; 3]);
        let needed = if openid { 3 } else { 2 };
        cx.fill(random[..needed].as_flattened_mut())?;
        let [state, verifier, nonce] = &*random;
        Ok(Self {
            state: Secret::new(URL_SAFE_NO_PAD.encode(state)),
            verifier: Verifier::from_random(verifier),
            nonce: openid.then(|| Secret::new(URL_SAFE_NO_PAD.encode(nonce))),
        })
    }
}

/// Prints no parameter: a hint names a person.
impl fmt::Debug for AuthorizationRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client", &self.client)
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// RFC 6749 section 3.1.2: the redirect address "MUST be an absolute URI" and "MUST NOT include a fragment component".
pub(crate) fn check_redirect_uri(uri: &str) -> Result<(), Error> {
    let bad = |problem| Err(InvalidInput::new("redirect_uri", problem).into());
    // Without an early end, so that the compiler takes many bytes at once.
    if !uri.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
        return bad("has a space, a control character or a letter outside ASCII");
    }
    if uri.bytes().fold(false, |any, byte| any | (byte == b'#')) {
        return bad("has a fragment");
    }
    // scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), RFC 3986 section 3.1.
    let (scheme, rest) = uri.split_at(uri.bytes().position(|byte| byte == b':').unwrap_or_default());
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if rest.len() < 2
        || !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        || !scheme.bytes().all(letters)
    {
        return bad("is not an absolute address");
    }
    Ok(())
}

/// Long enough for a password and a second factor.
const LIFETIME: Duration = Duration::from_secs(600);
