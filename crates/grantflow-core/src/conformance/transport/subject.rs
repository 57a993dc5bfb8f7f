//! A transport under test: blocking and async ones behind one face, so that each check is written once.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::super::BlockOn;
use super::Limits;
use crate::{AsyncTransport, Request, Response, Transport, TransportError};

/// A transport as the checks see it.
pub trait Subject {
    /// Sends the request.
    ///
    /// # Errors
    ///
    /// What the transport said.
    fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// Sends the request, and drops it when `then` is told; a blocking transport cannot and says `false`.
    fn send_and_drop(&self, request: Request, then: &Arc<Outcome>) -> bool;

    /// Waits for the outcome while the transport may go on with its own work.
    fn wait(&self, outcome: &Arc<Outcome>) -> bool;

    /// Has the outcome told by a task of the transport.
    fn spawn(&self, outcome: Arc<Outcome>);
}

/// Something that will be true or false: told once, waited for by threads and tasks.
#[derive(Debug, Default)]
pub struct Outcome {
    state: Mutex<(Option<bool>, Option<Waker>)>,
    told: Condvar,
}

impl Outcome {
    pub(super) fn tell(&self, outcome: bool) {
        let mut state = self.lock();
        state.0.get_or_insert(outcome);
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
        self.told.notify_all();
    }

    fn wait(&self) -> bool {
        // The peer tells every outcome within its own limits; this one ends a check whose peer is gone.
        let (state, _) = self
            .told
            .wait_timeout_while(self.lock(), Duration::from_secs(30), |state| state.0.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state.0.unwrap_or(false)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        match state.0 {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Option<bool>, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells `true` when it is used, and `false` when it is lost.
struct Teller(Arc<Outcome>);

impl Teller {
    fn use_up(self) {
        self.0.tell(true);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.tell(false);
    }
}

/// From a factory of blocking transports.
pub fn blocking<T: Transport + 'static>(
    factory: impl Fn(Limits) -> T,
) -> impl Fn(Limits) -> Box<dyn Subject> {
    move |limits| Box::new(Blocking(factory(limits)))
}

/// From a factory of async transports, and what runs their futures.
pub fn on_runtime<T: AsyncTransport + 'static>(
    factory: impl Fn(Limits) -> T,
    block_on: BlockOn,
) -> impl Fn(Limits) -> Box<dyn Subject> {
    move |limits| {
        Box::new(OnRuntime {
            transport: factory(limits),
            block_on,
        })
    }
}

struct Blocking<T>(T);

impl<T: Transport> Subject for Blocking<T> {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request)
    }

    fn send_and_drop(&self, _request: Request, _then: &Arc<Outcome>) -> bool {
        false
    }

    fn wait(&self, outcome: &Arc<Outcome>) -> bool {
        outcome.wait()
    }

    fn spawn(&self, outcome: Arc<Outcome>) {
        let teller = Teller(outcome);
        if let Err(job) = self.0.spawn(Box::new(move || teller.use_up())) {
            job();
        }
    }
}

struct OnRuntime<T> {
    transport: T,
    block_on: BlockOn,
}

impl<T> OnRuntime<T> {
    fn run<R: Send>(&self, work: impl Future<Output = R> + Send) -> R {
        let mut result = None;
        (self.block_on)(Box::pin(async {
            result = Some(work.await);
        }));
        result.expect("`block_on` returns when the future has ended")
    }
}

impl<T: AsyncTransport> Subject for OnRuntime<T> {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.run(self.transport.send(request))
    }

    fn send_and_drop(&self, request: Request, then: &Arc<Outcome>) -> bool {
        let mut sending = self.transport.send(request);
        self.run(std::future::poll_fn(move |cx| {
            if sending.as_mut().poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            then.poll(cx)
        }))
    }

    fn wait(&self, outcome: &Arc<Outcome>) -> bool {
        self.run(std::future::poll_fn(|cx| outcome.poll(cx)))
    }

    fn spawn(&self, outcome: Arc<Outcome>) {
        self.run(async {
            let teller = Teller(Arc::clone(&outcome));
            if let Err(task) = self.transport.spawn(Box::pin(async move { teller.use_up() })) {
                task.await;
            }
            std::future::poll_fn(|cx| outcome.poll(cx)).await
        });
    }
}
