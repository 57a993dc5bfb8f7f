//! F16 of the table of threats: a flow whose driver answers whatever a byte says.
//!
//! ```text
//! 1 byte   which flow      it ends; it sends the newest refresh token it knows of and none that is spent, unless an answer was lost;
//! the rest, a byte for     what was granted is stored or handed out as not stored; nothing is saved without the lock;
//! an answer                an answer that was lost is noted in the record
//! ```

use std::time::Duration;

use grantflow_core::error::{StoreError, StoreErrorKind, TransportError, TransportErrorKind};
use grantflow_core::flow::{self, Access, AccessTokenFlow, Unless};
use grantflow_core::{
    Cancelled, Change, Cx, Error, Key, Provenance, Record, Request, Response, Scopes, Secret, Step,
    Timestamp, Token,
};

use crate::world::{self, BEGIN, at, client, reply};

/// Of one flow, whatever its answers are: 16 times a login, each with a lock, a save and a pause, and some more.
const MOST_STEPS: usize = 400;

/// Drives a flow.
///
/// # Panics
///
/// If a promise is broken.
pub fn driver(data: &[u8]) {
    let Some((choice, script)) = data.split_first() else {
        return;
    };
    let mut world = World::new(script);
    let expired = || AccessTokenFlow::new(key(), Unless::Expired);
    match choice % 4 {
        0 | 1 => {
            let end = world.drive(expired().flow());
            world.lost_is_noted();
            world.granted_is_kept(end);
        }
        2 => {
            let flow = AccessTokenFlow::new(key(), Unless::Generation(u64::from(choice >> 2)));
            let end = world.drive(flow.flow());
            world.lost_is_noted();
            world.granted_is_kept(end);
        }
        _ => {
            let login = record("AT-login", "RT-login");
            let end = world.drive(flow::keep(login, None));
            if let Ok(kept) = end {
                let stored = world.stored.as_ref().map(refresh_token);
                assert_eq!(stored, Some("RT-login"), "a login that is kept is stored");
                assert_eq!(refresh_token(&kept), "RT-login");
            }
        }
    }
}

fn key() -> Key {
    Key::new(&client(), Scopes::default())
}

fn record(access_token: &str, refresh_token: &str) -> Record {
    let now = Timestamp::from_unix_seconds(BEGIN);
    let mut token = Token::bearer(access_token, now);
    token.refresh_token = Some(Secret::new(refresh_token));
    token.expires_at = Some(now);
    Record::new(key(), client(), token, Provenance::new("fuzz", now))
}

fn refresh_token(record: &Record) -> &str {
    record.token().refresh_token.as_ref().map_or("", Secret::expose)
}

struct World<'a> {
    script: std::slice::Iter<'a, u8>,
    elapsed: Duration,
    is_locked: bool,
    /// Whether the lock was a lease and is lost: whatever is saved under it comes too late.
    is_lost: bool,
    stored: Option<Record>,
    /// How many refreshes the server has granted, and so the number of the token it takes.
    granted: u32,
    /// The newest that the flow was told of.
    told: u32,
    /// Whether an answer was lost: the flow may then ask with a token that is spent.
    lost: bool,
    /// Whether nothing has been heard since that says what became of it.
    in_doubt: bool,
    /// Whether somebody else has written into the store.
    overtaken: bool,
}

impl<'a> World<'a> {
    fn new(script: &'a [u8]) -> Self {
        Self {
            script: script.iter(),
            elapsed: Duration::from_secs(60),
            is_locked: false,
            is_lost: false,
            stored: Some(record("AT-0", "RT-0")),
            granted: 0,
            told: 0,
            lost: false,
            in_doubt: false,
            overtaken: false,
        }
    }

    fn next(&mut self) -> u8 {
        self.script.next().copied().unwrap_or_default()
    }

    fn drive<T: Send + 'static>(&mut self, flow: Step<T>) -> Result<T, Error> {
        let mut step = Ok(flow);
        for _ in 0..MOST_STEPS {
            step = match step? {
                Step::Done(end) => return Ok(end),
                Step::Begin(next) => self.with(|cx| next.resume((), cx)),
                Step::Send(request, next) => {
                    let answer = self.send(&request);
                    self.with(|cx| next.resume(answer, cx))
                }
                Step::Wait(pause, next) => {
                    let word = self.next();
                    // A clock may jump, and a caller may give up.
                    let jump = Duration::from_secs(if word & 2 == 0 { 0 } else { 3600 });
                    self.elapsed = self.elapsed.saturating_add(pause).saturating_add(jump);
                    let waited = if word == 1 { Err(Cancelled) } else { Ok(()) };
                    self.with(|cx| next.resume(waited, cx))
                }
                Step::Lock(_, _, next) | Step::LockForLogin(_, _, next) => {
                    let locked = self.lock();
                    self.with(|cx| next.resume(locked, cx))
                }
                Step::Save(change, next) => {
                    let saved = self.save(change);
                    self.with(|cx| next.resume(saved, cx))
                }
                Step::Unlock(next) => {
                    assert!(self.is_locked, "what is not locked cannot be unlocked");
                    self.is_locked = false;
                    self.with(|cx| next.resume((), cx))
                }
                _ => panic!("these flows have no use for it"),
            };
        }
        panic!("it never ends");
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Cx<'_>) -> Result<Step<T>, Error>) -> Result<Step<T>, Error> {
        ask(&mut Cx::new(at(self.elapsed), &mut world::sevens))
    }

    fn lock(&mut self) -> Result<Option<Record>, StoreError> {
        if self.next() == 1 {
            return Err(StoreError::new(StoreErrorKind::LockTimeout { holder: None }));
        }
        (self.is_locked, self.is_lost) = (true, false);
        Ok(self.stored.clone())
    }

    fn save(&mut self, change: Change) -> Result<(), StoreError> {
        assert!(self.is_locked, "saved without the lock");
        let word = self.next();
        if self.is_lost {
            return Err(StoreError::new(StoreErrorKind::Conflict));
        }
        match word % 8 {
            1 => return Err(StoreError::new(StoreErrorKind::Full)),
            2 => return Err(StoreError::new(StoreErrorKind::Io)),
            // The lock was a lease and lost: another login came, of the same user.
            3 => {
                if let Some(stored) = &self.stored {
                    self.stored = Some(record("AT-other", "RT-other").succeeding(stored));
                    (self.overtaken, self.is_lost) = (true, true);
                    return Err(StoreError::new(StoreErrorKind::Conflict));
                }
            }
            _ => {}
        }
        match change {
            Change::Put(record) | Change::Replace { record, .. } => {
                let old = self.stored.as_ref().map_or(0, Record::generation);
                assert!(record.generation() >= old, "an older record over a newer one");
                self.stored = Some(*record);
            }
            _ => self.stored = None,
        }
        Ok(())
    }

    /// A server that rotates, and takes each refresh token once.
    fn send(&mut self, request: &Request) -> Result<Response, TransportError> {
        let body = String::from_utf8_lossy(request.body().as_bytes());
        let sent = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("refresh_token="));
        let sent = sent.expect("a refresh").to_owned();
        let newest = format!("RT-{}", self.told);
        assert!(
            sent == newest || self.overtaken,
            "{sent} is sent, and {newest} is known"
        );
        let stored = self.stored.as_ref().map(refresh_token);
        let journalled = self
            .stored
            .as_ref()
            .is_some_and(|record| record.refresh_state().is_in_doubt());
        assert!(journalled || stored != Some(&sent), "it leaves without a note");
        let is_newest = sent == format!("RT-{}", self.granted) || sent == "RT-other";
        assert!(is_newest || self.lost, "{sent} is spent, and its answer came");
        let word = self.next();
        if word % 8 == 1 {
            return Err(TransportError::new(TransportErrorKind::Connect).before_sending());
        }
        if word % 8 == 2 {
            return Ok(busy(word >> 3));
        }
        if !is_newest {
            self.in_doubt = false;
            return Ok(reply(400, "application/json", br#"{"error":"invalid_grant"}"#));
        }
        let mut grants = |members: &str| {
            self.granted += 1;
            format!(
                r#"{{"access_token":"AT-{n}","refresh_token":"RT-{n}"{members}}}"#,
                n = self.granted
            )
        };
        let told = match word % 8 {
            3 => return Ok(reply(400, "application/json", br#"{"error":"invalid_request"}"#)),
            4 => {
                let _ = grants("");
                (self.lost, self.in_doubt) = (true, true);
                return Err(TransportError::new(TransportErrorKind::Timeout));
            }
            // A gateway has eaten the reply.
            5 => {
                let _ = grants("");
                (self.lost, self.in_doubt) = (true, true);
                return Ok(reply(502, "text/html", b"<p>no"));
            }
            6 => grants(r#","token_type":"mac""#),
            7 => grants(r#","token_type":"Bearer","expires_in":"soon""#),
            _ => grants(r#","token_type":"Bearer","expires_in":3600"#),
        };
        (self.told, self.in_doubt) = (self.granted, false);
        Ok(reply(200, "application/json", told.as_bytes()))
    }

    /// Whoever comes next finds in the record that an attempt came to no answer.
    fn lost_is_noted(&self) {
        let noted = self
            .stored
            .as_ref()
            .is_some_and(|record| record.refresh_state().is_in_doubt());
        assert!(
            noted || !self.in_doubt || self.overtaken,
            "a lost answer is forgotten"
        );
    }

    /// The newest refresh token that the flow was told of is stored, or handed out as not stored, or somebody else's login is there.
    fn granted_is_kept(&self, end: Result<Access, Error>) {
        let stored = self.stored.as_ref().map(refresh_token);
        let newest = format!("RT-{}", self.told);
        let is_stored = stored == Some(&newest) || self.overtaken;
        match end {
            Ok(access) if access.unsaved.is_some() => {
                assert!(refresh_token(&access.record) == newest || self.overtaken);
                assert!(
                    self.is_locked || self.overtaken,
                    "the next process would find a spent one"
                );
            }
            Ok(_) => assert!(is_stored, "{newest} is in no store: {stored:?}"),
            // Its store took nothing until the caller gave up, or for a minute.
            Err(_) => assert!(
                is_stored || self.script.len() == 0 || self.elapsed > Duration::from_secs(60),
                "{newest}"
            ),
        }
    }
}

/// A server in trouble, which says for how long, or does not.
fn busy(seconds: u8) -> Response {
    let mut busy = reply(503, "text/plain", b"later");
    if seconds > 0 {
        busy.headers_mut()
            .insert(http::header::RETRY_AFTER, u16::from(seconds).into());
    }
    busy
}
