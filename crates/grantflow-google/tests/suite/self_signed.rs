//! Tokens that are signed here and sent nowhere, and bytes that are signed.

use grantflow_core::flow::TokenSource as _;
use grantflow_core::run;
use grantflow_jwt::{Algorithm, SigningKey};

use crate::world::{EMAIL, START, World, key, pem, verified};

const API: &str = "https://pubsub.googleapis.com/";

#[test]
fn a_self_signed_token_needs_no_request_and_is_for_one_api() {
    let source = key().with_audience(API);
    let world = World::at(START);
    let token = run(source.token(), &world).unwrap();
    assert!(world.sent().is_empty());
    assert_eq!(token.expires_at.map(|end| end.unix_seconds()), Some(START + 3600));
    let claims = verified(token.access_token.expose(), API, START);
    assert_eq!(claims.subject(), Some(EMAIL));
    assert_eq!(claims.claim::<i64>("exp").unwrap(), Some(START + 3600));
    let other = key().with_audience("https://storage.googleapis.com/");
    assert_ne!(source.key().digest(), other.key().digest());
    // Signed again at another time, it is another token.
    let later = run(source.token(), &World::at(START + 1)).unwrap();
    assert!(!later.access_token.eq_ct(&token.access_token));
}

#[test]
fn bytes_are_signed_with_the_key_of_the_file() {
    let key = key();
    let (key_id, signature) = key.sign_blob(b"GET\n\n\n1700000000\n/bucket/object").unwrap();
    assert_eq!(key_id, Some("ABCDEF"));
    let public = SigningKey::from_pem(&pem()).unwrap().verifying_key().unwrap();
    let verify = |bytes: &[u8]| public.verify_bytes(Algorithm::Rs256, bytes, &signature);
    assert!(verify(b"GET\n\n\n1700000000\n/bucket/object").is_ok());
    assert!(verify(b"GET\n\n\n1700000001\n/bucket/object").is_err());
}
