//! Whom a token has to be from or for: names, or a check that is skipped by its name.

use std::marker::PhantomData;

/// Says that a token may come from anybody who has the key.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a name")]
pub struct SkipIssuerCheck;

/// Says that a token may be meant for anybody.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a name")]
pub struct SkipAudienceCheck;

/// Names to choose from, or `Skip`, which is the one way to check none. An empty list allows nobody.
#[derive(Clone, Debug)]
pub struct Expected<Skip> {
    names: Option<Vec<String>>,
    skip: PhantomData<Skip>,
}

impl<Skip> Expected<Skip> {
    const fn of(names: Option<Vec<String>>) -> Self {
        let skip = PhantomData;
        Self { names, skip }
    }

    /// `None` if there is nothing to check.
    pub(super) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }
}

impl<Skip> From<&str> for Expected<Skip> {
    fn from(name: &str) -> Self {
        Self::of(Some(vec![name.to_owned()]))
    }
}

impl<Skip> From<String> for Expected<Skip> {
    fn from(name: String) -> Self {
        Self::of(Some(vec![name]))
    }
}

impl<Skip, const N: usize> From<[&str; N]> for Expected<Skip> {
    fn from(names: [&str; N]) -> Self {
        Self::of(Some(names.map(str::to_owned).to_vec()))
    }
}

impl<Skip> From<Vec<String>> for Expected<Skip> {
    fn from(names: Vec<String>) -> Self {
        Self::of(Some(names))
    }
}

impl From<SkipIssuerCheck> for Expected<SkipIssuerCheck> {
    fn from(_: SkipIssuerCheck) -> Self {
        Self::of(None)
    }
}

impl From<SkipAudienceCheck> for Expected<SkipAudienceCheck> {
    fn from(_: SkipAudienceCheck) -> Self {
        Self::of(None)
    }
}
