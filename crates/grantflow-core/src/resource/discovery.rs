//! Which server grants tokens for a resource, and for what ([RFC 9728 section 3], [RFC 8414 section 3]).
//!
//! ```text
//! challenge names metadata ─▶ ask there ─────────────────────────┐
//! else ─▶ ask before the path ─ none ─▶ ask at the root ─────────┤
//!                                           │ none               ▼
//!                                           │            metadata of the server ─▶ ResourceAccess
//!                                           └ OriginAsIssuer ─▶ the same of the resource's origin ─ none ─▶ default endpoints
//! ```
//!
//! [RFC 9728 section 3]: https://www.rfc-editor.org/rfc/rfc9728#section-3
//! [RFC 8414 section 3]: https://www.rfc-editor.org/rfc/rfc8414#section-3

use http::StatusCode;

use super::access::ResourceAccess;
use crate::error::{InvalidInput, ReplyProblem};
use crate::exchange::well_known;
use crate::flow::{discover_as, is_elsewhere};
use crate::{
    BadReply, Challenge, Cx, Endpoint, Error, Issuer, MetadataRequest, Next, Outcome, ResourceMetadata,
    ResourceMetadataRequest, Response, ServerMetadata, SkipS256Check, Step, TransportError,
};

/// A resource that wants a token, by its address: an MCP server, or any API that says with 401 where tokens come from.
///
/// # Example
///
/// ```no_run
/// # fn example(refusal: &http::Response<()>, host: &dyn grantflow_core::Host) -> Result<(), Box<dyn std::error::Error>> {
/// use grantflow_core::{Challenge, ClientIdentity, ClientMetadata, Endpoint, ProtectedResource};
///
/// let resource = ProtectedResource::new(Endpoint::new("https://mcp.example.com/mcp")?);
/// let challenge = Challenge::bearer(refusal.headers());
/// let access = grantflow_core::run(resource.discover(challenge.as_ref()), host)?;
///
/// let me = ClientIdentity::new()
///     .with_document(Endpoint::new("https://notes.example.com/client.json")?)?
///     .with_registration(ClientMetadata::new("Notes", ["http://127.0.0.1/callback"]).native());
/// let login = grantflow_core::run(access.client(&me), host)?;
/// let request = login.request("http://127.0.0.1:8080/callback")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    address: Endpoint,
    issuer: Option<Issuer>,
    skips_s256_check: bool,
    skips_origin_check: bool,
    origin_as_issuer: bool,
    online: bool,
}

impl ProtectedResource {
    /// What is at this address: the one that requests go to.
    #[must_use]
    pub fn new(address: Endpoint) -> Self {
        Self {
            address,
            issuer: None,
            skips_s256_check: false,
            skips_origin_check: false,
            origin_as_issuer: false,
            online: false,
        }
    }

    /// Takes this authorization server, if the resource names it, and no other: the one of an earlier login, or one that a person
    /// chose. Without it the first is taken that the resource names.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Takes a server, too, whose metadata do not say that it looks at code challenges.
    #[must_use]
    pub fn skip_s256_check(mut self, _: SkipS256Check) -> Self {
        self.skips_s256_check = true;
        self
    }

    /// Takes a server, too, that promises no `iss` in redirects and has endpoints elsewhere than at its own name's origin, or that has
    /// those for devices elsewhere.
    #[must_use]
    pub fn skip_origin_check(mut self, _: SkipOriginCheck) -> Self {
        self.skips_origin_check = true;
        self
    }

    /// Takes a resource, too, that says nothing of its authorization server.
    #[must_use]
    pub fn with_fallback(mut self, _: OriginAsIssuer) -> Self {
        self.origin_as_issuer = true;
        self
    }

    /// Asks for no refresh token: `offline_access` is not added to the scopes.
    #[must_use]
    pub fn online(mut self) -> Self {
        self.online = true;
        self
    }

    /// Finds out who grants tokens for the resource, and which scopes to ask for: those of the challenge, else those that the
    /// resource's metadata name; and `offline_access`, where there are any and the server knows that name.
    ///
    /// The flow ends in [`Error::BadReply`] with [`ReplyProblem::NoMetadata`] where there are none, with
    /// [`ReplyProblem::Resource`] where they are about another resource, and with
    /// [`Missing("code_challenge_methods_supported")`](ReplyProblem::Missing) for a server that does not say that it looks at code
    /// challenges, and with [`Invalid`](ReplyProblem::Invalid) and its name for an endpoint that [`SkipOriginCheck`] is about; in
    /// [`Error::InvalidInput`] if the server that was asked for is not among those that the resource names.
    pub fn discover(&self, challenge: Option<&Challenge>) -> Step<ResourceAccess> {
        let discovery = Discovery {
            resource: self.clone(),
            challenge: challenge.cloned(),
        };
        Step::begin(move |_| discovery.begin())
    }
}

/// Takes the resource's own origin for its authorization server where it has no metadata, and where that has none either, its default
/// endpoints `/authorize`, `/token` and `/register`: so it was in the Model Context Protocol of 2025-03-26. Nothing tells then whether
/// code challenges are looked at. See [`ProtectedResource::with_fallback`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "its name is all there is to it")]
pub struct OriginAsIssuer;

/// Switches off the check that a server which promises no `iss` in redirects ([RFC 9207 section 3]) has its authorization endpoint and
/// its token endpoint at its own name's origin, and each server its device authorization endpoint and its backchannel authentication
/// endpoint; see [`ProtectedResource::skip_origin_check`].
///
/// The resource chooses the server, so that it may be a hostile one that names the authorization endpoint of an honest server, where
/// the user is known, beside a token endpoint of its own: the honest server's code and the verifier would be sent there
/// ([RFC 9700 section 4.4]). With the honest server's endpoint for devices it would get the code that the user allows there, and no
/// `iss` comes with that. A hostile server whose own page sends the user on to the honest one is found out by `iss` alone.
///
/// [RFC 9207 section 3]: https://www.rfc-editor.org/rfc/rfc9207#section-3
/// [RFC 9700 section 4.4]: https://www.rfc-editor.org/rfc/rfc9700#section-4.4
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "its name is all there is to it")]
pub struct SkipOriginCheck;

struct Discovery {
    resource: ProtectedResource,
    challenge: Option<Challenge>,
}

impl Discovery {
    fn begin(self) -> Result<Step<ResourceAccess>, Error> {
        let address = &self.resource.address;
        let named = match &self.challenge {
            Some(challenge) => ResourceMetadataRequest::named_by(address, challenge)?,
            None => None,
        };
        let first = match named {
            // The Model Context Protocol has clients use the address of a challenge where there is one: no other place is looked at.
            Some(named) => return Ok(self.ask(named, None)),
            None => ResourceMetadataRequest::new(address),
        };
        let has_path = !matches!(well_known::split(address.as_str()).1, "" | "/");
        let root = has_path.then(|| ResourceMetadataRequest::root(address));
        Ok(self.ask(first, root))
    }

    fn ask(
        self,
        request: ResourceMetadataRequest,
        otherwise: Option<ResourceMetadataRequest>,
    ) -> Step<ResourceAccess> {
        let is_named = self
            .challenge
            .as_ref()
            .is_some_and(|one| one.resource_metadata().is_some());
        Step::begin(move |cx| {
            let http = request.to_http(cx)?;
            let read = move |reply: Result<Response, TransportError>, cx: &mut Cx<'_>| {
                let reply = reply?;
                match (request.parse(&reply, cx), otherwise) {
                    (Ok(metadata), _) => self.described(metadata),
                    (Err(error), Some(other)) if is_elsewhere(&reply, &error) => Ok(self.ask(other, None)),
                    (Err(error), None) if !is_named && is_elsewhere(&reply, &error) => self.silent(error),
                    (Err(error), _) => Err(error),
                }
            };
            Ok(Step::Send(http, Next::new(read)))
        })
    }

    fn described(self, metadata: ResourceMetadata) -> Result<Step<ResourceAccess>, Error> {
        let servers = metadata.authorization_servers();
        let server = match &self.resource.issuer {
            Some(wanted) => servers
                .iter()
                .find(|server| *server == wanted)
                .ok_or_else(|| InvalidInput::new("issuer", "is none of those that the resource names"))?,
            None => servers.first().ok_or_else(|| {
                BadReply::new(StatusCode::OK, ReplyProblem::Missing("authorization_servers"))
            })?,
        };
        let skips = self.resource.skips_s256_check;
        let found = discover_as(server, move |request| with_s256(request, skips));
        Ok(found.and_then(move |server, _| Ok(Step::Done(self.access(Some(&metadata), server)?))))
    }

    /// The resource has no metadata.
    fn silent(self, error: Error) -> Result<Step<ResourceAccess>, Error> {
        if !self.resource.origin_as_issuer {
            return Err(error);
        }
        let address = self.resource.address.as_str();
        let origin = Issuer::named_by(well_known::split(address).0, address)?;
        let wanted = self.resource.issuer.clone();
        // One below the origin may turn out to be there, one of another origin may not.
        if wanted
            .as_ref()
            .is_some_and(|wanted| wanted.origin() != origin.origin())
        {
            return Err(error);
        }
        let skips = self.resource.skips_s256_check;
        let found = discover_as(&origin, move |request| {
            with_s256(request, skips).of_the_same_origin()
        });
        Ok(found.then(move |found, _| {
            let server = match found {
                Err(error) if is_absence(&error) => ServerMetadata::with_default_endpoints(origin)?,
                found => found?,
            };
            if wanted.is_some_and(|wanted| wanted != *server.issuer()) {
                let other = BadReply::new(StatusCode::OK, ReplyProblem::Issuer);
                return Err(other.naming(server.issuer().as_str()).into());
            }
            Ok(Step::Done(self.access(None, server)?))
        }))
    }

    fn access(
        &self,
        metadata: Option<&ResourceMetadata>,
        server: ServerMetadata,
    ) -> Result<ResourceAccess, Error> {
        if !self.resource.skips_origin_check {
            check_origins(&server)?;
        }
        let asked = self.challenge.as_ref().and_then(Challenge::scopes);
        let scopes = asked.or_else(|| metadata.and_then(|metadata| metadata.scopes_supported().cloned()));
        let resource = metadata.map_or(self.resource.address.as_str(), ResourceMetadata::resource);
        let access = ResourceAccess::new(&self.resource.address, resource, server);
        Ok(access.with_scopes(scopes.unwrap_or_default(), !self.resource.online))
    }
}

/// Threat T07: where no redirect has to say whose it is, user and code go to the same place. A device has no redirect at all. It holds of
/// the places for clients with certificates too, whether or not they are taken.
fn check_origins(server: &ServerMetadata) -> Result<(), BadReply> {
    let found = match foreign(server) {
        None => foreign(&server.over_mtls()).map(|_| "mtls_endpoint_aliases"),
        found => found,
    };
    match found {
        Some(name) => Err(BadReply::new(StatusCode::OK, ReplyProblem::Invalid(name))),
        None => Ok(()),
    }
}

/// An endpoint that has to be at the origin of its server's name, and is not.
fn foreign(server: &ServerMetadata) -> Option<&'static str> {
    let own = server.issuer().origin();
    let of_redirects = [
        ("authorization_endpoint", server.authorization_endpoint()),
        ("token_endpoint", Some(server.token_endpoint())),
    ];
    let of_devices = [
        (
            "device_authorization_endpoint",
            server.device_authorization_endpoint(),
        ),
        (
            "backchannel_authentication_endpoint",
            server.backchannel_authentication_endpoint(),
        ),
    ];
    let of_redirects = of_redirects.into_iter().filter(|_| !server.iss_promised());
    of_redirects
        .chain(of_devices)
        .find(|(_, endpoint)| endpoint.is_some_and(|endpoint| endpoint.origin() != own))
        .map(|(name, _)| name)
}

fn with_s256(request: MetadataRequest, skips: bool) -> MetadataRequest {
    if skips {
        request.skip_s256_check(SkipS256Check)
    } else {
        request.requiring_s256()
    }
}

/// Whether there is nothing, as opposed to something that is wrong or to trouble that passes.
fn is_absence(error: &Error) -> bool {
    let is_page = matches!(error, Error::BadReply(bad) if bad.problem() == ReplyProblem::MediaType);
    let is_refusal = matches!(error, Error::BadReply(_) | Error::Server(_));
    is_page || (is_refusal && error.outcome() == Outcome::Permanent)
}
