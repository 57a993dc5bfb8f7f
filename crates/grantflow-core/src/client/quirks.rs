//! How providers differ from the standards, as data.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::HeaderName;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::error::InvalidInput;
use crate::{Error, form};

/// What one provider does differently; the default is a server that keeps to the standards.
///
/// Harmless differences are tolerated without a quirk (see `TokenRequest::parse`).
/// What weakens a check or changes what is sent has a name here. The numbers are those of the tests, `q37_…`.
///
/// Three things no quirk brings, on purpose: secrets in the query of an address (quirk 26), replies in XML or as a script (quirk 15), and a
/// server that is named by a reply or a redirect (quirk 34).
///
/// # Example
///
/// ```
/// use grantflow_core::Quirks;
///
/// let mut quirks = Quirks::default();
/// quirks.comma_scopes = true;
/// quirks.error_codes.insert("bad_refresh_token".into(), "invalid_grant".into());
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Quirks {
    // How the client authenticates.
    /// Basic authentication without the form encoding of RFC 6749 appendix B (quirk 22).
    #[serde(skip_serializing_if = "is_default")]
    pub raw_basic: bool,
    /// Basic authentication and `client_id` in the body as well: X (quirk 24).
    #[serde(skip_serializing_if = "is_default")]
    pub client_id_beside_basic: bool,
    /// Instead of Basic the secret alone, as a bearer token: Stripe (quirk 21).
    #[serde(skip_serializing_if = "is_default")]
    pub bearer_secret: bool,
    /// Basic authentication with an empty secret where the client has none: Reddit (quirk 23).
    #[serde(skip_serializing_if = "is_default")]
    pub basic_without_secret: bool,

    // What is sent to the token endpoint.
    /// Requests in JSON instead of a form: Notion (quirk 25).
    #[serde(skip_serializing_if = "is_default")]
    pub json_requests: bool,
    /// The provider's names of parameters, by those of the standard: TikTok's `client_key` for `client_id` (quirks 27, 38, 39). They
    /// count at the authorization endpoint too; what secures the flow (`state`, `nonce`, PKCE) keeps its name.
    #[serde(skip_serializing_if = "is_default")]
    pub renamed_parameters: BTreeMap<String, String>,
    /// No `redirect_uri` in the exchange of a code (quirk 28). It weakens the code's bond to the login; PKCE remains.
    #[serde(skip_serializing_if = "is_default")]
    pub no_redirect_uri_in_exchange: bool,
    /// The scopes that were asked for, sent again with each refresh: Okta (quirk 30).
    #[serde(skip_serializing_if = "is_default")]
    pub scopes_on_refresh: bool,
    /// Further parameters of the exchange of a code: Basecamp's `type=web_server` (quirk 32).
    #[serde(skip_serializing_if = "is_default")]
    pub exchange_parameters: BTreeMap<String, String>,
    /// Further parameters of each refresh, such as a `redirect_uri` (quirks 28, 32).
    #[serde(skip_serializing_if = "is_default")]
    pub refresh_parameters: BTreeMap<String, String>,
    /// Further headers of token requests: Notion's version (quirk 32). None of those that carry secrets or frame the body.
    #[serde(skip_serializing_if = "is_default")]
    pub token_request_headers: BTreeMap<String, String>,
    /// No PKCE, neither challenge nor verifier, for servers that fail when they see it: LinkedIn (quirk 33). A code that is stolen on its
    /// way can then be used by the thief who also has the client's secret, or where there is none.
    #[serde(skip_serializing_if = "is_default")]
    pub without_pkce: bool,
    /// The code is percent-encoded once more than a redirect's parameters are: Square (quirk 35).
    #[serde(skip_serializing_if = "is_default")]
    pub code_is_encoded_twice: bool,

    // Replies of the token endpoint.
    /// Successful token replies come form-encoded (quirk 13).
    #[serde(skip_serializing_if = "is_default")]
    pub form_token_replies: bool,
    /// Successful token replies are JSON under another media type or none (quirk 14).
    #[serde(skip_serializing_if = "is_default")]
    pub any_media_type: bool,
    /// A `token_type` that is unknown means a bearer token: eBay's `User Access Token` (quirk 8).
    #[serde(skip_serializing_if = "is_default")]
    pub any_token_type_is_bearer: bool,
    /// The member in which the token stands with all that belongs to it: `data`, Slack's `authed_user` (quirk 12).
    #[serde(skip_serializing_if = "is_default")]
    pub reply_object: Option<String>,
    /// The provider's names of members, by those of the standard: `accessToken` for `access_token`, `expires` for `expires_in`
    /// (quirks 3, 11). `expires_at` can be named too: a time, as text or in seconds since 1970, for Square (quirk 5).
    #[serde(skip_serializing_if = "is_default")]
    pub reply_members: BTreeMap<String, String>,
    /// What `expires_in` counts: Fiserv's milliseconds, Bullhorn's minutes (quirk 4).
    #[serde(skip_serializing_if = "is_default")]
    pub lifetime_unit: LifetimeUnit,
    /// How long tokens live where replies do not say it: Salesforce (quirk 6).
    #[serde(skip_serializing_if = "is_default")]
    pub lifetime_seconds: Option<u32>,
    /// An `expires_in` of 0 means that the token does not end: Mailchimp (quirk 2).
    #[serde(skip_serializing_if = "is_default")]
    pub zero_lifetime_is_endless: bool,
    /// Where the code of a refusal stands, if not in `error`; a path with dots and places in lists: Fitbit's `errors.0.errorType`,
    /// Twitch's `message`, WeChat's `errcode` (quirks 16, 17).
    #[serde(skip_serializing_if = "is_default")]
    pub error_code: Option<String>,
    /// The standard's codes of refusals by those of the provider: GitHub's `bad_refresh_token` is `invalid_grant` (quirks 17, 48).
    #[serde(skip_serializing_if = "is_default")]
    pub error_codes: BTreeMap<String, String>,
    /// A spent refresh token still works for so many seconds (quirk 67), so that a lost reply is asked for again at once.
    #[serde(skip_serializing_if = "is_default")]
    pub refresh_grace_seconds: Option<u32>,

    // The authorization request and its redirect.
    /// Scopes are separated by commas in requests (quirk 37).
    #[serde(skip_serializing_if = "is_default")]
    pub comma_scopes: bool,
    /// No `response_type`: monday.com (quirk 39).
    #[serde(skip_serializing_if = "is_default")]
    pub no_response_type: bool,
    /// The redirect comes as a form that the browser posts, and has to be asked for so: Apple (quirk 45).
    #[serde(skip_serializing_if = "is_default")]
    pub form_post: bool,
    /// What the code is called in the redirect: Amazon's `spapi_oauth_code` (quirk 43).
    #[serde(skip_serializing_if = "is_default")]
    pub code_parameter: Option<String>,
    /// Parameters of the redirect that are kept with the token as if the token endpoint had sent them: Intuit's `realmId` (quirk 44).
    /// The browser brings them, so whoever logs in can choose them.
    #[serde(skip_serializing_if = "is_default")]
    pub kept_callback_parameters: Vec<String>,

    // Calls of APIs with the token.
    /// The header that carries the token, alone and without `Bearer`, instead of `Authorization`: Shopify's `x-shopify-access-token`
    /// (quirk 65). HTTP clients that follow redirects take such a header along, so requests with it follow none.
    #[serde(skip_serializing_if = "is_default")]
    pub token_header: Option<String>,
    /// Statuses besides 401 by which APIs say that a token has ended, such as 403 (quirk 66). A refresh is spent on each; a token that was
    /// refreshed for one and is refused again is given back with the refusal.
    #[serde(skip_serializing_if = "is_default")]
    pub refused_statuses: Vec<u16>,
}

/// What a number of a lifetime counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LifetimeUnit {
    /// Seconds, as the standard has it.
    #[default]
    Seconds,
    /// Thousandths of seconds.
    Milliseconds,
    /// Minutes.
    Minutes,
}

impl Quirks {
    /// How long a spent refresh token still works.
    #[must_use]
    pub fn refresh_grace(&self) -> Option<Duration> {
        self.refresh_grace_seconds
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// The header that carries the token instead of `Authorization`.
    pub(crate) fn other_token_header(&self) -> Result<Option<HeaderName>, Error> {
        let Some(name) = &self.token_header else {
            return Ok(None);
        };
        let name =
            HeaderName::try_from(name).map_err(|_| InvalidInput::new("header of the token", "is none"))?;
        if form::RESERVED.contains(&name) {
            return Err(InvalidInput::new("header of the token", "means something else").into());
        }
        Ok(Some(name))
    }

    /// The provider's name of a parameter.
    pub(crate) fn name_of<'a>(&'a self, standard: &'a str) -> &'a str {
        if self.renamed_parameters.is_empty() || SECURING.contains(&standard) {
            return standard;
        }
        self.renamed_parameters
            .get(standard)
            .map_or(standard, String::as_str)
    }

    /// Whether a request in the standard's form would not do.
    pub(crate) fn changes_requests(&self) -> bool {
        self.json_requests || !self.renamed_parameters.is_empty() || !self.token_request_headers.is_empty()
    }

    /// Whether a successful reply is to be put into the standard's form first.
    pub(crate) fn changes_replies(&self) -> bool {
        self.any_token_type_is_bearer
            || self.zero_lifetime_is_endless
            || self.reply_object.is_some()
            || self.lifetime_seconds.is_some()
            || self.lifetime_unit != LifetimeUnit::Seconds
            || !self.reply_members.is_empty()
    }

    /// Whether refusals have other codes, or have them elsewhere.
    pub(crate) fn changes_refusals(&self) -> bool {
        self.error_code.is_some() || !self.error_codes.is_empty()
    }
}

/// The quirks of a client and its copies. Most have none: a record of theirs is read without making all of the members above.
#[derive(Clone, Default)]
pub(crate) struct SharedQuirks(Option<Arc<Quirks>>);

impl SharedQuirks {
    pub(crate) fn get(&self) -> &Quirks {
        static NONE: LazyLock<Quirks> = LazyLock::new(Quirks::default);
        self.0.as_deref().unwrap_or_else(|| &NONE)
    }
}

impl From<Quirks> for SharedQuirks {
    fn from(quirks: Quirks) -> Self {
        Self((!is_default(&quirks)).then(|| Arc::new(quirks)))
    }
}

impl Serialize for SharedQuirks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(quirks) => quirks.serialize(serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

impl<'de> Deserialize<'de> for SharedQuirks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quirks = <&RawValue>::deserialize(deserializer)?.get();
        if quirks == "{}" {
            return Ok(Self::default());
        }
        serde_json::from_str::<Quirks>(quirks)
            .map(Self::from)
            .map_err(de::Error::custom)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a login is secured with, which no provider may call otherwise: two readers would see two different values.
const SECURING: [&str; 5] = [
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
];
