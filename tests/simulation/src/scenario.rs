//! What a seed decides before anything happens: how many take part, what the server is like, and which faults there are.
//!
//! Each history has a few kinds of fault only, some have none: that finds more than all of them at once, where one hides another.

use std::fmt;

use crate::dice::Dice;
use crate::source::SourceKind;
use crate::world::{MILLI, Micros, SECOND};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    /// A process dies before or after an effect.
    Crash = "crash",
    /// A caller's future is dropped.
    Cancel = "cancel",
    /// The runtime of a process is dropped with all its tasks; the handles live on.
    RuntimeDrop = "runtime-drop",
    /// A task that a flight runs in is aborted.
    Abort = "abort",
    /// No runtime takes a task for a while.
    SpawnRefused = "spawn-refused",
    /// A process stands still, its clocks do not.
    Pause = "pause",
    /// A wall clock is set.
    ClockJump = "clock-jump",
    /// No connection for a while.
    Outage = "outage",
    /// 429 and 503, with `Retry-After` or without.
    Throttle = "throttle",
    /// 500, before or after the server has acted.
    ServerError = "server-error",
    /// A request leaves and never arrives.
    RequestLost = "request-lost",
    /// A reply is lost after the server has acted.
    ReplyLost = "reply-lost",
    /// Replies take up to a minute; a request is given up after 30 s.
    Slow = "slow",
    /// A page of a captive portal instead of a reply.
    Portal = "portal",
    /// The API refuses good tokens.
    Api401 = "api-401",
    /// Saves fail: disk full, read-only, input/output error.
    SaveFails = "save-fails",
    /// A write into a password manager gets no answer in time, and is done in the end.
    WriteHangs = "write-hangs",
    /// The write cannot be prepared under the lock.
    LockFails = "lock-fails",
    /// The record cannot be read for a moment.
    ReadFails = "read-fails",
    /// A lease ends while its holder believes in it.
    LeaseLost = "lease-lost",
    /// Somebody revokes.
    Revoke = "revoke",
    /// Somebody deletes the record.
    Delete = "delete",
    /// A program ends as soon as its calls are made and settled, and is started again.
    Exit = "exit",
    /// Somebody logs in anew.
    Login = "login",
    /// Somebody logs in at another device.
    DeviceLogin = "device-login",
    /// Somebody logs in in a browser.
    BrowserLogin = "browser-login",
    /// The server wants another nonce in proofs.
    NonceChanges = "nonce-changes",
}

/// A set of faults.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Faults(u32);

impl Faults {
    /// Those after which what is known may not be stored.
    pub(crate) const OF_SAVES: &[Fault] = &[Fault::SaveFails, Fault::WriteHangs];

    pub(crate) fn of(faults: &[Fault]) -> Self {
        faults.iter().fold(Self::default(), |set, fault| set.with(*fault))
    }

    /// All there are.
    pub(crate) fn all() -> Self {
        Self::of(Fault::ALL)
    }

    pub(crate) fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u32)
    }

    pub(crate) fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }

    pub(crate) fn has_any(self, faults: &[Fault]) -> bool {
        faults.iter().any(|fault| self.has(*fault))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for fault in Fault::ALL.iter().filter(|fault| self.has(**fault)) {
            write!(f, "{between}{}", fault.name())?;
            between = " ";
        }
        Ok(())
    }
}

/// How a store keeps writers apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StoreKind {
    /// A lock of the kernel, freed when its holder dies. All processes run on one machine.
    KernelLock,
    /// A password manager with a lock file beside it. Its writes may hang, and are then done late, under the lock.
    Keyring,
    /// A lease on a server, which may be lost, and a save that compares. Each process has a machine of its own.
    Lease,
    /// A database without locks, whose save compares. Whoever has noted an attempt there is waited for until it must be over.
    CompareAndSwap,
}

impl StoreKind {
    /// Whether all processes run on one machine, with one clock.
    pub(crate) fn is_local(self) -> bool {
        matches!(self, Self::KernelLock | Self::Keyring)
    }

    /// Whether a save is refused where another has written since the record was read.
    pub(crate) fn compares(self) -> bool {
        matches!(self, Self::Lease | Self::CompareAndSwap)
    }

    fn name(self) -> &'static str {
        match self {
            Self::KernelLock => "kernel lock",
            Self::Keyring => "keyring",
            Self::Lease => "lease",
            Self::CompareAndSwap => "compare and swap",
        }
    }
}

/// The conditions of one history.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) faults: Faults,
    pub(crate) store: StoreKind,
    pub(crate) processes: usize,
    /// Tasks of a process.
    pub(crate) tasks: usize,
    /// Calls of a task.
    pub(crate) calls: u32,
    /// Handles of a process that share the first record.
    pub(crate) handles: usize,
    /// Whether there is a second record, which no fault of the first may touch.
    pub(crate) second_key: bool,
    /// What a program presents for tokens of its own, beside the logins.
    pub(crate) source: Option<SourceKind>,
    /// For so many subjects.
    pub(crate) subjects: usize,
    /// Whether there is a record for a resource, which says itself who logs somebody in.
    pub(crate) resource: bool,
    /// Whether tokens are bound to a key, which their records keep.
    pub(crate) bound: bool,
    /// Whether the server wants a nonce in each proof.
    pub(crate) nonces: bool,
    /// Whether the server gives a new refresh token with each access token.
    pub(crate) rotates: bool,
    /// How long a spent refresh token still works.
    pub(crate) grace: Micros,
    /// Whether the client knows of the grace period.
    pub(crate) grace_known: bool,
    /// `expires_in`, in seconds; `None`: the server does not say.
    pub(crate) lifetimes: &'static [Option<u64>],
    /// How long a task does nothing between two calls, at most.
    pub(crate) pace: Micros,
    /// What is left of the first token, in per mille of its life.
    pub(crate) first_age: u64,
    /// Of a thousand effects, how many a fault strikes.
    pub(crate) strikes: u64,
    /// Of a thousand requests, how many go wrong.
    pub(crate) mishaps: u64,
    /// Of a thousand polls of a caller, how many are its last.
    pub(crate) cancels: u64,
}

const LIFETIMES: [&[Option<u64>]; 8] = [
    &[Some(3600)],
    &[Some(3600)],
    &[Some(600)],
    &[Some(60)],
    &[Some(30), Some(5)],
    &[Some(0), Some(1), Some(2)],
    &[None],
    &[Some(3600), Some(60), Some(1), None],
];

impl Scenario {
    /// The scenario of these dice, with no fault that is not among `allowed`.
    pub(crate) fn draw(dice: &mut Dice, allowed: Faults) -> Self {
        let share = dice.pick(&[0, 100, 200, 350, 600]);
        let mut faults = Faults::default();
        for fault in Fault::ALL {
            if dice.chance(share) && allowed.has(*fault) {
                faults = faults.with(*fault);
            }
        }
        let rotates = !dice.chance(150);
        let bound = dice.chance(250);
        let grace = if dice.chance(400) {
            dice.pick(&[5, 10, 60]) * SECOND
        } else {
            0
        };
        Self {
            faults,
            store: dice.pick(&[
                StoreKind::KernelLock,
                StoreKind::KernelLock,
                StoreKind::Keyring,
                StoreKind::Lease,
                StoreKind::CompareAndSwap,
            ]),
            processes: dice.between(1, 4) as usize,
            tasks: dice.between(1, 3) as usize,
            calls: dice.between(1, 6) as u32,
            handles: if dice.chance(200) { 2 } else { 1 },
            second_key: dice.chance(250),
            source: dice.chance(300).then(|| dice.pick(SourceKind::ALL)),
            resource: dice.chance(80),
            subjects: if dice.chance(500) { 2 } else { 1 },
            bound,
            nonces: bound && dice.chance(600),
            rotates,
            grace,
            grace_known: grace > 0 && dice.chance(600),
            lifetimes: dice.pick(&LIFETIMES),
            pace: dice.pick(&[
                20 * MILLI,
                SECOND,
                30 * SECOND,
                300 * SECOND,
                2000 * SECOND,
                6000 * SECOND,
            ]),
            first_age: dice.pick(&[0, 500, 850, 950, 1000, 1001, 2000]),
            strikes: dice.pick(&[5, 20, 60, 150]),
            mishaps: dice.pick(&[50, 200, 500]),
            cancels: dice.pick(&[10, 50, 200]),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store.name();
        write!(
            f,
            "{} processes x {} tasks x {} calls, {store}, {}, {}{}grace {} s{}, expires_in {:?}, faults: {}",
            self.processes,
            self.tasks,
            self.calls,
            if self.rotates { "rotation" } else { "no rotation" },
            match (self.bound, self.nonces) {
                (true, true) => "bound to keys with nonces, ",
                (true, false) => "bound to keys, ",
                _ => "",
            },
            match self.source {
                Some(kind) => format!("{} for {}, ", kind.name(), self.subjects),
                None => String::new(),
            } + if self.resource { "a resource, " } else { "" },
            self.grace / SECOND,
            if self.grace_known { " (known)" } else { "" },
            self.lifetimes,
            self.faults,
        )
    }
}
