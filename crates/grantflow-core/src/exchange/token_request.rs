//! The token endpoint: a code, a refresh token or another grant for an access token ([RFC 6749 section 4.1.3], [section 6],
//! [section 4.4.2], [section 4.5]).
//!
//! [RFC 6749 section 4.1.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
//! [section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
//! [section 4.4.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2
//! [section 4.5]: https://www.rfc-editor.org/rfc/rfc6749#section-4.5

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Refreshed, another_proof, refusal, scope_text, token_reply};
use crate::authorization::AuthorizationCode;
use crate::error::ReplyProblem;
use crate::form::Form;
use crate::token::PROOF;
use crate::{
    AuthorizationDetails, Client, Cx, Endpoint, Error, Next, Proven, Request, Response, Scopes, Secret, Step,
    Token, TokenType, TransportError,
};

/// A request for a token, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Client, Cx, Endpoint, Now, Secret, TokenRequest};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
///
/// let request = TokenRequest::refresh(&client, Secret::new("tGzv3JOkF0XG5Qx2TlKWIA"));
/// let _to_send = request.to_http(&mut cx)?;
///
/// let reply = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer"}"#))?;
/// assert_eq!(request.parse(&reply, &cx)?.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TokenRequest {
    client: Client,
    grant: Grant,
    scopes: Scopes,
    resources: Vec<String>,
    authorization_details: AuthorizationDetails,
    anonymous: bool,
    any_token_type: bool,
}

#[derive(Debug)]
enum Grant {
    Code(Arc<AuthorizationCode>),
    Refresh(Secret),
    ClientCredentials,
    Extension(String, Vec<(&'static str, Secret)>),
}

impl TokenRequest {
    /// Trades the code of a checked redirect for a token ([RFC 6749 section 4.1.3], [RFC 7636 section 4.5]).
    ///
    /// The code brings its verifier, its redirect address and its resources; it works once. It brings the key of the login too, where that
    /// was made for it, for the client's [constraint](Client::with_token_constraint) to prove with: any process with one of that kind can
    /// end a login.
    ///
    /// [RFC 6749 section 4.1.3]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
    /// [RFC 7636 section 4.5]: https://www.rfc-editor.org/rfc/rfc7636#section-4.5
    #[must_use]
    pub fn authorization_code(client: &Client, code: AuthorizationCode) -> Self {
        let (scopes, resources) = (code.scopes().clone(), code.resources().to_vec());
        // A key that cannot be read leaves the client's own, which the code is then not for.
        let bound = client.clone().bound_by(code.token_key());
        let client = bound.unwrap_or_else(|_| client.clone());
        Self {
            scopes,
            resources,
            ..Self::new(&client, Grant::Code(Arc::new(code)))
        }
    }

    /// Trades a refresh token for a new access token ([RFC 6749 section 6]).
    ///
    /// [RFC 6749 section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
    #[must_use]
    pub fn refresh(client: &Client, refresh_token: Secret) -> Self {
        Self::new(client, Grant::Refresh(refresh_token))
    }

    /// Asks for a token of the client itself ([RFC 6749 section 4.4.2]).
    ///
    /// [RFC 6749 section 4.4.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2
    #[must_use]
    pub fn client_credentials(client: &Client) -> Self {
        Self::new(client, Grant::ClientCredentials)
    }

    /// Presents a grant of another type, by the address that names it ([RFC 6749 section 4.5]), such as
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer` ([RFC 7523 section 2.1]) with its parameter `assertion`.
    ///
    /// [RFC 6749 section 4.5]: https://www.rfc-editor.org/rfc/rfc6749#section-4.5
    /// [RFC 7523 section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
    #[must_use]
    pub fn extension(
        client: &Client,
        grant_type: impl Into<String>,
        parameters: impl IntoIterator<Item = (&'static str, Secret)>,
    ) -> Self {
        let parameters = parameters.into_iter().collect();
        Self::new(client, Grant::Extension(grant_type.into(), parameters))
    }

    /// Presents the [`device_code`](crate::DeviceGrant::device_code) of a [`DeviceGrant`](crate::DeviceGrant) once
    /// ([RFC 8628 section 3.4]); the refusals that mean to come again are errors here. [`DeviceGrant::poll`](crate::DeviceGrant::poll) comes again.
    ///
    /// [RFC 8628 section 3.4]: https://www.rfc-editor.org/rfc/rfc8628#section-3.4
    #[must_use]
    pub fn device_code(client: &Client, device_code: Secret) -> Self {
        Self::extension(client, DEVICE_CODE, [("device_code", device_code)])
    }

    /// Presents the id of a [`BackchannelGrant`](crate::BackchannelGrant) once ([CIBA section 10.1]); the refusals that mean to come
    /// again are errors here. [`BackchannelGrant::poll`](crate::BackchannelGrant::poll) comes again.
    ///
    /// [CIBA section 10.1]: https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.10.1
    #[must_use]
    pub fn backchannel(client: &Client, auth_req_id: Secret) -> Self {
        Self::extension(client, CIBA, [("auth_req_id", auth_req_id)])
    }

    fn new(client: &Client, grant: Grant) -> Self {
        Self {
            client: client.clone(),
            grant,
            scopes: Scopes::none(),
            resources: Vec::new(),
            authorization_details: AuthorizationDetails::default(),
            anonymous: false,
            any_token_type: false,
        }
    }

    /// Sends neither the client's id nor a proof of it: the grant says who asks ([RFC 7521 section 4.1]).
    ///
    /// [RFC 7521 section 4.1]: https://www.rfc-editor.org/rfc/rfc7521#section-4.1
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Takes what is no access token too: an exchange may give another one.
    pub(crate) fn any_token_type(mut self) -> Self {
        self.any_token_type = true;
        self
    }

    /// Asks for these scopes. A refresh may ask for at most those granted before, which is also what no scopes mean
    /// ([RFC 6749 section 6]). The exchange of a code never sends scopes: they were asked for before.
    ///
    /// [RFC 6749 section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Names a resource that the token is for; may be called again for another ([RFC 8707 section 2.2]).
    ///
    /// [RFC 8707 section 2.2]: https://www.rfc-editor.org/rfc/rfc8707#section-2.2
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Says exactly what the token is to be good for ([RFC 9396 section 6]): of what was granted before, some of it; without a grant
    /// before, all that is asked for. None means all that was granted.
    ///
    /// [RFC 9396 section 6]: https://www.rfc-editor.org/rfc/rfc9396#section-6
    #[must_use]
    pub fn authorization_details(mut self, details: AuthorizationDetails) -> Self {
        self.authorization_details = details;
        self
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The scopes that were asked for, to compare with those of [`Token::scopes`]: a server may grant others.
    #[must_use]
    pub fn requested_scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the code was asked for by another client, or if the secret fits in no header; what
    /// [`ClientAuthentication::parameters`](crate::ClientAuthentication::parameters) answers; [`Error::Profile`].
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        self.client.check_profile()?;
        self.client.check_grant(self.is_analysed() && !self.anonymous)?;
        let quirks = self.client.quirks();
        let mut form = Form::default();
        match &self.grant {
            Grant::Code(code) => {
                code.check_client(&self.client)?;
                form.push("grant_type", "authorization_code");
                match quirks.code_is_encoded_twice {
                    false => form.push("code", code.code().expose()),
                    true => form.push("code", &decoded(code.code())),
                }
                // RFC 6749 section 4.1.3: "their values MUST be identical".
                if !quirks.no_redirect_uri_in_exchange {
                    form.push("redirect_uri", code.redirect_uri());
                }
                if !quirks.without_pkce {
                    form.push("code_verifier", code.verifier().expose());
                }
                for (name, value) in &quirks.exchange_parameters {
                    form.push(name, value);
                }
            }
            Grant::Refresh(refresh_token) => {
                form.push("grant_type", "refresh_token");
                form.push("refresh_token", refresh_token.expose());
                for (name, value) in &quirks.refresh_parameters {
                    form.push(name, value);
                }
            }
            Grant::ClientCredentials => form.push("grant_type", "client_credentials"),
            Grant::Extension(name, parameters) => {
                form.push("grant_type", name);
                for (name, value) in parameters {
                    form.push(name, value.expose());
                }
            }
        }
        if !self.scopes.is_empty() && !matches!(self.grant, Grant::Code(_)) {
            form.push("scope", &scope_text(&self.client, &self.scopes));
        }
        for resource in &self.resources {
            form.push("resource", resource);
        }
        if !self.authorization_details.is_empty() {
            form.push("authorization_details", &self.authorization_details.to_json());
        }
        let authorization = if self.anonymous {
            None
        } else {
            self.client
                .authentication()
                .apply(&self.client, self.endpoint(), &mut form, cx)?
        };
        let mut request = form.post_as(self.endpoint(), authorization, quirks)?;
        if let Some(constraint) = self.client.token_constraint() {
            let proof = constraint.prove(&Proven::request(request.method(), request.uri()), cx)?;
            if let Some(proof) = proof {
                request.headers_mut().insert(PROOF, proof);
            }
        }
        Ok(request)
    }

    /// FAPI 2.0 section 5.3.2.1, note 2: the code flow and CIBA are; a client's own credentials ask no user.
    fn is_analysed(&self) -> bool {
        match &self.grant {
            Grant::Code(_) | Grant::Refresh(_) | Grant::ClientCredentials => true,
            Grant::Extension(name, _) => name == CIBA,
        }
    }

    /// Some providers have an endpoint of its own for refreshes (quirk 29).
    fn endpoint(&self) -> &Endpoint {
        match self.grant {
            Grant::Refresh(_) => self.client.refresh_endpoint(),
            _ => self.client.token_endpoint(),
        }
    }

    /// Reads the reply; `cx` turns `expires_in` into a time ([RFC 6749 section 5]).
    ///
    /// The scopes of the token may be others than those asked for. A refresh reply without a refresh token
    /// means that the old one stays, and one without scopes that they are unchanged: both are `None` here.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, [`Error::BadReply`] if the reply made no sense, or grants a token of another type than
    /// the client uses: one bound to a key without a [constraint](Client::with_token_constraint), or the other way round.
    ///
    /// [RFC 6749 section 5]: https://www.rfc-editor.org/rfc/rfc6749#section-5
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<Token, Error> {
        let mut read = self.read(reply, cx);
        if let Err(refused) = read
            .as_ref()
            .map_or(Ok(()), |token| self.check_type(token, reply, cx))
        {
            read = Err(refused);
        }
        read
    }

    /// Whether the token is of the type that the client uses.
    pub(crate) fn check_type(&self, token: &Token, reply: &Response, cx: &Cx<'_>) -> Result<(), Error> {
        let is_taken = match (token.token_type, self.client.token_constraint()) {
            // It is no access token: nothing can be proved with it.
            (TokenType::NotApplicable, _) => self.any_token_type,
            (TokenType::Unknown, _) => false,
            (token_type, Some(constraint)) => constraint.takes(token_type),
            (token_type, None) => token_type == TokenType::Bearer,
        };
        let refused = || refusal::bad(reply, ReplyProblem::TokenType, cx);
        is_taken.then_some(()).ok_or_else(refused)
    }

    /// Reads the reply, whatever the type of the token: what came with one that is not taken may be of use.
    pub(crate) fn read(&self, reply: &Response, cx: &Cx<'_>) -> Result<Token, Error> {
        let quirks = self.client.quirks();
        let mut token = Token::bearer(Secret::default(), cx.wall());
        token_reply::read_into(&mut token, reply, quirks, cx)?;
        if let Grant::Code(code) = &self.grant {
            token.token_key = code.token_key().cloned();
            for name in &quirks.kept_callback_parameters {
                let sent = token.extras.names().contains(name);
                if let Some(value) = code.parameter(name).filter(|_| !sent) {
                    token.extras = std::mem::take(&mut token.extras).with(name, value)?;
                }
            }
        }
        Ok(token)
    }

    /// The refresh token of a reply that grants something and that [`parse`](Self::parse) refuses: what is wrong with the rest takes
    /// nothing from it, and the one that was sent may be spent.
    pub fn successor(&self, reply: &Response, cx: &Cx<'_>) -> Option<Secret> {
        token_reply::successor(reply, self.client.quirks(), cx)
    }

    /// Whether a reply, of which `read` was made, asks for the same request with another proof ([RFC 9449 section 8]), as
    /// [`to_http`](Self::to_http) makes one; [`flow`](Self::flow) does so by itself. Ask for each reply, and send once more at most.
    ///
    /// [RFC 9449 section 8]: https://www.rfc-editor.org/rfc/rfc9449#section-8
    pub fn is_worth_another_proof(&self, reply: &Response, read: &Result<Token, Error>) -> bool {
        another_proof(&self.client, self.endpoint(), reply, read)
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    ///
    /// A code that was asked for with `openid`, by a client with an [`IdTokenCheck`](crate::IdTokenCheck), gives no token before its ID
    /// token has passed; whoever calls [`parse`](Self::parse) alone checks alone.
    ///
    /// The refresh token of a reply that is refused is lost with it. So refresh by [`refreshed`](Self::refreshed), or better by
    /// [`Credentials`](crate::Credentials), which store it, too.
    pub fn flow(self) -> Step<Token> {
        Step::begin(move |cx| self.send(true, |refreshed| refreshed.token, cx))
    }

    /// As [`flow`](Self::flow), with the refresh token apart from the rest, which may have to be refused: the one that was sent is spent
    /// then all the same. It ends in an error where the reply has no refresh token and grants nothing of use.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::{Client, Refreshed, Secret, Step, Token, TokenRequest};
    ///
    /// fn refresh(client: &Client, refresh_token: Secret, store: fn(Secret)) -> Step<Token> {
    ///     let refreshed = TokenRequest::refresh(client, refresh_token).refreshed();
    ///     refreshed.and_then(move |Refreshed { refresh_token, token }, _| {
    ///         refresh_token.map(store);
    ///         Ok(Step::Done(token?))
    ///     })
    /// }
    /// # let _ = refresh;
    /// ```
    pub fn refreshed(self) -> Step<Refreshed> {
        Step::begin(move |cx| self.send(true, Ok, cx))
    }

    /// A reply that asks for another proof gets one, once. `give`: what of the end is the value.
    fn send<T: Send + 'static>(
        self,
        again: bool,
        give: fn(Refreshed) -> Result<T, Error>,
        cx: &mut Cx<'_>,
    ) -> Result<Step<T>, Error> {
        let request = self.to_http(cx)?;
        let asked_at = cx.wall();
        let read = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
            let reply = reply?;
            let read = self.read(&reply, cx);
            let refresh_token = match &read {
                Ok(token) => token.refresh_token.clone(),
                Err(_) => self.successor(&reply, cx),
            };
            let token = read.and_then(|token| self.check_type(&token, &reply, cx).map(|()| token));
            if self.is_worth_another_proof(&reply, &token) && again {
                return self.send(false, give, cx);
            }
            let is_old_kept = refresh_token.is_none();
            let end = move |token| Ok(Step::Done(give(Refreshed { refresh_token, token })?));
            match (token, &self.grant, self.client.id_token_check()) {
                (Err(error), ..) if is_old_kept => Err(error),
                // The lifetime counts from when the server may have granted it, not from when the reply was read.
                (Ok(token), Grant::Code(code), Some(check)) if code.scopes().contains("openid") => Ok(check
                    .check(token.asked_at(asked_at), code)
                    .then(move |token, _| end(token))),
                (token, ..) => end(token.map(|token| token.asked_at(asked_at))),
            }
        };
        Ok(Step::Send(request, Next::new(read)))
    }
}

/// A code that a provider encoded once more than its redirect was (quirk 35): its escapes undone, and all else as it is.
fn decoded(code: &Secret) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(2 + 3 * code.expose().len()));
    escaped.push_str("c=");
    for letter in code.expose().chars() {
        match letter {
            '+' => escaped.push_str("%2B"),
            '&' => escaped.push_str("%26"),
            letter => escaped.push(letter),
        }
    }
    let pair = form_urlencoded::parse(escaped.as_bytes()).next();
    Zeroizing::new(pair.map_or_else(String::new, |(_, code)| code.into_owned()))
}

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";
