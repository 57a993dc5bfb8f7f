//! The two servers, the secrets of the honest one, and the program between them.

use std::collections::BTreeSet;

use grantflow_core::{
    AsyncTransportHost, Client, Endpoint, Error, Issuer, Origin, PendingAuthorization, Registration, Secret,
    Step, Timestamp, Token, TransportHost, drive, run,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{MemoryStore, OnThread};
use grantflow_suites::canary::{Canary, Surfaces};
use grantflow_suites::clock::{Clock, OnClock};
use grantflow_suites::recorder::{Answer, Recorder};
use grantflow_ureq::UreqTransport;
use serde_json::{Value, json};

pub(crate) const REDIRECT: &str = "http://127.0.0.1/callback";
pub(crate) const CLIENT_SECRET: &str = "honest-client-secret-7Qd";
pub(crate) const CODE: &str = "honest-code-Yx81kq";
pub(crate) const ACCESS_TOKEN: &str = "honest-access-token-p3";
pub(crate) const REFRESH_TOKEN: &str = "honest-refresh-token-z9";
pub(crate) const DEVICE_CODE: &str = "honest-device-code-t5";
const AUTH_REQ_ID: &str = "honest-auth-req-id-m2";
const REGISTRATION_TOKEN: &str = "honest-registration-token";
pub(crate) const INITIAL_TOKEN: &str = "honest-initial-access-token";
pub(crate) const SUBJECT_TOKEN: &str = "honest-subject-token-k4";

/// How requests travel.
pub(crate) enum Way {
    Ureq(OnClock<UreqTransport>),
    Reqwest(OnClock<ReqwestTransport>, tokio::runtime::Runtime),
}

impl Way {
    pub(crate) fn both() -> [Self; 2] {
        let clock = Clock::default();
        clock.hurry(|_| {});
        let runtime = tokio::runtime::Runtime::new().expect("the system has threads");
        [
            Self::Ureq(clock.on(UreqTransport::new().expect("there are certificates"))),
            Self::Reqwest(
                clock.on(ReqwestTransport::new().expect("there are certificates")),
                runtime,
            ),
        ]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ureq(_) => "ureq",
            Self::Reqwest(..) => "reqwest",
        }
    }
}

/// A pair of servers and a program.
pub(crate) struct Stage {
    pub(crate) way: Way,
    pub(crate) honest: Recorder,
    pub(crate) evil: Recorder,
    secrets: Vec<(String, Canary)>,
    store: MemoryStore,
    /// Whether the case is one of the exceptions that SECURITY.md names: redirects of a client that is not ours.
    pub(crate) proofs_follow: bool,
}

impl Stage {
    pub(crate) fn new(way: Way) -> Self {
        let secrets = [
            ("client secret", CLIENT_SECRET),
            ("code", CODE),
            ("access token", ACCESS_TOKEN),
            ("refresh token", REFRESH_TOKEN),
            ("device code", DEVICE_CODE),
            ("auth_req_id", AUTH_REQ_ID),
            ("registration access token", REGISTRATION_TOKEN),
            ("initial access token", INITIAL_TOKEN),
            ("subject token", SUBJECT_TOKEN),
        ];
        let mut stage = Self {
            way,
            honest: Recorder::bind(),
            evil: Recorder::bind(),
            secrets: Vec::new(),
            store: MemoryStore::new(),
            proofs_follow: false,
        };
        for (name, secret) in secrets {
            stage.secret(name, secret);
        }
        stage
    }

    /// One more that must not reach the wrong server.
    pub(crate) fn secret(&mut self, name: &str, secret: &str) {
        self.secrets.push((name.to_owned(), Canary::new(name, secret)));
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.secrets.iter().map(|(name, _)| name.as_str());
        names.chain(["DPoP proof", "client assertion"])
    }

    /// Runs a flow the way of this stage.
    pub(crate) fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        match &self.way {
            Way::Ureq(transport) => run(step, &TransportHost::new(transport).with_store(&self.store)),
            Way::Reqwest(transport, runtime) => {
                let store = OnThread::new(self.store.clone());
                let host = AsyncTransportHost::new(transport).with_store(&store);
                runtime.block_on(drive(step, &host))
            }
        }
    }

    pub(crate) fn store(&self) -> MemoryStore {
        self.store.clone()
    }

    /// Both servers answer, each with metadata that name itself.
    pub(crate) fn serve(&self) {
        self.honest.serve(honest(self.honest.origin(), &json!({}), None));
        self.evil.serve(evil(self.evil.origin(), &json!({})));
    }

    /// The hostile one says this too, or instead.
    pub(crate) fn serve_with_evil(&self, members: &Value) {
        self.honest.serve(honest(self.honest.origin(), &json!({}), None));
        self.evil.serve(evil(self.evil.origin(), members));
    }

    /// The honest one says this too, or instead.
    pub(crate) fn serve_with_honest(&self, members: &Value) {
        self.honest.serve(honest(self.honest.origin(), members, None));
        self.evil.serve(evil(self.evil.origin(), &json!({})));
    }

    /// The honest one sends everybody on to the hostile one, but for its metadata if these are to be read.
    pub(crate) fn serve_redirecting(&self, status: u16, with_metadata: bool) {
        let elsewhere = (status, self.evil.origin().to_owned(), with_metadata);
        self.honest
            .serve(honest(self.honest.origin(), &json!({}), Some(elsewhere)));
        self.evil.serve(evil(self.evil.origin(), &json!({})));
    }

    /// An address at the honest server.
    pub(crate) fn at_honest(&self, path: &str) -> Endpoint {
        at(&self.honest, path)
    }

    /// An address at the hostile server.
    pub(crate) fn at_evil(&self, path: &str) -> Endpoint {
        at(&self.evil, path)
    }

    /// The client that is registered at the honest server, as a program configures it.
    pub(crate) fn client(&self) -> Client {
        configured(&self.honest).with_secret_basic(CLIENT_SECRET)
    }

    /// The client of the hostile server.
    pub(crate) fn evil_client(&self) -> Client {
        configured(&self.evil).with_secret_basic("a-secret-of-the-hostile-server")
    }

    /// What a login that waits keeps in mind.
    pub(crate) fn waits(&mut self, pending: &PendingAuthorization) {
        let json: Value = serde_json::from_str(pending.expose_json().expose()).expect("it is JSON");
        let verifier = json["verifier"].as_str().expect("PKCE is never left out");
        self.secret("code verifier", verifier);
    }

    /// A registration at the honest server.
    pub(crate) fn registration(&self) -> Registration {
        let json = json!({
            "grantflow_registration": 1, "issuer": self.honest.origin(), "client_id": "c", "client_secret": CLIENT_SECRET,
            "registration_access_token": REGISTRATION_TOKEN, "registration_client_uri": format!("{}/manage", self.honest.origin()),
            "token_endpoint_auth_method": "client_secret_basic",
        });
        Registration::from_json(&json.to_string()).expect("it is one")
    }

    /// A token that the honest server has granted.
    pub(crate) fn token(&self) -> Token {
        let mut token = Token::bearer(ACCESS_TOKEN, Timestamp::from_unix_seconds(4_000_000_000));
        token.refresh_token = Some(Secret::from(REFRESH_TOKEN));
        token
    }

    /// Requests to the hostile server that have a secret of the honest one, by what they have.
    pub(crate) fn leaks(&self) -> Vec<Vec<String>> {
        let secrets: Vec<Canary> = self.secrets.iter().map(|(_, canary)| canary.clone()).collect();
        let mut leaks = self.evil.with_secrets(&secrets);
        let requests = self.evil.requests();
        let mut proofs = requests.iter().filter_map(|request| proof_in(request));
        // A proof is made for one address: one that names the honest server has no business here.
        let honest = self.honest.origin();
        if !self.proofs_follow && proofs.any(|proof| proof.contains(honest)) {
            leaks.push(vec!["DPoP proof".to_owned()]);
        }
        leaks
    }

    /// Which secrets are in a text.
    pub(crate) fn secrets_in(&self, text: &str) -> Vec<String> {
        let secrets: Vec<Canary> = self.secrets.iter().map(|(_, canary)| canary.clone()).collect();
        let mut seen = Surfaces::default();
        seen.add("a request", text);
        seen.hits(&secrets)
    }

    /// Which secrets the honest server got.
    pub(crate) fn seen_at_home(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        for (name, canary) in &self.secrets {
            if !self.honest.with_secrets(std::slice::from_ref(canary)).is_empty() {
                seen.insert(name.clone());
            }
        }
        let requests = self.honest.requests();
        if requests.iter().any(|request| proof_in(request).is_some()) {
            seen.insert("DPoP proof".to_owned());
        }
        if requests
            .iter()
            .any(|request| request.contains("client_assertion="))
        {
            seen.insert("client assertion".to_owned());
        }
        seen
    }
}

/// The claims of a request's DPoP proof.
fn proof_in(request: &str) -> Option<String> {
    use base64::Engine as _;
    let line = request
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("dpop:"))?;
    let claims = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(line.split('.').nth(1)?);
    String::from_utf8(claims.ok()?).ok()
}

pub(crate) fn at(server: &Recorder, path: &str) -> Endpoint {
    Endpoint::allow_http_for_loopback(format!("{}{path}", server.origin())).expect("an address")
}

pub(crate) fn issuer(server: &Recorder) -> Issuer {
    Issuer::allow_http_for_loopback(server.origin()).expect("a name")
}

fn configured(server: &Recorder) -> Client {
    Client::new("c", at(server, "/token"))
        .with_issuer(issuer(server))
        .with_authorization_endpoint(at(server, "/authorize"))
        .with_revocation_endpoint(at(server, "/revoke"))
        .with_introspection_endpoint(at(server, "/introspect"))
        .with_device_authorization_endpoint(at(server, "/device"))
        .with_backchannel_authentication_endpoint(at(server, "/ciba"))
        .with_pushed_authorization_request_endpoint(at(server, "/par"))
        .with_origins([Origin::new(server.origin()).expect("an origin")])
}

/// The metadata of a server that has everything, at its own origin, and promises nothing of `iss`.
fn metadata(own: &str, members: &Value) -> Value {
    let mut document = json!({
        "issuer": own, "authorization_endpoint": format!("{own}/authorize"), "token_endpoint": format!("{own}/token"),
        "registration_endpoint": format!("{own}/register"), "code_challenge_methods_supported": ["S256"],
        "jwks_uri": format!("{own}/jwks"),
    });
    for (name, value) in members.as_object().expect("members") {
        document[name] = value.clone();
    }
    document
}

fn honest(
    own: &str,
    members: &Value,
    redirects: Option<(u16, String, bool)>,
) -> impl Fn(&str) -> Answer + Send + 'static {
    let document = metadata(own, members).to_string();
    let resource = json!({ "resource": format!("{own}/mcp"), "authorization_servers": [own] }).to_string();
    let manage = members.get("registration_client_uri").cloned();
    let manage = manage.unwrap_or_else(|| json!(format!("{own}/manage")));
    let registered = json!({
        "client_id": "c", "client_secret": CLIENT_SECRET, "token_endpoint_auth_method": "client_secret_basic",
        "registration_access_token": REGISTRATION_TOKEN, "registration_client_uri": manage,
    })
    .to_string();
    let device = json!({
        "device_code": DEVICE_CODE, "user_code": "WDJB-MJHT", "verification_uri": format!("{own}/activate"),
        "expires_in": 600, "interval": 5,
    })
    .to_string();
    move |path| {
        let is_metadata = path.starts_with("/.well-known/");
        if let Some((status, elsewhere, with_metadata)) = &redirects
            && !(is_metadata && *with_metadata)
        {
            return (*status, format!("Location: {elsewhere}{path}\r\n"), String::new());
        }
        let body = match path {
            "/.well-known/oauth-protected-resource/mcp" => resource.clone(),
            path if path.starts_with("/.well-known/") => document.clone(),
            "/token" => json!({
                "access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "expires_in": 3600,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            })
            .to_string(),
            "/register" | "/manage" => registered.clone(),
            "/device" => device.clone(),
            "/ciba" => json!({ "auth_req_id": AUTH_REQ_ID, "expires_in": 600 }).to_string(),
            "/par" => json!({ "request_uri": "urn:ietf:params:oauth:request_uri:6esc", "expires_in": 60 }).to_string(),
            "/introspect" => json!({ "active": true }).to_string(),
            "/jwks" => json!({ "keys": [] }).to_string(),
            _ => "{}".to_owned(),
        };
        (
            if path == "/register" || path == "/par" {
                201
            } else {
                200
            },
            JSON.to_owned(),
            body,
        )
    }
}

/// It answers with all that makes a client go on, and calls its resource's server whom `authorization_servers` says.
fn evil(own: &str, members: &Value) -> impl Fn(&str) -> Answer + Send + 'static {
    let document = metadata(own, members).to_string();
    let servers = members
        .get("authorization_servers")
        .cloned()
        .unwrap_or_else(|| json!([own]));
    let name = members
        .get("resource")
        .cloned()
        .unwrap_or_else(|| json!(format!("{own}/mcp")));
    let resource = json!({ "resource": name, "authorization_servers": servers }).to_string();
    move |path| {
        let body = match path {
            "/.well-known/oauth-protected-resource/mcp" => resource.clone(),
            path if path.starts_with("/.well-known/") => document.clone(),
            "/register" => json!({ "client_id": "c" }).to_string(),
            "/jwks" => json!({ "keys": [] }).to_string(),
            _ => {
                json!({ "access_token": "a-token-of-the-hostile-server", "token_type": "Bearer" }).to_string()
            }
        };
        (200, JSON.to_owned(), body)
    }
}

const JSON: &str = "Content-Type: application/json\r\n";
