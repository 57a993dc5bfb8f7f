//! The pure crates read nothing of the world: it comes in as `Cx`, replies and arguments.
//!
//! Text, not types, is looked at: `use` lines are expanded and aliases followed, macros and methods are found by name.

use std::collections::{BTreeMap, BTreeSet};

use super::lints::section;
use super::{Problem, is_test_file};
use crate::paths;
use crate::scan::{Source, line_of, words};
use crate::tree::Tree;

/// Crates that are pure once they exist.
const PURE: [&str; 4] = [
    "grantflow-core",
    "grantflow-jwt",
    "grantflow-oidc",
    "grantflow-google",
];

/// A module of a pure crate that may touch the world, because nobody gets it without asking.
struct Exception {
    krate: &'static str,
    module: &'static str,
    feature: &'static str,
}

const EXCEPTIONS: [Exception; 2] = [
    // System clock, entropy and threads, for authors of transports.
    Exception {
        krate: "grantflow-core",
        module: "native",
        feature: "native",
    },
    // Tests as public API: what a store or a transport promises, for those who write one.
    Exception {
        krate: "grantflow-core",
        module: "conformance",
        feature: "conformance",
    },
];

/// A file of a pure crate, and the one forbidden thing that it may take, because it cannot come in as an argument.
const ALONE: [(&str, &str); 1] = [
    // ring's `SecureRandom` is sealed: nonces of ECDSA and salts of RSASSA-PSS come from its own generator or not at all.
    ("crates/grantflow-jwt/src/random.rs", "ring::rand"),
];

/// Forbidden with everything below them.
const FORBIDDEN: [&str; 33] = [
    // Only a clock makes an `Instant`; a `SystemTime` may also be a date that was read, see `CLOCK`.
    "std::time::SystemTime::now",
    "std::time::Instant",
    "std::fs",
    "std::env",
    "std::net",
    "std::thread",
    "std::process",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::io::Stdin",
    "std::io::Stdout",
    "std::io::Stderr",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "getrandom",
    "rand",
    "rand_core",
    "fastrand",
    "ring::rand",
    "tokio",
    "async_std",
    "smol",
    "mio",
    "socket2",
    "libc",
    "rustix",
    "nix",
    "ureq",
    "reqwest",
    "hyper",
    "chrono",
];

/// Types that only parse and print.
const ALLOWED: [&str; 4] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::AddrParseError",
];

const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Methods of `Path` that ask the file system.
const PATH_METHODS: [&str; 11] = [
    "exists",
    "try_exists",
    "is_file",
    "is_dir",
    "is_symlink",
    "canonicalize",
    "read_dir",
    "read_link",
    "metadata",
    "symlink_metadata",
    "try_lock",
];

/// How a `SystemTime`, whatever its name, asks the clock.
const CLOCK: [(&str, &str); 2] = [("::", "now"), (".", "elapsed")];

const MEND: &str = "a pure crate reads nothing of the world; take it from `Cx`, a reply or an argument";

pub(super) fn purity(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.rust() {
        let krate = PURE
            .iter()
            .find(|krate| path.starts_with(&format!("crates/{krate}/src/")));
        let exempt = EXCEPTIONS.iter().any(|exception| exception.covers(path));
        if krate.is_some() && !exempt && !is_test_file(tree, path) {
            problems.extend(impure(path, &Source::new(text).shipped()));
        }
    }
    for exception in &EXCEPTIONS {
        problems.extend(exception.check(tree));
    }
    problems
}

fn impure(path: &str, code: &str) -> Vec<Problem> {
    let found = paths::find(code);
    let mut problems: Vec<Problem> = found
        .iter()
        .filter(|found| is_forbidden(&found.path) && !is_alone(path, &found.path))
        .map(|found| (found.at, format!("`{}`; {MEND}", found.path)))
        .chain(MACROS.iter().flat_map(|name| {
            words(code, name)
                .filter(|at| code[at + name.len()..].starts_with('!'))
                .map(move |at| (at, format!("`{name}!`; a library never prints")))
        }))
        .chain(path_methods(code, &found))
        .chain(clock_methods(code, &found))
        .map(|(at, what)| Problem::new(path, line_of(code, at), what))
        .collect();
    problems.sort_by_key(|problem| problem.line);
    problems.dedup();
    problems
}

fn is_alone(file: &str, path: &str) -> bool {
    ALONE
        .iter()
        .any(|(alone, top)| *alone == file && is_below(path, top))
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_forbidden(path: &str) -> bool {
    if let Some(prefix) = path.strip_suffix("::*") {
        // A glob hides what it brings.
        return FORBIDDEN
            .iter()
            .any(|top| is_below(top, prefix) || is_below(prefix, top));
    }
    let allowed = ALLOWED.iter().any(|allowed| is_below(path, allowed));
    // `use std::net;` alone is harmless: what is taken from it is looked at where it is used.
    !allowed && path != "std::net" && FORBIDDEN.iter().any(|top| is_below(path, top))
}

fn clock_methods(code: &str, found: &[paths::Found]) -> Vec<(usize, String)> {
    let has_clock = |found: &paths::Found| {
        found.path.starts_with("std::time::SystemTime") || found.path == "std::time::UNIX_EPOCH"
    };
    if !found.iter().any(has_clock) {
        return Vec::new();
    }
    CLOCK
        .iter()
        .flat_map(|(before, name)| {
            words(code, name)
                .filter(move |&at| code[..at].trim_end().ends_with(before))
                .map(move |at| (at, format!("`{before}{name}` asks the clock; {MEND}")))
        })
        .collect()
}

fn path_methods(code: &str, found: &[paths::Found]) -> Vec<(usize, String)> {
    if !found.iter().any(|found| found.path.starts_with("std::path")) {
        return Vec::new();
    }
    PATH_METHODS
        .iter()
        .flat_map(|name| {
            words(code, name)
                .filter(|&at| code[..at].ends_with('.') && code[at + name.len()..].starts_with("()"))
                .map(move |at| (at, format!("`.{name}()` asks the file system; {MEND}")))
        })
        .collect()
}

impl Exception {
    /// Its file, and those below it.
    fn covers(&self, path: &str) -> bool {
        let own = format!("crates/{}/src/{}", self.krate, self.module);
        path.strip_prefix(&own)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// The module stands behind its feature, and the feature is off by default.
    fn check(&self, tree: &Tree) -> Vec<Problem> {
        let (lib, manifest) = (
            format!("crates/{}/src/lib.rs", self.krate),
            format!("crates/{}/Cargo.toml", self.krate),
        );
        let mut problems = Vec::new();
        if !tree.rust().any(|(path, _)| self.covers(path)) {
            return problems;
        }
        let (module, feature) = (self.module, self.feature);
        let text = tree.get(&lib).unwrap_or_default();
        if !is_gated(text, module, feature) {
            problems.push(Problem::new(
                &lib,
                0,
                format!(
                    "`mod {module}` touches the world; put `#[cfg(feature = \"{feature}\")]` right above it"
                ),
            ));
        }
        if default_features(tree.get(&manifest).unwrap_or_default()).contains(feature) {
            problems.push(Problem::new(
                &manifest,
                0,
                format!("`{feature}` is a default feature; nobody gets it without asking: take it out of `default`"),
            ));
        }
        problems
    }
}

/// Whether the attribute is among those directly above the module.
fn is_gated(text: &str, module: &str, feature: &str) -> bool {
    let code = Source::new(text).code;
    let lines: Vec<(&str, &str)> = code.lines().zip(text.lines()).collect();
    let declares = |line: &str| {
        let line = line.trim().trim_end_matches([';', '{', ' ']);
        line.ends_with(&format!("mod {module}"))
    };
    let gate = format!("#[cfg(feature=\"{feature}\")]");
    let mut declarations = lines
        .iter()
        .enumerate()
        .filter(|(_, (code, _))| declares(code))
        .peekable();
    declarations.peek().is_some()
        && declarations.all(|(at, _)| {
            lines[..at]
                .iter()
                .rev()
                .take_while(|(code, _)| code.trim().is_empty() || code.trim().starts_with("#["))
                .any(|(_, text)| text.split_whitespace().collect::<String>() == gate)
        })
}

/// The features that `default` brings, those that other features bring among them.
fn default_features(manifest: &str) -> BTreeSet<String> {
    let features = features(manifest);
    let mut brought = BTreeSet::new();
    let mut next = vec!["default".to_owned()];
    while let Some(name) = next.pop() {
        if brought.insert(name.clone()) {
            next.extend(features.get(&name).into_iter().flatten().cloned());
        }
    }
    brought
}

/// `[features]`: each name, and what stands in its list.
fn features(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let mut features: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut open = None;
    for line in section(manifest, "features") {
        let line = line.split('#').next().unwrap_or_default();
        let (name, list) = match (&open, line.split_once('=')) {
            (Some(name), _) => (String::clone(name), line),
            (None, Some((name, list))) => (name.trim().trim_matches('"').to_owned(), list),
            (None, None) => continue,
        };
        let names = list.split('"').skip(1).step_by(2).map(str::to_owned);
        features.entry(name.clone()).or_default().extend(names);
        open = (!list.contains(']')).then_some(name);
    }
    features
}

#[cfg(test)]
mod tests;
