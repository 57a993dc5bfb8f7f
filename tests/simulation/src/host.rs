//! The transport of one life of a process: clocks, entropy, tasks, and requests.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{AsyncTransport, Task, Ticks};
use grantflow_core::{EntropyError, Now, Request, Response, Timestamp, TransportError};

use crate::chronicle::{Effect, Side, What};
use crate::network::Asked;
use crate::world::{MILLI, Who, World};

/// A process as its transport.
#[derive(Clone)]
pub(crate) struct SimHost {
    pub(crate) world: Arc<World>,
    pub(crate) who: Who,
}

#[async_trait]
impl AsyncTransport for SimHost {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let asked = {
            let state = self.world.state();
            Asked {
                at: state.now,
                wall: state.wall(self.who.process),
            }
        };
        self.world.point(self.who, Effect::Send, Side::Before).await;
        let ask = self.world.state().depart(self.who, &request, asked);
        let sent = Sent { host: self, ask };
        let answer = self.world.wait_for(|state, waker| state.answer(sent.ask, waker));
        let answer = answer.await;
        drop(sent);
        self.world.point(self.who, Effect::Send, Side::After).await;
        answer
    }

    async fn sleep(&self, pause: Duration) {
        self.world.point(self.who, Effect::Sleep, Side::Before).await;
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        self.world.sleep(micros).await;
        self.world.point(self.who, Effect::Sleep, Side::After).await;
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        let mut state = self.world.state();
        // This effect cannot be waited in: whoever dies here is not polled again.
        if state.is_alive(self.who) {
            state.strike(self.who, Effect::Spawn, Side::Before);
        }
        if state.is_alive(self.who) && state.now < state.processes[self.who.process].spawn_refused_until {
            state.note(self.who, What::SpawnRefused);
            return Err(task);
        }
        state.note(self.who, What::Does(Effect::Spawn));
        state.spawned.push((self.who, task));
        if state.is_alive(self.who) {
            state.strike(self.who, Effect::Spawn, Side::After);
        }
        Ok(())
    }

    fn now(&self) -> Now {
        let state = self.world.state();
        Now {
            wall: Timestamp::from_unix_millis(state.wall(self.who.process)),
            boot: Duration::from_micros(state.processes[self.who.process].boot + state.now),
        }
    }

    fn ticks(&self) -> Ticks {
        let state = self.world.state();
        let process = &state.processes[self.who.process];
        Ticks {
            monotonic: (process.boot + state.now - process.suspended) * 1000,
            wall: state.wall(self.who.process).saturating_mul(1_000_000),
        }
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.world.state().dice.fill(bytes);
        Ok(())
    }
}

/// A request whose end somebody waits for.
struct Sent<'a> {
    host: &'a SimHost,
    ask: usize,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.host.world.state().forget(self.ask);
    }
}

impl SimHost {
    /// Lets time pass for the caller, where no fault strikes.
    pub(crate) async fn idle(&self, at_most: u64) {
        let time = self.world.state().dice.below(at_most + 1) / MILLI * MILLI;
        self.world.sleep(time).await;
    }

    /// Stays here for ever if the process is dead.
    pub(crate) async fn live(&self) {
        let alive = self.world.wait_for(|state, _| match state.is_alive(self.who) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        alive.await;
    }
}
