//! `grantflow import`: credentials of other libraries, copied into a store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use grantflow::error::StoreErrorKind;
use grantflow::loopback::Visible;
use grantflow::store::import::{Found, Import};
use grantflow::{Change, Key, Origin, Record, Store};
use serde_json::{Value, json};

use crate::args::Args;
use crate::aside::Aside;
use crate::exit::{Failure, USAGE};
use crate::output::{describe, note, result, while_waiting};
use crate::place::Item;
use crate::select::Selector;
use crate::session::Session;
use crate::stores;

/// How long to wait for a Python process that writes the file, or for another process at the store.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many of those that cannot be taken an error names.
const NAMED: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The file; `-` is standard input, and keyring:APPLICATION/USER what oauth2client kept in the password manager
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Store it as a login without options does: without account, user agent and label
    #[arg(long)]
    plain_key: bool,

    /// Take the place of what is stored already; what cannot be read is set aside
    #[arg(long)]
    replace: bool,

    /// An origin that the token may be sent to, such as `https://api.example.com`; may be repeated
    ///
    /// Those of Google need not be named. To what is stored already and kept they are added.
    #[arg(long = "origin", value_name = "URL", value_parser = crate::args::origin)]
    origins: Vec<Origin>,

    // Last, since its heading counts for all that follow.
    #[command(flatten)]
    selector: Selector,
}

pub(crate) const EXAMPLES: &str = "Examples:
  grantflow import credentials.json
  grantflow import ~/.config/gcloud/application_default_credentials.json --store file:adc.json
  grantflow import old_credentials --store multistore:credentials
  grantflow import keyring:app/ann --store keyring:app/ann --replace
  python3 -c 'import keyring; print(keyring.get_password(\"app\", \"ann\"))' | grantflow import -";

/// Copies what is in the file into the store.
pub(crate) fn import(args: &Args, import: &ImportArgs) -> Result<(), Failure> {
    let session = Session::open(args)?;
    let read = read(&import.file, &session)?;
    let (format, readable_by_others) = (read.format(), read.is_readable_by_others());
    let (mut records, mut not_taken) = (Vec::new(), Vec::new());
    for found in read.into_found() {
        let (name, class) = (found.name.clone(), found.class.clone());
        match taken(found, import) {
            Ok(record) if import.selector.fits(record.key()) => records.push((name, class, record)),
            Ok(_) => {}
            Err(why) => not_taken.push(json!({"name": name, "class": class, "why": why})),
        }
    }
    if records.is_empty() {
        return Err(nothing(&import.file, &not_taken));
    }
    if session.store.holds_one_record() {
        let what = |count| format!("{} holds one record, and the file has {count}", session.location);
        let one = import
            .selector
            .one(records, |(_, _, record)| record.key(), what)?;
        records = vec![one];
    }
    session.make_directory()?;
    let aside = Aside::before(&session);
    let mut all = Vec::new();
    for (name, class, record) in records {
        let Stored { record, how, added } = store(&*session.store, record, import)?;
        let mut description = describe(&record, &*session.store, &session.location, session.now());
        description["name"] = name.into();
        description["class"] = class.into();
        description["stored"] = how.into();
        description["origins_added"] = added.iter().map(ToString::to_string).collect();
        all.push(description);
    }
    aside.tell();
    let value = json!({
        "file": import.file.display().to_string(),
        "format": format.name(),
        "readable_by_others": readable_by_others,
        "taken": all,
        "not_taken": not_taken,
        "store": session.location,
    });
    warn(&value);
    result(args.format, &text(&value), &value)
}

/// The record under its own key, or under a plain one.
fn taken(found: Found, import: &ImportArgs) -> Result<Record, String> {
    let plain = |record: &Record| Key::new(record.client(), record.key().scopes().clone());
    let key = found.taken.as_ref().ok().filter(|_| import.plain_key).map(plain);
    let record = match key {
        Some(key) => found.record_under(key),
        None => found.taken,
    };
    let record = record.map_err(|why| why.to_string())?;
    Ok(record.with_origins(import.origins.iter().cloned()))
}

/// Reads the file: once more under Python's lock, where it is of those that have one.
fn read(file: &Path, session: &Session) -> Result<Import, Failure> {
    let now = session.now();
    if file == Path::new("-") {
        use std::io::Read as _;
        let mut content = Vec::new();
        let read = std::io::stdin().lock().take(64 << 20).read_to_end(&mut content);
        read.map_err(|error| Failure::new(USAGE, format!("cannot read standard input: {error}")))?;
        return Ok(Import::parse(&content, now)?);
    }
    if let Some(item) = file.to_str().and_then(|text| text.strip_prefix("keyring:")) {
        let item = Item::parse(item).map_err(|why| Failure::new(USAGE, why))?;
        let kept = while_waiting("waiting for the password manager", || stores::kept(&item))?;
        let nothing = || Failure::new(USAGE, format!("the password manager keeps nothing under {item}"));
        return Ok(Import::parse(kept.ok_or_else(nothing)?.expose().as_bytes(), now)?);
    }
    let first = Import::read(file, now)?;
    read_under_its_lock(file, first, session)
}

#[cfg(unix)]
fn read_under_its_lock(file: &Path, first: Import, session: &Session) -> Result<Import, Failure> {
    use grantflow::store::import::Format;
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    // Nobody holds a lock that is not there, and making one would leave it.
    if first.format() != Format::MultiprocessFileStorage || !Path::new(&lock).is_file() {
        return Ok(first);
    }
    let _held = crate::patience::python_lock(file, PATIENCE)?;
    Ok(Import::read(file, session.now())?)
}

#[cfg(not(unix))]
fn read_under_its_lock(_: &Path, first: Import, _: &Session) -> Result<Import, Failure> {
    Ok(first)
}

/// What is stored then, and what was done.
struct Stored {
    record: Record,
    how: &'static str,
    /// The origins that what was kept had not.
    added: Vec<Origin>,
}

/// Stores a record, unless its grant is there already.
fn store(store: &dyn Store, record: Record, import: &ImportArgs) -> Result<Stored, Failure> {
    let replace = import.replace;
    let key = record.key().clone();
    let mut locked = if replace {
        store.lock_for_login(&key, PATIENCE)?
    } else {
        store.lock(&key, PATIENCE)?
    };
    let old = locked.record().cloned();
    let others = match store.holds_one_record().then(|| store.keys()) {
        // The lock was had, so what is there may be set aside.
        Some(Err(_)) if replace && old.is_none() => Vec::new(),
        Some(keys) => keys?,
        None => Vec::new(),
    };
    let other = others.into_iter().find(|other| *other != key);
    if let Some(old) = &old
        && is_of_the_same_grant(old, &record)
        && !replace
    {
        let is_new = |origin: &&Origin| !old.origins().contains(*origin);
        let added: Vec<Origin> = import.origins.iter().filter(is_new).cloned().collect();
        let record = old.clone().with_origins(added.iter().cloned());
        if !added.is_empty() {
            locked.save(Change::Put(Box::new(record.clone())))?;
        }
        let how = "kept";
        return Ok(Stored { record, how, added });
    }
    if !replace && let Some(in_the_way) = old.as_ref().map(Record::key).or(other.as_ref()) {
        let what = "the store holds other credentials already";
        let failure = Failure::new(USAGE, what).candidates([in_the_way]);
        if old.as_ref().is_some_and(was_refreshed) {
            return Err(failure.hint(
                "what is stored was refreshed since it was imported, and the file may be older: --replace puts the older grant in its place, which the server may take no more",
            ));
        }
        return Err(failure.hint(
            "a directory holds any number (--store multistore:DIRECTORY); or replace them with --replace",
        ));
    }
    let (record, how) = match &old {
        Some(old) => (record.succeeding(old), "replaced"),
        None if other.is_some() => (record, "replaced"),
        None => (record, "new"),
    };
    let boxed = Box::new(record.clone());
    let change = match other {
        Some(forget) => Change::Replace {
            record: boxed,
            forget: Box::new(forget),
        },
        None => Change::Put(boxed),
    };
    locked.save(change)?;
    let added = Vec::new();
    Ok(Stored { record, how, added })
}

/// Whether an imported grant has got new tokens here.
fn was_refreshed(record: &Record) -> bool {
    record.provenance().source == "import" && record.generation() > 1
}

/// Whether the two have the same refresh token, or the same access token and none.
fn is_of_the_same_grant(old: &Record, new: &Record) -> bool {
    let (old, new) = (old.token(), new.token());
    match (&old.refresh_token, &new.refresh_token) {
        (Some(old), Some(new)) => old.eq_ct(new),
        (None, None) => old.access_token.eq_ct(&new.access_token),
        _ => false,
    }
}

fn nothing(file: &Path, not_taken: &[Value]) -> Failure {
    let why = |one: &Value| {
        let words = ["name", "class", "why"].map(|part| one[part].as_str().unwrap_or_default());
        words
            .iter()
            .filter(|word| !word.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(": ")
    };
    let mut what: Vec<String> = not_taken.iter().take(NAMED).map(why).collect();
    match not_taken.len().saturating_sub(NAMED) {
        0 if what.is_empty() => what.push("there are no such credentials".to_owned()),
        0 => {}
        more => what.push(format!("and {more} more")),
    }
    let what = what.join("; ");
    Failure::new(
        USAGE,
        format!("nothing was taken from {}: {what}", file.display()),
    )
}

/// What the user should know, on standard error in either form.
fn warn(value: &Value) {
    let file = value["file"].as_str().unwrap_or_default();
    if value["readable_by_others"] == true {
        note(&format!(
            "grantflow: others could read {}: revoke these credentials if somebody did",
            Visible(file)
        ));
    }
    if value["taken"].as_array().into_iter().flatten().any(may_rotate) {
        note(&format!(
            "grantflow: stop the programs that use {}: where each refresh gives a new refresh token, the second to refresh is logged out",
            if file == "-" || file.starts_with("keyring:") {
                "these credentials".to_owned()
            } else {
                Visible(file).to_string()
            }
        ));
    }
}

/// Whether the server may give a new refresh token at each refresh, and refuse the old one; Google does not.
pub(crate) fn may_rotate(description: &Value) -> bool {
    description["refreshable"] == true && description["issuer"] != "https://accounts.google.com"
}

/// A line a credential.
fn text(value: &Value) -> String {
    let word = |value: &Value| Visible(value.as_str().unwrap_or_default()).to_string();
    let mut lines = vec![format!("{} ({})", word(&value["file"]), word(&value["format"]))];
    for one in value["taken"].as_array().into_iter().flatten() {
        let named = ["name", "account", "client_id"].map(|part| word(&one[part]));
        let named = named
            .iter()
            .find(|name| !name.is_empty())
            .cloned()
            .unwrap_or_default();
        let end = match (one["state"].as_str(), one["expires_at"].as_str()) {
            // One that has been there has an end.
            (Some("expired"), None) => "no access token yet".to_owned(),
            (Some("expired" | "ended"), Some(end)) => {
                format!("{} since {}", word(&one["state"]), Visible(end))
            }
            (_, Some(end)) => format!("{} until {}", word(&one["state"]), Visible(end)),
            (_, None) => word(&one["state"]),
        };
        let added: Vec<String> = one["origins_added"]
            .as_array()
            .into_iter()
            .flatten()
            .map(word)
            .collect();
        let added = match added.is_empty() {
            true => String::new(),
            false => format!(", {} added", added.join(" ")),
        };
        lines.push(format!(
            "taken      {named}  {}  {end}  {}{added}",
            word(&one["class"]),
            word(&one["stored"])
        ));
    }
    for one in value["not_taken"].as_array().into_iter().flatten() {
        lines.push(format!(
            "not taken  {}  {}  {}",
            word(&one["name"]),
            word(&one["class"]),
            word(&one["why"])
        ));
    }
    lines.push(format!(
        "stored in {}; what was read is as it was",
        word(&value["store"])
    ));
    lines.join("\n")
}

/// What is wrong with the file, and what to do about it.
impl From<grantflow::store::import::ForeignFileError> for Failure {
    fn from(error: grantflow::store::import::ForeignFileError) -> Self {
        use grantflow::store::import::Problem;
        use std::error::Error as _;
        let mut message = error.to_string();
        if let Some(cause) = error.source() {
            message = format!("{message}: {cause}");
        }
        let code = match error.problem() {
            Problem::Lock(_) => crate::exit::STORE,
            _ => USAGE,
        };
        let failure = Self::new(code, message);
        match error.problem() {
            Problem::Exists => failure.hint("replace it with --replace"),
            Problem::ClientSecrets => failure.hint("it is for `grantflow login --client-secrets`"),
            Problem::Ours => failure.hint("name it with --store file:PATH"),
            Problem::Pickle => {
                failure.hint("in Python: open('credentials.json', 'w').write(credentials.to_json())")
            }
            Problem::NotOne(_) => failure.hint("use --as oauth2client-multiprocess for several"),
            Problem::Lock(error) if matches!(error.kind(), StoreErrorKind::LockTimeout { .. }) => {
                failure.hint("a Python program uses the file: stop it, or try again")
            }
            _ => failure,
        }
    }
}
