//! What may be stored over what.

use grantflow_core::Record;

use crate::scenario::StoreKind;
use crate::server::{Grant, access_of, refresh_of};
use crate::world::State;

impl State {
    /// A record is about to be stored.
    pub(crate) fn check_save(&mut self, slot: usize, for_login: bool, record: &Record, grant: Grant) {
        let is_tombstone = record.refresh_state().revoked_at.is_some();
        if self.server.family(grant).is_none_or(|family| family.slot != slot) {
            self.violated("I7", format!("token {grant} is stored under another key"));
        }
        let refresh = record.token().refresh_token.as_ref();
        let refresh = refresh.and_then(|token| refresh_of(token.expose()));
        let of_source = self.source_of(slot).is_some();
        let number = if self.scenario.rotates { grant.number } else { 0 };
        let own = (!of_source).then_some(Grant { number, ..grant });
        if refresh != own {
            self.violated(
                "I2",
                format!("token {grant} is stored with the refresh token of another"),
            );
        }
        if for_login {
            return;
        }
        let stored = &self.depot.slots[slot].record;
        let Some(stored) = stored else {
            if of_source {
                return;
            }
            return self.violated("I2", "a deleted record is written back".to_owned());
        };
        if stored.refresh_state().revoked_at.is_some() && !is_tombstone {
            return self.violated("I2", "a revoked record is written back".to_owned());
        }
        let generation = stored.generation();
        let old = access_of(stored.token().access_token.expose());
        // Whoever comes second without a lock stores what it got later: both tokens live, and neither has spent the other.
        let compares = self.scenario.store == StoreKind::CompareAndSwap;
        let unlocked = of_source && (compares || self.ledger.lease_lost);
        if !unlocked && old.is_some_and(|old| old.family == grant.family && old > grant) {
            return self.violated("I2", format!("token {grant} is stored over a newer one"));
        }
        if !is_tombstone && (old == Some(grant)) != (generation == record.generation()) {
            self.violated(
                "I2",
                format!(
                    "generation {} of token {grant} over generation {generation}",
                    record.generation()
                ),
            );
        }
    }
}
