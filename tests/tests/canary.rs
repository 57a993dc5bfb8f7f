//! No secret shows: not in what any crate logs at TRACE, not in `Debug` or `Display` of any value, not in errors and panics.
//!
//! Every secret is a canary. All flows run through both drivers and both transports, well and with every fault; then everything
//! that was printed is searched for every canary in raw, percent, base64, base64url and hex form.

#![expect(clippy::print_stdout, reason = "it says how much was searched")]

use std::time::Duration;

use grantflow_core::{
    AsyncTransportHost, Authentication, AuthorizationRequest, Body, Change, Client, Credentials, Error,
    IntrospectionRequest, Key, PendingAuthorization, Provenance, Record, Request, Response,
    RevocationRequest, Secret, Step, Store as _, Token, TokenRequest, TokenTypeHint, Transport,
    TransportError, TransportHost, blocking, drive, flow, run,
};
use grantflow_loopback::{Environment, LoginOptions, run_flow_with};
use grantflow_reqwest::ReqwestTransport;
use grantflow_store::{FileStore, MemoryStore, OnThread};
use grantflow_suites::app::{LATER, SCOPES, get};
use grantflow_suites::browser::Browser;
use grantflow_suites::canary::{Canary, capture, captured, muted};
use grantflow_suites::chat::Chat;
use grantflow_suites::clock::{Clock, OnClock};
use grantflow_suites::login;
use grantflow_suites::watched::{Seen, Watched};
use grantflow_testserver::{Config, Endpoint, Fault, RetryAfter, Rotation, TestClient, TestServer};
use grantflow_ureq::{Authorize as _, UreqTransport};

const CLIENT_SECRET: &str = "canary/client+secret &=~\u{e9}";
const CONTROL: &str = "canary-that-has-to-be-found";
const REDIRECT_URI: &str = "http://127.0.0.1:49151/callback";

/// The server, what was seen of the client, and what must not have been.
struct World {
    server: TestServer,
    seen: Seen,
    canaries: Vec<Canary>,
    dir: tempfile::TempDir,
}

#[test]
fn t59_t60_t71_canary_no_secret_shows_in_logs_values_errors_and_panics() {
    capture();
    let client = TestClient::confidential_basic("canary", CLIENT_SECRET, [REDIRECT_URI]);
    let server = Config::new().client(client).rotate(Rotation::Never).start();
    let mut world = World {
        server: server.expect("there is a port"),
        seen: Seen::default(),
        canaries: vec![Canary::new("client secret", CLIENT_SECRET)],
        dir: tempfile::tempdir().expect("a temporary directory can be made"),
    };
    blocking_flows(&mut world);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime
        .expect("there are threads")
        .block_on(async_flows(&mut world));
    installed_application(&world);
    hostile_replies(&mut world);
    files(&mut world);

    for issued in world.server.expose_issued() {
        let kind = issued.split('_').nth(1).unwrap_or_default();
        world.canaries.push(Canary::new(kind, &issued));
    }
    // Were nothing captured, nothing would be found: this one has to be.
    world.canaries.push(Canary::new("control", CONTROL));
    log::trace!("a log line {CONTROL}");
    tracing::trace!(field = CONTROL, "an event");
    let lines = captured();
    assert!(
        lines.iter().any(|line| line.contains("ureq")),
        "ureq logs, so the capture works"
    );
    assert!(
        lines.iter().any(|line| line.contains("hyper")),
        "hyper logs, so the capture works"
    );
    let count = lines.len();
    world
        .seen
        .with(|seen| lines.into_iter().for_each(|line| seen.add("the log", line)));
    let (surfaces, mut hits) = world.seen.with(|seen| (seen.len(), seen.hits(&world.canaries)));
    let all = hits.len();
    hits.retain(|hit| !hit.starts_with("control ("));
    assert!(
        hits.len() < all,
        "the control was not found, so this search finds nothing"
    );
    println!(
        "canary: {} canaries, {surfaces} surfaces of which {count} are log lines, {} hits",
        world.canaries.len(),
        hits.len()
    );
    assert!(surfaces > 1000, "{surfaces} surfaces are not all of them");
    assert!(hits.is_empty(), "{hits:#?}");
}

/// What goes wrong on the way to each endpoint.
fn faults() -> [Fault; 11] {
    [
        Fault::DropBeforeCommit,
        Fault::DropAfterCommit,
        Fault::Status(503),
        Fault::TooManyRequests(RetryAfter::Seconds(1)),
        Fault::Error("temporarily_unavailable".to_owned()),
        Fault::Malformed,
        Fault::Truncated,
        Fault::Empty,
        Fault::Html,
        Fault::Huge(2 * 1024 * 1024),
        Fault::Redirect,
    ]
}

/// Step 1 of a login with what it was made of.
fn start(client: &Client, seen: &Seen) -> Step<(String, PendingAuthorization)> {
    let (client, seen) = (client.clone(), seen.clone());
    Step::begin(move |cx| {
        let request = AuthorizationRequest::new(&client, REDIRECT_URI)
            .scopes(SCOPES)?
            .login_hint("canary");
        seen.with(|seen| seen.debug("AuthorizationRequest", &request));
        let (url, pending) = request.start(cx)?;
        seen.with(|seen| {
            seen.debug("AuthorizationUrl", &url);
            seen.debug("PendingAuthorization", &pending);
        });
        Ok(Step::Done((url.as_str().to_owned(), pending)))
    })
}

/// What is secret in a login that was begun; `login_hint` is there to show that the search sees what is not.
fn plant(canaries: &mut Vec<Canary>, pending: &PendingAuthorization) -> String {
    let json = pending.expose_json().expose().to_owned();
    let members: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    for name in ["state", "verifier", "nonce"] {
        let value = members[name].as_str().expect("it is there");
        canaries.push(Canary::new(name, value));
    }
    canaries.push(Canary::new("pending JSON", &json));
    json
}

/// Redirects that are not the answer, all with the real code in them.
fn forged(redirect: &str) -> Vec<String> {
    let state = redirect.split("state=").nth(1).unwrap_or_default();
    let state = state.split('&').next().unwrap_or_default();
    vec![
        redirect.replace(state, "another"),
        redirect.replace("iss=", "other="),
        redirect.replace("iss=", "iss=x"),
        redirect.replace("code=", "error=access_denied&error_description="),
        redirect.replace("code=", "error=server_error&error_uri="),
        redirect.replace("code=", "a="),
        format!("{redirect}&{}", redirect.split('?').nth(1).unwrap_or_default()),
        redirect.replace('?', "?%zz="),
        redirect.replace('?', "/"),
    ]
}

/// Step 2 with all values on the way.
fn finish(client: &Client, pending: PendingAuthorization, redirect: &str, seen: &Seen) -> Step<Record> {
    let (client, redirect, seen) = (client.clone(), redirect.to_owned(), seen.clone());
    Step::begin(move |cx| {
        let code = pending.accept(&redirect, cx)?;
        seen.with(|seen| seen.debug("AuthorizationCode", &code));
        let key = Key::new(&client, code.scopes().clone());
        let request = TokenRequest::authorization_code(&client, code);
        let on_the_wire = request.to_http(cx)?;
        seen.with(|seen| {
            seen.debug("TokenRequest", &request);
            seen.debug("TokenRequest on the wire", &on_the_wire);
            seen.debug("its headers", on_the_wire.headers());
            seen.debug("its body", on_the_wire.body());
        });
        let step = request.flow();
        seen.with(|seen| seen.debug("Step::Send", &step));
        Ok(step.and_then(move |token: Token, cx| {
            let record = Record::new(
                key,
                client,
                token,
                Provenance::new("authorization_code", cx.wall()),
            );
            see_record(&seen, &record);
            let step = flow::keep(record, None);
            seen.with(|seen| seen.debug("Step::Lock", &step));
            Ok(step)
        }))
    })
}

fn see_record(seen: &Seen, record: &Record) {
    let header = record.token().header().expect("the token fits in a header");
    seen.with(|seen| {
        seen.debug("Client", record.client());
        seen.debug("Authentication", record.client().authentication());
        seen.debug("Token", record.token());
        seen.debug("Secret", &record.token().access_token);
        seen.debug("Extras", &record.token().extras);
        seen.debug("header", &header);
        seen.debug("Record", record);
        seen.debug("Key", record.key());
        seen.debug("Change", &Change::Put(Box::new(record.clone())));
        seen.debug("stored form", &record.expose_json());
    });
}

fn requests(client: &Client, record: &Record) -> [Step<()>; 3] {
    let token = &record.token().access_token;
    let refresh_token = record.token().refresh_token.clone().expect("the server gave one");
    let end = |step: Step<()>| step;
    [
        IntrospectionRequest::new(client, token, TokenTypeHint::AccessToken)
            .flow()
            .and_then(|_, _| Ok(Step::Done(()))),
        TokenRequest::refresh(client, refresh_token)
            .flow()
            .and_then(|_, _| Ok(Step::Done(()))),
        end(RevocationRequest::new(client, token, TokenTypeHint::AccessToken).flow()),
    ]
}

fn blocking_flows(world: &mut World) {
    let World {
        server,
        seen,
        canaries,
        dir,
    } = world;
    let clock = Clock::default();
    let transport = Watched::new(
        clock.on(UreqTransport::new().expect("there are certificates")),
        seen,
    );
    let store = FileStore::new(dir.path().join("blocking.json"));
    let host = TransportHost::new(&transport).with_store(&store);
    let client = run(
        login::discover(server.issuer(), "canary").expect("it is a name"),
        &host,
    );
    let client = client.expect("the server tells").with_secret_basic(CLIENT_SECRET);

    let (url, pending) = run(start(&client, seen), &host).expect("a login begins");
    let json = plant(canaries, &pending);
    let again = || PendingAuthorization::from_json(&json).expect("it was written so");
    let redirect = muted(|| server.approve(&url)).expect("she says yes");
    for forged in forged(&redirect) {
        let accepted = run(finish(&client, again(), &forged, seen), &host);
        assert!(
            seen.check("a forged redirect", accepted).is_none(),
            "it was taken"
        );
    }
    let record = run(finish(&client, pending, &redirect, seen), &host).expect("it is the answer");
    let denial = muted(|| server.deny(&url)).expect("she says no");
    assert!(
        seen.check("a denial", run(finish(&client, again(), &denial, seen), &host))
            .is_none()
    );

    let credentials = blocking::Credentials::new(record.key().clone(), store, transport.clone());
    seen.with(|seen| seen.debug("blocking::Credentials", &credentials));
    let me = server.url("/userinfo");
    for fault in faults() {
        for endpoint in [
            Endpoint::Refresh,
            Endpoint::Api,
            Endpoint::Introspection,
            Endpoint::Revocation,
            Endpoint::Token,
        ] {
            server.clear_faults();
            server.set_fault(endpoint, fault.clone());
            clock.advance(LATER);
            seen.check("authorized", credentials.authorized(get(&me)));
            seen.check("refresh", credentials.refresh());
            seen.check("header", credentials.header());
            for request in requests(&client, &record) {
                seen.check("an exchange", run(request, &host_of(&transport)));
            }
        }
        server.clear_faults();
        server.set_fault(Endpoint::Metadata, fault);
        let metadata = login::discover(server.issuer(), "canary").expect("it is a name");
        seen.check("metadata", run(metadata, &host_of(&transport)));
    }
    server.clear_faults();
    clock.advance(LATER);
    let reply = credentials.authorized(get(&me)).expect("all is well again");
    assert_eq!(reply.status(), 200);
    let access = credentials.access_token().expect("all is well again");
    seen.with(|seen| seen.debug("AccessToken", &access));

    let agent = credentials
        .authorize(&ureq::Agent::new_with_defaults())
        .expect("the origin is known");
    seen.with(|seen| seen.debug("the agent", &agent));
    agent.get(&me).call().expect("the API takes the token");
    for fault in [
        Fault::DropBeforeCommit,
        Fault::Status(401),
        Fault::Redirect,
        Fault::Truncated,
    ] {
        server.push_fault(Endpoint::Api, fault);
        if let Err(error) = agent.get(&me).call() {
            seen.with(|seen| seen.error("the agent", &error));
        }
    }
    server.clear_faults();
    server.push_fault(Endpoint::Revocation, Fault::Status(503));
    seen.check("revoke", credentials.revoke());
    credentials.revoke().expect("the second one finishes");
    seen.check("header", credentials.header());
}

fn host_of(transport: &dyn Transport) -> TransportHost<'_> {
    TransportHost::new(transport)
}

async fn async_flows(world: &mut World) {
    let World {
        server,
        seen,
        canaries,
        dir,
    } = world;
    let clock = Clock::default();
    let transport = ReqwestTransport::new().expect("there are certificates");
    let transport: Watched<OnClock<ReqwestTransport>> = Watched::new(clock.on(transport), seen);
    let store = OnThread::new(FileStore::new(dir.path().join("async.json")));
    let host = AsyncTransportHost::new(&transport).with_store(&store);
    let discover = login::discover(server.issuer(), "canary").expect("it is a name");
    let client = drive(discover, &host).await.expect("the server tells");
    let client = client.with_secret_basic(CLIENT_SECRET);

    let (url, pending) = drive(start(&client, seen), &host).await.expect("a login begins");
    let json = plant(canaries, &pending);
    let redirect = muted(|| server.approve(&url)).expect("she says yes");
    for forged in forged(&redirect) {
        let pending = PendingAuthorization::from_json(&json).expect("it was written so");
        let accepted = drive(finish(&client, pending, &forged, seen), &host).await;
        assert!(
            seen.check("a forged redirect", accepted).is_none(),
            "it was taken"
        );
    }
    let record = drive(finish(&client, pending, &redirect, seen), &host)
        .await
        .expect("it is the answer");

    let credentials = Credentials::new(record.key().clone(), store, transport.clone());
    seen.with(|seen| seen.debug("Credentials", &credentials));
    let me = server.url("/userinfo");
    for fault in faults() {
        for endpoint in [
            Endpoint::Refresh,
            Endpoint::Api,
            Endpoint::Introspection,
            Endpoint::Revocation,
            Endpoint::Token,
        ] {
            server.clear_faults();
            server.set_fault(endpoint, fault.clone());
            clock.advance(LATER);
            seen.check("authorized", credentials.authorized(get(&me)).await);
            seen.check("refresh", credentials.refresh().await);
            seen.check("header", credentials.header().await);
            for request in requests(&client, &record) {
                let host = AsyncTransportHost::new(&transport);
                seen.check("an exchange", drive(request, &host).await);
            }
        }
    }
    server.clear_faults();
    clock.advance(LATER);
    let access = credentials.access_token().await.expect("all is well again");
    seen.with(|seen| seen.debug("AccessToken", &access));
    server.push_fault(Endpoint::Revocation, Fault::DropAfterCommit);
    seen.check("revoke", credentials.revoke().await);
    credentials.revoke().await.expect("the second one finishes");
}

/// The receiver, its pages, and what a login says.
fn installed_application(world: &World) {
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

/// Answers the same to everything.
struct Canned(u16, String);

impl Transport for Canned {
    fn send(&self, _: Request) -> Result<Response, TransportError> {
        let reply = http::Response::builder()
            .status(self.0)
            .header("content-type", "application/json");
        Ok(reply.body(Body::from(self.1.clone())).expect("it is a reply"))
    }
}

/// A server that says what it was sent, or secrets of its own, in every place where it can.
fn hostile_replies(world: &mut World) {
    const ECHO: &str = "canary-that-the-server-says";
    world.canaries.push(Canary::new("echo", ECHO));
    let seen = &world.seen;
    let endpoint = grantflow_core::Endpoint::new("https://as.example/token").expect("it is an address");
    let client = Client::new("canary", endpoint.clone())
        .with_authentication(Authentication::Post(Secret::from(CLIENT_SECRET)))
        .with_introspection_endpoint(endpoint.clone())
        .with_revocation_endpoint(endpoint);
    for (status, body) in [
        (
            400,
            format!(
                r#"{{"error":"invalid_grant","error_description":"{ECHO}","error_uri":"https://x/{ECHO}"}}"#
            ),
        ),
        (400, format!(r#"{{"error":["{ECHO}"]}}"#)),
        (
            401,
            format!(r#"{{"error":"invalid_client","error_description":"{ECHO}","x":"{ECHO}"}}"#),
        ),
        (500, format!("<h1>{ECHO}</h1>")),
        (200, format!("<h1>{ECHO}</h1>")),
        (
            200,
            format!(r#"{{"access_token":["{ECHO}"],"token_type":"Bearer"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","access_token":"{ECHO}","token_type":"Bearer"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}\n","token_type":"Bearer"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"{ECHO}"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","expires_in":"{ECHO}"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","scope":{{"{ECHO}":1}}}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","id_token":"{ECHO}","x":"{ECHO}"}}"#),
        ),
        (
            200,
            format!(r#"{{"access_token":"{ECHO}","token_type":"Bearer","refresh_token":"{ECHO}""#),
        ),
        (200, format!(r#"{{"active":"{ECHO}"}}"#)),
        (307, ECHO.to_owned()),
    ] {
        let canned = Canned(status, body);
        let refresh = TokenRequest::refresh(&client, Secret::from(ECHO)).flow();
        if let Some(token) = seen.check("a refresh", run(refresh, &host_of(&canned))) {
            seen.with(|seen| seen.debug("Token", &token));
            if let Err(error) = token.header() {
                seen.with(|seen| seen.error("header", &error));
            }
        }
        let secret = Secret::from(ECHO);
        let introspection = IntrospectionRequest::new(&client, &secret, TokenTypeHint::RefreshToken);
        seen.with(|seen| seen.debug("IntrospectionRequest", &introspection));
        seen.check("an introspection", run(introspection.flow(), &host_of(&canned)));
        let revocation = RevocationRequest::new(&client, &secret, TokenTypeHint::RefreshToken);
        seen.with(|seen| seen.debug("RevocationRequest", &revocation));
        seen.check("a revocation", run(revocation.flow(), &host_of(&canned)));
    }
    let bad_header = Token::bearer(format!("{ECHO}\n"), grantflow_core::Timestamp::default());
    assert!(seen.check("header", bad_header.header()).is_none());
}

/// Files that are broken, with the secrets still in them.
fn files(world: &mut World) {
    const IN_FILE: &str = "canary-in-a-broken-file";
    world.canaries.push(Canary::new("file", IN_FILE));
    let (seen, dir) = (&world.seen, &world.dir);
    for secrets in [
        format!(r#"{{"installed":{{"client_id":"a","client_secret":"{IN_FILE}""#),
        format!(
            r#"{{"installed":{{"client_id":"a","client_secret":["{IN_FILE}"],"auth_uri":"https://a","token_uri":"https://a"}}}}"#
        ),
        format!(
            r#"{{"installed":{{"client_id":"a","client_secret":"{IN_FILE}","auth_uri":"https://a","token_uri":"{IN_FILE}"}}}}"#
        ),
        format!(r#"{{"web":{{"client_secret":"{IN_FILE}"}}}}"#),
        format!(r#"{{"web":{{"client_id":"a","client_secret":"{IN_FILE}","client_secret":"{IN_FILE}"}}}}"#),
    ] {
        assert!(
            seen.check(
                "client_secrets.json",
                Client::from_client_secrets(secrets.as_bytes())
            )
            .is_none()
        );
    }
    for json in [
        format!(r#"{{"grantflow_pending":1,"state":"{IN_FILE}","verifier":"{IN_FILE}""#),
        format!(r#"{{"grantflow_pending":1,"state":["{IN_FILE}"],"verifier":"{IN_FILE}"}}"#),
        format!(r#"{{"grantflow_pending":9,"state":"{IN_FILE}"}}"#),
        IN_FILE.to_owned(),
    ] {
        assert!(
            seen.check("a pending authorization", PendingAuthorization::from_json(&json))
                .is_none()
        );
        assert!(seen.check("a record", Record::from_json(&json)).is_none());
    }

    let endpoint = grantflow_core::Endpoint::new("https://as.example/token").expect("it is an address");
    let client = Client::new("canary", endpoint).with_secret_post(IN_FILE);
    let key = login::key(&client, SCOPES).expect("they are scopes");
    let mut token = Token::bearer(
        IN_FILE,
        grantflow_core::Timestamp::from_unix_seconds(1_800_000_000),
    );
    token.refresh_token = Some(Secret::from(IN_FILE));
    let provenance = Provenance::new("import", token.issued_at);
    let record = Record::new(key.clone(), client, token, provenance);
    let memory = MemoryStore::new();
    let file = FileStore::new(dir.path().join("broken.json"));
    for store in [&memory as &dyn grantflow_core::Store, &file] {
        let mut lock = store
            .lock(&key, Duration::from_secs(1))
            .expect("nobody else locks");
        lock.save(Change::Put(Box::new(record.clone())))
            .expect("there is room");
        drop(lock);
        let read = store.read(&key).expect("it can be read").expect("it is there");
        see_record(seen, &read);
        seen.with(|seen| seen.debug("a store", &store));
    }
    let whole = std::fs::read(file.path()).expect("it is there");
    for cut in (1..whole.len()).step_by(7) {
        std::fs::write(file.path(), &whole[..cut]).expect("it can be written");
        seen.check("a broken file", file.read(&key).map(drop));
        seen.check("a broken file", file.lock(&key, Duration::from_secs(1)).map(drop));
        let credentials = blocking::Credentials::new(key.clone(), file.clone(), Canned(500, String::new()));
        assert!(
            matches!(credentials.header(), Err(Error::Store(_))),
            "it is not taken for empty"
        );
        seen.check("a broken file", credentials.header());
    }
}
