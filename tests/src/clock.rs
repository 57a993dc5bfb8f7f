//! A transport whose clock can be moved, so that tokens end without anybody waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{Task, Ticks};
use grantflow_core::{
    AsyncTransport, EntropyError, Now, Request, Response, Transport, TransportError, native,
};

/// How far the clocks of the transports that share it are ahead of the machine's.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Lets this much time pass at once.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = u64::try_from(by.as_nanos()).expect("a test lets less than 500 years pass");
        self.0.fetch_add(nanoseconds, Ordering::SeqCst);
    }

    /// The transport, with this clock.
    pub fn on<T>(&self, transport: T) -> OnClock<T> {
        OnClock {
            transport,
            clock: self.clone(),
        }
    }

    fn ahead(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn now(&self) -> Now {
        let mut now = native::now();
        now.wall = now.wall.plus(self.ahead());
        now.boot += self.ahead();
        now
    }

    fn ticks(&self) -> Ticks {
        let ticks = native::ticks();
        let ahead = self.0.load(Ordering::SeqCst);
        Ticks {
            monotonic: ticks.monotonic.saturating_add(ahead),
            wall: ticks.wall.saturating_add_unsigned(ahead),
        }
    }
}

/// A transport on a [`Clock`].
#[derive(Clone, Debug)]
pub struct OnClock<T> {
    transport: T,
    clock: Clock,
}

impl<T: Transport> Transport for OnClock<T> {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn ticks(&self) -> Ticks {
        self.clock.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}

#[async_trait]
impl<T: AsyncTransport> AsyncTransport for OnClock<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request).await
    }

    async fn sleep(&self, pause: Duration) {
        self.transport.sleep(pause).await;
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        self.transport.spawn(task)
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn ticks(&self) -> Ticks {
        self.clock.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}
