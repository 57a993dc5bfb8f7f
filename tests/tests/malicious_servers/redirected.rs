//! A server, or whoever answers in its place, that sends each request on to another (RFC 9700 section 4.12).

use grantflow_core::{Error, MetadataRequest};
use grantflow_oidc::{KeyCache, KeyRequest};

use crate::exchanges::EXCHANGES;
use crate::stage::{Stage, issuer};
use crate::{Case, case, none_leaks};

#[test]
fn t28_t07_no_exchange_follows_a_redirect_to_another_server() {
    let mut cases: Vec<Case> = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        for (name, exchange) in EXCHANGES {
            cases.push(case(format!("{name}, {status}"), move |stage| {
                stage.serve_redirecting(status, false);
                assert!(exchange(stage).is_err(), "{name} goes well with {status}");
                nobody_came(stage);
            }));
        }
        cases.push(case(format!("metadata, {status}"), move |stage| {
            stage.serve_redirecting(status, false);
            let found = stage.run(MetadataRequest::new(&issuer(&stage.honest)).flow());
            assert!(matches!(found, Err(Error::BadReply(_))), "{found:?}");
            nobody_came(stage);
        }));
        cases.push(case(format!("keys, {status}"), move |stage| {
            stage.serve_redirecting(status, false);
            let keys = KeyCache::new(KeyRequest::jwks(stage.at_honest("/jwks")));
            assert!(stage.run(keys.keys()).is_err());
            nobody_came(stage);
        }));
    }
    none_leaks("redirected", &cases);
}

fn nobody_came(stage: &Stage) {
    assert_eq!(stage.evil.requests(), Vec::<String>::new());
    assert!(
        !stage.honest.requests().is_empty(),
        "the honest server was not asked"
    );
}
