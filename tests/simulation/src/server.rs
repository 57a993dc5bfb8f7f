//! The modelled authorization server: rotation, reuse detection with revocation of the whole grant, a grace period or none.
//!
//! Each login begins a family; each refresh gives it one more pair of tokens. A token's text names its family and number, so
//! that everybody can tell what a token is, and only the server knows what it is worth.

use std::collections::BTreeSet;
use std::fmt;

use crate::browser::Authorization;
use crate::device::Device;
use crate::world::{Cause, Micros, SECOND, Who};

/// A pair of tokens: the family, and which refresh it is from. Zero is the login.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Grant {
    pub(crate) family: u32,
    pub(crate) number: u32,
}

impl Grant {
    pub(crate) fn access_token(self) -> String {
        format!("a{self}")
    }

    pub(crate) fn refresh_token(self) -> String {
        format!("r{self}")
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.family, self.number)
    }
}

/// The grant of an access token.
pub(crate) fn access_of(token: &str) -> Option<Grant> {
    parse(token.strip_prefix('a')?)
}

/// The grant of a refresh token.
pub(crate) fn refresh_of(token: &str) -> Option<Grant> {
    parse(token.strip_prefix('r')?)
}

fn parse(text: &str) -> Option<Grant> {
    let (family, number) = text.split_once('.')?;
    Some(Grant {
        family: family.parse().ok()?,
        number: number.parse().ok()?,
    })
}

/// What the server, and the one who watches it, know of a pair of tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issue {
    pub(crate) issued: Micros,
    /// How much older it is than the history.
    pub(crate) older: Micros,
    /// When the request left that got it.
    pub(crate) asked: Micros,
    /// How long its reply was awaited at most.
    pub(crate) longest_way: Micros,
    pub(crate) lifetime: Option<u64>,
    /// When its refresh token was used.
    pub(crate) spent: Option<Micros>,
    /// Whether a record with it was ever stored.
    pub(crate) saved: bool,
    /// Whether its process knows that.
    pub(crate) confirmed: bool,
    /// Who got the reply.
    pub(crate) delivered: Option<Who>,
    /// When that was.
    pub(crate) delivered_at: Micros,
    /// Whether somebody who had it could not store it.
    pub(crate) lost_once: bool,
    /// Why it was not stored.
    pub(crate) window: Option<Cause>,
    /// Granted for the code of a device or a browser: the program has to store it, not a handle.
    pub(crate) by_device: bool,
}

impl Issue {
    /// When the access token ends, but after so many seconds at least; zero if that was before the history began.
    pub(crate) fn end(&self, at_least: u64) -> Option<Micros> {
        let life = self.lifetime?.max(at_least) * SECOND;
        Some((self.issued + life).saturating_sub(self.older))
    }
}

/// One consent of the user.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) slot: usize,
    /// The thumbprint of the key that it is bound to.
    pub(crate) key: Option<String>,
    pub(crate) issues: Vec<Issue>,
    /// Why it is of no use any more.
    pub(crate) ended: Option<Ended>,
    /// Nobody has consented: its tokens are asked for by what a program presents, and have no refresh tokens.
    pub(crate) is_of_source: bool,
}

impl Family {
    /// What this process has got and not stored, of which nothing newer is stored either.
    pub(crate) fn open(&mut self, who: Who) -> impl Iterator<Item = &mut Issue> {
        let issues = self.issues.iter_mut().rev();
        let unsaved = issues.take_while(|issue| !issue.saved);
        unsaved.filter(move |issue| issue.delivered == Some(who) && issue.window.is_none())
    }
}

/// Why a family ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// Somebody asked for it.
    Revoked,
    /// A spent refresh token was used again.
    Replayed,
}

/// The answer to a refresh.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Granted(Grant),
    /// A spent refresh token ended the family just now.
    ReplayOf(Grant),
    InvalidGrant,
}

/// The server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) families: Vec<Family>,
    pub(crate) down_until: Micros,
    pub(crate) api_refuses_until: Micros,
    pub(crate) commits: u64,
    pub(crate) devices: Vec<Device>,
    pub(crate) authorizations: Vec<Authorization>,
    /// Counts up; the one that counts is the last.
    pub(crate) nonce: u64,
    /// So many things were made that may be used once.
    pub(crate) serials: u64,
    /// Those of them that have left their process, and those that were taken.
    pub(crate) sent_once: BTreeSet<u64>,
    pub(crate) taken_once: BTreeSet<u64>,
}

impl Server {
    /// A new login.
    pub(crate) fn login(&mut self, slot: usize, lifetime: Option<u64>, now: Micros) -> Grant {
        let first = Issue {
            issued: now,
            asked: now,
            lifetime,
            ..Issue::default()
        };
        self.families.push(Family {
            slot,
            key: None,
            issues: vec![first],
            ended: None,
            is_of_source: false,
        });
        Grant {
            family: self.families.len() as u32 - 1,
            number: 0,
        }
    }

    /// A subject whose tokens a program may ask for; its number.
    pub(crate) fn subject(&mut self, slot: usize) -> usize {
        self.families.push(Family {
            slot,
            key: None,
            issues: Vec::new(),
            ended: None,
            is_of_source: true,
        });
        self.families.len() - 1
    }

    /// A token of a subject, for what was presented.
    pub(crate) fn issue_for(&mut self, with: Grant, lifetime: Option<u64>, now: Micros) -> Option<Grant> {
        let family = self.families.get_mut(with.family as usize)?;
        let number = family.issues.len() as u32;
        family.issues.push(Issue {
            issued: now,
            asked: now,
            lifetime,
            ..Issue::default()
        });
        Some(Grant { number, ..with })
    }

    /// The newest grant is bound to this key.
    pub(crate) fn binds(&mut self, key: Option<String>) {
        if let Some(family) = self.families.last_mut() {
            family.key = key;
        }
    }

    pub(crate) fn family(&self, grant: Grant) -> Option<&Family> {
        self.families.get(grant.family as usize)
    }

    pub(crate) fn issue(&self, grant: Grant) -> Option<&Issue> {
        self.family(grant)?.issues.get(grant.number as usize)
    }

    pub(crate) fn issue_mut(&mut self, grant: Grant) -> Option<&mut Issue> {
        let family = self.families.get_mut(grant.family as usize)?;
        family.issues.get_mut(grant.number as usize)
    }

    /// A refresh arrives (RFC 6749 section 6, RFC 9700 section 4.14.2).
    pub(crate) fn refresh(&mut self, with: Grant, rules: Rules, now: Micros) -> Verdict {
        let Some(family) = self.families.get_mut(with.family as usize) else {
            return Verdict::InvalidGrant;
        };
        if family.ended.is_some() {
            return Verdict::InvalidGrant;
        }
        let Some(presented) = family.issues.get_mut(with.number as usize) else {
            return Verdict::InvalidGrant;
        };
        if let Some(spent) = presented.spent {
            if now.saturating_sub(spent) <= rules.grace && rules.grace > 0 {
                // The same successor again, for a client that lost the reply.
                return Verdict::Granted(Grant {
                    number: with.number + 1,
                    ..with
                });
            }
            family.ended = Some(Ended::Replayed);
            return Verdict::ReplayOf(with);
        }
        if rules.rotates {
            presented.spent = Some(now);
        }
        let number = family.issues.len() as u32;
        family.issues.push(Issue {
            issued: now,
            asked: now,
            lifetime: rules.lifetime,
            ..Issue::default()
        });
        self.commits += 1;
        Verdict::Granted(Grant { number, ..with })
    }

    /// The user or the client ends the grant (RFC 7009).
    pub(crate) fn revoke(&mut self, grant: Grant) -> bool {
        match self.families.get_mut(grant.family as usize) {
            Some(family) if family.ended.is_none() => {
                family.ended = Some(Ended::Revoked);
                true
            }
            _ => false,
        }
    }

    /// Whether the API takes this access token.
    pub(crate) fn accepts(&self, grant: Grant, now: Micros) -> bool {
        let alive = self.family(grant).is_some_and(|family| family.ended.is_none());
        // A token that ends at once, or of which nobody says when it ends, still works for a while.
        let end = self
            .issue(grant)
            .map(|issue| issue.end(2).unwrap_or(issue.issued + 7200 * SECOND));
        alive && end.is_some_and(|end| now < end)
    }

    /// The token was granted before the history began.
    pub(crate) fn aged(&mut self, grant: Grant, by: Micros) {
        if let Some(issue) = self.issue_mut(grant) {
            issue.older = by;
        }
    }

    /// A record with it is stored; whether its process is told so.
    pub(crate) fn saved(&mut self, grant: Grant, confirmed: bool) {
        if let Some(issue) = self.issue_mut(grant) {
            issue.saved = true;
            issue.confirmed |= confirmed;
        }
    }
}

/// How this server answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) rotates: bool,
    pub(crate) grace: Micros,
    /// Of the next access token, in seconds.
    pub(crate) lifetime: Option<u64>,
}
