//! The written form of a record, held by golden files.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::{Provenance, Record};
use crate::extras::Extras;
use crate::{
    Client, Endpoint, Issuer, Key, LifetimeUnit, Origin, Quirks, Scopes, Secret, StoreErrorKind, Timestamp,
    Token,
};

const FULL: &str = include_str!("../../tests/vectors/record-v1-full.json");
const QUIRKS: &str = include_str!("../../tests/vectors/record-v1-quirks.json");
/// The member `token_key` came later: versions that do not know it keep it.
const BOUND: &str = include_str!("../../tests/vectors/record-v1-bound.json");
const MINIMAL: &str = include_str!("../../tests/vectors/record-v1-minimal.json");

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn full() -> Record {
    let endpoint = |path: &str| Endpoint::new(format!("https://as.example{path}")).unwrap();
    let quirks = Quirks {
        raw_basic: true,
        comma_scopes: true,
        refresh_grace_seconds: Some(10),
        ..Quirks::default()
    };
    let client = Client::new("cid", endpoint("/token?tenant=1"))
        .with_secret_basic("s3cr%t:+ /&=~\"\\\u{a3}")
        .with_issuer(Issuer::new("https://as.example").unwrap())
        .with_revocation_endpoint(endpoint("/revoke"))
        .with_introspection_endpoint(endpoint("/introspect"))
        .with_origins([Origin::new("https://*.api.example").unwrap()])
        .with_quirks(quirks);
    let key = Key::new(&client, Scopes::parse("openid email").unwrap())
        .with_account("ann@example.com")
        .with_resource("https://api.example")
        .with_subject("bob")
        .with_user_agent("ua/1.0")
        .with_label("work");
    let mut token = Token::bearer("AT", time("2026-11-23T05:00:00Z"));
    token.refresh_token = Some(Secret::new("RT"));
    token.expires_at = Some(time("2026-11-23T06:00:00.5Z"));
    token.scopes = Some(Scopes::parse("email").unwrap());
    token.id_token = Some(Secret::new("h.p.s"));
    let members = serde_json::from_str(r#"{"instance_url":"https://x.example","n":[1,2.5,null]}"#).unwrap();
    token.extras = Extras::from_map(&members);
    let mut record = Record::new(
        key,
        client,
        token,
        Provenance::new("authorization_code", time("2026-11-23T04:59:59Z")),
    )
    .with_origins([Origin::new("http://127.0.0.1:8080").unwrap()]);
    record.generation = 7;
    record.refresh.attempt_started_at = Some(time("2026-11-23T05:30:00Z"));
    record.refresh.retry_at = Some(time("2026-11-23T05:31:00Z"));
    record.refresh.refused = Some("invalid_grant".to_owned());
    record.refresh.revoked_at = Some(time("2026-11-23T05:32:00Z"));
    record
}

fn minimal() -> Record {
    let client = Client::new("cid", Endpoint::new("https://as.example/token").unwrap());
    let key = Key::new(&client, Scopes::none());
    Record::new(
        key,
        client,
        Token::bearer("AT", Timestamp::default()),
        Provenance::new("import", Timestamp::default()),
    )
}

/// Every quirk, and what else a provider's client keeps.
fn quirky() -> Record {
    let map = |name: &str, other: &str| [(name.to_owned(), other.to_owned())].into();
    // Without `..`, so that a new one is written down here too.
    let quirks = Quirks {
        raw_basic: true,
        client_id_beside_basic: true,
        bearer_secret: true,
        basic_without_secret: true,
        json_requests: true,
        renamed_parameters: map("client_id", "appid"),
        no_redirect_uri_in_exchange: true,
        scopes_on_refresh: true,
        exchange_parameters: map("type", "web_server"),
        refresh_parameters: map("type", "refresh"),
        token_request_headers: map("user-agent", "app/1"),
        without_pkce: true,
        code_is_encoded_twice: true,
        form_token_replies: true,
        any_media_type: true,
        any_token_type_is_bearer: true,
        reply_object: Some("data".to_owned()),
        reply_members: map("access_token", "token"),
        lifetime_unit: LifetimeUnit::Minutes,
        lifetime_seconds: Some(3600),
        zero_lifetime_is_endless: true,
        error_code: Some("errors.0.errorType".to_owned()),
        error_codes: map("bad", "invalid_grant"),
        refresh_grace_seconds: Some(10),
        comma_scopes: true,
        no_response_type: true,
        form_post: true,
        code_parameter: Some("auth_code".to_owned()),
        kept_callback_parameters: vec!["realmId".to_owned()],
        token_header: Some("x-api-token".to_owned()),
        refused_statuses: vec![403],
    };
    let client = minimal().client().clone().with_quirks(quirks);
    minimal().with_client(client.with_refresh_endpoint(Endpoint::new("https://as.example/refresh").unwrap()))
}

fn bound() -> Record {
    let mut record = minimal();
    let grant = std::sync::Arc::make_mut(&mut record.grant);
    grant.token.token_type = crate::TokenType::Dpop;
    grant.token_key = Some(Secret::new("ES256:AAAA"));
    record
}

fn pretty(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap())
}

#[test]
fn r37_a_record_is_written_as_in_the_first_version() {
    assert_eq!(pretty(full().expose_json().expose()), FULL);
    assert_eq!(pretty(minimal().expose_json().expose()), MINIMAL);
    assert_eq!(pretty(quirky().expose_json().expose()), QUIRKS);
    assert_eq!(pretty(bound().expose_json().expose()), BOUND);
}

#[test]
fn r37_a_record_of_the_first_version_reads_back_whole() {
    for golden in [FULL, MINIMAL, QUIRKS, BOUND] {
        assert_eq!(
            pretty(Record::from_json(golden).unwrap().expose_json().expose()),
            golden
        );
    }
    let record = Record::from_json(FULL).unwrap();
    assert_eq!(record.key(), full().key());
    assert_eq!(record.token().access_token.expose(), "AT");
    assert_eq!(
        record.token().extras.get::<String>("instance_url").as_deref(),
        Some("https://x.example")
    );
    assert_eq!(
        record.client().authentication().secret().unwrap().expose(),
        "s3cr%t:+ /&=~\"\\\u{a3}"
    );
    assert_eq!(record.refresh_state(), full().refresh_state());
}

#[test]
fn r37_members_of_a_newer_minor_version_are_written_back() {
    let newer = MINIMAL.replacen('{', "{ \"future\": {\"a\": [1]}, ", 1);
    let written = Record::from_json(&newer).unwrap().expose_json();
    let value: serde_json::Value = serde_json::from_str(written.expose()).unwrap();
    assert_eq!(value["future"]["a"][0], 1);
}

#[test]
fn r08_what_is_no_record_is_corrupt_and_a_newer_version_says_so() {
    let kind = |json: &str| Record::from_json(json).unwrap_err().kind();
    let newer = MINIMAL.replace("\"grantflow\": 1", "\"grantflow\": 2");
    assert_eq!(kind(&newer), StoreErrorKind::Newer);
    assert_eq!(
        kind(r#"{"grantflow": 2, "all": "different"}"#),
        StoreErrorKind::Newer
    );
    assert_eq!(
        kind(&MINIMAL.replace("\"grantflow\": 1", "\"grantflow\": 0")),
        StoreErrorKind::Corrupt
    );
    for bad in [
        "",
        "{}",
        "[]",
        "null",
        "{\"grantflow\":1}",
        &MINIMAL[..MINIMAL.len() / 2],
    ] {
        assert_eq!(kind(bad), StoreErrorKind::Corrupt, "{bad}");
    }
    let bad_time = MINIMAL.replacen("1970-01-01T00:00:00Z", "yesterday", 1);
    assert_eq!(kind(&bad_time), StoreErrorKind::Corrupt);
}

#[test]
fn t59_no_debug_of_a_record_shows_a_secret() {
    let text = format!("{:?} {:#?}", full(), full());
    for secret in ["AT", "RT", "h.p.s", "s3cr", "x.example"] {
        assert!(
            !text.contains(&format!("\"{secret}")) && !text.contains(&format!("{secret}\"")),
            "{secret} in {text}"
        );
    }
}

#[test]
fn a_method_of_authentication_that_only_the_application_knows_is_kept_by_name() {
    let golden = MINIMAL.replace(
        "\"authentication\": \"none\"",
        "\"authentication\": \"private_key_jwt\"",
    );
    let record = Record::from_json(&golden).unwrap();
    assert_eq!(record.client().authentication().method(), "private_key_jwt");
    assert_eq!(pretty(record.expose_json().expose()), golden);
}

#[test]
fn a_refresh_counts_up_and_clears_what_was_known_of_the_old_token() {
    let old = full();
    let mut token = Token::bearer("AT2", Timestamp::default().plus(Duration::from_secs(1)));
    token.expires_at = None;
    let new = old.refreshed(token);
    assert_eq!(
        (new.generation(), new.refresh_state()),
        (8, &super::RefreshState::default())
    );
    assert_eq!(new.token().refresh_token.as_ref().unwrap().expose(), "RT");
    assert_eq!(new.token().extras.names(), old.token().extras.names());
}

#[test]
fn t68_keys_that_differ_have_different_digests() {
    let client = |id: &str| Client::new(id, Endpoint::new("https://as.example/t").unwrap());
    let key = |id: &str, scopes: &str| Key::new(&client(id), Scopes::parse(scopes).unwrap());
    let base = key("a|b", "c");
    let others = [
        key("a", "b|c"),
        key("a|b", "c d"),
        key("a|b", ""),
        base.clone().with_account("x"),
        base.clone().with_resource("x"),
        base.clone().with_subject("x"),
        base.clone().with_user_agent("x"),
        base.clone().with_label("x"),
    ];
    let mut digests: Vec<String> = others.iter().chain([&base]).map(Key::digest).collect();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), others.len() + 1);
    assert_eq!(key("a", "x y").digest(), key("a", "y x").digest());
    assert_eq!(base.digest().len(), 64);
}
