//! A login at the test server, done by hand: code and PKCE ([RFC 7636 appendix B]) without any of the crates compared.
//!
//! [RFC 7636 appendix B]: https://www.rfc-editor.org/rfc/rfc7636#appendix-B

use std::path::PathBuf;

use grantflow_testserver::{Config, Rotation, TestServer};
use tempfile::TempDir;
use url::Url;

use crate::SCOPE;

/// The client of every test: its secret goes in the body, as all of the crates can send it.
pub const CLIENT: &str = "post-app";
/// Its secret.
pub const SECRET: &str = "post-app-secret";

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "http://127.0.0.1:5000/callback";

/// A server, and the refresh token of one login there.
#[derive(Debug)]
pub struct Grant {
    /// The server.
    pub server: TestServer,
    /// What the login gave.
    pub refresh_token: String,
    dir: TempDir,
}

impl Grant {
    /// Logs ann in at a new server.
    ///
    /// # Panics
    ///
    /// If there is no port, or the login fails.
    #[must_use]
    pub fn new(rotation: Rotation) -> Self {
        let server = Config::new().rotate(rotation).start().expect("a free port");
        let query = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT_URI),
            ("scope", SCOPE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let url = Url::parse_with_params(&server.url("/authorize"), query).expect("an address");
        let location = server.approve(url.as_str()).expect("ann says yes");
        let code = parameter(&location, "code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let mut reply = agent()
            .post(server.url("/token"))
            .send_form(form)
            .expect("a token");
        let body = reply.body_mut().read_to_vec().expect("a body");
        let token: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        Self {
            server,
            refresh_token: token["refresh_token"]
                .as_str()
                .expect("a refresh token")
                .to_owned(),
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// The address of the token endpoint.
    #[must_use]
    pub fn token_uri(&self) -> String {
        self.server.url("/token")
    }

    /// A place for a file of this name.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How many requests the token endpoint has had since the login.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.server.stats().token_requests - 1
    }

    /// The JSON of an `authorized_user`, which tame-oauth and google-cloud-auth read.
    #[must_use]
    pub fn authorized_user(&self) -> serde_json::Value {
        serde_json::json!({
            "type": "authorized_user",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "refresh_token": self.refresh_token,
        })
    }
}

/// A client that follows nothing and calls no status an error it cannot show.
#[must_use]
pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().proxy(None).max_redirects(0);
    config.http_status_as_error(false).build().new_agent()
}

/// A parameter of an address.
#[must_use]
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
