//! What a service account signs: the same text as oauth2client's for the same key, scopes and time.

use std::cell::RefCell;
use std::time::Duration;

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{
    Body, EntropyError, Host, Now, Request, Response, Timestamp, TransportError, TransportErrorKind, run,
};
use grantflow_google::{ServiceAccountKey, StoredServiceAccount};
use grantflow_suites::oauth2client::Python;
use serde_json::json;

const AUDIENCE: &str = "https://pubsub.googleapis.com/";

/// Keeps the form that was to be sent, at a time of its own.
struct Stopped {
    now: i64,
    form: RefCell<String>,
}

impl Host for Stopped {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(self.now),
            boot: Duration::ZERO,
        }
    }

    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        unreachable!("nothing here is random")
    }

    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body: &Body = request.body();
        *self.form.borrow_mut() = String::from_utf8_lossy(body.as_bytes()).into_owned();
        Err(TransportError::new(TransportErrorKind::Connect).before_sending())
    }
}

#[test]
fn assertions_and_self_signed_tokens_are_those_of_oauth2client_byte_for_byte() {
    let Some(mut python) = Python::start() else { return };
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/grantflow-jwt/tests/keys");
    let pem = std::fs::read_to_string(format!("{keys}/rsa.pkcs8.pem")).expect("a key");
    let file = json!({
        "type": "service_account", "client_email": "svc@project.iam.gserviceaccount.com", "private_key": pem,
        "private_key_id": "ABCDEF", "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string();
    let key = ServiceAccountKey::from_json(&file).expect("a key file");
    for (now, scopes, subject) in [
        (42, vec!["a", "b"], Some("u@x")),
        (
            1_700_000_000,
            vec!["https://www.googleapis.com/auth/pubsub"],
            None,
        ),
        (
            4_102_444_800,
            vec!["openid", "email"],
            Some("ann+tag@example.com"),
        ),
    ] {
        let theirs =
            json!({"now": now, "file": file, "scopes": scopes, "subject": subject, "audience": AUDIENCE});
        let theirs = python.run("assertion", theirs);
        let host = Stopped {
            now,
            form: RefCell::default(),
        };
        let mut source = key.credentials(scopes).expect("scopes");
        if let Some(subject) = subject {
            source = source.with_subject(subject);
        }
        run(source.token(), &host).expect_err("nobody is there");
        let assertion = format!("assertion={}", theirs[0].as_str().expect("a token"));
        assert!(host.form.borrow().split('&').any(|part| part == assertion));
        let stored = |place: usize| StoredServiceAccount::from_json(theirs[place].as_str().expect("JSON"));
        let source = stored(2)
            .and_then(|stored| stored.credentials())
            .expect("what it stored");
        host.form.borrow_mut().clear();
        run(source.token(), &host).expect_err("nobody is there");
        assert!(
            host.form.borrow().split('&').any(|part| part == assertion),
            "from what it stored"
        );
        let own = stored(3)
            .expect("what it stored")
            .self_signed()
            .expect("its audience is there");
        let own = run(own.token(), &host).expect("nobody is asked");
        assert_eq!(own.access_token.expose(), theirs[1].as_str().expect("a token"));
        let own = run(key.with_audience(AUDIENCE).token(), &host).expect("nobody is asked");
        assert_eq!(own.access_token.expose(), theirs[1].as_str().expect("a token"));
    }
}
