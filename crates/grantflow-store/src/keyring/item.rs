//! One value under the names of an application and a user, in as many items as the platform's limit makes it.
//!
//! ```text
//! short:  (application, user) ─▶ the value
//! long:   (application, user) ─▶ {"grantflow_keyring":1,"sha256":"<hex>","length":102400,"parts":82,"slot":"a"}
//!         (application, grantflow-part:<digest of both names>:a:0) ─▶ the value's beginning, and so on
//!
//! write ─▶ parts into the other slot ─▶ read back ─▶ the item itself, which names the slot ─▶ read back ─▶ old parts removed
//! ```
//!
//! Up to the write of the item itself what is stored is the old value, from it on the new one. What a write leaves that was
//! interrupted, the next one removes.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use grantflow_core::{StoreError, StoreErrorKind};
use keyring_core::{CredentialStore, Entry, Error};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::errors::Because;
use super::reach::{Hold, Keyring};
use crate::form::checksum;

const VERSION: u32 = 1;

/// The longest item, in bytes, as UTF-8 and as UTF-16: Windows takes 2,560 bytes of the latter, and what is written on one
/// system should fit on all.
const LIMIT: usize = 2_500;

/// How many parts there may be at most: 1.2 MiB of ASCII.
const MAX_PARTS: usize = 1_000;

/// The names of parts; no user may be called so.
const PART: &str = "grantflow-part:";

/// How often a value may change while it is read.
const TRIES: usize = 8;

/// What Python's `keyring` writes beside the names. An item without it would not be replaced by Python, but doubled.
const PYTHON: (&str, &str) = ("application", "Python keyring library");

/// The item itself, where the value does not fit.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    grantflow_keyring: u32,
    sha256: String,
    length: usize,
    parts: usize,
    slot: Slot,
}

/// What tells other values apart.
#[derive(Deserialize)]
struct Heading {
    grantflow_keyring: u32,
}

/// One of two places for parts: the value in use is never written over.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Slot {
    A,
    B,
}

impl Slot {
    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// The names of a value.
#[derive(Clone)]
pub(super) struct Item {
    keyring: Keyring,
    application: Arc<str>,
    user: Arc<str>,
    /// Of both names, each with its length.
    digest: Arc<str>,
}

type Bytes = Zeroizing<Vec<u8>>;

impl Item {
    pub(super) fn new(keyring: Keyring, application: &str, user: &str) -> Self {
        let digest = checksum(&format!("{}:{application}{user}", application.len()));
        Self {
            keyring,
            application: application.into(),
            user: user.into(),
            digest: digest.into(),
        }
    }

    /// Another value of the same application.
    fn named(&self, user: &str) -> Self {
        Self::new(self.keyring.clone(), &self.application, user)
    }

    /// Unlike that of any other pair of names.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Where it is, for errors.
    pub(super) fn place(&self) -> PathBuf {
        PathBuf::from(format!("keyring:{}/{}", self.application, self.user))
    }

    fn located(&self, error: StoreError) -> StoreError {
        error.at(&self.place())
    }

    fn failed(&self, kind: StoreErrorKind, why: &str) -> StoreError {
        self.located(StoreError::new(kind).because(Because::new(why)))
    }

    /// The whole value. An empty item counts as none: oauth2client deletes by writing nothing into it.
    pub(super) fn read(&self) -> Result<Option<Bytes>, StoreError> {
        self.check_names()?;
        for _ in 0..TRIES {
            let Some(head) = self.get(&self.user)?.filter(|head| !head.is_empty()) else {
                return Ok(None);
            };
            let Some(manifest) = self.manifest(&head)? else {
                return Ok(Some(head));
            };
            if let Some(value) = self.assemble(&manifest)? {
                return Ok(Some(value));
            }
            if self.get(&self.user)?.as_ref() == Some(&head) {
                return Err(self.failed(StoreErrorKind::Corrupt, "parts of it are missing or damaged"));
            }
        }
        Err(self.failed(StoreErrorKind::Unavailable, "it changed at every try"))
    }

    /// All that is there of a value that cannot be read.
    fn remains(&self) -> Result<Bytes, StoreError> {
        let mut remains = self.get(&self.user)?.unwrap_or_default();
        if let Ok(Some(manifest)) = self.manifest(&remains) {
            for number in 0..manifest.parts {
                if let Some(part) = self.get(&self.part(manifest.slot, number))? {
                    remains.extend_from_slice(&part);
                }
            }
        }
        Ok(remains)
    }

    /// Makes `value` what is read from now on.
    pub(super) fn write(&self, value: &[u8], hold: &Hold) -> Result<(), StoreError> {
        self.check_names()?;
        let Ok(text) = std::str::from_utf8(value) else {
            return self.put(&self.user, value, hold);
        };
        let parts = split(text);
        if parts.len() < 2 {
            self.put(&self.user, value, hold)?;
            self.sweep(Slot::A, 0, hold);
            self.sweep(Slot::B, 0, hold);
            return Ok(());
        }
        if parts.len() > MAX_PARTS {
            return Err(self.located(StoreError::new(StoreErrorKind::Full)));
        }
        let used = self.get(&self.user)?.and_then(|head| self.manifest(&head).ok()?);
        let slot = used.map_or(Slot::A, |manifest| manifest.slot.other());
        for (number, part) in parts.iter().enumerate() {
            self.put(&self.part(slot, number), part.as_bytes(), hold)?;
        }
        let manifest = Manifest {
            grantflow_keyring: VERSION,
            sha256: checksum(text),
            length: text.len(),
            parts: parts.len(),
            slot,
        };
        let head = serde_json::to_vec(&manifest).map_err(|_| StoreError::new(StoreErrorKind::Io))?;
        self.put(&self.user, &head, hold)?;
        self.sweep(slot, parts.len(), hold);
        self.sweep(slot.other(), 0, hold);
        Ok(())
    }

    /// Removes the value: first the item itself, so that what is left is nothing.
    pub(super) fn delete(&self, hold: &Hold) -> Result<(), StoreError> {
        self.check_names()?;
        self.remove(&self.user, hold)?;
        if self.get(&self.user)?.is_some() {
            return Err(self.failed(StoreErrorKind::NotKept, "what was deleted is still there"));
        }
        self.sweep(Slot::A, 0, hold);
        self.sweep(Slot::B, 0, hold);
        Ok(())
    }

    /// Keeps a copy of a value that cannot be read, under a name of its own.
    pub(super) fn set_aside(&self, millis: u128, hold: &Hold) -> Result<(), StoreError> {
        let remains = self.remains()?;
        let mut millis = millis;
        loop {
            let aside = self.named(&format!("{}.corrupt-{millis}", self.user));
            if aside.get(&aside.user)?.is_none() {
                return aside.write(&remains, hold);
            }
            millis = millis.saturating_add(1);
        }
    }

    fn check_names(&self) -> Result<(), StoreError> {
        let bad = if self.application.is_empty() || self.user.is_empty() {
            "keep an item without the names of an application and a user"
        } else if self.user.starts_with(PART) {
            "keep an item for a user whose name begins as those of parts do"
        } else {
            return Ok(());
        };
        Err(self.located(StoreError::new(StoreErrorKind::Unsupported(bad))))
    }

    fn part(&self, slot: Slot, number: usize) -> String {
        format!("{PART}{}:{}:{number}", self.digest, slot.letter())
    }

    /// What says where the parts are; `None` if the item is the value itself.
    fn manifest(&self, head: &[u8]) -> Result<Option<Manifest>, StoreError> {
        let Ok(Heading { grantflow_keyring }) = serde_json::from_slice(head) else {
            return Ok(None);
        };
        if grantflow_keyring > VERSION {
            return Err(self.failed(StoreErrorKind::Newer, "its manifest is newer"));
        }
        match serde_json::from_slice::<Manifest>(head) {
            Ok(manifest) if (1..=MAX_PARTS).contains(&manifest.parts) => Ok(Some(manifest)),
            _ => Err(self.failed(StoreErrorKind::Corrupt, "its manifest is damaged")),
        }
    }

    fn assemble(&self, manifest: &Manifest) -> Result<Option<Bytes>, StoreError> {
        let mut value = Zeroizing::new(Vec::with_capacity(manifest.parts * LIMIT));
        for number in 0..manifest.parts {
            match self.get(&self.part(manifest.slot, number))? {
                Some(part) if part.len() <= LIMIT => value.extend_from_slice(&part),
                _ => return Ok(None),
            }
        }
        let whole = std::str::from_utf8(&value)
            .is_ok_and(|text| text.len() == manifest.length && checksum(text) == manifest.sha256);
        Ok(whole.then_some(value))
    }

    /// Removes the parts of a slot from this number on. What cannot be removed now, the next write removes.
    fn sweep(&self, slot: Slot, from: usize, hold: &Hold) {
        let is_there = |number| {
            self.get(&self.part(slot, number))
                .is_ok_and(|part| part.is_some())
        };
        let mut end = from;
        while end < MAX_PARTS && is_there(end) {
            end += 1;
        }
        // From the end, so that what is left has no gaps.
        for number in (from..end).rev() {
            if self.remove(&self.part(slot, number), hold).is_err() {
                return;
            }
        }
    }

    /// One item.
    fn get(&self, user: &str) -> Result<Option<Bytes>, StoreError> {
        let names = Names::new(self, user);
        let got = self
            .keyring
            .call(&None, move |store| match names.entry(store)?.get_password() {
                Ok(text) => Ok(Some(Zeroizing::new(text.into_bytes()))),
                Err(Error::BadEncoding(bytes) | Error::BadDataFormat(bytes, _)) => {
                    Ok(Some(Zeroizing::new(bytes)))
                }
                Err(Error::NoEntry) => Ok(None),
                Err(error) => Err(error),
            });
        got.map_err(|error| self.located(error))
    }

    /// Writes one item and reads it back.
    fn put(&self, user: &str, value: &[u8], hold: &Hold) -> Result<(), StoreError> {
        let (names, bytes) = (Names::new(self, user), Zeroizing::new(value.to_vec()));
        let whole = *user == *self.user;
        let put = self.keyring.call(hold, move |store| {
            let entry = names.entry(store)?;
            // Parts are nothing that Python reads.
            let new = whole && matches!(entry.get_credential(), Err(Error::NoEntry));
            match std::str::from_utf8(&bytes) {
                Ok(text) => entry.set_password(text)?,
                Err(_) => entry.set_secret(&bytes)?,
            }
            if new {
                // A store without attributes needs none.
                let _ = entry.update_attributes(&[PYTHON].into());
            }
            Ok(())
        });
        put.map_err(|error| self.located(error))?;
        match self.get(user)? {
            Some(kept) if *kept == value => Ok(()),
            _ => Err(self.failed(StoreErrorKind::NotKept, "what was read back differs")),
        }
    }

    fn remove(&self, user: &str, hold: &Hold) -> Result<(), StoreError> {
        let names = Names::new(self, user);
        let removed = self
            .keyring
            .call(hold, move |store| match names.entry(store)?.delete_credential() {
                Ok(()) | Err(Error::NoEntry) => Ok(()),
                Err(error) => Err(error),
            });
        removed.map_err(|error| self.located(error))
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Item").field(&self.place()).finish()
    }
}

/// The names of one item, for a thread.
struct Names {
    application: Arc<str>,
    user: String,
}

impl Names {
    fn new(item: &Item, user: &str) -> Self {
        Self {
            application: Arc::clone(&item.application),
            user: user.to_owned(),
        }
    }

    /// The item, labelled as Python labels it where there are labels.
    fn entry(&self, store: &CredentialStore) -> keyring_core::Result<Entry> {
        let label = format!("Password for '{}' on '{}'", self.user, self.application);
        let labelled = HashMap::from([("label", label.as_str())]);
        match store.build(&self.application, &self.user, Some(&labelled)) {
            Err(Error::Invalid(..) | Error::NotSupportedByStore(_)) => {
                store.build(&self.application, &self.user, None)
            }
            built => built,
        }
    }
}

/// Cuts a text into pieces that fit everywhere.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (at, char) in text.char_indices() {
        let needs = char.len_utf8().max(2 * char.len_utf16());
        if length + needs > LIMIT {
            parts.extend(text.get(start..at));
            (start, length) = (at, 0);
        }
        length += needs;
    }
    parts.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fit_as_utf_8_and_as_utf_16() {
        for text in ["", "a", "é", "€", "😀", "aé€😀"].map(|text| text.repeat(3_001)) {
            let parts = split(&text);
            assert_eq!(parts.concat(), text);
            for part in &parts {
                assert!(part.len() <= LIMIT, "{}", part.len());
                assert!(part.encode_utf16().count() * 2 <= LIMIT);
                assert!(!part.is_empty());
            }
        }
        assert_eq!(split(&"a".repeat(LIMIT / 2)).len(), 1);
        assert_eq!(split(&"a".repeat(LIMIT / 2 + 1)).len(), 2);
    }

    #[test]
    fn t64_no_two_pairs_of_names_share_a_digest() {
        let item = |application, user| Item::new(Keyring::system(), application, user);
        let digests = [("a", "bc"), ("ab", "c"), ("1:a", "bc"), ("a", ":bc"), ("abc", "")];
        let digests: std::collections::HashSet<_> = digests
            .map(|(application, user)| item(application, user).digest().to_owned())
            .into();
        assert_eq!(digests.len(), 5);
    }
}
