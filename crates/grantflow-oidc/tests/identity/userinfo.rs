//! Userinfo: told of the user of the ID token, or refused; as JSON, or signed.

use std::sync::Arc;

use base64::Engine as _;
use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    AuthorizationRequest, Client, Cx, Endpoint, Error, Secret, Token, TokenRequest, TokenType,
};
use grantflow_jwt::{Algorithm, Header, VerifyingKey};
use grantflow_oidc::{Dpop, IdTokenVerification, KeyCache, KeyRequest, Occasion, UserInfo, UserInfoRequest};
use serde_json::{Value, json};

use super::support::{
    CLIENT, ISSUER, NOW, Script, at, claims, ed25519, issuer, jwks, keys, now, p256, signed, signed_by,
    signed_under, with,
};

fn endpoint(path: &str) -> Endpoint {
    Endpoint::new(format!("{ISSUER}/{path}")).unwrap()
}

fn client() -> Client {
    Client::new(CLIENT, endpoint("token"))
        .with_issuer(issuer())
        .with_userinfo_endpoint(endpoint("userinfo"))
}

fn request() -> UserInfoRequest {
    request_of(client())
}

fn request_of(client: Client) -> UserInfoRequest {
    let verification = IdTokenVerification::new([Algorithm::Rs256], &issuer(), CLIENT);
    let user = verification.verify(&signed(&claims()), &keys(), &Occasion::alone(), now());
    UserInfoRequest::new(&client, &user.unwrap())
}

fn signed_request() -> UserInfoRequest {
    let keys = KeyCache::new(KeyRequest::jwks(endpoint("jwks")));
    request().signed([Algorithm::Rs256], &keys)
}

fn ask(request: UserInfoRequest, script: &Script) -> Result<UserInfo, Error> {
    let token = Token::bearer(Secret::new("SlAV32hkKG"), now());
    script.run(request.flow(&token))
}

fn answered(media_type: &str, body: &str) -> Result<UserInfo, Error> {
    let script = Script::default().replies(200, &[("content-type", media_type)], body);
    ask(request(), &script)
}

fn answered_by(token: &Secret) -> Result<UserInfo, Error> {
    let script = Script::default()
        .replies(200, &[("content-type", "application/jwt")], token.expose())
        .json(&jwks(&["1"]));
    ask(signed_request(), &script)
}

/// What a server says of the user in a reply that is signed and in order.
fn told() -> Value {
    json!({ "sub": "248289761001", "iss": ISSUER, "aud": CLIENT, "name": "Ann", "email": "ann@example.com", "email_verified": "true" })
}

fn why(result: Result<UserInfo, Error>) -> &'static str {
    match result {
        Err(Error::TokenRefused(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn problem(result: Result<UserInfo, Error>) -> ReplyProblem {
    match result {
        Err(Error::BadReply(bad)) => bad.problem(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn userinfo_is_asked_for_with_the_token_and_told_of_the_same_user() {
    let script = Script::default().json(&told().to_string());
    let user = ask(request(), &script).unwrap();
    assert_eq!(script.asked(), [format!("{ISSUER}/userinfo")]);
    assert_eq!(
        script.header(0, "authorization").as_deref(),
        Some("Bearer SlAV32hkKG")
    );
    assert_eq!(user.subject(), "248289761001");
    assert_eq!(user.verified_email(), Some("ann@example.com"));
    assert_eq!(user.claim::<String>("name").unwrap().as_deref(), Some("Ann"));
    assert_eq!(user.claim::<String>("phone").unwrap(), None);
    assert!(user.claim::<u64>("name").is_err());
    let printed = format!("{user:?}");
    assert!(
        printed.contains("email") && !printed.contains("ann@") && !printed.contains("2482"),
        "{printed}"
    );
}

#[test]
fn an_address_is_theirs_only_if_the_server_says_so() {
    let email = |verified: Value| {
        let body = with(told(), "email_verified", verified).to_string();
        answered("application/json", &body)
            .unwrap()
            .verified_email()
            .map(str::to_owned)
    };
    assert!(email(json!(true)).is_some());
    for unverified in [json!(false), json!("false"), json!(1), Value::Null] {
        assert_eq!(email(unverified.clone()), None, "{unverified}");
    }
}

#[test]
fn t45_userinfo_of_somebody_else_or_of_nobody_is_refused() {
    let other = "userinfo is about somebody else";
    for (sub, expected) in [
        (json!("248289761002"), other),
        (json!("248289761001 "), other),
        (json!(""), other),
        (json!(248_289_761_001_u64), "a claim is of the wrong type"),
        (json!(["248289761001"]), "a claim is of the wrong type"),
        (Value::Null, "userinfo does not say whom it is about"),
    ] {
        let body = with(told(), "sub", sub.clone());
        assert_eq!(
            why(answered("application/json", &body.to_string())),
            expected,
            "{sub}"
        );
        assert_eq!(why(answered_by(&signed(&body))), expected, "signed, {sub}");
    }
}

#[test]
fn q64_userinfo_in_another_form_than_was_asked_for_is_an_error_with_a_name() {
    let body = told().to_string();
    let token = signed(&told());
    assert!(answered("Application/JSON; charset=utf-8", &body).is_ok());
    for (media_type, body, expected) in [
        ("application/jwt", token.expose(), ReplyProblem::MediaType),
        ("text/html", &*body, ReplyProblem::MediaType),
        ("application/json-seq", &body, ReplyProblem::MediaType),
        ("application/json", "<html>", ReplyProblem::Invalid("body")),
        ("application/json", "", ReplyProblem::Invalid("body")),
        ("application/json", "[]", ReplyProblem::Invalid("body")),
        (
            "application/json",
            "sub=248289761001",
            ReplyProblem::Invalid("body"),
        ),
        (
            "application/json",
            r#"{"sub":"248289761002","sub":"248289761001"}"#,
            ReplyProblem::Invalid("body"),
        ),
    ] {
        assert_eq!(
            problem(answered(media_type, body)),
            expected,
            "{media_type}: {body}"
        );
    }
    // Who is registered for signed replies takes no other.
    let script = Script::default().json(&body);
    assert_eq!(problem(ask(signed_request(), &script)), ReplyProblem::MediaType);
}

#[test]
fn what_is_no_success_is_no_userinfo_whatever_it_says() {
    let body = told().to_string();
    for (status, expected) in [
        (401, ReplyProblem::Status),
        (403, ReplyProblem::Status),
        (500, ReplyProblem::Status),
        (307, ReplyProblem::Redirect),
    ] {
        let script = Script::default().replies(status, &[("content-type", "application/json")], &body);
        assert_eq!(problem(ask(request(), &script)), expected, "{status}");
    }
    let large = format!("{}{body}", " ".repeat(grantflow_core::transport::MAX_BODY));
    assert_eq!(
        problem(answered("application/json", &large)),
        ReplyProblem::TooLarge
    );
    let nowhere = Client::new(CLIENT, endpoint("token"));
    let verification = IdTokenVerification::new([Algorithm::Rs256], &issuer(), CLIENT);
    let user = verification
        .verify(&signed(&claims()), &keys(), &Occasion::alone(), now())
        .unwrap();
    let unknown = UserInfoRequest::new(&nowhere, &user).to_http();
    assert!(matches!(unknown, Err(Error::InvalidInput(_))), "{unknown:?}");
}

#[test]
fn t45_signed_userinfo_with_one_thing_wrong_is_refused() {
    assert_eq!(answered_by(&signed(&told())).unwrap().subject(), "248289761001");
    let (somebody, audience) = ("its issuer is somebody else", "it is for somebody else");
    let type_ = "a claim is of the wrong type";
    for (name, value, expected) in [
        ("iss", json!("https://attacker.example"), somebody),
        ("iss", json!([ISSUER]), type_),
        ("aud", json!("another"), audience),
        ("aud", json!(["another"]), audience),
        ("aud", json!([]), audience),
        ("exp", json!(NOW - 60), "it has expired"),
        ("exp", json!("2000000000"), type_),
    ] {
        let refused = answered_by(&signed(&with(told(), name, value.clone())));
        assert_eq!(why(refused), expected, "{name}: {value}");
    }
    // Section 5.3.2 says SHOULD of the first two, and nothing of the third.
    for (name, value) in [
        ("iss", Value::Null),
        ("aud", Value::Null),
        ("aud", json!(["another", CLIENT])),
        ("exp", json!(NOW - 59)),
        ("exp", json!(f64::from(i32::MAX))),
    ] {
        let taken = answered_by(&signed(&with(told(), name, value.clone())));
        assert!(taken.is_ok(), "{name}: {value}: {taken:?}");
    }
    let forged = [
        signed_by(&p256().with_key_id("1"), Algorithm::Es256, &told()),
        signed_by(&ed25519().with_key_id("1"), Algorithm::EdDsa, &told()),
        signed_under(
            &p256(),
            &Header::new(Algorithm::Es256).with("kid", "1").unwrap(),
            &told(),
        ),
    ];
    for token in forged {
        assert_eq!(why(answered_by(&token)), "its algorithm is not allowed");
    }
    let token = signed(&told());
    let (rest, signature) = token.expose().rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let broken = Secret::new(format!("{rest}.{first}{}", &signature[1..]));
    assert_eq!(why(answered_by(&broken)), "its signature is not the key's");
}

#[test]
fn q64_signed_userinfo_of_a_new_key_has_the_keys_asked_for_once_more() {
    let keys = KeyCache::new(KeyRequest::jwks(endpoint("jwks")));
    let before = Script::default().json(&jwks(&["0"]));
    before.run(keys.keys()).unwrap();
    let script = Script::default()
        .replies(
            200,
            &[("content-type", "application/jwt")],
            signed(&told()).expose(),
        )
        .json(&jwks(&["1"]));
    script.advance(61);
    let user = ask(request().signed([Algorithm::Rs256], &keys), &script).unwrap();
    assert_eq!(user.subject(), "248289761001");
    assert_eq!(script.left(), 0);
}

#[test]
fn t50_the_process_that_ends_a_login_asks_with_the_key_of_the_one_that_began_it() {
    let began = Dpop::generate(Algorithm::Es256).unwrap();
    let client = client().with_authorization_endpoint(Endpoint::new(format!("{ISSUER}/auth")).unwrap());
    let begun = client.clone().with_token_constraint(Arc::new(began.clone()));
    let start =
        |cx: &mut Cx<'_>| AuthorizationRequest::new(&begun, "https://client.example.org/cb").start(cx);
    let (url, pending) = at(start).unwrap();
    let state = url.as_str().split("&state=").nth(1).unwrap();
    let redirect = format!("?code=c&state={}", state.split('&').next().unwrap());
    let code = at(|cx| pending.accept(&redirect, cx)).unwrap();
    let ends = client.with_token_constraint(Arc::new(Dpop::generate(Algorithm::Es256).unwrap()));
    let script = Script::default()
        .json(r#"{"access_token":"AT","token_type":"DPoP"}"#)
        .json(&told().to_string());
    let exchange = TokenRequest::authorization_code(&ends, code);
    let token = script.run(exchange.flow()).unwrap();
    script.run(request_of(ends).flow(&token)).unwrap();
    let proof = script.header(1, "dpop").unwrap();
    let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(proof.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    let key = VerifyingKey::from_jwk(&header["jwk"].to_string()).unwrap();
    assert_eq!(key.thumbprint().as_deref(), began.thumbprint());
}

#[test]
fn t50_a_bound_token_goes_with_a_proof_and_one_more_where_a_nonce_is_asked_for() {
    let mut token = Token::bearer(Secret::new("SlAV32hkKG"), now());
    token.token_type = TokenType::Dpop;
    // Without the key nothing is sent.
    let script = Script::default();
    let unproven = script.run(request().flow(&token));
    assert!(matches!(unproven, Err(Error::InvalidInput(_))), "{unproven:?}");
    assert!(script.asked().is_empty());
    let challenge = ("www-authenticate", r#"DPoP error="use_dpop_nonce""#);
    for (times, is_told) in [(0, true), (1, true), (2, false)] {
        let mut script = Script::default();
        for number in 0..times {
            let nonce = format!("n{number}");
            script = script.replies(401, &[challenge, ("dpop-nonce", &nonce)], "");
        }
        let script = script.json(&told().to_string());
        let dpop = Dpop::new(p256(), Algorithm::Es256).unwrap();
        let told = script.run(request_of(client().with_token_constraint(Arc::new(dpop))).flow(&token));
        assert_eq!(told.is_ok(), is_told, "{told:?}");
        let last = script.asked().len() - 1;
        assert_eq!(last, times.min(1), "once more at most");
        assert_eq!(script.header(last, "authorization").unwrap(), "DPoP SlAV32hkKG");
        let proof = script.header(last, "dpop").unwrap();
        let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap());
        let claims: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
        assert_eq!(claims["htu"], format!("{ISSUER}/userinfo"));
        assert!(claims["ath"].is_string(), "it is for this token");
        assert_eq!(claims.get("nonce").is_some(), times > 0);
    }
}
