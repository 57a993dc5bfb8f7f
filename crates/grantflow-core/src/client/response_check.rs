//! How answers to authorization requests of a client come back, and the slot for the check of those that are signed ([JARM]).
//!
//! ```text
//! redirect ─▶ accept_for ─┬─ query, form_post ─────────▶ accept ──────────▶ AuthorizationCode
//!                         └─ query.jwt, form_post.jwt ─▶ ResponseCheck ───▶ AuthorizationCode
//! ```
//!
//! [JARM]: https://openid.net/specs/oauth-v2-jarm.html

use std::fmt;
use std::sync::Arc;

use crate::error::InvalidInput;
use crate::{AuthorizationCode, Client, Error, PendingAuthorization, ResponseMode, Step};

/// The check of signed answers to authorization requests ([JARM]). It lives outside the core, since it verifies signatures.
///
/// A client that has one ([`Client::with_response_check`]) is given its codes by [`PendingAuthorization::accept_for`], in every
/// [`ResponseMode`].
///
/// [JARM]: https://openid.net/specs/oauth-v2-jarm.html
pub trait ResponseCheck: fmt::Debug + Send + Sync {
    /// The flow that takes the redirect of `pending`, in any form that [`PendingAuthorization::accept`] takes, and gives the code. It ends
    /// in an [`Error`](crate::Error) if the answer is not signed, or by somebody else, or is not the answer to `pending`.
    fn accept(&self, pending: PendingAuthorization, callback: &str) -> Step<AuthorizationCode>;
}

impl Client {
    /// Asks for answers in this mode, unless a request says another.
    ///
    /// It is a part of the program, not of a record: a client that is read from a store has the usual mode.
    #[must_use]
    pub fn with_response_mode(mut self, mode: ResponseMode) -> Self {
        self.facts().response_mode = mode;
        self
    }

    /// Takes signed answers by this check ([`ResponseMode::QueryJwt`], [`ResponseMode::FormPostJwt`]).
    ///
    /// It is a part of the program, not of a record: a client that is read from a store has none.
    #[must_use]
    pub fn with_response_check(mut self, check: Arc<dyn ResponseCheck>) -> Self {
        self.facts().response_check = Some(check);
        self
    }

    /// The mode that its authorization requests ask for, unless they say another.
    #[must_use]
    pub fn response_mode(&self) -> ResponseMode {
        self.0.response_mode
    }

    /// The check of signed answers, where there is one.
    #[must_use]
    pub fn response_check(&self) -> Option<&dyn ResponseCheck> {
        self.0.response_check.as_deref()
    }

    /// Whether answers in this mode can be taken: signed ones need a check. For programs that ask before the user is.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if there is none.
    pub fn check_response_mode(&self, mode: ResponseMode) -> Result<(), Error> {
        if mode.is_signed() && self.response_check().is_none() {
            return Err(NO_CHECK.into());
        }
        Ok(())
    }

    /// How the answer comes back that was asked for in this mode: some providers post it whatever is asked for (quirk 45).
    pub(crate) fn answers_in(&self, asked: ResponseMode) -> ResponseMode {
        match asked {
            ResponseMode::Query if self.quirks().form_post => ResponseMode::FormPost,
            asked => asked,
        }
    }
}

const NO_CHECK: InvalidInput =
    InvalidInput::new("client", "has no check of signed answers, and asks for one");
