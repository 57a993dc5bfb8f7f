//! Token introspection ([RFC 7662]): what the server knows of a token.
//!
//! [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662

use super::members::{Member, Members, as_text, as_texts, text};
use super::{TokenTypeHint, object, refusal, send, token_reply};
use crate::error::ReplyProblem;
use crate::form::Form;
use crate::{
    CertificateThumbprint, Client, Cx, Error, Extras, Request, Response, Scopes, Secret, Step, Timestamp,
};

/// A question about a token, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Client, Cx, Endpoint, IntrospectionRequest, Now, Secret, TokenTypeHint};
///
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://server.example.com/token")?)
///     .with_secret_basic("gX1fBat3bV")
///     .with_introspection_endpoint(Endpoint::new("https://server.example.com/introspect")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
///
/// let request = IntrospectionRequest::new(&client, &Secret::new("2YotnFZFEjr1zCsicMWpAA"), TokenTypeHint::AccessToken);
/// let _to_send = request.to_http(&mut cx)?;
///
/// let reply = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"active":true,"sub":"Z5O3upPC88QrAjx00dis"}"#))?;
/// assert_eq!(request.parse(&reply, &cx)?.subject.as_deref(), Some("Z5O3upPC88QrAjx00dis"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct IntrospectionRequest {
    client: Client,
    token: Secret,
    hint: TokenTypeHint,
}

/// What the server knows of a token ([RFC 7662 section 2.2]); of one that is not active, nothing.
///
/// [RFC 7662 section 2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token works: issued by this server, not ended, not revoked.
    pub active: bool,
    /// `scope`.
    pub scopes: Option<Scopes>,
    /// `client_id`: who asked for the token.
    pub client_id: Option<String>,
    /// `username`: the user in words for people.
    pub username: Option<String>,
    /// `token_type`, as it came.
    pub token_type: Option<String>,
    /// `exp`: when the token ends.
    pub expires_at: Option<Timestamp>,
    /// `iat`: when it was issued.
    pub issued_at: Option<Timestamp>,
    /// `nbf`: before when it must not be used.
    pub not_before: Option<Timestamp>,
    /// `sub`: the user in words for programs.
    pub subject: Option<String>,
    /// `aud`: whom the token is for.
    pub audience: Vec<String>,
    /// `iss`: who issued it.
    pub issuer: Option<String>,
    /// `jti`: its name.
    pub token_id: Option<String>,
    /// `x5t#S256` of `cnf`: the client certificate that the token is bound to, as the one who uses it has to show
    /// ([RFC 8705 section 3.2](https://www.rfc-editor.org/rfc/rfc8705#section-3.2)). The whole of `cnf` is among the extras.
    pub certificate: Option<CertificateThumbprint>,
    /// What else the server said.
    pub extras: Extras,
}

impl IntrospectionRequest {
    /// Asks what the server knows of `token` ([RFC 7662 section 2.1]).
    ///
    /// [RFC 7662 section 2.1]: https://www.rfc-editor.org/rfc/rfc7662#section-2.1
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
    /// [`Error::InvalidInput`] if the client has no introspection endpoint, or its secret fits in no header; what
    /// [`ClientAuthentication::parameters`](crate::ClientAuthentication::parameters) answers.
    /// [`Error::InvalidInput`] too if the client authenticates by a certificate, and `cx` has none or the endpoint no TLS;
    /// [`Error::Profile`].
    pub fn to_http(&self, cx: &mut Cx<'_>) -> Result<Request, Error> {
        let endpoint = self.client.introspection_endpoint()?;
        let mut form = Form::default();
        form.push("token", self.token.expose());
        form.push("token_type_hint", self.hint.as_str());
        let authorization = self
            .client
            .authentication()
            .apply(&self.client, endpoint, &mut form, cx)?;
        form.post(endpoint, authorization)
    }

    /// Reads the reply ([RFC 7662 section 2.2]); a token that is not active is an answer and no error.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refused, [`Error::BadReply`] if the reply made no sense.
    ///
    /// [RFC 7662 section 2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<Introspection, Error> {
        read(object(reply, cx)?).map_err(|problem| refusal::bad(reply, problem, cx))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<Introspection> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }
}

impl Introspection {
    /// Reads the object of a reply ([RFC 7662 section 2.2]) that came otherwise, such as within a signed one ([RFC 9701 section 5]):
    /// `grantflow_oidc::SignedIntrospectionRequest` proves those first.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    ///
    /// [RFC 7662 section 2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2
    /// [RFC 9701 section 5]: https://www.rfc-editor.org/rfc/rfc9701#section-5
    pub fn parse(json: &str) -> Result<Self, ReplyProblem> {
        let mut members = Members::default();
        members.read(json.as_bytes())?;
        read(members)
    }
}

fn read(members: Members<'_>) -> Result<Introspection, ReplyProblem> {
    // A text such as "false" must not count as true somewhere: only JSON's own two words are taken.
    match members.other("active").map(|value| value.get()) {
        None => return Err(ReplyProblem::Missing("active")),
        Some("true") => {}
        Some("false") => return Ok(Introspection::default()),
        Some(_) => return Err(ReplyProblem::Invalid("active")),
    }
    let other = |name| Ok(text(members.other(name), name)?.map(|text| text.into_owned()));
    let time = |name| time(members.other(name)).ok_or(ReplyProblem::Invalid(name));
    let mut introspection = Introspection {
        active: true,
        scopes: token_reply::scopes(&members)?,
        client_id: other("client_id")?,
        username: other("username")?,
        token_type: None,
        expires_at: time("exp")?,
        issued_at: time("iat")?,
        not_before: time("nbf")?,
        subject: other("sub")?,
        audience: audience(members.other("aud")).ok_or(ReplyProblem::Invalid("aud"))?,
        issuer: other("iss")?,
        token_id: other("jti")?,
        certificate: certificate(members.other("cnf")).ok_or(ReplyProblem::Invalid("cnf"))?,
        extras: Extras::default(),
    };
    for (name, value) in members.others() {
        if !KNOWN.contains(&name) {
            introspection.extras.push(name, value);
        }
    }
    let token_type = members.token_type.get("token_type")?;
    introspection.token_type = token_type.map(|text| text.into_owned());
    Ok(introspection)
}

/// RFC 8705 section 3.2: `x5t#S256` in the object `cnf`, which may hold another confirmation instead. `None` for anything else.
fn certificate(member: Member<'_>) -> Option<Option<CertificateThumbprint>> {
    let Some(value) = member else { return Some(None) };
    if !value.get().starts_with('{') {
        return None;
    }
    let cnf = Members::nested(value.get().as_bytes()).ok()?;
    match cnf.other("x5t#S256") {
        None => Some(None),
        Some(text) => CertificateThumbprint::parse(&as_text(text)?).map(Some),
    }
}

/// RFC 7519 section 2: a number of seconds since 1970, with or without a fraction. `None` for anything else.
fn time(member: Member<'_>) -> Option<Option<Timestamp>> {
    let Some(value) = member else { return Some(None) };
    let seconds: f64 = serde_json::from_str(value.get()).ok()?;
    // Within a clock's range the conversion cannot go wrong.
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let seconds = seconds.floor().clamp(-LAST, LAST) as i64;
    Some(Some(Timestamp::from_unix_seconds(seconds)))
}

/// RFC 7519 section 4.1.3: one text or an array of texts. `None` for anything else.
fn audience(member: Member<'_>) -> Option<Vec<String>> {
    let Some(value) = member else {
        return Some(Vec::new());
    };
    if let Some(one) = super::members::as_text(value) {
        return Some(vec![one.into_owned()]);
    }
    Some(
        as_texts(value)?
            .into_iter()
            .map(|text| text.into_owned())
            .collect(),
    )
}

const KNOWN: [&str; 10] = [
    "active",
    "client_id",
    "username",
    "exp",
    "iat",
    "nbf",
    "sub",
    "aud",
    "iss",
    "jti",
];
/// The year 9999, in seconds since 1970.
const LAST: f64 = 253_402_300_799.0;
