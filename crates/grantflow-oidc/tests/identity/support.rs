//! Keys that RFCs publish, a clock that stands still, and parameters of requests.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use grantflow_core::{
    Body, Cancelled, Cx, EntropyError, Error, Host, Issuer, Now, Request, Response, Secret, Step, Timestamp,
    TransportError, TransportErrorKind, run,
};
use grantflow_jwt::{Algorithm, Header, KeySet, SigningKey};
use serde_json::{Value, json};

/// Friday, 15 January 2027, 08:00:00.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn rsa() -> SigningKey {
    SigningKey::from_pem(include_str!("../../../grantflow-jwt/tests/keys/rsa.pkcs8.pem")).unwrap()
}

pub(crate) fn p256() -> SigningKey {
    SigningKey::from_pem(include_str!("../../../grantflow-jwt/tests/keys/p256.pkcs8.pem")).unwrap()
}

pub(crate) fn ed25519() -> SigningKey {
    SigningKey::from_pem(include_str!(
        "../../../grantflow-jwt/tests/keys/ed25519.pkcs8.pem"
    ))
    .unwrap()
}

/// At [`NOW`], with random bytes that are counted up and so never the same.
pub(crate) fn at<R>(f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
    let now = Now {
        wall: Timestamp::from_unix_seconds(NOW),
        ..Now::default()
    };
    let mut next = 0u8;
    let mut fill = |bytes: &mut [u8]| {
        next = next.wrapping_add(1);
        bytes.fill(next);
        Ok(())
    };
    f(&mut Cx::new(now, &mut fill))
}

/// The values of a parameter in the body of a request.
pub(crate) fn parameter(request: &Request, name: &str) -> Vec<String> {
    form_urlencoded::parse(request.body().as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

pub(crate) const ISSUER: &str = "https://server.example.com";
pub(crate) const CLIENT: &str = "s6BhdRkqt3";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";

pub(crate) fn issuer() -> Issuer {
    Issuer::new(ISSUER).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

/// What the issuer says of a user in a token that is in order.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "nonce": NONCE, "iat": NOW, "exp": NOW + 300,
        "email": "ann@example.com", "email_verified": true,
    })
}

/// The claims with one that is another; `null` takes it away.
pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    claims
}

/// Signed with RS256 by the issuer's key, which is named `1`.
pub(crate) fn signed(claims: &Value) -> Secret {
    signed_by(&rsa().with_key_id("1"), Algorithm::Rs256, claims)
}

pub(crate) fn signed_by(key: &SigningKey, algorithm: Algorithm, claims: &Value) -> Secret {
    signed_under(key, &key.header(algorithm).unwrap(), claims)
}

pub(crate) fn signed_under(key: &SigningKey, header: &Header, claims: &Value) -> Secret {
    Secret::new(
        key.sign(header, claims.to_string().as_bytes())
            .unwrap()
            .into_exposed(),
    )
}

/// The issuer's keys.
pub(crate) fn keys() -> KeySet {
    KeySet::from(rsa().with_key_id("1").verifying_key().unwrap())
}

/// A host that answers from a script, on a clock that the test moves.
#[derive(Default)]
pub(crate) struct Script {
    replies: RefCell<VecDeque<Result<Response, TransportError>>>,
    sent: RefCell<Vec<Request>>,
    passed: Cell<Duration>,
    drawn: Cell<u8>,
}

impl Script {
    pub(crate) fn replies(self, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut reply = http::Response::builder().status(status);
        for (name, value) in headers {
            reply = reply.header(*name, *value);
        }
        let reply = reply.body(Body::from(body)).unwrap();
        self.replies.borrow_mut().push_back(Ok(reply));
        self
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.replies(200, &[("content-type", "application/json")], body)
    }

    pub(crate) fn cannot_connect(self) -> Self {
        let error = TransportError::new(TransportErrorKind::Connect);
        self.replies.borrow_mut().push_back(Err(error));
        self
    }

    /// One more, for a script that is playing.
    pub(crate) fn then(&self, more: Self) {
        self.replies.borrow_mut().append(&mut more.replies.borrow_mut());
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.passed.set(self.passed.get() + Duration::from_secs(seconds));
    }

    pub(crate) fn run<T>(&self, step: Step<T>) -> Result<T, Error> {
        run(step, self)
    }

    /// The addresses that were asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.sent
            .borrow()
            .iter()
            .map(|request| request.uri().to_string())
            .collect()
    }

    /// A header of the request with this number, from 0.
    pub(crate) fn header(&self, number: usize, name: &str) -> Option<String> {
        let sent = self.sent.borrow();
        let value = sent.get(number)?.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    /// Replies that were not asked for yet.
    pub(crate) fn left(&self) -> usize {
        self.replies.borrow().len()
    }
}

impl Host for Script {
    fn now(&self) -> Now {
        let passed = self.passed.get();
        Now {
            wall: Timestamp::from_unix_seconds(NOW).plus(passed),
            boot: Duration::from_secs(1000) + passed,
        }
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.drawn.set(self.drawn.get().wrapping_add(1));
        bytes.fill(self.drawn.get());
        Ok(())
    }

    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.sent.borrow_mut().push(request);
        self.replies
            .borrow_mut()
            .pop_front()
            .expect("the script has a reply for every request")
    }

    fn wait(&self, pause: Duration) -> Result<(), Cancelled> {
        // Who waits without end is stopped.
        let passed = self.passed.get() + pause;
        self.passed.set(passed);
        (passed < Duration::from_secs(500_000))
            .then_some(())
            .ok_or(Cancelled)
    }
}

/// The first `Send` of a step, at the script's time, and what takes its reply.
pub(crate) fn until_sent<T>(
    script: &Script,
    step: Step<T>,
) -> (Request, grantflow_core::Next<Result<Response, TransportError>, T>) {
    match script.begin(step) {
        Step::Send(request, next) => (request, next),
        other => panic!("{}", name(&other)),
    }
}

impl Script {
    /// Hands over clocks and entropy, as long as only these are wanted.
    pub(crate) fn begin<T>(&self, mut step: Step<T>) -> Step<T> {
        while let Step::Begin(next) = step {
            step = self.with_cx(|cx| next.resume((), cx)).unwrap();
        }
        step
    }

    pub(crate) fn with_cx<R>(&self, f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
        let mut fill = |bytes: &mut [u8]| self.fill(bytes);
        f(&mut Cx::new(self.now(), &mut fill))
    }
}

pub(crate) fn name<T>(step: &Step<T>) -> &'static str {
    match step {
        Step::Begin(_) => "begin",
        Step::Send(..) => "send",
        Step::Wait(..) => "wait",
        Step::Done(_) => "done",
        _ => "another",
    }
}

/// A JWK Set with the public RSA key under each of these names.
pub(crate) fn jwks(names: &[&str]) -> String {
    let key = |name: &&str| json!({ "kty": "RSA", "kid": name, "use": "sig", "alg": "RS256", "e": "AQAB", "n": MODULUS });
    json!({ "keys": names.iter().map(key).collect::<Vec<_>>() }).to_string()
}

/// RFC 7515 appendix A.2.1.
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
