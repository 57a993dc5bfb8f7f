//! Which features of the protocol a test drives against a real server, for the table at the end of `cargo xtask test`.

use std::io::Write as _;

use serde_json::json;

use crate::skip::test_name;

/// A server that we did not write.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Server {
    /// npm `oidc-provider`.
    OidcProvider,
    /// PyPI `django-oauth-toolkit`.
    DjangoOauthToolkit,
}

/// Who sends the requests.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Over {
    /// The blocking transport.
    Ureq,
    /// The async transport.
    Reqwest,
}

/// RFC 6749 section 4.1 and RFC 7636.
pub const CODE: &str = "authorization code, PKCE (RFC 6749, 7636)";
/// RFC 6749 section 2.3.1.
pub const BASIC: &str = "client secret by Basic (RFC 6749)";
/// RFC 7523 section 2.2.
pub const ASSERTION: &str = "client assertion (RFC 7523)";
/// RFC 9396.
pub const AUTHORIZATION_DETAILS: &str = "authorization details (RFC 9396)";
/// OpenID Connect CIBA.
pub const BACKCHANNEL: &str = "backchannel authentication (CIBA)";
/// RFC 8628.
pub const DEVICE: &str = "device authorization (RFC 8628)";
/// RFC 9449.
pub const DPOP: &str = "tokens bound to a key (RFC 9449)";
/// FAPI 2.0 Security Profile.
pub const FAPI2: &str = "FAPI 2.0 Security Profile";
/// OpenID Connect Core section 3.3.
pub const HYBRID: &str = "ID token beside the code (OpenID Connect)";
/// RFC 7516, OpenID Connect Core section 10.2.
pub const ENCRYPTED: &str = "encrypted ID token (RFC 7516)";
/// OpenID Connect Core section 3.1.3.7.
pub const ID_TOKEN: &str = "ID token proven (OpenID Connect)";
/// RFC 7662.
pub const INTROSPECTION: &str = "introspection (RFC 7662)";
/// RFC 9207.
pub const ISS: &str = "issuer in the redirect (RFC 9207)";
/// RFC 9101.
pub const JAR: &str = "signed authorization request (RFC 9101)";
/// OpenID Connect RP-Initiated Logout.
pub const LOGOUT: &str = "logout at the server (OpenID Connect)";
/// RFC 8414.
pub const METADATA: &str = "server metadata (RFC 8414)";
/// RFC 8705.
pub const MTLS: &str = "client certificate, bound tokens (RFC 8705)";
/// RFC 9126.
pub const PUSHED: &str = "pushed authorization request (RFC 9126)";
/// RFC 6749 section 6.
pub const REFRESH: &str = "refresh with rotation (RFC 6749)";
/// RFC 7591 and RFC 7592.
pub const REGISTRATION: &str = "registration (RFC 7591, 7592)";
/// RFC 8707.
pub const RESOURCE: &str = "resource indicator (RFC 8707)";
/// RFC 9728.
pub const RESOURCE_METADATA: &str = "resource metadata, challenge (RFC 9728)";
/// JARM, and OAuth 2.0 Form Post Response Mode.
pub const RESPONSE_MODE: &str = "posted and signed answers (JARM)";
/// RFC 9700 section 4.14.
pub const REUSE: &str = "reuse of a refresh token ends it (RFC 9700)";
/// RFC 7009.
pub const REVOCATION: &str = "revocation (RFC 7009)";
/// RFC 9701.
pub const SIGNED_INTROSPECTION: &str = "signed introspection (RFC 9701)";
/// RFC 9470.
pub const STEP_UP: &str = "age and way of the login (RFC 9470)";
/// OpenID Connect Core section 5.3.
pub const USERINFO: &str = "userinfo (OpenID Connect)";

/// Says that the running test drives these features. Comes first in a test, so that one that skips itself or fails is counted too.
pub fn drives(server: Server, over: Over, features: &[&str]) {
    let Some(path) = std::env::var_os("GRANTFLOW_DRIVEN") else {
        return;
    };
    let server = match server {
        Server::OidcProvider => "oidc-provider",
        Server::DjangoOauthToolkit => "django-oauth-toolkit",
    };
    let over = match over {
        Over::Ureq => "ureq",
        Over::Reqwest => "reqwest",
    };
    let line = json!({ "server": server, "over": over, "features": features, "test": test_name() });
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.expect("the file that GRANTFLOW_DRIVEN names can be written");
}

/// Says so of both transports, for a test that runs on [`Either`](crate::either::Either).
pub fn drives_over_both(server: Server, features: &[&str]) {
    for over in [Over::Ureq, Over::Reqwest] {
        drives(server, over, features);
    }
}
