//! When a refresh that failed is tried again: full jitter between tries, all of them within the time that others wait for the lock.
//!
//! ```text
//! 0 s            32 s          62 s       75 s
//! ├─ tries begin ─┤             │          │
//!                 └─ last reply ┘          └─ those who wait for the lock give up
//! ```

use std::time::Duration;

use crate::step::Cancelled;
use crate::{Cx, EntropyError, Error, Next, Step, Timestamp};

/// How long a server may ask to be left alone: an hour. A later time is from a clock that was set, and is not believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How often and how fast a refresh is tried again.
///
/// Only what is known to have changed nothing is tried again at will: a request that never left, a 429, a 503. A request
/// that left and got no answer is tried once more; see [`access_token`](super::access_token()).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "policy is a plain value, to be built by the caller"
)]
pub struct RetryPolicy {
    /// How many requests at most, the first one counted; none is as good as one. The one more after a request that got no answer
    /// does not count: it is about whether the grant is lost, not about load.
    pub tries: u32,
    /// The most that is waited after the first try; it doubles with each further one.
    pub first_pause: Duration,
    /// The most that is ever waited between two tries.
    pub longest_pause: Duration,
    /// The last moment at which a try may begin, counted from the first. With a request's own limit of 30 s it has to fit into
    /// [`LOCK_PATIENCE`](super::LOCK_PATIENCE).
    pub begin_within: Duration,
}

impl Default for RetryPolicy {
    /// Four tries with pauses of up to 0.25, 0.5 and 1 s, the last one begun within 32 s.
    fn default() -> Self {
        Self {
            tries: 4,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(8),
            begin_within: Duration::from_secs(32),
        }
    }
}

impl RetryPolicy {
    /// Nothing is tried again that is known to have changed nothing. A request that left and got no answer still is, once, where
    /// there is nothing left to lose by it.
    #[must_use]
    pub fn never() -> Self {
        Self {
            tries: 1,
            ..Self::default()
        }
    }

    /// How long to wait before the next try after `tries`: any time up to the limit, so that many clients do not come back at once.
    pub(super) fn pause(&self, tries: u32, cx: &mut Cx<'_>) -> Result<Duration, EntropyError> {
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        let limit = self.first_pause.saturating_mul(doubled).min(self.longest_pause);
        let mut dice = [0; 4];
        cx.fill(&mut dice)?;
        let share = f64::from(u32::from_le_bytes(dice)) / f64::from(u32::MAX);
        // All of the longest time there is would be rounded up to more than that.
        let pause = Duration::try_from_secs_f64(limit.as_secs_f64() * share);
        Ok(pause.map_or(limit, |pause| pause.min(limit)))
    }
}

/// Goes on after a pause; at once where it is none.
pub(super) fn after<T: 'static>(
    pause: Duration,
    cx: &mut Cx<'_>,
    then: impl FnOnce(&mut Cx<'_>) -> Result<Step<T>, Error> + Send + 'static,
) -> Result<Step<T>, Error> {
    if pause.is_zero() {
        return then(cx);
    }
    let next = move |waited: Result<(), Cancelled>, cx: &mut Cx<'_>| match waited {
        Ok(()) => then(cx),
        Err(Cancelled) => Err(Error::Cancelled),
    };
    Ok(Step::Wait(pause, Next::new(next)))
}

/// How long the server still wants to be left alone; zero where it does not, or where its time cannot be.
pub(super) fn time_until(retry_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = retry_at.map_or(Duration::ZERO, |at| at.since(now));
    if left > LONGEST_RETRY_AFTER {
        Duration::ZERO
    } else {
        left
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;
    use crate::Now;

    /// 10,000 dice, spread like those of many clients, in no order of size.
    fn pauses(tries: u32) -> Vec<Duration> {
        let mut state = 1_u64;
        let mut fill = |bytes: &mut [u8]| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.copy_from_slice(&state.to_be_bytes()[..bytes.len()]);
            Ok(())
        };
        let mut cx = Cx::new(Now::default(), &mut fill);
        let policy = RetryPolicy::default();
        (0..10_000)
            .map(|_| policy.pause(tries, &mut cx).unwrap())
            .collect()
    }

    #[test]
    fn r17_pauses_are_spread_over_all_of_the_time_up_to_a_limit_that_doubles() {
        let limits = [250, 500, 1000, 2000, 4000, 8000, 8000, 8000].map(Duration::from_millis);
        for (limit, tries) in limits.into_iter().zip(1..) {
            let mut tenths = [0_u32; 10];
            for pause in pauses(tries) {
                assert!(pause <= limit, "{pause:?} of {limit:?}");
                let tenth = (pause.as_secs_f64() / limit.as_secs_f64() * 10.0).min(9.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
                let tenth = tenth as usize;
                tenths[tenth] += 1;
            }
            assert!(
                tenths.iter().all(|count| (900..=1100).contains(count)),
                "{limit:?}: {tenths:?}"
            );
        }
    }

    #[test]
    fn r17_a_policy_may_wait_not_at_all() {
        let policy = RetryPolicy {
            first_pause: Duration::ZERO,
            ..RetryPolicy::never()
        };
        let mut fill = |bytes: &mut [u8]| {
            bytes.fill(255);
            Ok(())
        };
        let pause = policy
            .pause(u32::MAX, &mut Cx::new(Now::default(), &mut fill))
            .unwrap();
        assert_eq!(pause, Duration::ZERO);
    }

    fn duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            4 => (0_u64..100_000).prop_map(Duration::from_millis),
            1 => any::<u64>().prop_map(Duration::from_secs),
            1 => Just(Duration::MAX),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn r17_no_pause_is_longer_than_the_policy_has_it(
            (first_pause, longest_pause) in (duration(), duration()),
            tries in prop_oneof![0_u32..40, any::<u32>()],
            dice in prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)],
        ) {
            let policy = RetryPolicy { first_pause, longest_pause, ..RetryPolicy::default() };
            let pause = |tries, dice: u32| {
                let mut fill = |bytes: &mut [u8]| {
                    bytes.copy_from_slice(&dice.to_le_bytes());
                    Ok(())
                };
                policy.pause(tries, &mut Cx::new(Now::default(), &mut fill)).unwrap()
            };
            let (drawn, most) = (pause(tries, dice), pause(tries, u32::MAX));
            prop_assert!(drawn <= most && most <= longest_pause);
            prop_assert_eq!(pause(tries, 0), Duration::ZERO);
            // It never shrinks with the tries, and the first is the shortest.
            prop_assert!(most <= pause(tries.saturating_add(1), u32::MAX));
            prop_assert!(pause(1, u32::MAX) <= first_pause);
        }

        #[test]
        fn r17_no_server_is_heard_that_wants_more_than_an_hour(at in any::<i64>(), now in any::<i64>()) {
            let (at, now) = (Timestamp::from_unix_millis(at), Timestamp::from_unix_millis(now));
            let left = time_until(Some(at), now);
            prop_assert!(left <= LONGEST_RETRY_AFTER);
            prop_assert!(left.is_zero() || left == at.since(now));
            prop_assert_eq!(left.is_zero(), at <= now || at.since(now) > LONGEST_RETRY_AFTER);
        }
    }
}
