//! What google-auth (PyPI) signs, signed by us: the same header and claims give the same token, byte for byte.
//!
//! Its thousand random claims sets are made here again by the same arithmetic; their JSON has spaces, as Python writes it.

use grantflow_jwt::{Algorithm, ClaimsSet, Header, KeySet};
use ring::digest::{Context, SHA256};

use super::support::{decode, issuer, parts, vector};

const HEADER: &str = r#"{"typ": "JWT", "alg": "RS256", "kid": "ABCDEF"}"#;

/// The generator of the vectors.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn claims(&mut self, at: usize) -> String {
        let (service, project) = (self.below(1_000_000), self.below(1_000_000));
        let issued = 1_700_000_000 + self.below(1_000_000);
        let scopes: Vec<String> = (0..self.below(4))
            .map(|_| format!("https://www.googleapis.com/auth/s{}", self.below(100)))
            .collect();
        let mut claims = format!(
            r#"{{"iss": "svc-{service}@project-{project}.iam.gserviceaccount.com", "iat": {issued}, "exp": {}, "aud": "https://oauth2.googleapis.com/token", "scope": "{}""#,
            issued + 3600,
            scopes.join(" ")
        );
        if at.is_multiple_of(3) {
            claims.push_str(&format!(
                r#", "sub": "user{}@example.com""#,
                self.below(1_000_000)
            ));
        }
        claims + "}"
    }
}

#[test]
fn a_thousand_tokens_of_google_auth_are_signed_byte_for_byte() {
    let vector = vector("google-auth");
    let (key, header) = (issuer(), Header::from_json(HEADER).unwrap());
    let mut random = Random(1);
    let mut all = Context::new(&SHA256);
    for at in 0..1000 {
        let claims = ClaimsSet::from_json(&random.claims(at)).unwrap();
        let jws = key.sign(&header, claims.as_bytes()).unwrap();
        if let Some(first) = vector["first"].get(at) {
            assert_eq!(jws.expose(), first.as_str().unwrap());
        }
        all.update(jws.expose().as_bytes());
        all.update(b"\n");
    }
    let digest: String = all
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        vector["sha256_of_all_each_with_a_line_feed"].as_str().unwrap()
    );
}

#[test]
fn whatever_google_auth_signs_is_verified_and_signed_again() {
    let vector = vector("google-auth");
    let key = issuer();
    let keys = KeySet::from(key.verifying_key().unwrap().with_key_id("ABCDEF"));
    for token in vector["others"].as_array().unwrap() {
        let token = token.as_str().unwrap();
        let verified = keys.verify(token, [Algorithm::Rs256]).unwrap();
        let header = decode(&parts(token)[0]);
        let header = Header::from_json(str::from_utf8(&header).unwrap()).unwrap();
        assert_eq!(key.sign(&header, verified.payload()).unwrap().expose(), token);
    }
}
