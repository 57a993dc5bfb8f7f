//! One process of a stampede: threads that all want the header of one stored grant at the same moment.
//!
//! ```text
//! refresh-herd FILE ISSUER CLIENT THREADS shared|apart
//! ```
//!
//! It says `ready`, waits for a line, says `asking` once a thread, and then `token …` or `error …` once a thread.
//! `shared` is one handle for all threads, `apart` one for each.

#![expect(clippy::print_stdout, reason = "that is how it answers")]

use std::sync::Barrier;

use grantflow_core::{Error, TransportHost, blocking::Credentials, run};
use grantflow_store::FileStore;
use grantflow_suites::app::SCOPES;
use grantflow_suites::login;
use grantflow_ureq::UreqTransport;

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, issuer, client, threads, handles] = &args[..] else {
        panic!("refresh-herd FILE ISSUER CLIENT THREADS shared|apart");
    };
    let threads: usize = threads.parse().expect("THREADS is a number");
    let transport = UreqTransport::new()?;
    let client = run(login::discover(issuer, client)?, &TransportHost::new(&transport))?;
    let handle = || -> Result<Credentials, Error> {
        let key = login::key(&client, SCOPES)?;
        Ok(Credentials::new(key, FileStore::new(file), UreqTransport::new()?))
    };
    let shared = handle()?;
    let handles = (0..threads)
        .map(|_| {
            if handles == "shared" {
                Ok(shared.clone())
            } else {
                handle()
            }
        })
        .collect::<Result<Vec<_>, _>>()?;

    println!("ready");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("the test says when");
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        for credentials in &handles {
            scope.spawn(|| {
                start.wait();
                println!("asking");
                match credentials.access_token() {
                    Ok(access) => println!("token {}", access.token.expose()),
                    Err(error) => println!("error {error}"),
                }
            });
        }
    });
    Ok(())
}
