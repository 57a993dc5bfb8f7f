//! The written form of a record, version 1: a JSON object, frozen by the golden files in `tests/vectors`.
//!
//! Public types never serialize themselves; the one door is [`Record::expose_json`] and [`Record::from_json`].
//! Members this version does not know are kept and written back.
//!
//! Written and read by name and not by derived code, which takes 100 KB more.

use std::borrow::Cow;
use std::sync::Arc;

use super::object::Object;
use super::{Grant, Provenance, Record, RefreshState};
use crate::client::UnknownAuthentication;
use crate::error::{StoreError, StoreErrorKind};
use crate::exchange::members::{Member, Members, as_text, as_texts};
use crate::extras::Extras;
use crate::key;
use crate::{
    Authentication, Client, Endpoint, Issuer, Key, Origin, Quirks, Scopes, Secret, Timestamp, Token,
    TokenType,
};

const VERSION: u64 = 1;

/// The members of a record that are no objects.
const KNOWN: [&str; 3] = ["grantflow", "generation", "origins"];

impl Record {
    /// The record as JSON, secrets included: for stores, and for nobody else.
    ///
    /// The form is a promise: later versions read what this one writes.
    #[must_use]
    pub fn expose_json(&self) -> Secret {
        let grant = &*self.grant;
        let mut json = Object::with_capacity(USUAL_LENGTH + length(&grant.token));
        json.number("grantflow", VERSION);
        json.number("generation", self.generation);
        json.open("key");
        write_key(&grant.key, &mut json);
        json.close();
        json.open("client");
        write_client(&grant.client, &mut json);
        json.close();
        json.open("token");
        write_token(&grant.token, &mut json);
        json.close();
        if !grant.origins.is_empty() {
            let origins: Vec<String> = grant.origins.iter().map(Origin::to_string).collect();
            json.texts("origins", origins.iter().map(|origin| &**origin));
        }
        json.open("provenance");
        json.text("source", &grant.provenance.source);
        json.text("obtained_at", &grant.provenance.obtained_at.to_string());
        json.close();
        if self.refresh != RefreshState::default() {
            json.open("refresh");
            write_refresh(&self.refresh, &mut json);
            json.close();
        }
        json.members(&grant.unknown);
        json.end()
    }

    /// Reads what [`expose_json`](Self::expose_json) wrote.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if it is no record, [`StoreErrorKind::Newer`] if it is one of a later version.
    pub fn from_json(json: &str) -> Result<Self, StoreError> {
        read_record(json).ok_or_else(|| {
            // In a later version everything but this may have changed.
            let version = Members::of(json).and_then(|members| number(&members, "grantflow"));
            StoreError::new(match version {
                Some(version) if version > VERSION => StoreErrorKind::Newer,
                _ => StoreErrorKind::Corrupt,
            })
        })
    }
}

// All that follows gives `None` for what is not as it was written.

fn read_record(json: &str) -> Option<Record> {
    let mut parts = ["key", "client", "token", "provenance", "refresh"].map(|name| (name, None));
    let members = Members::with_parts(json, &mut parts)?;
    let [key, client, token, provenance, refresh] = parts.map(|(_, part)| part);
    if number(&members, "grantflow")? != VERSION {
        return None;
    }
    let origins = texts(members.other("origins"))?;
    let origins = origins.iter().map(|origin| Origin::new(origin).ok());
    let origins = origins.collect::<Option<Vec<_>>>()?;
    let provenance = provenance?;
    let mut unknown = Extras::default();
    for (name, value) in members.others().filter(|(name, _)| !KNOWN.contains(name)) {
        unknown.push(name, value);
    }
    let grant = Grant {
        key: read_key(&key?)?,
        client: read_client(&client?)?.with_origins(origins.clone()),
        token: read_token(&token?)?,
        provenance: Provenance {
            source: text(&provenance, "source")?.into_owned(),
            obtained_at: text(&provenance, "obtained_at")?.parse().ok()?,
        },
        origins,
        unknown,
    };
    Some(Record {
        grant: Arc::new(grant),
        generation: number(&members, "generation")?,
        refresh: match refresh {
            Some(refresh) => read_refresh(&refresh)?,
            None => RefreshState::default(),
        },
    })
}

fn write_key(key: &Key, json: &mut Object) {
    json.text("issuer", key.issuer());
    json.text("client_id", key.client_id());
    json.filled("account", key.account());
    json.texts("scopes", key.scopes().iter());
    json.filled("resource", key.resource());
    json.filled("subject", key.subject());
    json.filled("user_agent", key.user_agent());
    json.filled("label", key.label());
}

fn read_key(members: &Members<'_>) -> Option<Key> {
    let or_empty = |name| Some(optional(members, name)?.unwrap_or_default().into_owned());
    let parts = key::Parts {
        issuer: text(members, "issuer")?.into_owned(),
        client_id: text(members, "client_id")?.into_owned(),
        account: or_empty("account")?,
        scopes: Scopes::try_from(texts(members.other("scopes"))?).ok()?,
        resource: or_empty("resource")?,
        subject: or_empty("subject")?,
        user_agent: or_empty("user_agent")?,
        label: or_empty("label")?,
    };
    Some(parts.into())
}

fn write_client(client: &Client, json: &mut Object) {
    let endpoint = Endpoint::as_str;
    json.text("id", client.id());
    json.text("authentication", client.authentication().method());
    json.secret("secret", client.authentication().secret());
    json.optional("issuer", client.issuer().map(Issuer::as_str));
    json.text("token_endpoint", client.token_endpoint().as_str());
    json.optional(
        "revocation_endpoint",
        client.revocation_endpoint().ok().map(endpoint),
    );
    json.optional(
        "introspection_endpoint",
        client.introspection_endpoint().ok().map(endpoint),
    );
    // Numbers and booleans always serialize.
    json.json(
        "quirks",
        &serde_json::to_string(client.quirks()).unwrap_or_default(),
    );
}

fn read_client(client: &Members<'_>) -> Option<Client> {
    // A record holds what was checked when it was made: http stands in it only where a caller asked for loopback.
    let endpoint = |text: Cow<'_, str>| Endpoint::allow_http_for_loopback(text.into_owned()).ok();
    let secret = optional(client, "secret")?.map(|secret| Secret::new(secret.into_owned()));
    let authentication = match (&*text(client, "authentication")?, secret) {
        ("none", _) => Authentication::None,
        ("client_secret_basic", Some(secret)) => Authentication::Basic(secret),
        ("client_secret_post", Some(secret)) => Authentication::Post(secret),
        (method, _) => UnknownAuthentication::of(method),
    };
    let quirks = match client.other("quirks") {
        Some(quirks) => serde_json::from_str(quirks.get()).ok()?,
        None => Quirks::default(),
    };
    let token_endpoint = endpoint(text(client, "token_endpoint")?)?;
    let mut read = Client::new(text(client, "id")?.into_owned(), token_endpoint)
        .with_authentication(authentication)
        .with_quirks(quirks);
    if let Some(issuer) = optional(client, "issuer")? {
        read = read.with_issuer(Issuer::allow_http_for_loopback(issuer.into_owned()).ok()?);
    }
    if let Some(address) = optional(client, "revocation_endpoint")? {
        read = read.with_revocation_endpoint(endpoint(address)?);
    }
    if let Some(address) = optional(client, "introspection_endpoint")? {
        read = read.with_introspection_endpoint(endpoint(address)?);
    }
    Some(read)
}

fn write_token(token: &Token, json: &mut Object) {
    json.secret("access_token", Some(&token.access_token));
    json.text("token_type", token.token_type.as_str());
    json.secret("refresh_token", token.refresh_token.as_ref());
    json.text("issued_at", &token.issued_at.to_string());
    json.time("expires_at", token.expires_at);
    if let Some(scopes) = &token.scopes {
        json.texts("scopes", scopes.iter());
    }
    json.secret("id_token", token.id_token.as_ref());
    if !token.extras.is_empty() {
        json.open("extras");
        json.members(&token.extras);
        json.close();
    }
}

fn read_token(token: &Members<'_>) -> Option<Token> {
    let secret = |name| Some(optional(token, name)?.map(|text| Secret::new(text.into_owned())));
    let mut extras = Extras::default();
    if let Some(members) = token.other("extras") {
        for (name, value) in Members::of(members.get())?.others() {
            extras.push(name, value);
        }
    }
    Some(Token {
        access_token: secret("access_token")??,
        token_type: TokenType::from_name(&text(token, "token_type")?)?,
        refresh_token: secret("refresh_token")?,
        issued_at: text(token, "issued_at")?.parse().ok()?,
        expires_at: time(token, "expires_at")?,
        scopes: match token.other("scopes") {
            Some(scopes) => Some(Scopes::granted(as_texts(scopes)?.iter().map(|scope| &**scope))),
            None => None,
        },
        id_token: secret("id_token")?,
        extras,
    })
}

fn write_refresh(refresh: &RefreshState, json: &mut Object) {
    json.time("attempt_started_at", refresh.attempt_started_at);
    json.time("retry_at", refresh.retry_at);
    json.optional("refused", refresh.refused.as_deref());
    json.time("revoked_at", refresh.revoked_at);
}

fn read_refresh(refresh: &Members<'_>) -> Option<RefreshState> {
    Some(RefreshState {
        attempt_started_at: time(refresh, "attempt_started_at")?,
        retry_at: time(refresh, "retry_at")?,
        refused: optional(refresh, "refused")?.map(Cow::into_owned),
        revoked_at: time(refresh, "revoked_at")?,
    })
}

fn number(members: &Members<'_>, name: &str) -> Option<u64> {
    members.other(name)?.get().parse().ok()
}

#[inline(never)] // called for each of a record's texts, as `optional` is
fn text<'a>(members: &Members<'a>, name: &str) -> Option<Cow<'a, str>> {
    as_text(members.other(name)?)
}

/// `Some(None)` for one that is absent.
#[inline(never)]
#[expect(clippy::option_option, reason = "absent and unreadable differ")]
fn optional<'a>(members: &Members<'a>, name: &str) -> Option<Option<Cow<'a, str>>> {
    match members.other(name) {
        Some(value) => as_text(value).map(Some),
        None => Some(None),
    }
}

#[expect(clippy::option_option, reason = "absent and unreadable differ")]
fn time(members: &Members<'_>, name: &str) -> Option<Option<Timestamp>> {
    match optional(members, name)? {
        Some(time) => time.parse().ok().map(Some),
        None => Some(None),
    }
}

fn texts(member: Member<'_>) -> Option<Vec<Cow<'_, str>>> {
    member.map_or_else(|| Some(Vec::new()), as_texts)
}

/// How much is written of a grant, so that no copies of its secrets are left behind while that grows.
fn length(token: &Token) -> usize {
    let secrets = [
        Some(&token.access_token),
        token.refresh_token.as_ref(),
        token.id_token.as_ref(),
    ];
    let secrets: usize = secrets
        .into_iter()
        .flatten()
        .map(|secret| secret.expose().len())
        .sum();
    secrets + token.extras.len()
}

/// Enough for all else in most records.
const USUAL_LENGTH: usize = 1024;
