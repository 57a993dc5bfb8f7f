//! A transport whose clock can be moved, so that tokens end without anybody waiting for it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantflow_core::transport::{Task, Ticks};
use grantflow_core::{
    AsyncTransport, CertificateThumbprint, EntropyError, Now, Request, Response, Transport, TransportError,
    native,
};

/// How far the clocks of the transports that share it are ahead of the machine's.
#[derive(Clone, Default)]
pub struct Clock {
    ahead: Arc<AtomicU64>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

/// What happens instead of the nth wait, counted from 1.
type Meanwhile = (u32, Box<dyn FnMut(u32) + Send>);

impl Clock {
    /// Lets this much time pass at once.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = u64::try_from(by.as_nanos()).expect("a test lets less than 500 years pass");
        self.ahead.fetch_add(nanoseconds, Ordering::SeqCst);
    }

    /// From now on nobody waits: a wait moves the clock, and this is done meanwhile; it is told the number of the wait, from 1.
    pub fn hurry(&self, meanwhile: impl FnMut(u32) + Send + 'static) {
        *self.meanwhile() = Some((0, Box::new(meanwhile)));
    }

    /// Whether the wait was over at once.
    fn skips(&self, pause: Duration) -> bool {
        let mut meanwhile = self.meanwhile();
        let Some((waits, act)) = &mut *meanwhile else {
            return false;
        };
        *waits += 1;
        act(*waits);
        self.advance(pause);
        true
    }

    fn meanwhile(&self) -> MutexGuard<'_, Option<Meanwhile>> {
        self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transport, with this clock.
    pub fn on<T>(&self, transport: T) -> OnClock<T> {
        OnClock {
            transport,
            clock: self.clone(),
        }
    }

    fn ahead(&self) -> Duration {
        Duration::from_nanos(self.ahead.load(Ordering::SeqCst))
    }

    fn now(&self) -> Now {
        let mut now = native::now();
        now.wall = now.wall.plus(self.ahead());
        now.boot += self.ahead();
        now
    }

    fn ticks(&self) -> Ticks {
        let ticks = native::ticks();
        let ahead = self.ahead.load(Ordering::SeqCst);
        Ticks {
            monotonic: ticks.monotonic.saturating_add(ahead),
            wall: ticks.wall.saturating_add_unsigned(ahead),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("ahead", &self.ahead())
            .finish_non_exhaustive()
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

    fn sleep(&self, pause: Duration) {
        if !self.clock.skips(pause) {
            self.transport.sleep(pause);
        }
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
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
        if !self.clock.skips(pause) {
            self.transport.sleep(pause).await;
        }
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        self.transport.spawn(task)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
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
