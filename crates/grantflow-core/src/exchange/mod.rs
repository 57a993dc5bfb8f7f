//! Exchanges: one HTTP request each, and how to read its reply ([RFC 6749 section 5]).
//!
//! ```text
//! …Request ──to_http(cx)──▶ Request ──▶ (any HTTP client) ──▶ Response ──parse(reply, cx)──▶ value
//!    └──────────────flow(cx)──▶ Step::Send ──▶ Step::Done(value)
//! ```
//!
//! `to_http` and `parse` are pure, and `parse` sits on the request, because a good reply depends on what was asked.
//!
//! [RFC 6749 section 5]: https://www.rfc-editor.org/rfc/rfc6749#section-5

mod authorization_details;
mod backchannel_authentication;
mod challenge;
pub(crate) mod client_metadata;
mod device_authorization;
mod device_stored;
mod introspection;
mod members;
mod metadata;
mod mtls_endpoint_aliases;
mod odd_reply;
mod pushed_authorization;
mod refreshed;
mod refusal;
mod registered;
mod registration;
mod resource_metadata;
mod retry_after;
mod revocation;
mod server_metadata;
mod token_reply;
mod token_request;
pub(crate) mod well_known;

pub use authorization_details::{AuthorizationDetail, AuthorizationDetails};
pub use backchannel_authentication::{BackchannelAuthenticationRequest, BackchannelGrant, UserHint};
pub use challenge::Challenge;
pub use client_metadata::ClientMetadata;
pub(crate) use device_authorization::named_interval;
pub use device_authorization::{DeviceAuthorizationRequest, DeviceGrant};
pub use introspection::{Introspection, IntrospectionRequest};
pub use metadata::{MetadataRequest, SkipS256Check};
pub use pushed_authorization::PushedAuthorizationRequest;
pub use refreshed::Refreshed;
pub use registered::Registration;
pub use registration::{DeregistrationRequest, RegistrationRequest};
pub use resource_metadata::{ResourceMetadata, ResourceMetadataRequest};
pub use revocation::RevocationRequest;
pub use server_metadata::ServerMetadata;
pub use token_request::TokenRequest;

use http::{Method, header};
use members::Members;

use crate::error::ReplyProblem;
use crate::{Client, Cx, Endpoint, Error, Next, Proven, Request, Response, Scopes, Step};

/// Which kind a token is, so that a server finds it sooner ([RFC 7009 section 2.1], [RFC 7662 section 2.1]).
///
/// [RFC 7009 section 2.1]: https://www.rfc-editor.org/rfc/rfc7009#section-2.1
/// [RFC 7662 section 2.1]: https://www.rfc-editor.org/rfc/rfc7662#section-2.1
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

impl TokenTypeHint {
    /// The hint as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// Scopes as the client's provider separates them.
fn scope_text(client: &Client, scopes: &Scopes) -> String {
    if client.quirks().comma_scopes {
        let names: Vec<&str> = scopes.iter().collect();
        return names.join(",");
    }
    scopes.to_string()
}

/// Sends one request and reads its reply.
fn send<T: 'static>(
    request: Request,
    parse: impl FnOnce(&Response, &Cx<'_>) -> Result<T, Error> + Send + 'static,
) -> Step<T> {
    Step::Send(
        request,
        Next::new(move |reply: Result<Response, _>, cx: &mut Cx<'_>| Ok(Step::Done(parse(&reply?, cx)?))),
    )
}

/// Whether a reply of this endpoint, of which `read` was made, asks for the same request with another proof (RFC 9449 section 8).
fn another_proof<T>(client: &Client, endpoint: &Endpoint, reply: &Response, read: &Result<T, Error>) -> bool {
    let Some(constraint) = client.token_constraint() else {
        return false;
    };
    let Ok(uri) = endpoint.as_str().parse() else {
        return false;
    };
    let error = match read {
        Err(Error::Server(refusal)) => Some(refusal.code().as_str()),
        _ => None,
    };
    let to = Proven::request(&Method::POST, &uri);
    constraint.heard(&to, reply.status(), reply.headers(), error)
}

/// The members of a successful reply in JSON.
fn object<'a>(reply: &'a Response, cx: &Cx<'_>) -> Result<Members<'a>, Error> {
    refusal::check(reply, cx)?;
    expect_json(reply, cx)?;
    let mut members = Members::default();
    read(&mut members, reply.body().as_bytes(), reply, cx)?;
    Ok(members)
}

fn expect_json(reply: &Response, cx: &Cx<'_>) -> Result<(), Error> {
    if has_media_type(reply, "application/json") {
        return Ok(());
    }
    Err(refusal::bad(reply, ReplyProblem::MediaType, cx))
}

/// Reads the JSON that came with a success, unless it is a refusal.
fn read<'a>(members: &mut Members<'a>, json: &'a [u8], reply: &Response, cx: &Cx<'_>) -> Result<(), Error> {
    members
        .read(json)
        .map_err(|problem| refusal::bad(reply, problem, cx))?;
    refusal::refused(members, reply, cx)
}

/// Whether the reply is of this media type, whatever parameters it has.
fn has_media_type(reply: &Response, essence: &str) -> bool {
    let value = reply.headers().get(header::CONTENT_TYPE);
    let text = value.map_or(&[][..], |value| value.as_bytes().trim_ascii_start());
    text.split_at_checked(essence.len()).is_some_and(|(head, rest)| {
        head.eq_ignore_ascii_case(essence.as_bytes()) && matches!(rest.trim_ascii_start(), [] | [b';', ..])
    })
}
