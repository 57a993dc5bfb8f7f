//! What a request wants, as a server reads it.

use grantflow_core::Request;
use http::header;

use crate::browser::{self, WithCode};
use crate::server::{Grant, access_of, refresh_of};
use crate::source::{Presented, presented_in};

/// Where tokens are refreshed, revoked and used.
pub(crate) const TOKEN: &str = "https://server.example.com/token";
pub(crate) const REVOKE: &str = "https://server.example.com/revoke";
pub(crate) const DEVICE: &str = "https://server.example.com/device_authorization";
pub(crate) const BACKCHANNEL: &str = "https://server.example.com/bc-authorize";
pub(crate) const PUSH: &str = "https://server.example.com/par";
pub(crate) const INTROSPECT: &str = "https://server.example.com/introspect";
/// Where the browser goes, and who the server says it is.
pub(crate) const AUTHORIZE: &str = "https://server.example.com/authorize";
pub(crate) const ISSUER: &str = "https://server.example.com";
pub(crate) const API: &str = "https://api.example.com/";

const CIBA: &str = "urn:openid:params:grant-type:ciba";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a request wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aim {
    Refresh,
    Revoke,
    Api,
    /// For the codes of a device.
    Device,
    /// With the code of a device.
    Poll,
    /// With what a source presents.
    Source,
    /// That the server ask the user.
    Backchannel,
    /// An authorization request that a browser will bring.
    Push,
    /// With the code of a browser.
    Code,
    /// Whether a token lives.
    Introspect,
    /// What servers say of themselves to anybody.
    Described,
}

/// What a request wants, the token in it, and what else it presents.
pub(super) struct Wanted {
    pub(super) aim: Aim,
    pub(super) with: Option<Grant>,
    pub(super) presented: Option<Presented>,
    pub(super) with_code: Option<WithCode>,
    pub(super) text: Option<String>,
    /// Whether it names the resource.
    pub(super) names_resource: bool,
}

pub(super) fn wanted(request: &Request) -> Wanted {
    let member = |name: &str| {
        let mut pairs = form_urlencoded::parse(request.body().as_bytes());
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    let number = |name: &str, prefix: &str| number_after(&member(name)?, prefix);
    let anybody = Some(Grant { family: 0, number: 0 });
    let mut presented = None;
    let mut with_code = None;
    let mut text = None;
    let (aim, with) = match request.uri().path() {
        "/token" => match member("grant_type").as_deref() {
            Some("refresh_token") => (
                Aim::Refresh,
                member("refresh_token").and_then(|token| refresh_of(&token)),
            ),
            Some(DEVICE_CODE) => (Aim::Poll, number("device_code", "d")),
            Some(CIBA) => (Aim::Poll, number("auth_req_id", "q")),
            Some("authorization_code") => {
                with_code = WithCode::of(member);
                (Aim::Code, number("code", "c"))
            }
            _ => {
                let with;
                (with, presented) = presented_in(member).unzip();
                (Aim::Source, with)
            }
        },
        "/bc-authorize" => {
            let slot = number("login_hint", "slot");
            let message = number("binding_message", "m");
            let with = slot.zip(message).map(|(slot, message)| Grant {
                number: message.family,
                ..slot
            });
            (Aim::Backchannel, with)
        }
        "/par" => {
            text = std::str::from_utf8(request.body().as_bytes())
                .ok()
                .map(str::to_owned);
            (Aim::Push, anybody)
        }
        "/introspect" => (
            Aim::Introspect,
            member("token").and_then(|token| access_of(&token)),
        ),
        path if path.starts_with("/.well-known/") => {
            text = browser::described(request);
            (Aim::Described, anybody)
        }
        "/device_authorization" => (Aim::Device, number("scope", "slot")),
        "/revoke" => (Aim::Revoke, member("token").and_then(|token| refresh_of(&token))),
        _ if !request.headers().contains_key(header::AUTHORIZATION) => (Aim::Described, anybody),
        _ => {
            let header = request.headers().get(header::AUTHORIZATION);
            let value = header.and_then(|value| value.to_str().ok());
            let token = value.and_then(|value| {
                value
                    .strip_prefix("Bearer ")
                    .or_else(|| value.strip_prefix("DPoP "))
            });
            (Aim::Api, token.and_then(access_of))
        }
    };
    Wanted {
        aim,
        with,
        presented,
        with_code,
        text,
        names_resource: member("resource").as_deref() == Some(API),
    }
}

/// What is no pair of tokens, by its number.
fn number_after(text: &str, prefix: &str) -> Option<Grant> {
    let family = text.strip_prefix(prefix)?.parse().ok()?;
    Some(Grant { family, number: 0 })
}
