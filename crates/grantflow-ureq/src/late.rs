//! Reads what has arrived although the time is up.
//!
//! A process that was stopped, or whose machine was, goes on with its time used up and the reply in its socket. In that reply may be the
//! one refresh token that is good, since the server has spent the one before it (RFC 9700 section 4.14.2): it must not be left unread.

use std::time::Instant;

use ureq::Error;
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// How long each read may wait for what has arrived already.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How long such reads go on: enough for a reply that is there, and no leave for one that drips.
const IN_ALL: std::time::Duration = std::time::Duration::from_secs(1);

/// A connection that is read once more when its time is up.
#[derive(Debug)]
pub(crate) struct Late<T> {
    inner: T,
    since: Option<Instant>,
}

impl<T> Late<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, since: None }
    }

    fn is_over(&mut self) -> bool {
        self.since.get_or_insert_with(Instant::now).elapsed() >= IN_ALL
    }
}

impl<T: Transport> Transport for Late<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.since = None;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        match self.inner.await_input(timeout) {
            Err(Error::Timeout(_)) if !self.is_over() => self.inner.await_input(NextTimeout {
                after: AT_ONCE,
                ..timeout
            }),
            done => done,
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use ureq::Timeout;
    use ureq::unversioned::transport::LazyBuffers;

    /// A socket in which a reply lies, or none; it looks at the clock first, as ureq's does.
    #[derive(Debug)]
    struct Socket {
        buffers: LazyBuffers,
        has_reply: bool,
        reads: usize,
    }

    impl Transport for Socket {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
            let is_up = timeout.after == UP;
            self.reads += usize::from(!is_up);
            if is_up || !self.has_reply {
                return Err(Error::Timeout(timeout.reason));
            }
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    const UP: Duration = Duration::from_secs(0);

    fn socket(has_reply: bool) -> Late<Socket> {
        Late::new(Socket {
            buffers: LazyBuffers::new(10, 10),
            has_reply,
            reads: 0,
        })
    }

    fn up() -> NextTimeout {
        NextTimeout {
            after: UP,
            reason: Timeout::Global,
            ..NextTimeout::default()
        }
    }

    #[test]
    fn r22_a_reply_that_came_while_the_process_was_stopped_is_read() {
        let mut late = socket(true);
        assert!(late.await_input(up()).unwrap());
        assert!(late.await_input(up()).unwrap(), "the rest of it, too");
    }

    #[test]
    fn a_reply_that_did_not_come_is_still_too_late() {
        let mut late = socket(false);
        assert!(matches!(
            late.await_input(up()),
            Err(Error::Timeout(Timeout::Global))
        ));
        assert_eq!(late.inner.reads, 1);
    }

    #[test]
    fn a_reply_that_drips_is_not_waited_for() {
        let mut late = socket(true);
        late.since = Instant::now().checked_sub(IN_ALL);
        assert!(matches!(
            late.await_input(up()),
            Err(Error::Timeout(Timeout::Global))
        ));
        assert_eq!(late.inner.reads, 0);
        // The next request on the same connection has a time of its own.
        late.transmit_output(0, up()).unwrap();
        assert!(late.await_input(up()).unwrap());
    }
}
