//! A service account's token: an assertion signed anew and sent over a connection that is kept alive, against the signature and the
//! POST alone.

use std::hint::black_box;

use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Endpoint, TransportHost, run};
use grantflow_google::{ServiceAccount, ServiceAccountKey, TrustedEndpoints};
use grantflow_ureq::UreqTransport;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::{Bar, Case, Group, jwt, refresh};
use crate::clock::Clock;
use crate::server::Elsewhere;

const OURS: &str = "ours: its flow over UreqTransport";
const WHOLE: &str = "ours: Credentials::refresh";
const LIMIT: &str = "limit: ring, RS256, and bare ureq";
const WITHOUT_LOOKUPS: &str = "limit: ring, RS256, and bare ureq, no lookup";

pub(super) fn group() -> Group {
    let server = Elsewhere::start();
    let url = server.url().to_owned();
    let transport = || UreqTransport::builder().no_proxy().build().expect("a transport");
    let (account, host) = (account(&url), transport());
    let credentials = account.clone().build_blocking(transport());
    Group {
        name: "account",
        title: "A service account's token over ureq, connection kept alive",
        cases: vec![
            bare(LIMIT, refresh::with_limits().build().new_agent(), &url),
            bare(WITHOUT_LOOKUPS, refresh::without_lookups(&url), &url),
            Case::new(OURS, move |n| {
                let host = TransportHost::new(&host);
                for _ in 0..n {
                    run(account.token(), &host).expect("a token");
                }
                // Held until the last request.
                let _: &Elsewhere = &server;
            }),
            Case::new(WHOLE, move |n| {
                (0..n).for_each(|_| drop(credentials.refresh().expect("a token")));
            }),
        ],
        bars: [
            (OURS, LIMIT),
            (OURS, WITHOUT_LOOKUPS),
            (WHOLE, LIMIT),
            (WHOLE, WITHOUT_LOOKUPS),
        ]
        .map(|(case, limit)| Bar {
            case,
            limit,
            times: 1.1,
            allocations: None,
            instructions: None,
        })
        .into(),
        clock: Clock::Process,
    }
}

fn account(url: &str) -> ServiceAccount {
    let json = serde_json::json!({
        "type": "service_account",
        "client_email": "reports@project.iam.gserviceaccount.com",
        "private_key": jwt::RSA,
        "private_key_id": "k",
        "token_uri": url,
    });
    let here = Endpoint::allow_http_for_loopback(url).expect("an address");
    let trusted = TrustedEndpoints::google().and_endpoint(here);
    let key = ServiceAccountKey::from_json_trusting(&json.to_string(), &trusted).expect("a key file");
    key.credentials("https://www.googleapis.com/auth/calendar")
        .expect("a scope")
}

fn bare(name: &'static str, agent: ureq::Agent, url: &str) -> Case {
    let once = once(agent, url);
    Case::new(name, move |n| (0..n).for_each(|_| once()))
}

/// The signature, and a form as long as ours; neither is made of the other.
fn once(agent: ureq::Agent, url: &str) -> impl Fn() + Send + Sync + use<> {
    let pair = RsaKeyPair::from_pkcs8(&jwt::pkcs8(jwt::RSA)).expect("a key");
    let (random, message, url) = (SystemRandom::new(), jwt::message(), url.to_owned());
    let assertion = "A".repeat(message.len() + ".".len() + 342);
    let form =
        format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    move || {
        let mut signature = vec![0; pair.public().modulus_len()];
        let signed = pair.sign(&RSA_PKCS1_SHA256, &random, black_box(&message), &mut signature);
        signed.expect("it signs");
        black_box(&signature);
        refresh::post(&agent, &url, &form);
    }
}
