//! `inspect`: a token of a server's login, and what is wrong with others; no server is asked about those.

use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use grantflow::jwt::{Algorithm, ClaimsSet, SigningKey};
use grantflow_testserver::{Config, Endpoint, Fault, IdTokenFlaw};
use serde_json::{Value, json};

use crate::support::{Desk, Done, done};

/// `inspect` with these words and this on standard input.
fn inspect(desk: &Desk, token: &str, words: &[&str]) -> Done {
    std::fs::write(desk.path("token"), token).unwrap();
    let words = [&["inspect"], words].concat();
    done(
        desk.command(&words)
            .stdin(File::open(desk.path("token")).unwrap()),
    )
}

/// The ID token of a login.
fn id_token(desk: &Desk) -> String {
    desk.login(&["--scope", "openid"]).ok();
    let file: Value = serde_json::from_str(&std::fs::read_to_string(desk.file()).unwrap()).unwrap();
    file["record"]["token"]["id_token"].as_str().unwrap().to_owned()
}

fn key() -> SigningKey {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../grantflow-jwt/tests/keys");
    SigningKey::from_pem(&std::fs::read_to_string(format!("{keys}/p256.pkcs8.pem")).unwrap()).unwrap()
}

fn signed(claims: &Value) -> String {
    let (key, claims) = (key(), ClaimsSet::from_json(&claims.to_string()).unwrap());
    let jws = key.sign(&key.header(Algorithm::Es256).unwrap(), claims.as_bytes());
    jws.unwrap().into_exposed()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn an_id_token_is_shown_and_proven_by_its_issuer_or_by_its_keys() {
    let desk = Desk::new();
    let token = id_token(&desk);
    let asked = desk.server.stats().requests;
    let shown = inspect(&desk, &token, &[]).ok();
    assert!(shown.stdout.contains("  sub             ann\n"), "{shown:?}");
    assert!(
        shown
            .stdout
            .contains("signature         not checked: name the keys"),
        "{shown:?}"
    );
    assert_eq!(desk.server.stats().requests, asked, "nobody was asked");

    let words = [
        "--issuer",
        desk.issuer(),
        "--audience",
        "native-app",
        "--format",
        "json",
    ];
    let proven = inspect(&desk, &format!("Bearer {token}\n"), &words).ok().json();
    assert_eq!(proven["signature"], "good");
    assert_eq!(proven["claims"]["sub"], "ann");
    assert_eq!(proven["header"]["kid"], "rs-1");
    assert_eq!(proven["problem"], Value::Null);
    let address = desk.server.url("/jwks");
    let proven = inspect(&desk, &token, &["--jwks", &address]).ok();
    assert!(
        proven
            .stdout
            .contains("signature         good, by the key rs-1 of http://127.0.0.1"),
        "{proven:?}"
    );
}

#[test]
fn what_anybody_can_see_is_refused_before_a_server_is_asked() {
    let desk = Desk::new();
    let token = id_token(&desk);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let claims = head.rsplit_once('.').unwrap().1;
    let asked = desk.server.stats().requests;
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let encrypted = format!("{head}.{signature}.x.x");
    let issuer = desk.issuer();
    let (over, early) = (
        signed(&json!({ "iss": issuer, "exp": now() - 3600 })),
        signed(&json!({ "iss": issuer, "nbf": now() + 3600 })),
    );
    let (future, odd) = (
        signed(&json!({ "iss": issuer, "iat": now() + 3600 })),
        signed(&json!({ "iss": issuer, "exp": "soon" })),
    );
    let elsewhere = signed(&json!({ "iss": "https://elsewhere.example" }));
    for (token, why) in [
        ("", "malformed: it has not exactly three parts"),
        ("opaque", "malformed: it has not exactly three parts"),
        ("a.b.c", "malformed"),
        (&format!("{head}=.{signature}"), "malformed: its payload is not"),
        (&"a".repeat(20_000), "malformed"),
        (&encrypted, "it is encrypted"),
        (&unsigned, "its algorithm is `none` or unknown"),
        (&over, "it has expired"),
        (&early, "it is not valid yet"),
        (&future, "it was made in the future"),
        (&odd, "its `exp` is no time"),
        (&elsewhere, "it is not from http://127.0.0.1"),
    ] {
        let refused = inspect(&desk, token, &["--issuer", issuer]).fails(7);
        assert!(refused.stderr.contains(why), "{why}: {refused:?}");
    }
    let foreign = inspect(&desk, &token, &["--issuer", issuer, "--audience", "web-app"]).fails(7);
    assert!(foreign.stderr.contains("it is not for web-app"), "{foreign:?}");
    assert_eq!(desk.server.stats().requests, asked);
}

#[test]
fn a_signature_that_is_not_the_keys_ends_with_7() {
    let desk = Desk::with(Config::new().auto_approve("ann"));
    desk.server
        .set_fault(Endpoint::Token, Fault::IdToken(IdTokenFlaw::ForeignKey));
    let token = id_token(&desk);
    let words = ["--issuer", desk.issuer(), "--format", "json"];
    let refused = inspect(&desk, &token, &words).fails(7);
    assert_eq!(refused.json()["signature"], "refused");
    assert_eq!(refused.error()["exit_code"], 7);
    assert!(!refused.stderr.contains(&token), "no error repeats a token");
    // Nor is it by any key of another server.
    let other = Desk::new();
    let refused = inspect(&desk, &token, &["--jwks", &other.server.url("/jwks")]).fails(7);
    assert!(refused.stderr.contains("signature"), "{refused:?}");
}

#[test]
fn keys_come_from_a_file_too_and_a_token_as_an_argument_is_warned_of() {
    let desk = Desk::new();
    let token = signed(&json!({ "exp": now() + 60 }));
    let public = key().verifying_key().unwrap().to_jwk().unwrap();
    let set = format!("{{\"keys\":[{public}]}}");
    std::fs::write(desk.path("keys.json"), set).unwrap();
    inspect(&desk, &token, &["--jwks", "keys.json"]).ok();
    let warned = desk.run(&["inspect", &token, "--jwks", "keys.json"]).ok();
    assert!(warned.stderr.contains("other processes can see"), "{warned:?}");
    for bad in ["missing.json", "token"] {
        inspect(&desk, &token, &["--jwks", bad]).fails(2);
    }
    inspect(&desk, &token, &["--jwks", "http://keys.example/"]).fails(2);
}

#[test]
fn a_server_that_is_not_there_is_4() {
    let desk = Desk::new();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/jwks", listener.local_addr().unwrap())
    };
    let token = signed(&json!({ "exp": now() + 60 }));
    inspect(&desk, &token, &["--jwks", &nobody]).fails(4);
}

#[test]
fn t26_names_in_a_token_neither_steer_the_terminal_nor_speak_for_the_command() {
    let desk = Desk::new();
    let hostile = signed(&json!({
        "exp": now() + 60, "\u{1b}]0;x\u{7}": 1, "x\nsignature         good, by the key k": 1,
        "signature": "good", "signature_": "good", "alg": "none",
    }));
    let shown = inspect(&desk, &hostile, &[]).ok();
    let verdicts = shown
        .stdout
        .lines()
        .filter(|line| line.starts_with("signature"))
        .count();
    assert_eq!(verdicts, 1, "{shown:?}");
    assert!(shown.stdout.ends_with(
        "signature         not checked: name the keys with --jwks, or the server with --issuer\n"
    ));
    assert!(!shown.stdout.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    assert!(shown.stdout.contains("  alg             ES256\n"), "{shown:?}");
}
