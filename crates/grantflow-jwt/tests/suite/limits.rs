//! What a token may cost before it is refused.

use allocation_counter::measure;
use grantflow_jwt::{Algorithm, Error, MAX_TOKEN_LENGTH, Refusal};

use super::support::{NOW, issuer, issuer_keys, verification};

#[test]
fn t46_ten_mebibytes_of_dots_are_refused_without_an_allocation() {
    let dots = ".".repeat(10 << 20);
    let (keys, verification) = (issuer_keys(), verification());
    let mut verdict = None;
    let cost = measure(|| verdict = verification.verify(&dots, &keys, NOW).err());
    assert_eq!(verdict, Some(Error::Refused(Refusal::TooLong)));
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0));
}

#[test]
fn t46_nothing_is_allocated_for_a_token_with_too_many_or_too_few_dots() {
    let (keys, verification) = (issuer_keys(), verification());
    for token in [
        ".".repeat(MAX_TOKEN_LENGTH),
        "a".repeat(MAX_TOKEN_LENGTH),
        "a.a".to_owned(),
        String::new(),
    ] {
        let mut verdict = None;
        let cost = measure(|| verdict = verification.verify(&token, &keys, NOW).err());
        assert_eq!(verdict, Some(Error::Refused(Refusal::Parts)));
        assert_eq!(cost.count_total, 0, "{}", token.len());
    }
}

#[test]
fn t46_a_token_of_the_longest_length_is_verified_and_one_byte_more_is_not_looked_at() {
    let key = issuer();
    let header = key.header(Algorithm::Rs256).unwrap();
    let empty = key.sign(&header, b"").unwrap().expose().len();
    let room = (MAX_TOKEN_LENGTH - empty) / 4 * 3;
    let sized = |length| key.sign(&header, &vec![b'x'; length]).unwrap().into_exposed();
    let longest = (room..room + 3)
        .map(sized)
        .rfind(|token| token.len() <= MAX_TOKEN_LENGTH)
        .unwrap();
    assert!(longest.len() > MAX_TOKEN_LENGTH - 3);
    issuer_keys().verify(&longest, [Algorithm::Rs256]).unwrap();
    let refused = issuer_keys()
        .verify(&sized(room + 3), [Algorithm::Rs256])
        .unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::TooLong));
}

#[test]
fn t46_the_cap_is_exact() {
    let refusal = |length| {
        issuer_keys()
            .verify(&"a".repeat(length), [Algorithm::Rs256])
            .unwrap_err()
    };
    assert_eq!(refusal(MAX_TOKEN_LENGTH), Error::Refused(Refusal::Parts));
    assert_eq!(refusal(MAX_TOKEN_LENGTH + 1), Error::Refused(Refusal::TooLong));
    assert_eq!(MAX_TOKEN_LENGTH, 16 * 1024);
}

#[test]
fn t46_a_refused_signature_costs_no_more_memory_than_a_few_times_the_token() {
    let mut token = super::support::token(&"x".repeat(11_000));
    token.truncate(token.len() - 4);
    token.push_str("AAAA");
    let keys = issuer_keys();
    let cost = measure(|| assert!(keys.verify(&token, [Algorithm::Rs256]).is_err()));
    assert!(cost.bytes_max < 4 * MAX_TOKEN_LENGTH as u64, "{cost:?}");
}

#[test]
fn a_token_is_assembled_in_one_allocation() {
    let key = grantflow_jwt::SigningKey::from_hmac_secret(&[7; 32]).unwrap();
    let header = key.header(Algorithm::Hs256).unwrap();
    let cost = measure(|| drop(key.sign(&header, super::support::CLAIMS.as_bytes()).unwrap()));
    assert_eq!(cost.count_total, 1);
}
