//! Reads what has arrived although the time is up.
//!
//! A process that was stopped, or whose machine was, goes on with its time used up and the reply in its socket. In that reply may be the
//! one refresh token that is good, since the server has spent the one before it (RFC 9700 section 4.14.2): it must not be left unread.

use std::time::{Duration, Instant};

use ureq::unversioned::transport::time::Duration as Budget;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};
use ureq::{Error, Timeout};

/// How long each read may wait for what has arrived already.
const AT_ONCE: Budget = Budget::from_millis(10);

/// How long such reads go on: enough for a reply that is there, and no leave for one that drips.
const IN_ALL: Duration = Duration::from_secs(1);

/// A connection that keeps the time of a request by itself: ureq, which would look at the clock before it reads, is told of no limit.
#[derive(Debug)]
pub(crate) struct Late<T> {
    inner: T,
    /// For a whole request, a new connection included.
    limit: Duration,
    /// The end of the request under way; `None` for one without an end.
    end: Option<Instant>,
    /// Since when reads are late.
    since: Option<Instant>,
    sends: bool,
}

impl<T> Late<T> {
    /// A connection that was begun at this time, for a request that it is to carry.
    pub(crate) fn new(inner: T, limit: Duration, began: Instant) -> Self {
        Self {
            inner,
            limit,
            end: began.checked_add(limit),
            since: None,
            sends: true,
        }
    }

    /// What is left of the time; `None` if it is up.
    fn left(&self, timeout: NextTimeout) -> Option<NextTimeout> {
        let Some(end) = self.end else {
            return Some(timeout);
        };
        let left = end.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| NextTimeout {
            after: timeout.after.min(left.into()),
            ..timeout
        })
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
        if !self.sends {
            // Nothing was sent since the last reply: this is the next request.
            self.sends = true;
            self.since = None;
            self.end = Instant::now().checked_add(self.limit);
        }
        match self.left(timeout) {
            Some(timeout) => self.inner.transmit_output(amount, timeout),
            // All of it has left already: the reply may be there.
            None if amount == 0 => Ok(()),
            None => Err(Error::Timeout(Timeout::Global)),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.sends = false;
        let in_time = match self.left(timeout) {
            Some(left) => self.inner.await_input(left),
            None => Err(Error::Timeout(Timeout::Global)),
        };
        match in_time {
            Err(Error::Timeout(_)) if self.end.is_some() && !self.is_over() => {
                self.inner.await_input(NextTimeout {
                    after: AT_ONCE,
                    ..timeout
                })
            }
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
    use ureq::unversioned::transport::LazyBuffers;

    /// A socket in which a reply lies, or none.
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
            self.reads += 1;
            if self.has_reply {
                return Ok(true);
            }
            Err(Error::Timeout(timeout.reason))
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    /// A request has left, and its time is up.
    fn up(has_reply: bool) -> Late<Socket> {
        let socket = Socket {
            buffers: LazyBuffers::new(10, 10),
            has_reply,
            reads: 0,
        };
        let mut late = Late::new(socket, Duration::from_secs(3600), Instant::now());
        late.transmit_output(10, NextTimeout::default()).unwrap();
        late.end = Some(Instant::now());
        late
    }

    fn is_timeout<T>(result: &Result<T, Error>) -> bool {
        matches!(result, Err(Error::Timeout(Timeout::Global)))
    }

    #[test]
    fn r22_a_reply_that_came_while_the_process_was_stopped_is_read() {
        let mut late = up(true);
        late.transmit_output(0, NextTimeout::default()).unwrap();
        assert!(late.await_input(NextTimeout::default()).unwrap());
        assert!(
            late.await_input(NextTimeout::default()).unwrap(),
            "the rest of it, too"
        );
    }

    #[test]
    fn a_reply_that_did_not_come_is_still_too_late() {
        let mut late = up(false);
        assert!(is_timeout(&late.await_input(NextTimeout::default())));
        assert_eq!(late.inner.reads, 1);
    }

    #[test]
    fn a_request_that_has_not_left_by_then_does_not_leave() {
        assert!(is_timeout(&up(true).transmit_output(10, NextTimeout::default())));
    }

    #[test]
    fn a_reply_that_drips_is_not_waited_for() {
        let mut late = up(true);
        late.since = Instant::now().checked_sub(IN_ALL);
        assert!(is_timeout(&late.await_input(NextTimeout::default())));
        assert_eq!(late.inner.reads, 0);
        // The next request on the same connection has a time of its own.
        late.transmit_output(10, NextTimeout::default()).unwrap();
        assert!(late.await_input(NextTimeout::default()).unwrap());
    }
}
