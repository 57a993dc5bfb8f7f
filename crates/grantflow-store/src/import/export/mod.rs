//! Records as files that oauth2client 4.1.3 and google-auth load: for their owner alone, whole or not at all.

mod authorized_user;
mod oauth2client;
mod write;

#[cfg(unix)]
pub(super) use self::write::Prepared;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantflow_core::{Authentication, Record, Secret, Timestamp, TokenType};
use serde_json::{Map, Value, json};

use super::format::decoded;
use super::members::Wiped;
use super::{ForeignFileError, Problem};

/// Writes records for another library.
///
/// Whoever has a refresh token may use it. If the server gives a new one at each refresh and refuses the old one, then two
/// programs that refresh the same grant without a common lock log each other out: give the other program
/// [an access token alone](Self::access_token_only), or stop using the record here.
///
/// # Example
///
/// ```
/// use grantflow_core::{Client, Key, Provenance, Record, Scopes, Timestamp, Token};
/// use grantflow_store::import::{Export, ExportFormat};
///
/// let now = Timestamp::from_unix_seconds(1_800_000_000);
/// let client = Client::google("cid")?.with_secret_post("secret");
/// let key = Key::new(&client, Scopes::parse("openid")?);
/// let mut token = Token::bearer("ya29.x", now);
/// token.refresh_token = Some("1//x".into());
/// let record = Record::new(key, client, token, Provenance::new("example", now));
/// let json = Export::new(ExportFormat::FileStorage).to_json(&[record])?;
/// assert!(json.expose().contains(r#""_class":"OAuth2Credentials""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Export {
    format: ExportFormat,
    access_token_only: bool,
    replacing: bool,
}

/// A format that records can be written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One credential for `oauth2client.file.Storage`, or for `Credentials.new_from_json()`.
    FileStorage,
    /// Any number for `oauth2client.contrib.multiprocess_file_storage`, each under its label, else under its client id and account.
    MultiprocessFileStorage,
    /// One credential for google-auth's `Credentials.from_authorized_user_file()` and for `GOOGLE_APPLICATION_CREDENTIALS`.
    AuthorizedUser,
}

impl Export {
    /// In this format; a file that is there already is an error.
    #[must_use]
    pub const fn new(format: ExportFormat) -> Self {
        Self {
            format,
            access_token_only: false,
            replacing: false,
        }
    }

    /// Without refresh token and client secret: as `AccessTokenCredentials`, which oauth2client never refreshes.
    #[must_use]
    pub const fn access_token_only(mut self) -> Self {
        self.access_token_only = true;
        self
    }

    /// In place of a file that is there already, in one step: a reader finds the old one or the new one, whole.
    #[must_use]
    pub const fn replacing(mut self) -> Self {
        self.replacing = true;
        self
    }

    /// The content of the file.
    ///
    /// # Errors
    ///
    /// [`Problem::NotOne`], [`Problem::SameName`], [`Problem::Revoked`] or [`Problem::Unwritable`], each naming the record.
    pub fn to_json(&self, records: &[Record]) -> Result<Secret, ForeignFileError> {
        if let Some(revoked) = records
            .iter()
            .find(|record| record.refresh_state().revoked_at.is_some())
        {
            return Err(Problem::Revoked(name(revoked)).into());
        }
        let json = match self.format {
            ExportFormat::FileStorage => self.oauth2client(one(records)?)?,
            ExportFormat::AuthorizedUser if self.access_token_only => {
                return Err(lacks(one(records)?, "a refresh token").into());
            }
            ExportFormat::AuthorizedUser => Wiped(authorized_user::object(one(records)?)?),
            ExportFormat::MultiprocessFileStorage => self.multiprocess(records)?,
        };
        Ok(Secret::new(json.0.to_string()))
    }

    /// Writes the file: made for its owner alone, synced, and then given its name.
    ///
    /// # Errors
    ///
    /// Those of [`to_json`](Self::to_json); [`Problem::Exists`] where a file is and none was to be
    /// [replaced](Self::replacing); [`Problem::SymbolicLink`], [`Problem::NotAFile`] or [`Problem::Io`] where nothing could be
    /// written. What was there before is then still whole.
    pub fn write(&self, path: impl AsRef<Path>, records: &[Record]) -> Result<(), ForeignFileError> {
        let path = path.as_ref();
        let json = self.to_json(records)?;
        write::write(path, json.expose().as_bytes(), self.replacing).map_err(|error| error.at(path))
    }

    fn oauth2client(&self, record: &Record) -> Result<Wiped, Problem> {
        if self.access_token_only {
            return oauth2client::access_token(record).map(Wiped);
        }
        oauth2client::object(record).map(Wiped)
    }

    fn multiprocess(&self, records: &[Record]) -> Result<Wiped, Problem> {
        let mut all = Map::new();
        for record in records {
            let credential = self.oauth2client(record)?;
            let old = all.insert(name(record), encoded(&credential));
            if old.is_some() {
                return Err(Problem::SameName(name(record)));
            }
        }
        Ok(Wiped(multiprocess_file(all)))
    }
}

/// A record as `multiprocess_file_storage` keeps it.
#[cfg(unix)]
pub(super) fn entry(record: &Record) -> Result<Value, Problem> {
    Ok(encoded(&Wiped(oauth2client::object(record)?)))
}

/// The same entry, given up, as Python does when a refresh is refused, and without its refresh token, which may be spent; `None` if it
/// is none.
pub(super) fn over_entry(entry: &Value) -> Option<Value> {
    let mut credential = decoded(entry).ok()?;
    let members = credential.0.as_object_mut()?;
    members.insert("invalid".to_owned(), true.into());
    members.insert("refresh_token".to_owned(), Value::Null);
    Some(encoded(&credential))
}

fn encoded(credential: &Wiped) -> Value {
    let json = Secret::new(credential.0.to_string());
    Value::String(STANDARD.encode(json.expose()))
}

fn multiprocess_file(credentials: Map<String, Value>) -> Value {
    json!({ "file_version": 2, "credentials": credentials })
}

/// What a file of several calls a record, and what an error does.
pub(super) fn name(record: &Record) -> String {
    let key = record.key();
    match (key.label(), key.account()) {
        ("", "") => key.client_id().to_owned(),
        ("", account) => format!("{}-{account}", key.client_id()),
        (label, _) => label.to_owned(),
    }
}

fn one(records: &[Record]) -> Result<&Record, Problem> {
    match records {
        [record] => Ok(record),
        others => Err(Problem::NotOne(others.len())),
    }
}

fn lacks(record: &Record, lacks: &'static str) -> Problem {
    let name = name(record);
    Problem::Unwritable { name, lacks }
}

/// Whoever reads these files sends the tokens in them as they are, over any connection.
fn must_be_bearer(record: &Record) -> Result<(), Problem> {
    let is_bearer = record.token().token_type == TokenType::Bearer && record.certificate().is_none();
    is_bearer
        .then_some(())
        .ok_or_else(|| lacks(record, "a bearer token"))
}

/// The client's secret, or null for a public client.
fn client_secret(record: &Record) -> Result<Value, Problem> {
    match record.client().authentication() {
        Authentication::None => Ok(Value::Null),
        Authentication::Basic(secret) | Authentication::Post(secret) => Ok(secret.expose().into()),
        _ => Err(lacks(record, "a client secret")),
    }
}

fn text(secret: Option<&Secret>) -> Value {
    secret
        .filter(|secret| !secret.is_empty())
        .map(Secret::expose)
        .into()
}

/// A time in whole seconds, within the years that Python reads.
fn seconds(time: Timestamp) -> String {
    const LAST: i64 = 253_402_300_799;
    Timestamp::from_unix_seconds(time.unix_seconds().clamp(0, LAST)).to_string()
}
