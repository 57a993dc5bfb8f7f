//! What is measured: groups of operations that do the same, and the bars that ours has to reach.

mod account;
mod authorization_url;
mod cached_token;
mod discovery;
mod dpop;
mod jwt;
mod refresh;
pub mod token_reply;

use crate::clock::Clock;

/// Operations that do the same, taken in turns.
pub struct Group {
    /// The word on the command line.
    pub name: &'static str,
    /// What each case does.
    pub title: &'static str,
    pub cases: Vec<Case>,
    pub bars: Vec<Bar>,
    pub clock: Clock,
}

/// One way to do it.
pub struct Case {
    pub name: &'static str,
    run: Box<dyn Fn(u64) + Send + Sync>,
}

/// What is to be reached.
pub struct Bar {
    pub case: &'static str,
    pub limit: &'static str,
    /// At most so many times the processor time of the limit.
    pub times: f64,
    /// At most so many times the allocations of the limit.
    pub allocations: Option<f64>,
    /// Fewer than so many instructions.
    pub instructions: Option<f64>,
}

impl Case {
    /// A case; `run` repeats the operation so many times.
    pub fn new(name: &'static str, run: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }

    /// Repeats the operation.
    pub fn run(&self, repeats: u64) {
        (self.run)(repeats);
    }
}

impl Group {
    /// The place of a case.
    ///
    /// # Panics
    ///
    /// If there is no such case.
    pub fn find(&self, name: &str) -> usize {
        let at = self.cases.iter().position(|case| case.name == name);
        at.unwrap_or_else(|| panic!("no case {name:?} in {}", self.name))
    }
}

/// The words for the groups, in the order of `docs/performance.md`.
pub const GROUPS: [&str; 8] = [
    "cached-token",
    "token-reply",
    "authorization-url",
    "refresh",
    "jwt",
    "account",
    "dpop",
    "discovery",
];

/// The group of this name.
pub fn group(name: &str) -> Option<Group> {
    Some(match name {
        "cached-token" => cached_token::group(),
        "token-reply" => token_reply::group(),
        "authorization-url" => authorization_url::group(),
        "refresh" => refresh::group(),
        "jwt" => jwt::group(),
        "account" => account::group(),
        "dpop" => dpop::group(),
        "discovery" => discovery::group(),
        _ => return None,
    })
}
