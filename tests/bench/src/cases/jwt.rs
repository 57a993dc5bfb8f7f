//! Tokens: claims to a signed one, and a signed one to its payload, against what ring takes for the signature alone.

use std::hint::black_box;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use grantflow_jwt::{Algorithm, ClaimsSet, KeySet, Signer, Signing, SigningKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

use super::{Bar, Case, Group};
use crate::clock::Clock;

pub(super) const RSA: &str = include_str!("../../../../crates/grantflow-jwt/tests/keys/rsa.pkcs8.pem");
pub(super) const P256: &str = include_str!("../../../../crates/grantflow-jwt/tests/keys/p256.pkcs8.pem");
const ED25519: &str = include_str!("../../../../crates/grantflow-jwt/tests/keys/ed25519.pkcs8.pem");

pub(super) fn group() -> Group {
    Group {
        name: "jwt",
        title: "An assertion of five claims",
        cases: vec![
            bare_rsa(),
            ours("ours: RS256, claims to token", RSA, Algorithm::Rs256),
            bare_p256(),
            ours("ours: ES256, claims to token", P256, Algorithm::Es256),
            bare_ed25519(),
            ours("ours: EdDSA, claims to token", ED25519, Algorithm::EdDsa),
            assembled(),
            bare_verified(),
            verified(),
        ],
        bars: [
            ("ours: RS256, claims to token", "limit: ring, RS256", 1.02),
            ("ours: ES256, claims to token", "limit: ring, ES256", 1.10),
            ("ours: EdDSA, claims to token", "limit: ring, EdDSA", 1.10),
            ("ours: RS256, verified", "limit: ring, RS256 verified", 1.05),
        ]
        .map(|(case, limit, times)| Bar {
            case,
            limit,
            times,
            allocations: None,
            instructions: None,
        })
        .into(),
        clock: Clock::Thread,
    }
}

fn claims() -> ClaimsSet {
    ClaimsSet::new()
        .with("aud", "https://oauth2.googleapis.com/token")
        .and_then(|claims| claims.with("scope", "https://www.googleapis.com/auth/calendar"))
        .and_then(|claims| claims.with("iat", 1_700_000_000))
        .and_then(|claims| claims.with("exp", 1_700_003_600))
        .and_then(|claims| claims.with("iss", "reports@project.iam.gserviceaccount.com"))
        .expect("claims")
}

fn key(pem: &str) -> SigningKey {
    SigningKey::from_pem(pem).expect("a key")
}

fn ours(name: &'static str, pem: &str, algorithm: Algorithm) -> Case {
    let key = key(pem);
    Case::new(name, move |n| {
        for _ in 0..n {
            let header = key.header(algorithm).expect("it fits");
            let jws = key.sign(&header, black_box(claims()).as_bytes());
            drop(black_box(jws.expect("it signs")));
        }
    })
}

/// All but the signature, which is due: header and claims are there.
fn assembled() -> Case {
    let signer = Signer::remote(Algorithm::Rs256, "k");
    let (header, claims) = (signer.header().expect("it has one"), claims());
    Case::new("ours: RS256, without its signature", move |n| {
        for _ in 0..n {
            let due = signer.sign(black_box(&header), black_box(claims.as_bytes()));
            drop(black_box(due.expect("it is due")));
        }
    })
}

fn verified() -> Case {
    let token = key(RSA).sign(
        &key(RSA).header(Algorithm::Rs256).expect("it fits"),
        claims().as_bytes(),
    );
    let token = token.expect("it signs").into_exposed();
    let keys = KeySet::from(key(RSA).verifying_key().expect("it has one"));
    Case::new("ours: RS256, verified", move |n| {
        for _ in 0..n {
            let verified = keys.verify(black_box(&token), [Algorithm::Rs256]);
            drop(black_box(verified.expect("it verifies")));
        }
    })
}

/// What is signed: as long as ours.
pub(super) fn message() -> Vec<u8> {
    let signer = Signer::remote(Algorithm::Rs256, "k");
    match signer.sign(&signer.header().expect("it has one"), claims().as_bytes()) {
        Ok(Signing::Due(due)) => due.message().to_vec(),
        _ => panic!("the key is elsewhere"),
    }
}

pub(super) fn pkcs8(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    BASE64.decode(lines.collect::<String>()).expect("PEM")
}

fn bare_rsa() -> Case {
    let (pair, random) = (
        RsaKeyPair::from_pkcs8(&pkcs8(RSA)).expect("a key"),
        SystemRandom::new(),
    );
    let message = message();
    Case::new("limit: ring, RS256", move |n| {
        let mut signature = vec![0; pair.public().modulus_len()];
        for _ in 0..n {
            let signed = pair.sign(&RSA_PKCS1_SHA256, &random, black_box(&message), &mut signature);
            signed.expect("it signs");
            black_box(&signature);
        }
    })
}

fn bare_p256() -> Case {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8(P256), &random);
    let (pair, message) = (pair.expect("a key"), message());
    Case::new("limit: ring, ES256", move |n| {
        for _ in 0..n {
            black_box(pair.sign(&random, black_box(&message)).expect("it signs"));
        }
    })
}

fn bare_ed25519() -> Case {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8(ED25519)).expect("a key");
    let message = message();
    Case::new("limit: ring, EdDSA", move |n| {
        for _ in 0..n {
            black_box(pair.sign(black_box(&message)));
        }
    })
}

fn bare_verified() -> Case {
    let pair = RsaKeyPair::from_pkcs8(&pkcs8(RSA)).expect("a key");
    let message = message();
    let mut signature = vec![0; pair.public().modulus_len()];
    let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature);
    signed.expect("it signs");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec());
    Case::new("limit: ring, RS256 verified", move |n| {
        for _ in 0..n {
            let verified = public.verify(black_box(&message), black_box(&signature));
            verified.expect("it verifies");
        }
    })
}
