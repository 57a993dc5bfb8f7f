//! What the server says about itself ([RFC 8414], [RFC 9207 section 3], OpenID Connect Discovery 1.0).
//!
//! The OpenID document is the same but for what describes users and ID tokens.
//!
//! [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414
//! [RFC 9207 section 3]: https://www.rfc-editor.org/rfc/rfc9207#section-3

use serde_json::{Value, json};

use crate::answer::{ResponseMode, WRONG_ISSUER};
use crate::client::TestClient;
use crate::fault::Fault;
use crate::message::Reply;
use crate::site::Turn;
use crate::{assertion, device, exchange, saml};

pub(crate) fn authorization_server(turn: &mut Turn<'_>) -> Reply {
    Reply::json(200, &document(turn))
}

pub(crate) fn openid_configuration(turn: &mut Turn<'_>) -> Reply {
    let mut document = document(turn);
    document["subject_types_supported"] = json!(["public"]);
    document["claims_supported"] = json!([
        "iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "c_hash", "s_hash"
    ]);
    if !turn.config.acr_values.is_empty() {
        document["acr_values_supported"] = json!(turn.config.acr_values);
    }
    document["userinfo_signing_alg_values_supported"] = json!(["RS256", "ES256"]);
    document["id_token_encryption_alg_values_supported"] = json!(["ECDH-ES"]);
    document["id_token_encryption_enc_values_supported"] = json!(["A256GCM"]);
    document["id_token_signing_alg_values_supported"] = json!(["RS256", "ES256", "HS256", "none"]);
    Reply::json(200, &document)
}

fn document(turn: &Turn<'_>) -> Value {
    let issuer = turn.issuer;
    let everyone = [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "client_secret_jwt",
    ];
    let confidential = &everyone[1..];
    let assertion_algorithms = ["RS256", "PS256", "ES256", "EdDSA", "HS256"];
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "introspection_endpoint": format!("{issuer}/introspect"),
        "device_authorization_endpoint": format!("{issuer}/device_authorization"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "response_types_supported": ["code", "code id_token"],
        "response_modes_supported": ResponseMode::NAMES,
        "authorization_signing_alg_values_supported": ["RS256", "ES256"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "password", assertion::GRANT_TYPE, device::GRANT_TYPE,
            exchange::GRANT_TYPE, saml::GRANT_TYPE,
        ],
        "code_challenge_methods_supported": ["S256"],
        "jwks_uri": format!("{issuer}/jwks"),
        "token_endpoint_auth_methods_supported": everyone,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "revocation_endpoint_auth_methods_supported": everyone,
        "introspection_endpoint_auth_methods_supported": confidential,
        "authorization_response_iss_parameter_supported": true,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "pushed_authorization_request_endpoint": format!("{issuer}/par"),
        "require_pushed_authorization_requests": turn.config.push_required,
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "request_parameter_supported": turn.config.clients.iter().any(TestClient::signs_requests),
        "request_object_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "request_uri_parameter_supported": false,
    });
    if !turn.config.detail_types.is_empty() {
        document["authorization_details_types_supported"] = json!(turn.config.detail_types);
    }
    if let Some(grantable) = &turn.config.grantable {
        document["scopes_supported"] = json!(grantable);
    }
    match (&turn.fault, document.as_object_mut()) {
        (Some(Fault::WrongIssuer), Some(members)) => _ = members.insert("issuer".into(), WRONG_ISSUER.into()),
        (Some(Fault::NoIssuer), Some(members)) => _ = members.remove("issuer"),
        _ => {}
    }
    document
}
