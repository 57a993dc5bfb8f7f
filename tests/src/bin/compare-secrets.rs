//! Compares two secrets that differ at one place, so that a test can count the instructions of it: `compare-secrets PLACE`.

use std::hint::black_box;

use grantflow_core::Secret;

const SECRET: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn main() {
    let place = std::env::args().nth(1).expect("compare-secrets PLACE");
    let place: usize = place.parse().expect("PLACE is a number");
    let mut other = SECRET.to_owned();
    other.replace_range(place..=place, "!");
    let (secret, other) = (Secret::new(SECRET), Secret::new(other));
    for _ in 0..1000 {
        assert!(!black_box(&secret).eq_ct(black_box(&other)));
    }
}
