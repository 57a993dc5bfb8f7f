//! A file of credentials of any type, of which those on a list are taken
//! ([why](https://cloud.google.com/docs/authentication/external/externally-sourced-credentials)).

use grantflow_core::Error;
use grantflow_core::error::{CredentialsFileProblem, InvalidInput};
use serde::Deserialize;

use crate::authorized_user::AuthorizedUser;
use crate::key::ServiceAccountKey;
use crate::trust::{KEY_FILE, TrustedEndpoints};

/// A file whose type is on the list.
#[derive(Clone, Debug)]
pub(crate) enum CredentialsFile {
    ServiceAccount(ServiceAccountKey),
    AuthorizedUser(AuthorizedUser),
}

impl CredentialsFile {
    pub(crate) fn read(json: &[u8], trusted: &TrustedEndpoints) -> Result<Self, CredentialsFileProblem> {
        let file: File = parse(json)?;
        let kind = file.kind.text("type", "", UNTYPED)?;
        match &*kind {
            SERVICE_ACCOUNT => {
                let text = str::from_utf8(json).unwrap_or_default();
                let key = ServiceAccountKey::from_json_trusting(text, trusted);
                Ok(Self::ServiceAccount(key.map_err(|error| match error {
                    Error::InvalidInput(problem) => CredentialsFileProblem::Unusable(problem),
                    _ => InvalidInput::new(KEY_FILE, "cannot be used").into(),
                })?))
            }
            AUTHORIZED_USER => Ok(Self::AuthorizedUser(AuthorizedUser::read(json, trusted)?)),
            other => Err(CredentialsFileProblem::Type(other.chars().take(40).collect())),
        }
    }
}

const SERVICE_ACCOUNT: &str = "service_account";
pub(crate) const AUTHORIZED_USER: &str = "authorized_user";
const UNTYPED: &str = "file of credentials";

/// The member that tells the types apart.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type", default)]
    kind: Member,
}

/// The text of a JSON object, as these members. serde_json's errors print values, so the place alone is kept.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, CredentialsFileProblem> {
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    // Of a list, serde would take the items for the members in their order.
    let is_object = json.trim_ascii_start().starts_with(b"{");
    if !is_object {
        return Err(CredentialsFileProblem::NotJson { line: 1, column: 1 });
    }
    serde_json::from_slice(json).map_err(|error| CredentialsFileProblem::NotJson {
        line: error.line(),
        column: error.column().max(1),
    })
}

/// A member that is a text, if the file is in order.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Member {
    Text(String),
    Null(()),
    Other(serde::de::IgnoredAny),
    #[default]
    #[serde(skip)]
    Absent,
}

impl Member {
    /// What it says; absent, null and empty are missing.
    pub(crate) fn text(
        self,
        property: &'static str,
        file_type: &'static str,
        file: &'static str,
    ) -> Result<String, CredentialsFileProblem> {
        self.optional(file)?
            .ok_or(CredentialsFileProblem::Missing { property, file_type })
    }

    pub(crate) fn optional(self, file: &'static str) -> Result<Option<String>, CredentialsFileProblem> {
        match self {
            Self::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Self::Null(()) | Self::Absent => Ok(None),
            Self::Other(_) => Err(InvalidInput::new(file, "has a property that is no text").into()),
        }
    }
}
