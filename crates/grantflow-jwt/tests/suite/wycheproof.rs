//! The test vectors of project Wycheproof for every algorithm: all of them, with the count.
//!
//! "Acceptable" are signatures that some take and some do not; here they are refused.

use std::collections::BTreeMap;

use grantflow_jwt::{Algorithm, BadKey, Error, VerifyingKey};
use wycheproof::{HashFunction, TestResult};

/// How many had which verdict.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn add(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    /// One vector: verified if it is valid, refused if not.
    fn check(&mut self, verified: Result<(), Error>, result: TestResult, what: &str) {
        assert_eq!(
            verified.is_ok(),
            result == TestResult::Valid,
            "{what}: {verified:?}"
        );
        self.add(if verified.is_ok() { "verified" } else { "refused" });
    }

    #[expect(clippy::print_stdout, reason = "the count is published")]
    fn print(&self, what: &str) -> usize {
        let all = self.0.values().sum();
        println!("wycheproof: {what}: {all} of {all}: {:?}", self.0);
        all
    }
}

fn rs(hash: HashFunction) -> Option<Algorithm> {
    match hash {
        HashFunction::Sha2_256 => Some(Algorithm::Rs256),
        HashFunction::Sha2_384 => Some(Algorithm::Rs384),
        HashFunction::Sha2_512 => Some(Algorithm::Rs512),
        _ => None,
    }
}

#[test]
fn rsa_pkcs1_signatures_are_judged_as_wycheproof_does() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let Some(algorithm) = rs(group.hash) else { continue };
            let key = VerifyingKey::from_pem(&group.pem).unwrap();
            for test in &group.tests {
                let verified = key.verify_bytes(algorithm, &test.msg, &test.sig);
                tally.check(verified, test.result, &format!("{name:?} {}", test.tc_id));
            }
        }
    }
    assert!(tally.print("RS256, RS384, RS512") >= 3106);
}

#[test]
fn rsa_pss_signatures_are_judged_as_wycheproof_does() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut tally = Tally::default();
    for name in TestName::all() {
        for group in TestSet::load(name).unwrap().test_groups {
            let (algorithm, size) = match group.hash {
                HashFunction::Sha2_256 => (Algorithm::Ps256, 32),
                HashFunction::Sha2_384 => (Algorithm::Ps384, 48),
                HashFunction::Sha2_512 => (Algorithm::Ps512, 64),
                _ => continue,
            };
            // RFC 7518 section 3.5: the same hash for the mask, and a salt as long as it. Others are other algorithms.
            let is_ours = group.mgf_hash == Some(group.hash) && group.salt_size == size;
            let (n, e) = (
                super::support::encode(&*group.key.n),
                super::support::encode(&*group.key.e),
            );
            let key = VerifyingKey::from_jwk(&format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)).unwrap();
            for test in &group.tests {
                let verified = key.verify_bytes(algorithm, &test.msg, &test.sig);
                if is_ours {
                    tally.check(verified, test.result, &format!("{name:?} {}", test.tc_id));
                } else if test.result == TestResult::Valid {
                    assert!(verified.is_err(), "{name:?} {}", test.tc_id);
                    tally.add("refused for another salt or mask");
                }
            }
        }
    }
    assert!(tally.print("PS256, PS384, PS512") >= 1941);
}

#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_does() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for (name, algorithm) in [
        (TestName::EcdsaSecp256r1Sha256P1363, Algorithm::Es256),
        (TestName::EcdsaSecp384r1Sha384P1363, Algorithm::Es384),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = VerifyingKey::from_pem(&group.pem).unwrap();
            for test in &group.tests {
                let verified = key.verify_bytes(algorithm, &test.msg, &test.sig);
                tally.check(verified, test.result, &format!("{name:?} {}", test.tc_id));
            }
        }
    }
    assert!(tally.print("ES256, ES384") >= 542);
}

/// Through DER, as a service that has the key gives it: what is not DER is refused before it is verified.
#[test]
fn ecdsa_signatures_in_der_are_judged_as_wycheproof_does() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for (name, algorithm) in [
        (TestName::EcdsaSecp256r1Sha256, Algorithm::Es256),
        (TestName::EcdsaSecp384r1Sha384, Algorithm::Es384),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = VerifyingKey::from_pem(&group.pem).unwrap();
            for test in &group.tests {
                let verified = algorithm
                    .signature_from_der(&test.sig)
                    .and_then(|signature| key.verify_bytes(algorithm, &test.msg, &signature));
                tally.check(verified, test.result, &format!("{name:?} {}", test.tc_id));
            }
        }
    }
    assert!(tally.print("ES256, ES384 in DER") >= 988);
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_does() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let key = VerifyingKey::from_spki_der(&group.der).unwrap();
        for test in &group.tests {
            let verified = key.verify_bytes(Algorithm::EdDsa, &test.msg, &test.sig);
            tally.check(verified, test.result, &test.tc_id.to_string());
        }
    }
    assert!(tally.print("EdDSA") >= 151);
}

#[test]
fn hmacs_are_judged_as_wycheproof_does() {
    use wycheproof::mac::{TestName, TestSet};
    let mut tally = Tally::default();
    for (name, algorithm, size) in [
        (TestName::HmacSha256, Algorithm::Hs256, 32),
        (TestName::HmacSha384, Algorithm::Hs384, 48),
        (TestName::HmacSha512, Algorithm::Hs512, 64),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let verified = VerifyingKey::from_hmac_secret(&test.key)
                    .and_then(|key| key.verify_bytes(algorithm, &test.msg, &test.tag));
                if test.key.len() < size {
                    assert_eq!(verified, Err(Error::BadKey(BadKey::Size)));
                    tally.add("refused for a short secret");
                } else if test.tag.len() < size {
                    assert!(verified.is_err(), "{name:?} {}", test.tc_id);
                    tally.add("refused for a short tag");
                } else {
                    tally.check(verified, test.result, &format!("{name:?} {}", test.tc_id));
                }
            }
        }
    }
    assert!(tally.print("HS256, HS384, HS512") >= 522);
}
