//! `grantflow export`: stored credentials, written for another library.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use grantflow::Record;
use grantflow::loopback::Visible;
use grantflow::store::import::{Export, ExportFormat, Problem};
use serde_json::json;

use crate::args::Args;
use crate::exit::{FAILED, Failure, USAGE};
use crate::import::may_rotate;
use crate::output::{describe, note, result, while_waiting};
use crate::select::{Selector, quoted};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The format to write
    #[arg(long = "as", value_name = "FORMAT")]
    library: Library,

    /// The file to write; it is readable by its owner only
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Write the access token alone, refreshed first if it has to be; the other program can then not refresh it
    #[arg(long)]
    access_token_only: bool,

    /// Take the place of a file that is there already
    #[arg(long)]
    replace: bool,

    // Last, since its heading counts for all that follow.
    #[command(flatten)]
    selector: Selector,
}

/// Who is to read the file.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Library {
    /// oauth2client's file.Storage: one credential
    Oauth2client,
    /// oauth2client's multiprocess_file_storage: any number, each under its label
    Oauth2clientMultiprocess,
    /// google-auth, and GOOGLE_APPLICATION_CREDENTIALS: one credential of Google
    GoogleAuth,
}

pub(crate) const EXAMPLES: &str = "Examples:
  grantflow export --as oauth2client credentials.json
  grantflow export --as oauth2client --access-token-only --replace credentials.json";

/// How long to wait for a Python process that writes the file.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Writes what is stored.
pub(crate) fn export(args: &Args, export: &ExportArgs) -> Result<(), Failure> {
    if export.file == Path::new("-") {
        return Err(
            Failure::new(USAGE, "an export goes to a file, never to standard output")
                .hint("name a file; one that is called `-` is ./-"),
        );
    }
    let session = Session::open(args)?;
    let mut records = session.fitting(&export.selector)?;
    if export.library != Library::Oauth2clientMultiprocess {
        let what = |count| {
            format!(
                "the format holds one credential, and {} has {count} that fit",
                session.location
            )
        };
        records = vec![export.selector.one(records, Record::key, what)?];
    }
    if export.access_token_only {
        session.make_directory()?;
        for record in &mut records {
            let credentials = session.credentials_of(record)?;
            while_waiting("getting an access token", || credentials.access_token())?;
            *record = credentials.record()?;
        }
    }
    let mut writer = Export::new(match export.library {
        Library::Oauth2client => ExportFormat::FileStorage,
        Library::Oauth2clientMultiprocess => ExportFormat::MultiprocessFileStorage,
        Library::GoogleAuth => ExportFormat::AuthorizedUser,
    });
    if export.access_token_only {
        writer = writer.access_token_only();
    }
    if export.replace {
        writer = writer.replacing();
    }
    write(export, writer, &records)?;
    let location = &session.location;
    let describe = |record: &Record| describe(record, &*session.store, location, session.now());
    let value = json!({
        "file": export.file.display().to_string(),
        "access_token_only": export.access_token_only,
        "exported": records.iter().map(describe).collect::<Vec<_>>(),
        "store": location,
    });
    let rotates = value["exported"].as_array().into_iter().flatten().any(may_rotate);
    if !export.access_token_only && rotates {
        note(
            "grantflow: the refresh token is in two places now, and where each refresh gives a new one, the second to refresh is logged out: use one of the two only",
        );
    }
    let count = if records.len() == 1 {
        "one credential".to_owned()
    } else {
        format!("{} credentials", records.len())
    };
    let text = format!("{count} of {location} written to {}", export.file.display());
    result(args.format, &Visible(&text).to_string(), &value)
}

/// Writes the file: under Python's lock, where it replaces one that Python processes may be using.
fn write(export: &ExportArgs, writer: Export, records: &[Record]) -> Result<(), Failure> {
    #[cfg(unix)]
    let _held = if export.replace && export.library == Library::Oauth2clientMultiprocess {
        use grantflow::StoreErrorKind as Kind;
        use std::error::Error as _;
        let held = crate::patience::python_lock(&export.file, PATIENCE);
        Some(held.map_err(|error| {
            let is_of_the_place = matches!(error.kind(), Kind::Full | Kind::ReadOnly | Kind::Io);
            let why = error.source().filter(|_| is_of_the_place);
            match why.and_then(|why| why.downcast_ref()) {
                Some(why) => unwritable(&export.file, why),
                None => error.into(),
            }
        })?)
    } else {
        None
    };
    writer
        .write(&export.file, records)
        .map_err(|error| match error.problem() {
            Problem::Io(why) => unwritable(&export.file, why),
            _ => error.into(),
        })
}

/// The system's reason, about the file that was named.
fn unwritable(file: &Path, why: &io::Error) -> Failure {
    let hint = match why.kind() {
        ErrorKind::NotFound => {
            let directory = file.parent().unwrap_or(file).display().to_string();
            format!("make its directory first: mkdir -p {}", quoted(&directory))
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room there, or name a file on another disk".to_owned()
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "name a file in a directory that this user may write to".to_owned()
        }
        _ => "name a file elsewhere".to_owned(),
    };
    Failure::new(FAILED, format!("cannot write {}: {why}", file.display())).hint(hint)
}
