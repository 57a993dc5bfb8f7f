//! What has to be true when all is over.

use crate::world::State;

impl State {
    /// After the faults, and after everybody had time to finish.
    pub(crate) fn check_end(&mut self) {
        if self.ledger.lease_lost {
            return;
        }
        let mut lost = None;
        for (at, family) in self.server.families.iter().enumerate() {
            let unsaved = family
                .issues
                .iter()
                .enumerate()
                .rev()
                .take_while(|(_, issue)| !issue.saved);
            for (number, issue) in unsaved {
                if issue.delivered.is_some() && issue.window.is_none() {
                    lost = Some(format!("{at}.{number}"));
                }
            }
        }
        if let Some(grant) = lost {
            self.violated(
                "I1",
                format!("{grant} reached a process that lives, and was never stored"),
            );
        }
        let held = self.depot.slots.iter().position(|slot| slot.holder.is_some());
        if let Some(slot) = held {
            self.violated("I4", format!("the lock of record {slot} is held for ever"));
        }
    }
}
