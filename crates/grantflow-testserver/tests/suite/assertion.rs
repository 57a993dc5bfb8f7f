//! Assertions of service accounts: one that is right, and one wrong thing at a time.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::{Duration, SystemTime};

use crate::support::*;
use grantflow_jwt::{Algorithm, ClaimsSet, Header, SigningKey};
use grantflow_testserver::{Config, TestServer, TestServiceAccount};

const EMAIL: &str = "svc@project.example";

fn pem(name: &str) -> String {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../grantflow-jwt/tests/keys");
    std::fs::read_to_string(format!("{keys}/{name}.pem")).unwrap()
}

fn server() -> TestServer {
    let account = TestServiceAccount::new(EMAIL, &pem("rsa.public-pkcs1")).unwrap();
    let account = account.speaks_for("ann");
    Config::new().service_account(account).start().unwrap()
}

/// What an assertion says; each test changes one thing.
struct Assertion {
    iss: String,
    aud: String,
    sub: Option<&'static str>,
    /// Seconds from now.
    iat: i64,
    exp: i64,
}

impl Assertion {
    fn right(server: &TestServer) -> Self {
        Self {
            iss: EMAIL.to_owned(),
            aud: server.url("/token"),
            sub: None,
            iat: 0,
            exp: 3600,
        }
    }

    fn signed(&self, header: &Header, key: &SigningKey) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        let mut claims = ClaimsSet::new()
            .with("iss", &self.iss)
            .and_then(|claims| claims.with("aud", &self.aud))
            .and_then(|claims| claims.with("iat", now + self.iat))
            .and_then(|claims| claims.with("exp", now + self.exp))
            .and_then(|claims| claims.with("scope", "read write"))
            .unwrap();
        if let Some(sub) = self.sub {
            claims = claims.with("sub", sub).unwrap();
        }
        key.sign(header, claims.as_bytes()).unwrap().into_exposed()
    }
}

fn rsa() -> SigningKey {
    SigningKey::from_pem(&pem("rsa.pkcs8")).unwrap()
}

fn present(server: &TestServer, assertion: &str) -> Reply {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    post(
        &server.url("/token"),
        &[("grant_type", grant), ("assertion", assertion)],
    )
}

fn rs256(server: &TestServer, change: impl FnOnce(&mut Assertion)) -> Reply {
    let mut assertion = Assertion::right(server);
    change(&mut assertion);
    present(server, &assertion.signed(&Header::new(Algorithm::Rs256), &rsa()))
}

#[test]
fn an_assertion_that_is_right_opens_the_api_for_the_account_or_its_user() {
    let server = server();
    let reply = rs256(&server, |_| {});
    assert_eq!((reply.status, reply.text("scope").as_str()), (200, "read write"));
    assert!(reply.json().get("refresh_token").is_none());
    assert_eq!(me(&server, &reply.text("access_token")).json()["sub"], EMAIL);
    let of_ann = rs256(&server, |assertion| assertion.sub = Some("ann"));
    assert_eq!(me(&server, &of_ann.text("access_token")).json()["sub"], "ann");
    assert_eq!(server.stats().assertions, 2);
}

#[test]
fn one_wrong_thing_is_enough() {
    let server = server();
    type Change = fn(&mut Assertion);
    let wrong: [(&str, Change); 7] = [
        ("issuer", |assertion| {
            assertion.iss = "another@project.example".to_owned()
        }),
        ("audience", |assertion| {
            assertion.aud = "https://oauth2.googleapis.com/token".to_owned()
        }),
        ("future", |assertion| (assertion.iat, assertion.exp) = (60, 3600)),
        ("past", |assertion| (assertion.iat, assertion.exp) = (-3600, 0)),
        ("long", |assertion| assertion.exp = 3601),
        ("backwards", |assertion| (assertion.iat, assertion.exp) = (-1, -2)),
        ("user", |assertion| assertion.sub = Some("bob")),
    ];
    for (what, change) in wrong {
        let reply = rs256(&server, change);
        let code = if what == "user" {
            "unauthorized_client"
        } else {
            "invalid_grant"
        };
        assert_eq!((reply.status, reply.error().as_str()), (400, code), "{what}");
    }
    let right = Assertion::right(&server);
    let another = SigningKey::from_pem(&pem("p256.pkcs8")).unwrap();
    let hmac = SigningKey::from_hmac_secret(&[7; 32]).unwrap();
    let token = right.signed(&Header::new(Algorithm::Rs256), &rsa());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    for forged in [
        right.signed(&Header::new(Algorithm::Es256), &another),
        right.signed(&Header::new(Algorithm::Hs256), &hmac),
        right.signed(&Header::new(Algorithm::Ps256), &rsa()),
        format!("{signed}.{flipped}"),
        format!("{signed}."),
        signed.to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert_eq!(present(&server, &forged).error(), "invalid_grant", "{forged}");
    }
    assert_eq!(server.stats().assertions, 0);
}

#[test]
fn the_date_of_a_refusal_is_that_of_the_servers_clock() {
    let server = server();
    server.advance(Duration::from_secs(86_400));
    let reply = rs256(&server, |_| {});
    assert_eq!(reply.error(), "invalid_grant");
    let date = httpdate::parse_http_date(reply.header("date")).unwrap();
    let ahead = date.duration_since(SystemTime::now()).unwrap();
    assert!(ahead > Duration::from_secs(86_000), "{ahead:?}");
}
