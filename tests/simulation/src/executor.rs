//! One thread, many tasks: which one runs next is chance, and a task can be taken away at any point.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::world::{Cause, Doom, Who, World};

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who runs in a task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Code of the application.
    Caller,
    /// A flight that the product has spawned.
    Flight,
}

struct Task {
    future: BoxFuture,
    waker: Waker,
    wake: Arc<WakeTask>,
    who: Who,
    role: Role,
}

#[derive(Default)]
struct Ready(Mutex<Vec<usize>>);

impl Ready {
    fn with<R>(&self, use_it: impl FnOnce(&mut Vec<usize>) -> R) -> R {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct WakeTask {
    task: usize,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for WakeTask {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.with(|ready| ready.push(self.task));
        }
    }
}

/// All tasks of a history.
pub(crate) struct Executor {
    world: Arc<World>,
    tasks: Vec<Option<Task>>,
    ready: Arc<Ready>,
    callers: usize,
    pub(crate) polls: u64,
}

impl Executor {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self {
            world,
            tasks: Vec::new(),
            ready: Arc::default(),
            callers: 0,
            polls: 0,
        }
    }

    pub(crate) fn add(&mut self, who: Who, role: Role, future: impl Future<Output = ()> + Send + 'static) {
        self.add_boxed(who, role, Box::pin(future));
    }

    fn add_boxed(&mut self, who: Who, role: Role, future: BoxFuture) {
        let task = self.tasks.len();
        let wake = Arc::new(WakeTask {
            task,
            queued: AtomicBool::new(true),
            ready: Arc::clone(&self.ready),
        });
        self.ready.with(|ready| ready.push(task));
        self.callers += usize::from(role == Role::Caller);
        self.tasks.push(Some(Task {
            future,
            waker: Waker::from(Arc::clone(&wake)),
            wake,
            who,
            role,
        }));
    }

    /// How many callers have still something to do.
    pub(crate) fn callers(&self) -> usize {
        self.callers
    }

    /// Polls one task that can run; `false` if there is none.
    pub(crate) fn poll_one(&mut self) -> bool {
        let Some(at) = self.choose() else {
            return false;
        };
        let Some(mut task) = self.tasks[at].take() else {
            return true;
        };
        task.wake.queued.store(false, Ordering::Relaxed);
        self.polls += 1;
        self.world.state().flight = (task.role == Role::Flight).then_some(at);
        let mut cx = Context::from_waker(&task.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| task.future.as_mut().poll(&mut cx)));
        self.world.state().flight = None;
        match polled {
            Ok(Poll::Pending) => self.tasks[at] = Some(task),
            Ok(Poll::Ready(())) => self.callers -= usize::from(task.role == Role::Caller),
            Err(panic) => {
                let what = format!("panics: {}", message(&*panic));
                self.callers -= usize::from(task.role == Role::Caller);
                self.world.state().violated("I8", what);
                // What panicked may do so again when it is dropped.
                std::mem::forget(task);
            }
        }
        self.take_over();
        true
    }

    /// One of those who can run: not of a process that stands still.
    fn choose(&self) -> Option<usize> {
        let mut state = self.world.state();
        self.ready.with(|ready| {
            while !ready.is_empty() {
                let first = state.dice.below(ready.len() as u64) as usize;
                let count = ready.len();
                let runs = |at: &usize| match &self.tasks[ready[*at]] {
                    Some(task) => state.processes[task.who.process].still_until <= state.now,
                    None => true,
                };
                let at = (0..count).map(|step| (first + step) % count).find(runs)?;
                let task = ready.swap_remove(at);
                if self.tasks[task].is_some() {
                    return Some(task);
                }
            }
            None
        })
    }

    /// Takes over what was spawned, and drops what is doomed.
    fn take_over(&mut self) {
        loop {
            let (spawned, doomed) = {
                let mut state = self.world.state();
                (
                    std::mem::take(&mut state.spawned),
                    std::mem::take(&mut state.doomed),
                )
            };
            if spawned.is_empty() && doomed.is_empty() {
                return;
            }
            for (who, task) in spawned {
                self.add_boxed(who, Role::Flight, task);
            }
            for doom in doomed {
                self.end(doom);
            }
        }
    }

    fn end(&mut self, doom: Doom) {
        let (cause, doomed): (_, Vec<usize>) = match doom {
            Doom::Task(at) => (Cause::Abort, vec![at]),
            Doom::Process(process, cause) => {
                let of_process = |at: &usize| {
                    let task = self.tasks[*at].as_ref();
                    task.is_some_and(|task| task.who.process == process)
                };
                (cause, (0..self.tasks.len()).filter(of_process).collect())
            }
        };
        self.world.state().dropping = Some(cause);
        for at in doomed {
            let Some(task) = self.tasks[at].take() else {
                continue;
            };
            self.callers -= usize::from(task.role == Role::Caller);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(task))) {
                let what = format!("panics when it is dropped: {}", message(&*panic));
                self.world.state().violated("I8", what);
            }
        }
        self.world.state().dropping = None;
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
