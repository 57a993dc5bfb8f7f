//! A user's grant as `gcloud` and `google-auth` keep it: application default credentials, and `Credentials.to_json()`.

use grantflow_core::{Record, Timestamp};
use serde_json::{Map, Value};

use super::NotTaken;
use super::classes::{self, Class};
use super::grant::{End, Grant};
use super::kept::{GOOGLE_AUTH, Kept};
use super::members::Members;

/// Members that have a place of their own in a record.
pub(super) const SECRETS: [&str; 3] = ["token", "refresh_token", "client_secret"];

/// What google-auth takes where a file says nothing.
pub(super) const GOOGLES_UNIVERSE: &str = "googleapis.com";

/// The type that the object names, as it may be shown.
pub(super) fn shown_type(members: Members<'_>) -> String {
    let name = members.get("type").and_then(Value::as_str);
    classes::shown(name.unwrap_or("authorized_user"))
}

/// Reads the credential.
pub(super) fn record(object: &Map<String, Value>, now: Timestamp) -> Result<Record, NotTaken> {
    let members = Members(object);
    if let Some(name) = members.text("type")? {
        match classes::google_type(name).ok_or(NotTaken::UnknownClass)? {
            Class::Not(why) => return Err(why),
            Class::User | Class::AccessToken => {}
        }
    }
    let token_endpoint = members.endpoint("token_uri")?;
    let universe = members.text("universe_domain")?.unwrap_or(GOOGLES_UNIVERSE);
    // Another cloud than Google's public one has a token endpoint that is not known here.
    if token_endpoint.is_none() && universe != GOOGLES_UNIVERSE {
        return Err(NotTaken::Missing("token_uri"));
    }
    Grant {
        client_id: members.required("client_id")?.to_owned(),
        client_secret: members.secret("client_secret")?,
        token_endpoint,
        revocation_endpoint: None,
        access_token: members.secret("token")?,
        refresh_token: Some(members.required("refresh_token")?.into()),
        // A token without a time counts as ended, as google-auth has it.
        end: members.time("expiry")?.map_or(End::Over, End::At),
        lifetime: None,
        id_token: None,
        requested: members.scopes("scopes")?.unwrap_or_default(),
        granted: None,
        account: members.text("account")?.unwrap_or_default().to_owned(),
        user_agent: String::new(),
        label: String::new(),
        kept: Kept::new(GOOGLE_AUTH, object, &SECRETS),
        extras: Vec::new(),
    }
    .into_record(now)
}
