//! What a server granted ([RFC 6749 section 5.1]).
//!
//! [RFC 6749 section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1

use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::error::InvalidInput;
use crate::extras::Extras;
use crate::{Error, Scopes, Secret, Timestamp};

/// The header of a proof (RFC 9449 section 4.1).
pub(crate) const PROOF: HeaderName = HeaderName::from_static("dpop");

/// How far two clocks may be apart before one of them is wrong.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// A grant: the access token, when it ends, and what came with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Token {
    /// The access token.
    pub access_token: Secret,
    /// How the token is used.
    pub token_type: TokenType,
    /// What gets the next access token, where the server gave it.
    pub refresh_token: Option<Secret>,
    /// When the token was asked for, by our clock.
    pub issued_at: Timestamp,
    /// When the access token ends; `None` where the server did not say: it is then used until it is refused.
    pub expires_at: Option<Timestamp>,
    /// The scopes granted, where the server named them; else they are those that were asked for.
    pub scopes: Option<Scopes>,
    /// The ID token as it came, unverified (OpenID Connect Core section 3.1.3.3).
    pub id_token: Option<Secret>,
    /// What else the server sent.
    pub extras: Extras,
    /// The key of the authorization that the token is of, where that kept one: the client may have another.
    pub(crate) token_key: Option<Secret>,
}

/// How an access token is used ([RFC 6749 section 7.1](https://www.rfc-editor.org/rfc/rfc6749#section-7.1)).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenType {
    /// `Bearer` (RFC 6750): whoever has it may use it.
    #[default]
    Bearer,
    /// `DPoP` (RFC 9449): used with a proof of possession.
    Dpop,
    /// `N_A` ([RFC 8693 section 2.2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.2.1)): it is no access token, and goes into no
    /// header.
    NotApplicable,
    /// One that is not known here: no token of it is taken, but what came beside it is read.
    Unknown,
}

impl TokenType {
    /// The type by its name in any case (quirk 8).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer)
        } else if name.eq_ignore_ascii_case("dpop") {
            Some(Self::Dpop)
        } else if name.eq_ignore_ascii_case("n_a") {
            Some(Self::NotApplicable)
        } else {
            None
        }
    }

    /// The scheme of the `Authorization` header, as the name of the type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::NotApplicable => "N_A",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Token {
    /// A bearer token from elsewhere.
    #[must_use]
    pub fn bearer(access_token: impl Into<Secret>, issued_at: Timestamp) -> Self {
        Self {
            access_token: access_token.into(),
            token_type: TokenType::Bearer,
            refresh_token: None,
            issued_at,
            expires_at: None,
            scopes: None,
            id_token: None,
            extras: Extras::default(),
            token_key: None,
        }
    }

    /// The value of the `Authorization` header, marked sensitive so that no `Debug` prints it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the server's token has characters that no header may have, or is no access token.
    pub fn header(&self) -> Result<HeaderValue, Error> {
        if matches!(self.token_type, TokenType::NotApplicable | TokenType::Unknown) {
            return Err(InvalidInput::new("access token", "is a token of another kind").into());
        }
        let text = zeroize::Zeroizing::new(format!("{} {}", self.token_type, self.access_token.expose()));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| InvalidInput::new("access token", "has a character that no header may have"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The token alone as the value of a header, marked sensitive too.
    pub(crate) fn bare_header(&self) -> Result<HeaderValue, Error> {
        let mut value = HeaderValue::from_str(self.access_token.expose())
            .map_err(|_| InvalidInput::new("access token", "has a character that no header may have"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The key that the token is bound to, where its login was begun with one that was made for it, as the
    /// [constraint](crate::TokenConstraint) keeps it. The process that ends a login may be another than the one that began it, and its
    /// client then has another key. Of a token in a record [`Record::token_key`](crate::Record::token_key) knows.
    #[must_use]
    pub fn token_key(&self) -> Option<&Secret> {
        self.token_key.as_ref()
    }

    /// How long the access token lives on; `None` where that is not known.
    #[must_use]
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        self.expires_at.map(|end| end.since(now))
    }

    /// Whether the access token has ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The least time that a token is used, whatever lifetime a server gives: refreshes would have no end else.
    pub(crate) const LEAST_LIFE: Duration = Duration::from_secs(1);

    /// When the access token is used no more.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        self.expires_at
            .map(|end| end.max(self.issued_at.plus(Self::LEAST_LIFE)))
    }

    /// Whether the access token is of no use any more.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    /// Whether the clock has been set back since: the token was issued later than now. Its end means nothing then, so it is
    /// refreshed once; the new token has a time of issue that fits the clock.
    pub(crate) fn is_from_the_future(&self, now: Timestamp) -> bool {
        self.issued_at > now.plus(CLOCK_SKEW)
    }

    /// The same token, its lifetime counted from when it was asked for.
    pub(crate) fn asked_at(mut self, asked_at: Timestamp) -> Self {
        if asked_at < self.issued_at {
            self.expires_at = self
                .expires_at
                .map(|end| asked_at.plus(end.since(self.issued_at)));
            self.issued_at = asked_at;
        }
        self
    }

    /// What a refresh left of the old token ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)):
    /// no new refresh token keeps the old one, no scope means unchanged, and so do extras that did not come again. The ID token of
    /// before says whose grant it is, for the check of the next one.
    pub(crate) fn after(mut self, old: &Self) -> Self {
        if self.refresh_token.is_none() {
            self.refresh_token.clone_from(&old.refresh_token);
        }
        if self.scopes.is_none() {
            self.scopes.clone_from(&old.scopes);
        }
        if self.id_token.is_none() {
            self.id_token.clone_from(&old.id_token);
        }
        self.extras = self.extras.or(&old.extras);
        self
    }
}
