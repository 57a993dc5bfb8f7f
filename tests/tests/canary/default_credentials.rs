//! A user's file, the metadata server and the search for default credentials, well and with answers that hold what must not show.

use grantflow::google::{AuthorizedUser, DefaultCredentials, Environment, MetadataAddress, MetadataServer};
use grantflow::{TransportHost, WithFiles, run};
use grantflow_core::Endpoint;
use grantflow_core::flow::TokenSource as _;
use grantflow_google::TrustedEndpoints;
use grantflow_suites::app::get;
use grantflow_suites::canary::Canary;
use grantflow_suites::metadata::{Answer, Double, google};
use grantflow_suites::watched::Watched;
use grantflow_ureq::UreqTransport;
use serde_json::json;

use crate::World;

const SECRET: &str = "GOCSPX-canary-of-gcloud";
const REFRESH: &str = "1//canary-of-the-user";
const TOKEN: &str = "ya29.canary-of-the-machine";
/// `{"alg":"RS256"}.{"exp":4102444800}.` and a signature.
const ID_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.Y2FuYXJ5LWlkLXRva2Vu";

/// Good ones, and those that are refused with what must not show in them.
fn answers() -> Vec<Answer> {
    let token = format!(r#"{{"access_token":"{TOKEN}","expires_in":3600,"id_token":"{ID_TOKEN}"}}"#);
    let refusal = format!(r#"{{"error":"invalid_request","error_description":"{REFRESH} {TOKEN}"}}"#);
    let html = format!("<html>{TOKEN}</html>");
    vec![
        google(200, "application/json", &token),
        google(200, "text/plain", ID_TOKEN),
        google(200, "application/json", &html),
        google(500, "text/html", &html),
        google(400, "application/json", &refusal),
        (200, "content-type: application/json\r\n".to_owned(), token),
        (302, "location: http://portal.example/\r\n".to_owned(), html),
    ]
}

pub(crate) fn uses(world: &mut World) {
    let World {
        seen, canaries, dir, ..
    } = world;
    for (kind, secret) in [
        ("gcloud's client secret", SECRET),
        ("gcloud's refresh token", REFRESH),
        ("metadata token", TOKEN),
        ("metadata ID token", ID_TOKEN),
    ] {
        canaries.push(Canary::new(kind, secret));
    }
    let transport = UreqTransport::new().expect("there are certificates");
    let transport = Watched::new(transport, seen);
    let place = dir.path().join("application_default_credentials.json");
    for answer in answers() {
        let told = answer.clone();
        let double = Double::start(move |_, _| told.clone());
        let token_uri = format!("http://{}/token", double.address());
        let file = json!({
            "type": "authorized_user", "client_id": "cid", "client_secret": SECRET, "refresh_token": REFRESH,
            "token_uri": token_uri,
        })
        .to_string();
        seen.check("a user's file", AuthorizedUser::from_json(&file));
        let endpoint = Endpoint::allow_http_for_loopback(token_uri).expect("an address");
        let trusted = TrustedEndpoints::google().and_endpoint(endpoint);
        let host = WithFiles::new(transport.clone());
        let host = TransportHost::new(&host);
        let environment = |cut: bool| {
            let directory = dir.path().to_owned();
            let address = double.address().to_owned();
            Environment::read(move |name| match name {
                "CLOUDSDK_CONFIG" if cut => Some("/nonexistent".into()),
                "CLOUDSDK_CONFIG" => Some(directory.clone().into()),
                "GCE_METADATA_HOST" => Some(address.clone().into()),
                _ => None,
            })
        };
        let search = |at_metadata| {
            let search = DefaultCredentials::new(environment(at_metadata), "read").expect("scopes");
            search.trusting(trusted.clone())
        };
        for cut in (0..file.len()).step_by(31) {
            std::fs::write(&place, &file[..cut]).expect("it can be written");
            seen.check(
                "a search with a file that is cut",
                run(search(false).find(), &host),
            );
        }
        std::fs::write(&place, &file).expect("it can be written");
        let found =
            [false, true].map(|at_metadata| seen.check("a search", run(search(at_metadata).find(), &host)));
        for found in found.into_iter().flatten() {
            seen.with(|seen| seen.debug("what was found", &found));
            seen.check("a token of what was found", run(found.token(), &host));
            let credentials = found.build_blocking(transport.clone());
            seen.with(|seen| seen.debug("credentials of what was found", &credentials));
            seen.check("header", credentials.header());
            seen.check(
                "authorized elsewhere",
                credentials.authorized(get("https://elsewhere.example/")),
            );
        }
        let server = MetadataServer::new(MetadataAddress::new(double.address()).expect("loopback"));
        let id_token = server.id_token("https://api.example").expect("an audience");
        seen.with(|seen| seen.debug("a source of ID tokens", &id_token));
        seen.check("an ID token", run(id_token.token(), &host));
        seen.check("the e-mail address", run(server.email(), &host));
    }
    std::fs::remove_file(place).expect("it is there");
}
