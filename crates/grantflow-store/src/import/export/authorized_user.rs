//! A record as the object that google-auth's `Credentials.from_authorized_user_info()` reads.

use grantflow_core::Record;
use serde_json::{Map, Value};

use super::{client_secret, lacks, must_be_bearer, seconds, text};
use crate::import::Problem;
use crate::import::authorized_user::GOOGLES_UNIVERSE;
use crate::import::kept::{GOOGLE_AUTH, Kept};
use crate::import::members::Members;

pub(super) fn object(record: &Record) -> Result<Value, Problem> {
    must_be_bearer(record)?;
    let token = record.token();
    // google-auth asks Google whatever the file says: it would send another server's refresh token there.
    let issuer = record.client().issuer();
    if issuer.is_none_or(|issuer| issuer.as_str() != "https://accounts.google.com") {
        return Err(lacks(record, "a client of Google"));
    }
    let refresh_token = token.refresh_token.as_ref();
    let refresh_token = refresh_token.ok_or_else(|| lacks(record, "a refresh token"))?;
    let (kept, current) = Kept::of(token, GOOGLE_AUTH).unwrap_or_default();
    let mut object = if kept.members.is_empty() {
        blank(record)
    } else {
        kept.members.clone()
    };
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("client_id", record.client().id().into());
    put("client_secret", client_secret(record)?);
    put("refresh_token", refresh_token.expose().into());
    if !token.access_token.is_empty() {
        put("token", text(Some(&token.access_token)));
        if let Some(end) = token.expires_at.filter(|_| !current) {
            put("expiry", seconds(end).into());
        }
    }
    // A token without a time counts as ended there; what was imported without one stays so.
    if current && let Ok(Some(end)) = Members(&kept.members).time("expiry") {
        put("expiry", seconds(end).into());
    }
    Ok(Value::Object(object))
}

fn blank(record: &Record) -> Map<String, Value> {
    let members = [
        ("type", Value::from("authorized_user")),
        ("token_uri", record.client().token_endpoint().as_str().into()),
        ("scopes", record.key().scopes().iter().collect()),
        ("universe_domain", GOOGLES_UNIVERSE.into()),
        ("account", record.key().account().into()),
    ];
    members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}
