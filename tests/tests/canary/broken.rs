//! Servers that repeat secrets in their replies, and files that are broken with secrets in them.

use std::time::Duration;

use grantflow_core::{
    Authentication, Body, Change, Client, Error, IntrospectionRequest, PendingAuthorization, Provenance,
    Record, Request, Response, RevocationRequest, Secret, Store as _, Token, TokenRequest, TokenTypeHint,
    Transport, TransportError, blocking, run,
};
use grantflow_store::{FileStore, MemoryStore};
use grantflow_suites::app::SCOPES;
use grantflow_suites::canary::Canary;
use grantflow_suites::login;

use crate::flows::host_of;
use crate::values::see_record;
use crate::{CLIENT_SECRET, World};

/// Answers the same to everything.
struct Canned(u16, String);

impl Transport for Canned {
    fn send(&self, _: Request) -> Result<Response, TransportError> {
        let reply = http::Response::builder()
            .status(self.0)
            .header("content-type", "application/json");
        Ok(reply.body(Body::from(self.1.clone())).expect("it is a reply"))
    }
}

/// A server that says what it was sent, or secrets of its own, in every place where it can.
pub(crate) fn replies(world: &mut World) {
    const ECHO: &str = "canary-that-the-server-says";
    world.canaries.push(Canary::new("echo", ECHO));
    let seen = &world.seen;
    let endpoint = grantflow_core::Endpoint::new("https://as.example/token").expect("it is an address");
    let client = Client::new("canary", endpoint.clone())
        .with_authentication(Authentication::Post(Secret::from(CLIENT_SECRET)))
        .with_introspection_endpoint(endpoint.clone())
        .with_revocation_endpoint(endpoint);
    for (status, body) in [
        (
            400,
            format!(
                r#"{{"error":"invalid_grant","error_description":"{ECHO}","error_uri":"https://x/{ECHO}"}}"#
            ),
        ),
        (400, format!(r#"{{"error":["{ECHO}"]}}"#)),
        (
            401,
            format!(r#"{{"error":"invalid_client","error_description":"{ECHO}","x":"{ECHO}"}}"#),
        ),
        (500, format!("<h1>{ECHO}</h1>")),
        (200, format!("<h1>{ECHO}</h1>")),
        (
            200,
            format!(r#"{{"access_token":["{ECHO}"],"token_type":"Bearer"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","access_token":"{ECHO}","token_type":"Bearer"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}\n","token_type":"Bearer"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"{ECHO}"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","expires_in":"{ECHO}"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","scope":{{"{ECHO}":1}}}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","id_token":"{ECHO}","x":"{ECHO}"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","refresh_token":"{ECHO}""#),
        ),
        (200, format!(r#"{{"active":"{ECHO}"}}"#)),
        (307, ECHO.to_owned()),
    ] {
        let canned = Canned(status, body);
        let refresh = TokenRequest::refresh(&client, Secret::from(ECHO)).flow();
        if let Some(token) = seen.check("a refresh", run(refresh, &host_of(&canned))) {
            seen.with(|seen| seen.debug("Token", &token));
            if let Err(error) = token.header() {
                seen.with(|seen| seen.error("header", &error));
            }
        }
        let secret = Secret::from(ECHO);
        let introspection = IntrospectionRequest::new(&client, &secret, TokenTypeHint::RefreshToken);
        seen.with(|seen| seen.debug("IntrospectionRequest", &introspection));
        seen.check("an introspection", run(introspection.flow(), &host_of(&canned)));
        let revocation = RevocationRequest::new(&client, &secret, TokenTypeHint::RefreshToken);
        seen.with(|seen| seen.debug("RevocationRequest", &revocation));
        seen.check("a revocation", run(revocation.flow(), &host_of(&canned)));
    }
    let bad_header = Token::bearer(format!("{ECHO}\n"), grantflow_core::Timestamp::default());
    assert!(seen.check("header", bad_header.header()).is_none());
}

/// Files that are broken, with the secrets still in them.
pub(crate) fn files(world: &mut World) {
    const IN_FILE: &str = "canary-in-a-broken-file";
    world.canaries.push(Canary::new("file", IN_FILE));
    let (seen, dir) = (&world.seen, &world.dir);
    for secrets in [
        format!(r#"{{"installed":{{"client_id":"a","client_secret":"{IN_FILE}""#),
        format!(
            r#"{{"installed":{{"client_id":"a","client_secret":["{IN_FILE}"],"auth_uri":"https://a","token_uri":"https://a"}}}}"#
        ),
        format!(
            r#"{{"installed":{{"client_id":"a","client_secret":"{IN_FILE}","auth_uri":"https://a","token_uri":"{IN_FILE}"}}}}"#
        ),
        format!(r#"{{"web":{{"client_secret":"{IN_FILE}"}}}}"#),
        format!(r#"{{"web":{{"client_id":"a","client_secret":"{IN_FILE}","client_secret":"{IN_FILE}"}}}}"#),
    ] {
        assert!(
            seen.check(
                "client_secrets.json",
                Client::from_client_secrets(secrets.as_bytes())
            )
            .is_none()
        );
    }
    for json in [
        format!(r#"{{"grantflow_pending":1,"state":"{IN_FILE}","verifier":"{IN_FILE}""#),
        format!(r#"{{"grantflow_pending":1,"state":["{IN_FILE}"],"verifier":"{IN_FILE}"}}"#),
        format!(r#"{{"grantflow_pending":9,"state":"{IN_FILE}"}}"#),
        IN_FILE.to_owned(),
    ] {
        assert!(
            seen.check("a pending authorization", PendingAuthorization::from_json(&json))
                .is_none()
        );
        assert!(seen.check("a record", Record::from_json(&json)).is_none());
    }

    let endpoint = grantflow_core::Endpoint::new("https://as.example/token").expect("it is an address");
    let client = Client::new("canary", endpoint).with_secret_post(IN_FILE);
    let key = login::key(&client, SCOPES).expect("they are scopes");
    let mut token = Token::bearer(
        IN_FILE,
        grantflow_core::Timestamp::from_unix_seconds(1_800_000_000),
    );
    token.refresh_token = Some(Secret::from(IN_FILE));
    let provenance = Provenance::new("import", token.issued_at);
    let record = Record::new(key.clone(), client, token, provenance);
    let memory = MemoryStore::new();
    let file = FileStore::new(dir.path().join("broken.json"));
    for store in [&memory as &dyn grantflow_core::Store, &file] {
        let mut lock = store
            .lock(&key, Duration::from_secs(1))
            .expect("nobody else locks");
        lock.save(Change::Put(Box::new(record.clone())))
            .expect("there is room");
        drop(lock);
        let read = store.read(&key).expect("it can be read").expect("it is there");
        see_record(seen, &read);
        seen.with(|seen| seen.debug("a store", &store));
    }
    let whole = std::fs::read(file.path()).expect("it is there");
    for cut in (1..whole.len()).step_by(7) {
        std::fs::write(file.path(), &whole[..cut]).expect("it can be written");
        seen.check("a broken file", file.read(&key).map(drop));
        seen.check("a broken file", file.lock(&key, Duration::from_secs(1)).map(drop));
        let credentials = blocking::Credentials::new(key.clone(), file.clone(), Canned(500, String::new()));
        assert!(
            matches!(credentials.header(), Err(Error::Store(_))),
            "it is not taken for empty"
        );
        seen.check("a broken file", credentials.header());
    }
}
