//! Bugs on purpose, around the store and the transport: each has to be found.
//!
//! The product has no hooks for them: they stand between it and the model, where a bug of the product would show.

mod store;
mod transport;

use std::fmt;

pub(crate) use store::PlantedStore;
pub(crate) use transport::PlantedTransport;

/// A bug to plant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Plant {
    /// The record is taken as it was read before the lock.
    NoRereadUnderLock,
    /// A new token is handed out, and stored a moment later.
    PublishBeforeSave,
    /// After a lost reply the request is made once more, whoever holds the lock.
    RetryOutsideLock,
    /// A record that was deleted or revoked is remembered, and stored again.
    WriteBackDeleted,
    /// A token that was replaced is taken for a newer one.
    AdoptOlder,
    /// The lock is given back though the save failed, which is tried again later.
    UnlockBeforeSaved,
    /// A save that compares looks at generations only, which the note of an attempt keeps.
    CompareGenerations,
    /// The lock is given back while a write hangs that may still be done.
    ForgetHungWrites,
    /// The key that a token is bound to is not stored with it.
    ForgetKey,
    /// What a server says of the next proof is not heard.
    IgnoreNonces,
    /// A device waits for half the time that the server wants.
    PollTooEarly,
    /// A subject token or an assertion that may be used once is kept, and presented for the next token too.
    PresentAgain,
    /// A request whose reply was lost is made again, though it has a code in it that works once.
    SendCodeAgain,
    /// Whoever waits for the user's answer asks once more when it is there.
    PollAfterAnswer,
    /// A source is asked twice for one token.
    AskSourceTwice,
    /// A source asks for the token of the next subject.
    MixSubjects,
    /// A token for a resource is refreshed without the name of the resource.
    ForgetResource,
}

impl Plant {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::NoRereadUnderLock,
        Self::PublishBeforeSave,
        Self::RetryOutsideLock,
        Self::WriteBackDeleted,
        Self::AdoptOlder,
        Self::UnlockBeforeSaved,
        Self::CompareGenerations,
        Self::ForgetHungWrites,
        Self::ForgetKey,
        Self::IgnoreNonces,
        Self::PollTooEarly,
        Self::PresentAgain,
        Self::SendCodeAgain,
        Self::PollAfterAnswer,
        Self::AskSourceTwice,
        Self::MixSubjects,
        Self::ForgetResource,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRereadUnderLock => "no-reread-under-lock",
            Self::PublishBeforeSave => "publish-before-save",
            Self::RetryOutsideLock => "retry-outside-lock",
            Self::WriteBackDeleted => "write-back-deleted",
            Self::AdoptOlder => "adopt-older",
            Self::UnlockBeforeSaved => "unlock-before-saved",
            Self::CompareGenerations => "compare-generations",
            Self::ForgetHungWrites => "forget-hung-writes",
            Self::ForgetKey => "forget-key",
            Self::IgnoreNonces => "ignore-nonces",
            Self::PollTooEarly => "poll-too-early",
            Self::PresentAgain => "present-again",
            Self::SendCodeAgain => "send-code-again",
            Self::PollAfterAnswer => "poll-after-answer",
            Self::AskSourceTwice => "ask-source-twice",
            Self::MixSubjects => "mix-subjects",
            Self::ForgetResource => "forget-resource",
        }
    }

    /// The bug of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|plant| plant.name() == name)
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
