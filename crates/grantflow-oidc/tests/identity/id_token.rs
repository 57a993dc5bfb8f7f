//! ID tokens that are proven, and those that are refused: each with one thing wrong.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_core::{Error, Secret, Timestamp};
use grantflow_jwt::{Algorithm, Header, KeySet, SigningKey};
use grantflow_oidc::{AnyTenant, IdTokenVerification, IssuerTemplate, Occasion, VerifiedIdToken};
use serde_json::{Value, json};

use super::support::{
    CLIENT, ISSUER, NONCE, NOW, claims, ed25519, issuer, keys, now, p256, rsa, signed, signed_by,
    signed_under, with,
};

fn verification() -> IdTokenVerification {
    IdTokenVerification::new([Algorithm::Rs256], &issuer(), CLIENT)
}

fn occasion() -> Occasion {
    Occasion::alone().with_nonce(Secret::new(NONCE))
}

fn verify(claims: &Value) -> Result<VerifiedIdToken, Error> {
    verification().verify(&signed(claims), &keys(), &occasion(), now())
}

/// Why a token was refused; and no error tells of what was in it.
fn reason(result: Result<VerifiedIdToken, Error>) -> &'static str {
    match result {
        Err(error @ Error::TokenRefused(why)) => {
            let printed = format!("{error} {error:?}");
            let parts = ["248289761001", "ann@", NONCE, "s6Bh", "server.example", "eyJ"];
            assert!(parts.iter().all(|part| !printed.contains(part)), "{printed}");
            assert!(!error.is_transient());
            why
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_in_order_says_who_logged_in() {
    let verified = verify(&claims()).unwrap();
    assert_eq!((verified.issuer(), verified.subject()), (ISSUER, "248289761001"));
    assert_eq!(verified.verified_email().as_deref(), Some("ann@example.com"));
    assert_eq!(verified.claims().claim("iat").unwrap(), Some(NOW));
    let printed = format!("{verified:?}");
    assert!(
        !printed.contains("248289761001") && !printed.contains("ann@"),
        "{printed}"
    );
}

#[test]
fn t45_a_token_with_one_claim_wrong_is_refused() {
    let lacks = "it lacks a claim";
    let type_ = "a claim is of the wrong type";
    let somebody = "its issuer is somebody else";
    let audience = "it is for somebody else";
    let party = "its authorized party is somebody else";
    for (name, value, expected) in [
        ("iss", json!("https://attacker.example"), somebody),
        ("iss", json!(format!("{ISSUER}/")), somebody),
        ("iss", json!([ISSUER]), type_),
        ("iss", Value::Null, lacks),
        ("sub", Value::Null, lacks),
        ("sub", json!(""), "its subject is nobody"),
        ("sub", json!("x".repeat(256)), "its subject is nobody"),
        ("sub", json!(248_289_761_001_u64), type_),
        ("aud", json!("another"), audience),
        ("aud", json!(["another"]), audience),
        ("aud", json!([]), lacks),
        ("aud", Value::Null, lacks),
        ("aud", json!([CLIENT, "another"]), party), // without azp
        ("azp", json!("another"), party),
        ("exp", json!(NOW - 60), "it has expired"),
        ("exp", json!("2000000000"), type_),
        ("exp", Value::Null, lacks),
        ("iat", json!(NOW + 61), "it was issued in the future"),
        ("iat", json!("now"), type_),
        ("iat", Value::Null, lacks),
        ("nbf", json!(NOW + 61), "it is not valid yet"),
        (
            "nonce",
            json!("another"),
            "its nonce is not the one that was sent",
        ),
        ("nonce", json!(""), "its nonce is not the one that was sent"),
        ("nonce", json!([NONCE]), type_),
        ("nonce", Value::Null, "it lacks the nonce that was sent"),
    ] {
        let forged = with(claims(), name, value.clone());
        assert_eq!(reason(verify(&forged)), expected, "{name}: {value}");
    }
}

#[test]
fn t48_the_clocks_may_differ_by_a_minute_and_by_more_only_if_told() {
    let wide = verification().skew(Duration::from_secs(300)).unwrap();
    for (name, offset, ok_by_default, ok_if_wide) in [
        ("exp", -59, true, true),
        ("exp", -60, false, true),
        ("exp", -300, false, false),
        ("iat", 60, true, true),
        ("iat", 61, false, true),
        ("iat", 301, false, false),
        ("nbf", 60, true, true),
        ("nbf", 61, false, true),
    ] {
        let token = signed(&with(claims(), name, json!(NOW + offset)));
        let ok = |verification: &IdTokenVerification| {
            verification.verify(&token, &keys(), &occasion(), now()).is_ok()
        };
        assert_eq!(ok(&verification()), ok_by_default, "{name} {offset}");
        assert_eq!(ok(&wide), ok_if_wide, "{name} {offset}");
    }
    assert!(matches!(
        verification().skew(Duration::from_secs(301)),
        Err(Error::InvalidInput(_))
    ));
}

#[test]
fn t45_fourteen_forged_tokens_are_refused() {
    let header = |json: &str| Header::from_json(json).unwrap();
    let part = |json: &str| BASE64.encode(json);
    let spki = include_str!("../../../grantflow-jwt/tests/keys/rsa.spki.pem");
    // The public key as an HMAC secret, by somebody whose library lets them.
    let confused = format!(
        "{}.{}",
        part(r#"{"alg":"HS256","kid":"1"}"#),
        part(&claims().to_string())
    );
    let confused = format!(
        "{confused}.{}",
        BASE64.encode(hmac_sha256(spki.as_bytes(), confused.as_bytes()))
    );
    let confused = Secret::new(confused);
    let good = signed(&claims()).expose().to_owned();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let raw = |header: &str| {
        let input = format!("{}.{}", part(header), part(&claims().to_string()));
        let signature = rsa().sign_bytes(Algorithm::Rs256, input.as_bytes()).unwrap();
        Secret::new(format!("{input}.{}", BASE64.encode(signature)))
    };
    let algorithm = "its algorithm is not allowed";
    let form = "it is not in the form of a token";
    let way = "its header wants to be verified in another way";
    let cases = [
        (raw(r#"{"alg":"none"}"#), algorithm),
        (
            Secret::new(format!(
                "{}.{}.",
                part(r#"{"alg":"none"}"#),
                part(&claims().to_string())
            )),
            algorithm,
        ),
        (raw(r#"{"alg":"nOnE","kid":"1"}"#), algorithm),
        (confused.clone(), algorithm),
        (
            signed_by(&rsa().with_key_id("1"), Algorithm::Rs512, &claims()),
            algorithm,
        ),
        (
            signed_by(&p256().with_key_id("1"), Algorithm::Es256, &claims()),
            algorithm,
        ),
        (raw(r#"{"alg":"RS256","kid":"1","crit":["x"],"x":1}"#), way),
        (
            raw(r#"{"alg":"RS256","kid":"1","jku":"https://attacker.example/jwks"}"#),
            way,
        ),
        (
            raw(r#"{"alg":"RS256","kid":"1","x5u":"https://attacker.example/cert"}"#),
            way,
        ),
        (raw(r#"{"alg":"RS256","kid":"1","jwk":{"kty":"RSA"}}"#), way),
        (
            raw(r#"{"alg":"RS256","kid":"2"}"#),
            "no key, or more than one, fits it",
        ),
        (
            Secret::new(format!("{input}.{}", "A".repeat(signature.len()))),
            "its signature is not the key's",
        ),
        (Secret::new(input), form),
        (Secret::new(format!("{good}.{signature}")), form),
    ];
    assert_eq!(cases.len(), 14);
    for (index, (token, expected)) in cases.into_iter().enumerate() {
        let result = verification().verify(&token, &keys(), &occasion(), now());
        assert_eq!(reason(result), expected, "{index}");
    }
    // Nor where a shared secret is allowed: the key in the set is none.
    let lax = IdTokenVerification::new([Algorithm::Rs256, Algorithm::Hs256], &issuer(), CLIENT);
    let result = lax.verify(&confused, &keys(), &occasion(), now());
    assert_eq!(reason(result), "no key, or more than one, fits it");
    for typ in ["at+jwt", "application/at+jwt", "logout+JWT"] {
        let header = header(&format!(r#"{{"alg":"RS256","kid":"1","typ":"{typ}"}}"#));
        let token = signed_under(&rsa(), &header, &claims());
        let result = verification().verify(&token, &keys(), &occasion(), now());
        assert_eq!(reason(result), "it is a token of another kind", "{typ}");
    }
    let header = header(r#"{"alg":"RS256","kid":"1","typ":"JWT"}"#);
    let token = signed_under(&rsa(), &header, &claims());
    assert!(verification().verify(&token, &keys(), &occasion(), now()).is_ok());
}

#[test]
fn t45_only_the_algorithms_that_were_named_are_taken() {
    for (key, algorithm) in [
        (rsa as fn() -> SigningKey, Algorithm::Rs256),
        (rsa, Algorithm::Ps256),
        (p256, Algorithm::Es256),
        (ed25519, Algorithm::EdDsa),
    ] {
        let token = signed_by(&key(), algorithm, &claims());
        let keys = KeySet::from(key().verifying_key().unwrap());
        let verify = |algorithms: &[Algorithm]| {
            IdTokenVerification::new(algorithms.iter().copied(), &issuer(), CLIENT).verify(
                &token,
                &keys,
                &occasion(),
                now(),
            )
        };
        assert!(verify(&IdTokenVerification::USUAL).is_ok(), "{algorithm}");
        assert!(verify(&[algorithm]).is_ok(), "{algorithm}");
        let others: Vec<_> = Algorithm::ALL
            .into_iter()
            .filter(|known| *known != algorithm)
            .collect();
        assert_eq!(
            reason(verify(&others)),
            "its algorithm is not allowed",
            "{algorithm}"
        );
        assert_eq!(reason(verify(&[])), "its algorithm is not allowed", "{algorithm}");
    }
}

#[test]
fn v22_v23_the_hashes_are_those_of_the_standard() {
    let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
    assert_eq!(Algorithm::Rs256.half_hash(access_token), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(Algorithm::Rs256.half_hash(code), "LDktKdoQak3Pk0cnXxCltA");
    // Half of 48 and of 64 bytes, in base64url.
    assert_eq!(Algorithm::Es384.half_hash(code).len(), 32);
    assert_eq!(Algorithm::EdDsa.half_hash(code).len(), 43);
}

#[test]
fn v23_at_hash_has_to_be_that_of_the_access_token_that_came_along() {
    let access_token = Secret::new("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    let other = "its at_hash is that of another access token";
    for (hash, expected) in [
        (json!("77QmUPtjPfzWtF2AnpK9RQ"), None),
        (Value::Null, None), // it is optional for a code
        (json!("77QmUPtjPfzWtF2AnpK9RA"), Some(other)),
        (json!("77QmUPtjPfzWtF2AnpK9RQ=="), Some(other)),
        (json!(""), Some(other)),
        (json!(77), Some("a claim is of the wrong type")),
    ] {
        let token = signed(&with(claims(), "at_hash", hash.clone()));
        let occasion = occasion().with_access_token(access_token.clone());
        let result = verification().verify(&token, &keys(), &occasion, now());
        match expected {
            None => assert!(result.is_ok(), "{hash}"),
            Some(expected) => assert_eq!(reason(result), expected, "{hash}"),
        }
    }
}

#[test]
fn a_refresh_is_about_the_same_user_of_the_same_issuer() {
    let first = verify(&claims()).unwrap();
    let other = "it is about somebody else than the one before";
    for (name, value, expected) in [
        ("sub", json!("248289761001"), None),
        ("nonce", Value::Null, None), // "SHOULD NOT have a nonce Claim"
        (
            "nonce",
            json!("another"),
            Some("its nonce is not the one that was sent"),
        ),
        ("sub", json!("248289761002"), Some(other)),
        ("sub", json!("248289761001 "), Some(other)),
    ] {
        let token = signed(&with(claims(), name, value.clone()));
        for occasion in [
            Occasion::of_refresh(&first),
            Occasion::of_refresh_for(ISSUER, "248289761001"),
        ] {
            let result = verification().verify(&token, &keys(), &occasion, now());
            let by_name = result.is_ok() && name == "nonce";
            match expected {
                None => assert!(result.unwrap().same_subject_as(&first), "{name}: {value}"),
                // Long after, the nonce is not known.
                Some(_) if by_name => {}
                Some(expected) => assert_eq!(reason(result), expected, "{name}: {value}"),
            }
        }
    }
    let elsewhere = Occasion::of_refresh_for("https://other.example.com", "248289761001");
    let result = verification().verify(&signed(&claims()), &keys(), &elsewhere, now());
    assert_eq!(reason(result), other);
}

#[test]
fn q58_google_is_believed_by_both_its_names_and_for_a_day() {
    let google = IdTokenVerification::google(CLIENT);
    let verify = |claims: &Value| google.verify(&signed(claims), &keys(), &occasion(), now());
    let long = with(claims(), "iss", json!("https://accounts.google.com"));
    let short = with(claims(), "iss", json!("accounts.google.com"));
    assert!(verify(&long).unwrap().same_subject_as(&verify(&short).unwrap()));
    assert_eq!(verify(&short).unwrap().issuer(), "accounts.google.com");
    for other in [
        ISSUER,
        "http://accounts.google.com",
        "https://accounts.google.com/",
        "https://accounts.google.com.attacker.example",
    ] {
        let result = verify(&with(claims(), "iss", json!(other)));
        assert_eq!(reason(result), "its issuer is somebody else", "{other}");
    }
    let until = |seconds: i64| verify(&with(long.clone(), "exp", json!(NOW + seconds)));
    assert!(until(86_399).is_ok());
    let too_long = "it lives longer than its issuer lets tokens live";
    assert_eq!(reason(until(86_400)), too_long);
    // Others sign for as long as they like.
    let month = with(claims(), "exp", json!(NOW + 30 * 86_400));
    assert!(
        verification()
            .verify(&signed(&month), &keys(), &occasion(), now())
            .is_ok()
    );
    let es256 = signed_by(&p256(), Algorithm::Es256, &long);
    let keys = KeySet::from(p256().verifying_key().unwrap());
    let result = google.verify(&es256, &keys, &occasion(), now());
    assert_eq!(reason(result), "its algorithm is not allowed");
}

#[test]
fn q57_the_issuer_of_a_tenant_is_the_one_that_its_token_names() {
    const TEMPLATE: &str = "https://login.example.com/{tenantid}/v2.0";
    let ours = IssuerTemplate::new(TEMPLATE, "tid", ["t-1", "t-2"]).unwrap();
    let any = IssuerTemplate::new(TEMPLATE, "tid", AnyTenant).unwrap();
    let other = "its issuer is not that of its tenant";
    let outside = "its tenant is not one that is let in";
    for (tenant, issuer, of_ours, of_any) in [
        (json!("t-1"), "https://login.example.com/t-1/v2.0", None, None),
        (json!("t-2"), "https://login.example.com/t-2/v2.0", None, None),
        (
            json!("t-3"),
            "https://login.example.com/t-3/v2.0",
            Some(outside),
            None,
        ),
        (
            json!("t-1"),
            "https://login.example.com/t-2/v2.0",
            Some(other),
            Some(other),
        ),
        (
            json!("t-1"),
            "https://login.example.com/{tenantid}/v2.0",
            Some(other),
            Some(other),
        ),
        (
            json!("t-1"),
            "https://attacker.example/t-1/v2.0",
            Some(other),
            Some(other),
        ),
        (
            json!(""),
            "https://login.example.com//v2.0",
            Some(other),
            Some(other),
        ),
        (
            json!("t/1"),
            "https://login.example.com/t/1/v2.0",
            Some(other),
            Some(other),
        ),
        (
            json!(".."),
            "https://login.example.com/../v2.0",
            Some(other),
            Some(other),
        ),
        (
            json!(1),
            "https://login.example.com/1/v2.0",
            Some("a claim is of the wrong type"),
            Some("a claim is of the wrong type"),
        ),
        (
            Value::Null,
            "https://login.example.com/t-1/v2.0",
            Some("it lacks the claim that names its tenant"),
            Some("it lacks the claim that names its tenant"),
        ),
    ] {
        let token = signed(&with(with(claims(), "iss", json!(issuer)), "tid", tenant));
        for (template, expected) in [(&ours, of_ours), (&any, of_any)] {
            let verification = IdTokenVerification::of_tenants([Algorithm::Rs256], template.clone(), CLIENT);
            let result = verification.verify(&token, &keys(), &occasion(), now());
            match expected {
                None => assert_eq!(result.unwrap().issuer(), issuer),
                Some(expected) => assert_eq!(reason(result), expected, "{issuer}"),
            }
        }
    }
    for wrong in [
        "https://login.example.com/v2.0",
        "https://login.example.com/{a}/{b}",
        "https://{tenant}.example.com/v2.0",
        "https://{tenant}/v2.0",
        "http://login.example.com/{tenantid}/v2.0",
        "{tenantid}",
        "",
    ] {
        let refused = IssuerTemplate::new(wrong, "tid", AnyTenant);
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{wrong}");
    }
}

#[test]
fn several_clients_share_a_back_end_only_if_each_is_named() {
    let token =
        |audience: &str, azp: Value| signed(&with(with(claims(), "aud", json!(audience)), "azp", azp));
    let verify = |verification: &IdTokenVerification, token: &Secret| {
        verification.verify(token, &keys(), &occasion(), now())
    };
    let both = verification().or_for("web");
    assert!(verify(&both, &token("web", Value::Null)).is_ok());
    assert!(verify(&both, &token(CLIENT, Value::Null)).is_ok());
    assert_eq!(
        reason(verify(&verification(), &token("web", Value::Null))),
        "it is for somebody else"
    );
    let phone = verification().authorized_parties(["phone"]);
    assert!(verify(&phone, &token(CLIENT, json!("phone"))).is_ok());
    let party = "its authorized party is somebody else";
    assert_eq!(
        reason(verify(&verification(), &token(CLIENT, json!("phone")))),
        party
    );
}

#[test]
fn an_address_that_nobody_verified_is_not_given() {
    for (value, given) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!(1), false),
        (Value::Null, false),
    ] {
        let verified = verify(&with(claims(), "email_verified", value.clone())).unwrap();
        assert_eq!(verified.verified_email().is_some(), given, "{value}");
    }
}

#[test]
fn a_token_by_itself_needs_no_nonce() {
    let token = signed(&claims());
    let alone = Occasion::alone();
    assert!(verification().verify(&token, &keys(), &alone, now()).is_ok());
    let late = Timestamp::from_unix_seconds(NOW + 360);
    assert_eq!(
        reason(verification().verify(&token, &keys(), &alone, late)),
        "it has expired"
    );
}

/// HMAC by hand: `SigningKey` takes no public key for a secret.
fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    // Longer than a block, so its hash is the key (RFC 2104).
    let key = sha256(secret);
    SigningKey::from_hmac_secret(&key)
        .unwrap()
        .sign_bytes(Algorithm::Hs256, message)
        .unwrap()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).to_vec()
}
