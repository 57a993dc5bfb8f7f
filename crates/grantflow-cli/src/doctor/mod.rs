//! `grantflow doctor`: what there is, what would be used and why, and what is wrong with it.
//!
//! It looks, and it tries: it takes locks and gives them back, and writes, reads and deletes an item of the password manager.
//! Nothing that is stored is changed, and no secret is shown.

mod files;
mod google;
mod surroundings;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use grantflow::error::StoreErrorKind;
use grantflow::loopback::Visible;
use grantflow::{Protection, Record, Store};
use serde_json::{Value, json};

use crate::args::Args;
use crate::exit::{FAILED, Failure, STORE};
use crate::output::{result, state, while_waiting};
use crate::place::{Kind, SealingKey};
use crate::stores::{self, By, KEY_VARIABLE, Named, STORE_VARIABLE};

pub(crate) const EXAMPLES: &str = "Examples:
  grantflow doctor
  grantflow doctor --store keyring:my-tool/ann
  grantflow doctor --format json";

/// Of how many records the lock is tried.
const LOCKS: usize = 100;

/// Says what there is.
pub(crate) fn doctor(args: &Args) -> Result<(), Failure> {
    let named = Named::read(args)?;
    let mut report = Report::default();
    let store = while_waiting("trying the store and the password manager", || {
        report.store(&named);
        report.keyring(&named);
        report.sealing_key(args, &named);
        report.files(&named);
        let records = report.credentials(args, &named);
        report.clock(&records);
        report.network(args);
        report.google(args);
        named.place.to_string()
    });
    let value = json!({
        "usable": !report.has_problem(Some(About::is_of_the_store)),
        "store": store,
        "chosen_by": match named.by {
            By::Option => "option",
            By::Variable => "variable",
            By::Nobody => "default",
        },
        "sealing_key": named.key.as_ref().map(ToString::to_string),
        "findings": report.0.iter().map(Finding::value).collect::<Vec<_>>(),
    });
    result(args.format, &report.text(), &value)?;
    if report.has_problem(Some(About::is_of_the_store)) {
        return Err(Failure::new(STORE, format!("{store} cannot be used as it is")));
    }
    if report.has_problem(None) {
        return Err(Failure::new(FAILED, "not all is well"));
    }
    Ok(())
}

/// What was found.
#[derive(Default)]
struct Report(Vec<Finding>);

struct Finding {
    about: About,
    grade: Grade,
    found: String,
    advice: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum About {
    Store,
    SealingKey,
    Keyring,
    Directory,
    Files,
    Lock,
    Space,
    Credentials,
    Clock,
    Proxy,
    Certificates,
    Google,
}

#[derive(Clone, Copy, PartialEq)]
enum Grade {
    Ok,
    /// Worth knowing, and in nobody's way.
    Note,
    Problem,
}

impl About {
    const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::SealingKey => "sealing key",
            Self::Keyring => "keyring",
            Self::Directory => "directory",
            Self::Files => "files",
            Self::Lock => "lock",
            Self::Space => "space",
            Self::Credentials => "credentials",
            Self::Clock => "clock",
            Self::Proxy => "proxy",
            Self::Certificates => "certificates",
            Self::Google => "google",
        }
    }

    const fn is_of_the_store(self) -> bool {
        !matches!(
            self,
            Self::Clock | Self::Proxy | Self::Certificates | Self::Google
        )
    }
}

impl Grade {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    fn value(&self) -> Value {
        json!({"about": self.about.name(), "grade": self.grade.name(), "found": self.found, "advice": self.advice})
    }
}

impl Report {
    fn add(&mut self, about: About, grade: Grade, found: impl Into<String>, advice: Option<String>) {
        self.0.push(Finding {
            about,
            grade,
            found: found.into(),
            advice,
        });
    }

    fn ok(&mut self, about: About, found: impl Into<String>) {
        self.add(about, Grade::Ok, found, None);
    }

    fn note(&mut self, about: About, found: impl Into<String>, advice: impl Into<String>) {
        self.add(about, Grade::Note, found, Some(advice.into()));
    }

    fn problem(&mut self, about: About, found: impl Into<String>, advice: impl Into<String>) {
        self.add(about, Grade::Problem, found, Some(advice.into()));
    }

    /// What another command would have ended with.
    fn failure(&mut self, about: About, failure: &Failure) {
        let advice = failure.advice().map(str::to_owned);
        self.add(about, Grade::Problem, failure.message(), advice);
    }

    fn has_problem(&self, of: Option<fn(About) -> bool>) -> bool {
        let counts = |about| of.is_none_or(|of| of(about));
        self.0
            .iter()
            .any(|finding| finding.grade == Grade::Problem && counts(finding.about))
    }

    /// A line a finding, its advice below.
    fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.0 {
            let (about, grade) = (finding.about.name(), finding.grade.name());
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{about:<12}  {grade:<7}  {}", Visible(&finding.found));
            if let Some(advice) = &finding.advice {
                let _ = writeln!(text, "{:23}{}", "", Visible(advice));
            }
        }
        text
    }

    /// Which store, and why that one.
    fn store(&mut self, named: &Named) {
        let place = &named.place;
        let why = match (named.by, &place.kind) {
            (By::Option, _) => "named by --store".to_owned(),
            (By::Variable, _) => format!("named by {STORE_VARIABLE}"),
            (By::Nobody, Kind::File(_)) => {
                format!(
                    "your own: neither --store nor {STORE_VARIABLE} names another, and this file is there"
                )
            }
            (By::Nobody, _) => format!("your own: neither --store nor {STORE_VARIABLE} names another"),
        };
        self.ok(About::Store, format!("{place}, {why}"));
        if named.by == By::Nobody
            && let Kind::File(file) = &place.kind
        {
            let directory = file.with_extension("");
            if directory.is_dir() {
                let advice = format!(
                    "name it with --store multistore:{}, or move the file away",
                    directory.display()
                );
                self.note(
                    About::Store,
                    "the directory of the same name is not used while the file is there",
                    advice,
                );
            }
        }
    }

    /// Whether the password manager is needed, and was found not to work: it would be waited for once more.
    fn is_out_of_reach(&self, named: &Named) -> bool {
        let needed =
            matches!(named.place.kind, Kind::Keyring(_)) || matches!(named.key, Some(SealingKey::Keyring(_)));
        needed && self.has_problem(Some(|about| about == About::Keyring))
    }

    /// Whether the key of a sealed store is there. It is not made here.
    fn sealing_key(&mut self, args: &Args, named: &Named) {
        let Some(key) = &named.key else {
            return;
        };
        if self.is_out_of_reach(named) {
            return;
        }
        let by = match args.sealing_key {
            Some(_) => "--sealing-key",
            None => KEY_VARIABLE,
        };
        let source = match stores::keys(key, args.secret.as_ref()) {
            Ok(source) => source,
            Err(failure) => return self.failure(About::SealingKey, &failure),
        };
        match source.keys().as_deref() {
            Ok([]) => self.ok(
                About::SealingKey,
                format!("{key}, named by {by}: none yet, the first login makes one"),
            ),
            Ok([newest, older @ ..]) => {
                let also = match older.len() {
                    0 => String::new(),
                    count => format!(", and {count} older to open with"),
                };
                self.ok(
                    About::SealingKey,
                    format!("{key}, named by {by}: seals with {}{also}", newest.id()),
                );
            }
            Err(error) => self.failure(About::SealingKey, &Failure::from(error.clone())),
        }
        if let (SealingKey::File(key), Some(path)) = (key, named.place.kind.path()) {
            let of = |path: &Path| files::directory_of(path).canonicalize().ok();
            let beside =
                of(key).is_some_and(|of_key| [of(path), path.canonicalize().ok()].contains(&Some(of_key)));
            if beside {
                self.note(
                    About::SealingKey,
                    "it lies beside what it seals",
                    "a backup that takes both opens both: keep the key elsewhere",
                );
            }
        }
    }

    /// What can be read, what cannot, and whether each can be locked.
    fn credentials(&mut self, args: &Args, named: &Named) -> Vec<Record> {
        if self.is_out_of_reach(named) {
            return Vec::new();
        }
        // Why it cannot be opened was said of its key.
        let Ok(store) = stores::open(named, args.secret.as_ref()) else {
            return Vec::new();
        };
        let mut records = Vec::new();
        match store.records() {
            Err(error) => self.failure(About::Credentials, &error.into()),
            Ok(all) => {
                for record in all {
                    match record {
                        Ok(record) => records.push(record),
                        Err(error) => self.failure(About::Credentials, &error.into()),
                    }
                }
                if !records.is_empty() || !self.has_problem(Some(About::is_of_the_store)) {
                    self.readable(&records, store.protection());
                }
            }
        }
        self.locks(&*store, &records);
        records
    }

    fn readable(&mut self, records: &[Record], protection: Protection) {
        let how = match protection {
            Protection::Plaintext => "in the clear in files of yours alone",
            Protection::OsEncrypted => "protected by the password manager",
            Protection::Sealed => "sealed",
            _ => "not stored",
        };
        match records.len() {
            0 => self.ok(
                About::Credentials,
                format!("none; what `grantflow login` stores is {how}"),
            ),
            count => self.ok(About::Credentials, format!("{count}, {how}")),
        }
        let now = grantflow::native::now().wall;
        let need_a_login = |record: &&Record| matches!(state(record, now), "ended" | "refused" | "revoked");
        match records.iter().filter(need_a_login).count() {
            0 => {}
            count => self.note(
                About::Credentials,
                format!("{count} of them need a login"),
                "`grantflow list` shows which: their state is ended, refused or revoked",
            ),
        }
    }

    /// Takes the lock of each record, reserves what a refresh would, and gives both back.
    fn locks(&mut self, store: &dyn Store, records: &[Record]) {
        for record in records.iter().take(LOCKS) {
            // That of a login, which reserves at once what a refresh does before its request leaves.
            let Err(error) = store.lock_for_login(record.key(), Duration::ZERO) else {
                continue;
            };
            match error.kind() {
                // That of its directory said so, or there is none.
                StoreErrorKind::Full if self.has_problem(Some(|about| about == About::Space)) => {}
                StoreErrorKind::Full => {
                    self.problem(About::Space, Failure::from(error).message(), files::NO_ROOM);
                }
                StoreErrorKind::LockTimeout { .. } => self.note(
                    About::Lock,
                    Failure::from(error).message().replace(" for too long", ""),
                    "it refreshes a token, or hangs: until it ends, tokens that have not expired are still handed out",
                ),
                _ => self.failure(About::Lock, &error.into()),
            }
        }
    }
}
