//! The conversation with the user: what a login says, and where it takes answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, sync_channel};

use grantflow_core::error::ServerError;
use grantflow_core::{AuthorizationUrl, DeviceGrant, Scopes, Secret};

use crate::NoBrowser;
use crate::login::Event;

/// How a login talks to the user. A library prints nothing by itself.
pub trait Prompt {
    /// Says something. Strings of the server in it are to be shown through [`Visible`](crate::Visible).
    fn say(&self, message: &Message<'_>);

    /// Takes what the user pastes, the whole address at which the browser ended, or their giving up. It is called after
    /// [`Message::Opened`] and after [`Message::Visit`], and returns at once; `answers` goes to a thread, a window or wherever
    /// answers come from.
    ///
    /// By default nobody can answer.
    fn paste(&self, answers: Answers, paste: Paste) {
        let _ = (answers, paste);
    }
}

/// What a login says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The browser was started with this address.
    #[non_exhaustive]
    Opened {
        /// For the case that no window shows.
        url: &'a AuthorizationUrl,
    },
    /// The user has to open this address.
    #[non_exhaustive]
    Visit {
        /// The address.
        url: &'a AuthorizationUrl,
        /// Why no browser was opened; `None` if none was to be.
        why: Option<NoBrowser>,
        /// Whether and how the address of the end can be pasted.
        paste: Paste,
    },
    /// The user has to enter a code at another device: its [`user_code`](DeviceGrant::user_code), at its
    /// [`verification_uri`](DeviceGrant::verification_uri).
    EnterCode(&'a DeviceGrant),
    /// What was pasted is not the address at which this login ended; another try is welcome.
    NotTheRedirect,
    /// The server refused, or the user did.
    Refused(&'a ServerError),
    /// The login is through and stored.
    #[non_exhaustive]
    LoggedIn {
        /// The scopes that were asked for.
        asked: &'a Scopes,
        /// Those that were granted; a server may grant others.
        granted: &'a Scopes,
    },
}

/// What pasting is to a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Paste {
    /// The browser was opened and should do; a prompt may offer it all the same.
    Possible,
    /// A second way: a receiver listens too.
    Offered,
    /// The only way, which was asked for.
    Required,
}

/// Where answers of the user go, from any thread. When the last clone is dropped, no answer will come any more.
#[derive(Clone)]
pub struct Answers(Arc<Inner>);

struct Inner {
    events: Sender<Event>,
    over: Arc<AtomicBool>,
}

impl Answers {
    pub(crate) fn new(events: Sender<Event>, over: Arc<AtomicBool>) -> Self {
        Self(Arc::new(Inner { events, over }))
    }

    /// The user pasted this.
    pub fn paste(&self, address: impl Into<Secret>) {
        drop(self.send(address.into()));
    }

    /// The user pasted this: waits until it was looked at, and says whether it was not the right thing, so that another try is
    /// welcome. Only for a thread of one's own: within the prompt's methods it would wait for itself.
    #[must_use]
    pub fn paste_and_wait(&self, address: impl Into<Secret>) -> bool {
        self.send(address.into()).recv().unwrap_or(false)
    }

    fn send(&self, address: Secret) -> Receiver<bool> {
        let (again, looked_at) = sync_channel(1);
        let _ = self.0.events.send(Event::Pasted { address, again });
        looked_at
    }

    /// The user gave up.
    pub fn cancel(&self) {
        let _ = self.0.events.send(Event::Cancelled);
    }

    /// Whether the login has ended, so that no answer is needed any more.
    #[must_use]
    pub fn are_over(&self) -> bool {
        self.0.over.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.events.send(Event::InputEnded);
    }
}
