//! The receiver of an installed application, its pages, and what a login says.

use std::time::Duration;

use grantflow_core::{TransportHost, run};
use grantflow_loopback::{Environment, LoginOptions, run_flow_with};
use grantflow_store::FileStore;
use grantflow_suites::app::SCOPES;
use grantflow_suites::browser::Browser;
use grantflow_suites::canary::muted;
use grantflow_suites::chat::Chat;
use grantflow_suites::login;
use grantflow_suites::watched::Watched;
use grantflow_testserver::{Endpoint, Fault};
use grantflow_ureq::UreqTransport;

use crate::values::forged;
use crate::{CLIENT_SECRET, REDIRECT_URI, World};

pub(crate) fn application(world: &World) {
    let World {
        server, seen, dir, ..
    } = world;
    let transport = || Watched::new(UreqTransport::new().expect("there are certificates"), seen);
    let discover = login::discover(server.issuer(), "canary").expect("it is a name");
    let client = run(discover, &TransportHost::new(&transport())).expect("the server tells");
    let client = client
        .with_secret_basic(CLIENT_SECRET)
        .with_redirect_uris([REDIRECT_URI.replace(":49151", "")]);
    for (denies, fault) in [
        (false, None),
        (true, None),
        (false, Some(Fault::Error("invalid_grant".into()))),
        (false, Some(Fault::Html)),
    ] {
        let store = FileStore::new(dir.path().join("installed.json"));
        let options = LoginOptions::new()
            .environment(Environment::new())
            .always_ask()
            .time_limit(Duration::from_secs(60));
        seen.with(|seen| seen.debug("LoginOptions", &options));
        if let Some(fault) = fault {
            server.push_fault(Endpoint::Token, fault);
        }
        let (chat, opened) = Chat::new();
        let result = std::thread::scope(|scope| {
            let login = scope.spawn(|| run_flow_with(&client, SCOPES, store, transport(), &options, &chat));
            muted(|| {
                let mut browser = Browser::of("ann");
                if denies {
                    browser = browser.who_denies();
                }
                let redirect = browser.authorize(&opened.recv().expect("the login says where to go"));
                for strange in forged(&redirect)
                    .iter()
                    .filter(|forged| !forged.contains("%zz"))
                    .take(1)
                {
                    let page = browser.visit(strange);
                    seen.with(|seen| seen.add("a page", page.body));
                }
                let page = browser.visit(&redirect);
                seen.with(|seen| {
                    seen.add("the last page", page.body);
                    seen.add("the last address", page.url);
                });
            });
            login.join().expect("a login does not panic")
        });
        if let Some(credentials) = seen.check("a login", result) {
            seen.with(|seen| seen.debug("blocking::Credentials", &credentials));
        }
    }
}
