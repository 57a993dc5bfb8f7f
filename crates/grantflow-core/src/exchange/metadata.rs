//! Authorization server metadata ([RFC 8414], [OpenID Connect Discovery]): the endpoints of a server from its name alone.
//!
//! What the document says is believed only because it comes from the issuer's own host and repeats the issuer's name,
//! so both are checked before anything else is read.
//!
//! [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414
//! [OpenID Connect Discovery]: https://openid.net/specs/openid-connect-discovery-1_0.html

use http::{HeaderValue, Method, StatusCode, header};

use super::members::{Member, Members, as_text, as_texts, scopes, texts};
use super::{object, refusal, send, well_known};
use crate::error::{InvalidInput, ReplyProblem};
use crate::{Body, Client, Cx, Endpoint, Error, Issuer, Request, Response, Scopes, Secret, Step};

/// A request for the metadata of a server, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Cx, Issuer, MetadataRequest, Now};
///
/// let request = MetadataRequest::new(&Issuer::new("https://example.com/issuer1")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
/// assert_eq!(
///     request.to_http(&mut cx)?.uri(),
///     "https://example.com/.well-known/oauth-authorization-server/issuer1",
/// );
///
/// let reply = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"issuer":"https://example.com/issuer1","token_endpoint":"https://example.com/token"}"#))?;
/// let client = request.parse(&reply, &cx)?.client("s6BhdRkqt3");
/// assert_eq!(client.token_endpoint().as_str(), "https://example.com/token");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MetadataRequest {
    issuer: Issuer,
    place: Place,
    s256: S256,
    is_origin: bool,
}

/// What a server has to say of PKCE.
#[derive(Clone, Copy, Debug, PartialEq)]
enum S256 {
    /// If it lists methods, `S256` is among them.
    IfListed,
    /// It lists methods, and `S256` is among them.
    Listed,
    /// Whatever it says.
    Skipped,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// RFC 8414 section 3.1: between the host and the path.
    OAuth,
    /// The same with the name of OpenID Connect, RFC 8414 section 5.
    OpenidBefore,
    /// OpenID Connect Discovery section 4: behind the path.
    OpenidBehind,
}

impl MetadataRequest {
    /// Asks at `/.well-known/oauth-authorization-server` ([RFC 8414 section 3.1]).
    ///
    /// [RFC 8414 section 3.1]: https://www.rfc-editor.org/rfc/rfc8414#section-3.1
    #[must_use]
    pub fn new(issuer: &Issuer) -> Self {
        Self::at(issuer, Place::OAuth)
    }

    /// Asks at `/.well-known/openid-configuration` ([OpenID Connect Discovery section 4]).
    ///
    /// [OpenID Connect Discovery section 4]: https://openid.net/specs/openid-connect-discovery-1_0.html
    #[must_use]
    pub fn openid(issuer: &Issuer) -> Self {
        Self::at(issuer, Place::OpenidBehind)
    }

    /// Asks at `/.well-known/openid-configuration` before the issuer's path ([RFC 8414 section 5]): the place of one that has no path
    /// is that of [`openid`](Self::openid) too.
    ///
    /// [RFC 8414 section 5]: https://www.rfc-editor.org/rfc/rfc8414#section-5
    #[must_use]
    pub fn openid_before_path(issuer: &Issuer) -> Self {
        Self::at(issuer, Place::OpenidBefore)
    }

    fn at(issuer: &Issuer, place: Place) -> Self {
        Self {
            issuer: issuer.clone(),
            place,
            s256: S256::IfListed,
            is_origin: false,
        }
    }

    /// Takes every issuer of the origin that was asked: its own well-known place is as much its own as each path.
    pub(crate) fn of_the_same_origin(mut self) -> Self {
        self.is_origin = true;
        self
    }

    /// Refuses a server, too, that lists no code challenge methods at all: so the Model Context Protocol demands it, since nothing else
    /// tells whether a server looks at the challenge.
    #[must_use]
    pub fn requiring_s256(mut self) -> Self {
        self.s256 = S256::Listed;
        self
    }

    /// Takes a server, too, that lists code challenge methods and not `S256` ([RFC 8414 section 2]): one whose list is known to be
    /// wrong. The challenge is sent as ever; whether the server looks at it is then for the caller to know.
    ///
    /// # Example
    ///
    /// ```
    /// use grantflow_core::{Issuer, MetadataRequest, SkipS256Check};
    ///
    /// let request = MetadataRequest::new(&Issuer::new("https://server.example.com")?).with_s256_check(SkipS256Check);
    /// # Ok::<(), grantflow_core::Error>(())
    /// ```
    ///
    /// [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
    #[must_use]
    pub fn with_s256_check(mut self, _: SkipS256Check) -> Self {
        self.s256 = S256::Skipped;
        self
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the issuer makes no address.
    pub fn to_http(&self, _: &mut Cx<'_>) -> Result<Request, Error> {
        http::Request::builder()
            .method(Method::GET)
            .uri(self.address())
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .body(Body::empty())
            .map_err(|_| InvalidInput::new("issuer", "makes no address").into())
    }

    fn address(&self) -> String {
        // RFC 8414 section 3.1: "any terminating "/" MUST be removed".
        let name = self.issuer.as_str();
        let name = name.strip_suffix('/').unwrap_or(name);
        match self.place {
            Place::OAuth => well_known::before_path(name, "oauth-authorization-server"),
            Place::OpenidBefore => well_known::before_path(name, OPENID),
            Place::OpenidBehind => format!("{name}/.well-known/{OPENID}"),
        }
    }

    /// Reads the reply ([RFC 8414 section 3.3]): the issuer has to be the one asked, byte for byte, and each endpoint https.
    ///
    /// # Errors
    ///
    /// [`Error::BadReply`] with [`ReplyProblem::Issuer`] if the document is about another server, with
    /// [`ReplyProblem::NoMetadata`] if there is none, and with another problem if it makes no sense, lacks a token endpoint, or
    /// lists code challenge methods without `S256`; [`Error::Server`] if the server refused.
    ///
    /// [RFC 8414 section 3.3]: https://www.rfc-editor.org/rfc/rfc8414#section-3.3
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<ServerMetadata, Error> {
        if reply.status() == StatusCode::NOT_FOUND {
            return Err(refusal::bad_at(
                reply,
                ReplyProblem::NoMetadata,
                &self.address(),
                cx,
            ));
        }
        let members = object(reply, cx)?;
        read(self, &members).map_err(|problem| match named(&members) {
            Some(issuer) if problem == ReplyProblem::Issuer => {
                refusal::bad_at(reply, problem, issuer.as_str(), cx)
            }
            _ => refusal::bad(reply, problem, cx),
        })
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<ServerMetadata> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }
}

/// Switches off the check that a server which lists code challenge methods has `S256` among them;
/// see [`MetadataRequest::with_s256_check`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "its name is all there is to it")]
pub struct SkipS256Check;

/// What a server says of itself ([RFC 8414 section 2]), checked.
///
/// [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
#[derive(Clone, Debug)]
pub struct ServerMetadata {
    issuer: Issuer,
    token_endpoint: Endpoint,
    authorization_endpoint: Option<Endpoint>,
    revocation_endpoint: Option<Endpoint>,
    introspection_endpoint: Option<Endpoint>,
    device_authorization_endpoint: Option<Endpoint>,
    backchannel_authentication_endpoint: Option<Endpoint>,
    userinfo_endpoint: Option<Endpoint>,
    pushed_authorization_request_endpoint: Option<Endpoint>,
    push_required: bool,
    jwks_uri: Option<Endpoint>,
    registration_endpoint: Option<Endpoint>,
    iss_promised: bool,
    s256_listed: bool,
    client_id_documents: bool,
    scopes_supported: Option<Scopes>,
    authentication_methods: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
}

impl ServerMetadata {
    /// A public client of this server; a secret, quirks and redirect addresses are to be added.
    #[must_use]
    pub fn client(&self, client_id: impl Into<String>) -> Client {
        let mut client = Client::new(client_id, self.token_endpoint.clone())
            .with_issuer(self.issuer.clone())
            .with_iss_promised(self.iss_promised)
            .with_push_required(self.push_required);
        if let Some(endpoint) = &self.authorization_endpoint {
            client = client.with_authorization_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.revocation_endpoint {
            client = client.with_revocation_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.introspection_endpoint {
            client = client.with_introspection_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.device_authorization_endpoint {
            client = client.with_device_authorization_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.backchannel_authentication_endpoint {
            client = client.with_backchannel_authentication_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.userinfo_endpoint {
            client = client.with_userinfo_endpoint(endpoint.clone());
        }
        if let Some(endpoint) = &self.pushed_authorization_request_endpoint {
            client = client.with_pushed_authorization_request_endpoint(endpoint.clone());
        }
        client
    }

    /// A client with a secret, which is sent in the way the server takes: by Basic where it says nothing, since that is what
    /// silence means ([RFC 8414 section 2]).
    ///
    /// [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
    #[must_use]
    pub fn confidential_client(&self, client_id: impl Into<String>, secret: impl Into<Secret>) -> Client {
        let client = self.client(client_id);
        let takes = |name| self.listed_authentication(name) == Some(true);
        if takes("client_secret_post") && !takes("client_secret_basic") {
            client.with_secret_post(secret)
        } else {
            client.with_secret_basic(secret)
        }
    }

    /// The server's name.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where tokens are granted.
    #[must_use]
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.token_endpoint
    }

    /// Where users consent.
    #[must_use]
    pub fn authorization_endpoint(&self) -> Option<&Endpoint> {
        self.authorization_endpoint.as_ref()
    }

    /// Where tokens are revoked (RFC 7009).
    #[must_use]
    pub fn revocation_endpoint(&self) -> Option<&Endpoint> {
        self.revocation_endpoint.as_ref()
    }

    /// Where tokens are introspected (RFC 7662).
    #[must_use]
    pub fn introspection_endpoint(&self) -> Option<&Endpoint> {
        self.introspection_endpoint.as_ref()
    }

    /// Where devices begin (RFC 8628 section 4).
    #[must_use]
    pub fn device_authorization_endpoint(&self) -> Option<&Endpoint> {
        self.device_authorization_endpoint.as_ref()
    }

    /// Where the server is told to ask a user (OpenID Connect CIBA section 4).
    #[must_use]
    pub fn backchannel_authentication_endpoint(&self) -> Option<&Endpoint> {
        self.backchannel_authentication_endpoint.as_ref()
    }

    /// Where it is told who a token speaks for (OpenID Connect Core section 5.3); some servers have none (quirk 61).
    #[must_use]
    pub fn userinfo_endpoint(&self) -> Option<&Endpoint> {
        self.userinfo_endpoint.as_ref()
    }

    /// Where authorization requests are pushed (RFC 9126 section 5).
    #[must_use]
    pub fn pushed_authorization_request_endpoint(&self) -> Option<&Endpoint> {
        self.pushed_authorization_request_endpoint.as_ref()
    }

    /// Whether the server takes pushed authorization requests alone ([RFC 9126 section 5]).
    ///
    /// [RFC 9126 section 5]: https://www.rfc-editor.org/rfc/rfc9126#section-5
    #[must_use]
    pub fn push_required(&self) -> bool {
        self.push_required
    }

    /// Where the keys are that sign this server's tokens (RFC 7517).
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&Endpoint> {
        self.jwks_uri.as_ref()
    }

    /// Where clients register themselves ([RFC 7591 section 3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
    #[must_use]
    pub fn registration_endpoint(&self) -> Option<&Endpoint> {
        self.registration_endpoint.as_ref()
    }

    /// The scopes that the server names; it may know others. Names that no scope may have are left out.
    #[must_use]
    pub fn scopes_supported(&self) -> Option<&Scopes> {
        self.scopes_supported.as_ref()
    }

    /// How clients may authenticate to the token endpoint, by the registered names.
    #[must_use]
    pub fn token_endpoint_auth_methods_supported(&self) -> Option<&[String]> {
        self.authentication_methods.as_deref()
    }

    /// Whether this way to authenticate is listed; `None` where the server lists none.
    pub(crate) fn listed_authentication(&self, name: &str) -> Option<bool> {
        let methods = self.authentication_methods.as_ref()?;
        Some(methods.iter().any(|method| method == name))
    }

    /// The types of grants that the server knows, by the registered names.
    #[must_use]
    pub fn grant_types_supported(&self) -> Option<&[String]> {
        self.grant_types.as_deref()
    }

    /// Whether a client id may be the address of a document about the client
    /// ([draft-ietf-oauth-client-id-metadata-document](https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/)).
    #[must_use]
    pub fn client_id_metadata_document_supported(&self) -> bool {
        self.client_id_documents
    }

    /// Whether the server lists code challenge methods and `S256` is among them.
    #[must_use]
    pub fn s256_listed(&self) -> bool {
        self.s256_listed
    }

    /// A server without metadata, by the paths that the Model Context Protocol gave it in its text of 2025-03-26.
    pub(crate) fn with_default_endpoints(issuer: Issuer) -> Result<Self, Error> {
        let name = issuer.as_str();
        let endpoint = |path| Endpoint::named_by(format!("{name}{path}"), name);
        Ok(Self {
            token_endpoint: endpoint("/token")?,
            authorization_endpoint: Some(endpoint("/authorize")?),
            registration_endpoint: Some(endpoint("/register")?),
            revocation_endpoint: None,
            introspection_endpoint: None,
            device_authorization_endpoint: None,
            backchannel_authentication_endpoint: None,
            userinfo_endpoint: None,
            pushed_authorization_request_endpoint: None,
            push_required: false,
            jwks_uri: None,
            iss_promised: false,
            s256_listed: false,
            client_id_documents: false,
            scopes_supported: None,
            authentication_methods: None,
            grant_types: None,
            issuer,
        })
    }

    /// Whether the server promises `iss` in every redirect ([RFC 9207 section 3]).
    ///
    /// [RFC 9207 section 3]: https://www.rfc-editor.org/rfc/rfc9207#section-3
    #[must_use]
    pub fn iss_promised(&self) -> bool {
        self.iss_promised
    }
}

fn read(request: &MetadataRequest, members: &Members<'_>) -> Result<ServerMetadata, ReplyProblem> {
    let name = members.other("issuer").ok_or(ReplyProblem::Missing("issuer"))?;
    let name = as_text(name).ok_or(ReplyProblem::Invalid("issuer"))?;
    // RFC 8414 section 3.3: "MUST be identical". No normal forms: two names that look alike are two servers.
    let issuer = &if name == request.issuer.as_str() {
        request.issuer.clone()
    } else {
        let named = Issuer::named_by(&*name, request.issuer.as_str()).map_err(|_| ReplyProblem::Issuer)?;
        let same = well_known::split(named.as_str()).0 == well_known::split(request.issuer.as_str()).0;
        if !(request.is_origin && same) {
            return Err(ReplyProblem::Issuer);
        }
        named
    };
    let methods = members.other(CHALLENGE_METHODS);
    if methods.is_none() && request.s256 == S256::Listed {
        return Err(ReplyProblem::Missing(CHALLENGE_METHODS));
    }
    let mut s256_listed = false;
    if let Some(methods) = methods {
        let invalid = ReplyProblem::Invalid(CHALLENGE_METHODS);
        // A server that lists methods and not this one would take a login without the protection of PKCE.
        let methods = as_texts(methods).ok_or(invalid)?;
        s256_listed = methods.iter().any(|method| method == "S256");
        if request.s256 != S256::Skipped && !s256_listed {
            return Err(invalid);
        }
    }
    let endpoint = |name| endpoint(members.other(name), issuer).ok_or(ReplyProblem::Invalid(name));
    Ok(ServerMetadata {
        issuer: issuer.clone(),
        token_endpoint: endpoint("token_endpoint")?.ok_or(ReplyProblem::Missing("token_endpoint"))?,
        authorization_endpoint: endpoint("authorization_endpoint")?,
        revocation_endpoint: endpoint("revocation_endpoint")?,
        introspection_endpoint: endpoint("introspection_endpoint")?,
        device_authorization_endpoint: endpoint("device_authorization_endpoint")?,
        backchannel_authentication_endpoint: endpoint("backchannel_authentication_endpoint")?,
        userinfo_endpoint: endpoint("userinfo_endpoint")?,
        pushed_authorization_request_endpoint: endpoint("pushed_authorization_request_endpoint")?,
        push_required: says(members, PUSH_REQUIRED)?,
        jwks_uri: endpoint("jwks_uri")?,
        // Read as false, it would switch a check off.
        iss_promised: says(members, ISS_PROMISED)?,
        registration_endpoint: endpoint("registration_endpoint")?,
        s256_listed,
        client_id_documents: members
            .other("client_id_metadata_document_supported")
            .is_some_and(|value| value.get() == "true"),
        scopes_supported: scopes(members.other("scopes_supported")),
        authentication_methods: texts(members.other("token_endpoint_auth_methods_supported")),
        grant_types: texts(members.other("grant_types_supported")),
    })
}

/// One of the two words of JSON; silence means no.
fn says(members: &Members<'_>, name: &'static str) -> Result<bool, ReplyProblem> {
    match members.other(name).map(|value| value.get()) {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(_) => Err(ReplyProblem::Invalid(name)),
    }
}

/// The issuer that the document names, if it is one: anything else is not fit to be shown.
fn named(members: &Members<'_>) -> Option<Issuer> {
    let name = as_text(members.other("issuer")?)?;
    let issuer = (name.len() <= LONGEST_SHOWN).then(|| Issuer::allow_http_for_loopback(name));
    issuer?.ok()
}

/// Plain http is for servers that are themselves spoken to so. `None` for what is no such address.
fn endpoint(member: Member<'_>, issuer: &Issuer) -> Option<Option<Endpoint>> {
    let Some(value) = member else { return Some(None) };
    let address = as_text(value)?.into_owned();
    Endpoint::named_by(address, issuer.as_str()).ok().map(Some)
}

/// The most that an error says of a name.
const LONGEST_SHOWN: usize = 512;

const OPENID: &str = "openid-configuration";
const CHALLENGE_METHODS: &str = "code_challenge_methods_supported";
const PUSH_REQUIRED: &str = "require_pushed_authorization_requests";
const ISS_PROMISED: &str = "authorization_response_iss_parameter_supported";
