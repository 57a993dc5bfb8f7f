//! Clients that register themselves ([RFC 7591 section 3]), and look after what was registered ([RFC 7592 section 2]).
//!
//! ```text
//! RegistrationRequest::at(server, metadata) ─▶ Registration ─▶ a Client
//!                                                │    ▲
//!                                                ├─ read, update      DeregistrationRequest ─▶ gone
//!                                                └──────────────────────────▲
//! ```
//!
//! [RFC 7591 section 3]: https://www.rfc-editor.org/rfc/rfc7591#section-3
//! [RFC 7592 section 2]: https://www.rfc-editor.org/rfc/rfc7592#section-2

use http::{HeaderValue, Method, header};
use serde_json::Value;
use zeroize::Zeroizing;

use super::client_metadata::{ClientMetadata, METHOD};
use super::members::{Members, as_text, text};
use super::{object, refusal, send};
use crate::error::{InvalidInput, ReplyProblem};
use crate::{
    Body, Cx, Endpoint, Error, Issuer, Registration, Request, Response, Secret, ServerMetadata, Step,
    Timestamp,
};

/// A request to register a client, or to read or change what was registered, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, ClientMetadata, Cx, Endpoint, Issuer, Now, RegistrationRequest};
///
/// let issuer = Issuer::new("https://server.example.com")?;
/// let endpoint = Endpoint::new("https://server.example.com/register")?;
/// let request = RegistrationRequest::new(&issuer, &endpoint, ClientMetadata::new("Notes", ["http://127.0.0.1/callback"]));
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
/// let _to_send = request.to_http(&mut cx)?;
///
/// let reply = http::Response::builder()
///     .status(201)
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"client_id":"s6BhdRkqt3","token_endpoint_auth_method":"none"}"#))?;
/// assert_eq!(request.parse(&reply, &cx)?.client_id(), "s6BhdRkqt3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RegistrationRequest {
    endpoint: Endpoint,
    token: Option<Secret>,
    metadata: Option<ClientMetadata>,
    known: Option<Registration>,
    issuer: Issuer,
    /// Whether the way to authenticate is a guess: the server lists none.
    guessed: bool,
}

impl RegistrationRequest {
    /// Registers a client of this server, the only one that the client is then one of, by its registration endpoint
    /// ([RFC 7591 section 3.1]).
    ///
    /// [RFC 7591 section 3.1]: https://www.rfc-editor.org/rfc/rfc7591#section-3.1
    #[must_use]
    pub fn new(issuer: &Issuer, endpoint: &Endpoint, metadata: ClientMetadata) -> Self {
        Self {
            endpoint: endpoint.clone(),
            token: None,
            metadata: Some(metadata),
            known: None,
            issuer: issuer.clone(),
            guessed: false,
        }
    }

    /// Registers a client of this server, with a way to authenticate that the server takes, where `metadata` name none: `none` if the
    /// server lists it or lists nothing, else the secret in the header, else in the body.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the server registers nobody.
    pub fn at(server: &ServerMetadata, metadata: ClientMetadata) -> Result<Self, Error> {
        let endpoint = server.registration_endpoint().ok_or_else(|| {
            InvalidInput::new(
                "client",
                "is not registered, and the server lets nobody register by themselves",
            )
        })?;
        let method = METHODS
            .into_iter()
            .find(|method| server.listed_authentication(method) != Some(false));
        let chosen = method.filter(|_| metadata.authentication_method().is_none());
        let metadata = match chosen {
            Some(method) => metadata.with_authentication_method(method),
            None => metadata,
        };
        Ok(Self {
            guessed: chosen.is_some() && server.token_endpoint_auth_methods_supported().is_none(),
            ..Self::new(server.issuer(), endpoint, metadata)
        })
    }

    /// Presents a token that the server gave out for registrations ([RFC 7591 section 3]).
    ///
    /// [RFC 7591 section 3]: https://www.rfc-editor.org/rfc/rfc7591#section-3
    #[must_use]
    pub fn with_initial_access_token(mut self, token: Secret) -> Self {
        self.token = Some(token);
        self
    }

    /// Reads what is registered now ([RFC 7592 section 2.1]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the server gave no means to do so.
    ///
    /// [RFC 7592 section 2.1]: https://www.rfc-editor.org/rfc/rfc7592#section-2.1
    pub fn read(registration: &Registration) -> Result<Self, Error> {
        let (endpoint, token) = managed(registration)?;
        Ok(Self {
            endpoint,
            token: Some(token),
            metadata: None,
            known: Some(registration.clone()),
            issuer: registration.issuer.clone(),
            guessed: false,
        })
    }

    /// Puts `metadata` in place of all that is registered ([RFC 7592 section 2.2]); the way to authenticate stays where they name none.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the server gave no means to do so.
    ///
    /// [RFC 7592 section 2.2]: https://www.rfc-editor.org/rfc/rfc7592#section-2.2
    pub fn update(registration: &Registration, metadata: ClientMetadata) -> Result<Self, Error> {
        Ok(Self {
            metadata: Some(metadata),
            ..Self::read(registration)?
        })
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a token fits in no header.
    pub fn to_http(&self, _: &mut Cx<'_>) -> Result<Request, Error> {
        let method = match (&self.metadata, &self.known) {
            (Some(_), None) => Method::POST,
            (Some(_), Some(_)) => Method::PUT,
            (None, _) => Method::GET,
        };
        let mut request = request(method, &self.endpoint, self.token.as_ref())?;
        if let Some(metadata) = &self.metadata {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = self.body(metadata);
        }
        Ok(request)
    }

    fn body(&self, metadata: &ClientMetadata) -> Body {
        let mut members = metadata.members().clone();
        if let Some(known) = &self.known {
            // RFC 7592 section 2.2: the client id is there, and the secret, if there is one, as it is.
            members.insert("client_id".to_owned(), Value::from(known.client_id()));
            if let Some(secret) = known.client_secret() {
                members.insert("client_secret".to_owned(), Value::from(secret.expose()));
            }
            // RFC 7591 section 2 takes silence for client_secret_basic, which would make a public client another.
            let method = members.entry(METHOD);
            method.or_insert_with(|| Value::from(known.authentication_method()));
        }
        Body::from(Value::Object(members).to_string())
    }

    /// Reads the reply ([RFC 7591 section 3.2.1]). What a reply to a later request leaves out stays as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused ([RFC 7591 section 3.2.2]), [`Error::BadReply`] if the reply made no sense, or would
    /// have the registration looked after at another origin than the issuer's and that of the address which was asked.
    ///
    /// [RFC 7591 section 3.2.1]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1
    /// [RFC 7591 section 3.2.2]: https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<Registration, Error> {
        let members = object(reply, cx)?;
        self.registered(&members)
            .map_err(|problem| refusal::bad(reply, problem, cx))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<Registration> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }

    /// Where tokens that look after the registration go later: no further than the server's own places (threat T39).
    fn client_uri(&self, address: String) -> Option<Endpoint> {
        let uri = Endpoint::named_by(address, self.endpoint.as_str()).ok()?;
        let places = [self.endpoint.origin(), self.issuer.origin()];
        places.contains(&uri.origin()).then_some(uri)
    }

    fn registered(&self, members: &Members<'_>) -> Result<Registration, ReplyProblem> {
        let known = self.known.as_ref();
        let string =
            |name| text(members.other(name), name).map(|text| text.map(std::borrow::Cow::into_owned));
        let client_id = string("client_id")?.ok_or(ReplyProblem::Missing("client_id"))?;
        if known.is_some_and(|known| known.client_id() != client_id) {
            return Err(ReplyProblem::Invalid("client_id"));
        }
        let secret = string("client_secret")?.map(Secret::new);
        let end = match (known, &secret) {
            // The same secret ends as it did.
            (Some(known), None) if members.other(EXPIRY).is_none() => known.secret_expires_at(),
            _ => expiry(members)?,
        };
        let uri = match string(CLIENT_URI)? {
            Some(uri) => Some(self.client_uri(uri).ok_or(ReplyProblem::Invalid(CLIENT_URI))?),
            None => known.and_then(|known| known.client_uri().cloned()),
        };
        let token = string("registration_access_token")?.map(Secret::new);
        let asked = self
            .metadata
            .as_ref()
            .and_then(ClientMetadata::authentication_method);
        // A secret in answer to a guess: the server has another way, and does not say so.
        let asked = asked.filter(|_| !(self.guessed && secret.is_some()));
        let kept = known.map(Registration::authentication_method);
        Ok(Registration {
            issuer: self.issuer.clone(),
            client_id,
            client_secret: secret.or_else(|| known?.client_secret().cloned()),
            secret_expires_at: end,
            access_token: token.or_else(|| known?.access_token().cloned()),
            client_uri: uri,
            // RFC 7591 section 2: "If unspecified or omitted, the default is client_secret_basic".
            authentication_method: string(METHOD)?
                .or_else(|| asked.or(kept).map(str::to_owned))
                .unwrap_or_else(|| METHODS[1].to_owned()),
        })
    }
}

/// RFC 7591 section 3.2.1: in seconds since 1970, "or 0 if it will not expire".
fn expiry(members: &Members<'_>) -> Result<Option<Timestamp>, ReplyProblem> {
    let Some(value) = members.other(EXPIRY) else {
        return Ok(None);
    };
    let text = as_text(value);
    let seconds = text.as_deref().unwrap_or(value.get());
    let seconds: f64 = serde_json::from_str(seconds).map_err(|_| ReplyProblem::Invalid(EXPIRY))?;
    // Within a few thousand years of either side, where each whole second has a number of its own.
    let seconds = seconds.clamp(-1e11, 1e11);
    #[expect(clippy::cast_possible_truncation, reason = "it was clamped")]
    let at = Timestamp::from_unix_seconds(seconds as i64);
    Ok((at != Timestamp::default()).then_some(at))
}

/// Where a registration is looked after, and with which token.
fn managed(registration: &Registration) -> Result<(Endpoint, Secret), Error> {
    match (registration.client_uri(), registration.access_token()) {
        (Some(uri), Some(token)) => Ok((uri.clone(), token.clone())),
        _ => {
            Err(InvalidInput::new("registration", "has no address and token to be looked after with").into())
        }
    }
}

fn request(method: Method, endpoint: &Endpoint, token: Option<&Secret>) -> Result<Request, Error> {
    let mut request = http::Request::builder()
        .method(method)
        .uri(endpoint.as_str())
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .body(Body::empty())
        .map_err(|_| InvalidInput::new("endpoint", "is not an address"))?;
    if let Some(token) = token {
        let value = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| InvalidInput::new("token", "has a character that fits in no header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// A request to end a registration ([RFC 7592 section 2.3]).
///
/// # Example
///
/// ```no_run
/// # fn example(registration: &grantflow_core::Registration) -> Result<(), grantflow_core::Error> {
/// use grantflow_core::DeregistrationRequest;
///
/// let _step = DeregistrationRequest::new(registration)?.flow();
/// # Ok(())
/// # }
/// ```
///
/// [RFC 7592 section 2.3]: https://www.rfc-editor.org/rfc/rfc7592#section-2.3
#[derive(Clone, Debug)]
pub struct DeregistrationRequest {
    endpoint: Endpoint,
    token: Secret,
}

impl DeregistrationRequest {
    /// Ends this registration.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the server gave no means to do so.
    pub fn new(registration: &Registration) -> Result<Self, Error> {
        let (endpoint, token) = managed(registration)?;
        Ok(Self { endpoint, token })
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the token fits in no header.
    pub fn to_http(&self, _: &mut Cx<'_>) -> Result<Request, Error> {
        request(Method::DELETE, &self.endpoint, Some(&self.token))
    }

    /// Reads the reply: any success will do.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, [`Error::BadReply`] if the reply made no sense.
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

const CLIENT_URI: &str = "registration_client_uri";
const EXPIRY: &str = "client_secret_expires_at";
/// Ways to authenticate, in the order in which one is chosen: installed applications keep no secret from their users.
const METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];
