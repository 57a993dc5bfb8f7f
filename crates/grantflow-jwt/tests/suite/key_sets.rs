//! Sets of keys: what is passed over, and which key a token gets.

use grantflow_jwt::{Algorithm, Error, KeySet};
use serde_json::{Value, json};

use super::support::{public, vector};

fn jwk(name: &str, members: Value) -> Value {
    let mut jwk = vector(name)["public"].clone();
    jwk.as_object_mut()
        .unwrap()
        .append(&mut members.as_object().unwrap().clone());
    jwk
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_json(&json!({"keys": keys, "more": 1}).to_string()).unwrap()
}

#[test]
fn t47_q59_unknown_keys_are_passed_over() {
    let keys = set(&[
        json!({"kty":"future"}),
        json!(17),
        json!({}),
        json!({"kty":"oct","k":super::support::encode([7; 32])}),
        json!({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}),
        json!({"kty":"RSA","n":"AQAB","e":"AQAB"}),
        json!({"kty":"RSA","n":1,"e":"AQAB"}),
        vector("v05-es512")["public"].clone(),
        jwk("v03-rs256", json!({"use":"enc"})),
        jwk("v04-es256", json!({"kid":"k"})),
    ]);
    assert_eq!((keys.len(), keys.skipped()), (1, 9));
    assert_eq!(keys.iter().next().unwrap().key_id(), Some("k"));
    assert!(set(&[]).is_empty());
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert!(KeySet::from_json(bad).is_err(), "{bad}");
    }
}

#[test]
fn t47_q60_a_token_gets_the_one_key_that_it_names() {
    let keys = set(&[
        jwk("v03-rs256", json!({"kid":"a"})),
        jwk("v04-es256", json!({"kid":"a"})),
        jwk("v21-ecdsa-sample", json!({"kid":"b"})),
        jwk("v20-eddsa", json!({})),
    ]);
    let found = |key_id, algorithm| keys.find(key_id, algorithm).map(|key| key.thumbprint());
    let is = |name: &str| Ok(public(&vector(name)).thumbprint());
    assert_eq!(found(Some("a"), Algorithm::Rs256), is("v03-rs256"));
    assert_eq!(found(Some("a"), Algorithm::Es256), is("v04-es256"));
    assert_eq!(found(Some("b"), Algorithm::Es256), is("v21-ecdsa-sample"));
    assert_eq!(found(Some("b"), Algorithm::Rs256), Err(Error::UnknownKey));
    assert_eq!(found(Some("c"), Algorithm::Es256), Err(Error::UnknownKey));
    assert_eq!(
        found(None, Algorithm::Es256),
        Err(Error::UnknownKey),
        "two would fit"
    );
    assert_eq!(found(None, Algorithm::Ps512), is("v03-rs256"));
    // A key without a name fits a token with any.
    assert_eq!(found(Some("c"), Algorithm::EdDsa), is("v20-eddsa"));
    assert_eq!(found(None, Algorithm::Hs256), Err(Error::UnknownKey));
}

#[test]
fn t47_two_keys_of_one_name_are_none() {
    let keys = set(&[
        jwk("v04-es256", json!({"kid":"a"})),
        jwk("v21-ecdsa-sample", json!({"kid":"a"})),
    ]);
    assert_eq!(
        keys.find(Some("a"), Algorithm::Es256).err(),
        Some(Error::UnknownKey)
    );
}
