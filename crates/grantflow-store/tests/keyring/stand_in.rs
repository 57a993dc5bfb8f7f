//! A password manager in memory that does what a test wants: fail, lie, hang.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};

use grantflow_store::Keyring;
use keyring_core::api::{CredentialApi, CredentialStoreApi};
use keyring_core::{Credential, CredentialStore, Entry, Error};

/// What shall happen to a write.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Writes {
    #[default]
    Kept,
    /// It waits until [`StandIn::release`], and then is kept.
    Hanging,
    /// It succeeds, and cuts what it is given.
    Cut,
    /// It succeeds and keeps what was there.
    Ignored,
    /// So many succeed, all others fail.
    First(usize),
}

#[derive(Default)]
struct State {
    items: HashMap<(String, String), Vec<u8>>,
    writes: Writes,
    /// How many calls have hung so far.
    hung: usize,
    longest: usize,
    ambiguous: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The password manager.
#[derive(Clone, Default)]
pub(crate) struct StandIn(Arc<Shared>);

struct Item {
    shared: Arc<Shared>,
    names: (String, String),
}

impl StandIn {
    pub(crate) fn keyring(&self) -> Keyring {
        let this = self.clone();
        Keyring::new(move || Ok(Arc::new(this.clone()) as Arc<CredentialStore>))
    }

    pub(crate) fn writes(&self, writes: Writes) {
        self.0.state.lock().unwrap().writes = writes;
    }

    /// Lets what hangs go on, and hangs no more.
    pub(crate) fn release(&self) {
        self.writes(Writes::Kept);
        self.0.changed.notify_all();
    }

    pub(crate) fn is_ambiguous(&self) {
        self.0.state.lock().unwrap().ambiguous = true;
    }

    pub(crate) fn hung(&self) -> usize {
        self.0.state.lock().unwrap().hung
    }

    /// The longest item ever written, in bytes of UTF-16.
    pub(crate) fn longest(&self) -> usize {
        self.0.state.lock().unwrap().longest
    }

    /// The users that have an item, in order.
    pub(crate) fn users(&self) -> Vec<String> {
        let state = self.0.state.lock().unwrap();
        let mut users: Vec<_> = state.items.keys().map(|(_, user)| user.clone()).collect();
        users.sort();
        users
    }

    pub(crate) fn get(&self, application: &str, user: &str) -> Option<Vec<u8>> {
        let state = self.0.state.lock().unwrap();
        state
            .items
            .get(&(application.to_owned(), user.to_owned()))
            .cloned()
    }

    pub(crate) fn set(&self, application: &str, user: &str, value: &[u8]) {
        let names = (application.to_owned(), user.to_owned());
        self.0.state.lock().unwrap().items.insert(names, value.to_vec());
    }
}

impl CredentialStoreApi for StandIn {
    fn vendor(&self) -> String {
        "a stand-in".to_owned()
    }

    fn id(&self) -> String {
        "1".to_owned()
    }

    fn build(
        &self,
        application: &str,
        user: &str,
        modifiers: Option<&HashMap<&str, &str>>,
    ) -> keyring_core::Result<Entry> {
        if modifiers.is_some() {
            return Err(Error::Invalid("label".to_owned(), "there are none".to_owned()));
        }
        Ok(Entry::new_with_credential(Arc::new(Item {
            shared: Arc::clone(&self.0),
            names: (application.to_owned(), user.to_owned()),
        })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandIn")
    }
}

impl CredentialApi for Item {
    fn set_secret(&self, secret: &[u8]) -> keyring_core::Result<()> {
        let mut state = self.shared.state.lock().unwrap();
        if state.writes == Writes::Hanging {
            state.hung += 1;
            self.shared.changed.notify_all();
            while state.writes == Writes::Hanging {
                state = self.shared.changed.wait(state).unwrap();
            }
        }
        if let Ok(text) = std::str::from_utf8(secret) {
            state.longest = state.longest.max(text.encode_utf16().count() * 2);
        }
        let kept = match state.writes {
            Writes::Ignored => return Ok(()),
            Writes::First(0) => return Err(Error::PlatformFailure("it does not go on".into())),
            Writes::First(number) => {
                state.writes = Writes::First(number - 1);
                secret
            }
            Writes::Cut => &secret[..secret.len() / 2],
            Writes::Kept | Writes::Hanging => secret,
        };
        state.items.insert(self.names.clone(), kept.to_vec());
        Ok(())
    }

    fn get_secret(&self) -> keyring_core::Result<Vec<u8>> {
        let state = self.shared.state.lock().unwrap();
        if state.ambiguous {
            return Err(Error::Ambiguous(Vec::new()));
        }
        state.items.get(&self.names).cloned().ok_or(Error::NoEntry)
    }

    fn delete_credential(&self) -> keyring_core::Result<()> {
        let mut state = self.shared.state.lock().unwrap();
        if matches!(state.writes, Writes::First(0)) {
            return Err(Error::PlatformFailure("it does not go on".into()));
        }
        if state.writes == Writes::Ignored {
            return Ok(());
        }
        state.items.remove(&self.names).map(drop).ok_or(Error::NoEntry)
    }

    fn get_credential(&self) -> keyring_core::Result<Option<Arc<Credential>>> {
        self.get_secret().map(|_| None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some(self.names.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Item")
    }
}
