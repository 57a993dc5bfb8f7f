//! A login for a resource, and the next one where it turned out to grant too little ([RFC 6750 section 3.1], [RFC 8707 section 2]).
//!
//! [RFC 6750 section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
//! [RFC 8707 section 2]: https://www.rfc-editor.org/rfc/rfc8707#section-2

use std::time::Duration;

use super::access::ResourceAccess;
use crate::error::{ErrorCode, InvalidInput, ServerError};
use crate::{
    AuthorizationCode, AuthorizationRequest, Challenge, Client, Error, Key, Provenance, Record, Registration,
    Scopes, Step, Token, TokenRequest, flow,
};

/// A login for a resource that is ready to begin.
///
/// The token of the user is for the resource alone, by its name and by its origin.
#[derive(Clone, Debug)]
pub struct ResourceLogin {
    access: ResourceAccess,
    client: Client,
    registration: Option<Registration>,
    /// The record that the next one takes the place of.
    instead_of: Option<Key>,
    step_ups: u32,
    /// How the user has to log in, as a challenge said it.
    acr_values: Option<String>,
    /// How long ago at most.
    max_age: Option<Duration>,
}

impl ResourceLogin {
    pub(super) fn new(access: ResourceAccess, client: Client, registration: Option<Registration>) -> Self {
        let client = client.with_origins([access.address.origin()]);
        let client = if access.offline {
            // OpenID Connect Core section 11: without a consent the scope is passed over.
            client.with_parameter("prompt", "consent")
        } else {
            client
        };
        Self {
            access,
            client,
            registration,
            instead_of: None,
            step_ups: 0,
            acr_values: None,
            max_age: None,
        }
    }

    /// The client, which sends its tokens to the origin of the resource and nowhere else, and asks for a consent where `offline_access`
    /// is among the scopes.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same login with a client that has more to it: [`client`](Self::client) with a key that it authenticates by, a check of ID
    /// tokens, quirks. Its tokens still go to the origin of the resource alone.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it has another id or is one of another server.
    pub fn with_client(mut self, client: Client) -> Result<Self, Error> {
        let known = &self.client;
        let is_same = client.id() == known.id()
            && client.issuer() == known.issuer()
            && client.token_endpoint() == known.token_endpoint();
        if !is_same {
            return Err(InvalidInput::new("client", "is another than the one of the login").into());
        }
        self.client = client.with_origins([self.access.address.origin()]);
        Ok(self.telling_client())
    }

    /// What was registered for it, to be kept ([`ClientIdentity::with_kept`](super::ClientIdentity::with_kept)); `None` where nothing
    /// had to be.
    #[must_use]
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }

    /// The resource by its own name.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.access.resource
    }

    /// The scopes that are asked for; none means the server's choice.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.access.scopes
    }

    /// What the resource wants, and who grants it.
    #[must_use]
    pub fn access(&self) -> &ResourceAccess {
        &self.access
    }

    /// The key of the record; after [`step_up`](Self::step_up) that of the record before, account and all, with what is asked for now.
    #[must_use]
    pub fn key(&self) -> Key {
        let scopes = self.access.scopes.clone();
        match &self.instead_of {
            Some(before) => before.clone().with_scopes(scopes),
            None => Key::new(&self.client, scopes).with_resource(self.resource()),
        }
    }

    /// The request to the user, with the resource in it. Programs with a receiver of their own give [`client`](Self::client),
    /// [`scopes`](Self::scopes) and [`resource`](Self::resource) to that.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the scopes cannot be sent.
    pub fn request(&self, redirect_uri: impl Into<String>) -> Result<AuthorizationRequest<'_>, Error> {
        let request = AuthorizationRequest::new(&self.client, redirect_uri);
        let request = request
            .scopes(self.access.scopes.clone())?
            .resource(self.resource());
        let request = match &self.acr_values {
            Some(values) => request.acr_values(values),
            None => request,
        };
        Ok(match self.max_age {
            Some(max_age) => request.max_age(max_age),
            None => request,
        })
    }

    /// Trades the code for a token, and stores it under [`key`](Self::key), in place of the one that granted too little.
    pub fn keep(&self, code: AuthorizationCode) -> Step<Record> {
        let login = self.clone();
        let exchange = TokenRequest::authorization_code(&self.client, code);
        exchange.flow().and_then(move |token, cx| {
            let provenance = Provenance::new("authorization_code", cx.wall());
            Ok(flow::keep(login.record(token, provenance), login.instead_of))
        })
    }

    /// The record of a token that was granted for the resource.
    #[must_use]
    pub fn record(&self, token: Token, provenance: Provenance) -> Record {
        Record::new(self.key(), self.client.clone(), token, provenance)
    }

    /// The login after a 403 with `insufficient_scope`: for the scopes that were asked for and granted, and those of the challenge too;
    /// or after a 401 with `insufficient_user_authentication` ([RFC 9470 section 3]): by one of the ways to log in that it names, and not
    /// longer ago than it says.
    ///
    /// What a challenge says of the login is in each request of [`client`](Self::client). An ID token that says otherwise is refused,
    /// where they are [checked](Client::with_id_token_check), with scope `openid`.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] with the resource's own code where another consent would change nothing: it wants no other scopes than it was
    /// given and no other login than it got, it does not say which, or it was the third in a row; [`Error::InvalidInput`] if the record
    /// is of another client, server or resource.
    ///
    /// [RFC 9470 section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    pub fn step_up(&self, record: &Record, challenge: &Challenge) -> Result<Self, Error> {
        let (own, other) = (self.key(), record.key());
        let is_own = (own.issuer(), own.client_id(), own.resource())
            == (other.issuer(), other.client_id(), other.resource());
        if !is_own {
            return Err(InvalidInput::new("record", "is of another client, server or resource").into());
        }
        let needed = challenge.scopes().unwrap_or_default();
        let is_vain = if challenge.is_insufficient_user_authentication() {
            // A time passes, so that one asks for a new login each time.
            let named = challenge.acr_values();
            challenge.max_age().is_none() && (named.is_none() || named == self.acr_values.as_deref())
        } else {
            !challenge.is_insufficient_scope() || record.scopes().covers(&needed)
        };
        if is_vain || self.step_ups >= MOST_STEP_UPS {
            let code = ErrorCode::from(challenge.error().unwrap_or("insufficient_scope"));
            let description = challenge.error_description().map(str::to_owned);
            return Err(ServerError::new(code).explained(description, None).into());
        }
        let mut next = self.clone();
        if challenge.is_insufficient_user_authentication() {
            next = next.logging_in_as(challenge);
        }
        let asked = self.access.scopes.union(record.scopes());
        next.access.scopes = asked.union(&needed);
        next.instead_of = Some(record.key().clone());
        next.step_ups += 1;
        Ok(next)
    }

    /// In the client too, for who begins the login with that.
    fn logging_in_as(mut self, challenge: &Challenge) -> Self {
        if let Some(values) = challenge.acr_values() {
            self.acr_values = Some(values.to_owned());
        }
        if let Some(max_age) = challenge.max_age() {
            self.max_age = Some(max_age);
        }
        self.telling_client()
    }

    fn telling_client(mut self) -> Self {
        if let Some(values) = &self.acr_values {
            self.client = self.client.demanding_acr_values(values);
        }
        if let Some(max_age) = self.max_age {
            let seconds = max_age.as_secs().to_string();
            self.client = self.client.with_parameter("max_age", seconds);
        }
        self
    }
}

/// Each costs a person a consent.
const MOST_STEP_UPS: u32 = 3;
