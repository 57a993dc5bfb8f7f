//! The written form of a record, version 1: a JSON object, frozen by the golden files in `tests/vectors`.
//!
//! Public types never serialize themselves; the one door is [`Record::expose_json`] and [`Record::from_json`].
//! Members this version does not know are kept and written back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Grant, Provenance, Record, RefreshState};
use crate::client::{SharedQuirks, UnknownAuthentication};
use crate::error::{StoreError, StoreErrorKind};
use crate::extras::Extras;
use crate::key;
use crate::{
    Authentication, Client, Endpoint, Issuer, Key, Origin, Scopes, Secret, Timestamp, Token, TokenType,
};

const VERSION: u32 = 1;

/// Bytes enough for a record with this token, unless it has much else.
fn room(token: &Token) -> usize {
    let others = [token.refresh_token.as_ref(), token.id_token.as_ref()];
    let tokens = [Some(&token.access_token)].into_iter().chain(others).flatten();
    1024 + tokens.map(|token| token.expose().len()).sum::<usize>()
}

/// Members of a newer version; never printed, since they may be secret.
#[derive(Clone, Default)]
pub(super) struct Unknown(Map<String, Value>);

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} members]", self.0.len())
    }
}

impl Record {
    /// The record as JSON, secrets included: for stores, and for nobody else.
    ///
    /// The form is a promise: later versions read what this one writes.
    #[must_use]
    pub fn expose_json(&self) -> Secret {
        let grant = &*self.grant;
        let wire = RecordWire {
            grantflow: VERSION,
            generation: self.generation,
            key: KeyWire::of(&grant.key),
            client: ClientWire::of(&grant.client),
            token: TokenWire::of(&grant.token),
            origins: grant.origins.iter().map(written).collect(),
            provenance: ProvenanceWire {
                source: text(&grant.provenance.source),
                obtained_at: written(grant.provenance.obtained_at),
            },
            token_key: grant.token_key.as_ref().map(|key| text(key.expose())),
            refresh: RefreshWire::of(&self.refresh),
            unknown: Cow::Borrowed(&grant.unknown.0),
        };
        // Room for most records from the start: text that grows leaves copies of its secrets behind.
        let mut json = Vec::with_capacity(room(&grant.token));
        // Strings, numbers and maps with string keys always serialize, and as UTF-8.
        let written = serde_json::to_writer(&mut json, &wire).is_ok();
        Secret::new(
            String::from_utf8(json)
                .ok()
                .filter(|_| written)
                .unwrap_or_default(),
        )
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if it is no record, [`StoreErrorKind::Newer`] if it is one of a later version.
    pub fn from_json(json: &str) -> Result<Self, StoreError> {
        // serde_json's errors print values, so only the kind of failure goes on.
        let corrupt = || StoreError::new(StoreErrorKind::Corrupt);
        let wire: RecordWire<'_> = match serde_json::from_str(json) {
            Ok(wire) => wire,
            Err(_) => {
                let version = serde_json::from_str(json).map_or(0, |Version { grantflow }| grantflow);
                return Err(if version > VERSION {
                    StoreError::new(StoreErrorKind::Newer)
                } else {
                    corrupt()
                });
            }
        };
        match wire.grantflow {
            VERSION => wire.into_record().ok_or_else(corrupt),
            0 => Err(corrupt()),
            _ => Err(StoreError::new(StoreErrorKind::Newer)),
        }
    }
}

/// Text that is borrowed where it can be. A bare `Cow` in an option or a list never is.
#[derive(Default, Deserialize, Serialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn into_owned(self) -> String {
        self.0.into_owned()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn text(text: &str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}

fn written(value: impl fmt::Display) -> Text<'static> {
    Text(Cow::Owned(value.to_string()))
}

/// `Some(None)` for a time that is absent, `None` for one that cannot be read.
#[expect(clippy::option_option, reason = "absent and unreadable differ")]
fn read_time(time: Option<Text<'_>>) -> Option<Option<Timestamp>> {
    time.map(|time| time.0.parse().ok())
        .map_or(Some(None), |time| time.map(Some))
}

fn secret(secret: Option<Text<'_>>) -> Option<Secret> {
    secret.map(|secret| Secret::new(secret.into_owned()))
}

#[derive(Deserialize)]
struct Version {
    grantflow: u32,
}

#[derive(Deserialize, Serialize)]
struct RecordWire<'a> {
    grantflow: u32,
    generation: u64,
    #[serde(borrow)]
    key: KeyWire<'a>,
    client: ClientWire<'a>,
    token: TokenWire<'a>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<Text<'a>>,
    provenance: ProvenanceWire<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_key: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "RefreshWire::is_empty")]
    refresh: RefreshWire<'a>,
    #[serde(flatten)]
    unknown: Cow<'a, Map<String, Value>>,
}

impl RecordWire<'_> {
    fn into_record(self) -> Option<Record> {
        let origins = self
            .origins
            .iter()
            .map(|origin| Origin::recorded(origin.as_ref()).ok())
            .collect::<Option<Vec<_>>>()?;
        let grant = Grant {
            key: self.key.into_key()?,
            client: self.client.into_client()?.with_origins(origins.clone()),
            token: self.token.into_token()?,
            provenance: Provenance {
                source: self.provenance.source.into_owned(),
                obtained_at: self.provenance.obtained_at.0.parse().ok()?,
            },
            origins,
            token_key: secret(self.token_key),
            unknown: Unknown(self.unknown.into_owned()),
        };
        Some(Record {
            grant: Arc::new(grant),
            generation: self.generation,
            refresh: self.refresh.into_state()?,
        })
    }
}

#[derive(Deserialize, Serialize)]
pub(crate) struct KeyWire<'a> {
    #[serde(borrow)]
    issuer: Text<'a>,
    client_id: Text<'a>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    account: Text<'a>,
    #[serde(default)]
    scopes: Vec<Text<'a>>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    resource: Text<'a>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    subject: Text<'a>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    user_agent: Text<'a>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    label: Text<'a>,
}

impl<'a> KeyWire<'a> {
    fn of(key: &'a Key) -> Self {
        Self {
            issuer: text(key.issuer()),
            client_id: text(key.client_id()),
            account: text(key.account()),
            scopes: key.scopes().iter().map(text).collect(),
            resource: text(key.resource()),
            subject: text(key.subject()),
            user_agent: text(key.user_agent()),
            label: text(key.label()),
        }
    }

    fn into_key(self) -> Option<Key> {
        let parts = key::Parts {
            issuer: self.issuer.into_owned(),
            client_id: self.client_id.into_owned(),
            account: self.account.into_owned(),
            scopes: Scopes::try_from(self.scopes).ok()?,
            resource: self.resource.into_owned(),
            subject: self.subject.into_owned(),
            user_agent: self.user_agent.into_owned(),
            label: self.label.into_owned(),
        };
        Some(parts.into())
    }
}

#[derive(Deserialize, Serialize)]
struct ClientWire<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    authentication: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Text<'a>>,
    token_endpoint: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_endpoint: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<Text<'a>>,
    #[serde(default)]
    quirks: SharedQuirks,
}

impl<'a> ClientWire<'a> {
    fn of(client: &'a Client) -> Self {
        let endpoint =
            |endpoint: Result<&'a Endpoint, _>| endpoint.ok().map(|endpoint| text(endpoint.as_str()));
        Self {
            id: text(client.id()),
            authentication: text(client.authentication().method()),
            secret: client
                .authentication()
                .secret()
                .map(|secret| text(secret.expose())),
            issuer: client.issuer().map(|issuer| text(issuer.as_str())),
            token_endpoint: text(client.token_endpoint().as_str()),
            refresh_endpoint: Some(client.refresh_endpoint())
                .filter(|endpoint| *endpoint != client.token_endpoint())
                .map(|endpoint| text(endpoint.as_str())),
            revocation_endpoint: endpoint(client.revocation_endpoint()),
            introspection_endpoint: endpoint(client.introspection_endpoint()),
            quirks: client.shared_quirks().clone(),
        }
    }

    fn into_client(self) -> Option<Client> {
        // A record holds what was checked when it was made: http stands in it only where a caller asked for loopback or localhost.
        let endpoint = |text: Text<'_>| Endpoint::allow_http_for_localhost(text.into_owned()).ok();
        let optional = |text: Option<Text<'_>>| {
            text.map(endpoint)
                .map_or(Some(None), |endpoint| endpoint.map(Some))
        };
        let authentication = match (self.authentication.as_ref(), self.secret) {
            ("none", _) => Authentication::None,
            ("client_secret_basic", Some(secret)) => Authentication::Basic(Secret::new(secret.into_owned())),
            ("client_secret_post", Some(secret)) => Authentication::Post(Secret::new(secret.into_owned())),
            ("tls_client_auth", _) => Authentication::TlsClientAuth,
            ("self_signed_tls_client_auth", _) => Authentication::SelfSignedTlsClientAuth,
            (method, _) => UnknownAuthentication::of(method),
        };
        let mut client = Client::new(self.id.into_owned(), endpoint(self.token_endpoint)?)
            .with_authentication(authentication)
            .with_shared_quirks(self.quirks);
        if let Some(issuer) = self.issuer {
            client = client.with_issuer(Issuer::allow_http_for_localhost(issuer.into_owned()).ok()?);
        }
        if let Some(endpoint) = optional(self.refresh_endpoint)? {
            client = client.with_refresh_endpoint(endpoint);
        }
        if let Some(endpoint) = optional(self.revocation_endpoint)? {
            client = client.with_revocation_endpoint(endpoint);
        }
        if let Some(endpoint) = optional(self.introspection_endpoint)? {
            client = client.with_introspection_endpoint(endpoint);
        }
        Some(client)
    }
}

#[derive(Deserialize, Serialize)]
struct TokenWire<'a> {
    #[serde(borrow)]
    access_token: Text<'a>,
    token_type: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Text<'a>>,
    issued_at: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<Text<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    extras: Map<String, Value>,
}

impl<'a> TokenWire<'a> {
    fn of(token: &'a Token) -> Self {
        Self {
            access_token: text(token.access_token.expose()),
            token_type: text(token.token_type.as_str()),
            refresh_token: token.refresh_token.as_ref().map(|token| text(token.expose())),
            issued_at: written(token.issued_at),
            expires_at: token.expires_at.map(written),
            scopes: token
                .scopes
                .as_ref()
                .map(|scopes| scopes.iter().map(text).collect()),
            id_token: token.id_token.as_ref().map(|token| text(token.expose())),
            extras: token.extras.to_map(),
        }
    }

    fn into_token(self) -> Option<Token> {
        Some(Token {
            access_token: Secret::new(self.access_token.into_owned()),
            token_type: TokenType::from_name(self.token_type.as_ref())?,
            refresh_token: secret(self.refresh_token),
            issued_at: self.issued_at.0.parse().ok()?,
            expires_at: read_time(self.expires_at)?,
            scopes: self
                .scopes
                .map(|scopes| Scopes::granted(scopes.iter().map(AsRef::as_ref))),
            id_token: secret(self.id_token),
            extras: Extras::from_map(&self.extras),
            // The record has it.
            token_key: None,
        })
    }
}

#[derive(Deserialize, Serialize)]
struct ProvenanceWire<'a> {
    #[serde(borrow)]
    source: Text<'a>,
    obtained_at: Text<'a>,
}

#[derive(Default, Deserialize, Serialize)]
struct RefreshWire<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    attempt_started_at: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_at: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Text<'a>>,
}

impl<'a> RefreshWire<'a> {
    fn of(state: &'a RefreshState) -> Self {
        Self {
            attempt_started_at: state.attempt_started_at.map(written),
            retry_at: state.retry_at.map(written),
            refused: state.refused.as_deref().map(text),
            revoked_at: state.revoked_at.map(written),
        }
    }

    fn is_empty(&self) -> bool {
        self.attempt_started_at.is_none()
            && self.retry_at.is_none()
            && self.refused.is_none()
            && self.revoked_at.is_none()
    }

    fn into_state(self) -> Option<RefreshState> {
        Some(RefreshState {
            attempt_started_at: read_time(self.attempt_started_at)?,
            retry_at: read_time(self.retry_at)?,
            refused: self.refused.map(Text::into_owned),
            revoked_at: read_time(self.revoked_at)?,
        })
    }
}
