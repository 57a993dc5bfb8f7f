//! What serves has been asked for as it is, or covers what is asked for.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use grantflow_core::{Client, Endpoint, Provenance, StoreExt as _, Token};
use grantflow_store::MemoryStore;
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["openid", "email", "profile", "drive", "drive.readonly"];
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// A set of names, a bit each.
type Set = u8;

fn scopes(set: Set) -> Scopes {
    let names = NAMES.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0);
    let names: Vec<&str> = names.map(|(_, name)| *name).collect();
    Scopes::parse(&names.join(" ")).unwrap()
}

fn set(scopes: &Scopes) -> Set {
    scopes.iter().fold(0, |set, name| {
        set | 1 << NAMES.iter().position(|known| *known == name).unwrap()
    })
}

fn key(client: &Client, asked: Set) -> Key {
    Key::new(client, scopes(asked))
}

/// One grant: what was asked for, what the server says it granted, and whether it still gives tokens.
#[derive(Clone, Debug)]
struct Grant {
    requested: Set,
    granted: Option<Set>,
    can_be_refreshed: bool,
    lives: bool,
}

impl Grant {
    fn is_usable(&self) -> bool {
        self.can_be_refreshed || self.lives
    }

    /// All names that are asked for are among the granted ones, or among those requested, of which none was taken away: then
    /// what was granted has other names for them.
    fn covers(&self, asked: Set) -> bool {
        let granted = self.granted.unwrap_or(self.requested);
        let whole = granted.count_ones() >= self.requested.count_ones();
        asked & !granted == 0 || (whole && asked & !self.requested == 0)
    }
}

fn grant() -> impl Strategy<Value = Grant> {
    let sets = 1..1_u8 << NAMES.len();
    let of = (
        sets.clone(),
        proptest::option::of(sets),
        any::<bool>(),
        any::<bool>(),
    );
    of.prop_map(|(requested, granted, can_be_refreshed, lives)| Grant {
        requested,
        granted,
        can_be_refreshed,
        lives,
    })
}

fn store(client: &Client, grants: &[Grant]) -> MemoryStore {
    let store = MemoryStore::new();
    for grant in grants {
        let mut token = Token::bearer("AT", NOW.minus(Duration::from_secs(3600)));
        token.expires_at = Some(if grant.lives {
            NOW.plus(Duration::from_secs(60))
        } else {
            NOW.minus(Duration::from_secs(60))
        });
        token.scopes = grant.granted.map(scopes);
        token.refresh_token = grant.can_be_refreshed.then(|| "RT".into());
        let key = key(client, grant.requested);
        let record = Record::new(key, client.clone(), token, Provenance::new("test", NOW));
        store.put(record, Duration::ZERO).unwrap();
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn t69_what_serves_is_what_was_asked_for_or_covers_it(
        mut grants in proptest::collection::vec(grant(), 0..5),
        asked in 1..1_u8 << NAMES.len(),
    ) {
        // One record a key.
        grants.sort_by_key(|grant| grant.requested);
        grants.dedup_by_key(|grant| grant.requested);
        let client = Client::new("cid", Endpoint::new("https://as.example/token").unwrap());
        let store = store(&client, &grants);
        let wanted = key(&client, asked);
        let serves = |grant: &&Grant| grant.is_usable() && (grant.requested == asked || grant.covers(asked));
        match look_up(&store, &wanted, NOW, false).unwrap() {
            Stored::Serves(key) => {
                let requested = set(key.scopes());
                let found = grants.iter().find(|grant| grant.requested == requested).unwrap();
                prop_assert!(serves(&found), "{asked:#b}: {found:?}");
                // A record of exactly these scopes goes before a wider one.
                let exact = grants.iter().find(|grant| grant.requested == asked).is_some_and(Grant::is_usable);
                prop_assert!(!exact || requested == asked, "{asked:#b}: {found:?}");
            }
            Stored::Ask { scopes, .. } => {
                prop_assert!(scopes.covers(wanted.scopes()));
                prop_assert!(grants.iter().find(serves).is_none(), "{asked:#b}: {grants:?}");
            }
        }
        let anew = look_up(&store, &wanted, NOW, true).unwrap();
        let asks = matches!(anew, Stored::Ask { scopes, .. } if scopes.covers(wanted.scopes()));
        prop_assert!(asks);
    }
}
