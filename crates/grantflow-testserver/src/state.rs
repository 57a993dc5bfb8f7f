//! What the server remembers: browser sessions, interactions, codes, and families of tokens.
//!
//! ```text
//! Interaction ──consent──▶ Code ──exchange──▶ Grant (the family) ──▶ access tokens
//!                                                └──▶ refresh token ──▶ its successor ──▶ …
//! ```

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::authorize::AuthorizationRequest;
use crate::config::{Config, ExpiresIn, Rotation};
use crate::fault::{Endpoint, Fault};
use crate::interaction::About;
use crate::keys::Keys;
use crate::stats::{LoggedRequest, Stats};

/// Everything that changes.
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) stats: Stats,
    pub(crate) log: VecDeque<LoggedRequest>,
    pub(crate) faults: Faults,
    pub(crate) rotation: Rotation,
    pub(crate) expires_in: ExpiresIn,
    pub(crate) delay: Duration,
    pub(crate) api_refuses: bool,
    /// How and how long ago the API wants the user to have logged in.
    pub(crate) api_wants: (Option<String>, Option<Duration>),
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) interactions: HashMap<String, Interaction>,
    pub(crate) codes: HashMap<String, Code>,
    /// By the code that is polled for.
    pub(crate) awaited: HashMap<String, Awaited>,
    /// Pushed requests that no browser has brought yet, by their references.
    pub(crate) pushed: HashMap<String, Pushed>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) access_tokens: HashMap<String, AccessToken>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    /// Every token and code, ID tokens too, for tests that search for leaks.
    pub(crate) issued: Vec<String>,
    /// The `jti` of each proof of possession.
    pub(crate) seen_proofs: HashSet<String>,
    /// Nonces that proofs may have, by whether an API gave them.
    pub(crate) nonces: HashSet<(bool, String)>,
    /// The client and the `jti` of each assertion.
    pub(crate) seen_assertions: HashSet<(String, String)>,
    /// Made when they are needed first.
    keys: Option<Keys>,
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            clock: Clock::start(),
            stats: Stats::default(),
            log: VecDeque::new(),
            faults: Faults::default(),
            rotation: config.rotation,
            expires_in: config.expires_in,
            delay: config.delay,
            api_refuses: false,
            api_wants: (None, None),
            sessions: HashMap::new(),
            interactions: HashMap::new(),
            codes: HashMap::new(),
            awaited: HashMap::new(),
            pushed: HashMap::new(),
            grants: Vec::new(),
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            issued: Vec::new(),
            seen_proofs: HashSet::new(),
            nonces: HashSet::new(),
            seen_assertions: HashSet::new(),
            keys: None,
        }
    }

    pub(crate) fn keys(&mut self) -> &mut Keys {
        self.keys.get_or_insert_with(Keys::new)
    }

    pub(crate) fn record(&mut self, entry: LoggedRequest) {
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    /// Adds a code for the user who consented.
    pub(crate) fn issue_code(
        &mut self,
        request: AuthorizationRequest,
        (user, logged_in_at): (String, Duration),
    ) -> String {
        let code = random("gft_ac_");
        self.issued.push(code.clone());
        let expires_at = self.clock.now().saturating_add(CODE_LIFETIME);
        self.codes.insert(
            code.clone(),
            Code {
                request,
                user,
                logged_in_at,
                expires_at,
                grant: None,
            },
        );
        code
    }

    /// Adds an access token to a family.
    pub(crate) fn issue_access_token(
        &mut self,
        grant: GrantId,
        scope: Vec<String>,
        jkt: Option<String>,
    ) -> String {
        let token = random("gft_at_");
        self.issued.push(token.clone());
        let now = self.clock.now();
        let number = self.access_tokens.len() as u64 + 1;
        let expires_at = now.saturating_add(self.expires_in.lifetime());
        let access = AccessToken {
            number,
            jkt,
            grant,
            scope,
            issued_at: now,
            expires_at,
            revoked: false,
        };
        self.access_tokens.insert(token.clone(), access);
        token
    }

    /// Adds a refresh token to a family.
    pub(crate) fn issue_refresh_token(&mut self, grant: GrantId) -> String {
        let token = random("gft_rt_");
        self.issued.push(token.clone());
        let issued_at = self.clock.now();
        self.refresh_tokens.insert(
            token.clone(),
            RefreshToken {
                grant,
                issued_at,
                spent: None,
            },
        );
        token
    }

    pub(crate) fn grant(&self, id: GrantId) -> &Grant {
        &self.grants[id.0]
    }

    pub(crate) fn add_grant(&mut self, grant: Grant) -> GrantId {
        self.grants.push(grant);
        GrantId(self.grants.len() - 1)
    }

    /// Ends every token of a family. `true` unless it had ended before.
    pub(crate) fn revoke(&mut self, id: GrantId) -> bool {
        !std::mem::replace(&mut self.grants[id.0].revoked, true)
    }

    /// The access token, if it is good now.
    pub(crate) fn live_access_token(&self, token: &str) -> Option<(&AccessToken, &Grant)> {
        let access = self.access_tokens.get(token)?;
        let grant = self.grant(access.grant);
        let live = !access.revoked && !grant.revoked && self.clock.now() < access.expires_at;
        live.then_some((access, grant))
    }
}

/// Wall-clock time that tests can push forward; it never goes back.
pub(crate) struct Clock {
    started: Instant,
    epoch_at_start: Duration,
    ahead: Duration,
}

impl Clock {
    fn start() -> Self {
        let epoch_at_start = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            epoch_at_start,
            ahead: Duration::ZERO,
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// Time since the server started.
    pub(crate) fn since_start(&self) -> Duration {
        self.started.elapsed().saturating_add(self.ahead)
    }

    /// Time since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.epoch_at_start.saturating_add(self.since_start())
    }
}

/// Faults that wait for their request.
#[derive(Default)]
pub(crate) struct Faults {
    queued: HashMap<Endpoint, VecDeque<Fault>>,
    standing: HashMap<Endpoint, Fault>,
}

impl Faults {
    pub(crate) fn push(&mut self, endpoint: Endpoint, fault: Fault) {
        self.queued.entry(endpoint).or_default().push_back(fault);
    }

    pub(crate) fn set(&mut self, endpoint: Endpoint, fault: Fault) {
        self.standing.insert(endpoint, fault);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault for a request to this endpoint: a queued one, else the standing one.
    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let queued = self.queued.get_mut(&endpoint).and_then(VecDeque::pop_front);
        queued.or_else(|| self.standing.get(&endpoint).cloned())
    }
}

/// A browser, known by its cookie.
#[derive(Default)]
pub(crate) struct Session {
    /// Who logged in, if anybody has.
    pub(crate) user: Option<String>,
    pub(crate) logged_in_at: Duration,
    /// What this user has consented to, by client.
    pub(crate) consents: HashMap<String, BTreeSet<String>>,
}

/// An authorization request that waits for a person, bound to the browser that brought it.
pub(crate) struct Interaction {
    pub(crate) session: String,
    pub(crate) about: About,
}

/// A login that a client polls for.
pub(crate) struct Awaited {
    pub(crate) client: String,
    pub(crate) scope: Vec<String>,
    /// What the person enters.
    pub(crate) user_code: String,
    pub(crate) expires_at: Duration,
    pub(crate) interval: Duration,
    pub(crate) polled_at: Option<Duration>,
    pub(crate) answer: Answer,
}

/// What the person said.
#[derive(PartialEq, Eq)]
pub(crate) enum Answer {
    None,
    /// The user who did.
    Allowed(String),
    Denied,
    /// It was allowed, and the tokens were fetched.
    Spent,
}

/// An authorization request that came from the client itself.
pub(crate) struct Pushed {
    pub(crate) request: AuthorizationRequest,
    pub(crate) expires_at: Duration,
}

/// An authorization code.
pub(crate) struct Code {
    pub(crate) request: AuthorizationRequest,
    pub(crate) user: String,
    pub(crate) logged_in_at: Duration,
    pub(crate) expires_at: Duration,
    /// The family issued from it, once it was exchanged.
    pub(crate) grant: Option<GrantId>,
}

/// How and when a user logged in.
#[derive(Clone, Default)]
pub(crate) struct Authentication {
    pub(crate) at: Duration,
    pub(crate) acr: Option<String>,
    /// Whether the client wants to know when.
    pub(crate) says_when: bool,
}

/// What a user granted to a client: the family that its tokens belong to.
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) scope: Vec<String>,
    /// What exactly was granted (RFC 9396).
    pub(crate) details: Vec<Value>,
    pub(crate) authentication: Authentication,
    /// The key that the refresh tokens of a public client are bound to.
    pub(crate) jkt: Option<String>,
    pub(crate) revoked: bool,
}

/// The place of a [`Grant`]; grants are never removed.
#[derive(Clone, Copy)]
pub(crate) struct GrantId(usize);

pub(crate) struct AccessToken {
    pub(crate) number: u64,
    /// The key that it is bound to.
    pub(crate) jkt: Option<String>,
    pub(crate) grant: GrantId,
    pub(crate) scope: Vec<String>,
    pub(crate) issued_at: Duration,
    pub(crate) expires_at: Duration,
    pub(crate) revoked: bool,
}

pub(crate) struct RefreshToken {
    pub(crate) grant: GrantId,
    pub(crate) issued_at: Duration,
    pub(crate) spent: Option<Spent>,
}

pub(crate) struct Spent {
    pub(crate) at: Duration,
    pub(crate) successor: String,
}

/// A secret of 256 bits behind a prefix that makes a leak easy to find.
pub(crate) fn random(prefix: &str) -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("every supported operating system has a random number generator");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

const LOG_LENGTH: usize = 10_000;
/// RFC 6749 section 4.1.2 recommends ten minutes at most; a minute is enough on loopback.
const CODE_LIFETIME: Duration = Duration::from_secs(60);
