//! ID tokens and the keys that they are signed with, read by a library that shares no code with the server.
#![expect(clippy::unwrap_used, reason = "a test fails where its server does not start")]

use std::time::{Duration, SystemTime};

use crate::support::{
    REDIRECT_URI, Reply, authorization_url, code, exchange, get, parameter, refresh, request_with,
};
use grantflow_jwt::{Algorithm, KeySet, NumericDate, Verification, VerifiedClaims};
use grantflow_testserver::{Config, Endpoint, Fault, IdTokenAlgorithm, IdTokenFlaw, TestClient, TestServer};
use serde_json::Value;

fn keys(server: &TestServer) -> KeySet {
    KeySet::from_json(&get(&server.url("/jwks")).body).unwrap()
}

fn login(server: &TestServer) -> Reply {
    let url = authorization_url(server, &request_with(&[("scope", "openid"), ("nonce", "n-1")]));
    let location = server.approve(&url).unwrap();
    exchange(server, &parameter(&location, "code"))
}

fn verify(
    server: &TestServer,
    algorithm: Algorithm,
    token: &str,
) -> Result<VerifiedClaims, grantflow_jwt::Error> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = NumericDate::from_unix_seconds(i64::try_from(now.as_secs()).unwrap());
    Verification::new([algorithm], server.issuer(), "native-app").verify(token, &keys(server), now)
}

fn payload(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(part)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_login_with_openid_brings_who_it_was_signed_and_a_refresh_brings_it_again() {
    let server = TestServer::start().unwrap();
    let reply = login(&server);
    let claims = verify(&server, Algorithm::Rs256, &reply.text("id_token")).unwrap();
    assert_eq!(claims.subject(), Some("ann"));
    assert_eq!(claims.claim::<String>("nonce").unwrap().as_deref(), Some("n-1"));
    let hash = Algorithm::Rs256.half_hash(&reply.text("access_token"));
    assert_eq!(
        claims.claim::<String>("at_hash").unwrap().as_deref(),
        Some(hash.as_str())
    );
    assert!(claims.claim::<String>("c_hash").unwrap().is_some());

    let renewed = refresh(&server, &reply.text("refresh_token"));
    let claims = verify(&server, Algorithm::Rs256, &renewed.text("id_token")).unwrap();
    assert_eq!(claims.claim::<String>("nonce").unwrap(), None, "not at a refresh");
    assert!(server.expose_issued().contains(&renewed.text("id_token")));
}

#[test]
fn one_comes_beside_the_code_in_a_form_and_is_of_that_code_and_that_state() {
    let server = TestServer::start().unwrap();
    let asked = [
        ("response_type", "code id_token"),
        ("response_mode", "form_post"),
        ("scope", "openid"),
        ("nonce", "n-1"),
    ];
    let url = authorization_url(&server, &request_with(&asked));
    let read = |body: &str, name: &str| parameter(&format!("http://x/?{body}"), name);
    let body = server.approve(&url).unwrap();
    let id_token = read(&body, "id_token");
    let claims = verify(&server, Algorithm::Rs256, &id_token).unwrap();
    let claim = |name| claims.claim::<String>(name).unwrap();
    let hash = |text: &str| Some(Algorithm::Rs256.half_hash(text));
    assert_eq!(claims.subject(), Some("ann"));
    assert_eq!(claim("nonce").as_deref(), Some("n-1"));
    assert_eq!(claim("c_hash"), hash(&read(&body, "code")));
    assert_eq!(claim("s_hash"), hash("s t+a&te"));
    assert_eq!(claim("at_hash"), None, "no access token came with it");
    assert!(server.expose_issued().contains(&id_token));
    let beside = payload(&exchange(&server, &read(&body, "code")).text("id_token"));
    assert_eq!((&beside["sub"], beside.get("s_hash")), (&"ann".into(), None));

    for (flaw, name) in [
        (IdTokenFlaw::NoCodeHash, "c_hash"),
        (IdTokenFlaw::NoStateHash, "s_hash"),
    ] {
        server.push_fault(Endpoint::Authorization, Fault::IdToken(flaw));
        let body = server.approve(&url).unwrap();
        assert_eq!(payload(&read(&body, "id_token")).get(name), None);
    }
    server.push_fault(Endpoint::Authorization, Fault::IdToken(IdTokenFlaw::Absent));
    let body = server.approve(&url).unwrap();
    assert_eq!(
        (read(&body, "id_token"), read(&body, "code").is_empty()),
        (String::new(), false)
    );
    for changed in [
        ("response_mode", ""),
        ("response_mode", "query"),
        ("scope", "read"),
        ("nonce", ""),
    ] {
        let kept = asked.into_iter().filter(|(name, _)| *name != changed.0);
        let changes: Vec<_> = kept.chain([changed]).collect();
        let answer = server.approve(&authorization_url(&server, &request_with(&changes)));
        assert!(answer.unwrap().contains("error=invalid_request"), "{changed:?}");
    }
}

#[test]
fn without_openid_there_is_none() {
    let server = TestServer::start().unwrap();
    let reply = exchange(&server, &code(&server));
    assert_eq!((reply.status, reply.json().get("id_token")), (200, None));
}

#[test]
fn a_client_gets_the_algorithm_that_it_is_registered_for() {
    for (registered, algorithm) in [
        (IdTokenAlgorithm::Rs256, Algorithm::Rs256),
        (IdTokenAlgorithm::Es256, Algorithm::Es256),
    ] {
        let client = TestClient::public("native-app", [REDIRECT_URI]).with_id_token_algorithm(registered);
        let server = Config::new().client(client).start().unwrap();
        let token = login(&server).text("id_token");
        let claims = verify(&server, algorithm, &token).unwrap();
        assert_eq!(claims.jws().algorithm().name(), registered.name());
    }
}

#[test]
fn new_keys_sign_and_old_ones_stay_until_they_are_forgotten() {
    let server = TestServer::start().unwrap();
    let old = login(&server).text("id_token");
    server.rotate_keys();
    let new = login(&server).text("id_token");
    let key_id = |token: &str| {
        verify(&server, Algorithm::Rs256, token).map(|claims| claims.jws().key_id().map(str::to_owned))
    };
    assert_eq!(key_id(&old).unwrap().as_deref(), Some("rs-1"));
    assert_eq!(key_id(&new).unwrap().as_deref(), Some("rs-2"));
    server.forget_old_keys();
    assert!(key_id(&new).is_ok());
    assert!(key_id(&old).is_err());
}

#[test]
fn each_flaw_makes_another_token_and_is_read_by_its_name() {
    let server = TestServer::start().unwrap();
    let good = login(&server).text("id_token");
    assert!(verify(&server, Algorithm::Rs256, &good).is_ok());
    // What a verification of the token alone cannot see: it takes the nonce, the code, the access token or the login to know.
    let unseen = [
        IdTokenFlaw::WeekOld,
        IdTokenFlaw::WrongNonce,
        IdTokenFlaw::NoNonce,
        IdTokenFlaw::OtherSubject,
        IdTokenFlaw::NoSubject,
        IdTokenFlaw::NoIssuedAt,
        IdTokenFlaw::WrongTokenHash,
        IdTokenFlaw::NoTokenHash,
        IdTokenFlaw::WrongCodeHash,
        IdTokenFlaw::NoCodeHash,
        IdTokenFlaw::WrongStateHash,
        IdTokenFlaw::NoStateHash,
        IdTokenFlaw::AudienceList,
        IdTokenFlaw::NoKeyId,
        IdTokenFlaw::OldLogin,
        IdTokenFlaw::NoAuthTime,
        IdTokenFlaw::OtherAcr,
    ];
    for (name, flaw) in IdTokenFlaw::NAMES {
        let fault: Fault = format!("id-token={name}").parse().unwrap();
        assert_eq!(fault, Fault::IdToken(*flaw));
        assert_eq!(fault.to_string(), format!("id-token={name}"));
        server.push_fault(Endpoint::Token, fault);
        let token = login(&server).text("id_token");
        if *flaw == IdTokenFlaw::Absent {
            assert_eq!(token, "");
            continue;
        }
        let verified = verify(&server, Algorithm::Rs256, &token).is_ok();
        assert_eq!(verified, unseen.contains(flaw), "{name}");
        let odd = match flaw {
            IdTokenFlaw::Encrypted => continue,
            IdTokenFlaw::WeekOld => payload(&token)["iat"].as_u64() < payload(&good)["iat"].as_u64(),
            IdTokenFlaw::WrongNonce => payload(&token)["nonce"] == "wrong",
            IdTokenFlaw::NoNonce => payload(&token).get("nonce").is_none(),
            IdTokenFlaw::OtherSubject => payload(&token)["sub"] == "somebody-else",
            IdTokenFlaw::NoSubject => payload(&token).get("sub").is_none(),
            IdTokenFlaw::NoIssuedAt => payload(&token).get("iat").is_none(),
            IdTokenFlaw::NoTokenHash => payload(&token).get("at_hash").is_none(),
            IdTokenFlaw::NoCodeHash => payload(&token).get("c_hash").is_none(),
            IdTokenFlaw::WrongStateHash => payload(&token)["s_hash"].is_string(),
            IdTokenFlaw::OldLogin => payload(&token)["auth_time"].is_u64(),
            IdTokenFlaw::OtherAcr => payload(&token)["acr"] == "another",
            IdTokenFlaw::AudienceList => payload(&token)["aud"].is_array(),
            _ => true,
        };
        assert!(odd, "{name}");
    }
}

#[test]
fn the_server_says_how_long_its_keys_may_be_kept_and_its_clock_moves_the_tokens() {
    let server = TestServer::start().unwrap();
    assert_eq!(get(&server.url("/jwks")).header("cache-control"), "max-age=300");
    server.advance(Duration::from_secs(3600));
    let token = login(&server).text("id_token");
    let error = verify(&server, Algorithm::Rs256, &token).unwrap_err();
    assert!(error.to_string().contains("future"), "{error}");
}
