//! Files of other libraries: what `oauth2client` kept becomes records, and records become what it loads.
//!
//! ```text
//! file ─▶ Import::read ─▶ Found (name, class, record or why not) ─▶ Store::put
//! record ─▶ Export ─▶ file, 0600, whole or not at all
//! ```
//!
//! A file is recognised by its content. It is only ever read: not moved, not changed, not locked unless asked for. A class it
//! names is looked up in a table; nothing is imported by name, and a pickled object is never loaded.

mod authorized_user;
mod classes;
mod error;
mod export;
mod format;
mod grant;
mod kept;
#[cfg(unix)]
mod lock;
mod members;
#[cfg(unix)]
mod mixed;
mod user;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use grantflow_core::{Key, Record, Timestamp};
use serde_json::error::Category;
use zeroize::Zeroizing;

pub use self::error::{ForeignFileError, NotTaken, Problem};
pub use self::export::{Export, ExportFormat};
pub use self::format::Format;
#[cfg(unix)]
pub use self::lock::FastenersLock;
use self::members::Wiped;
#[cfg(unix)]
pub use self::mixed::MixedFleetStore;

/// How long a file may be: thousands of credentials; each is one or two KiB.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// What was found in a file of another library.
///
/// # Example
///
/// ```
/// use grantflow_core::Timestamp;
/// use grantflow_store::import::{Format, Import};
///
/// let json = br#"{"_module": "oauth2client.client", "_class": "OAuth2Credentials", "client_id": "cid", "client_secret": "cs",
///     "access_token": "ya29.x", "refresh_token": "1//x", "token_uri": "https://oauth2.googleapis.com/token",
///     "token_expiry": "2030-01-02T03:04:05Z", "user_agent": null, "invalid": false, "scopes": ["openid"]}"#;
/// let import = Import::parse(json, Timestamp::from_unix_seconds(1_800_000_000))?;
/// assert_eq!(import.format(), Format::FileStorage);
/// for found in import.into_found() {
///     let record = found.taken?;
///     assert_eq!(record.key().client_id(), "cid");
///     assert_eq!(record.key().issuer(), "https://accounts.google.com");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Import {
    format: Format,
    found: Vec<Found>,
    readable_by_others: bool,
}

/// One credential of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// Its name in a file of several: the key of `multiprocess_file_storage`, the custom key of `multistore_file` (as JSON, where
    /// it is not a text). Empty in a file of one.
    pub name: String,
    /// The class or type that the file names; empty where it names none.
    pub class: String,
    /// The record, or why there is none.
    ///
    /// Its [key](Key) has the issuer (Google's name, where the token endpoint is Google's), the client id, the scopes that were asked
    /// for, and where the file has them the user agent, the account (`email` of the ID token, else its `sub`) and the label (the
    /// name in the file). [`record_under`](Self::record_under) puts it under another.
    pub taken: Result<Record, NotTaken>,
}

impl Found {
    /// The record under a key of the application's own, such as the one that its logins use.
    ///
    /// # Errors
    ///
    /// Why it was not taken.
    pub fn record_under(self, key: Key) -> Result<Record, NotTaken> {
        let record = self.taken?;
        let (client, token) = (record.client().clone(), record.token().clone());
        let moved = Record::new(key, client, token, record.provenance().clone());
        Ok(moved.with_origins(record.origins().iter().cloned()))
    }
}

impl Import {
    /// Reads the content of a file.
    ///
    /// `now` becomes the time when the grants were obtained, as far as we know.
    ///
    /// # Errors
    ///
    /// [`ForeignFileError`], which says what is wrong with the file as a whole and has no value of it. What is wrong with one
    /// credential is in its [`Found`].
    pub fn parse(content: &[u8], now: Timestamp) -> Result<Self, ForeignFileError> {
        if content.len() as u64 > MAX_FILE {
            return Err(Problem::TooLong(MAX_FILE).into());
        }
        let (format, found) = format::read(&json(content)?.0, now)?;
        Ok(Self {
            format,
            found,
            readable_by_others: false,
        })
    }

    /// Reads a file, which stays as it is.
    ///
    /// A Python process that writes the file in place at this moment may leave half of it to be read, which is an error here
    /// and nothing else; [`FastenersLock`] keeps out those that use `multiprocess_file_storage`.
    ///
    /// # Errors
    ///
    /// See [`parse`](Self::parse); [`Problem::Io`] or [`Problem::NotAFile`] if it cannot be read.
    pub fn read(path: impl AsRef<Path>, now: Timestamp) -> Result<Self, ForeignFileError> {
        let path = path.as_ref();
        let read = || -> Result<Self, ForeignFileError> {
            // Looked at first: to open a pipe is to wait for whoever writes to it.
            if !std::fs::metadata(path)?.is_file() {
                return Err(Problem::NotAFile.into());
            }
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            let length = usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0);
            // Enough from the start, so that no copy of the secrets is left behind.
            let mut content = Zeroizing::new(Vec::with_capacity(length + 1));
            file.take(MAX_FILE + 1).read_to_end(&mut content)?;
            let import = Self::parse(&content, now)?;
            Ok(Self {
                readable_by_others: is_readable_by_others(&metadata),
                ..import
            })
        };
        read().map_err(|error| error.at(path))
    }

    /// The format of the file.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether other users of the machine could read the file: then they may have its secrets, wherever they are kept from now on.
    /// `multiprocess_file_storage` makes such files.
    #[must_use]
    pub const fn is_readable_by_others(&self) -> bool {
        self.readable_by_others
    }

    /// What is in it, in the file's order; by name where that has none.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// What is in it, by value.
    #[must_use]
    pub fn into_found(self) -> Vec<Found> {
        self.found
    }

    /// The records, without what was not taken.
    #[must_use]
    pub fn into_records(self) -> Vec<Record> {
        format::records(self.found)
    }
}

#[cfg(unix)]
fn is_readable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &std::fs::Metadata) -> bool {
    false
}

/// The JSON of a file, or what it is instead.
fn json(content: &[u8]) -> Result<Wiped, Problem> {
    // Some editors begin a text with a byte order mark.
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    if content.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::Empty);
    }
    match serde_json::from_slice(content) {
        Ok(json) => Ok(Wiped(json)),
        Err(_) if is_pickle(content) => Err(Problem::Pickle),
        // What serde_json says holds the values it met; only the place is kept.
        Err(error) if error.classify() != Category::Io => Err(Problem::NotJson {
            line: error.line().max(1),
            column: error.column().max(1),
        }),
        Err(_) => Err(Problem::Unrecognised),
    }
}

/// Whether Python's pickle wrote it: protocols of 2 and later begin with a mark; older ones with an opcode, and all end in a dot.
fn is_pickle(content: &[u8]) -> bool {
    let ends = content.ends_with(b".") || content.ends_with(b".\n");
    match content {
        [0x80, 2..=5, ..] => true,
        [b'c' | b'(' | b'i', ..] => ends,
        _ => false,
    }
}
