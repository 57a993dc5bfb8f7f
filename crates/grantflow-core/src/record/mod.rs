//! What a store keeps: a grant with all that is needed to refresh it alone.

mod wire;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{Challenge, Client, Error, Key, Origin, Scopes, Secret, Timestamp, Token};

/// A stored grant.
///
/// Its written form is versioned, documented and frozen by golden files; see [`expose_json`](Self::expose_json).
/// Clones are cheap: they share the grant.
#[derive(Clone, Debug)]
pub struct Record {
    grant: Arc<Grant>,
    generation: u64,
    pub(crate) refresh: RefreshState,
}

/// What changes with a refresh or a login only.
#[derive(Clone, Debug)]
struct Grant {
    key: Key,
    client: Client,
    token: Token,
    provenance: Provenance,
    origins: Vec<Origin>,
    /// What the token is bound to.
    token_key: Option<Secret>,
    /// Members of a newer version of this library, written back as they came.
    unknown: wire::Unknown,
}

/// Where a grant came from, for people.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// How it was obtained: `authorization_code`, `import`, …
    pub source: String,
    /// When.
    pub obtained_at: Timestamp,
}

impl Provenance {
    /// A grant obtained at `obtained_at` through `source`.
    pub fn new(source: impl Into<String>, obtained_at: Timestamp) -> Self {
        Self {
            source: source.into(),
            obtained_at,
        }
    }
}

/// What is known of refreshes, so that other processes and later runs know it too.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RefreshState {
    /// A refresh that was begun and whose outcome is not known: its refresh token may be spent.
    pub attempt_started_at: Option<Timestamp>,
    /// When the server may be asked again.
    pub retry_at: Option<Timestamp>,
    /// The server refused the refresh token with this code; not asked again until the record changes.
    pub refused: Option<String>,
    /// The credentials are being revoked: nothing hands them out any more.
    pub revoked_at: Option<Timestamp>,
}

impl RefreshState {
    /// Whether the refresh token may be spent already: a request with it left, and no answer came.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.attempt_started_at.is_some()
    }
}

impl Record {
    /// The first record of a grant.
    #[must_use]
    pub fn new(key: Key, client: Client, mut token: Token, provenance: Provenance) -> Self {
        let origins = client.origins().to_vec();
        // The key of the login, which another process may have begun with another key than this client has.
        let token_key = token.token_key.take();
        let token_key = token_key.or_else(|| client.token_constraint()?.stored());
        let grant = Grant {
            token_key,
            key,
            client,
            token,
            provenance,
            origins,
            unknown: wire::Unknown::default(),
        };
        Self {
            grant: Arc::new(grant),
            generation: 1,
            refresh: RefreshState::default(),
        }
    }

    /// With these origins besides those of the client.
    #[must_use]
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        for origin in origins {
            if !self.grant.origins.contains(&origin) {
                Arc::make_mut(&mut self.grant).origins.push(origin);
            }
        }
        self
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.grant.key
    }

    /// The client, as far as refresh and revocation need it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.grant.client
    }

    /// The grant.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.grant.token
    }

    /// The key that the token is bound to (RFC 9449), as its [constraint](crate::TokenConstraint) keeps it.
    #[must_use]
    pub fn token_key(&self) -> Option<&Secret> {
        self.grant.token_key.as_ref()
    }

    /// Counts the changes of the grant: of two records with the same key the one with the higher number is the newer.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Where the grant came from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.grant.provenance
    }

    /// Where the token may be sent.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.grant.origins
    }

    /// What is known of refreshes.
    #[must_use]
    pub fn refresh_state(&self) -> &RefreshState {
        &self.refresh
    }

    /// The scopes granted; those asked for where the server did not say.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.grant
            .token
            .scopes
            .as_ref()
            .unwrap_or(self.grant.key.scopes())
    }

    /// The header that carries the token: `Authorization`, unless the provider has another for it (quirk 65).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the token has characters that no header may have, or the quirk names no header that is free for it.
    pub fn header(&self) -> Result<(HeaderName, HeaderValue), Error> {
        Ok(match self.client().quirks().other_token_header()? {
            None => (header::AUTHORIZATION, self.token().header()?),
            Some(name) => (name, self.token().bare_header()?),
        })
    }

    /// Whether an API that answers with this status means that the token has ended: 401, and what the provider uses besides (quirk 66).
    #[must_use]
    pub fn is_refused_by(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED
            || self.client().quirks().refused_statuses.contains(&status.as_u16())
    }

    /// Whether an API that answers like this wants another token, and not another login of the user (RFC 9470 section 3).
    pub(crate) fn is_refused(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.is_refused_by(status) && !Challenge::asks_for_login(headers)
    }

    /// Whether the server is known to take a refresh token once more that it has just replaced.
    pub(crate) fn tolerates_reuse(&self) -> bool {
        self.grant.client.quirks().refresh_grace().is_some()
    }

    /// The next record: the same grant with the token a refresh brought.
    #[must_use]
    pub fn refreshed(&self, token: Token) -> Self {
        let grant = Grant {
            key: self.grant.key.clone(),
            client: self.grant.client.clone(),
            token: token.after(&self.grant.token),
            provenance: self.grant.provenance.clone(),
            origins: self.grant.origins.clone(),
            token_key: self.grant.token_key.clone(),
            unknown: self.grant.unknown.clone(),
        };
        Self {
            grant: Arc::new(grant),
            generation: self.generation.saturating_add(1),
            refresh: RefreshState::default(),
        }
    }

    /// The same, its token bound to the key of this client.
    pub(crate) fn bound_by(mut self, client: &Client) -> Self {
        if let Some(constraint) = client.token_constraint() {
            Arc::make_mut(&mut self.grant).token_key = constraint.stored();
        }
        self
    }

    /// The next record: a new login in place of this one, which keeps counting where the old one ended.
    #[must_use]
    pub fn succeeding(mut self, old: &Self) -> Self {
        self.generation = old.generation.saturating_add(1);
        self
    }

    /// The next record: the same grant, and what is known of its client now, such as another secret or endpoint.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        Arc::make_mut(&mut self.grant).client = client;
        self.generation = self.generation.saturating_add(1);
        self
    }

    /// What a failed refresh says about the next one.
    pub(crate) fn fails(&mut self, error: &Error) {
        self.refresh.retry_at = error.retry_at();
        if error.needs_user() {
            self.refresh.refused = Some(match error {
                Error::Server(refusal) => refusal.code().to_string(),
                other => other.to_string(),
            });
        }
    }

    /// The first record of a login where none is stored.
    pub(crate) fn first(mut self, now: Timestamp) -> Self {
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
        self.generation = self.generation.max(seconds);
        self
    }

    /// The next record: this one, never to be handed out again.
    pub(crate) fn tombstone(mut self, now: Timestamp) -> Self {
        self.generation = self.generation.saturating_add(1);
        self.refresh = RefreshState {
            revoked_at: Some(now),
            ..RefreshState::default()
        };
        self
    }
}

#[cfg(test)]
mod tests;
