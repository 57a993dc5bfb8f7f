//! What lets others read or replace a file, and what helps against it: a mode is changed by chmod, a link is not.

use std::path::Path;

use crate::select::quoted;

/// Why a file is not one user's alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    /// A symbolic link in the place of a file, or of a directory.
    Link,
    /// A pipe, a device, a directory in the place of a file.
    NoFile,
    Owner,
    Mode,
    /// A hard link elsewhere.
    SecondName,
    /// A directory that everybody may write to.
    OpenDirectory,
}

impl Flaw {
    /// The flaw that a store names.
    pub(crate) fn named(why: &str) -> Option<Self> {
        const WORDS: [(&str, Flaw); 6] = [
            ("symbolic link", Flaw::Link),
            ("not a regular file", Flaw::NoFile),
            ("belongs to another user", Flaw::Owner),
            ("its mode should be", Flaw::Mode),
            ("second name", Flaw::SecondName),
            ("others may write", Flaw::OpenDirectory),
        ];
        let found = WORDS.iter().find(|(words, _)| why.contains(words));
        found.map(|(_, flaw)| *flaw)
    }

    /// What helps; `option` names another place.
    pub(crate) fn advice(self, path: &Path, option: &str) -> String {
        let shown = path.display().to_string();
        let typed = quoted(&shown);
        match self {
            Self::Link if path.is_dir() => format!("name the directory itself with {option}"),
            Self::Link => {
                format!(
                    "name the file itself with {option}, or remove the link and put the file in its place"
                )
            }
            Self::NoFile if path.is_dir() && option == "--store" => {
                format!("a directory for any number of records is named as one: --store multistore:{typed}")
            }
            Self::NoFile => format!("move it away, or name another place with {option}"),
            Self::Owner => format!(
                "if you trust what is in it: chown \"$(id -u)\" {typed}, as root; else name another place with {option}"
            ),
            Self::Mode => {
                format!("if nobody could have read it: chmod 600 {typed}; else revoke, and log in again")
            }
            Self::SecondName => format!(
                "find the other name (find DIRECTORY -samefile {typed}) and remove the one that is not needed"
            ),
            Self::OpenDirectory => {
                format!(
                    "if nobody has replaced anything there: chmod o-w {typed}; or name another place with {option}"
                )
            }
        }
    }
}
