//! The proof that a request with a bound token carries, against what ring takes for its signature alone.

use std::hint::black_box;

use grantflow_core::{Cx, Proven, Secret, TokenConstraint as _, native};
use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::Dpop;
use http::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::jwt::{P256, pkcs8};
use super::{Bar, Case, Group};
use crate::clock::Clock;

const OURS: &str = "ours: `Dpop::prove`, with `ath`";
const LIMIT: &str = "limit: ring, ES256";

pub(super) fn group() -> Group {
    let dpop = Dpop::new(SigningKey::from_pem(P256).expect("a key"), Algorithm::Es256).expect("it signs");
    let uri: http::Uri = "https://api.example/v1/things".parse().expect("an address");
    let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let mut fill = native::fill;
    let mut cx = Cx::new(native::now(), &mut fill);
    let to = Proven::request(&Method::GET, &uri).with_access_token(&token);
    let proof = dpop.prove(&to, &mut cx).expect("it proves").expect("a proof");
    let signed = proof.to_str().expect("it is ASCII").rsplit_once('.');
    let message = signed.expect("three parts").0.as_bytes().to_vec();
    let random = SystemRandom::new();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8(P256), &random).expect("a key");
    Group {
        name: "dpop",
        title: "A DPoP proof for a request with a token",
        cases: vec![
            Case::new(LIMIT, move |n| {
                for _ in 0..n {
                    black_box(pair.sign(&random, black_box(&message)).expect("it signs"));
                }
            }),
            Case::new(OURS, move |n| {
                for _ in 0..n {
                    let mut fill = native::fill;
                    let mut cx = Cx::new(native::now(), &mut fill);
                    let to = Proven::request(&Method::GET, &uri).with_access_token(&token);
                    drop(black_box(dpop.prove(black_box(&to), &mut cx).expect("it proves")));
                }
            }),
        ],
        bars: vec![Bar {
            case: OURS,
            limit: LIMIT,
            times: 1.10,
            allocations: None,
            instructions: None,
        }],
        clock: Clock::Thread,
    }
}
