//! A credential of `oauth2client`: the object that `Credentials.to_json()` writes, of every class in the table.

use grantflow_core::{Record, Scopes, Timestamp};
use serde_json::{Map, Value};

use super::NotTaken;
use super::classes::{self, Class};
use super::grant::{End, Grant, account};
use super::kept::{self, Kept, OAUTH2CLIENT};
use super::members::Members;

/// Members that have a place of their own in a record.
pub(super) const SECRETS: [&str; 4] = ["access_token", "refresh_token", "client_secret", "id_token_jwt"];

/// Members of a token's reply that have one, and the member of the credential that has the same.
pub(super) const IN_THE_REPLY: [(&str, &str); 3] = [
    ("access_token", "access_token"),
    ("refresh_token", "refresh_token"),
    ("id_token", "id_token_jwt"),
];

/// Members of a token's reply that the protocol knows; others are extras.
const OF_THE_PROTOCOL: [&str; 7] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "expires_in",
    "expires",
    "scope",
];

/// How a file that holds several credentials names one.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) label: String,
    pub(super) scopes: Option<Scopes>,
    pub(super) user_agent: Option<String>,
}

/// The class that the object names, as it may be shown.
pub(super) fn shown_class(members: Members<'_>) -> String {
    let name = members.get("_class").and_then(Value::as_str);
    name.map_or_else(String::new, classes::shown)
}

/// Reads one credential.
pub(super) fn record(object: &Map<String, Value>, place: Place, now: Timestamp) -> Result<Record, NotTaken> {
    let members = Members(object);
    let class = classes::class(members.required("_module")?, members.required("_class")?);
    let with_client = match class.ok_or(NotTaken::UnknownClass)? {
        Class::User => true,
        Class::AccessToken => false,
        Class::Not(why) => return Err(why),
    };
    let access_token = members.secret("access_token")?;
    // `AccessTokenCredentials` is never refreshed, whatever else its object has.
    let refresh_token = members.secret("refresh_token")?.filter(|_| with_client);
    let client_id = if with_client {
        members.required("client_id")?
    } else {
        members.text("client_id")?.unwrap_or_default()
    };
    if access_token.is_none() && refresh_token.is_none() {
        return Err(NotTaken::Missing(if with_client {
            "refresh_token"
        } else {
            "access_token"
        }));
    }
    let token_endpoint = members.endpoint("token_uri")?;
    let revocation_endpoint = members.endpoint("revoke_uri")?;
    // Google's is the library's own; an access token alone names no server, or only where it is revoked.
    if token_endpoint.is_none() && (with_client || revocation_endpoint.is_some()) {
        return Err(NotTaken::Missing("token_uri"));
    }
    let end = match members.time("token_expiry")? {
        _ if members.flag("invalid")? => End::Over,
        Some(end) => End::At(end),
        None => End::Unknown,
    };
    let none = Map::new();
    let inner = |name| Members(object.get(name).and_then(Value::as_object).unwrap_or(&none));
    let (reply, claims) = (inner("token_response"), inner("id_token"));
    let granted = reply.scopes("scope").ok().flatten();
    let own = members.scopes("scopes")?.filter(|scopes| !scopes.is_empty());
    let user_agent = members.text("user_agent")?.map(str::to_owned);
    let (kept, extras) = keep(object, reply);
    Grant {
        client_id: client_id.to_owned(),
        client_secret: members.secret("client_secret")?,
        token_endpoint,
        revocation_endpoint,
        access_token,
        refresh_token,
        end,
        lifetime: reply.seconds("expires_in"),
        id_token: members.secret("id_token_jwt")?,
        requested: place
            .scopes
            .or(own)
            .or_else(|| granted.clone())
            .unwrap_or_default(),
        granted,
        account: account(claims),
        user_agent: place.user_agent.or(user_agent).unwrap_or_default(),
        label: place.label,
        kept,
        extras,
    }
    .into_record(now)
}

/// What the record has no place for, and what of the reply are extras of their own.
fn keep(object: &Map<String, Value>, reply: Members<'_>) -> (Kept, Vec<(String, Value)>) {
    let mut kept = Kept::new(OAUTH2CLIENT, object, &SECRETS);
    let mut extras = Vec::new();
    if let Some(Value::Object(of_reply)) = kept.members.get_mut("token_response") {
        for (name, value) in reply.0 {
            let same = IN_THE_REPLY.iter().find(|(in_reply, _)| in_reply == name);
            if same.is_some_and(|(_, member)| object.get(*member) == Some(value) && value.is_string()) {
                kept.tokens.push(name.clone());
                of_reply.remove(name);
            } else if !OF_THE_PROTOCOL.contains(&name.as_str()) && name != kept::NAME {
                kept.extras.push(name.clone());
                extras.push((name.clone(), value.clone()));
                of_reply.remove(name);
            }
        }
    }
    (kept, extras)
}
