//! 64 tasks wait for one token that has ended: does anybody wait who need not?
//!
//! ```text
//! endpoint   ├──────────── 50 ms ────────────┤
//! ended      64 tasks ───────────────────────▶ 1 request
//! another    header, header, header …          of another key in the same store, fresh
//! stale      header, header, header …          a token that lives, while one caller renews it early
//! ```

use std::time::{Duration, Instant};

use grantflow_core::{
    Client, Credentials, Endpoint, Key, Provenance, Record, Scopes, Secret, StoreExt as _, Timestamp, Token,
    native,
};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{MultiStore, OnThread};

use crate::server::Server;
use crate::storm;

/// How many wait.
const WAITERS: usize = 64;

/// What was seen while they waited.
pub struct Seen {
    /// Requests for the token that had ended.
    pub requests: usize,
    /// How often each bystander asked.
    pub asked: usize,
    /// The longest that one of another key waited.
    pub another: Duration,
    /// The longest that a holder of a token that lives waited.
    pub stale: Duration,
}

/// Lets them wait.
///
/// # Panics
///
/// If somebody gets no token.
pub fn measure() -> Seen {
    let place = tempdir();
    let servers = [(); 3].map(|()| storm::endpoint(|_| 3600));
    let transport = ReqwestTransport::builder()
        .no_proxy()
        .build()
        .expect("a transport");
    let store = MultiStore::new(&place);
    let handle = |server: &Server, lives: i64| {
        let key = put(&store, server, lives);
        Credentials::new(key, OnThread::new(store.clone()), transport.clone())
    };
    // Ended; fresh; 95 % of its hour over.
    let handles = [
        handle(&servers[0], 0),
        handle(&servers[1], 3600),
        handle(&servers[2], 180),
    ];
    let seen = storm::runtime().block_on(watch(&servers, &handles));
    let _ = std::fs::remove_dir_all(&place);
    seen
}

async fn watch(servers: &[Server; 3], handles: &[Credentials; 3]) -> Seen {
    let [ended, another, stale] = handles;
    another.header().await.expect("a token");
    let ask = |credentials: &Credentials| {
        let credentials = credentials.clone();
        tokio::spawn(async move { drop(credentials.header().await.expect("a token")) })
    };
    let waiters: Vec<_> = (0..WAITERS).map(|_| ask(ended)).collect();
    let renewal = ask(stale);
    while servers[0].requests() == 0 || servers[2].requests() == 0 {
        tokio::task::yield_now().await;
    }
    let mut seen = Seen {
        requests: 0,
        asked: 0,
        another: Duration::ZERO,
        stale: Duration::ZERO,
    };
    while !renewal.is_finished() && waiters.iter().all(|waiter| !waiter.is_finished()) {
        seen.asked += 1;
        for (credentials, longest) in [(another, &mut seen.another), (stale, &mut seen.stale)] {
            let start = Instant::now();
            credentials.header().await.expect("a token");
            *longest = start.elapsed().max(*longest);
        }
    }
    for waiter in waiters.into_iter().chain([renewal]) {
        waiter.await.expect("a token");
    }
    seen.requests = servers[0].requests();
    assert_eq!((servers[1].requests(), servers[2].requests()), (0, 1));
    seen
}

/// A token that was granted an hour before its end.
fn put(store: &MultiStore, server: &Server, lives: i64) -> Key {
    let endpoint = Endpoint::allow_http_for_loopback(server.url()).expect("an address");
    let client = Client::new("client", endpoint);
    let key = Key::new(&client, Scopes::none());
    let end = native::now().wall.unix_seconds() + lives;
    let mut token = Token::bearer("AT0", Timestamp::from_unix_seconds(end - 3600));
    token.expires_at = Some(Timestamp::from_unix_seconds(end));
    token.refresh_token = Some(Secret::new("RT0"));
    let record = Record::new(
        key.clone(),
        client,
        token,
        Provenance::new("bench", Timestamp::default()),
    );
    store.put(record, Duration::ZERO).expect("it is stored");
    key
}

fn tempdir() -> std::path::PathBuf {
    let base = std::env::var_os("GRANTFLOW_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    base.join(format!("grantflow-bench-bystanders-{}", std::process::id()))
}
