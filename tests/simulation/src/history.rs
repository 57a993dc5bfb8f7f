//! One history: a world from a seed, faults until all calls are made, then peace, and a last question to everybody.

use std::sync::Arc;

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Credentials, Timestamp};

use crate::browser::resource_key;
use crate::caller::{Caller, Handle, base_client, key_of, login_client, record_of};
use crate::chronicle::What;
use crate::depot::{SimStore, Slot};
use crate::dice::Dice;
use crate::executor::{Executor, Role};
use crate::host::SimHost;
use crate::ledger::{Losses, Violation};
use crate::plant::{Plant, PlantedStore, PlantedTransport};
use crate::proof;
use crate::scenario::{Faults, Scenario};
use crate::source::SimSource;
use crate::world::{Due, EPOCH_MILLIS, Micros, SECOND, Who, World};

/// What a history was, and whether the invariants held.
#[derive(Debug)]
#[non_exhaustive]
pub struct History {
    /// Its seed.
    pub seed: u64,
    /// The conditions, for people.
    pub scenario: String,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// How many polls of tasks it took.
    pub polls: u64,
    /// How many calls of handles there were.
    pub calls: u64,
    /// How many of them were dropped.
    pub cancelled: u64,
    /// How often the server granted new tokens.
    pub refreshes: u64,
    /// How many requests there were.
    pub requests: u64,
    /// How many logins on devices were stored.
    pub device_logins: u64,
    /// How many of those that began were gone on with by another life of their process.
    pub resumed: u64,
    /// How many logins were stored that the server had asked the user about itself.
    pub backchannel_logins: u64,
    /// How many logins in browsers were stored.
    pub browser_logins: u64,
    /// How many logins for a protected resource were stored.
    pub resource_logins: u64,
    /// How many tokens were granted for what programs present: assertions, subject tokens, a password, their own secret.
    pub presented: u64,
    /// How often the server was asked about a token.
    pub introspections: u64,
    /// How many requests were sent back for another proof.
    pub nonces: u64,
    /// How often a process died.
    pub crashes: u64,
    /// The longest wait of a caller, in microseconds of virtual time.
    pub longest_wait: u64,
    /// Refresh tokens that were lost in a way that nobody can prevent.
    pub losses: Losses,
    /// Everything that happened, a line each.
    pub text: String,
}

/// Longer than a server may ask to be left alone.
const PEACE: Micros = 2 * 3600 * SECOND;
/// Far more than any history needs: whoever gets there turns in circles.
const MOST_POLLS: u64 = 200_000;

/// Runs the history of a seed.
pub(crate) fn run(seed: u64, allowed: Faults, plant: Option<Plant>, with_text: bool) -> History {
    let mut dice = Dice::new(seed);
    let scenario = Scenario::draw(&mut dice, allowed);
    let described = scenario.to_string();
    let world = World::new(scenario, dice);
    let mut run = Run {
        executor: Executor::new(Arc::clone(&world)),
        handles: Vec::new(),
        world,
        plant,
    };
    run.play();
    let polls = run.executor.polls;
    let state = run.world.state();
    let ledger = &state.ledger;
    History {
        seed,
        scenario: described,
        violation: ledger.violation.clone(),
        polls,
        calls: ledger.calls,
        cancelled: ledger.cancelled,
        refreshes: state.server.commits,
        requests: ledger.asks.len() as u64,
        device_logins: ledger.device_logins,
        resumed: ledger.resumed,
        backchannel_logins: ledger.backchannel_logins,
        browser_logins: ledger.browser_logins,
        resource_logins: ledger.resource_logins,
        presented: ledger.presented,
        introspections: ledger.introspections,
        nonces: ledger.nonces,
        crashes: ledger.crashes,
        longest_wait: ledger.longest_wait,
        losses: ledger.losses,
        text: if with_text {
            state.chronicle.text()
        } else {
            String::new()
        },
    }
}

struct Run {
    world: Arc<World>,
    executor: Executor,
    /// Of each process.
    handles: Vec<Vec<Handle>>,
    plant: Option<Plant>,
}

impl Run {
    fn play(&mut self) {
        self.furnish();
        let processes = self.world.state().processes.len();
        for process in 0..processes {
            self.handles.push(Vec::new());
            self.start(process);
        }
        let done = self.go_on(|run| run.executor.callers() == 0 && run.all_called()) && self.settle();
        if done {
            self.verify(processes);
        }
    }

    /// No more faults: whatever is under way comes to its end.
    fn settle(&mut self) -> bool {
        self.world.state().heal();
        let done = self.go_on(|_| false);
        self.world.state().now += PEACE;
        done
    }

    fn verify(&mut self, processes: usize) {
        self.world.state().remark(What::Verifies);
        // The first one may log in where that is needed; for all others that must do.
        for process in 0..processes {
            let caller = self.caller(process);
            let who = caller.host.who;
            self.executor.add(who, Role::Caller, caller.verify(process == 0));
            if !self.go_on(|_| false) {
                return;
            }
        }
        let mut state = self.world.state();
        if self.executor.callers() > 0 {
            state.violated("I4", "a caller waits for ever".to_owned());
        }
        state.check_end();
    }

    /// Records of logins that lie some time back.
    fn furnish(&mut self) {
        let mut state = self.world.state();
        let slots = if state.scenario.second_key { 2 } else { 1 };
        for slot in 0..slots {
            let lifetimes = state.scenario.lifetimes;
            let lifetime = state.dice.pick(lifetimes);
            let grant = state.server.login(slot, lifetime, 0);
            let age = lifetime.unwrap_or(0) as i64 * state.scenario.first_age as i64;
            let issued_at = Timestamp::from_unix_millis(EPOCH_MILLIS - age);
            let (client, key) = login_client(&state.scenario);
            state.server.binds(key);
            let of_slot = key_of(&client, slot);
            let record = record_of(client, of_slot, grant, issued_at, lifetime);
            state
                .depot
                .slots
                .push(Slot::new(record.key().clone(), Some(record)));
            state.server.saved(grant, true);
            state.server.aged(grant, age.unsigned_abs() * 1000);
            state.ledger.ended_by_user.push(false);
        }
        let slots = state.depot.slots.len();
        if state.scenario.resource {
            let key = resource_key(&state.scenario, slots);
            state.depot.slots.push(Slot::new(key, None));
            // Nobody has logged in there yet.
            state.ledger.ended_by_user.push(true);
        }
        let slots = state.depot.slots.len();
        let Some(kind) = state.scenario.source else { return };
        for slot in slots..slots + state.scenario.subjects {
            let family = state.server.subject(slot);
            let client = base_client(&state.scenario);
            let source = SimSource::new(kind, client, family, &self.world, false);
            state.depot.slots.push(Slot::new(source.key().clone(), None));
            state.ledger.ended_by_user.push(false);
        }
    }

    /// Opens the handles of a process in its present life, and lets its tasks call.
    fn start(&mut self, process: usize) {
        let who = {
            let mut state = self.world.state();
            let who = Who {
                process,
                life: state.processes[process].life,
            };
            state.note(who, What::Restarts);
            who
        };
        self.handles[process] = self.open(who);
        self.resume(process);
    }

    fn open(&self, who: Who) -> Vec<Handle> {
        let host = SimHost {
            world: Arc::clone(&self.world),
            who,
        };
        let store = self.store(who);
        let (of_first, slots) = {
            let state = self.world.state();
            (state.scenario.handles, state.depot.slots.len())
        };
        let of_slots = (0..of_first).map(|_| 0).chain(1..slots);
        of_slots
            .map(|slot| {
                let mut state = self.world.state();
                let number = state.opened(who, slot);
                let key = state.depot.slots[slot].key.clone();
                let client = base_client(&state.scenario);
                let bound = state.scenario.bound;
                let of_source = state.source_of(slot);
                drop(state);
                let transport = PlantedTransport::new(host.clone(), self.plant);
                if let Some(of_source) = of_source {
                    let source = SimSource::planted(of_source, &client, &self.world, self.plant);
                    return Handle {
                        credentials: Credentials::from_source_stored(source, store.clone(), transport),
                        number,
                        slot,
                    };
                }
                let mut credentials = Credentials::new(key, store.clone(), transport);
                if bound {
                    credentials = credentials.with_client(proof::without_key(client));
                }
                Handle {
                    credentials,
                    number,
                    slot,
                }
            })
            .collect()
    }

    fn store(&self, who: Who) -> PlantedStore {
        let store = SimStore {
            world: Arc::clone(&self.world),
            who,
            compares_generations: self.plant == Some(Plant::CompareGenerations),
            forgets_hung_writes: self.plant == Some(Plant::ForgetHungWrites),
        };
        PlantedStore::new(store, self.plant)
    }

    fn caller(&self, process: usize) -> Caller {
        let who = Who {
            process,
            life: self.world.state().processes[process].life,
        };
        Caller {
            host: SimHost {
                world: Arc::clone(&self.world),
                who,
            },
            store: self.store(who),
            plant: self.plant,
            handles: self.handles[process].clone(),
        }
    }

    /// Lets the tasks of a process call.
    fn resume(&mut self, process: usize) {
        let tasks = {
            let mut state = self.world.state();
            let tasks = state.scenario.tasks;
            state.processes[process].callers = tasks;
            tasks
        };
        for task in 0..tasks {
            let caller = self.caller(process);
            self.executor.add(caller.host.who, Role::Caller, caller.run(task));
        }
    }

    fn all_called(&self) -> bool {
        let state = self.world.state();
        state
            .processes
            .iter()
            .all(|process| process.calls_left.iter().all(|left| *left == 0))
    }

    /// Goes on until it is enough, or until nothing is left to do; `false` if an invariant did not hold.
    fn go_on(&mut self, enough: impl Fn(&Self) -> bool) -> bool {
        loop {
            if self.executor.poll_one() {
                let mut state = self.world.state();
                if self.executor.polls > MOST_POLLS {
                    state.violated("I4", "turns in circles".to_owned());
                }
                if state.ledger.violation.is_some() {
                    return false;
                }
                continue;
            }
            if enough(self) {
                return true;
            }
            let Some(due) = self.world.state().next_due() else {
                return true;
            };
            self.happen(due);
            if self.world.state().ledger.violation.is_some() {
                return false;
            }
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Wake(waker) => waker.wake(),
            Due::Arrive(ask) => self.world.state().arrive(ask),
            Due::Deliver(ask) => self.world.state().deliver(ask),
            Due::Lands(slot) => self.world.state().lands(slot),
            Due::LeaseEnds { slot, guard } => self.world.state().lease_ends(slot, guard),
            Due::Resume(who) => {
                if self.world.state().is_alive(who) {
                    self.world.state().processes[who.process].resumes = false;
                    self.resume(who.process);
                }
            }
            Due::Restart(process) => {
                {
                    let mut state = self.world.state();
                    let process = &mut state.processes[process];
                    process.life += 1;
                    process.alive = true;
                    process.tasks_unsafe = false;
                    process.resumes = false;
                    process.spawn_refused_until = 0;
                }
                self.start(process);
            }
        }
    }
}
