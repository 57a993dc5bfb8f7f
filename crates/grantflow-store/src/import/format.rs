//! Which format a file has, by its content, and the credentials in it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use grantflow_core::{Record, Scopes, Timestamp};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::members::{Members, Wiped};
use super::user::{self, Place};
use super::{Found, NotTaken, Problem, authorized_user};

/// A format of another library.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// `oauth2client.file.Storage`, or what `Credentials.to_json()` gave: one credential.
    FileStorage,
    /// `oauth2client.contrib.multiprocess_file_storage`, version 2: credentials by a text.
    MultiprocessFileStorage,
    /// `oauth2client.contrib.multistore_file`, version 1: credentials by client, user agent and scope, or by a key of one's own.
    MultistoreFile,
    /// Application default credentials of `gcloud`, or another file with a `type` of google-auth.
    ApplicationDefault,
    /// What google-auth's `Credentials.to_json()` gave.
    GoogleAuth,
}

impl Format {
    /// Its name for people and for `--format json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileStorage => "oauth2client",
            Self::MultiprocessFileStorage => "oauth2client-multiprocess",
            Self::MultistoreFile => "oauth2client-multistore",
            Self::ApplicationDefault => "application-default",
            Self::GoogleAuth => "google-auth",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a JSON text holds.
pub(super) fn read(json: &Value, now: Timestamp) -> Result<(Format, Vec<Found>), Problem> {
    let object = json.as_object().ok_or(Problem::Unrecognised)?;
    let has = |name: &str| object.contains_key(name);
    if has("_module") || has("_class") {
        let found = oauth2client(String::new(), object, Ok(Place::default()), now);
        return Ok((Format::FileStorage, vec![found]));
    }
    if has("credentials") && has("file_version") {
        return Ok((Format::MultiprocessFileStorage, multiprocess(object, now)?));
    }
    if has("data") && has("file_version") {
        return Ok((Format::MultistoreFile, multistore(object, now)?));
    }
    if has("grantflow_file") || has("grantflow") {
        return Err(Problem::Ours);
    }
    let members = Members(object);
    let format = if members.get("type").is_some_and(Value::is_string) {
        Format::ApplicationDefault
    } else if has("refresh_token") && has("client_id") {
        Format::GoogleAuth
    } else if object.len() == 1 && (has("web") || has("installed")) {
        return Err(Problem::ClientSecrets);
    } else {
        return Err(Problem::Unrecognised);
    };
    let found = Found {
        name: String::new(),
        class: authorized_user::shown_type(members),
        taken: authorized_user::record(object, now),
    };
    Ok((format, vec![found]))
}

fn oauth2client(
    name: String,
    object: &Map<String, Value>,
    place: Result<Place, NotTaken>,
    now: Timestamp,
) -> Found {
    Found {
        name,
        class: user::shown_class(Members(object)),
        taken: place.and_then(|place| user::record(object, place, now)),
    }
}

fn not_taken(name: String, why: NotTaken) -> Found {
    Found {
        name,
        class: String::new(),
        taken: Err(why),
    }
}

fn version(object: &Map<String, Value>, known: u64) -> Result<(), Problem> {
    match object.get("file_version").and_then(Value::as_u64) {
        Some(version) if version == known => Ok(()),
        Some(version) if version > known => Err(Problem::Newer(version)),
        _ => Err(Problem::Invalid("file_version")),
    }
}

/// Each credential is JSON in base64, by a text of the application's choice.
fn multiprocess(object: &Map<String, Value>, now: Timestamp) -> Result<Vec<Found>, Problem> {
    version(object, 2)?;
    let all = object.get("credentials").and_then(Value::as_object);
    let all = all.ok_or(Problem::Invalid("credentials"))?;
    Ok(all
        .iter()
        .map(|(label, value)| multiprocess_entry(label, value, now))
        .collect())
}

/// One credential of such a file.
pub(super) fn multiprocess_entry(label: &str, value: &Value, now: Timestamp) -> Found {
    let name = label.to_owned();
    let json = match decoded(value) {
        Ok(json) => json,
        Err(why) => return not_taken(name, why),
    };
    let Some(object) = json.0.as_object() else {
        return not_taken(name, NotTaken::NotAnObject);
    };
    let place = Place {
        label: name.clone(),
        ..Place::default()
    };
    oauth2client(name, object, Ok(place), now)
}

pub(super) fn decoded(value: &Value) -> Result<Wiped, NotTaken> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&STANDARD, ANY_PADDING);
    let text = value.as_str().ok_or(NotTaken::NotBase64)?;
    let json = Zeroizing::new(base64.decode(text).map_err(|_| NotTaken::NotBase64)?);
    let json = serde_json::from_slice(&json).map_err(|_| NotTaken::NotAnObject)?;
    Ok(Wiped(json))
}

/// Each credential is an object beside its key, which is one too.
fn multistore(object: &Map<String, Value>, now: Timestamp) -> Result<Vec<Found>, Problem> {
    version(object, 1)?;
    let all = object.get("data").and_then(Value::as_array);
    let all = all.ok_or(Problem::Invalid("data"))?;
    Ok(all.iter().map(|entry| multistore_entry(entry, now)).collect())
}

fn multistore_entry(entry: &Value, now: Timestamp) -> Found {
    let key = &entry["key"];
    let name = key_name(key);
    let Some(credential) = entry["credential"].as_object() else {
        return not_taken(name, NotTaken::Missing("credential"));
    };
    let place = if key.is_object() || key.is_string() {
        place(key, &name, credential)
    } else {
        Err(NotTaken::Invalid("key"))
    };
    oauth2client(name, credential, place, now)
}

/// A key as one text: itself if it is `{"key": "…"}`, else its JSON, members sorted.
fn key_name(key: &Value) -> String {
    let custom = key.as_str().or_else(|| match key.as_object() {
        Some(members) if members.len() == 1 => members.get("key")?.as_str(),
        _ => None,
    });
    custom.map_or_else(|| key.to_string(), str::to_owned)
}

/// Client, user agent and scope go into the parts of a key that they are; anything else is a label.
fn place(key: &Value, name: &str, credential: &Map<String, Value>) -> Result<Place, NotTaken> {
    let label = || Place {
        label: name.to_owned(),
        ..Place::default()
    };
    let text = |member: &str| key[member].as_str();
    let of_client = key.as_object().is_some_and(|members| members.len() == 3)
        && text("clientId").is_some_and(|id| credential.get("client_id").is_some_and(|known| known == id));
    let (true, Some(scope)) = (of_client, text("scope")) else {
        return Ok(label());
    };
    let user_agent = match &key["userAgent"] {
        Value::Null => String::new(),
        Value::String(user_agent) => user_agent.clone(),
        _ => return Ok(label()),
    };
    Ok(Place {
        label: String::new(),
        scopes: Some(Scopes::parse(scope).map_err(|_| NotTaken::Invalid("scope"))?),
        user_agent: Some(user_agent),
    })
}

/// The records among what was found.
pub(super) fn records(found: Vec<Found>) -> Vec<Record> {
    found.into_iter().filter_map(|found| found.taken.ok()).collect()
}
