//! The samples, and what is done with them again and again.

use grantflow_core::{Record, Timestamp};
use grantflow_store::import::{Found, Import};
use serde_json::Value;

pub(crate) const ADC: &[u8] = include_bytes!("samples/adc-gcloud.json");
pub(crate) const ACCESS_TOKEN: &[u8] = include_bytes!("samples/access-token-4.1.3.json");
pub(crate) const GOOGLE_AUTH: &[u8] = include_bytes!("samples/google-auth-2.40.3.json");
pub(crate) const GOOGLE_CREDENTIALS: &[u8] = include_bytes!("samples/google-credentials-4.1.3.json");
pub(crate) const INVALID: &[u8] = include_bytes!("samples/invalid-4.1.3.json");
pub(crate) const MINIMAL: &[u8] = include_bytes!("samples/minimal-4.1.3.json");
pub(crate) const MULTIPROCESS: &[u8] = include_bytes!("samples/multiprocess-4.1.3.json");
pub(crate) const MULTISTORE_1: &[u8] = include_bytes!("samples/multistore-1.4.12.json");
pub(crate) const MULTISTORE_3: &[u8] = include_bytes!("samples/multistore-3.0.0.json");
pub(crate) const STORAGE_1: &[u8] = include_bytes!("samples/storage-1.4.12.json");
pub(crate) const STORAGE_3: &[u8] = include_bytes!("samples/storage-3.0.0.json");
pub(crate) const STORAGE_4: &[u8] = include_bytes!("samples/storage-4.1.3.json");

pub(crate) const ALL: [&[u8]; 12] = [
    ADC,
    ACCESS_TOKEN,
    GOOGLE_AUTH,
    GOOGLE_CREDENTIALS,
    INVALID,
    MINIMAL,
    MULTIPROCESS,
    MULTISTORE_1,
    MULTISTORE_3,
    STORAGE_1,
    STORAGE_3,
    STORAGE_4,
];

/// 20 minutes before the tokens of the samples end.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_893_553_445 - 1200);

pub(crate) fn value(sample: &[u8]) -> Value {
    serde_json::from_slice(sample).unwrap()
}

pub(crate) fn found(json: &[u8]) -> Vec<Found> {
    Import::parse(json, NOW).unwrap().into_found()
}

/// The one record of a sample.
pub(crate) fn record(json: &[u8]) -> Record {
    let mut found = found(json);
    assert_eq!(found.len(), 1);
    found.remove(0).taken.unwrap()
}

/// The sample with a member set, or removed.
pub(crate) fn with(sample: &[u8], member: &str, value: Option<Value>) -> Vec<u8> {
    let mut object = self::value(sample);
    let members = object.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(member.to_owned(), value),
        None => members.remove(member),
    };
    object.to_string().into_bytes()
}
