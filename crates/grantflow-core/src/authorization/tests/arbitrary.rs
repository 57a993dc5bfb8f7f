//! What holds for every address, whoever asks for it: a million draws, and arbitrary clients, scopes and parameters.

use std::time::Duration;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{at, parameters};
use crate::{AuthorizationRequest, Client, Endpoint, Error, Issuer, Quirks};

/// The system's own source, so that what is lost of its randomness on the way shows: with less than 40 bits left, two of a
/// million are the same.
#[cfg(feature = "native")]
#[test]
fn t02_of_a_million_states_and_verifiers_no_two_are_the_same() {
    use super::super::request::Drawn;
    use crate::{Cx, native};

    const DRAWS: usize = 500_000;
    let mut fill = |bytes: &mut [u8]| native::fill(bytes);
    let mut cx = Cx::new(native::now(), &mut fill);
    let mut drawn: Vec<[u8; 43]> = Vec::with_capacity(2 * DRAWS);
    for _ in 0..DRAWS {
        let Drawn { state, verifier, .. } = Drawn::new(false, &mut cx).unwrap();
        for value in [&state, verifier.secret()] {
            // Its length too: a value of another is no array of this one.
            drawn.push(value.expose().as_bytes().try_into().unwrap());
        }
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 2 * DRAWS);
}

/// Text of any kind, with what has a meaning in addresses among it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z=&%#?+ ]{0,12}",
        Just("plain".to_owned()),
        Just("x&code_challenge_method=plain&code_challenge=".to_owned()),
        Just("%26code_challenge_method%3Dplain".to_owned()),
    ]
}

/// Names of parameters: mostly ones that may be set, those of the flow and their disguises among them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => "[a-z=&%]{1,12}",
        4 => text(),
        1 => Just("code_challenge_method".to_owned()),
        1 => Just("code_challenge".to_owned()),
        1 => Just("code%5fchallenge_method".to_owned()),
        1 => Just("CODE_CHALLENGE_METHOD".to_owned()),
        1 => Just(" code_challenge_method".to_owned()),
    ]
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((name(), text()), 0..3)
}

#[derive(Clone, Debug)]
struct Asked {
    id: String,
    /// 0 is a public client.
    authentication: u8,
    endpoint_query: String,
    comma_scopes: bool,
    with_issuer: bool,
    presets: Vec<(String, String)>,
    scopes: String,
    parameters: Vec<(String, String)>,
    resource: String,
    hint: String,
    lifetime: u64,
}

fn asked() -> impl Strategy<Value = Asked> {
    let client = (text(), 0_u8..3, query(), any::<(bool, bool)>(), pairs());
    let request = ("[a-z:/. ]{0,30}", pairs(), text(), text(), any::<u64>());
    (client, request).prop_map(|(client, request)| {
        let (id, authentication, endpoint_query, (comma_scopes, with_issuer), presets) = client;
        let (scopes, parameters, resource, hint, lifetime) = request;
        Asked {
            id,
            authentication,
            endpoint_query,
            comma_scopes,
            with_issuer,
            presets,
            scopes,
            parameters,
            resource,
            hint,
            lifetime,
        }
    })
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        4 => "\\?[a-z0-9=&+_]{0,30}",
        1 => Just("?code_challenge_method=plain".to_owned()),
        1 => Just("?code%5Fchallenge_method=plain".to_owned()),
        1 => Just("?a=code_challenge_method%3Dplain".to_owned()),
    ]
}

impl Asked {
    fn client(&self) -> Client {
        let endpoint = format!("https://as.example/authorize{}", self.endpoint_query);
        let endpoint = Endpoint::new(endpoint)
            .unwrap_or_else(|_| Endpoint::new("https://as.example/authorize").unwrap());
        let quirks = Quirks {
            comma_scopes: self.comma_scopes,
            ..Quirks::default()
        };
        let mut client = Client::new(
            self.id.clone(),
            Endpoint::new("https://as.example/token").unwrap(),
        )
        .with_authorization_endpoint(endpoint)
        .with_quirks(quirks);
        if self.with_issuer {
            client = client.with_issuer(Issuer::new("https://as.example").unwrap());
        }
        client = match self.authentication {
            0 => client,
            1 => client.with_secret_basic("s3cr3t"),
            _ => client.with_secret_post("s3cr3t"),
        };
        for (name, value) in &self.presets {
            client = client.with_parameter(name.clone(), value.clone());
        }
        client
    }

    fn request<'a>(&'a self, client: &'a Client) -> Result<AuthorizationRequest<'a>, Error> {
        let mut request = AuthorizationRequest::new(client, "http://127.0.0.1:8080/callback")
            .scopes(self.scopes.as_str())?
            .resource(self.resource.clone())
            .login_hint(self.hint.clone())
            .lifetime(Duration::from_secs(self.lifetime));
        for (name, value) in &self.parameters {
            request = request.parameter(name.clone(), value.clone())?;
        }
        Ok(request)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t05_whatever_is_asked_the_challenge_is_s256_and_there_is_one(asked in asked()) {
        let client = asked.client();
        // What is refused has no address.
        if let Ok(request) = asked.request(&client)
            && let Ok((url, pending)) = at(0, |cx| request.start(cx))
        {
            let parameters = parameters(url.as_str());
            let values = |name: &str| -> Vec<&str> {
                let named = parameters.iter().filter(|(known, _)| known == name);
                named.map(|(_, value)| value.as_str()).collect()
            };
            prop_assert_eq!(values("code_challenge_method"), ["S256"]);
            let challenges = values("code_challenge");
            prop_assert_eq!(challenges.len(), 1);
            prop_assert_eq!(challenges[0].len(), 43);
            let verifier = pending.verifier.secret().expose();
            let hash = Sha256::digest(verifier);
            let base64url = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, hash);
            prop_assert_eq!(challenges[0], base64url);
            // Nor is there anything that a server could take for the other method, however it decodes.
            let raw = url.as_str();
            let plain = ["?", "&"].map(|before| format!("{before}code_challenge_method=plain"));
            prop_assert!(!plain.iter().any(|plain| raw.contains(plain)), "{}", raw);
            prop_assert!(!raw.contains(verifier), "{}", raw);
            prop_assert!(!raw.contains('#'), "{}", raw);
        }
    }
}

/// The property is of something: most of what is generated has an address.
#[test]
fn t05_of_what_is_asked_much_has_an_address() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let started = (0..256)
        .filter(|_| {
            let asked = asked().new_tree(&mut runner).unwrap().current();
            let client = asked.client();
            let request = asked.request(&client);
            request.is_ok_and(|request| at(0, |cx| request.start(cx)).is_ok())
        })
        .count();
    assert!(started > 40, "{started} of 256");
}
