//! The first twelve lines: a login, a stored record, an authorized call, with no account anywhere.

#![expect(clippy::print_stdout, reason = "an example prints")]

use grantflow::prelude::*;
use grantflow_testserver::TestServer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = TestServer::start()?; // an authorization server and an API, in this process
    let origin = Origin::new(server.issuer())?; // where the token may go
    let client = grantflow::discover(server.issuer())?
        .client("native-app")
        .with_origins([origin]);
    let store = FileStore::new(format!("target/first/{}.json", server.port()));
    let credentials = grantflow::run_flow(&client, ["profile"], store)?; // opens your browser
    let agent = credentials.authorize(&ureq::Agent::new_with_defaults())?; // a ureq::Agent like any other
    println!(
        "{}",
        agent
            .get(server.url("/api/me"))
            .call()?
            .body_mut()
            .read_to_string()?
    );
    credentials.revoke()?;
    Ok(())
}
