//! A host with a clock, replies in a row, and a log of the forms that were sent.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use grantflow_core::{
    Body, Cancelled, EntropyError, Host, LoadError, Now, Request, Response, Source, Timestamp, TransportError,
};
use grantflow_google::ServiceAccountKey;
use grantflow_jwt::{Algorithm, KeySet, NumericDate, SigningKey, Verification, VerifiedClaims};

pub(crate) const START: i64 = 1_700_000_000;
pub(crate) const EMAIL: &str = "svc@project.iam.gserviceaccount.com";
pub(crate) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
pub(crate) const GRANTED: &str = r#"{"access_token":"ya29.AT","token_type":"Bearer","expires_in":3599}"#;

/// The key that RFC 7515 publishes.
pub(crate) fn pem() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../grantflow-jwt/tests/keys/rsa.pkcs8.pem"
    );
    std::fs::read_to_string(path).unwrap()
}

/// A key file as Google makes them, and perhaps with other members.
pub(crate) fn file(other: &[(&str, &str)]) -> String {
    let mut members = BTreeMap::from([
        ("type", "service_account".to_owned()),
        ("project_id", "project".to_owned()),
        ("private_key_id", "ABCDEF".to_owned()),
        ("private_key", pem()),
        ("client_email", EMAIL.to_owned()),
        ("client_id", "123".to_owned()),
        ("auth_uri", "https://accounts.google.com/o/oauth2/auth".to_owned()),
        ("token_uri", TOKEN_URI.to_owned()),
    ]);
    members.extend(other.iter().map(|(name, value)| (*name, (*value).to_owned())));
    serde_json::to_string(&members).unwrap()
}

pub(crate) fn key() -> ServiceAccountKey {
    ServiceAccountKey::from_json(&file(&[])).unwrap()
}

/// What a token claims, if its signature and its times are right.
pub(crate) fn verified(token: &str, audience: &str, now: i64) -> VerifiedClaims {
    let keys = KeySet::from(
        SigningKey::from_pem(&pem())
            .unwrap()
            .with_key_id("ABCDEF")
            .verifying_key()
            .unwrap(),
    );
    Verification::new([Algorithm::Rs256], EMAIL, audience)
        .verify(token, &keys, NumericDate::from_unix_seconds(now))
        .unwrap()
}

pub(crate) struct World {
    now: Cell<i64>,
    replies: RefCell<VecDeque<Result<Response, TransportError>>>,
    files: BTreeMap<PathBuf, Result<Vec<u8>, LoadError>>,
    requests: RefCell<Vec<Request>>,
    log: RefCell<Vec<String>>,
    sent: RefCell<Vec<(String, BTreeMap<String, String>)>>,
}

impl World {
    pub(crate) fn at(now: i64) -> Self {
        Self {
            now: Cell::new(now),
            replies: RefCell::default(),
            files: BTreeMap::new(),
            requests: RefCell::default(),
            log: RefCell::default(),
            sent: RefCell::default(),
        }
    }

    /// The next reply, from a server whose clock says so.
    pub(crate) fn replies(self, status: u16, json: &str, date: Option<&str>) -> Self {
        let mut reply = http::Response::builder()
            .status(status)
            .header("content-type", "application/json");
        if let Some(date) = date {
            reply = reply.header("date", date);
        }
        self.replies
            .borrow_mut()
            .push_back(Ok(reply.body(Body::from(json)).unwrap()));
        self
    }

    /// The next reply, from a metadata server.
    pub(crate) fn metadata(self, status: u16, media_type: &str, body: &str) -> Self {
        let reply = http::Response::builder()
            .status(status)
            .header("metadata-flavor", "Google")
            .header("content-type", media_type);
        self.answers(Ok(reply.body(Body::from(body)).unwrap()))
    }

    /// What comes of the next request.
    pub(crate) fn answers(self, answer: Result<Response, TransportError>) -> Self {
        self.replies.borrow_mut().push_back(answer);
        self
    }

    /// A file on its disk; others are not there.
    pub(crate) fn file(mut self, path: &str, file: Result<&str, LoadError>) -> Self {
        let file = file.map(|text| text.as_bytes().to_vec());
        self.files.insert(path.into(), file);
        self
    }

    /// What was done, in order: `load PATH`, `METHOD ADDRESS`, `wait 0.1`.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// The requests as they were sent.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Where each request went, and its form.
    pub(crate) fn sent(&self) -> Vec<(String, BTreeMap<String, String>)> {
        self.sent.borrow().clone()
    }
}

impl Host for World {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(self.now.get()),
            boot: Duration::ZERO,
        }
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(7);
        Ok(())
    }

    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let form = form_urlencoded::parse(request.body().as_bytes())
            .into_owned()
            .collect();
        let address = request.uri().to_string();
        self.log
            .borrow_mut()
            .push(format!("{} {address}", request.method()));
        self.sent.borrow_mut().push((address, form));
        self.requests.borrow_mut().push(request);
        let reply = self.replies.borrow_mut().pop_front();
        reply.expect("a reply for every request")
    }

    fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        self.log
            .borrow_mut()
            .push(format!("wait {}", pause.as_secs_f64()));
        Ok(())
    }

    fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        let Source::File(path) = source else {
            return Err(LoadError::Refused);
        };
        self.log.borrow_mut().push(format!("load {}", path.display()));
        self.files.get(&path).cloned().unwrap_or(Err(LoadError::NotFound))
    }
}
