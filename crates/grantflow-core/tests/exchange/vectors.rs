//! The examples of the RFCs, from `tests/vectors`.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    AuthorizationRequest, Client, Cx, Endpoint, Issuer, MetadataRequest, Now, Quirks, RevocationRequest,
    Secret, TokenRequest, TokenTypeHint,
};
use serde_json::Value;

use super::{JSON, at, body, client, pairs, parse, problem, refused, reply};

#[test]
fn v10_a_form_is_encoded_as_in_appendix_b_of_rfc_6749() {
    check("v10-rfc6749-appendix-b");
}

#[test]
fn v11_v12_t35_basic_authentication_is_that_of_rfc_6749() {
    check("v11-rfc6749-section-2.3.1");
    check("v12-rfc6749-section-4.1.3");
}

#[test]
fn v14_basic_authentication_without_form_encoding_is_that_of_rfc_7617() {
    check("v14-rfc7617-section-2.1");
}

#[test]
fn v15_the_example_reply_of_rfc_6749_has_a_type_that_is_refused() {
    check("v15-rfc6749-section-5");
}

#[test]
fn v16_a_refresh_is_that_of_rfc_6749() {
    check("v16-rfc6749-section-6");
}

#[test]
fn v17_a_code_for_a_device_is_asked_for_and_read_as_in_rfc_8628() {
    check("v17-rfc8628-section-3.2");
}

#[test]
fn v18_a_device_code_is_presented_as_in_rfc_8628() {
    check("v18-rfc8628-section-3.4");
}

#[test]
fn v25_metadata_are_asked_for_where_rfc_8414_and_openid_say() {
    check("v25-rfc8414-section-3.1");
}

#[test]
fn v26_a_revocation_is_that_of_rfc_7009() {
    check("v26-rfc7009-section-2.1");
}

#[test]
fn v28_base64url_is_that_of_rfc_4648_without_padding() {
    check("v28-rfc4648-section-10");
}

/// Reads a vector and holds the core to each part of it.
fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{name}.json"));
    let vector: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for (part, value) in vector.as_object().unwrap() {
        match part.as_str() {
            "source" => {}
            "form" => form(value),
            "basic" => basic(value, false),
            "raw_basic" => basic(value, true),
            "code" => code(value),
            "token" => assert_eq!(
                problem(&parse(&reply(200, JSON, value.to_string()))),
                ReplyProblem::TokenType
            ),
            "refusal" => assert_eq!(
                refused(&parse(&reply(400, JSON, value.to_string()))),
                value["error"].as_str().unwrap()
            ),
            "refresh" => {
                let request = TokenRequest::refresh(&client(), Secret::new(text(value, "refresh_token")));
                let request = at(|cx| request.to_http(cx)).unwrap();
                assert!(
                    body(&request).starts_with(text(value, "body")),
                    "{}",
                    body(&request)
                );
            }
            "metadata" => value.as_array().unwrap().iter().for_each(metadata),
            "revocation" => {
                let token = Secret::new(text(value, "token"));
                let request = RevocationRequest::new(&client(), &token, TokenTypeHint::RefreshToken);
                let request = at(|cx| request.to_http(cx)).unwrap();
                assert!(
                    body(&request).starts_with(text(value, "body")),
                    "{}",
                    body(&request)
                );
            }
            "device" => super::device::vector(value),
            "device_code" => {
                let device_code = Secret::new(text(value, "device_code"));
                let client = Client::new(text(value, "client_id"), client().token_endpoint().clone());
                let request = TokenRequest::device_code(&client, device_code);
                assert_eq!(body(&at(|cx| request.to_http(cx)).unwrap()), text(value, "body"));
            }
            "base64url" => base64url(value),
            other => panic!("nothing reads {other:?} of {name}"),
        }
    }
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn form(value: &Value) {
    let request = TokenRequest::refresh(&client(), Secret::new(text(value, "value")));
    let request = at(|cx| request.to_http(cx)).unwrap();
    let expected = format!("refresh_token={}&", text(value, "encoded"));
    assert!(body(&request).contains(&expected), "{}", body(&request));
}

fn basic(value: &Value, raw: bool) {
    let mut quirks = Quirks::default();
    quirks.raw_basic = raw;
    let endpoint = Endpoint::new("https://server.example.com/token").unwrap();
    let client = Client::new(text(value, "id"), endpoint)
        .with_secret_basic(text(value, "secret"))
        .with_quirks(quirks);
    let request = at(|cx| super::refresh(&client).to_http(cx)).unwrap();
    assert_eq!(request.headers()["authorization"], text(value, "header"));
    assert!(!body(&request).contains("client_"), "{}", body(&request));
}

/// The body of the RFC, and behind it the verifier of PKCE and the id of a public client.
fn code(value: &Value) {
    let client = client();
    let request = AuthorizationRequest::new(&client, text(value, "redirect_uri"));
    let request = at(|cx| {
        let (url, pending) = request.start(cx)?;
        let state = pairs(url.as_str().split_once('?').unwrap().1.as_bytes());
        let state = &state.iter().find(|(name, _)| name == "state").unwrap().1;
        let redirect = format!(
            "{}?code={}&state={state}",
            text(value, "redirect_uri"),
            text(value, "code")
        );
        TokenRequest::authorization_code(&client, pending.accept(&redirect, cx)?).to_http(cx)
    });
    let request = request.unwrap();
    let sent = pairs(request.body().as_bytes());
    let expected = pairs(text(value, "body").as_bytes());
    assert_eq!(sent[..expected.len()], expected);
    let names: Vec<&str> = sent[expected.len()..].iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["code_verifier", "client_id"]);
}

fn metadata(value: &Value) {
    let issuer = Issuer::new(text(value, "issuer")).unwrap();
    let uri = |request: &MetadataRequest| at(|cx| request.to_http(cx)).unwrap().uri().to_string();
    assert_eq!(uri(&MetadataRequest::new(&issuer)), text(value, "oauth"));
    assert_eq!(uri(&MetadataRequest::openid(&issuer)), text(value, "openid"));
}

/// The engine that PKCE and state are written with, and a state of 32 bytes that repeats the longest example.
fn base64url(value: &Value) {
    for pair in value.as_array().unwrap() {
        let (plain, encoded) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        assert_eq!(URL_SAFE_NO_PAD.encode(plain), encoded);
        assert_eq!(URL_SAFE_NO_PAD.decode(encoded).unwrap(), plain.as_bytes());
        let mut fill = |bytes: &mut [u8]| {
            bytes
                .iter_mut()
                .zip(plain.bytes())
                .for_each(|(byte, plain)| *byte = plain);
            Ok(())
        };
        let token = Cx::new(Now::default(), &mut fill).random_token().unwrap();
        // The last character of a cut group has bits of the bytes behind it.
        let whole = encoded.len() - usize::from(plain.len() % 3 != 0);
        assert_eq!(token.expose()[..whole], encoded[..whole]);
    }
    for bad in ["Zg==", "Zh", "Zm9=", "Z"] {
        assert!(URL_SAFE_NO_PAD.decode(bad).is_err(), "{bad}");
    }
}
