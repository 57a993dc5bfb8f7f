//! Replies that the protocol does not allow; the body is never kept.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use super::Outcome;
use crate::Timestamp;

/// A reply that made no sense, without its body.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BadReply {
    status: StatusCode,
    problem: ReplyProblem,
    retry_at: Option<Timestamp>,
    named: Option<Arc<str>>,
}

/// What was wrong with a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReplyProblem {
    /// A status that is no success, without an error the protocol knows.
    Status,
    /// A redirect, which is never followed: it would carry secrets elsewhere.
    Redirect,
    /// The media type is not the one the protocol asks for.
    MediaType,
    /// The body is not JSON; where the first error stands.
    NotJson {
        /// The line, from 1.
        line: u32,
        /// The column, from 1.
        column: u32,
    },
    /// The body is larger than 1 MiB.
    TooLarge,
    /// A header is missing by which the right server would be known.
    MissingHeader(&'static str),
    /// A member is missing.
    Missing(&'static str),
    /// A member has the wrong type or a value that cannot be.
    Invalid(&'static str),
    /// A member is there twice, or an object is nested too deep.
    Repeated,
    /// A token of a type that this client cannot use.
    TokenType,
    /// The issuer is not the one that was asked; [`BadReply::named`] is the one that the reply names.
    Issuer,
    /// The metadata are about another resource than the one that was asked for, or not allowed to be about it where they were found.
    Resource,
    /// There are no metadata where they were asked for, which is [`BadReply::named`].
    NoMetadata,
}

impl BadReply {
    /// A reply with `status` and this `problem`.
    #[must_use]
    pub const fn new(status: StatusCode, problem: ReplyProblem) -> Self {
        Self {
            status,
            problem,
            retry_at: None,
            named: None,
        }
    }

    /// Adds what the problem is about: an issuer or an address, without a query.
    pub(crate) fn naming(mut self, named: impl Into<Arc<str>>) -> Self {
        self.named = Some(named.into());
        self
    }

    pub(crate) fn retry(mut self, at: Option<Timestamp>) -> Self {
        self.retry_at = at;
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong.
    #[must_use]
    pub const fn problem(&self) -> ReplyProblem {
        self.problem
    }

    /// What the problem is about, where it has a name: an issuer, or the address of metadata. It is one that could be asked, and has
    /// no query.
    #[must_use]
    pub fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// When the server asked to be left alone until.
    #[must_use]
    pub const fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// A success that cannot be read may have granted something.
    pub(super) fn outcome(&self) -> Outcome {
        if self.status.is_success() {
            Outcome::Ambiguous
        } else {
            status_outcome(self.status)
        }
    }
}

/// 429 and 503 say that nothing was done; any other 5xx and 408 may hide a success.
pub(super) fn status_outcome(status: StatusCode) -> Outcome {
    match status.as_u16() {
        429 | 503 => Outcome::Transient,
        408 | 500..=599 => Outcome::Ambiguous,
        _ => Outcome::Permanent,
    }
}

impl fmt::Display for BadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server's reply ({}) ", self.status.as_u16())?;
        match self.problem {
            ReplyProblem::Status => f.write_str("is an error without a reason"),
            ReplyProblem::Redirect => f.write_str("is a redirect, which is not followed"),
            ReplyProblem::MediaType => f.write_str("has the wrong media type"),
            ReplyProblem::NotJson { line, column } => {
                write!(f, "is not JSON at line {line}, column {column}")
            }
            ReplyProblem::TooLarge => f.write_str("is larger than 1 MiB"),
            ReplyProblem::MissingHeader(header) => write!(f, "lacks the header {header}"),
            ReplyProblem::Missing(member) => write!(f, "lacks {member:?}"),
            ReplyProblem::Invalid(member) => write!(f, "has an impossible {member:?}"),
            ReplyProblem::Repeated => f.write_str("has a repeated member or is nested too deep"),
            ReplyProblem::TokenType => f.write_str("grants a token of an unknown type"),
            ReplyProblem::Issuer => {
                f.write_str("names another issuer than the one asked")?;
                self.named.iter().try_for_each(|named| write!(f, ": {named}"))
            }
            ReplyProblem::Resource => f.write_str("is about another resource than the one asked for"),
            ReplyProblem::NoMetadata => {
                f.write_str("is that there are no metadata")?;
                self.named.iter().try_for_each(|named| write!(f, " at {named}"))
            }
        }
    }
}

impl std::error::Error for BadReply {}
