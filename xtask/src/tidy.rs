//! The invariants of the source tree, each a small function with a message that says how to mend it.
//!
//! Checks of text are functions of a [`Tree`], so that a test plants a fault without a disk; those that ask cargo take
//! what cargo said.

mod comparison;
mod core_tree;
mod generics;
mod headers;
mod layers;
mod links;
mod lints;
mod manifests;
mod marks;
mod pkce;
mod places;
mod purity;
mod rfcs;
mod rows;
mod targets;

use std::fmt;

use crate::scan::Source;
use crate::tree::{Tree, dir_of};
use crate::workspace::Workspace;

pub(crate) const HELP: &str = "\
cargo xtask tidy

Holds the invariants of the source tree:

  headers    every module opens with `//!`
  sizes      500 lines a file before its tests, 150 lines for lib.rs
  core tree  what grantflow-core brings along: none of the forbidden crates, at most 32 in all
  layers     which of our crates may know which (the table is in xtask/src/tidy/layers.rs)
  purity     no clock, file, environment, network, thread, process or randomness in the pure crates
  lints      `unsafe_code = \"forbid\"` and the other workspace lints reach every crate
  marks      no unfinished work, ignored tests, or sleeping tests
  pkce       no challenge method but S256 is named outside tests
  places     no paths of a developer's machine
  manifests  a reason for each dependency, one place for rust-version
  links      RFC links from the known list, relative links that resolve
  generics   no public type with more than one type parameter
  comparison each cell of the README's comparison links to a test, and each of its tests has a cell
  rows       docs/rows.md explains each row that a test or a comment names, and names tests that are there
  targets    grantflow-core builds for wasm32, the file stores for macOS and Windows, where such a target is installed

All but `targets` are also a test of xtask, so `cargo xtask test` holds them too.
";

/// A broken invariant: where, what, and how to mend it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Problem {
    pub(crate) file: String,
    /// From 1; 0 if the whole file is meant.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// What a check of cargo's answers found: problems, and what is worth a line even when all is well.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<String>,
    /// Suite and reason.
    pub(crate) skipped: Vec<(String, String)>,
}

/// A named check of text alone.
type TextCheck = (&'static str, fn(&Tree) -> Vec<Problem>);

const TEXT_CHECKS: [TextCheck; 12] = [
    ("headers", headers::headers),
    ("sizes", headers::sizes),
    ("purity", purity::purity),
    ("lints", lints::lints),
    ("marks", marks::marks),
    ("pkce", pkce::pkce),
    ("places", places::places),
    ("manifests", manifests::manifests),
    ("links", links::links),
    ("generics", generics::generics),
    ("comparison", comparison::comparison),
    ("rows", rows::rows),
];

pub(crate) fn main(args: &[String]) -> Result<bool, String> {
    if let Some(arg) = args.first() {
        return Err(format!(
            "`{arg}`: tidy takes no argument; see `cargo xtask tidy --help`"
        ));
    }
    Ok(run()?.problems.is_empty())
}

/// Runs every check and prints what it found.
pub(crate) fn run() -> Result<Report, String> {
    let workspace = Workspace::load()?;
    let mut report = check(&workspace)?;
    targets::targets(&workspace, &mut report)?;
    for note in &report.notes {
        println!("tidy: {note}");
    }
    for (suite, reason) in &report.skipped {
        println!("SKIPPED {suite}: {reason}");
    }
    for problem in &report.problems {
        println!("{problem}");
    }
    match report.problems.len() {
        0 => println!("tidy: all is well"),
        1 => println!("tidy: 1 problem"),
        n => println!("tidy: {n} problems"),
    }
    Ok(report)
}

/// Everything that needs no build.
fn check(workspace: &Workspace) -> Result<Report, String> {
    let tree = Tree::load(&workspace.root)?;
    let mut report = Report::default();
    for (_, check) in TEXT_CHECKS {
        report.problems.extend(check(&tree));
    }
    report.problems.extend(layers::layers(&workspace.packages));
    core_tree::core_tree(workspace, &mut report)?;
    Ok(report)
}

/// Whether a whole file is compiled for tests only.
fn is_test_file(tree: &Tree, path: &str) -> bool {
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or_default();
    if name == "tests.rs" || parts.any(|part| part == "tests") {
        return true;
    }
    // `#[cfg(test)] mod fixtures;` in the module above.
    let (dir, name) = (dir_of(path), name.trim_end_matches(".rs"));
    let above = [
        format!("{dir}/lib.rs"),
        format!("{dir}/main.rs"),
        format!("{dir}/mod.rs"),
        format!("{dir}.rs"),
    ];
    let declares =
        |text: &str| text.contains("cfg(test)") && Source::new(text).test_modules().iter().any(|m| m == name);
    above.iter().filter_map(|above| tree.get(above)).any(declares)
}

#[cfg(test)]
mod tests;
