//! A record as the object that `Credentials.new_from_json()` reads: all members of 4.1.3, nulls among them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::{Record, Secret, Token};
use serde_json::{Map, Value, json};

use super::{client_secret, lacks, must_be_bearer, seconds, text};
use crate::import::Problem;
use crate::import::kept::{Kept, OAUTH2CLIENT, of_the_server};
use crate::import::members::Members;
use crate::import::user::IN_THE_REPLY;

const MODULE: &str = "oauth2client.client";
const USER: &str = "OAuth2Credentials";
const ACCESS_TOKEN: &str = "AccessTokenCredentials";

/// Google's, which every credential of 4.1.3 has that names none.
const TOKEN_INFO_URI: &str = "https://oauth2.googleapis.com/tokeninfo";

/// A whole credential: as it was imported, but for what has changed since.
pub(super) fn object(record: &Record) -> Result<Value, Problem> {
    must_be_bearer(record)?;
    let token = record.token();
    let (kept, current) = Kept::of(token, OAUTH2CLIENT).unwrap_or_default();
    let class = Members(&kept.members).get("_class").and_then(Value::as_str);
    let mut object = match class {
        Some(ACCESS_TOKEN) => return access_token(record),
        Some(_) => kept.members.clone(),
        None => blank(record),
    };
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("_module", MODULE.into());
    put("access_token", text(Some(&token.access_token)));
    put("refresh_token", text(token.refresh_token.as_ref()));
    put("client_id", record.client().id().into());
    put("client_secret", client_secret(record)?);
    put("token_uri", record.client().token_endpoint().as_str().into());
    put("id_token_jwt", text(token.id_token.as_ref()));
    let end = if current {
        Members(&kept.members)
            .time("token_expiry")
            .unwrap_or(token.expires_at)
    } else {
        token.expires_at
    };
    put("token_expiry", end.map(seconds).into());
    put("token_response", reply(record, &kept, current));
    if !current {
        put("id_token", token.id_token.as_ref().map_or(Value::Null, claims));
    }
    let was_invalid = current && Members(&kept.members).flag("invalid").unwrap_or(false);
    put(
        "invalid",
        (was_invalid || record.refresh_state().refused.is_some()).into(),
    );
    if Members(&kept.members).get("scopes").is_none() {
        put("scopes", record.key().scopes().iter().collect());
    }
    Ok(Value::Object(object))
}

/// A credential that oauth2client cannot refresh.
pub(super) fn access_token(record: &Record) -> Result<Value, Problem> {
    must_be_bearer(record)?;
    let token = record.token();
    if token.access_token.is_empty() {
        return Err(lacks(record, "an access token"));
    }
    let user_agent = Some(record.key().user_agent()).filter(|text| !text.is_empty());
    Ok(json!({
        "_module": MODULE,
        "_class": ACCESS_TOKEN,
        "access_token": token.access_token.expose(),
        "token_expiry": token.expires_at.map(seconds),
        "user_agent": user_agent,
        "invalid": false,
        "client_id": null,
        "client_secret": null,
        "refresh_token": null,
        "token_uri": null,
        "revoke_uri": null,
        "id_token": null,
        "id_token_jwt": null,
        "token_response": null,
        "scopes": [],
        "token_info_uri": null,
    }))
}

/// The members of a record that was never imported.
fn blank(record: &Record) -> Map<String, Value> {
    let client = record.client();
    let user_agent = Some(record.key().user_agent()).filter(|text| !text.is_empty());
    let google = client
        .issuer()
        .is_some_and(|issuer| issuer.as_str() == "https://accounts.google.com");
    let members = [
        ("_class", json!(USER)),
        ("user_agent", json!(user_agent)),
        (
            "revoke_uri",
            json!(
                client
                    .revocation_endpoint()
                    .ok()
                    .map(|endpoint| endpoint.as_str())
            ),
        ),
        ("token_info_uri", json!(google.then_some(TOKEN_INFO_URI))),
    ];
    members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// The reply that brought the token, as far as it is known.
fn reply(record: &Record, kept: &Kept, current: bool) -> Value {
    let token = record.token();
    let extras = of_the_server(&token.extras);
    if current {
        let mut reply = match kept.members.get("token_response") {
            Some(Value::Object(reply)) => reply.clone(),
            other => return other.cloned().unwrap_or_default(),
        };
        for (name, member) in IN_THE_REPLY {
            if kept.tokens.iter().any(|kept| kept == name) {
                reply.insert(name.to_owned(), text(secret(token, member)));
            }
        }
        let extras = extras.into_iter().filter(|(name, _)| kept.extras.contains(name));
        reply.extend(extras);
        return Value::Object(reply);
    }
    if token.access_token.is_empty() {
        return Value::Null;
    }
    let mut reply = extras;
    let mut put = |name: &str, value: Value| reply.insert(name.to_owned(), value);
    put("access_token", token.access_token.expose().into());
    put("token_type", token.token_type.as_str().into());
    if let Some(end) = token.expires_at {
        put("expires_in", end.since(token.issued_at).as_secs().into());
    }
    if let Some(scopes) = &token.scopes {
        put("scope", scopes.to_string().into());
    }
    if let Some(id_token) = &token.id_token {
        put("id_token", id_token.expose().into());
    }
    Value::Object(reply)
}

fn secret<'a>(token: &'a Token, member: &str) -> Option<&'a Secret> {
    match member {
        "access_token" => Some(&token.access_token),
        "refresh_token" => token.refresh_token.as_ref(),
        _ => token.id_token.as_ref(),
    }
}

/// What an ID token claims, unverified, as oauth2client keeps it; null if it is none.
fn claims(id_token: &Secret) -> Value {
    let payload = id_token.expose().split('.').nth(1).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&payload).unwrap_or_default();
    if claims.is_object() { claims } else { Value::Null }
}
