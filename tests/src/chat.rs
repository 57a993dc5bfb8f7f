//! A prompt that passes on what a login says, for a test that plays the user on another thread.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use grantflow_loopback::{Answers, Message, Paste, Prompt};

/// One end of the conversation: the login's.
#[derive(Debug)]
pub struct Chat {
    urls: Sender<String>,
    /// Kept, so that the login goes on waiting for the redirect.
    answers: Mutex<Vec<Answers>>,
}

impl Chat {
    /// The prompt, and the addresses that the user is told to open.
    #[must_use]
    pub fn new() -> (Self, Receiver<String>) {
        let (urls, opened) = channel();
        let answers = Mutex::default();
        (Self { urls, answers }, opened)
    }
}

impl Prompt for Chat {
    fn say(&self, message: &Message<'_>) {
        if let Message::Visit { url, .. } = message {
            // Nobody listens once the test has ended.
            _ = self.urls.send(url.as_str().to_owned());
        }
    }

    fn paste(&self, answers: Answers, _: Paste) {
        self.answers.lock().expect("no test panics here").push(answers);
    }
}
