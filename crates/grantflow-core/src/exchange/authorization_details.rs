//! What exactly is asked for, and what was granted of it: rich authorization requests ([RFC 9396]).
//!
//! [RFC 9396]: https://www.rfc-editor.org/rfc/rfc9396

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::members::Members;
use crate::error::InvalidInput;
use crate::extras::Extras;
use crate::{Error, Introspection, Token};

/// One thing that is asked for or granted, of a type that says what its other members mean ([RFC 9396 section 2]).
///
/// `Debug` prints the type and the names of the members: a detail can name accounts and amounts.
///
/// # Example
///
/// ```
/// use grantflow_core::AuthorizationDetail;
///
/// let detail = AuthorizationDetail::new("payment_initiation")
///     .locations(["https://example.com/payments"])
///     .actions(["initiate", "status"])
///     .with("creditorName", "Merchant A")?;
/// assert_eq!(detail.get::<String>("creditorName").as_deref(), Some("Merchant A"));
/// # Ok::<(), grantflow_core::Error>(())
/// ```
///
/// [RFC 9396 section 2]: https://www.rfc-editor.org/rfc/rfc9396#section-2
#[derive(Clone)]
pub struct AuthorizationDetail {
    detail_type: String,
    members: Extras,
}

/// A list of [`AuthorizationDetail`]s, as the parameter and the member `authorization_details` have it.
///
/// # Example
///
/// ```
/// use grantflow_core::{AuthorizationDetail, AuthorizationDetails};
///
/// let details = AuthorizationDetails::from(AuthorizationDetail::new("account_information").actions(["read_balances"]));
/// assert_eq!(details.to_json(), r#"[{"type":"account_information","actions":["read_balances"]}]"#);
/// assert_eq!(AuthorizationDetails::parse(&details.to_json())?.iter().count(), 1);
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct AuthorizationDetails(Vec<AuthorizationDetail>);

impl AuthorizationDetail {
    /// Something of this type, which the server knows (`authorization_details_types_supported`).
    pub fn new(detail_type: impl Into<String>) -> Self {
        Self {
            detail_type: detail_type.into(),
            members: Extras::default(),
        }
    }

    /// Where it is to be done: the addresses of resources.
    #[must_use]
    pub fn locations<S: Into<String>>(self, locations: impl IntoIterator<Item = S>) -> Self {
        self.with_texts("locations", locations)
    }

    /// What is to be done there.
    #[must_use]
    pub fn actions<S: Into<String>>(self, actions: impl IntoIterator<Item = S>) -> Self {
        self.with_texts("actions", actions)
    }

    /// Which kinds of data are asked for.
    #[must_use]
    pub fn datatypes<S: Into<String>>(self, datatypes: impl IntoIterator<Item = S>) -> Self {
        self.with_texts("datatypes", datatypes)
    }

    /// Which one resource it is about, by its name at the API.
    #[must_use]
    pub fn identifier(self, identifier: impl Into<String>) -> Self {
        let identifier = identifier.into();
        // A text always serializes.
        self.clone().with("identifier", identifier).unwrap_or(self)
    }

    /// Which privileges are asked for.
    #[must_use]
    pub fn privileges<S: Into<String>>(self, privileges: impl IntoIterator<Item = S>) -> Self {
        self.with_texts("privileges", privileges)
    }

    fn with_texts<S: Into<String>>(self, name: &str, texts: impl IntoIterator<Item = S>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        // Texts always serialize.
        self.clone().with(name, texts).unwrap_or(self)
    }

    /// With a member that the type has, in place of one of the same name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the value cannot be written as JSON, or the name is `type`.
    pub fn with(self, name: &str, value: impl Serialize) -> Result<Self, Error> {
        if name == TYPE {
            return Err(InvalidInput::new("authorization detail", "has its type already").into());
        }
        let members = self.members.with(name, value)?;
        Ok(Self { members, ..self })
    }

    /// The type.
    #[must_use]
    pub fn detail_type(&self) -> &str {
        &self.detail_type
    }

    /// Reads another member; `None` if it is not there or not of this type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.members.get(name)
    }

    /// The names of the other members.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.members.names()
    }

    /// `None` for what is no object with a type, or has a member twice.
    fn read(json: &RawValue) -> Option<Self> {
        let members = Members::nested(json.get().as_bytes()).ok()?;
        let detail_type: String = serde_json::from_str(members.any(TYPE)?.get()).ok()?;
        let mut detail = Self::new(detail_type);
        for (name, value) in members.all().filter(|(name, _)| *name != TYPE) {
            detail.members.push(name, value);
        }
        Some(detail)
    }
}

impl AuthorizationDetails {
    /// Reads a list in JSON.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is no array of objects with a type.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let list: Option<Vec<&RawValue>> = serde_json::from_str(json).ok();
        let details = list.and_then(|list| list.into_iter().map(AuthorizationDetail::read).collect());
        details.map(Self).ok_or_else(|| UNREADABLE.into())
    }

    /// With one more.
    #[must_use]
    pub fn and(mut self, detail: AuthorizationDetail) -> Self {
        self.0.push(detail);
        self
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &AuthorizationDetail> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list in JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("[");
        for detail in &self.0 {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str("{\"type\":");
            // A text always serializes.
            json.push_str(&serde_json::to_string(&detail.detail_type).unwrap_or_default());
            detail.members.write_after(&mut json);
            json.push('}');
        }
        json.push(']');
        json
    }

    fn within(extras: &Extras) -> Result<Option<Self>, Error> {
        match extras.get::<Box<RawValue>>(NAME) {
            None => Ok(None),
            Some(json) => Self::parse(json.get()).map(Some),
        }
    }
}

impl From<AuthorizationDetail> for AuthorizationDetails {
    fn from(detail: AuthorizationDetail) -> Self {
        Self(vec![detail])
    }
}

impl FromIterator<AuthorizationDetail> for AuthorizationDetails {
    fn from_iter<I: IntoIterator<Item = AuthorizationDetail>>(details: I) -> Self {
        Self(details.into_iter().collect())
    }
}

impl Token {
    /// The details that were granted, where the server names them ([RFC 9396 section 7]); they may be others than those asked for. A
    /// record keeps them, and a refresh that names none leaves them as they are.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if what it sent cannot be read.
    ///
    /// [RFC 9396 section 7]: https://www.rfc-editor.org/rfc/rfc9396#section-7
    pub fn authorization_details(&self) -> Result<Option<AuthorizationDetails>, Error> {
        AuthorizationDetails::within(&self.extras)
    }
}

impl Introspection {
    /// The details that the token stands for, where the server names them ([RFC 9396 section 9.2]).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if what it sent cannot be read.
    ///
    /// [RFC 9396 section 9.2]: https://www.rfc-editor.org/rfc/rfc9396#section-9.2
    pub fn authorization_details(&self) -> Result<Option<AuthorizationDetails>, Error> {
        AuthorizationDetails::within(&self.extras)
    }
}

impl fmt::Debug for AuthorizationDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationDetail")
            .field("type", &self.detail_type)
            .field("members", &self.members)
            .finish()
    }
}

impl fmt::Debug for AuthorizationDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of the member.
const NAME: &str = "authorization_details";
const TYPE: &str = "type";
const UNREADABLE: InvalidInput =
    InvalidInput::new("authorization_details", "is no array of objects with a type");

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// RFC 9396 section 2.
    const PAYMENT: &str = r#"[{"type":"payment_initiation","locations":["https://example.com/payments"],"instructedAmount":{"currency":"EUR","amount":"123.50"},"creditorAccount":{"iban":"DE02100100109307118603"}}]"#;

    #[test]
    fn details_are_read_as_they_are_written() {
        let details = AuthorizationDetails::parse(PAYMENT).unwrap();
        assert_eq!(details.to_json(), PAYMENT);
        let [detail] = &*details.iter().collect::<Vec<_>>() else {
            panic!("there is one")
        };
        assert_eq!(detail.detail_type(), "payment_initiation");
        assert_eq!(
            detail.names(),
            ["locations", "instructedAmount", "creditorAccount"]
        );
        let locations: Vec<String> = detail.get("locations").unwrap();
        assert_eq!(locations, ["https://example.com/payments"]);
        let two = details.and(AuthorizationDetail::new("a\"b"));
        assert!(
            two.to_json().ends_with(r#",{"type":"a\"b"}]"#),
            "{}",
            two.to_json()
        );
        assert_eq!(AuthorizationDetails::default().to_json(), "[]");
    }

    #[test]
    fn each_member_of_the_standard_has_its_name() {
        let detail = AuthorizationDetail::new("t")
            .locations(["l"])
            .actions(["a"])
            .datatypes(["d"])
            .identifier("i")
            .privileges(["p"])
            .actions(["b"]);
        assert_eq!(
            AuthorizationDetails::from(detail).to_json(),
            r#"[{"type":"t","locations":["l"],"datatypes":["d"],"identifier":"i","privileges":["p"],"actions":["b"]}]"#
        );
        assert!(AuthorizationDetail::new("t").with("type", "u").is_err());
    }

    #[test]
    fn t08_what_is_no_array_of_objects_with_one_type_is_refused() {
        for json in [
            "",
            "{}",
            "[1]",
            "[{}]",
            r#"[{"type":1}]"#,
            r#"[{"type":"a","type":"b"}]"#,
            r#"[{"type":"a","x":1,"x":2}]"#,
            r#"[{"type":"a"}"#,
        ] {
            let refused = AuthorizationDetails::parse(json);
            assert!(matches!(refused, Err(Error::InvalidInput(_))), "{json}");
        }
    }

    #[test]
    fn t59_no_value_of_a_detail_is_printed() {
        let printed = format!("{:?}", AuthorizationDetails::parse(PAYMENT).unwrap());
        assert!(
            printed.contains("creditorAccount") && !printed.contains("DE021"),
            "{printed}"
        );
    }
}
