//! How a store and its sealing key are named: `--store`, `--sealing-key`, and the variables that stand for them.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where credentials are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Whether they are sealed there.
    pub(crate) sealed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// One record in a file.
    File(PathBuf),
    /// Any number in a directory.
    Multistore(PathBuf),
    /// One record in the password manager.
    Keyring(Item),
}

/// Where the key of sealed credentials is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SealingKey {
    File(PathBuf),
    Keyring(Item),
    /// The value of this variable.
    Variable(String),
}

/// The names of an item of the password manager.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) application: String,
    pub(crate) user: String,
}

impl Place {
    /// Reads `file:PATH` and its like.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, &'static str> {
        const UNKNOWN: &str = "name it as file:PATH, multistore:DIRECTORY or keyring:APPLICATION/USER, or sealed as file+sealed:PATH or multistore+sealed:DIRECTORY";
        type Make = fn(PathBuf) -> Kind;
        let paths: [(&str, Make, bool); 4] = [
            ("file:", Kind::File, false),
            ("multistore:", Kind::Multistore, false),
            ("file+sealed:", Kind::File, true),
            ("multistore+sealed:", Kind::Multistore, true),
        ];
        for (prefix, kind, sealed) in paths {
            if let Some(rest) = strip_prefix(text, prefix) {
                let kind = kind(path(rest)?);
                return Ok(Self { kind, sealed });
            }
        }
        let text = text.to_str().ok_or(UNKNOWN)?;
        if text.starts_with("keyring+sealed:") {
            return Err(
                "the password manager seals its items itself: name it as keyring:APPLICATION/USER; to keep only the key there, name file+sealed:PATH or multistore+sealed:DIRECTORY with --sealing-key keyring:APPLICATION/USER",
            );
        }
        let names = text.strip_prefix("keyring:").ok_or(UNKNOWN)?;
        let kind = Kind::Keyring(Item::parse(names)?);
        Ok(Self { kind, sealed: false })
    }
}

impl Kind {
    /// The file or directory, where it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Multistore(path) => Some(path),
            Self::Keyring(_) => None,
        }
    }
}

impl SealingKey {
    /// Reads `keyring:APPLICATION/USER` and its like.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, &'static str> {
        const UNKNOWN: &str =
            "name it as keyring:APPLICATION/USER, file:PATH or env:NAME; the key itself is never typed";
        if let Some(rest) = strip_prefix(text, "file:") {
            return Ok(Self::File(path(rest)?));
        }
        let text = text.to_str().ok_or(UNKNOWN)?;
        if let Some(names) = text.strip_prefix("keyring:") {
            return Ok(Self::Keyring(Item::parse(names)?));
        }
        let name = text.strip_prefix("env:").ok_or(UNKNOWN)?;
        let is_name = |name: &str| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            name.bytes().all(letters) && !name.starts_with(|first: char| first.is_ascii_digit())
        };
        if name.is_empty() || !is_name(name) {
            return Err(
                "behind `env:` stands the name of a variable: letters, digits and `_`; the key itself is never typed",
            );
        }
        Ok(Self::Variable(name.to_owned()))
    }
}

impl Item {
    /// Reads `APPLICATION/USER`. What follows the first slash is the user, whatever it has in it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.split_once('/') {
            Some((application, user)) if !application.is_empty() && !user.is_empty() => Ok(Self {
                application: application.to_owned(),
                user: user.to_owned(),
            }),
            _ => Err("an item has two names: keyring:APPLICATION/USER"),
        }
    }
}

fn path(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.as_os_str().is_empty() {
        return Err("the path behind the colon is missing");
    }
    if path.starts_with("~") {
        return Err("the shell does not replace `~` there: name the whole path, or begin it with $HOME");
    }
    Ok(path)
}

#[cfg(unix)]
fn strip_prefix(text: &OsStr, prefix: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = text.as_bytes().strip_prefix(prefix.as_bytes())?;
    Some(Path::new(OsStr::from_bytes(path)).to_owned())
}

#[cfg(not(unix))]
fn strip_prefix(text: &OsStr, prefix: &str) -> Option<PathBuf> {
    text.to_str()?.strip_prefix(prefix).map(PathBuf::from)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = if self.sealed { "+sealed" } else { "" };
        match &self.kind {
            Kind::File(path) => write!(f, "file{sealed}:{}", path.display()),
            Kind::Multistore(path) => write!(f, "multistore{sealed}:{}", path.display()),
            Kind::Keyring(item) => write!(f, "keyring:{item}"),
        }
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Keyring(item) => write!(f, "keyring:{item}"),
            Self::Variable(name) => write!(f, "env:{name}"),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.user)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_place_is_shown_as_it_is_typed() {
        for text in [
            "file:a:b",
            "file:/a",
            "multistore:a/b",
            "file+sealed:x",
            "multistore+sealed:/a b",
            "keyring:my app/ann@example.com/work",
        ] {
            assert_eq!(Place::parse(OsStr::new(text)).unwrap().to_string(), text);
        }
        for text in ["file:a:b", "keyring:app/key", "env:APP_KEY_2"] {
            assert_eq!(SealingKey::parse(OsStr::new(text)).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_told_what_one_looks_like() {
        for bad in [
            "",
            "file",
            "/a/b",
            "a",
            "FILE:a",
            "keyring",
            "sealed:a",
            "file+:a",
            "keyring+sealed:a/b",
        ] {
            let why = Place::parse(OsStr::new(bad)).unwrap_err();
            assert!(why.contains("file+sealed:PATH"), "{bad}: {why}");
        }
        for bad in ["file:", "multistore:", "file:~", "multistore+sealed:~/a"] {
            assert!(Place::parse(OsStr::new(bad)).is_err(), "{bad}");
        }
        for bad in ["keyring:", "keyring:x", "keyring:/x", "keyring:x/"] {
            let why = Place::parse(OsStr::new(bad)).unwrap_err();
            assert!(why.contains("keyring:APPLICATION/USER"), "{bad}: {why}");
            assert_eq!(SealingKey::parse(OsStr::new(bad)), Err(why));
        }
    }

    #[test]
    fn t61_a_sealing_key_is_named_and_never_typed() {
        const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let prefixed = format!("env:{KEY}");
        for bad in ["", "env:", KEY, &prefixed, "env:a b", "env:1", "env:A=b", "file:"] {
            let why = SealingKey::parse(OsStr::new(bad)).unwrap_err();
            assert!(!why.contains("AAEC"), "{bad}: {why}");
        }
    }
}
