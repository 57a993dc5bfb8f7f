//! What only the inside can show: the bytes for a known nonce, and that no nonce comes twice.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_core::Record;
use serde_json::Value;

use super::seal::{Opener, Sealed};
use super::{DataKey, GivenKeys, key_file};
use crate::form::{Form as _, plain};

const KEY: [u8; 32] = *b"a data key that only tests know.";

fn golden_record() -> Record {
    plain()
        .read(include_bytes!("../../tests/golden/record.json"))
        .unwrap()
}

#[test]
fn r37_a_record_is_sealed_as_in_the_first_version() {
    let opener = Opener::new(&DataKey::from_bytes(KEY)).unwrap();
    let sealed = opener.seal(&golden_record(), *b"a nonce once").unwrap();
    assert_eq!(
        String::from_utf8(sealed.to_vec()).unwrap(),
        include_str!("../../tests/golden/sealed.json")
    );
}

#[test]
fn r37_data_keys_are_written_as_in_the_first_version() {
    let keys = [DataKey::from_bytes([7; 32]), DataKey::from_bytes(KEY)];
    assert_eq!(
        String::from_utf8(key_file::text(&keys).to_vec()).unwrap(),
        include_str!("../../tests/golden/data-keys.json")
    );
}

/// NIST SP 800-38D section 8.3: a nonce that comes twice gives the key of the tags away.
#[test]
fn t65_no_two_records_are_sealed_with_the_same_nonce() {
    const SEALED: usize = 2_000;
    let form = Sealed::new(Box::new(GivenKeys::new(DataKey::from_bytes(KEY))));
    let record = golden_record();
    let mut nonces = HashSet::new();
    for _ in 0..SEALED {
        let bytes = form.write(&record).unwrap();
        let outer: Value = serde_json::from_slice(&bytes).unwrap();
        let nonce = BASE64
            .decode(outer["envelope"]["nonce"].as_str().unwrap())
            .unwrap();
        assert_eq!(nonce.len(), 12);
        assert!(nonces.insert(nonce));
    }
    // The source of them all, as often as the row asks.
    let mut nonces = HashSet::new();
    for _ in 0..1_000_000 {
        let mut nonce = [0; 12];
        super::data_key::random(&mut nonce).unwrap();
        assert!(nonces.insert(nonce));
    }
}
