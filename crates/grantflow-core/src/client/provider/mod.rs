//! Presets of providers: endpoints, quirks and the way to a refresh token, as data ([RFC 8414 section 2] by hand).
//!
//! ```text
//! providers.json ─▶ Provider::named("microsoft") ─▶ with("tenant", …) ─▶ client(id) ─▶ Client
//! ```
//!
//! What is known stands in `providers.json`, sorted by name; what is not known is not there. A test reads all of it.
//!
//! [RFC 8414 section 2]: https://www.rfc-editor.org/rfc/rfc8414#section-2

mod facts;
mod near;
mod placeholder;

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};

pub use placeholder::Placeholder;

use super::{Client, Quirks};
use crate::error::{InvalidInput, ProviderProblem};
use crate::{Endpoint, Error, Issuer, Origin, Secret};
use facts::{Facts, Sent};

/// A provider by name: what a client of it needs beside its id.
///
/// # Example
///
/// ```
/// use grantflow_core::Provider;
///
/// let client = Provider::named("microsoft")?
///     .with("tenant", "contoso.example")?
///     .client("11111111-2222-3333-4444-555555555555")?;
/// assert_eq!(
///     client.token_endpoint().as_str(),
///     "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
/// );
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Provider {
    facts: &'static Facts,
    given: BTreeMap<&'static str, String>,
}

impl Provider {
    /// The preset of this name, in lower case: `github`.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] if there is none, with the names that may have been meant.
    pub fn named(name: &str) -> Result<Self, Error> {
        let known = facts::all().iter().find(|facts| facts.name == name);
        let facts = known.ok_or_else(|| ProviderProblem::Unknown {
            name: super::json_object::beginning(name),
            near: near::names(name),
        })?;
        Ok(Self::of(facts))
    }

    /// All presets, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        facts::all().iter().map(Self::of)
    }

    fn of(facts: &'static Facts) -> Self {
        Self {
            facts,
            given: BTreeMap::new(),
        }
    }

    /// Fills in a placeholder of the addresses, such as Microsoft's `tenant`; one that is filled in already is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] if the provider has no such placeholder, or if the value could make another address of it: one with a
    /// slash, say, or a domain where one label belongs.
    pub fn with(mut self, placeholder: &str, value: &str) -> Result<Self, Error> {
        let placeholders = &self.facts.placeholders;
        let Some((name, wanted)) = placeholders.get_key_value(placeholder) else {
            return Err(ProviderProblem::NoSuchPlaceholder {
                provider: self.facts.name.clone(),
                placeholder: super::json_object::beginning(placeholder),
                known: placeholders.keys().cloned().collect(),
            }
            .into());
        };
        let value = wanted.kind.checked(value).ok_or_else(|| ProviderProblem::Value {
            provider: self.facts.name.clone(),
            placeholder: name.clone(),
            expected: wanted.kind.to_string(),
        })?;
        self.given.insert(name, value);
        Ok(self)
    }

    /// A public client of the provider: endpoints, issuer, parameters, quirks, origins and headers of its APIs are set.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] if a placeholder without a default was not filled in, which it names; [`Error::InvalidInput`] if the id fits
    /// in no header, where the provider's APIs want it in one.
    pub fn client(&self, id: impl Into<String>) -> Result<Client, Error> {
        let id = id.into();
        let facts = self.facts;
        let mut client = Client::new(id.as_str(), self.endpoint(&facts.token_endpoint)?)
            .with_quirks(facts.quirks.clone())
            .with_origins(self.origins()?);
        if let Some(issuer) = self.issuer()? {
            client = client.with_issuer(issuer);
        }
        if let Some(endpoint) = self.optional(facts.authorization_endpoint.as_deref())? {
            client = client.with_authorization_endpoint(endpoint);
        }
        if let Some(endpoint) = self.optional(facts.refresh_endpoint.as_deref())? {
            client = client.with_refresh_endpoint(endpoint);
        }
        if let Some(endpoint) = self.optional(facts.revocation_endpoint.as_deref())? {
            client = client.with_revocation_endpoint(endpoint);
        }
        if let Some(endpoint) = self.optional(facts.introspection_endpoint.as_deref())? {
            client = client.with_introspection_endpoint(endpoint);
        }
        if let Some(endpoint) = self.device_authorization_endpoint()? {
            client = client.with_device_authorization_endpoint(endpoint);
        }
        if let Some(endpoint) = self.userinfo_endpoint()? {
            client = client.with_userinfo_endpoint(endpoint);
        }
        for (name, value) in &facts.parameters {
            client = client.with_parameter(name, value);
        }
        for (name, value) in &facts.api_headers {
            let bad = || InvalidInput::new("client id", "fits in no header of the provider's APIs");
            let name = HeaderName::try_from(name).map_err(|_| bad())?;
            let value = HeaderValue::try_from(value.replace("{client_id}", &id)).map_err(|_| bad())?;
            client = client.with_api_header(name, value);
        }
        Ok(client)
    }

    /// A client with a secret, which is sent as this provider wants it; in the `Authorization` header where that is not known
    /// ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1): every server has to take it).
    ///
    /// # Errors
    ///
    /// As [`client`](Self::client).
    pub fn confidential_client(
        &self,
        id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Result<Client, Error> {
        let client = self.client(id)?;
        Ok(match self.facts.client_authentication {
            Some(Sent::Post) => client.with_secret_post(secret),
            Some(Sent::Basic) | None => client.with_secret_basic(secret),
        })
    }

    /// The name of the preset.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// The name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.facts.title
    }

    /// The provider's own guide.
    #[must_use]
    pub fn docs(&self) -> Option<&str> {
        self.facts.docs.as_deref()
    }

    /// What is to be filled in, by name.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.facts.placeholders.iter().map(Placeholder::of)
    }

    /// How to get a refresh token, in a sentence or two; `None` where that is not known.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&str> {
        self.facts.refresh_token.as_deref()
    }

    /// The scope without which no refresh token comes, where there is one.
    #[must_use]
    pub fn refresh_token_scope(&self) -> Option<&str> {
        self.facts.refresh_token_scope.as_deref()
    }

    /// Which redirect addresses of an installed application the provider takes, where that is known.
    #[must_use]
    pub fn loopback_redirect(&self) -> Option<&str> {
        self.facts.loopback_redirect.as_deref()
    }

    /// What else to know.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.facts.note.as_deref()
    }

    /// How the provider differs from the standards.
    #[must_use]
    pub fn quirks(&self) -> &Quirks {
        &self.facts.quirks
    }

    /// Where a device asks for a code for its user ([RFC 8628 section 3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)), where
    /// that is known.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] if a placeholder without a default was not filled in.
    pub fn device_authorization_endpoint(&self) -> Result<Option<Endpoint>, Error> {
        self.optional(self.facts.device_authorization_endpoint.as_deref())
    }

    /// Where an access token is traded for who the user is, in the provider's own form, where that is known.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] if a placeholder without a default was not filled in.
    pub fn userinfo_endpoint(&self) -> Result<Option<Endpoint>, Error> {
        self.optional(self.facts.userinfo_endpoint.as_deref())
    }

    /// The issuer, unless a placeholder has a value that stands for many of them.
    fn issuer(&self) -> Result<Option<Issuer>, Error> {
        let names_none = |(placeholder, values): (&String, &Vec<String>)| {
            let value = self.value(placeholder);
            value.is_some_and(|value| values.iter().any(|many| many == value))
        };
        match &self.facts.issuer {
            Some(issuer) if !self.facts.no_issuer_where.iter().any(names_none) => {
                Issuer::new(self.filled(issuer)?).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn origins(&self) -> Result<Vec<Origin>, Error> {
        let origins = self.facts.origins.iter();
        origins.map(|origin| Origin::new(&self.filled(origin)?)).collect()
    }

    fn optional(&self, template: Option<&str>) -> Result<Option<Endpoint>, Error> {
        template.map(|template| self.endpoint(template)).transpose()
    }

    fn endpoint(&self, template: &str) -> Result<Endpoint, Error> {
        Endpoint::new(self.filled(template)?)
    }

    /// The address with its placeholders filled in.
    fn filled(&self, template: &str) -> Result<String, Error> {
        let mut address = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            address.push_str(before);
            address.push_str(self.value(name).ok_or_else(|| self.missing(name))?);
            rest = after;
        }
        address.push_str(rest);
        Ok(address)
    }

    /// What stands in place of a placeholder.
    fn value(&self, placeholder: &str) -> Option<&str> {
        let default = || self.facts.placeholders.get(placeholder)?.default.as_deref();
        self.given.get(placeholder).map(String::as_str).or_else(default)
    }

    fn missing(&self, placeholder: &str) -> ProviderProblem {
        let about = self.facts.placeholders.get(placeholder);
        ProviderProblem::Missing {
            provider: self.facts.name.clone(),
            placeholder: placeholder.to_owned(),
            about: about.map_or_else(String::new, |wanted| wanted.about.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
