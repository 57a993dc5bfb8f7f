//! The token that a handle gives out now, and how long: fresh, then stale, then expired.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::transport::Ticks;
use crate::{Challenge, Error, Now, Origin, Record, Secret, StoreError, Timestamp, Token, TokenType};

/// How long an API that refuses even the token got after its 401 is left its way, where no lifetime is known.
const LONGEST_VAIN: Duration = Duration::from_secs(60);

/// How long to leave a server alone after an early refresh that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// What a handle has published; it never changes, a newer one takes its place.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) header: HeaderValue,
    /// What that is the value of.
    pub(super) name: HeaderName,
    /// Whether the token is bound to a client certificate.
    pub(super) is_certified: bool,
    /// The end of the hot path on the cheap clocks: the earlier one counts.
    stale: Ticks,
    stale_at: Option<Timestamp>,
    expires: Option<Now>,
    pub(super) grant: Grant,
    /// When, since boot, this token came by a refresh for a 401: if it is refused too, refreshing again is of no use.
    after_401: Option<Duration>,
    /// Why the token could not be stored, though it is good.
    pub(super) unsaved: Option<StoreError>,
}

/// What stands behind a published token.
#[derive(Clone, Debug)]
pub(super) enum Grant {
    Stored(Arc<Record>),
    Bare(Arc<Token>),
}

impl Grant {
    pub(super) fn token(&self) -> &Token {
        match self {
            Self::Stored(record) => record.token(),
            Self::Bare(token) => token,
        }
    }

    pub(super) fn token_key(&self) -> Option<&Secret> {
        match self {
            Self::Stored(record) => record.token_key(),
            Self::Bare(_) => None,
        }
    }

    pub(super) fn generation(&self) -> u64 {
        match self {
            Self::Stored(record) => record.generation(),
            Self::Bare(_) => 0,
        }
    }

    /// Whether an API that answers like this wants another token, and not another login of the user
    /// ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3)).
    pub(super) fn is_refused(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        match self {
            Self::Stored(record) => record.is_refused(status, headers),
            Self::Bare(_) => status == StatusCode::UNAUTHORIZED && !Challenge::asks_for_login(headers),
        }
    }

    pub(super) fn origins(&self) -> &[Origin] {
        match self {
            Self::Stored(record) => record.origins(),
            Self::Bare(_) => &[],
        }
    }
}

/// What the clocks and the dice of a host said at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Now,
    pub(super) ticks: Ticks,
    /// Uniform in `0..=255`: spreads early refreshes over 80–90 % of the lifetime, so that a fleet does not refresh at once.
    pub(super) jitter: u8,
}

impl Published {
    pub(super) fn new(grant: Grant, moment: Moment, after_401: bool) -> Result<Self, Error> {
        let token = grant.token();
        let (name, mut header) = match &grant {
            Grant::Stored(record) => record.header()?,
            Grant::Bare(token) => (AUTHORIZATION, token.header()?),
        };
        // The first clone turns the buffer into a shared one; made here, so that none is made on the hot path.
        header = header.clone();
        header.set_sensitive(true);
        let lifetime = token.ends_at().map(|end| end.since(token.issued_at));
        let stale_at = lifetime.map(|life| {
            if token.is_from_the_future(moment.now.wall) {
                return moment.now.wall;
            }
            let early = life.mul_f64(0.8 + 0.1 * f64::from(moment.jitter) / 255.0);
            token.issued_at.plus(early.max(Token::LEAST_LIFE))
        });
        let expires = lifetime.map(|life| {
            let wall = token.issued_at.plus(life);
            // A wall clock that was set back gives it no more than its life.
            let left = wall.since(moment.now.wall).min(life);
            Now {
                wall,
                boot: moment.now.boot.saturating_add(left),
            }
        });
        let stale = hot_until(stale_at, moment);
        let is_certified = matches!(&grant, Grant::Stored(record) if record.certificate().is_some());
        Ok(Self {
            header,
            name,
            is_certified,
            stale,
            stale_at,
            expires,
            grant,
            after_401: after_401.then_some(moment.now.boot),
            unsaved: None,
        })
    }

    /// The same token, with why it could not be stored.
    pub(super) fn unsaved(mut self, why: Option<StoreError>) -> Self {
        self.unsaved = why;
        self
    }

    /// The same token, not to be refreshed early before `time`.
    pub(super) fn not_before(mut self, time: Option<Timestamp>, moment: Moment) -> Self {
        if let (Some(time), Some(end)) = (time, self.expires) {
            let stale_at = self.stale_at.map_or(time, |stale_at| stale_at.max(time));
            self.stale_at = Some(stale_at.min(end.wall));
            self.stale = hot_until(self.stale_at, moment);
        }
        self
    }

    /// The same token after an early refresh that failed: left alone for a while, and longer if the server asked for it.
    pub(super) fn postponed(&self, moment: Moment, retry_at: Option<Timestamp>) -> Self {
        let later = moment.now.wall.plus(AFTER_FAILURE);
        let asked = retry_at.map_or(later, |at| at.max(later));
        self.clone().not_before(Some(asked), moment)
    }

    /// Whether each request needs a proof of its own, since the token is bound to a key and goes as such.
    pub(super) fn needs_proof(&self) -> bool {
        self.grant.token().token_type == TokenType::Dpop && self.name == AUTHORIZATION
    }

    /// Whether the hot path may hand it out: one compare for each clock.
    #[inline]
    pub(super) fn is_hot(&self, ticks: Ticks) -> bool {
        ticks.monotonic < self.stale.monotonic && ticks.wall < self.stale.wall
    }

    /// Whether nobody need refresh it yet.
    pub(super) fn is_fresh(&self, now: Now) -> bool {
        !self.is_expired(now) && self.stale_at.is_none_or(|time| now.wall < time)
    }

    /// How long nobody need refresh it; `None` where it has no known end.
    pub(super) fn fresh_for(&self, now: Now) -> Option<Duration> {
        self.stale_at.map(|time| time.since(now.wall))
    }

    /// Whether it was got after a 401 and may not be replaced for one yet: not until it is stale, or for a minute where it never is.
    pub(super) fn is_won_in_vain(&self, now: Now) -> bool {
        let recent = |won: Duration| self.expires.is_some() || now.boot.saturating_sub(won) < LONGEST_VAIN;
        self.after_401.is_some_and(recent) && self.is_fresh(now)
    }

    /// Whether it has ended, by the clock that says so first.
    pub(super) fn is_expired(&self, now: Now) -> bool {
        self.expires
            .is_some_and(|end| now.wall >= end.wall || now.boot >= end.boot)
    }

    pub(super) fn remaining(&self, now: Now) -> Option<Duration> {
        self.expires
            .map(|end| end.wall.since(now.wall).min(end.boot.saturating_sub(now.boot)))
    }

    /// Whether it came after `old`. A new login after a revocation begins to count anew, but its token was issued later.
    pub(super) fn is_newer_than(&self, old: &Self) -> bool {
        self.grant.generation() > old.grant.generation()
            || self.grant.token().issued_at > old.grant.token().issued_at
    }

    pub(super) fn is_same_grant(&self, other: &Self) -> bool {
        self.is_token(&other.grant.token().access_token)
    }

    pub(super) fn is_token(&self, token: &Secret) -> bool {
        self.grant.token().access_token.eq_ct(token)
    }
}

fn hot_until(stale_at: Option<Timestamp>, moment: Moment) -> Ticks {
    let Some(stale_at) = stale_at else {
        return Ticks {
            monotonic: u64::MAX,
            wall: i64::MAX,
        };
    };
    let left = stale_at.since(moment.now.wall);
    let nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    Ticks {
        monotonic: moment.ticks.monotonic.saturating_add(nanos),
        wall: moment
            .ticks
            .wall
            .saturating_add(i64::try_from(nanos).unwrap_or(i64::MAX)),
    }
}

/// What a caller needs of a published token.
#[derive(Clone, Debug)]
pub(super) enum Need {
    /// Any that has not ended.
    Valid,
    /// Another than this one, which an API refused.
    NotThis(Secret),
    /// One of a later generation.
    After(u64),
}

impl Need {
    /// Whether this token will do without looking further.
    pub(super) fn is_met_by(&self, published: &Published, now: Now) -> bool {
        match self {
            Self::Valid => published.is_fresh(now),
            Self::NotThis(_) | Self::After(_) => self.is_served_by(published) && !published.is_expired(now),
        }
    }

    /// Whether this token will do while somebody else refreshes, or when a refresh fails.
    pub(super) fn is_bridged_by(&self, published: &Published, now: Now) -> bool {
        matches!(self, Self::Valid) && !published.is_expired(now)
    }

    /// Whether this token is the kind that was asked for, ended or not.
    pub(super) fn is_served_by(&self, published: &Published) -> bool {
        match self {
            Self::Valid => true,
            Self::NotThis(refused) => !published.is_token(refused),
            Self::After(generation) => published.grant.generation() > *generation,
        }
    }
}

pub(super) type Obtained = Result<Arc<Published>, Error>;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn r24_a_fleet_that_logged_in_together_does_not_refresh_together() {
        let granted = Timestamp::from_unix_seconds(1_800_000_000);
        let mut token = Token::bearer("AT", granted);
        token.expires_at = Some(granted.plus(Duration::from_secs(3600)));
        let mut per_minute = [0_usize; 60];
        for host in 0..1024_u32 {
            let moment = Moment {
                now: Now {
                    wall: granted,
                    boot: Duration::ZERO,
                },
                ticks: Ticks::default(),
                // Dice that fall on every side alike.
                jitter: u8::try_from(host % 256).unwrap(),
            };
            let published = Published::new(Grant::Bare(Arc::new(token.clone())), moment, false).unwrap();
            let minute = published.fresh_for(moment.now).unwrap().as_secs() / 60;
            *per_minute.get_mut(usize::try_from(minute).unwrap()).unwrap() += 1;
        }
        // 80 to 90 % of an hour are the minutes 48 to 54: six of them, and the last moment.
        assert_eq!(per_minute.iter().sum::<usize>(), 1024);
        assert_eq!(per_minute[..48].iter().sum::<usize>(), 0);
        let mean = 1024 / 6;
        assert!(per_minute.iter().all(|peak| *peak <= 2 * mean), "{per_minute:?}");
    }
}
