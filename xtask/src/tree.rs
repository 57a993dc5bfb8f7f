//! The source tree as data, so that every check is a function of text and a test can plant a fault in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::cmd::Cmd;

/// Files by path relative to the root, `/` between the parts; text where it is text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    text: BTreeMap<String, String>,
    paths: BTreeSet<String>,
    /// Symbolic links, and where they lead.
    links: BTreeMap<String, String>,
}

impl Tree {
    /// What git tracks, and what it would track if it were added; without git, what lies there.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let listed = Cmd::new(root, "git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .capture();
        match listed {
            Ok(output) if output.ok => {
                let mut tree = Self::default();
                for path in output.stdout.split('\0').filter(|path| !path.is_empty()) {
                    tree.read(root, path)?;
                }
                Ok(tree)
            }
            _ => Self::walk(root),
        }
    }

    /// Everything under a directory, but for what is built there.
    pub(crate) fn walk(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        let mut dirs = vec![String::new()];
        while let Some(dir) = dirs.pop() {
            let full = root.join(&dir);
            let entries =
                std::fs::read_dir(&full).map_err(|e| format!("cannot list {}: {e}", full.display()))?;
            for entry in entries {
                let entry = entry.map_err(|e| format!("cannot list {}: {e}", full.display()))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if dir.is_empty() {
                    name.clone()
                } else {
                    format!("{dir}/{name}")
                };
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir()); // a link is none
                if !is_dir {
                    tree.read(root, &path)?;
                } else if !["target", "node_modules", "venv", ".git"].contains(&name.as_str()) {
                    dirs.push(path);
                }
            }
        }
        Ok(tree)
    }

    fn read(&mut self, root: &Path, path: &str) -> Result<(), String> {
        let full = root.join(path);
        if let Ok(target) = std::fs::read_link(&full) {
            if let Some(target) = join(dir_of(path), &target.to_string_lossy()) {
                self.links.insert(path.to_owned(), target);
            }
            return Ok(());
        }
        if !full.is_file() {
            return Ok(()); // deleted and not yet committed, or a submodule
        }
        let bytes = std::fs::read(&full).map_err(|e| format!("cannot read {}: {e}", full.display()))?;
        self.paths.insert(path.to_owned());
        if let Ok(text) = String::from_utf8(bytes) {
            self.text.insert(path.to_owned(), text);
        }
        Ok(())
    }

    /// Every text file, once: a link is not followed.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file of the workspace.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// Every `Cargo.toml`.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files()
            .filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"))
    }

    /// The text of a file, over links.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.text.get(&self.resolve(path)).map(String::as_str)
    }

    /// Whether a file or a directory of this path is there, over links.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = self.resolve(path.trim_end_matches('/'));
        let below = format!("{path}/");
        let mut after = self.paths.range(below.clone()..);
        path.is_empty()
            || self.paths.contains(&path)
            || after.next().is_some_and(|next| next.starts_with(&below))
    }

    fn resolve(&self, path: &str) -> String {
        let followed = self.links.iter().find_map(|(link, target)| {
            let rest = path.strip_prefix(link)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{target}{rest}"))
        });
        followed.unwrap_or_else(|| path.to_owned())
    }
}

/// Resolves `..` and `.` in a `/` path; `None` if it leaves the tree.
pub(crate) fn join(dir: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The directory of a `/` path.
pub(crate) fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A tree of the given files.
    pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.paths.insert((*path).to_owned());
            tree.text.insert((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    #[test]
    fn directories_are_known_by_what_they_hold() {
        let tree = tree(&[("docs/flows.md", ""), ("docs-old/a", "")]);
        assert!(tree.has("docs") && tree.has("docs/") && tree.has("docs/flows.md"));
        assert!(!tree.has("doc") && !tree.has("docs/flow"));
    }

    #[test]
    fn links_are_followed_but_not_listed() {
        let mut tree = tree(&[("README.md", "a"), ("docs/flows.md", "")]);
        tree.links.insert("crates/a/README.md".into(), "README.md".into());
        tree.links.insert("crates/a/docs".into(), "docs".into());
        assert_eq!(tree.get("crates/a/README.md"), Some("a"));
        assert!(
            tree.has("crates/a/docs")
                && tree.has("crates/a/docs/flows.md")
                && !tree.has("crates/a/docs/x.md")
        );
        assert_eq!(tree.files().count(), 2);
    }

    #[test]
    fn a_walk_leaves_out_what_is_built() {
        let root = std::env::temp_dir().join(format!("grantflow-xtask-{}", std::process::id()));
        for dir in ["src", "target/debug", "node_modules/x"] {
            std::fs::create_dir_all(root.join(dir)).expect("the temporary directory is ours");
        }
        for file in ["src/lib.rs", "target/debug/a.rs", "node_modules/x/b.rs"] {
            std::fs::write(root.join(file), "//! x\n").expect("the temporary directory is ours");
        }
        let tree = Tree::walk(&root).expect("it was just written");
        std::fs::remove_dir_all(&root).expect("the temporary directory is ours");
        let found: Vec<_> = tree.files().collect();
        assert_eq!(found, [("src/lib.rs", "//! x\n")]);
    }

    #[test]
    fn relative_paths_are_resolved_and_cannot_leave() {
        assert_eq!(
            join("crates/a/src", "../../../README.md").as_deref(),
            Some("README.md")
        );
        assert_eq!(join("docs", "./x/y.md").as_deref(), Some("docs/x/y.md"));
        assert_eq!(join("docs", "../../x"), None);
    }
}
