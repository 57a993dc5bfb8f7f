//! The simulated world: virtual time, processes, and the places where faults strike.
//!
//! ```text
//! Host ─▶ strike? ─▶ effect on the state ─▶ strike? ─▶ reply
//!            │
//!            └─▶ the process dies, stands still, loses its runtime …; a disk fills, a server goes away
//! ```
//!
//! All is one state behind one mutex that nobody contends for: a history runs on one thread.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use grantflow_core::StoreErrorKind;

use crate::browser::Pending;
use crate::chronicle::{Chronicle, Effect, Side, What};
use crate::depot::Depot;
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::scenario::{Fault, Scenario, StoreKind};
use crate::server::Server;

/// Virtual time since the beginning, in microseconds.
pub(crate) type Micros = u64;
pub(crate) const MILLI: Micros = 1_000;
pub(crate) const SECOND: Micros = 1_000_000;
/// The wall clock at the beginning, in milliseconds since 1970.
pub(crate) const EPOCH_MILLIS: i64 = 1_800_000_000_000;

/// One life of a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Who {
    pub(crate) process: usize,
    pub(crate) life: u32,
}

/// A process, or what is left of it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) life: u32,
    pub(crate) alive: bool,
    pub(crate) still_until: Micros,
    /// All the time it stood still.
    pub(crate) stood_still: Micros,
    /// How much of that the monotonic clock has not counted.
    pub(crate) suspended: Micros,
    pub(crate) wall_offset_millis: i64,
    pub(crate) boot: Micros,
    pub(crate) spawn_refused_until: Micros,
    /// Whether its runtime is gone, and will be there again.
    pub(crate) resumes: bool,
    /// Whether tasks of this life were lost, or had to run in their callers.
    pub(crate) tasks_unsafe: bool,
    /// How often its clock was set.
    pub(crate) jumps: u64,
    /// Tasks of it that make calls.
    pub(crate) callers: usize,
    /// Whether it has ended in good order once.
    pub(crate) exited: bool,
    /// The last date that a server has told it.
    pub(crate) told: Option<Box<str>>,
    /// Calls that its tasks have still to make.
    pub(crate) calls_left: Vec<u32>,
}

/// Why tasks end before they are done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    Crash,
    RuntimeDrop,
    Abort,
    Cancel,
    /// A caller had to refresh itself, and cannot try to save for ever.
    GaveUp,
    /// The program has ended, after it had let everything settle.
    Exit,
}

impl Cause {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crash => "the process died before it was saved",
            Self::RuntimeDrop => "the runtime was dropped before it was saved",
            Self::Abort => "the task was aborted before it was saved",
            Self::Cancel => "the caller that had to refresh itself was dropped before it was saved",
            Self::GaveUp => "the caller that had it could not save it",
            Self::Exit => "the program ended before it was saved",
        }
    }
}

/// Tasks that the executor has to drop, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doom {
    /// All tasks of this process.
    Process(usize, Cause),
    /// This one.
    Task(usize),
}

/// What happens when its time has come.
#[derive(Debug)]
pub(crate) enum Due {
    Wake(Waker),
    /// A request arrives at the server.
    Arrive(usize),
    /// The sender of a request learns its end.
    Deliver(usize),
    /// A process starts anew.
    Restart(usize),
    /// The runtime of this life of a process is there again.
    Resume(Who),
    /// A write that hung is done.
    Lands(usize),
    /// The lease of a guard ends.
    LeaseEnds {
        slot: usize,
        guard: u64,
    },
}

#[derive(Debug)]
struct Timer {
    at: Micros,
    order: u64,
    due: Due,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Timer {}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timer {
    /// The heap gives the greatest first, which is to be the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// Everything there is.
pub(crate) struct State {
    pub(crate) now: Micros,
    pub(crate) dice: Dice,
    pub(crate) scenario: Scenario,
    pub(crate) faults_on: bool,
    pub(crate) chronicle: Chronicle,
    timers: BinaryHeap<Timer>,
    timers_made: u64,
    pub(crate) processes: Vec<Process>,
    pub(crate) server: Server,
    pub(crate) depot: Depot,
    pub(crate) ledger: Ledger,
    /// What processes have on their disks of logins on devices, by process and slot.
    pub(crate) kept: BTreeMap<(usize, usize), String>,
    /// The same of logins in browsers.
    pub(crate) pending: BTreeMap<(usize, usize), Pending>,
    /// What the executor has to take over after the poll.
    pub(crate) spawned: Vec<(Who, grantflow_core::transport::Task)>,
    pub(crate) doomed: Vec<Doom>,
    /// The task that is being polled, if a flight of the product runs in it.
    pub(crate) flight: Option<usize>,
    /// Why futures are being dropped right now.
    pub(crate) dropping: Option<Cause>,
}

/// The world, shared by all hosts and stores in it.
pub(crate) struct World {
    state: Mutex<State>,
}

impl World {
    pub(crate) fn new(scenario: Scenario, dice: Dice) -> Arc<Self> {
        let mut state = State {
            now: 0,
            dice,
            faults_on: true,
            chronicle: Chronicle::default(),
            timers: BinaryHeap::new(),
            timers_made: 0,
            processes: Vec::new(),
            server: Server::default(),
            depot: Depot::default(),
            ledger: Ledger::default(),
            kept: BTreeMap::new(),
            pending: BTreeMap::new(),
            spawned: Vec::new(),
            doomed: Vec::new(),
            flight: None,
            dropping: None,
            scenario,
        };
        for _ in 0..state.scenario.processes {
            let process = state.process();
            state.processes.push(process);
        }
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic of the product is itself a finding; the state is looked at once more to print it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` says so; it leaves the waker where it will be found.
    pub(crate) async fn wait_for<T>(&self, mut ready: impl FnMut(&mut State, &Waker) -> Poll<T>) -> T {
        std::future::poll_fn(|cx| ready(&mut self.state(), cx.waker())).await
    }

    /// Waits until virtual time has passed.
    pub(crate) async fn sleep(&self, time: Micros) {
        let mut end = None;
        self.wait_for(|state, waker| {
            let until = *end.get_or_insert_with(|| {
                let until = state.now.saturating_add(time);
                state.at(until, Due::Wake(waker.clone()));
                until
            });
            if state.now >= until {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// The place before or after an effect of the product: here a fault may strike. A process that is dead stays here.
    pub(crate) async fn point(&self, who: Who, effect: Effect, side: Side) {
        let mut passed = false;
        self.wait_for(|state, waker| {
            if !state.is_alive(who) {
                return Poll::Pending;
            }
            if passed {
                return Poll::Ready(());
            }
            passed = true;
            if side == Side::Before {
                state.note(who, What::Does(effect));
            }
            match state.strike(who, effect, side) {
                Struck::Nothing => Poll::Ready(()),
                Struck::Paused => {
                    waker.wake_by_ref();
                    Poll::Pending
                }
                Struck::Dead => Poll::Pending,
            }
        })
        .await;
    }
}

/// What became of the one who was struck.
pub(crate) enum Struck {
    Nothing,
    Paused,
    Dead,
}

impl State {
    fn process(&mut self) -> Process {
        let tasks = self.scenario.tasks;
        Process {
            life: 0,
            alive: true,
            still_until: 0,
            stood_still: 0,
            suspended: 0,
            wall_offset_millis: if self.scenario.store.is_local() {
                0
            } else {
                // Machines that are kept in time by NTP.
                self.dice.below(200) as i64 - 100
            },
            boot: self.dice.between(10, 100_000) * SECOND,
            spawn_refused_until: 0,
            resumes: false,
            tasks_unsafe: false,
            jumps: 0,
            callers: 0,
            exited: false,
            told: None,
            calls_left: vec![self.scenario.calls; tasks],
        }
    }

    pub(crate) fn at(&mut self, at: Micros, due: Due) {
        self.timers_made += 1;
        self.timers.push(Timer {
            at: at.max(self.now),
            order: self.timers_made,
            due,
        });
    }

    /// The next timer, when there is nothing else to do: the time is then what it says.
    pub(crate) fn next_due(&mut self) -> Option<Due> {
        let timer = self.timers.pop()?;
        self.now = timer.at;
        Some(timer.due)
    }

    pub(crate) fn note(&mut self, who: Who, what: What) {
        self.chronicle.push(self.now, Some(who), what);
    }

    pub(crate) fn remark(&mut self, what: What) {
        self.chronicle.push(self.now, None, what);
    }

    pub(crate) fn is_alive(&self, who: Who) -> bool {
        let process = &self.processes[who.process];
        process.alive && process.life == who.life
    }

    /// What the process reads on its wall clock, in milliseconds since 1970.
    pub(crate) fn wall(&self, process: usize) -> i64 {
        EPOCH_MILLIS + (self.now / MILLI) as i64 + self.processes[process].wall_offset_millis
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults_on && self.scenario.faults.has(fault)
    }

    /// Perhaps a fault, of the kinds that this history has.
    pub(crate) fn strike(&mut self, who: Who, effect: Effect, side: Side) -> Struck {
        const AMBIENT: &[Fault] = &[
            Fault::Crash,
            Fault::RuntimeDrop,
            Fault::Abort,
            Fault::SpawnRefused,
            Fault::Pause,
            Fault::ClockJump,
            Fault::Outage,
            Fault::Api401,
            Fault::SaveFails,
            Fault::LeaseLost,
        ];
        if !self.faults_on
            || !self.scenario.faults.has_any(AMBIENT)
            || !self.dice.chance(self.scenario.strikes)
        {
            return Struck::Nothing;
        }
        let fault = self.dice.pick(AMBIENT);
        if !self.has(fault) {
            return Struck::Nothing;
        }
        match fault {
            Fault::Crash => {
                self.note(who, What::Dies(effect, side));
                self.kill(who);
                return Struck::Dead;
            }
            Fault::RuntimeDrop => {
                self.note(who, What::RuntimeGone);
                self.processes[who.process].tasks_unsafe = true;
                self.doomed.push(Doom::Process(who.process, Cause::RuntimeDrop));
                let again = self.now + self.dice.between(1, 5000) * MILLI;
                self.processes[who.process].spawn_refused_until = again;
                // Two faults in one step of a task end one runtime.
                if !std::mem::replace(&mut self.processes[who.process].resumes, true) {
                    self.at(again, Due::Resume(who));
                }
                // This task is dropped with the others, right after this poll.
                return Struck::Dead;
            }
            Fault::Abort => {
                if let Some(task) = self.flight {
                    self.note(who, What::TaskAborted);
                    self.processes[who.process].tasks_unsafe = true;
                    self.doomed.push(Doom::Task(task));
                    return Struck::Dead;
                }
            }
            Fault::SpawnRefused => {
                let process = &mut self.processes[who.process];
                process.spawn_refused_until = self.now + self.dice.between(1, 100) * SECOND;
                process.tasks_unsafe = true;
            }
            Fault::Pause => {
                self.pause(who);
                return Struck::Paused;
            }
            Fault::ClockJump => self.jump(who),
            Fault::Outage => {
                self.server.down_until = self.now + self.dice.between(1, 300) * SECOND;
                self.remark(What::Outage);
            }
            Fault::Api401 => {
                self.server.api_refuses_until = self.now + self.dice.between(1, 100) * SECOND;
                self.remark(What::Api401);
            }
            Fault::SaveFails => {
                let kind =
                    self.dice
                        .pick(&[StoreErrorKind::Full, StoreErrorKind::ReadOnly, StoreErrorKind::Io]);
                self.depot.fails = Some((kind, self.now + self.dice.between(1, 200) * SECOND));
                self.remark(What::DiskFails(kind));
            }
            Fault::LeaseLost => self.lose_leases(who),
            _ => {}
        }
        Struck::Nothing
    }

    fn pause(&mut self, who: Who) {
        let time = self.dice.pick(&[1, 10, 40, 100, 300]) * SECOND;
        self.note(who, What::StandsStill(time));
        let suspended = self.dice.chance(300);
        let process = &mut self.processes[who.process];
        process.still_until = self.now + time;
        process.stood_still += time;
        if suspended {
            process.suspended += time;
        }
        self.at(self.now + time, Due::Wake(Waker::noop().clone()));
        if self.scenario.store == StoreKind::Lease && time > crate::depot::LEASE {
            self.end_leases_later(who);
        }
    }

    fn jump(&mut self, who: Who) {
        let far = self
            .dice
            .pick(&[2_000, 400_000, 3_600_000, 86_400_000, 315_360_000_000]);
        let by = if self.dice.chance(500) {
            far
        } else {
            -far.min(86_400_000)
        };
        for (at, process) in self.processes.iter_mut().enumerate() {
            // The processes of one machine share its clock.
            if at == who.process || self.scenario.store.is_local() {
                process.wall_offset_millis += by;
                process.jumps += 1;
            }
        }
        self.note(who, What::ClockSet { by_millis: by });
    }

    /// The process is gone at once: nothing of it runs any more, not even what tidies up.
    fn kill(&mut self, who: Who) {
        self.ledger.crashes += 1;
        self.end_process(who, Cause::Crash);
    }

    /// The process ends; some time later somebody starts it again.
    pub(crate) fn end_process(&mut self, who: Who, cause: Cause) {
        self.processes[who.process].alive = false;
        self.doomed.push(Doom::Process(who.process, cause));
        self.free_locks_of(who);
        self.break_windows_of(who, None, cause);
        let again = self.now + self.dice.pick(&[1, 50, 2000, 20_000, 100_000]) * MILLI;
        self.at(again, Due::Restart(who.process));
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn heal(&mut self) {
        self.remark(What::Heals);
        self.faults_on = false;
        self.server.down_until = 0;
        self.server.api_refuses_until = 0;
        self.depot.fails = None;
        for process in &mut self.processes {
            process.spawn_refused_until = 0;
        }
    }
}
