//! What other libraries take for one record of many: yup-oauth2's file of tokens and oauth2client's multistore.
//!
//! Each keeps all records in one file and writes all of it for each. Neither brings it to disk. yup-oauth2 has no door to its
//! file but a token that has ended: the request of loopback that renews it is part of the figure. It reads its file once.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::Place;

/// The least of some, in nanoseconds.
struct Measured {
    records: usize,
    put: u128,
    read: Option<u128>,
}

pub(super) fn print() {
    let place = Place::new("libraries");
    println!("\n## One record of many, by other libraries\n");
    println!("| library | records | put ms | read ms |");
    println!("|---|---|---|---|");
    let python = multistore(place.path());
    let python_is_there = python.is_some();
    #[cfg(feature = "peers")]
    show("yup-oauth2, renewed too", &yup::measure(place.path()));
    show("oauth2client", &python.unwrap_or_default());
    println!();
    if cfg!(not(feature = "peers")) {
        println!("skipped: yup-oauth2, which is built with --peers");
    }
    if !python_is_there {
        println!("skipped: oauth2client, which `cargo xtask peers` installs");
    }
}

fn show(library: &str, measured: &[Measured]) {
    let millis = |nanos: u128| format!("{:.3}", nanos as f64 / 1e6);
    for one in measured {
        let read = one.read.map_or("–".to_owned(), millis);
        println!("| {library} | {} | {} | {read} |", one.records, millis(one.put));
    }
}

/// `None` if its Python is not installed.
fn multistore(directory: &Path) -> Option<Vec<Measured>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python: PathBuf = here.join("../peers/oauth2client/venv/bin/python");
    if !python.is_file() {
        return None;
    }
    let output = Command::new(python)
        .arg(here.join("src/stores/multistore.py"))
        .arg(directory)
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        let numbers: Vec<u128> = line
            .split(' ')
            .map(|number| number.parse().expect("a number"))
            .collect();
        let [records, put, read] = numbers[..] else {
            panic!("three numbers, not {line:?}")
        };
        Measured {
            records: usize::try_from(records).expect("a number of records"),
            put,
            read: Some(read),
        }
    };
    Some(lines.lines().map(line).collect())
}

#[cfg(feature = "peers")]
mod yup {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use yup_oauth2::{ApplicationSecret, InstalledFlowAuthenticator, InstalledFlowReturnMethod};

    use super::Measured;
    use crate::cases::token_reply::REPLY;
    use crate::server::Server;
    use crate::stores::many::SIZES;
    use crate::storm;

    pub(super) fn measure(directory: &Path) -> Vec<Measured> {
        let server = Server::start(Duration::ZERO, |_| REPLY.to_owned());
        let runtime = storm::runtime();
        let of = |(records, _): (usize, _)| {
            let file = directory.join(format!("yup-{records}.json"));
            std::fs::write(&file, ended(records)).expect("its tokens");
            runtime.block_on(renewals(&server, &file, records))
        };
        SIZES.into_iter().map(of).collect()
    }

    /// Its tokens, all of them ended, under a scope each.
    fn ended(records: usize) -> String {
        let token = |user: usize| {
            serde_json::json!({"scopes": [scope(user)], "token": {
                "access_token": format!("ya29.{user:0>200}"), "refresh_token": format!("1//{user:0>100}"), "id_token": null,
                // The form of its times: year, day of the year, hour, minute, second, nanosecond, offset.
                "expires_at": [1970, 1, 0, 0, 0, 0, 0, 0, 0],
            }})
        };
        serde_json::Value::from_iter((0..records).map(token)).to_string()
    }

    fn scope(user: usize) -> String {
        format!("user-{user}")
    }

    async fn renewals(server: &Server, file: &Path, records: usize) -> Measured {
        let secret = ApplicationSecret {
            client_id: "client".to_owned(),
            token_uri: server.url(),
            ..ApplicationSecret::default()
        };
        let yup = InstalledFlowAuthenticator::builder(secret, InstalledFlowReturnMethod::Interactive)
            .persist_tokens_to_disk(file)
            .build()
            .await
            .expect("a readable file");
        // The first one makes the connection.
        let mut least = u128::MAX;
        for user in 0..records.min(10) {
            let start = Instant::now();
            yup.token(&[scope(user)]).await.expect("a token");
            least = least.min(start.elapsed().as_nanos());
        }
        Measured {
            records,
            put: least,
            read: None,
        }
    }
}
