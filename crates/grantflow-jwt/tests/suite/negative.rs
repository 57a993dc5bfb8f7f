//! The negative set beside the vectors: flipped bits, swapped algorithms, signatures in another form.

use grantflow_jwt::{Algorithm, Error, KeySet, Refusal};

use super::support::{decode, encode, parts, private, vector};

const SIGNED: [&str; 4] = ["v02-hs256", "v03-rs256", "v04-es256", "v20-eddsa"];

fn keys(name: &str) -> KeySet {
    KeySet::from(private(&vector(name)).verifying_key().unwrap())
}

fn text(name: &str) -> String {
    vector(name)["token"].as_str().unwrap().to_owned()
}

/// The token with one bit of one part flipped.
fn flipped(token: &str, part: usize, bit: usize) -> String {
    let mut parts = parts(token);
    let mut bytes = decode(&parts[part]);
    bytes[bit / 8] ^= 1 << (bit % 8);
    parts[part] = encode(bytes);
    parts.join(".")
}

#[test]
fn v02_v03_v04_v20_every_flipped_bit_is_refused() {
    let mut count = 0;
    for name in SIGNED {
        let (token, keys) = (text(name), keys(name));
        for part in 0..3 {
            for bit in 0..decode(&parts(&token)[part]).len() * 8 {
                let refused = keys
                    .verify(&flipped(&token, part, bit), Algorithm::ALL)
                    .unwrap_err();
                // A header may become anything, even one whose algorithm has no key here.
                let known = part == 0 && refused == Error::UnknownKey;
                assert!(
                    known || matches!(refused, Error::Refused(_)),
                    "{name} {part} {bit}: {refused:?}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 4000, "{count}");
}

#[test]
fn v20_all_512_flips_of_the_signature_are_refused() {
    let (token, keys) = (text("v20-eddsa"), keys("v20-eddsa"));
    let refused = (0..512)
        .filter(|bit| {
            let refused = keys
                .verify(&flipped(&token, 2, *bit), [Algorithm::EdDsa])
                .unwrap_err();
            refused == Error::Refused(Refusal::Signature)
        })
        .count();
    assert_eq!(refused, 512);
}

#[test]
fn v05_a_flipped_bit_is_refused_as_the_whole_is() {
    let refused = KeySet::default()
        .verify(&flipped(&text("v05-es512"), 2, 7), Algorithm::ALL)
        .unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Algorithm));
}

#[test]
fn t45_a_swapped_algorithm_is_refused() {
    for name in SIGNED {
        let (token, keys) = (text(name), keys(name));
        let own = vector(name)["algorithm"].as_str().unwrap().to_owned();
        for algorithm in Algorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.name() != own)
        {
            let mut parts = parts(&token);
            parts[0] = encode(format!(r#"{{"alg":"{algorithm}"}}"#));
            assert!(
                keys.verify(&parts.join("."), Algorithm::ALL).is_err(),
                "{name} as {algorithm}"
            );
        }
    }
}

#[test]
fn v04_der_instead_of_two_numbers_is_refused() {
    let [header, payload, signature] = parts(&text("v04-es256"));
    let signature = decode(&signature);
    let integer = |number: &[u8]| {
        let pad: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        [&[2, (number.len() + pad.len()) as u8], pad, number].concat()
    };
    let numbers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let der = [&[0x30, numbers.len() as u8], numbers.as_slice()].concat();
    let refused = keys("v04-es256")
        .verify(&format!("{header}.{payload}.{}", encode(der)), [Algorithm::Es256])
        .unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::Signature));
}

#[test]
fn v04_a_number_that_is_zero_or_too_big_is_refused() {
    let [header, payload, signature] = parts(&text("v04-es256"));
    let signature = decode(&signature);
    let (r, s) = signature.split_at(32);
    let (zero, most) = ([0; 32], [0xff; 32]);
    for bad in [
        [&zero, s],
        [r, &zero],
        [&zero, &zero],
        [&ORDER, s],
        [r, &ORDER],
        [&most, s],
        [r, &most],
    ] {
        let token = format!("{header}.{payload}.{}", encode(bad.concat()));
        let refused = keys("v04-es256").verify(&token, [Algorithm::Es256]).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::Signature));
    }
}

/// RFC 7518 asks for no low `s`, and the signature of RFC 7515's own example has a high one. So a token has a twin, which says the
/// same: it is known by its `jti`, never by its text.
#[test]
fn v04_a_high_s_is_verified_as_the_rfc_has_it() {
    let [header, payload, signature] = parts(&text("v04-es256"));
    let signature = decode(&signature);
    let (r, s) = signature.split_at(32);
    let mirrored = difference(&ORDER, s);
    assert!(s > mirrored.as_slice(), "the example's `s` is the high one");
    let twin = format!("{header}.{payload}.{}", encode([r, &mirrored].concat()));
    let keys = keys("v04-es256");
    let verified = [&twin, &text("v04-es256")].map(|token| keys.verify(token, [Algorithm::Es256]).unwrap());
    assert_eq!(verified[0].payload(), verified[1].payload());
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn difference(from: &[u8], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = (0..from.len())
        .rev()
        .map(|at| {
            let digit = i16::from(from[at]) - i16::from(number[at]) - borrow;
            borrow = i16::from(digit < 0);
            digit.rem_euclid(256) as u8
        })
        .collect();
    digits.reverse();
    digits
}
