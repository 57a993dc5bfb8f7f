//! The user's consent, given in a browser or by a stand-in for one.

use std::sync::Arc;
use std::thread;

use grantflow::Client;
use grantflow::blocking::Credentials;
use grantflow::loopback::{Environment, LoginOptions, Message, Prompt, run_flow_with};
use grantflow::store::FileStore;
use grantflow::ureq::UreqTransport;
use grantflow_testserver::TestServer;

use crate::exit::Failure;

/// Logs in with whoever reads the prompt.
pub(super) fn ask(
    client: &Client,
    store: &FileStore,
    transport: &UreqTransport,
    options: LoginOptions,
    prompt: &dyn Prompt,
) -> Result<Credentials, Failure> {
    run_flow_with(
        client,
        ["profile"],
        store.clone(),
        transport.clone(),
        &options,
        prompt,
    )
    .map_err(Failure::from)
}

/// Logs in without a browser and without a question.
pub(super) fn by_stand_in(
    server: &Arc<TestServer>,
    client: &Client,
    store: &FileStore,
    transport: &UreqTransport,
) -> Result<Credentials, Failure> {
    let options = LoginOptions::new().environment(Environment::new().ssh(true));
    ask(client, store, transport, options, &StandIn(Arc::clone(server)))
}

/// Says yes as a browser would: it follows the links, fills in the forms, and goes where it is sent.
struct StandIn(Arc<TestServer>);

impl Prompt for StandIn {
    fn say(&self, message: &Message<'_>) {
        let Message::Visit { url, .. } = message else {
            return;
        };
        let (server, url) = (Arc::clone(&self.0), url.as_str().to_owned());
        // A failure here shows as a login that nobody finishes; the receiver has a deadline.
        thread::spawn(move || {
            let mut browser = server.browser().user("ann");
            if let Ok(location) = browser.approve(&url) {
                let _ = browser.follow(&location);
            }
        });
    }
}
