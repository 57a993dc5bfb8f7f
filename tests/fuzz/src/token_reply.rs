//! F1 of the table of threats: the replies of token endpoints.
//!
//! ```text
//! 1 byte   status, type and quirks     what is granted stands in the reply, as another reader of JSON finds it;
//! the rest the body                    written and read once more it is the same; no error shows a secret
//! ```

use std::time::Duration;

use grantflow_core::{
    Client, Key, Provenance, Quirks, Record, Scopes, Secret, Timestamp, Token, TokenRequest, TokenType,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::world::{self, BEGIN, reply, with};

const STATUSES: [u16; 4] = [200, 201, 400, 503];
const TYPES: [&str; 4] = [
    "application/json",
    "application/json; charset=utf-8",
    "text/html",
    "application/x-www-form-urlencoded",
];
/// What a text that no error may show begins with.
const MARK: &str = "SECRET";

/// Reads a reply to a refresh.
///
/// # Panics
///
/// If a promise is broken.
pub fn token_reply(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let choice = usize::from(*choice);
    let (status, media_type) = (STATUSES[choice & 3], TYPES[choice >> 2 & 3]);
    let client = client(choice >> 4);
    let has_quirks = *client.quirks() != Quirks::default();
    let request = TokenRequest::refresh(&client, Secret::new("RT"));
    let reply = reply(status, media_type, body);
    match with(|cx| request.parse(&reply, cx)) {
        Ok(token) => {
            assert!(status < 300, "a refusal grants something");
            assert!(token.header().is_ok(), "it fits in no header");
            if !has_quirks {
                assert!(
                    media_type.starts_with("application/json"),
                    "it is not labelled as JSON"
                );
                world::has_each_once(body);
                stands_in(&token, body);
                is_read_again(&token, &request);
            }
            is_kept(&token, client);
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            let code = members(body).and_then(|members| members["error"].as_str().map(str::to_owned));
            if !code.is_some_and(|code| code.contains(MARK)) {
                assert!(
                    !shown.contains(MARK) || has_quirks,
                    "an error shows a secret: {shown}"
                );
            }
        }
    }
}

fn client(choice: usize) -> Client {
    let mut quirks = Quirks::default();
    match choice & 3 {
        1 => quirks.form_token_replies = true,
        2 => {
            quirks.any_media_type = true;
            quirks.reply_object = Some("data".into());
            quirks
                .reply_members
                .insert("access_token".into(), "accessToken".into());
        }
        3 => {
            quirks.zero_lifetime_is_endless = true;
            quirks.lifetime_seconds = Some(60);
        }
        _ => {}
    }
    world::client().with_quirks(quirks)
}

/// The members, as serde_json reads them; of a repeated one it takes the last.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    let mut members: Map<String, Value> = serde_json::from_slice(without_mark(body)).ok()?;
    members.entry("error").or_insert(Value::Null);
    Some(members)
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

fn stands_in(token: &Token, body: &[u8]) {
    // The other reader wants every number and every half of a character in other members to be sound, too.
    let Some(members) = members(body) else {
        let whole: &RawValue = serde_json::from_slice(without_mark(body)).expect("JSON");
        assert!(whole.get().starts_with('{'));
        return;
    };
    let text = |name: &str| {
        members
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    assert_eq!(text("access_token"), Some(token.access_token.expose()));
    assert_eq!(
        text("refresh_token"),
        token.refresh_token.as_ref().map(Secret::expose)
    );
    assert_eq!(text("id_token"), token.id_token.as_ref().map(Secret::expose));
    let lifetime = members.get("expires_in").filter(|value| !value.is_null());
    assert_eq!(lifetime.is_some(), token.expires_at.is_some());
    if let (Some(seconds), Some(end)) = (lifetime.and_then(Value::as_u64), token.expires_at) {
        let longest = 10 * 365 * 86_400;
        let expected = token.issued_at.plus(Duration::from_secs(seconds.min(longest)));
        assert_eq!(end, expected);
    }
    if let Some(end) = token.expires_at {
        assert!(end >= token.issued_at, "it ended before it was issued");
    }
}

/// What was read, as the plainest server would write it.
fn is_read_again(token: &Token, request: &TokenRequest) {
    let mut plain = Map::new();
    plain.insert("access_token".into(), json!(token.access_token.expose()));
    plain.insert("token_type".into(), json!(token.token_type.as_str()));
    if let Some(end) = token.expires_at {
        let seconds = (end.unix_millis() - token.issued_at.unix_millis()) as f64 / 1000.0;
        plain.insert("expires_in".into(), json!(seconds));
    }
    if let Some(refresh_token) = &token.refresh_token {
        plain.insert("refresh_token".into(), json!(refresh_token.expose()));
    }
    if let Some(id_token) = &token.id_token {
        plain.insert("id_token".into(), json!(id_token.expose()));
    }
    if let Some(scopes) = &token.scopes {
        plain.insert("scope".into(), json!(scopes.to_string()));
    }
    for name in token.extras.names() {
        // Read as scopes where they are named so.
        if name != "scopes"
            && let Some(value) = token.extras.get::<Value>(&name)
        {
            plain.insert(name, value);
        }
    }
    let body = Value::Object(plain).to_string();
    let again = with(|cx| request.parse(&reply(200, TYPES[0], body.as_bytes()), cx));
    let again = again.expect("what was read can be read");
    assert_eq!(parts(token), parts(&again));
    assert_eq!(token.expires_at, again.expires_at);
}

/// All but the times, and of what else came the names of those that another reader takes.
fn parts(token: &Token) -> ([Option<String>; 3], TokenType, Option<Scopes>, Vec<String>) {
    let secrets = [
        Some(&token.access_token),
        token.refresh_token.as_ref(),
        token.id_token.as_ref(),
    ];
    let mut extras = token.extras.names();
    let is_taken = |name: &str| {
        token
            .extras
            .get::<Value>(name)
            .is_some_and(|value| !value.is_null())
    };
    extras.retain(|name| name != "scopes" && is_taken(name));
    extras.sort();
    let texts = secrets.map(|secret| secret.map(|secret| secret.expose().to_owned()));
    (texts, token.token_type, token.scopes.clone(), extras)
}

/// A record holds all of it.
fn is_kept(token: &Token, client: Client) {
    let key = Key::new(&client, Scopes::default());
    let provenance = Provenance::new("fuzz", Timestamp::from_unix_seconds(BEGIN));
    let json = Record::new(key, client, token.clone(), provenance).expose_json();
    let read = Record::from_json(json.expose()).expect("what was written is a record");
    assert_eq!(parts(read.token()), parts(token));
    assert_eq!(read.token().expires_at, token.expires_at);
}
