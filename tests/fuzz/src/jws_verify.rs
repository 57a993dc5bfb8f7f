//! F5 of the table of threats: tokens, and what they say.
//!
//! ```text
//! first byte  0  token     whatever the bytes are, what verifies was signed by the key
//!             1  signed    whatever header and payload are signed (a NUL between them; second byte: the key), what verifies is
//!                          that payload, under an algorithm of the key, and what is believed of its claims is what they say
//!             2  changed   a good token with the rest written over a part of it (second byte: the key; third: where) is refused
//! ```
//!
//! The keys are those of RFC 7515, RFC 8037 and RFC 6979. A plain reading of JSON is held against that of the crate.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use grantflow_jwt::{Algorithm, Error, KeySet, NumericDate, SigningKey, Verification, VerifiedClaims};
use serde_json::Value;
use serde_json::value::RawValue;

const NOW: i64 = 1_700_000_000;
/// As far as clocks may differ.
const SKEW: i64 = 60;
const ISSUER: &str = "https://issuer.example";
const CLAIMS: &str = r#"{"iss":"https://issuer.example","sub":"ann","aud":"me","exp":1700003600}"#;

/// Whatever is in the corpus as a token, and was signed by a key of the set.
const TOKENS: [&str; 4] = [
    include_str!("../../../crates/grantflow-jwt/tests/vectors/v02-hs256.json"),
    include_str!("../../../crates/grantflow-jwt/tests/vectors/v03-rs256.json"),
    include_str!("../../../crates/grantflow-jwt/tests/vectors/v04-es256.json"),
    include_str!("../../../crates/grantflow-jwt/tests/vectors/v20-eddsa.json"),
];
const P384: &str = include_str!("../../../crates/grantflow-jwt/tests/keys/p384.pkcs8.pem");

/// Verifies the rest of the input as what its first byte says.
///
/// # Panics
///
/// If a promise is broken.
pub fn jws_verify(data: &[u8]) {
    thread_local! {
        static WORLD: OnceCell<World> = const { OnceCell::new() };
    }
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    WORLD.with(|world| {
        let world = world.get_or_init(World::new);
        match kind % 3 {
            0 => world.token(content),
            1 => world.signed(content),
            _ => world.changed(content),
        }
    });
}

/// A key and what was signed with it.
struct Signed {
    key: SigningKey,
    algorithms: Vec<Algorithm>,
    token: String,
}

struct World {
    signed: Vec<Signed>,
    keys: KeySet,
    inputs: Vec<String>,
}

impl World {
    fn new() -> Self {
        let vectors = TOKENS.map(|vector| serde_json::from_str::<Value>(vector).expect("vectors are JSON"));
        let keys = vectors
            .iter()
            .map(|vector| SigningKey::from_jwk(&vector["private"].to_string()).expect("a key of an RFC"));
        let p384 = SigningKey::from_pem(P384).expect("a key of an RFC");
        let signed: Vec<Signed> = keys.chain([p384]).map(Signed::new).collect();
        let keys = signed
            .iter()
            .map(|signed| signed.key.verifying_key().expect("it has a public half"))
            .collect();
        let inputs = vectors
            .iter()
            .map(|vector| input(text(&vector["token"])).to_owned());
        let own = signed.iter().map(|signed| input(&signed.token).to_owned());
        let inputs = inputs.chain(own).collect();
        Self { signed, keys, inputs }
    }

    fn token(&self, content: &[u8]) {
        let Ok(token) = str::from_utf8(content) else {
            return;
        };
        match self.keys.verify(token, Algorithm::ALL) {
            Ok(_) => assert!(self.was_signed(token), "nobody signed this"),
            Err(error) => printable(&error),
        }
        let nothing = self.keys.verify(token, []);
        assert!(nothing.is_err(), "no algorithm was allowed");
        drop(self.believed(token));
    }

    /// The same input, and for algorithms that sign it in one way the same signature.
    fn was_signed(&self, token: &str) -> bool {
        self.inputs.iter().any(|known| known == input(token)) && {
            let algorithm = header_of(token)["alg"].as_str().and_then(Algorithm::named);
            let algorithm = algorithm.expect("what verified has one");
            let signed = self.signed.iter().find(|signed| signed.key.fits(algorithm));
            !signs_in_one_way(algorithm)
                || signed
                    .expect("what verified has a key")
                    .sign(algorithm, input(token))
                    == token
        }
    }

    fn signed(&self, content: &[u8]) {
        let Some((which, content)) = content.split_first() else {
            return;
        };
        let at = content
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(content.len());
        let (header, payload) = content.split_at(at);
        let payload = payload.get(1..).unwrap_or_default();
        let signed = &self.signed[usize::from(*which) % self.signed.len()];
        let read: Members = serde_json::from_slice(header).unwrap_or_default();
        // With whatever algorithm the header asks for, if the key has it.
        let asked = word(&read, "alg").and_then(|name| Algorithm::named(&name));
        let asked = asked.filter(|asked| signed.key.fits(*asked));
        let algorithm = asked.unwrap_or(signed.algorithms[0]);
        let signing_input = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
        let token = signed.sign(algorithm, &signing_input);
        match self.keys.verify(&token, Algorithm::ALL) {
            Ok(verified) => {
                assert_eq!(verified.payload(), payload);
                assert_eq!(
                    Some(verified.algorithm()),
                    asked,
                    "not the one it was signed with"
                );
                for changes in ["crit", "b64", "jku", "jwk", "x5u"] {
                    assert!(!read.contains_key(changes), "{changes} was passed over");
                }
                assert!(str::from_utf8(header).is_ok(), "this is no JSON");
                assert_eq!(verified.key_id(), word(&read, "kid").as_deref());
                assert_eq!(verified.token_type(), word(&read, "typ").as_deref());
            }
            Err(error) => printable(&error),
        }
        if let Some(claims) = self.believed(&token) {
            says_so(&claims, payload);
        }
    }

    fn changed(&self, content: &[u8]) {
        let [which, at, changes @ ..] = content else {
            return;
        };
        let signed = &self.signed[usize::from(*which) % self.signed.len()];
        let mut token = signed.token.clone().into_bytes();
        let start = usize::from(*at) * token.len() / 256;
        let end = (start + changes.len()).min(token.len());
        token.splice(start..end, changes.iter().copied());
        let Ok(token) = String::from_utf8(token) else {
            return;
        };
        if token != signed.token {
            assert!(self.believed(&token).is_none(), "changed, and believed");
            assert!(
                self.keys.verify(&token, Algorithm::ALL).is_err(),
                "changed, and verified"
            );
        }
    }

    fn believed(&self, token: &str) -> Option<VerifiedClaims> {
        let verification = Verification::new(Algorithm::ALL, ISSUER, "me");
        match verification.verify(token, &self.keys, NumericDate::from_unix_seconds(NOW)) {
            Ok(claims) => {
                assert!(!format!("{claims:?}").is_empty());
                Some(claims)
            }
            Err(error) => {
                printable(&error);
                None
            }
        }
    }
}

impl Signed {
    fn new(key: SigningKey) -> Self {
        let algorithms: Vec<_> = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| key.fits(*algorithm))
            .collect();
        let header = key.header(algorithms[0]).expect("it fits");
        let token = key
            .sign(&header, CLAIMS.as_bytes())
            .expect("it signs")
            .into_exposed();
        Self {
            key,
            algorithms,
            token,
        }
    }

    fn sign(&self, algorithm: Algorithm, input: &str) -> String {
        let signature = self
            .key
            .sign_bytes(algorithm, input.as_bytes())
            .expect("it signs");
        format!("{input}.{}", BASE64.encode(signature))
    }
}

/// What was believed, read again in the plainest way.
fn says_so(claims: &VerifiedClaims, payload: &[u8]) {
    let read: Value = serde_json::from_slice(payload).expect("claims are JSON");
    assert_eq!(read["iss"], ISSUER);
    assert_eq!(claims.issuer(), Some(ISSUER));
    let audiences = read["aud"].as_array().cloned();
    let audiences = audiences.unwrap_or_else(|| vec![read["aud"].clone()]);
    assert!(audiences.contains(&"me".into()), "for somebody else");
    assert!(
        read["azp"].is_null() || read["azp"] == "me",
        "given to somebody else"
    );
    assert!(audiences.len() == 1 || read["azp"] == "me", "given to nobody");
    let seconds = |name: &str| read[name].as_f64();
    let (now, skew) = (NOW as f64, SKEW as f64);
    assert!(seconds("exp").expect("it ends") + skew >= now, "it has ended");
    for start in ["nbf", "iat"] {
        // A fraction is rounded down.
        assert!(
            seconds(start).is_none_or(|start| start.floor() <= now + skew),
            "{start} is to come"
        );
    }
    assert_eq!(claims.subject(), read["sub"].as_str());
}

fn signs_in_one_way(algorithm: Algorithm) -> bool {
    !["ES", "PS"]
        .iter()
        .any(|random| algorithm.name().starts_with(random))
}

/// A header, of which the values that nobody asks for are not looked at.
type Members = BTreeMap<String, Box<RawValue>>;

fn word(members: &Members, name: &str) -> Option<String> {
    serde_json::from_str(members.get(name)?.get()).ok()
}

/// All before the last dot.
fn input(token: &str) -> &str {
    token.rsplit_once('.').map_or("", |(input, _)| input)
}

fn header_of(token: &str) -> Value {
    let header = token.split('.').next().unwrap_or_default();
    let header = BASE64.decode(header).expect("what verified has a header");
    serde_json::from_slice(&header).expect("what verified has a header in JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}

fn printable(error: &Error) {
    assert!(!format!("{error} {error:?}").is_empty());
}
