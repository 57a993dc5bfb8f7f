//! Forged tokens: every way to make a verifier believe what the issuer never signed.

use grantflow_jwt::{Algorithm, BadKey, Error, KeySet, Refusal, SigningKey, VerifyingKey};

use super::support::{
    CLAIMS, NOW, encode, issuer, issuer_keys, parts, pem, private, token, token_with, vector, verification,
};

/// HMAC by ring itself: this crate refuses to be the forger.
fn hmac(key: &[u8], header: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(CLAIMS));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    let signature = encode(ring::hmac::sign(&key, input.as_bytes()));
    format!("{input}.{signature}")
}

#[test]
fn t45_forged_tokens_are_refused() {
    let good = token(CLAIMS);
    let [header, payload, signature] = parts(&good);
    let (key, attacker) = (issuer(), private(&vector("v21-ecdsa-sample")));
    let mallory = private(&vector("v20-eddsa"));
    let n = vector("v03-rs256")["public"]["n"].as_str().unwrap().to_owned();
    let with = |header: &str| token_with(&key, Algorithm::Rs256, header, CLAIMS);
    let unsigned = |alg: &str| format!("{}.{payload}.", encode(format!(r#"{{"alg":"{alg}"}}"#)));
    let admin = encode(CLAIMS.replace("ann", "root"));
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let hs = r#"{"alg":"HS256","kid":"1"}"#;

    use Refusal::{
        Algorithm as Unknown, AlgorithmNotAllowed, Base64, HeaderParameter, Json, Parts, Signature,
    };
    let forged: Vec<(&str, String, Refusal)> = vec![
        ("none", unsigned("none"), Unknown),
        ("None", unsigned("None"), Unknown),
        ("nOnE", unsigned("nOnE"), Unknown),
        ("an empty algorithm", unsigned(""), Unknown),
        ("none, with a signature", with(r#"{"alg":"none"}"#), Unknown),
        ("rs256", with(r#"{"alg":"rs256"}"#), Unknown),
        ("no algorithm", with(r#"{"kid":"1"}"#), Json("header")),
        ("the algorithm null", with(r#"{"alg":null}"#), Json("header")),
        (
            "the algorithm a list",
            with(r#"{"alg":["RS256"]}"#),
            Json("header"),
        ),
        (
            "the algorithm twice",
            with(r#"{"alg":"none","alg":"RS256"}"#),
            Json("header"),
        ),
        (
            "HS256 with the PEM",
            hmac(pem("rsa.spki").as_bytes(), hs),
            AlgorithmNotAllowed,
        ),
        (
            "HS256 with PKCS #1",
            hmac(pem("rsa.public-pkcs1").as_bytes(), hs),
            AlgorithmNotAllowed,
        ),
        (
            "HS256 with the certificate",
            hmac(pem("rsa.certificate").as_bytes(), hs),
            AlgorithmNotAllowed,
        ),
        (
            "HS256 with the modulus",
            hmac(n.as_bytes(), hs),
            AlgorithmNotAllowed,
        ),
        ("HS256 with nothing", hmac(b"", hs), AlgorithmNotAllowed),
        ("PS256", with(r#"{"alg":"PS256"}"#), AlgorithmNotAllowed),
        ("RS512", with(r#"{"alg":"RS512"}"#), AlgorithmNotAllowed),
        (
            "crit unknown",
            with(r#"{"alg":"RS256","crit":["x"],"x":1}"#),
            HeaderParameter("crit"),
        ),
        (
            "crit empty",
            with(r#"{"alg":"RS256","crit":[]}"#),
            HeaderParameter("crit"),
        ),
        (
            "crit null",
            with(r#"{"alg":"RS256","crit":null}"#),
            HeaderParameter("crit"),
        ),
        (
            "crit of b64",
            with(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#),
            HeaderParameter("crit"),
        ),
        (
            "b64 alone",
            with(r#"{"alg":"RS256","b64":false}"#),
            HeaderParameter("b64"),
        ),
        (
            "jku",
            with(r#"{"alg":"RS256","jku":"https://evil.example/jwks"}"#),
            HeaderParameter("jku"),
        ),
        (
            "x5u",
            with(r#"{"alg":"RS256","x5u":"https://evil.example/x"}"#),
            HeaderParameter("x5u"),
        ),
        (
            "the attacker's key within",
            token_with(
                &mallory,
                Algorithm::EdDsa,
                &format!(r#"{{"alg":"EdDSA","jwk":{jwk}}}"#),
                CLAIMS,
            ),
            HeaderParameter("jwk"),
        ),
        (
            "the attacker's key, and the issuer's algorithm",
            format!(
                "{header}.{payload}.{}",
                encode(mallory.sign_bytes(Algorithm::EdDsa, b"x").unwrap())
            ),
            Signature,
        ),
        (
            "the attacker's signature with the issuer's kid",
            token_with(
                &attacker,
                Algorithm::Es256,
                r#"{"alg":"RS256","kid":"1"}"#,
                CLAIMS,
            ),
            Signature,
        ),
        (
            "another payload",
            format!("{header}.{admin}.{signature}"),
            Signature,
        ),
        ("no signature", format!("{header}.{payload}."), Signature),
        (
            "a signature of zeros",
            format!("{header}.{payload}.{}", encode([0; 256])),
            Signature,
        ),
        (
            "a signature cut short",
            format!("{header}.{payload}.{}", &signature[..340]),
            Signature,
        ),
        (
            "a signature and more",
            format!("{header}.{payload}.{signature}AA"),
            Signature,
        ),
        (
            "the payload as header",
            format!("{payload}.{payload}.{signature}"),
            Json("header"),
        ),
        (
            "a header in a list",
            with(r#"["RS256","1",null]"#),
            Json("header"),
        ),
        ("a header of text", with(r#""RS256""#), Json("header")),
        ("two parts", format!("{header}.{payload}"), Parts),
        ("four parts", format!("{good}.{signature}"), Parts),
        ("five parts, as of JWE", format!("{good}..{signature}"), Parts),
        ("nothing", String::new(), Parts),
        ("two dots", "..".to_owned(), Json("header")),
        ("padding", format!("{good}="), Base64("signature")),
        ("a line feed", format!("{good}\n"), Base64("signature")),
        ("a space", format!(" {good}"), Base64("header")),
        ("Bearer", format!("Bearer {good}"), Base64("header")),
        (
            "JSON serialization",
            format!(r#"{{"protected":"{header}","payload":"{payload}"}}"#),
            Parts,
        ),
    ];
    let keys = issuer_keys();
    verification().verify(&good, &keys, NOW).unwrap();
    for (name, token, expected) in &forged {
        let refused = verification().verify(token, &keys, NOW).unwrap_err();
        assert_eq!(refused, Error::Refused(*expected), "{name}");
        for hidden in [&payload, &signature, "ann", "issuer.example"] {
            assert!(!format!("{refused} {refused:?}").contains(hidden), "{name}");
        }
    }
    assert!(forged.len() >= 14);
}

#[test]
fn t45_a_public_key_verifies_no_hmac_even_if_both_are_allowed() {
    let token = hmac(pem("rsa.spki").as_bytes(), r#"{"alg":"HS256","kid":"1"}"#);
    let refused = issuer_keys().verify(&token, Algorithm::ALL).unwrap_err();
    assert_eq!(refused, Error::UnknownKey);
    let key = issuer().verifying_key().unwrap();
    assert!(matches!(
        key.verify_bytes(Algorithm::Hs256, b"", b""),
        Err(Error::InvalidInput { .. })
    ));
}

#[test]
fn t45_a_public_key_is_no_hmac_secret() {
    let der = |name: &str| {
        let text = pem(name);
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body).unwrap()
    };
    let texts = [
        "rsa.spki",
        "rsa.public-pkcs1",
        "rsa.certificate",
        "p256.spki",
        "ed25519.spki",
    ];
    let mut secrets: Vec<Vec<u8>> = texts.iter().map(|name| pem(name).into_bytes()).collect();
    secrets.extend(texts.iter().map(|name| der(name)));
    secrets.push(format!("\n  {}", pem("rsa.spki")).into_bytes());
    secrets.push(vector("v03-rs256")["public"].to_string().into_bytes());
    secrets.push(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbc ann@example".to_vec());
    for secret in secrets {
        let expected = Error::BadKey(BadKey::PublicKeyAsSecret);
        assert_eq!(SigningKey::from_hmac_secret(&secret).unwrap_err(), expected);
        assert_eq!(VerifyingKey::from_hmac_secret(&secret).unwrap_err(), expected);
    }
}

#[test]
fn t45_an_empty_list_allows_nothing() {
    let refused = issuer_keys().verify(&token(CLAIMS), []).unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::AlgorithmNotAllowed));
}

#[test]
fn t45_a_key_for_one_algorithm_takes_no_other_of_its_type() {
    let mut jwk = vector("v03-rs256")["public"].clone();
    jwk["alg"] = "PS256".into();
    let keys = KeySet::from(VerifyingKey::from_jwk(&jwk.to_string()).unwrap());
    assert_eq!(
        keys.verify(&token(CLAIMS), Algorithm::ALL).unwrap_err(),
        Error::UnknownKey
    );
}

#[test]
fn t45_what_a_header_says_about_other_keys_is_not_heard() {
    // `x5c` and `x5t` are not refused, since honest issuers send them; they are never looked at.
    let header =
        r#"{"alg":"RS256","kid":"1","x5c":["MIIB"],"x5t":"AA","cty":"x","zip":"DEF","unknown":[{}]}"#;
    let token = token_with(&issuer(), Algorithm::Rs256, header, CLAIMS);
    verification().verify(&token, &issuer_keys(), NOW).unwrap();
}

/// Found by a fuzz target: the bytes of a member that nobody reads were taken as they are.
#[test]
fn a_header_that_is_not_utf8_is_refused() {
    let header = [br#"{"alg":"RS256","x":""#, &b"\xca"[..], br#""}"#].concat();
    let input = format!("{}.{}", encode(header), encode(CLAIMS));
    let signature = issuer().sign_bytes(Algorithm::Rs256, input.as_bytes()).unwrap();
    let token = format!("{input}.{}", encode(signature));
    let refused = issuer_keys().verify(&token, [Algorithm::Rs256]).unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Json("header")));
}
