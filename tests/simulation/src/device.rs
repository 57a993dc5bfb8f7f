//! A login at another device (RFC 8628, OpenID Connect CIBA): the server's codes, the user who answers or does not, and a program that keeps what it waits
//! for, dies, and goes on.
//!
//! ```text
//! codes ─▶ kept on the disk ─▶ polled for ─┬─ granted ─▶ stored ─▶ forgotten on the disk
//!                  ▲                       └─ denied, ended ─▶ forgotten on the disk
//!                  └── the next life of a process that died meanwhile
//! ```
//!
//! Where the server asks the user itself, on their telephone say, nothing is kept: whoever dies has to ask again.
//!
//! Invariant I9 is about it: a code is asked for no more often than the server wants, and no more once its answer is known.

use grantflow_core::{
    AsyncTransportHost, BackchannelAuthenticationRequest, DeviceAuthorizationRequest, DeviceGrant, Error,
    Provenance, Record, Scopes, Step, Token, UserHint, drive, flow,
};

use crate::caller::{Caller, base_client};
use crate::chronicle::What;
use crate::proof;
use crate::server::Grant;
use crate::world::{Cause, MILLI, Micros, SECOND, State, Who};

/// How long codes live.
pub(crate) const LIFETIME: Micros = 600 * SECOND;
/// How often the server wants to be asked, until it says otherwise.
const INTERVAL: Micros = 5 * SECOND;

/// Codes, as the server knows them.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    slot: usize,
    ends: Micros,
    /// When the user answers, and whether with yes.
    answer: Option<(Micros, bool)>,
    /// Which pair of tokens it became.
    pub(crate) redeemed: Option<Grant>,
    /// Who polls, when last, and what that one was told.
    poller: Option<Poller>,
    /// What its client shows beside it, where the server asks the user itself: each another number.
    message: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Poller {
    who: Who,
    last: Micros,
    interval: Micros,
    /// Whether it knows how it ended.
    ended: bool,
}

/// A login that a process waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Login {
    /// With the code of a device, or the number of a request that the server asks the user about.
    Device(usize),
    Browser(usize),
}

/// What the server says to a poll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PollVerdict {
    Pending,
    SlowDown,
    Denied,
    Ended,
    Spent,
    Granted(Grant),
}

impl PollVerdict {
    /// The code of the refusal.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Pending | Self::Granted(_) => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::Denied => "access_denied",
            Self::Ended => "expired_token",
            Self::Spent => "invalid_grant",
        }
    }
}

impl State {
    /// Which pair of tokens a login became.
    fn redeemed(&self, login: Login) -> Option<Grant> {
        match login {
            Login::Device(at) => self.server.devices.get(at)?.redeemed,
            Login::Browser(at) => self.server.authorizations.get(at)?.redeemed,
        }
    }

    /// Somebody asks that the server ask the user; the reply.
    pub(crate) fn backchannel(&mut self, slot: usize, message: u64) -> String {
        let number = self.device(slot);
        self.server.devices[number].message = Some(message);
        format!(
            r#"{{"auth_req_id":"q{number}","expires_in":{},"interval":{}}}"#,
            LIFETIME / SECOND,
            INTERVAL / SECOND,
        )
    }

    /// Somebody asks for codes; the reply.
    pub(crate) fn codes(&mut self, slot: usize) -> String {
        let number = self.device(slot);
        format!(
            r#"{{"device_code":"d{number}","user_code":"WDJB-MJHT","verification_uri":"https://server.example.com/device","expires_in":{},"interval":{}}}"#,
            LIFETIME / SECOND,
            INTERVAL / SECOND,
        )
    }

    fn device(&mut self, slot: usize) -> usize {
        let answers = self.now + self.dice.between(1, 400) * SECOND;
        let answer = match self.dice.below(10) {
            0..7 => Some((answers, true)),
            7 => Some((answers, false)),
            _ => None,
        };
        self.server.devices.push(Device {
            slot,
            ends: self.now + LIFETIME,
            answer,
            redeemed: None,
            poller: None,
            message: None,
        });
        self.server.devices.len() - 1
    }

    /// A poll leaves its process: not too early, and not in vain.
    pub(crate) fn check_poll(&mut self, who: Who, device: usize, proven_again: bool) {
        let now = self.now;
        let known = self.server.devices[device]
            .poller
            .filter(|poller| poller.who == who);
        self.server.devices[device].poller = Some(Poller {
            who,
            last: now,
            interval: known.map_or(INTERVAL, |known| known.interval),
            ended: known.is_some_and(|known| known.ended),
        });
        let Some(known) = known else { return };
        if known.ended {
            self.violated("I9", format!("polls for code {device}, whose end it knows"));
        } else if now + MILLI < known.last + known.interval && !proven_again {
            let early = (known.last + known.interval - now) / MILLI;
            self.violated("I9", format!("polls for code {device} {early} ms too early"));
        }
    }

    /// A poll is at the server.
    pub(crate) fn poll_arrives(&mut self, at: usize, key: Option<String>) -> PollVerdict {
        let device = self.server.devices[at].clone();
        if device.redeemed.is_some() {
            return PollVerdict::Spent;
        }
        match device.answer {
            Some((when, yes)) if when <= self.now && self.now < device.ends => {
                if !yes {
                    return PollVerdict::Denied;
                }
            }
            _ if self.now >= device.ends => return PollVerdict::Ended,
            _ if self.faults_on && self.dice.chance(100) => return PollVerdict::SlowDown,
            _ => return PollVerdict::Pending,
        }
        let lifetime = self.dice.pick(self.scenario.lifetimes);
        let grant = self.server.login(device.slot, lifetime, self.now);
        if let Some(family) = self.server.families.last_mut() {
            family.key = key;
            family.issues[0].by_device = true;
        }
        self.server.devices[at].redeemed = Some(grant);
        PollVerdict::Granted(grant)
    }

    /// The poller hears it.
    pub(crate) fn heard(&mut self, who: Who, device: usize, verdict: PollVerdict) {
        let poller = self.server.devices[device].poller.as_mut();
        let Some(poller) = poller.filter(|poller| poller.who == who) else {
            return;
        };
        match verdict {
            PollVerdict::Pending => {}
            PollVerdict::SlowDown => poller.interval += INTERVAL,
            _ => poller.ended = true,
        }
    }
}

/// The tokens of a login that its process may lose: its task is dropped after the reply and before they
/// are stored, or they cannot be.
pub(crate) struct Unkept<'a> {
    caller: &'a Caller,
    login: Login,
}

impl Drop for Unkept<'_> {
    fn drop(&mut self) {
        let mut state = self.caller.host.world.state();
        let cause = state.dropping.unwrap_or(Cause::GaveUp);
        let who = self.caller.host.who;
        let grant = state.redeemed(self.login);
        let issue = grant.and_then(|grant| state.server.issue_mut(grant));
        if let Some(issue) = issue.filter(|issue| issue.delivered == Some(who) && !issue.saved) {
            issue.window = Some(cause);
            issue.lost_once = true;
        }
    }
}

impl Caller {
    /// The user logs in at another device.
    pub(crate) async fn device_login(&self, slot: usize) -> Result<(), Error> {
        let client = self.device_client();
        let scopes = Scopes::parse(&format!("slot{slot}")).expect("it is a scope");
        let request = DeviceAuthorizationRequest::new(&client).scopes(scopes);
        let grant = self.drive(request.flow()).await?;
        let json = grant.expose_json().expose().to_owned();
        self.host
            .world
            .state()
            .kept
            .insert((self.host.who.process, slot), json);
        self.go_on(slot).await
    }

    /// The server asks the user itself.
    pub(crate) async fn backchannel_login(&self, slot: usize) -> Result<(), Error> {
        let client = self.device_client();
        let message = {
            let mut state = self.host.world.state();
            state.server.serials += 1;
            state.server.serials
        };
        let request =
            BackchannelAuthenticationRequest::new(&client, UserHint::LoginHint(format!("slot{slot}")))
                .binding_message(format!("m{message}"));
        let grant = self.drive(request.flow()).await?;
        let asked = {
            let state = self.host.world.state();
            let mut devices = state.server.devices.iter();
            devices.position(|device| device.message == Some(message))
        };
        let _unkept = asked.map(|at| self.unkept(Login::Device(at)));
        let token = self.drive(grant.poll()).await?;
        self.keep(slot, client, token).await?;
        self.host.world.state().ledger.backchannel_logins += 1;
        Ok(())
    }

    pub(crate) fn unkept(&self, login: Login) -> Unkept<'_> {
        Unkept { caller: self, login }
    }

    /// Waits for what this process, or the life before it, has kept.
    pub(crate) async fn go_on(&self, slot: usize) -> Result<(), Error> {
        let place = (self.host.who.process, slot);
        let Some(json) = self.host.world.state().kept.get(&place).cloned() else {
            return Ok(());
        };
        let client = self.device_client();
        let kept: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        let code = kept["device_code"]
            .as_str()
            .and_then(|code| code.strip_prefix('d'));
        let device: usize = code
            .and_then(|code| code.parse().ok())
            .expect("the model's codes are numbers");
        // Whoever goes on knows what is on the disk: neither what the server said since, nor that it has answered.
        self.host.world.state().server.devices[device].poller = None;
        let _unkept = self.unkept(Login::Device(device));
        let polling = client.clone();
        let poll = Step::begin(move |cx| Ok(DeviceGrant::from_json(&polling, &json, cx)?.poll()));
        let ended = match self.drive(poll).await {
            Ok(token) => self.keep(slot, client, token).await,
            Err(error) => Err(error),
        };
        let mut state = self.host.world.state();
        state.kept.remove(&place);
        state.ledger.device_logins += u64::from(ended.is_ok());
        drop(state);
        ended
    }

    /// What a program began before it died.
    pub(crate) async fn resume_devices(&self) {
        let process = self.host.who.process;
        let kept: Vec<usize> = {
            let state = self.host.world.state();
            let own = state.kept.keys().filter(|(owner, _)| *owner == process);
            own.map(|(_, slot)| *slot).collect()
        };
        for slot in kept {
            {
                let mut state = self.host.world.state();
                state.ledger.resumed += 1;
                state.ledger.ended_by_user[slot] = true;
                state.note(self.host.who, What::Resumes { slot });
            }
            // How it ended, the next call tells.
            let _ended = self.go_on(slot).await;
        }
    }

    /// Stores it once, as the logins of `grantflow-loopback` do: a save that failed may be done late, and then be followed by a refresh.
    pub(crate) async fn keep(
        &self,
        slot: usize,
        client: grantflow_core::Client,
        token: Token,
    ) -> Result<(), Error> {
        let key = self.host.world.state().depot.slots[slot].key.clone();
        let provenance = Provenance::new("simulation", token.issued_at);
        let record = Record::new(key, client, token, provenance);
        let host = AsyncTransportHost::new(&self.host).with_store(&self.store);
        let kept = drive(flow::keep(record, None), &host).await;
        self.host.live().await;
        kept.map(drop)
    }

    fn device_client(&self) -> grantflow_core::Client {
        let state = self.host.world.state();
        let client = base_client(&state.scenario);
        if state.scenario.bound {
            proof::with_new_key(client).0
        } else {
            client
        }
    }
}
