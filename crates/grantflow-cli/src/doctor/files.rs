//! What lies on the disk: the directory, the files in it, and whether locks work there.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use grantflow::store::RESERVED;

use super::{About, Report};
use crate::place::{Kind, SealingKey};
use crate::privacy::Flaw;
use crate::stores::{self, By, Named};

/// How many names a line may have.
const NAMES: usize = 3;

impl Report {
    /// The directory of the store, and that of locks, where there are any.
    pub(super) fn files(&mut self, named: &Named) {
        let own = named.by == By::Nobody;
        match &named.place.kind {
            Kind::File(path) => {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                self.directory(directory_of(path), own, &|other: &str| {
                    other == name
                        || other
                            .strip_prefix(&name)
                            .is_some_and(|rest| rest.starts_with('.'))
                });
            }
            Kind::Multistore(path) => {
                // Without a trailing slash, as the store has it.
                let directory: PathBuf = path.components().collect();
                self.directory(&directory, own, &|name: &str| name.contains(".json"));
            }
            Kind::Keyring(_) => {}
        }
        let locks_elsewhere =
            matches!(named.place.kind, Kind::Keyring(_)) || matches!(named.key, Some(SealingKey::Keyring(_)));
        if locks_elsewhere && let Ok(directory) = stores::data_directory() {
            self.directory(&directory, true, &|name: &str| name.starts_with("keyring-"));
        }
    }

    /// One directory; `own` is one that is made with all those above it.
    fn directory(&mut self, directory: &Path, own: bool, is_ours: &dyn Fn(&str) -> bool) {
        let shown = directory.display();
        match fs::metadata(directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let advice = "name another place with --store";
                return self.problem(About::Directory, format!("{shown} is no directory"), advice);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
                return if own || above.is_none_or(Path::is_dir) {
                    self.ok(
                        About::Directory,
                        format!("{shown} is not there yet; the first login makes it"),
                    );
                } else {
                    let advice = "make it, or name another place with --store";
                    self.problem(
                        About::Directory,
                        format!("{shown} is not there, nor the one above it"),
                        advice,
                    );
                };
            }
            Err(error) => {
                let advice = "name another place with --store";
                return self.problem(About::Directory, format!("{shown}: {error}"), advice);
            }
        }
        self.privacy(directory);
        self.names(directory, is_ours);
        self.try_lock(directory);
    }

    #[cfg(unix)]
    fn privacy(&mut self, directory: &Path) {
        use crate::select::quoted;
        use std::os::unix::fs::MetadataExt as _;
        let Ok(found) = fs::metadata(directory) else {
            return;
        };
        let (shown, mode) = (directory.display(), found.mode() & 0o7777);
        let ours = rustix::process::geteuid().as_raw();
        if found.uid() != ours && found.uid() != 0 {
            let found = format!("{shown} belongs to another user ({})", found.uid());
            self.problem(About::Directory, found, "name a place of your own with --store");
        } else if mode & 0o002 != 0 {
            let advice = format!("chmod o-w {shown}");
            self.problem(
                About::Directory,
                format!("others may write to {shown} (mode {mode:03o})"),
                advice,
            );
        } else if mode & 0o020 != 0 {
            self.note(
                About::Directory,
                format!(
                    "the group may write to {shown} (mode {mode:03o}, group {})",
                    found.gid()
                ),
                format!(
                    "who is in the group could replace what is stored: chmod g-w {}",
                    quoted(&shown.to_string())
                ),
            );
        } else {
            self.ok(About::Directory, format!("{shown} (mode {mode:03o})"));
        }
    }

    #[cfg(not(unix))]
    fn privacy(&mut self, directory: &Path) {
        let found = format!("{}, as private as its access list makes it", directory.display());
        self.ok(About::Directory, found);
    }

    /// The store's files by their names, their modes, and what logins have set aside.
    fn names(&mut self, directory: &Path, is_ours: &dyn Fn(&str) -> bool) {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                let found = format!("the names in {} cannot be read: {error}", directory.display());
                return self.problem(About::Files, found, "name another place with --store");
            }
        };
        let (mut files, mut locks, mut aside) = (0_usize, 0_usize, 0_usize);
        let mut others: Vec<(String, Flaw, PathBuf)> = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_ours(&name) {
                continue;
            }
            match &name {
                name if name.contains(".corrupt-") => aside += 1,
                name if name.ends_with(".lock") => locks += 1,
                _ => files += 1,
            }
            if let Some((why, flaw)) = not_private(&entry.path()) {
                others.push((format!("{name} ({why})"), flaw, entry.path()));
            }
        }
        if files + locks > 0 && others.is_empty() {
            let modes = if cfg!(unix) { ", for you alone" } else { "" };
            let counted = [(files, "file"), (locks, "lock file")];
            let counted = counted.iter().filter(|(number, _)| *number > 0);
            let counted: Vec<String> = counted.map(|(number, what)| count(*number, what)).collect();
            let counted = format!("{}{modes}", counted.join(" and "));
            self.ok(About::Files, counted);
        }
        others.sort_by(|one, other| (one.1 as u8, &one.0).cmp(&(other.1 as u8, &other.0)));
        // What helps against one flaw does not help against another.
        for alike in others.chunk_by(|one, other| one.1 == other.1) {
            let Some((_, flaw, path)) = alike.first() else {
                continue;
            };
            let mut found: Vec<&str> = alike.iter().map(|(name, _, _)| name.as_str()).collect();
            let more = found.len().saturating_sub(NAMES);
            found.truncate(NAMES);
            let mut found = found.join(", ");
            if more > 0 {
                found = format!("{found}, and {more} more");
            }
            self.problem(About::Files, found, flaw.advice(path, "--store"));
        }
        if aside > 0 {
            self.note(
                About::Files,
                format!(
                    "{} that could not be read, set aside by a login",
                    count(aside, "file")
                ),
                "delete what is named ….corrupt-… when nobody needs it any more: there may be secrets in it",
            );
        }
    }

    /// Whether one open file excludes another, and whether anything can be written there.
    fn try_lock(&mut self, directory: &Path) {
        let path = directory.join(format!(".grantflow-doctor-{}", std::process::id()));
        let tried = excludes(&path);
        // Once more from the beginning: what is written to reserve space goes with its file.
        let room = tried.is_ok().then(|| has_room(&path));
        // It is empty, and nobody looks for it.
        let _ = fs::remove_file(&path);
        let shown = directory.display();
        let elsewhere = "name a place on a disk of this machine with --store";
        match tried {
            Ok(true) => self.ok(About::Lock, format!("locks work in {shown}")),
            Ok(false) => {
                let found = format!("locks in {shown} do not exclude each other");
                self.problem(About::Lock, found, elsewhere);
            }
            Err(Trouble::Write(error)) => {
                let found = format!("nothing can be written in {shown}: {error}");
                let advice = "tokens are handed out until they end, and cannot be refreshed; make it writable, or name another place with --store";
                self.problem(About::Lock, found, advice);
            }
            Err(Trouble::Lock(error)) => {
                let found = format!("{shown} has no working locks: {error}");
                self.problem(About::Lock, found, elsewhere);
            }
        }
        match room {
            None => {}
            Some(Ok(())) => self.ok(
                About::Space,
                format!("there is room in {shown} for what a refresh brings"),
            ),
            Some(Err(error)) => {
                let found = format!("there is no room in {shown} for what a refresh brings: {error}");
                self.problem(About::Space, found, NO_ROOM);
            }
        }
    }
}

/// What helps where a disk is full.
pub(super) const NO_ROOM: &str = "tokens are handed out until they end, and cannot be refreshed: make room, or name another place with --store; `grantflow revoke --local` needs none";

/// Whether as much can be written as a store reserves for a refresh.
fn has_room(path: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.write_all(&vec![0; RESERVED])?;
    // Some file systems say only then that they are full.
    file.sync_all()
}

enum Trouble {
    Write(io::Error),
    Lock(io::Error),
}

fn excludes(path: &Path) -> Result<bool, Trouble> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let first = options.open(path).map_err(Trouble::Write)?;
    match first.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(Trouble::Lock(error)),
    }
    let second = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(Trouble::Write)?;
    Ok(matches!(second.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Where a file lies.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Why others could read or replace a file.
#[cfg(unix)]
fn not_private(path: &Path) -> Option<(String, Flaw)> {
    use std::os::unix::fs::MetadataExt as _;
    // One that has just gone is no matter.
    let found = fs::symlink_metadata(path).ok()?;
    if found.is_symlink() {
        Some(("a symbolic link".to_owned(), Flaw::Link))
    } else if !found.is_file() {
        Some(("no file".to_owned(), Flaw::NoFile))
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        Some((format!("of user {}", found.uid()), Flaw::Owner))
    } else if found.mode() & 0o077 != 0 {
        Some((format!("mode {:03o}", found.mode() & 0o7777), Flaw::Mode))
    } else if found.nlink() > 1 {
        Some(("a second name".to_owned(), Flaw::SecondName))
    } else {
        None
    }
}

#[cfg(not(unix))]
fn not_private(_: &Path) -> Option<(String, Flaw)> {
    None
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}
