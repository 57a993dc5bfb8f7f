//! One call of an API by another client: what goes on its request when the record changes meanwhile, and what each reply means.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantflow_core::blocking::{ApiCall, Credentials};
use grantflow_core::{
    CertificateThumbprint, Client, Cx, Error, Heard, Origin, Proven, Quirks, Record, Secret, Store as _,
    StoreExt as _, TokenConstraint, TokenType,
};
use grantflow_store::MemoryStore;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::world::{World, client, key, request, store};

/// Proves with a number, and is asked for another proof by any 401 that says so.
#[derive(Debug, Default)]
struct Numbered(AtomicUsize);

impl TokenConstraint for Numbered {
    fn prove(&self, to: &Proven<'_>, _: &mut Cx<'_>) -> Result<Option<HeaderValue>, Error> {
        assert!(to.access_token.is_some() || to.uri.path() == "/token");
        Ok(Some(self.0.fetch_add(1, Ordering::SeqCst).into()))
    }
    fn heard(&self, _: &Proven<'_>, status: StatusCode, headers: &HeaderMap, _: Option<&str>) -> bool {
        status == StatusCode::UNAUTHORIZED && headers.contains_key("dpop-nonce")
    }
    fn thumbprint(&self) -> Option<&str> {
        None
    }
    fn takes(&self, _: TokenType) -> bool {
        true
    }
    fn stored(&self) -> Option<Secret> {
        None
    }
    fn with_stored(&self, _: &Secret) -> Result<Arc<dyn TokenConstraint>, Error> {
        Ok(Arc::new(Self::default()))
    }
}

/// The store with a token of this type, of a client of these origins and quirks.
fn changed(store: &MemoryStore, token_type: TokenType, change: impl FnOnce(Client) -> Client) {
    let record = store.read(&key()).unwrap().unwrap();
    let mut token = record.token().clone();
    token.token_type = token_type;
    token.access_token = Secret::new(format!("{}+", token.access_token.expose()));
    let client = change(record.client().clone());
    store
        .put(record.refreshed(token).with_client(client), Duration::ZERO)
        .unwrap();
}

fn begin(credentials: &Credentials) -> ApiCall {
    let request = request();
    credentials.api_call(request.method(), request.uri()).unwrap()
}

/// What the call puts on a request, token and proof.
fn puts(call: &ApiCall) -> (String, bool) {
    let mut headers = HeaderMap::new();
    call.put_on(&mut headers).unwrap();
    let token = headers[call.header_name()].to_str().unwrap().to_owned();
    (token, headers.contains_key("dpop"))
}

fn unauthorized(nonce: bool) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    if nonce {
        headers.insert("dpop-nonce", HeaderValue::from_static("n"));
    }
    (StatusCode::UNAUTHORIZED, headers)
}

fn hears(call: &mut ApiCall, (status, headers): (StatusCode, HeaderMap)) -> Heard {
    call.heard(status, &headers)
}

#[test]
fn a_call_has_one_token_whatever_is_published_meanwhile() {
    let store = store(3600);
    changed(&store, TokenType::Dpop, |client| client);
    let constrained = client().with_token_constraint(Arc::new(Numbered::default()));
    let credentials = Credentials::new(key(), store.clone(), World::default()).with_client(constrained);
    let call = begin(&credentials);
    changed(&store, TokenType::Bearer, |client| {
        let mut quirks = Quirks::default();
        quirks.token_header = Some("x-token".to_owned());
        client.with_quirks(quirks)
    });
    credentials.refresh().unwrap();
    assert!(call.needs_proof());
    assert_eq!(puts(&call), ("DPoP AT1+".to_owned(), true));
    assert_eq!(call.header_name(), "authorization");
    let next = begin(&credentials);
    assert!(!next.needs_proof());
    assert_eq!(next.header_name(), "x-token");
    assert!(!puts(&next).1);
}

#[test]
fn another_proof_is_made_once_for_each_token_and_another_token_got_once() {
    let store = store(3600);
    changed(&store, TokenType::Dpop, |client| client);
    let constrained = client().with_token_constraint(Arc::new(Numbered::default()));
    let world = World::default();
    let credentials = Credentials::new(key(), store, world.clone()).with_client(constrained);
    let mut call = begin(&credentials);
    assert_eq!(hears(&mut call, unauthorized(true)), Heard::Again);
    assert_eq!(hears(&mut call, unauthorized(true)), Heard::Refused);
    assert!(call.renew().unwrap());
    assert_eq!(puts(&call), ("Bearer AT2".to_owned(), false));
    assert_eq!(hears(&mut call, unauthorized(false)), Heard::Done);
    assert_eq!(world.refreshes(), 1);
    let ok = (StatusCode::OK, HeaderMap::new());
    assert_eq!(hears(&mut begin(&credentials), ok), Heard::Done);
}

/// Whoever asks again all the same does not ask for ever.
#[test]
fn r25_a_call_whose_token_could_not_be_renewed_is_done() {
    let world = World::default();
    let credentials = Credentials::new(key(), store(3600), world.clone());
    let mut call = begin(&credentials);
    assert_eq!(hears(&mut call, unauthorized(false)), Heard::Refused);
    assert!(call.renew().unwrap());
    // The token that was got for a 401 is refused too: refreshing again is of no use.
    let mut next = begin(&credentials);
    assert_eq!(hears(&mut next, unauthorized(false)), Heard::Refused);
    assert!(!next.renew().unwrap());
    assert_eq!(hears(&mut next, unauthorized(false)), Heard::Done);
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn t51_a_token_that_was_renewed_goes_only_where_its_own_record_allows() {
    let store = store(3600);
    let credentials = Credentials::new(key(), store.clone(), World::default());
    let mut call = begin(&credentials);
    let old = store.read(&key()).unwrap().unwrap();
    let mut token = old.token().clone();
    token.access_token = Secret::new("AT9");
    let elsewhere = client().with_origins([Origin::new("https://elsewhere.example").unwrap()]);
    let new = Record::new(key(), elsewhere, token, old.provenance().clone());
    store.delete(&key(), Duration::ZERO).unwrap();
    store.put(new, Duration::ZERO).unwrap();
    assert_eq!(hears(&mut call, unauthorized(false)), Heard::Refused);
    let refusal = call.renew();
    assert!(matches!(&refusal, Err(Error::OriginNotAllowed(_))), "{refusal:?}");
}

/// Nothing is said of the connections, and then they show nothing.
#[test]
fn t50_a_token_of_a_certificate_goes_over_connections_that_are_said_to_show_it() {
    let shown = CertificateThumbprint::of(b"a certificate");
    let store = store(3600);
    let bound = grantflow_core::CertificateBound::to(shown);
    let constrained = client().with_token_constraint(Arc::new(bound));
    let credentials = Credentials::new(key(), store, World::default()).with_client(constrained);
    let mut headers = HeaderMap::new();
    let call = begin(&credentials);
    assert!(matches!(call.put_on(&mut headers), Err(Error::InvalidInput(_))));
    assert!(headers.is_empty());
    let call = call.over_certificate(Some(shown));
    call.put_on(&mut headers).unwrap();
    assert_eq!(headers["authorization"], "Bearer AT1");
}
