//! Authorization server metadata ([RFC 8414], [OpenID Connect Discovery]): the endpoints of a server from its name alone.
//!
//! What the document says is believed only because it comes from the issuer's own host and repeats the issuer's name,
//! so both are checked before anything else is read.
//!
//! [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414
//! [OpenID Connect Discovery]: https://openid.net/specs/openid-connect-discovery-1_0.html

use http::{HeaderValue, Method, StatusCode, header};

use super::members::{Member, Members, as_text, as_texts, scopes, texts};
use super::mtls_endpoint_aliases::{self, MtlsEndpointAliases};
use super::{object, refusal, send, well_known};
use crate::error::{InvalidInput, ReplyProblem};
use crate::{Body, Cx, Endpoint, Error, Issuer, Request, Response, ServerMetadata, Step};

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
    /// let request = MetadataRequest::new(&Issuer::new("https://server.example.com")?).skip_s256_check(SkipS256Check);
    /// # Ok::<(), grantflow_core::Error>(())
    /// ```
    ///
    /// [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
    #[must_use]
    pub fn skip_s256_check(mut self, _: SkipS256Check) -> Self {
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
/// see [`MetadataRequest::skip_s256_check`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "its name is all there is to it")]
pub struct SkipS256Check;

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
    let endpoint_in = |members: &Members<'_>, name| {
        endpoint(members.other(name), issuer).ok_or(ReplyProblem::Invalid(name))
    };
    let aliases = members.other(mtls_endpoint_aliases::NAME);
    let aliases = aliases.map(|value| MtlsEndpointAliases::read(value.get(), endpoint_in).map(Box::new));
    let aliases = aliases.transpose()?;
    let endpoint = |name| endpoint_in(members, name);
    Ok(ServerMetadata {
        issuer: issuer.clone(),
        token_endpoint: endpoint("token_endpoint")?.ok_or(ReplyProblem::Missing("token_endpoint"))?,
        authorization_endpoint: endpoint("authorization_endpoint")?,
        revocation_endpoint: endpoint("revocation_endpoint")?,
        introspection_endpoint: endpoint("introspection_endpoint")?,
        device_authorization_endpoint: endpoint("device_authorization_endpoint")?,
        backchannel_authentication_endpoint: endpoint("backchannel_authentication_endpoint")?,
        userinfo_endpoint: endpoint("userinfo_endpoint")?,
        end_session_endpoint: endpoint("end_session_endpoint")?,
        pushed_authorization_request_endpoint: endpoint("pushed_authorization_request_endpoint")?,
        push_required: says(members, PUSH_REQUIRED)?,
        mtls_endpoint_aliases: aliases,
        certificate_bound: says(members, CERTIFICATE_BOUND)?,
        of_its_issuer: Some(name == request.issuer.as_str()),
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
        authorization_details_types: texts(members.other("authorization_details_types_supported")),
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
const CERTIFICATE_BOUND: &str = "tls_client_certificate_bound_access_tokens";
const ISS_PROMISED: &str = "authorization_response_iss_parameter_supported";
