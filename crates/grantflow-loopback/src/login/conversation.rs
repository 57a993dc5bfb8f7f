//! Waiting for the user: whoever brings the redirect first wins, the receiver or what was pasted
//! ([RFC 8252 section 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3), threats T18 and T27).
//!
//! ```text
//! browser ─┬─ started ─▶ Opened ───────────────────────┬─▶ ExpectEvent ─┬─ Arrived, its state ─▶ Asked
//!          └─ none ────▶ Visit, pasting is offered ────┤       ▲        ├─ Pasted, its state ──▶ Asked
//!                                 ▲                    └───────┴────────┼─ another's
//!                                 └─────────────────────────────────────┴─ BrowserFailed
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel};

use grantflow_core::{AuthorizationUrl, Error, PendingAuthorization, Secret};

use super::LoginOptions;
use crate::deadline::Deadline;
use crate::prompt::{Answers, Message, Paste, Prompt};
use crate::receiver::{Arrival, Verdict};
use crate::{LoginError, NoBrowser, Receiver};

/// What can happen while the user is away.
pub(crate) enum Event {
    /// A request at the path of the redirect.
    Arrived(Arrival),
    Pasted {
        address: Secret,
        /// Is told whether another try is welcome.
        again: SyncSender<bool>,
    },
    /// Nobody will paste any more.
    InputEnded,
    /// The browser was started and did not work.
    BrowserFailed,
    Cancelled,
}

/// What a conversation is about.
pub(super) struct Conversation<'a> {
    pub(super) receiver: Option<&'a mut Receiver>,
    pub(super) url: &'a AuthorizationUrl,
    pub(super) pending: &'a PendingAuthorization,
    pub(super) options: &'a LoginOptions,
    pub(super) prompt: &'a dyn Prompt,
}

/// The redirect of this login, by its state.
pub(super) enum Asked {
    Arrived(Arrival),
    Pasted(Secret),
}

impl Asked {
    pub(super) fn callback(&self) -> &Secret {
        match self {
            Self::Arrived(arrival) => arrival.query(),
            Self::Pasted(address) => address,
        }
    }

    /// Shows the browser how it went, where it is here.
    pub(super) fn answer(self, granted: bool) {
        if let Self::Arrived(arrival) = self {
            let verdict = if granted {
                Verdict::Received
            } else {
                Verdict::Denied
            };
            drop(arrival.answer(verdict));
        }
    }
}

pub(super) fn converse(mut conversation: Conversation<'_>) -> Result<Asked, LoginError> {
    let deadline = Deadline::after(conversation.options.time_limit);
    let over = Over(Arc::new(AtomicBool::new(false)));
    let (events, happened) = channel();
    let listening = match &mut conversation.receiver {
        Some(receiver) => {
            let events = events.clone();
            receiver.listen(move |arrival| events.send(Event::Arrived(arrival)).is_ok())?;
            true
        }
        None => false,
    };
    let answers = || Answers::new(events.clone(), Arc::clone(&over.0));
    conversation.begin(&events, &answers, listening);
    loop {
        match happened.recv_timeout(deadline.left()) {
            Ok(Event::Arrived(arrival)) => {
                if conversation.pending.matches(arrival.query().expose()) {
                    return Ok(Asked::Arrived(arrival));
                }
                drop(arrival.answer(Verdict::Stranger));
            }
            Ok(Event::Pasted { address, again }) => {
                let ours = is_address(address.expose()) && conversation.pending.matches(address.expose());
                if ours {
                    return Ok(Asked::Pasted(address));
                }
                conversation.prompt.say(&Message::NotTheRedirect);
                // Whoever does not wait for it need not hear it.
                let _ = again.send(true);
            }
            Ok(Event::BrowserFailed) => conversation.offer(Some(NoBrowser::Failed), &answers),
            Ok(Event::InputEnded) if listening => {}
            Ok(Event::InputEnded) => return Err(LoginError::NoAnswer),
            Ok(Event::Cancelled) => return Err(Error::Cancelled.into()),
            // `events` lives here, so it is the time that is over.
            Err(_) => return Err(LoginError::TimedOut),
        }
    }
}

impl Conversation<'_> {
    fn begin(&self, events: &Sender<Event>, answers: &dyn Fn() -> Answers, listening: bool) {
        if !listening {
            let (why, paste) = (None, Paste::Required);
            self.prompt.say(&Message::Visit {
                url: self.url,
                why,
                paste,
            });
            return self.prompt.paste(answers(), paste);
        }
        let events = events.clone();
        let failed = move || drop(events.send(Event::BrowserFailed));
        match self.options.environment.open(self.url.as_str(), failed) {
            Ok(()) => {
                self.prompt.say(&Message::Opened { url: self.url });
                self.prompt.paste(answers(), Paste::Possible);
            }
            Err(why) => self.offer(Some(why), answers),
        }
    }

    fn offer(&self, why: Option<NoBrowser>, answers: &dyn Fn() -> Answers) {
        let paste = Paste::Offered;
        self.prompt.say(&Message::Visit {
            url: self.url,
            why,
            paste,
        });
        self.prompt.paste(answers(), paste);
    }
}

/// The whole address, and not the code alone or a piece of it: where the state is missing, nothing can be checked.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

/// Tells whoever still waits for answers that none is needed any more.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
