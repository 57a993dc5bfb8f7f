//! Proofs of possession: what they say, where nonces go, and when a request is worth another one.

use std::sync::Arc;

use grantflow_core::{
    AuthorizationRequest, Client, Cx, Endpoint, Error, Key, PendingAuthorization, Proven, Provenance, Record,
    Scopes, Secret, Token, TokenConstraint, TokenRequest, TokenType,
};
use grantflow_jwt::{Algorithm, KeySet, SigningKey, VerifyingKey};
use grantflow_oidc::Dpop;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::support::{ISSUER, NOW, Script, at, ed25519, now, p256, parameter, rsa};

/// RFC 9449 section 4.1, figure 2 and the access token of section 7.1.
const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn part(token: &str, number: usize) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(number).unwrap();
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn dpop() -> Dpop {
    Dpop::new(p256(), Algorithm::Es256).unwrap()
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

/// Header and claims of a proof whose signature is good.
fn proven(dpop: &dyn TokenConstraint, method: &Method, address: &str, token: Option<&str>) -> (Value, Value) {
    let (uri, token) = (uri(address), token.map(Secret::new));
    let to = Proven::request(method, &uri);
    let to = match &token {
        Some(token) => to.with_access_token(token),
        None => to,
    };
    let proof = at(|cx| dpop.prove(&to, cx)).unwrap().unwrap();
    let proof = proof.to_str().unwrap();
    let header = part(proof, 0);
    let key = VerifyingKey::from_jwk(&header["jwk"].to_string()).unwrap();
    let (signed, signature) = proof.rsplit_once('.').unwrap();
    use base64::Engine as _;
    let signature = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithm = Algorithm::named(header["alg"].as_str().unwrap()).unwrap();
    key.verify_bytes(algorithm, signed.as_bytes(), &signature)
        .unwrap();
    (header, part(proof, 1))
}

const TOKEN_ENDPOINT: &str = "https://server.example.com/token";

#[test]
fn v07_the_proof_of_rfc_9449_is_signed_with_its_key_and_ours_says_the_same() {
    let keys = KeySet::from(VerifyingKey::from_jwk(JWK).unwrap());
    let key = keys.find(None, Algorithm::Es256).unwrap();
    let (signed, signature) = PROOF.rsplit_once('.').unwrap();
    use base64::Engine as _;
    let mut signature = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(
        key.verify_bytes(Algorithm::Es256, signed.as_bytes(), &signature)
            .is_ok()
    );
    signature[0] ^= 1;
    assert!(
        key.verify_bytes(Algorithm::Es256, signed.as_bytes(), &signature)
            .is_err()
    );
    let (theirs, said) = (part(PROOF, 0), part(PROOF, 1));
    let (header, claims) = proven(&dpop(), &Method::POST, TOKEN_ENDPOINT, None);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((names(&header), names(&claims)), (names(&theirs), names(&said)));
    assert_eq!(
        names(&header["jwk"]),
        names(&theirs["jwk"]),
        "the public half alone"
    );
    assert_eq!((&header["typ"], &header["alg"]), (&theirs["typ"], &theirs["alg"]));
    assert_eq!((&claims["htm"], &claims["htu"]), (&said["htm"], &said["htu"]));
    assert_eq!(claims["iat"], json!(NOW));
    assert!(claims["jti"].as_str().unwrap().len() >= 22, "128 bits");
}

#[test]
fn v08_the_thumbprint_is_that_of_rfc_9449() {
    let key = VerifyingKey::from_jwk(JWK).unwrap();
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    assert_eq!(key.thumbprint().as_deref(), Some(thumbprint));
    let (header, _) = proven(&dpop(), &Method::POST, TOKEN_ENDPOINT, None);
    let ours = VerifyingKey::from_jwk(&header["jwk"].to_string()).unwrap();
    assert_eq!(ours.thumbprint().as_deref(), dpop().thumbprint());
}

#[test]
fn v09_the_hash_of_the_access_token_is_that_of_rfc_9449() {
    let (_, claims) = proven(
        &dpop(),
        &Method::GET,
        "https://resource.example.org/protectedresource",
        Some(ACCESS_TOKEN),
    );
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let (_, claims) = proven(&dpop(), &Method::POST, TOKEN_ENDPOINT, None);
    assert_eq!(claims.get("ath"), None);
}

#[test]
fn t50_the_address_of_a_proof_has_no_query_and_is_written_in_one_way() {
    for (address, expected) in [
        ("https://api.example/a/b?c=d#e", "https://api.example/a/b"),
        ("https://api.example", "https://api.example/"),
        ("https://API.example:443/A%2fb?x", "https://api.example/A%2fb"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
    ] {
        let (_, claims) = proven(&dpop(), &Method::PUT, address, Some("t"));
        assert_eq!(
            (&claims["htu"], &claims["htm"]),
            (&json!(expected), &json!("PUT")),
            "{address}"
        );
    }
}

#[test]
fn each_algorithm_takes_its_key_and_no_secret_is_one() {
    assert!(Dpop::new(ed25519(), Algorithm::EdDsa).is_ok());
    assert!(Dpop::new(rsa(), Algorithm::Ps256).is_ok());
    for (key, algorithm) in [
        (ed25519(), Algorithm::Es256),
        (p256(), Algorithm::EdDsa),
        (SigningKey::from_hmac_secret(&[7; 32]).unwrap(), Algorithm::Hs256),
    ] {
        assert!(matches!(Dpop::new(key, algorithm), Err(Error::InvalidInput(_))));
    }
    assert!(matches!(
        Dpop::generate(Algorithm::Rs256),
        Err(Error::InvalidInput(_))
    ));
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (one, other) = (
            Dpop::generate(algorithm).unwrap(),
            Dpop::generate(algorithm).unwrap(),
        );
        assert!(one.thumbprint().is_some() && one.thumbprint() != other.thumbprint());
        proven(&one, &Method::GET, "https://api.example/", Some("t"));
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[test]
fn t50_a_nonce_goes_back_to_where_it_came_from_and_nowhere_else() {
    let dpop = dpop();
    let token = Secret::new("t");
    let (server, api) = (uri(TOKEN_ENDPOINT), uri("https://server.example.com/api"));
    let nonce = |address: &str, token| {
        proven(&dpop, &Method::POST, address, token)
            .1
            .get("nonce")
            .cloned()
    };
    let to_server = Proven::request(&Method::POST, &server);
    let to_api = Proven::request(&Method::POST, &api).with_access_token(&token);
    assert!(
        !dpop.heard(&to_server, StatusCode::OK, &headers(&[("dpop-nonce", "S")]), None),
        "kept, from a success too"
    );
    assert_eq!(nonce(TOKEN_ENDPOINT, None), Some(json!("S")));
    assert_eq!(
        nonce("https://server.example.com/other", None),
        Some(json!("S")),
        "for the whole origin"
    );
    assert_eq!(
        nonce("https://server.example.com/api", Some("t")),
        None,
        "an API has its own"
    );
    assert_eq!(nonce("https://server.example.com:8443/token", None), None);
    assert_eq!(nonce("https://api.example/", Some("t")), None);
    dpop.heard(&to_api, StatusCode::OK, &headers(&[("dpop-nonce", "A")]), None);
    assert_eq!(
        nonce("https://server.example.com/api", Some("t")),
        Some(json!("A"))
    );
    assert_eq!(nonce(TOKEN_ENDPOINT, None), Some(json!("S")));
}

#[test]
fn t50_a_reply_that_asks_for_a_nonce_is_worth_one_more_and_others_are_not() {
    let token = Secret::new("t");
    let address = uri(TOKEN_ENDPOINT);
    let to_server = Proven::request(&Method::POST, &address);
    let to_api = to_server.with_access_token(&token);
    let asks = "DPoP error=\"use_dpop_nonce\", error_description=\"…\"";
    let odd = "Bearer realm=\"x\", dPoP error=\"use_dpop_nonce\"";
    let nonce = ("dpop-nonce", "N");
    let use_nonce = Some("use_dpop_nonce");
    for (to, status, reply, error, expected) in [
        (to_server, 400, vec![nonce], use_nonce, true),
        (to_server, 401, vec![nonce], use_nonce, true),
        (to_server, 400, vec![], use_nonce, false),
        (to_server, 400, vec![nonce], Some("invalid_grant"), false),
        (to_server, 400, vec![nonce], None, false),
        (to_server, 200, vec![nonce], use_nonce, false),
        (to_server, 400, vec![("dpop-nonce", "")], use_nonce, false),
        (to_server, 400, vec![nonce, ("dpop-nonce", "M")], use_nonce, false),
        (to_api, 401, vec![nonce, ("www-authenticate", odd)], None, true),
        (
            to_api,
            401,
            vec![nonce, ("www-authenticate", "DPoP error=\"invalid_token\"")],
            None,
            false,
        ),
        (to_api, 403, vec![nonce, ("www-authenticate", odd)], None, false),
        (to_api, 401, vec![nonce], None, false),
    ] {
        let mut map = HeaderMap::new();
        for (name, value) in &reply {
            map.append(*name, HeaderValue::from_static(value));
        }
        let heard = dpop().heard(&to, StatusCode::from_u16(status).unwrap(), &map, error);
        assert_eq!(heard, expected, "{status} {reply:?} {error:?}");
    }
    let map = headers(&[nonce, ("www-authenticate", "DPoP error=\"use_dpop_nonce\"")]);
    let dpop = dpop();
    assert!(
        dpop.heard(&to_api, StatusCode::UNAUTHORIZED, &map, None),
        "{asks}"
    );
    // Requests at once may all be without the nonce that the server gives to each of them.
    assert!(dpop.heard(&to_api, StatusCode::UNAUTHORIZED, &map, None));
}

fn client(dpop: Dpop) -> Client {
    Client::new("s6BhdRkqt3", Endpoint::new(format!("{ISSUER}/token")).unwrap())
        .with_token_constraint(Arc::new(dpop))
}

fn refresh(client: &Client) -> TokenRequest {
    TokenRequest::refresh(
        client,
        Secret::new("Q..Zkm29lexi8VnWg2zPW1x-tgGad0Ibc3s3EwM_Ni4-g"),
    )
}

const BOUND: &str = r#"{"access_token":"AT","token_type":"dPoP"}"#;
const UNBOUND: &str = r#"{"access_token":"AT","token_type":"Bearer"}"#;
const ASKS: &str = r#"{"error":"use_dpop_nonce"}"#;

#[test]
fn t33_a_token_is_taken_if_it_is_bound_as_it_was_asked_for() {
    let plain = Client::new("s6BhdRkqt3", Endpoint::new(format!("{ISSUER}/token")).unwrap());
    for (client, body, taken) in [
        (client(dpop()), BOUND, Some(TokenType::Dpop)),
        (client(dpop()), UNBOUND, None),
        (client(dpop()), r#"{"access_token":"AT"}"#, None),
        (client(dpop().or_bearer()), UNBOUND, Some(TokenType::Bearer)),
        (client(dpop().or_bearer()), BOUND, Some(TokenType::Dpop)),
        (plain.clone(), BOUND, None),
        (plain, UNBOUND, Some(TokenType::Bearer)),
    ] {
        let result = Script::default().json(body).run(refresh(&client).flow());
        match (result, taken) {
            (Ok(token), Some(expected)) => assert_eq!(token.token_type, expected),
            (Err(Error::BadReply(_)), None) => {}
            (other, _) => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn t50_a_request_is_sent_once_more_with_the_nonce_that_was_asked_for_and_no_third_time() {
    let json = [("content-type", "application/json"), ("dpop-nonce", "one")];
    let script = Script::default().replies(400, &json, ASKS).json(BOUND);
    let client = client(dpop());
    assert_eq!(
        script.run(refresh(&client).flow()).unwrap().token_type,
        TokenType::Dpop
    );
    let sent = |number| part(&script.header(number, "dpop").unwrap(), 1);
    assert_eq!(
        (sent(0).get("nonce"), sent(1)["nonce"].as_str()),
        (None, Some("one"))
    );
    assert_ne!(sent(0)["jti"], sent(1)["jti"]);
    let json = [("content-type", "application/json"), ("dpop-nonce", "two")];
    let again = [("content-type", "application/json"), ("dpop-nonce", "three")];
    let script = Script::default()
        .replies(400, &json, ASKS)
        .replies(400, &again, ASKS);
    let refused = script.run(refresh(&client).flow());
    assert!(matches!(refused, Err(Error::Server(_))), "{refused:?}");
    assert_eq!((script.asked().len(), script.left()), (2, 0));
}

#[test]
fn a_record_keeps_the_key_of_its_login_and_another_run_proves_with_it() {
    let dpop = Dpop::generate(Algorithm::Es256).unwrap();
    let client = client(dpop.clone());
    let token = Token::bearer("AT", now());
    let key = Key::new(&client, Scopes::none());
    let record = Record::new(
        key.clone(),
        client.clone(),
        token.clone(),
        Provenance::new("test", now()),
    );
    let read = Record::from_json(record.expose_json().expose()).unwrap();
    let kept = read.token_key().unwrap();
    assert!(read.refreshed(token.clone()).token_key().unwrap().eq_ct(kept));
    let restored = Dpop::of_records().with_stored(kept).unwrap();
    let (header, _) = proven(&*restored, &Method::GET, "https://api.example/", Some("AT"));
    let ours = VerifyingKey::from_jwk(&header["jwk"].to_string()).unwrap();
    assert_eq!(ours.thumbprint().as_deref(), dpop.thumbprint());
    // Nonces are shared, and no key but that of the record is used.
    let address = uri("https://api.example/");
    let secret = Secret::new("AT");
    let to = Proven::request(&Method::GET, &address).with_access_token(&secret);
    restored.heard(&to, StatusCode::OK, &headers(&[("dpop-nonce", "N")]), None);
    let again = restored.with_stored(kept).unwrap();
    assert_eq!(
        proven(&*again, &Method::GET, "https://api.example/", Some("AT")).1["nonce"],
        "N"
    );
    let without: Result<_, Error> = at(|cx: &mut Cx<'_>| Dpop::of_records().prove(&to, cx));
    assert!(matches!(without, Err(Error::InvalidInput(_))), "{without:?}");
    for nonsense in ["", "ES256", "ES256:", "ES256:AAAA", "none:AAAA", "HS256:AAAA"] {
        assert!(
            Dpop::of_records().with_stored(&Secret::new(nonsense)).is_err(),
            "{nonsense}"
        );
    }
    // Of a key that the program keeps the record has the thumbprint, which is no secret.
    let ours = self::dpop();
    let named = format!("jkt:{}", ours.thumbprint().unwrap());
    let own = Client::new("c", client.token_endpoint().clone()).with_token_constraint(Arc::new(ours));
    let record = Record::new(key, own, token, Provenance::new("test", now()));
    assert_eq!(record.token_key().unwrap().expose(), named);
}

#[test]
fn t59_nothing_prints_the_key() {
    let dpop = Dpop::generate(Algorithm::EdDsa).unwrap();
    let kept = dpop.stored().unwrap();
    let record = Record::new(
        Key::new(&client(dpop.clone()), Scopes::none()),
        client(dpop.clone()),
        Token::bearer("AT", now()),
        Provenance::new("test", now()),
    );
    let printed = format!("{dpop:?} {:?} {record:?}", client(dpop.clone()));
    assert!(
        !printed.contains(kept.expose().split_once(':').unwrap().1),
        "{printed}"
    );
    let unreadable = Dpop::of_records()
        .with_stored(&Secret::new("ES256:c2VjcmV0"))
        .unwrap_err();
    assert!(!format!("{unreadable} {unreadable:?}").contains("c2VjcmV0"));
}

fn logging_in() -> Client {
    let endpoint = |path: &str| Endpoint::new(format!("{ISSUER}/{path}")).unwrap();
    Client::new("s6BhdRkqt3", endpoint("token"))
        .with_authorization_endpoint(endpoint("authorize"))
        .with_pushed_authorization_request_endpoint(endpoint("par"))
        .with_token_constraint(Arc::new(dpop()))
}

fn login(client: &Client) -> AuthorizationRequest<'_> {
    AuthorizationRequest::new(client, "https://client.example.org/cb")
}

#[test]
fn t50_an_authorization_request_names_the_key_and_its_code_is_exchanged_with_no_other() {
    let client = logging_in();
    let (url, pending) = at(|cx| login(&client).start(cx)).unwrap();
    let named = format!("&dpop_jkt={}", dpop().thumbprint().unwrap());
    assert!(url.as_str().contains(&named), "{}", url.as_str());
    let plain = logging_in().with_token_constraint(Arc::new(Dpop::of_records()));
    let (unnamed, _) = at(|cx| login(&plain).start(cx)).unwrap();
    assert!(!unnamed.as_str().contains("dpop_jkt"), "there is no key yet");
    // The pause may outlive the process, which then has another key.
    let kept = pending.expose_json();
    let state = url.as_str().split("&state=").nth(1).unwrap();
    let redirect = format!("?code=c&state={}", state.split('&').next().unwrap());
    let other = Dpop::new(ed25519(), Algorithm::EdDsa).unwrap();
    for (client, is_taken) in [
        (client, true),
        (logging_in().with_token_constraint(Arc::new(other)), false),
        (plain, false),
    ] {
        let pending = PendingAuthorization::from_json(kept.expose()).unwrap();
        let code = at(|cx| pending.accept(&redirect, cx)).unwrap();
        let exchange = at(|cx| TokenRequest::authorization_code(&client, code).to_http(cx));
        assert_eq!(exchange.is_ok(), is_taken, "{client:?}");
        assert!(is_taken || matches!(exchange, Err(Error::InvalidInput(_))));
    }
}

/// A server may end the login of a public client over a proof with another key, and for all who share the record.
#[test]
fn t50_a_record_names_the_key_that_a_program_keeps_and_another_key_sends_nothing() {
    let ours = dpop();
    let named = ours.stored().unwrap();
    assert_eq!(named.expose(), format!("jkt:{}", ours.thumbprint().unwrap()));
    let same = ours.with_stored(&named).unwrap();
    assert_eq!(same.thumbprint(), ours.thumbprint());
    let other = Dpop::new(ed25519(), Algorithm::EdDsa).unwrap();
    for wrong in [
        other.clone(),
        Dpop::generate(Algorithm::Es256).unwrap(),
        Dpop::of_records(),
    ] {
        assert!(
            matches!(wrong.with_stored(&named), Err(Error::InvalidInput(_))),
            "{wrong:?}"
        );
    }
    // A client that authenticates may replace its key; what is kept from then on is the new one's name.
    let replacing = other.clone().in_place_of(ours.thumbprint().unwrap());
    let replaced = replacing.with_stored(&named).unwrap();
    assert_eq!(replaced.thumbprint(), other.thumbprint());
    assert_eq!(
        replaced.stored().unwrap().expose(),
        format!("jkt:{}", other.thumbprint().unwrap())
    );
    let nobody = Dpop::of_records().in_place_of(ours.thumbprint().unwrap());
    assert!(
        nobody.with_stored(&named).is_err(),
        "there is no key to take its place"
    );
}

#[test]
fn t50_a_login_with_a_key_of_its_own_is_ended_by_any_process_that_can_prove() {
    let began = Dpop::generate(Algorithm::Es256).unwrap();
    let client = logging_in().with_token_constraint(Arc::new(began.clone()));
    let (url, pending) = at(|cx| login(&client).start(cx)).unwrap();
    let state = url.as_str().split("&state=").nth(1).unwrap();
    let redirect = format!("?code=c&state={}", state.split('&').next().unwrap());
    let kept = pending.expose_json();
    assert!(!format!("{pending:?}").contains(began.stored().unwrap().expose()));
    let accept = |json: &str| {
        let pending = PendingAuthorization::from_json(json).unwrap();
        at(|cx| pending.accept(&redirect, cx)).unwrap()
    };
    for ends in [
        began.clone(),
        Dpop::generate(Algorithm::Es256).unwrap(),
        Dpop::generate(Algorithm::EdDsa).unwrap(),
        Dpop::of_records(),
        dpop(),
    ] {
        let client = logging_in().with_token_constraint(Arc::new(ends));
        let json = [("content-type", "application/json"), ("dpop-nonce", "one")];
        let script = Script::default().replies(400, &json, ASKS).json(BOUND);
        let exchange = TokenRequest::authorization_code(&client, accept(kept.expose()));
        let token = script.run(exchange.flow()).unwrap();
        for number in [0, 1] {
            let header = part(&script.header(number, "dpop").unwrap(), 0);
            let key = VerifyingKey::from_jwk(&header["jwk"].to_string()).unwrap();
            assert_eq!(key.thumbprint().as_deref(), began.thumbprint());
        }
        // The record has the key of the token, not that of the process.
        let key = Key::new(&client, Scopes::none());
        let record = Record::new(key, client, token, Provenance::new("test", now()));
        assert!(record.token_key().unwrap().eq_ct(&began.stored().unwrap()));
    }
    // A process that cannot prove exchanges nothing, and neither does one whose key is gone or another.
    let wire: Value = serde_json::from_str(kept.expose()).unwrap();
    let with = |key: Option<&str>| {
        let mut wire = wire.clone();
        wire["token_key"] = json!(key);
        wire.to_string()
    };
    let other = Dpop::generate(Algorithm::Es256).unwrap().stored().unwrap();
    let bearer = Client::new("s6BhdRkqt3", client.token_endpoint().clone());
    let able = logging_in().with_token_constraint(Arc::new(Dpop::of_records()));
    for (client, json) in [
        (&bearer, kept.expose().to_owned()),
        (&able, with(None)),
        (&able, with(Some("ES256:AAAA"))),
        (&able, with(Some(other.expose()))),
    ] {
        let exchange = TokenRequest::authorization_code(client, accept(&json));
        let refused = at(|cx| exchange.to_http(cx));
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    }
    // Of a key that the program keeps the written form has the thumbprint alone.
    let (_, pending) = at(|cx| login(&logging_in()).start(cx)).unwrap();
    let named = format!(r#""token_key":"jkt:{}""#, dpop().thumbprint().unwrap());
    assert!(pending.expose_json().expose().contains(&named));
}

#[test]
fn a_pushed_request_is_proven_and_once_more_where_a_nonce_is_asked_for() {
    let client = logging_in().with_push_required(true);
    let refusal = r#"{"error":"use_dpop_nonce"}"#;
    let json = ("content-type", "application/json");
    let script = Script::default()
        .replies(400, &[json, ("dpop-nonce", "n1")], refusal)
        .replies(201, &[json], r#"{"request_uri":"urn:x"}"#);
    let step = script.with_cx(|cx| login(&client).begin(cx)).unwrap();
    let (url, _) = script.run(step).unwrap();
    assert!(url.as_str().ends_with("request_uri=urn%3Ax"));
    let proofs: Vec<Value> = [0, 1]
        .map(|number| part(&script.header(number, "dpop").unwrap(), 1))
        .into();
    assert_eq!(
        (&proofs[0]["htu"], &proofs[0]["htm"]),
        (&json!(format!("{ISSUER}/par")), &json!("POST"))
    );
    assert_eq!(
        (&proofs[0]["nonce"], &proofs[1]["nonce"]),
        (&Value::Null, &json!("n1"))
    );
    assert_ne!(proofs[0]["jti"], proofs[1]["jti"]);
    // Once: whoever asks again is refused.
    let script = Script::default()
        .replies(400, &[json, ("dpop-nonce", "n1")], refusal)
        .replies(400, &[json, ("dpop-nonce", "n2")], refusal);
    let step = script.with_cx(|cx| login(&client).begin(cx)).unwrap();
    assert!(matches!(script.run(step), Err(Error::Server(_))));
    // What is pushed names the key too.
    let (pushed, _) = at(|cx| login(&client).push(cx)).unwrap();
    let request = at(|cx| pushed.to_http(cx)).unwrap();
    assert_eq!(parameter(&request, "dpop_jkt"), [dpop().thumbprint().unwrap()]);
}
