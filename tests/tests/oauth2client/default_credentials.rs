//! Application Default Credentials, by google-auth and by this library: in the same environment both ask for the same token, or neither
//! has one.

#![expect(clippy::print_stdout, reason = "the table says what each asked for")]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow::WithFiles;
use grantflow_core::flow::TokenSource as _;
use grantflow_core::transport::Transport;
use grantflow_core::{CertificateThumbprint, Error, Request, Response, TransportError, TransportHost, run};
use grantflow_google::{DefaultCredentials, Environment};
use grantflow_suites::oauth2client::Python;
use grantflow_suites::recorder::{Answer, Recorder};
use grantflow_ureq::UreqTransport;
use serde_json::{Value, json};
use url::form_urlencoded;

const SCOPES: [&str; 2] = ["https://www.googleapis.com/auth/cloud-platform", "email"];
const GOOGLE: &str = "https://oauth2.googleapis.com";

/// The variables that either looks at.
const NAMES: [&str; 8] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CLOUDSDK_CONFIG",
    "GCE_METADATA_HOST",
    "GCE_METADATA_IP",
    "GCE_METADATA_ROOT",
    "GCE_METADATA_TIMEOUT",
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "NO_GCE_CHECK",
];

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Has {
    ServiceAccount,
    User,
    /// JSON of a type that there is not.
    Unknown,
    /// No JSON.
    Broken,
    /// A name, and no file.
    Missing,
    Nothing,
}

/// What its metadata server and the token endpoint say.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Yes,
    /// The token endpoint refuses.
    No,
    /// What answers in place of the metadata server is none.
    Stranger,
}

/// The environment: the variable, gcloud's file, whether there is a metadata server, what is answered; then whether there is a token.
type Case = (&'static str, Has, Has, bool, Says, bool);

#[rustfmt::skip] // a table
const CASES: [Case; 14] = [
    ("service account, variable",      Has::ServiceAccount, Has::Nothing,        false, Says::Yes,      true),
    ("service account, gcloud's file", Has::Nothing,        Has::ServiceAccount, false, Says::Yes,      true),
    ("user, variable",                 Has::User,           Has::Nothing,        false, Says::Yes,      true),
    ("user, gcloud's file",            Has::Nothing,        Has::User,           false, Says::Yes,      true),
    ("metadata server",                Has::Nothing,        Has::Nothing,        true,  Says::Yes,      true),
    ("variable before gcloud's file",  Has::ServiceAccount, Has::User,           true,  Says::Yes,      true),
    ("gcloud's file before metadata",  Has::Nothing,        Has::User,           true,  Says::Yes,      true),
    ("variable names no file",         Has::Missing,        Has::User,           true,  Says::Yes,      false),
    ("variable names no JSON",         Has::Broken,         Has::User,           true,  Says::Yes,      false),
    ("variable names another type",    Has::Unknown,        Has::User,           true,  Says::Yes,      false),
    ("nothing at all",                 Has::Nothing,        Has::Nothing,        false, Says::Yes,      false),
    ("metadata of a stranger",         Has::Nothing,        Has::Nothing,        true,  Says::Stranger, false),
    ("service account is refused",     Has::ServiceAccount, Has::Nothing,        false, Says::No,       false),
    ("user is refused",                Has::User,           Has::Nothing,        false, Says::No,       false),
];

/// The token endpoint and the metadata server.
fn answer(says: Says, path: &str) -> Answer {
    let flavor = if says == Says::Stranger {
        ""
    } else {
        "Metadata-Flavor: Google\r\n"
    };
    let head = format!("{flavor}Content-Type: application/json\r\n");
    let token = json!({ "access_token": "ya29.granted", "expires_in": 3599, "token_type": "Bearer" });
    let said = match path {
        "/token" if says == Says::No => return (400, head, json!({ "error": "invalid_grant" }).to_string()),
        path if path.ends_with("/token") => token,
        // google-auth asks who it is first, and then by that name.
        path if path.contains("/service-accounts/") => json!({ "email": "default", "scopes": SCOPES }),
        _ => json!("project"),
    };
    (200, head, said.to_string())
}

/// Sends to loopback what is for Google's token endpoint, as the peer does.
#[derive(Debug)]
struct Loopback(UreqTransport, String);

impl Transport for Loopback {
    fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let there = request.uri().to_string().replace(GOOGLE, &self.1);
        *request.uri_mut() = there.parse().expect("an address");
        self.0.send(request)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.0.certificate()
    }
}

/// A file of that kind, or none.
fn write(place: &Path, has: Has) {
    let pem = || {
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/grantflow-jwt/tests/keys");
        std::fs::read_to_string(format!("{keys}/rsa.pkcs8.pem")).expect("a key")
    };
    let text = match has {
        Has::ServiceAccount => json!({
            "type": "service_account", "client_email": "svc@project.iam.gserviceaccount.com", "client_id": "1",
            "private_key": pem(), "private_key_id": "ABCDEF", "token_uri": format!("{GOOGLE}/token"), "project_id": "project",
        }),
        Has::User => json!({
            "type": "authorized_user", "client_id": "cid", "client_secret": "cs +&=", "refresh_token": "1//rt",
        }),
        Has::Unknown => json!({ "type": "of another kind" }),
        Has::Broken => return std::fs::write(place, "{").expect("a file"),
        Has::Missing | Has::Nothing => return,
    };
    std::fs::write(place, text.to_string()).expect("a file");
}

/// The token requests, without what no two of them have in common: times and the order of parameters.
fn token_requests(requests: &[String]) -> Vec<Value> {
    let is_token = |request: &&String| {
        request
            .split([' ', '?'])
            .nth(1)
            .is_some_and(|path| path.ends_with("/token"))
    };
    requests
        .iter()
        .filter(is_token)
        .map(|request| normal(request))
        .collect()
}

fn normal(request: &str) -> Value {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    let line = head.split(" HTTP/").next().unwrap_or_default();
    let (line, query) = line.split_once('?').unwrap_or((line, ""));
    let head = head.to_ascii_lowercase();
    let mut parameters = json!({});
    for (name, value) in
        form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body.as_bytes()))
    {
        parameters[&*name] = match &*name {
            "assertion" => assertion(&value),
            _ => value.into_owned().into(),
        };
    }
    json!({
        "line": line, "parameters": parameters, "metadata_flavor": head.contains("\r\nmetadata-flavor: google"),
        "form": head.contains("\r\ncontent-type: application/x-www-form-urlencoded"),
    })
}

/// Header and claims; of its times only how long it lives.
fn assertion(text: &str) -> Value {
    let part = |number| {
        let part = text.split('.').nth(number).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD
            .decode(part.trim_end_matches('='))
            .expect("base64url");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    let mut claims = part(1);
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    let lives = time("exp") - time("iat");
    let members = claims.as_object_mut().expect("an object");
    members.retain(|name, _| name != "iat" && name != "exp");
    json!({ "header": part(0), "claims": claims, "lives": lives })
}

/// The token that this library gets.
fn ours(variables: &Value, origin: &str) -> Result<String, Error> {
    let environment = Environment::read(|name| Some(variables[name].as_str()?.into()));
    let transport = WithFiles::new(Loopback(UreqTransport::new()?, origin.to_owned()));
    let host = TransportHost::new(&transport);
    let found = run(DefaultCredentials::new(environment, SCOPES)?.find(), &host)?;
    Ok(run(found.token(), &host)?.access_token.expose().to_owned())
}

#[test]
fn in_the_same_environment_google_auth_and_we_ask_for_the_same_token_or_neither_has_one() {
    let Some(mut python) = Python::start() else { return };
    println!("{:<32}{:<9}what both asked for it", "environment", "for both");
    for (name, variable, gcloud, has_metadata, says, is_granted) in CASES {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |file: &str| directory.path().join(file);
        write(&place("named.json"), variable);
        write(&place("application_default_credentials.json"), gcloud);
        let recorder = Recorder::bind();
        recorder.serve(move |path| answer(says, path));
        let origin = recorder.origin();
        let mut variables = json!({ "CLOUDSDK_CONFIG": directory.path() });
        if variable != Has::Nothing {
            variables["GOOGLE_APPLICATION_CREDENTIALS"] = json!(place("named.json"));
        }
        if has_metadata {
            let host = origin.trim_start_matches("http://");
            (variables["GCE_METADATA_HOST"], variables["GCE_METADATA_IP"]) = (host.into(), host.into());
        } else {
            variables["NO_GCE_CHECK"] = "true".into();
        }
        let theirs = json!({ "names": NAMES, "variables": variables, "origin": origin, "scopes": SCOPES });
        python.begin("default", theirs);
        let theirs = python.answer();
        let asked = recorder.requests();
        let ours = ours(&variables, origin);
        let (asked_by_them, asked_by_us) = (
            token_requests(&asked),
            token_requests(&recorder.requests()[asked.len()..]),
        );
        let outcome = |granted: bool| if granted { "a token" } else { "refused" };
        assert_eq!(
            (theirs.is_ok(), ours.is_ok()),
            (is_granted, is_granted),
            "{name}: {theirs:?}, {ours:?}"
        );
        if let (Ok(theirs), Ok(ours)) = (&theirs, &ours) {
            assert_eq!(theirs, ours, "{name}");
        }
        assert_eq!(asked_by_them, asked_by_us, "{name}");
        let both = asked_by_us.first().map_or_else(|| "nothing".to_owned(), shown);
        println!("{name:<32}{:<9}{both}", outcome(is_granted));
    }
}

/// A token request in a line of the table.
fn shown(request: &Value) -> String {
    let names = request["parameters"].as_object();
    let names = names.map(|members| members.keys().cloned().collect::<Vec<_>>().join(", "));
    let line = request["line"].as_str().unwrap_or_default();
    format!("{line}: {}", names.unwrap_or_default())
}
