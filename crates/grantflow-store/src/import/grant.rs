//! From what a file says to a record: its client, its token, its key.

use std::time::Duration;

use grantflow_core::{
    Client, Endpoint, Error, Key, Origin, Provenance, Record, Scopes, Secret, Timestamp, Token,
};

use super::NotTaken;
use super::kept::Kept;
use super::members::Members;

/// What a credential of any format comes to.
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) client_secret: Option<Secret>,
    pub(super) token_endpoint: Option<Endpoint>,
    pub(super) revocation_endpoint: Option<Endpoint>,
    pub(super) access_token: Option<Secret>,
    pub(super) refresh_token: Option<Secret>,
    /// When the access token ends.
    pub(super) end: End,
    /// How long it lived, where the reply that brought it is there.
    pub(super) lifetime: Option<Duration>,
    pub(super) id_token: Option<Secret>,
    pub(super) requested: Scopes,
    pub(super) granted: Option<Scopes>,
    pub(super) account: String,
    pub(super) user_agent: String,
    pub(super) label: String,
    pub(super) kept: Kept,
    pub(super) extras: Vec<(String, serde_json::Value)>,
}

/// When an access token ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    At(Timestamp),
    /// The file does not say, and the format means by that: never.
    Unknown,
    /// It has ended, whatever time the file has.
    Over,
}

/// Where oauth2client and google-auth go by themselves.
const GOOGLE_TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";

/// Whose endpoints are Google's; older files have older ones.
const GOOGLE: [&str; 2] = ["https://accounts.google.com", "https://*.googleapis.com"];

impl Grant {
    pub(super) fn into_record(self, now: Timestamp) -> Result<Record, NotTaken> {
        // Constants and checked values go in: what could fail is the core's, and has no property to name.
        self.build(now).map_err(|_| NotTaken::Invalid("token_uri"))
    }

    fn build(self, now: Timestamp) -> Result<Record, Error> {
        let endpoint = match self.token_endpoint {
            Some(endpoint) => endpoint,
            None => Endpoint::new(GOOGLE_TOKEN_ENDPOINT)?,
        };
        let mut client = client(self.client_id, endpoint)?;
        if let Some(secret) = self.client_secret {
            // Both libraries send it in the body.
            client = client.with_secret_post(secret);
        }
        if let Some(endpoint) = self.revocation_endpoint {
            client = client.with_revocation_endpoint(endpoint);
        }
        let over = matches!(self.end, End::Over) || self.access_token.is_none();
        let (issued_at, expires_at) = match (over, self.end) {
            (true, End::At(end)) => (end.min(now), Some(end.min(now))),
            (true, _) => (now, Some(now)),
            (false, End::At(end)) => {
                let issued_at = self.lifetime.map_or(now, |lifetime| end.minus(lifetime));
                (issued_at.min(end).min(now), Some(end))
            }
            (false, _) => (now, None),
        };
        let mut token = Token::bearer(self.access_token.unwrap_or_default(), issued_at);
        token.expires_at = expires_at;
        token.refresh_token = self.refresh_token;
        token.id_token = self.id_token;
        token.scopes = self.granted;
        for (name, value) in self.extras {
            token.extras = token.extras.with(&name, value)?;
        }
        self.kept.put(&mut token)?;
        let key = Key::new(&client, self.requested)
            .with_account(self.account)
            .with_user_agent(self.user_agent)
            .with_label(self.label);
        Ok(Record::new(key, client, token, Provenance::new("import", now)))
    }
}

/// A client of this token endpoint; what is known of Google's besides, where the endpoint is Google's.
fn client(id: String, endpoint: Endpoint) -> Result<Client, Error> {
    let google = endpoint.as_str().parse().is_ok_and(|uri| {
        let origins = GOOGLE.map(Origin::new).into_iter().flatten();
        origins.into_iter().any(|origin| origin.covers(&uri))
    });
    let client = Client::new(id, endpoint);
    if !google {
        return Ok(client);
    }
    let preset = Client::google("")?;
    let mut client = client
        .with_authorization_endpoint(preset.authorization_endpoint()?.clone())
        .with_revocation_endpoint(preset.revocation_endpoint()?.clone())
        .with_origins(preset.origins().to_vec());
    if let Some(issuer) = preset.issuer() {
        client = client.with_issuer(issuer.clone());
    }
    for (name, value) in preset.parameters() {
        client = client.with_parameter(name, value);
    }
    Ok(client)
}

/// Who the user is, by the claims of an ID token that came from the server itself; empty where it does not say.
pub(super) fn account(claims: Members<'_>) -> String {
    let text = |name| claims.get(name).and_then(serde_json::Value::as_str);
    let unverified = claims.get("email_verified").is_some_and(|verified| {
        // Google writes a boolean, others text.
        verified == false || verified == "false"
    });
    let email = text("email").filter(|_| !unverified);
    email.or_else(|| text("sub")).unwrap_or_default().to_owned()
}
