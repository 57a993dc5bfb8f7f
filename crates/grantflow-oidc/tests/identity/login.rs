//! Logins and refreshes: no token is handed out before its ID token has passed.

use std::sync::Arc;
use std::time::Duration;

use grantflow_core::{
    AuthorizationCode, AuthorizationRequest, Client, Endpoint, Error, Refreshed, Secret, Timestamp,
    TokenRequest,
};
use grantflow_jwt::Algorithm;
use grantflow_oidc::{
    IdTokenVerification, IdTokenVerifier, KeyCache, KeyRequest, Occasion, VerifiedIdToken, exchange, refresh,
};
use serde_json::{Value, json};

use super::support::{CLIENT, ISSUER, NOW, Script, claims, issuer, jwks, signed, with};

const CODE: &str = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
const C_HASH: &str = "LDktKdoQak3Pk0cnXxCltA";
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const AT_HASH: &str = "77QmUPtjPfzWtF2AnpK9RQ";

fn client() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_authorization_endpoint(endpoint("authorize"))
}

fn verifier() -> IdTokenVerifier {
    let verification = IdTokenVerification::of_client([Algorithm::Rs256], &client()).unwrap();
    let keys = KeyRequest::jwks(Endpoint::new(format!("{ISSUER}/jwks")).unwrap());
    IdTokenVerifier::new(verification, KeyCache::new(keys))
}

/// A code that was asked for with these scopes, and the nonce that was sent with it.
fn login(script: &Script, client: &Client, scopes: &str) -> (AuthorizationCode, Option<String>) {
    let request = AuthorizationRequest::new(client, "https://app.example/callback");
    sent_and_redirected(script, request.scopes(scopes).unwrap())
}

fn sent_and_redirected(
    script: &Script,
    request: AuthorizationRequest<'_>,
) -> (AuthorizationCode, Option<String>) {
    let (url, pending) = script.with_cx(|cx| request.start(cx)).unwrap();
    let (_, query) = url.as_str().split_once('?').unwrap();
    let sent = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    let callback = format!("/callback?code={CODE}&state={}", sent("state").unwrap());
    let code = script.with_cx(|cx| pending.accept(&callback, cx)).unwrap();
    (code, sent("nonce"))
}

fn reply(id_token: Option<&Secret>) -> String {
    let mut reply = json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "refresh_token": "RT1" });
    if let Some(id_token) = id_token {
        reply["id_token"] = id_token.expose().into();
    }
    reply.to_string()
}

/// A login whose ID token is signed by the issuer and has one claim changed: by [`exchange`], then by a client with the check.
fn log_in(name: &str, value: &Value) -> [Result<Option<VerifiedIdToken>, Error>; 2] {
    let play = |client: &Client, checks: bool| {
        let script = Script::default();
        let (code, nonce) = login(&script, client, "openid email");
        let claims = with(claims(), "nonce", json!(nonce.unwrap()));
        let claims = with(with(claims, "at_hash", json!(AT_HASH)), "c_hash", json!(C_HASH));
        let id_token = signed(&with(claims, name, value.clone()));
        script.then(
            Script::default()
                .json(&reply(Some(&id_token)))
                .json(&jwks(&["1"])),
        );
        let result = if checks {
            let token = script.run(TokenRequest::authorization_code(client, code).flow());
            token
                .map(|token| assert_eq!(token.access_token.expose(), ACCESS_TOKEN))
                .map(|()| None)
        } else {
            script
                .run(exchange(client, code, &verifier()))
                .map(|(_, verified)| Some(verified))
        };
        assert_eq!(
            script.asked(),
            [format!("{ISSUER}/token"), format!("{ISSUER}/jwks")]
        );
        result
    };
    let with_check = client().with_id_token_check(Arc::new(verifier()));
    [play(&client(), false), play(&with_check, true)]
}

#[test]
fn a_login_with_openid_gives_a_token_and_says_whose() {
    let [exchanged, checked] = log_in("name", &json!("Ann"));
    let verified = exchanged.unwrap().unwrap();
    assert_eq!(verified.subject(), "248289761001");
    assert_eq!(
        verified.claims().claim::<String>("name").unwrap().as_deref(),
        Some("Ann")
    );
    assert!(checked.is_ok());
}

#[test]
fn t45_no_token_is_handed_out_with_an_id_token_that_has_one_thing_wrong() {
    let other_nonce = "its nonce is not the one that was sent";
    for (name, value, expected) in [
        ("nonce", json!("n-0S6_WzA2Mj"), other_nonce),
        ("nonce", Value::Null, "it lacks the nonce that was sent"),
        (
            "at_hash",
            json!(C_HASH),
            "its at_hash is that of another access token",
        ),
        ("c_hash", json!(AT_HASH), "its c_hash is that of another code"),
        (
            "iss",
            json!("https://attacker.example"),
            "its issuer is somebody else",
        ),
        ("aud", json!("another"), "it is for somebody else"),
        ("exp", json!(1), "it has expired"),
        ("sub", Value::Null, "it lacks a claim"),
    ] {
        for result in log_in(name, &value) {
            match result {
                Err(Error::TokenRefused(why)) => assert_eq!(why, expected, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    for (name, value) in [("at_hash", Value::Null), ("c_hash", Value::Null)] {
        assert!(
            log_in(name, &value).iter().all(Result::is_ok),
            "{name} is optional"
        );
    }
}

#[test]
fn a_login_with_openid_and_no_id_token_is_none() {
    let with_check = client().with_id_token_check(Arc::new(verifier()));
    for (client, checks) in [(client(), false), (with_check, true)] {
        let script = Script::default().json(&reply(None));
        let (code, _) = login(&script, &client, "openid");
        let refused = if checks {
            script
                .run(TokenRequest::authorization_code(&client, code).flow())
                .map(|_| ())
        } else {
            script.run(exchange(&client, code, &verifier())).map(|_| ())
        };
        assert!(
            matches!(refused, Err(Error::TokenRefused("no ID token came with it"))),
            "{refused:?}"
        );
        assert_eq!(script.asked().len(), 1);
    }
}

#[test]
fn a_login_without_openid_has_no_id_token_to_check() {
    let client = client().with_id_token_check(Arc::new(verifier()));
    let script = Script::default().json(&reply(None));
    let (code, nonce) = login(&script, &client, "email");
    assert!(nonce.is_none());
    assert!(
        script
            .run(TokenRequest::authorization_code(&client, code).flow())
            .is_ok()
    );
}

#[test]
fn a_nonce_that_nobody_sent_is_that_of_another_login() {
    let script = Script::default();
    let (code, nonce) = login(&script, &client(), "email");
    assert!(nonce.is_none());
    script.then(
        Script::default()
            .json(&reply(Some(&signed(&claims()))))
            .json(&jwks(&["1"])),
    );
    let refused = script.run(exchange(&client(), code, &verifier()));
    assert!(
        matches!(
            refused,
            Err(Error::TokenRefused("it has a nonce, and none was sent"))
        ),
        "{refused:?}"
    );
}

#[test]
fn a_refresh_gives_a_token_only_of_the_same_user() {
    let script = Script::default().json(&jwks(&["1"]));
    let verifier = verifier();
    let before = script
        .run(verifier.verify(&signed(&claims()), Occasion::alone()))
        .unwrap();
    let play = |id_token: Option<&Secret>| {
        script.then(Script::default().json(&reply(id_token)));
        let refreshed = script.run(refresh(&client(), Secret::new("RT0"), &before, &verifier));
        let Refreshed { refresh_token, token } = refreshed.unwrap();
        assert_eq!(refresh_token.as_ref().map(Secret::expose), Some("RT1"));
        token
    };
    // "SHOULD NOT have a nonce Claim".
    let (_, again) = play(Some(&signed(&with(claims(), "nonce", Value::Null)))).unwrap();
    assert!(again.unwrap().same_subject_as(&before));
    assert!(play(Some(&signed(&claims()))).unwrap().1.is_some());
    assert!(play(None).unwrap().1.is_none(), "an ID token is optional");
    for (name, value, expected) in [
        (
            "sub",
            json!("248289761002"),
            "it is about somebody else than the one before",
        ),
        (
            "nonce",
            json!("another"),
            "its nonce is not the one that was sent",
        ),
        (
            "at_hash",
            json!(C_HASH),
            "its at_hash is that of another access token",
        ),
        (
            "iss",
            json!("https://attacker.example"),
            "its issuer is somebody else",
        ),
    ] {
        match play(Some(&signed(&with(claims(), name, value)))) {
            Err(Error::TokenRefused(why)) => assert_eq!(why, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(script.left(), 0);
}

#[test]
fn r01_a_refresh_whose_id_token_cannot_be_proven_gives_its_refresh_token_all_the_same() {
    let before = Script::default()
        .json(&jwks(&["1"]))
        .run(verifier().verify(&signed(&claims()), Occasion::alone()))
        .unwrap();
    // The keys are not to be had just now; or the reply is not what a client without a key to prove with takes.
    let granted = reply(Some(&signed(&claims())));
    let other_type = granted.replace("Bearer", "DPoP");
    for (reply, asked) in [(&granted, 2), (&other_type, 1)] {
        let script = Script::default().json(reply).replies(503, &[], "");
        let refreshed = script.run(refresh(&client(), Secret::new("RT0"), &before, &verifier()));
        let Refreshed { refresh_token, token } = refreshed.unwrap();
        assert_eq!(refresh_token.as_ref().map(Secret::expose), Some("RT1"));
        assert!(token.is_err());
        assert_eq!(script.asked().len(), asked);
    }
    // Nothing came: the old one is as good as before.
    let script = Script::default().replies(503, &[], "");
    assert!(
        script
            .run(refresh(&client(), Secret::new("RT0"), &before, &verifier()))
            .is_err()
    );
}

#[test]
fn t45_a_login_that_is_too_old_or_of_another_kind_than_was_asked_for_gives_no_token() {
    let too_old = "its user logged in too long ago";
    let no_time = "it does not say when its user logged in";
    let other_way = "its user did not log in in the way that was asked for";
    for (auth_time, acr, refusal) in [
        (json!(NOW - 300), json!("mfa"), None),
        (json!(NOW - 300 - 60), json!("hwk"), None),
        (json!(NOW - 300 - 61), json!("mfa"), Some(too_old)),
        (json!(0), json!("mfa"), Some(too_old)),
        (Value::Null, json!("mfa"), Some(no_time)),
        (json!("now"), json!("mfa"), Some("a claim is of the wrong type")),
        (json!(NOW), json!("pwd"), Some(other_way)),
        (json!(NOW), Value::Null, Some(other_way)),
        (json!(NOW), json!(2), Some("a claim is of the wrong type")),
    ] {
        let script = Script::default();
        let client = client().with_id_token_check(Arc::new(verifier()));
        let request = AuthorizationRequest::new(&client, "https://app.example/callback");
        let request = request.scopes("openid").unwrap();
        let request = request.max_age(Duration::from_secs(300)).acr_values("mfa hwk");
        let (code, nonce) = sent_and_redirected(&script, request);
        let claims = with(with(claims(), "auth_time", auth_time.clone()), "acr", acr.clone());
        let id_token = signed(&with(claims, "nonce", json!(nonce.unwrap())));
        script.then(
            Script::default()
                .json(&reply(Some(&id_token)))
                .json(&jwks(&["1"])),
        );
        let outcome = script.run(TokenRequest::authorization_code(&client, code).flow());
        match (outcome, refusal) {
            (Ok(_), None) => {}
            (Err(Error::TokenRefused(why)), Some(expected)) => assert_eq!(why, expected, "{auth_time} {acr}"),
            (outcome, _) => panic!("{auth_time} {acr}: {outcome:?}"),
        }
    }
}

#[test]
fn an_id_token_says_how_and_when_its_user_logged_in() {
    let claims = with(with(claims(), "auth_time", json!(NOW - 7)), "acr", json!("mfa"));
    let script = Script::default().json(&jwks(&["1"]));
    let verified = script
        .run(verifier().verify(&signed(&claims), Occasion::alone()))
        .unwrap();
    let at = Timestamp::from_unix_seconds(NOW - 7);
    assert_eq!(
        (verified.authenticated_at(), verified.acr().as_deref()),
        (Some(at), Some("mfa"))
    );
}
