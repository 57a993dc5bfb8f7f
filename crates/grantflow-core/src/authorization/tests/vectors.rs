//! The examples of the RFCs, from `tests/vectors`.

use serde_json::{Value, json};

use super::{at, client, now, parameter, parameters};
use crate::{AuthorizationCode, AuthorizationRequest, Client, Cx, Endpoint, Error, PendingAuthorization};

fn vector(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// Sends a redirect to an authorization whose state, and issuer, are those of the example.
fn accept(vector: &Value, redirect: &str) -> Result<AuthorizationCode, Error> {
    let mut json: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/pending-v1.json")).unwrap();
    json["state"] = vector["state"].clone();
    json["issuer"] = vector["issuer"].clone();
    json["iss_promised"] = json!(vector["issuer"].is_string());
    let pending = PendingAuthorization::from_json(&json.to_string()).unwrap();
    let begun = pending.created_at().unix_seconds() - super::START;
    at(begun, |cx| pending.accept(vector[redirect].as_str().unwrap(), cx))
}

fn check_responses(vector: &Value) {
    let code = accept(vector, "response").unwrap();
    assert_eq!(code.code().expose(), vector["code"]);
    match accept(vector, "error_response") {
        Err(Error::Denied(refusal)) => assert_eq!(refusal.code().as_str(), vector["error"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn v01_t06_verifier_and_challenge_are_those_of_rfc_7636_appendix_b() {
    let vector = vector(include_str!("../../../tests/vectors/v01-rfc7636-appendix-b.json"));
    let octets: Vec<u8> = serde_json::from_value(vector["octets"].clone()).unwrap();
    let mut fill = |bytes: &mut [u8]| {
        bytes[32..64].copy_from_slice(&octets);
        Ok(())
    };
    let client = client();
    let request = AuthorizationRequest::new(&client, "https://client.example.com/cb");
    let (url, pending) = request.start(&mut Cx::new(now(0), &mut fill)).unwrap();
    assert_eq!(pending.verifier.secret().expose(), vector["code_verifier"]);
    assert_eq!(
        parameter(&url, "code_challenge").unwrap(),
        vector["code_challenge"]
    );
}

#[test]
fn v13_request_and_responses_are_those_of_rfc_6749_section_4_1() {
    let vector = vector(include_str!(
        "../../../tests/vectors/v13-rfc6749-section-4.1.json"
    ));
    let text = |name: &str| vector[name].as_str().unwrap();
    let client = Client::new(
        text("client_id"),
        Endpoint::new("https://server.example.com/token").unwrap(),
    )
    .with_authorization_endpoint(Endpoint::new(text("endpoint")).unwrap());
    let request = AuthorizationRequest::new(&client, text("redirect_uri"));
    let (url, pending) = at(0, |cx| request.start(cx)).unwrap();
    for (name, value) in parameters(&format!("?{}", text("request"))) {
        let expected = if name == "state" {
            pending.state.expose()
        } else {
            &value
        };
        assert_eq!(parameter(&url, &name).as_deref(), Some(expected), "{name}");
    }
    check_responses(&vector);
}

#[test]
fn v24_responses_with_an_issuer_are_those_of_rfc_9207_section_2() {
    let vector = vector(include_str!("../../../tests/vectors/v24-rfc9207-section-2.json"));
    check_responses(&vector);
}
