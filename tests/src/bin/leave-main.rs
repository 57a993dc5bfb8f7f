//! A program that returns from `main` in the middle of a refresh.
//!
//! ```text
//! leave-main FILE ISSUER CLIENT
//! ```
//!
//! It says `ready`, waits for a line, has a thread ask for the token of the stored grant, and says `asking`. After the next line it
//! says `leaving` and returns from `main`, whether the thread has its answer or not.

#![expect(clippy::print_stdout, reason = "that is how it answers")]

use grantflow_core::{Error, TransportHost, blocking::Credentials, run};
use grantflow_store::FileStore;
use grantflow_suites::app::SCOPES;
use grantflow_suites::login;
use grantflow_ureq::UreqTransport;

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, issuer, client] = &args[..] else {
        panic!("leave-main FILE ISSUER CLIENT");
    };
    let transport = UreqTransport::new()?;
    let client = run(login::discover(issuer, client)?, &TransportHost::new(&transport))?;
    let key = login::key(&client, SCOPES)?;
    let credentials = Credentials::new(key, FileStore::new(file), transport);

    println!("ready");
    a_line();
    let clone = credentials.clone();
    std::thread::spawn(move || {
        println!("asking");
        match clone.access_token() {
            Ok(access) => println!("token {}", access.token.expose()),
            Err(error) => println!("error {error}"),
        }
    });
    a_line();
    println!("leaving");
    Ok(())
}

fn a_line() {
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("the test says when");
}
