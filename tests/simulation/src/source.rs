//! Credentials without a user (RFC 6749 sections 4.3 and 4.4, RFC 7522, RFC 7523, RFC 8693): what a program presents to get its tokens,
//! and how the server takes it.
//!
//! ```text
//! what is presented ─▶ whose it is, and which one ─┬─ met for the first time ─▶ a token for that subject
//!                                                  ├─ met before ────────────▶ invalid_grant
//!                                                  └─ dated by a clock that is wrong ─▶ invalid_grant, and the server's time
//! ```
//!
//! Invariant I10 is about it: what may be used once is sent once. And what a handle gives is its own subject's (I7).

use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::flow::{
    ClientCredentials, PresentedToken, ResourceOwnerPassword, SamlBearer, TokenExchange, TokenSource,
    TokenTypeIdentifier,
};
use grantflow_core::{Client, Key, Secret, Step, Token};
use grantflow_jwt::{Algorithm, Signer, SigningKey};
use grantflow_oidc::JwtBearer;
use serde_json::Value;

use crate::network::{Aim, Asked, End};
use crate::plant::Plant;
use crate::scenario::StoreKind;
use crate::server::{Grant, Issue, Verdict};
use crate::world::{EPOCH_MILLIS, MILLI, Micros, State, Who, World};

/// Which grant it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SourceKind {
    ClientCredentials,
    Password,
    SamlBearer,
    JwtBearer,
    TokenExchange,
}

impl SourceKind {
    pub(crate) const ALL: &[Self] = &[
        Self::ClientCredentials,
        Self::Password,
        Self::SamlBearer,
        Self::JwtBearer,
        Self::TokenExchange,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client credentials",
            Self::Password => "password",
            Self::SamlBearer => "SAML bearer",
            Self::JwtBearer => "JWT bearer",
            Self::TokenExchange => "token exchange",
        }
    }
}

/// An assertion may be dated so far from the server's clock.
const SKEW_SECONDS: i64 = 300;
/// A client corrects no clock that is further away, so that this server does not look at such dates.
const HOPELESS_SECONDS: i64 = 26 * 3600;
/// Tries of one acquisition.
const MOST_TRIES: u32 = 4;

/// What was presented to the server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Presented {
    /// Zero for what may be used again.
    pub(crate) serial: u64,
    /// When it was made, in seconds since 1970, where it says so.
    dated: Option<i64>,
}

/// A source of tokens for the subject of this family.
#[derive(Debug)]
pub(crate) enum SimSource {
    ClientCredentials(ClientCredentials),
    Password(ResourceOwnerPassword),
    SamlBearer(SamlBearer),
    JwtBearer(Box<JwtBearer>),
    TokenExchange(Box<TokenExchange>),
    /// A bug: the first one's key, and the second one's token.
    Mixed(Box<Self>, Box<Self>),
}

impl SimSource {
    /// That of a process with this bug, or with none.
    pub(crate) fn planted(
        (kind, family): (SourceKind, usize),
        client: &Client,
        world: &Arc<World>,
        plant: Option<Plant>,
    ) -> Self {
        let keeps = plant == Some(Plant::PresentAgain);
        let own = Self::new(kind, client.clone(), family, world, keeps);
        let next = world.state().server.families.len() > family + 1;
        if plant == Some(Plant::MixSubjects) && next {
            let other = Self::new(kind, client.clone(), family + 1, world, keeps);
            return Self::Mixed(Box::new(own), Box::new(other));
        }
        own
    }

    /// That of one process. What may be used once is drawn anew for each use, unless a bug keeps it.
    pub(crate) fn new(
        kind: SourceKind,
        client: Client,
        family: usize,
        world: &Arc<World>,
        keeps: bool,
    ) -> Self {
        let name = format!("s{family}");
        let drawn = presented(family, world, keeps);
        match kind {
            SourceKind::ClientCredentials => {
                let source = ClientCredentials::new(client.with_secret_basic("secret"), &*name);
                Self::ClientCredentials(source.expect("it is a scope"))
            }
            SourceKind::Password => {
                let source = ResourceOwnerPassword::new(client, name, "password".into(), "all");
                Self::Password(source.expect("it is a scope"))
            }
            SourceKind::SamlBearer => {
                Self::SamlBearer(SamlBearer::new(client, name, drawn, "all").expect("it is a scope"))
            }
            SourceKind::JwtBearer => {
                let source = JwtBearer::new(client, signer(), "all").expect("it is a scope");
                Self::JwtBearer(Box::new(source.subject(name)))
            }
            SourceKind::TokenExchange => {
                let kind = TokenTypeIdentifier::AccessToken;
                let source = TokenExchange::new(client, name, drawn, kind, "all");
                Self::TokenExchange(Box::new(source.expect("it is a scope")))
            }
        }
    }

    fn inner(&self) -> &dyn TokenSource {
        match self {
            Self::ClientCredentials(source) => source,
            Self::Password(source) => source,
            Self::SamlBearer(source) => source,
            Self::JwtBearer(source) => &**source,
            Self::TokenExchange(source) => &**source,
            Self::Mixed(own, _) => own.inner(),
        }
    }
}

impl TokenSource for SimSource {
    fn token(&self) -> Step<Token> {
        match self {
            Self::Mixed(_, other) => other.token(),
            source => source.inner().token(),
        }
    }

    fn key(&self) -> &Key {
        self.inner().key()
    }

    fn client(&self) -> &Client {
        self.inner().client()
    }

    fn name(&self) -> &str {
        self.inner().name()
    }
}

/// A subject token or an assertion of which the server takes each once.
fn presented(family: usize, world: &Arc<World>, keeps: bool) -> PresentedToken {
    let world = Arc::downgrade(world);
    let kept = OnceLock::new();
    PresentedToken::new(move || {
        let draw = || world.upgrade().map_or(0, |world| world.state().next_serial());
        let serial = if keeps { *kept.get_or_init(draw) } else { draw() };
        Step::Done(Secret::new(format!("s{family}.{serial}")))
    })
}

/// All programs sign with one key: what is proved here is when and for whom, not the signature.
fn signer() -> Signer {
    static KEY: OnceLock<Arc<SigningKey>> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let der = SigningKey::generate(Algorithm::EdDsa).expect("the system gives randomness");
        Arc::new(SigningKey::from_pkcs8_der(&der).expect("it was just made"))
    });
    Signer::local(Arc::clone(key), Algorithm::EdDsa).expect("it is a key of this kind")
}

/// Whose grant a token request presents, and what of it; `None` if it is none of these.
pub(crate) fn presented_in(member: impl Fn(&str) -> Option<String>) -> Option<(Grant, Presented)> {
    let grant_type = member("grant_type")?;
    let lasting = |name: String| Some((name, 0, None));
    let (name, serial, dated) = match grant_type.strip_prefix("urn:ietf:params:oauth:grant-type:") {
        None if grant_type == "client_credentials" => lasting(member("scope")?)?,
        None if grant_type == "password" => lasting(member("username")?)?,
        Some("token-exchange") => numbered(&member("subject_token")?)?,
        Some("saml2-bearer") => {
            let assertion = URL_SAFE_NO_PAD.decode(member("assertion")?).ok()?;
            numbered(std::str::from_utf8(&assertion).ok()?)?
        }
        Some("jwt-bearer") => {
            let assertion = member("assertion")?;
            let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
            let claims: Value = serde_json::from_slice(&claims).ok()?;
            (claims["sub"].as_str()?.to_owned(), 0, claims["iat"].as_i64())
        }
        _ => return None,
    };
    let family = name.strip_prefix('s')?.parse().ok()?;
    Some((Grant { family, number: 0 }, Presented { serial, dated }))
}

fn numbered(text: &str) -> Option<(String, u64, Option<i64>)> {
    let (name, serial) = text.split_once('.')?;
    Some((name.to_owned(), serial.parse().ok()?, None))
}

impl State {
    /// The number of the next thing that may be used once; the first is one.
    fn next_serial(&mut self) -> u64 {
        self.server.serials += 1;
        self.server.serials
    }

    /// The kind of source that a record is from, and its subject, if it is from one.
    pub(crate) fn source_of(&self, slot: usize) -> Option<(SourceKind, usize)> {
        let kind = self.scenario.source?;
        let mut families = self.server.families.iter();
        let at = families.position(|family| family.slot == slot && family.is_of_source);
        at.map(|family| (kind, family))
    }

    /// Whether a record is for a resource, which says itself who logs somebody in.
    pub(crate) fn is_of_resource(&self, slot: usize) -> bool {
        let first = if self.scenario.second_key { 2 } else { 1 };
        self.scenario.resource && slot == first
    }

    /// A request for a token of a source leaves its process.
    pub(crate) fn check_presented(&mut self, at: usize, presented: Presented, asked: Asked) {
        let ask = &self.ledger.asks[at];
        let (who, with) = (ask.who, ask.with);
        let Some(family) = self.server.family(with).filter(|family| family.is_of_source) else {
            return self.violated("I7", "presents what is nobody's".to_owned());
        };
        let slot = family.slot;
        if presented.serial > 0 && !self.server.sent_once.insert(presented.serial) {
            let what = format!("{} of subject {with} was sent before", presented.serial);
            return self.violated("I10", what);
        }
        self.check_date(who, presented, asked);
        if self.ledger.lease_lost {
            return;
        }
        // Without a lock two processes may ask at once, and one of them keeps nothing; two tasks of one process may not.
        let locks = self.scenario.store != StoreKind::CompareAndSwap;
        if locks && !self.holds(who, slot) {
            return self.violated("I3", "asks its source without the lock".to_owned());
        }
        let alone = self.scenario.handles == 1 && !self.processes[who.process].tasks_unsafe;
        let mut earlier = self.ledger.asks[..at].iter();
        let at_once = earlier.any(|ask| {
            let same = ask.aim == Aim::Source && ask.with.family == with.family && ask.end == End::Open;
            same && (locks || alone && ask.who == who)
        });
        if at_once {
            return self.violated("I3", format!("two requests for subject {with} at once"));
        }
        if self.check_source_tries(slot) {
            self.check_need(who, slot);
        }
    }

    /// By the clock of its process, or by that of the server, which has said that the other is wrong.
    fn check_date(&mut self, who: Who, presented: Presented, asked: Asked) {
        let Some(dated) = presented.dated else { return };
        let told = self.processes[who.process].told.as_deref();
        let is_servers = told.is_some_and(|told| told == http_date(dated));
        if dated != asked.wall.div_euclid(1000) && !is_servers {
            let off = dated - asked.wall.div_euclid(1000);
            self.violated("I10", format!("an assertion is dated {off} s off"));
        }
    }

    /// Whether it is the first try of an acquisition.
    fn check_source_tries(&mut self, slot: usize) -> bool {
        let Some(holder) = &mut self.depot.slots[slot].holder else {
            return false;
        };
        holder.asks += 1;
        let asks = holder.asks;
        // Each may be sent once more with the server's time.
        let most = if self.scenario.source == Some(SourceKind::JwtBearer) {
            2 * MOST_TRIES
        } else {
            MOST_TRIES
        };
        let kept = self.scenario.faults.has_any(crate::scenario::Faults::OF_SAVES);
        if asks > most && !kept {
            self.violated("I3", format!("asks {asks} times under one lock"));
        }
        asks == 1
    }

    /// Nothing that will do is stored, or in the hand of whoever asks.
    fn check_need(&mut self, who: Who, slot: usize) {
        let Some(stored) = self.depot.slots[slot].record.as_ref() else {
            return;
        };
        let state = stored.refresh_state();
        if state.revoked_at.is_some() {
            return self.violated("I3", "asks for what is revoked".to_owned());
        }
        let unsaved = |issue: &Issue| issue.delivered == Some(who) && !issue.confirmed;
        let families = self.server.families.iter();
        let held = families
            .filter(|family| family.slot == slot)
            .any(|family| family.issues.iter().any(unsaved));
        // A demand outlives the task that was to serve it.
        if held || self.processes[who.process].tasks_unsafe {
            return;
        }
        let with = self.stored_grant(slot).unwrap_or(Grant { family: 0, number: 0 });
        self.check_reason(who, slot, with);
    }

    /// What is presented is at the server.
    pub(crate) fn presented_arrives(&mut self, ask: usize, with: Grant, presented: Presented) -> u16 {
        let skew = presented
            .dated
            .map_or(0, |dated| (dated - self.server_seconds()).abs());
        let is_old = (SKEW_SECONDS..HOPELESS_SECONDS - SKEW_SECONDS).contains(&skew);
        if is_old || presented.serial > 0 && !self.server.taken_once.insert(presented.serial) {
            self.ledger.asks[ask].verdict = Some(Verdict::InvalidGrant);
            return 400;
        }
        let lifetime = self.dice.pick(self.scenario.lifetimes);
        let now = self.now;
        let Some(grant) = self.server.issue_for(with, lifetime, now) else {
            self.ledger.asks[ask].verdict = Some(Verdict::InvalidGrant);
            return 400;
        };
        self.ledger.asks[ask].verdict = Some(Verdict::Granted(grant));
        self.ledger.presented += 1;
        self.remark(crate::chronicle::What::Commits { ask, grant });
        200
    }

    fn server_seconds(&self) -> i64 {
        (EPOCH_MILLIS + millis(self.now)) / 1000
    }

    /// The server's clock, as it stands in its replies.
    pub(crate) fn server_date(&self) -> String {
        http_date(self.server_seconds())
    }
}

fn http_date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

fn millis(time: Micros) -> i64 {
    i64::try_from(time / MILLI).unwrap_or(i64::MAX)
}
