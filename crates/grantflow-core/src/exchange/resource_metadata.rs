//! Protected resource metadata ([RFC 9728]): which authorization servers grant tokens for a resource, from its address alone.
//!
//! A document is believed about the resource that was asked for, and about one that this one is a part of if the document lies at the
//! well-known place of that: whoever writes there speaks for it. A tenant of a shared host speaks for its own path only.
//!
//! [RFC 9728]: https://www.rfc-editor.org/rfc/rfc9728

use http::{HeaderValue, Method, StatusCode, header};

use super::members::{Members, as_text, as_texts, scopes, texts};
use super::{object, refusal, send, well_known};
use crate::error::{InvalidInput, ReplyProblem};
use crate::{Body, Challenge, Cx, Endpoint, Error, Issuer, Origin, Request, Response, Scopes, Step};

/// A request for the metadata of a protected resource, and how to read the reply.
///
/// # Example
///
/// ```
/// use grantflow_core::{Body, Cx, Endpoint, Now, ResourceMetadataRequest};
///
/// let request = ResourceMetadataRequest::new(&Endpoint::new("https://mcp.example.com/mcp")?);
/// let mut no_entropy = |_: &mut [u8]| Ok(());
/// let mut cx = Cx::new(Now::default(), &mut no_entropy);
/// assert_eq!(
///     request.to_http(&mut cx)?.uri(),
///     "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
/// );
///
/// let reply = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://as.example.com"]}"#))?;
/// assert_eq!(request.parse(&reply, &cx)?.authorization_servers()[0].as_str(), "https://as.example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResourceMetadataRequest {
    resource: Endpoint,
    address: Endpoint,
}

impl ResourceMetadataRequest {
    /// Asks at `/.well-known/oauth-protected-resource`, put between host and path of the resource ([RFC 9728 section 3.1]).
    ///
    /// [RFC 9728 section 3.1]: https://www.rfc-editor.org/rfc/rfc9728#section-3.1
    #[must_use]
    pub fn new(resource: &Endpoint) -> Self {
        Self::of(resource, resource.as_str())
    }

    /// Asks at the same place without the path, where the Model Context Protocol looks next.
    #[must_use]
    pub fn root(resource: &Endpoint) -> Self {
        Self::of(resource, well_known::split(resource.as_str()).0)
    }

    fn of(resource: &Endpoint, described: &str) -> Self {
        let address = well_known::before_path(described, NAME);
        Self {
            // It begins as the resource does and goes on as it does, with plain letters between.
            address: Endpoint::named_by(address, resource.as_str()).unwrap_or_else(|_| resource.clone()),
            resource: resource.clone(),
        }
    }

    /// Asks where a challenge of the resource says ([RFC 9728 section 5.1]); `None` if it says nothing of that.
    ///
    /// # Errors
    ///
    /// [`Error::BadReply`] if what it says is no address that can be asked: https, or http as far as the resource is spoken to so.
    ///
    /// [RFC 9728 section 5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
    pub fn named_by(resource: &Endpoint, challenge: &Challenge) -> Result<Option<Self>, Error> {
        let Some(address) = challenge.resource_metadata() else {
            return Ok(None);
        };
        let address = Endpoint::named_by(address, resource.as_str()).map_err(|_| {
            let problem = ReplyProblem::Invalid("resource_metadata");
            Error::from(crate::BadReply::new(StatusCode::UNAUTHORIZED, problem))
        })?;
        Ok(Some(Self {
            resource: resource.clone(),
            address,
        }))
    }

    /// The request on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the resource makes no address.
    pub fn to_http(&self, _: &mut Cx<'_>) -> Result<Request, Error> {
        http::Request::builder()
            .method(Method::GET)
            .uri(self.address.as_str())
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .body(Body::empty())
            .map_err(|_| InvalidInput::new("resource", "makes no address").into())
    }

    /// Reads the reply ([RFC 9728 section 3.3]): `resource` has to be the resource that was asked for, or one that this is a part of and
    /// whose well-known place is the one that was asked.
    ///
    /// # Errors
    ///
    /// [`Error::BadReply`] with [`ReplyProblem::Resource`] if the document is about another resource, with
    /// [`ReplyProblem::NoMetadata`] if there is none, and with another problem if it makes no sense; [`Error::Server`] if the server
    /// refused.
    ///
    /// [RFC 9728 section 3.3]: https://www.rfc-editor.org/rfc/rfc9728#section-3.3
    pub fn parse(&self, reply: &Response, cx: &Cx<'_>) -> Result<ResourceMetadata, Error> {
        if reply.status() == StatusCode::NOT_FOUND {
            let address = self.address.to_string();
            return Err(refusal::bad_at(reply, ReplyProblem::NoMetadata, &address, cx));
        }
        let members = object(reply, cx)?;
        self.read(&members)
            .map_err(|problem| refusal::bad(reply, problem, cx))
    }

    /// Sends the request and reads the reply; it ends in the errors of [`to_http`](Self::to_http) and [`parse`](Self::parse).
    pub fn flow(self) -> Step<ResourceMetadata> {
        Step::begin(move |cx| {
            let request = self.to_http(cx)?;
            Ok(send(request, move |reply, cx| self.parse(reply, cx)))
        })
    }

    fn read(&self, members: &Members<'_>) -> Result<ResourceMetadata, ReplyProblem> {
        let resource = members
            .other("resource")
            .ok_or(ReplyProblem::Missing("resource"))?;
        let resource = as_text(resource).ok_or(ReplyProblem::Invalid("resource"))?;
        if !self.is_about(&resource) {
            return Err(ReplyProblem::Resource);
        }
        let mut servers = Vec::new();
        if let Some(list) = members.other(SERVERS) {
            let names = as_texts(list).ok_or(ReplyProblem::Invalid(SERVERS))?;
            // One that cannot be asked is passed over: the next may be for clients such as this.
            let asked = |name: &str| Issuer::named_by(name, self.resource.as_str()).ok();
            servers.extend(names.iter().take(MOST_SERVERS).filter_map(|name| asked(name)));
        }
        Ok(ResourceMetadata {
            resource: resource.into_owned(),
            authorization_servers: servers,
            scopes_supported: scopes(members.other("scopes_supported")),
            bearer_methods_supported: texts(members.other("bearer_methods_supported")),
            resource_name: members
                .other("resource_name")
                .and_then(as_text)
                .map(std::borrow::Cow::into_owned),
        })
    }

    /// Whether a document at this place may speak of `described` to one who asked for the resource.
    fn is_about(&self, described: &str) -> bool {
        let asked = self.resource.as_str();
        if is_same(described, asked) {
            return true;
        }
        is_part_of(asked, described)
            && is_same(&well_known::before_path(described, NAME), self.address.as_str())
    }
}

/// Whether two addresses are the same but for the case of the host, a port that need not be said, and a slash at the end, which the
/// Model Context Protocol tells its implementations to leave out and which many servers write.
fn is_same(one: &str, other: &str) -> bool {
    same_origin(one, other) && trimmed(one) == trimmed(other)
}

/// Whether the path of `part` goes on where that of `whole` ends, at a slash.
fn is_part_of(part: &str, whole: &str) -> bool {
    let Some(rest) = well_known::split(part).1.strip_prefix(trimmed(whole)) else {
        return false;
    };
    same_origin(part, whole) && matches!(rest.as_bytes(), [] | [b'/' | b'?', ..])
}

fn trimmed(address: &str) -> &str {
    let path = well_known::split(address).1;
    path.strip_suffix('/').unwrap_or(path)
}

fn same_origin(one: &str, other: &str) -> bool {
    let origin = |address: &str| {
        // With the checks of an address: what has user information or a fragment is none.
        Endpoint::allow_http_for_localhost(address)
            .ok()
            .map(|endpoint| endpoint.origin())
    };
    let one: Option<Origin> = origin(one);
    one.is_some() && one == origin(other)
}

/// What a protected resource says of itself ([RFC 9728 section 2]), checked.
///
/// [RFC 9728 section 2]: https://www.rfc-editor.org/rfc/rfc9728#section-2
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: Vec<Issuer>,
    scopes_supported: Option<Scopes>,
    bearer_methods_supported: Option<Vec<String>>,
    resource_name: Option<String>,
}

impl ResourceMetadata {
    /// The resource by its own name, to be sent as `resource` ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The servers that grant tokens for it, in its order, without those that cannot be asked; at most 16.
    #[must_use]
    pub fn authorization_servers(&self) -> &[Issuer] {
        &self.authorization_servers
    }

    /// The scopes that the resource names; it may know others. Names that no scope may have are left out.
    #[must_use]
    pub fn scopes_supported(&self) -> Option<&Scopes> {
        self.scopes_supported.as_ref()
    }

    /// Where the resource takes a bearer token: `header`, `body`, `query`. This library has the header only.
    #[must_use]
    pub fn bearer_methods_supported(&self) -> Option<&[String]> {
        self.bearer_methods_supported.as_deref()
    }

    /// The resource's name for people. It is other people's text.
    #[must_use]
    pub fn resource_name(&self) -> Option<&str> {
        self.resource_name.as_deref()
    }
}

const NAME: &str = "oauth-protected-resource";
const SERVERS: &str = "authorization_servers";
/// More than any resource has.
const MOST_SERVERS: usize = 16;
