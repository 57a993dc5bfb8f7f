//! Logins from beginning to end, at a real authorization server.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crate::support::{self, User, authority, client, follow, options, parameter, request};
use grantflow_core::error::StoreErrorKind;
use grantflow_core::{
    Client, Endpoint as TokenEndpoint, Error, Origin, ResponseMode, Scopes, Store, StoreExt as _, blocking,
};
use grantflow_loopback::{Environment, LoginError, LoginOptions, Prompt, run_flow_with};
use grantflow_store::{FileStore, MemoryStore, MultiStore};
use grantflow_testserver::{Browser, Config, Endpoint, Fault, TestServer};
use grantflow_ureq::UreqTransport;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

fn transport() -> UreqTransport {
    UreqTransport::builder().no_proxy().build().unwrap()
}

fn login(
    client: &Client,
    scopes: &str,
    store: &(impl Store + Clone + 'static),
    user: &dyn Prompt,
) -> Result<blocking::Credentials, LoginError> {
    login_with(client, scopes, store, user, &options())
}

fn login_with(
    client: &Client,
    scopes: &str,
    store: &(impl Store + Clone + 'static),
    user: &dyn Prompt,
    options: &LoginOptions,
) -> Result<blocking::Credentials, LoginError> {
    run_flow_with(client, scopes, store.clone(), transport(), options, user)
}

fn token(credentials: &blocking::Credentials) -> String {
    credentials.access_token().unwrap().token.expose().to_owned()
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

/// A file store in a directory of its own.
struct File(PathBuf, FileStore);

impl File {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("grantflow-login-{name}-{}", std::process::id()));
        let store = FileStore::new(path.join("credentials.json"));
        Self(path, store)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_login_ends_in_credentials_that_are_stored_and_work() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let user = User::consents();
    let credentials = login(&client(&server, "native-app"), "read write", &store, &user).unwrap();
    assert!(token(&credentials).starts_with("gft_at_"));
    let record = credentials.record().unwrap();
    assert_eq!(
        (record.key().scopes(), record.scopes()),
        (&scopes("read write"), &scopes("read write"))
    );
    assert!(record.token().refresh_token.is_some());
    assert!(
        user.said().last().unwrap().starts_with("LoggedIn"),
        "{:?}",
        user.said()
    );
    assert!(parameter(&user.url(), "redirect_uri").starts_with("http%3A%2F%2F127.0.0.1%3A"));
}

#[test]
fn headers_that_the_api_wants_go_with_a_login_and_with_what_it_stored() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let client = client(&server, "native-app").with_api_header(
        HeaderName::from_static("api-version"),
        HeaderValue::from_static("2030-01-02"),
    );
    for user in [User::consents(), User::is_not_asked()] {
        let credentials = login(&client, "read", &store, &user).unwrap();
        let credentials = credentials.allow_origins([Origin::new(server.issuer()).unwrap()]);
        let mut headers = HeaderMap::new();
        let me = server.url("/api/me").parse().unwrap();
        let call = credentials.api_call(&Method::GET, &me).unwrap();
        call.put_on(&mut headers).unwrap();
        assert_eq!(headers["api-version"], "2030-01-02");
        assert_eq!(credentials.api_headers().len(), 1);
    }
}

/// Such as the address that oauth2client's files name for Google: it is of the same issuer, and still serves.
#[test]
fn a_record_of_an_older_address_of_the_server_is_refreshed_there() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let client = client(&server, "native-app");
    let credentials = login(&client, "read", &store, &User::consents()).unwrap();
    let older = Client::new(
        "native-app",
        TokenEndpoint::allow_http_for_loopback(server.url("/older/token")).unwrap(),
    )
    .with_issuer(client.issuer().unwrap().clone());
    let record = credentials.record().unwrap().with_client(older);
    drop(credentials);
    store.put(record, Duration::ZERO).unwrap();
    let with_header = client.with_api_header(
        HeaderName::from_static("api-version"),
        HeaderValue::from_static("2030-01-02"),
    );
    let credentials = login(&with_header, "read", &store, &User::is_not_asked()).unwrap();
    let refused = credentials.refresh().unwrap_err();
    assert!(!matches!(refused, Error::InvalidInput(_)), "{refused:?}");
}

#[test]
fn t10_a_login_whose_answer_is_posted_ends_in_credentials_too() {
    let server = TestServer::start().unwrap();
    let user = User::new(|url, _| {
        let form = Browser::new().approve(url).unwrap();
        let redirect_uri = parameter(url, "redirect_uri")
            .replace("%3A", ":")
            .replace("%2F", "/");
        let reply = request(
            &authority(&redirect_uri),
            &format!(
                "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                authority(&redirect_uri),
                form.len()
            ),
        );
        assert_eq!(reply.status, 303);
    });
    let client = client(&server, "native-app");
    let posted = options().form_post();
    let credentials =
        run_flow_with(&client, "read", MemoryStore::new(), transport(), &posted, &user).unwrap();
    assert!(token(&credentials).starts_with("gft_at_"));
    assert_eq!(parameter(&user.url(), "response_mode"), "form_post");
    let nobody_listens = posted.no_local_server();
    let user = User::is_not_asked();
    let refused = run_flow_with(
        &client,
        "read",
        MemoryStore::new(),
        transport(),
        &nobody_listens,
        &user,
    );
    assert!(
        matches!(refused, Err(LoginError::Flow(Error::InvalidInput(_)))),
        "{refused:?}"
    );
}

#[test]
fn t09_nobody_is_asked_for_an_answer_that_could_not_be_proven() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    for mode in [ResponseMode::QueryJwt, ResponseMode::FormPostJwt] {
        let by_option = (client.clone(), options().response_mode(mode));
        let by_client = (client.clone().with_response_mode(mode), options());
        for (client, options) in [by_option, by_client] {
            let user = User::is_not_asked();
            let refused = run_flow_with(&client, "read", MemoryStore::new(), transport(), &options, &user);
            assert!(
                matches!(refused, Err(LoginError::Flow(Error::InvalidInput(_)))),
                "{refused:?}"
            );
        }
    }
}

/// A browser that repeats itself, or somebody who has seen the redirect: whoever comes second is told that the login is over, or finds
/// nobody.
#[test]
fn t04_a_redirect_that_comes_a_hundred_times_at_once_is_exchanged_once() {
    const TIMES: usize = 100;
    let server = TestServer::start().unwrap();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&outcomes);
    let user = User::new(move |url, _| {
        let location = Browser::new().approve(url).unwrap();
        let (authority, together) = (authority(&location), Barrier::new(TIMES));
        let target = &location["http://".len() + authority.len()..];
        let text = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        std::thread::scope(|threads| {
            for _ in 0..TIMES {
                threads.spawn(|| {
                    together.wait();
                    let outcome = try_request(&authority, &text);
                    if outcome.starts_with("HTTP/1.1 303") {
                        // As a browser does, so that nobody waits for it.
                        try_request(
                            &authority,
                            &format!("GET /done HTTP/1.1\r\nHost: {authority}\r\n\r\n"),
                        );
                    }
                    theirs.lock().unwrap().push(outcome);
                });
            }
        });
    });
    let credentials = login(&client(&server, "native-app"), "read", &MemoryStore::new(), &user).unwrap();
    assert!(token(&credentials).starts_with("gft_at_"));
    drop(user);
    let stats = server.stats();
    assert_eq!(
        (stats.token_requests, stats.code_exchanges, stats.code_replays),
        (1, 1, 0)
    );
    let outcomes = outcomes.lock().unwrap();
    let count = |is: fn(&str) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let taken = count(|outcome| outcome.starts_with("HTTP/1.1 303"));
    let over =
        count(|outcome| outcome.starts_with("HTTP/1.1 400") && outcome.contains("This login has ended"));
    // More connections than are served at once: whoever has not spoken yet may have to give way, and is not answered.
    let unheard = count(str::is_empty);
    assert_eq!(
        (taken, over + unheard),
        (1, TIMES - 1),
        "{over} are told that it is over: {outcomes:?}"
    );
    assert!(over > 0, "{outcomes:?}");
}

/// The reply; none where nobody answers, or no more.
fn try_request(authority: &str, text: &str) -> String {
    let mut reply = String::new();
    let asked = TcpStream::connect(authority).and_then(|mut stream| {
        stream.write_all(text.as_bytes())?;
        stream.read_to_string(&mut reply)
    });
    if asked.is_ok() { reply } else { String::new() }
}

#[test]
fn stored_credentials_that_serve_are_given_without_asking() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    let file = File::new("serve");
    let login_1 = login(&client, "read write", &file.1, &User::consents()).unwrap();
    let (first, generation) = (token(&login_1), login_1.record().unwrap().generation());
    let nobody = User::is_not_asked();
    for fewer in ["read write", "write read", "read", ""] {
        assert_eq!(
            token(&login(&client, fewer, &file.1, &nobody).unwrap()),
            first,
            "{fewer:?}"
        );
    }
    assert_eq!(server.stats().logins, 1);
    let again = login_with(
        &client,
        "read write",
        &file.1,
        &User::consents(),
        &options().always_ask(),
    )
    .unwrap();
    assert_ne!(token(&again), first);
    assert_eq!(again.record().unwrap().generation(), generation + 1);
}

#[test]
fn fewer_scopes_are_replaced_by_the_union() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    let file = File::new("union");
    let memory = MemoryStore::new();
    login(&client, "read", &file.1, &User::consents()).unwrap();
    let wider = login(&client, "write", &file.1, &User::consents()).unwrap();
    assert_eq!(wider.record().unwrap().scopes(), &scopes("read write"));
    assert_eq!(file.1.keys().unwrap().len(), 1);

    login(&client, "read", &memory, &User::consents()).unwrap();
    login(&client, "write", &memory, &User::consents()).unwrap();
    let keys = memory.keys().unwrap();
    assert_eq!((keys.len(), keys[0].scopes()), (1, &scopes("read write")));
    let nobody = User::is_not_asked();
    for part in ["read", "write", "write read"] {
        login(&client, part, &memory, &nobody).unwrap();
    }
}

#[test]
fn a_record_of_another_client_is_an_error_that_names_both() {
    let server = TestServer::start().unwrap();
    let file = File::new("other");
    let mine = client(&server, "native-app");
    login(&mine, "read", &file.1, &User::consents()).unwrap();
    let before = file.1.keys().unwrap();
    let other = client(&server, "post-app").with_secret_post("post-app-secret");
    let error = login(&other, "read", &file.1, &User::is_not_asked()).unwrap_err();
    let LoginError::OtherRecord(found) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (found.stored.client_id(), found.wanted.client_id()),
        ("native-app", "post-app")
    );
    assert!(
        error
            .to_string()
            .contains("of client native-app and not of post-app"),
        "{error}"
    );
    let account = options().account("bob");
    let error = login_with(&mine, "read", &file.1, &User::is_not_asked(), &account).unwrap_err();
    assert!(error.to_string().contains("another account"), "{error}");
    assert_eq!(file.1.keys().unwrap(), before);
}

#[test]
fn a_store_for_many_keeps_the_records_of_all_clients_and_accounts() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let mine = client(&server, "native-app");
    login(&mine, "read", &store, &User::consents()).unwrap();
    login_with(
        &mine,
        "read",
        &store,
        &User::consents(),
        &options().account("bob"),
    )
    .unwrap();
    let other = client(&server, "post-app")
        .with_secret_post("post-app-secret")
        .with_redirect_uris(["http://127.0.0.1/callback"]);
    login(&other, "read", &store, &User::consents()).unwrap();
    assert_eq!(store.keys().unwrap().len(), 3);
}

#[test]
fn t70_a_record_of_another_login_that_cannot_be_read_changes_nothing_for_this_one() {
    let server = TestServer::start().unwrap();
    let file = File::new("many");
    let store = MultiStore::new(&file.0);
    let client = client(&server, "native-app");
    let bob = options().account("bob");
    login_with(&client, "read", &store, &User::consents(), &bob).unwrap();
    let theirs = store.keys().unwrap().remove(0);
    let path = store.path().join(format!("{}.json", theirs.digest()));
    login(&client, "read", &store, &User::consents()).unwrap();
    std::fs::write(&path, "not a record").unwrap();
    // What was granted before is asked for together with what is new, and its record is replaced.
    let wider = login(&client, "write", &store, &User::consents()).unwrap();
    assert_eq!(wider.record().unwrap().scopes(), &scopes("read write"));
    login(&client, "read", &store, &User::is_not_asked()).unwrap();
    let read = store.records().unwrap().filter(Result::is_ok).count();
    assert_eq!((read, store.records().unwrap().count()), (1, 2));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "not a record");
}

#[test]
fn what_is_no_record_stops_a_login_before_anybody_is_asked() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    let file = File::new("foreign");
    login(&client, "read", &file.1, &User::consents()).unwrap();
    std::fs::write(file.1.path(), "-----BEGIN PRIVATE KEY-----").unwrap();
    let failed = login(&client, "read", &file.1, &User::is_not_asked()).unwrap_err();
    let LoginError::Flow(Error::Store(error)) = &failed else {
        panic!("{failed:?}");
    };
    assert!(matches!(error.kind(), StoreErrorKind::Foreign(_)), "{error:?}");
    let left = std::fs::read_to_string(file.1.path()).unwrap();
    assert_eq!(left, "-----BEGIN PRIVATE KEY-----");
}

#[test]
fn a_record_that_cannot_be_read_is_set_aside_by_the_new_one() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    let file = File::new("corrupt");
    login(&client, "read", &file.1, &User::consents()).unwrap();
    std::fs::write(file.1.path(), "{\"grantflow_file\":2,\"cut").unwrap();
    login(&client, "read", &file.1, &User::consents()).unwrap();
    let names: Vec<String> = std::fs::read_dir(&file.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let aside = names.iter().find(|name| name.contains(".corrupt-")).unwrap();
    assert_eq!(
        std::fs::read_to_string(file.0.join(aside)).unwrap(),
        "{\"grantflow_file\":2,\"cut"
    );
    assert_eq!(file.1.keys().unwrap().len(), 1);
}

#[test]
fn a_denied_consent_is_an_error_that_needs_the_user_and_changes_nothing_stored() {
    let server = TestServer::start().unwrap();
    let store = MemoryStore::new();
    let user = User::new(|url, _| {
        let location = Browser::new().deny(url).unwrap();
        assert!(follow(&location).body.contains("Access was not granted"));
    });
    let client = client(&server, "native-app");
    login(&client, "read", &store, &User::consents()).unwrap();
    let error = login(&client, "read write", &store, &user).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Denied(_))), "{error:?}");
    assert!(error.needs_user());
    assert!(
        user.said().last().unwrap().starts_with("Refused"),
        "{:?}",
        user.said()
    );
    assert_eq!(store.keys().unwrap().len(), 1);
    login(&client, "read", &store, &User::is_not_asked()).unwrap();
}

/// A browser follows the 303 a moment later; whoever ends right after the login must not be gone by then.
#[test]
fn a_login_that_has_failed_returns_only_when_the_browser_has_its_final_page() {
    let server = TestServer::start().unwrap();
    let (redirected, was_redirected) = std::sync::mpsc::channel();
    let user = User::new(move |url, _| {
        let location = Browser::new().deny(url).unwrap();
        let authority = authority(&location);
        let get = |target: &str| {
            let host = format!("Host: {authority}");
            support::request(&authority, &format!("GET {target} HTTP/1.1\r\n{host}\r\n\r\n"))
        };
        let first = get(&location["http://".len() + authority.len()..]);
        redirected.send(()).unwrap();
        let page = get(first.header("location").unwrap());
        assert!(page.body.contains("Access was not granted"), "{page:?}");
    });
    let client = client(&server, "native-app");
    let error = login(&client, "read", &MemoryStore::new(), &user).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Denied(_))), "{error:?}");
    was_redirected.try_recv().unwrap();
}

#[test]
fn the_browser_is_answered_before_the_code_is_exchanged() {
    let server = TestServer::start().unwrap();
    server.push_fault(Endpoint::Token, Fault::Status(500));
    let (seen, page) = std::sync::mpsc::channel();
    let user = User::new(move |url, _| {
        let location = Browser::new().approve(url).unwrap();
        seen.send(follow(&location)).unwrap();
    });
    let store = MemoryStore::new();
    let error = login(&client(&server, "native-app"), "read", &store, &user).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::BadReply(_))), "{error:?}");
    assert!(page.recv().unwrap().body.contains("Login received"));
    assert_eq!(store.keys().unwrap(), []);
}

#[test]
fn t18_requests_of_others_do_not_end_a_login() {
    let server = TestServer::start().unwrap();
    let user = User::new(|url, _| {
        let location = Browser::new().approve(url).unwrap();
        let (uri, query) = location.split_once('?').unwrap();
        let code = parameter(&location, "code");
        for bad in [
            format!("code={code}"),
            "error=access_denied&state=x".to_owned(),
            format!("{query}&{query}"),
        ] {
            assert_eq!(follow(&format!("{uri}?{bad}")).status, 400);
        }
        assert_eq!(follow(&location).status, 200);
        assert!(matches!(follow_again(&location), None | Some(400)));
    });
    login(&client(&server, "native-app"), "read", &MemoryStore::new(), &user).unwrap();
}

/// The status of a repeated redirect, unless the port is closed by then.
fn follow_again(location: &str) -> Option<u16> {
    std::panic::catch_unwind(|| follow(location).status).ok()
}

#[test]
fn t24_a_stolen_code_is_of_no_use_without_the_verifier() {
    let server = TestServer::start().unwrap();
    let issuer = server.issuer().to_owned();
    let user = User::new(move |url, _| {
        let location = Browser::new().approve(url).unwrap();
        let redirect = parameter(url, "redirect_uri");
        let code = parameter(&location, "code");
        let body = format!(
            "grant_type=authorization_code&client_id=native-app&code={code}&redirect_uri={redirect}&code_verifier={}",
            "x".repeat(43)
        );
        let authority = authority(&issuer);
        let reply = support::request(
            &authority,
            &format!(
                "POST /token HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert!(
            reply.status == 400 && !reply.body.contains("gft_at_"),
            "{reply:?}"
        );
        follow(&location);
    });
    let client = client(&server, "native-app");
    // The server burned the code when it was abused; what counts is that the thief got nothing.
    let _ = login(&client, "read", &MemoryStore::new(), &user);
    assert!(user.said()[0].starts_with("Visit"));
}

#[test]
fn t24_a_fixed_port_that_is_taken_ends_the_login_before_anybody_is_asked() {
    let server = TestServer::start().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let client = client(&server, "native-app");
    let fixed = options().ports([port]);
    let error = login_with(
        &client,
        "read",
        &MemoryStore::new(),
        &User::is_not_asked(),
        &fixed,
    )
    .unwrap_err();
    assert!(
        matches!(&error, LoginError::Listen(why) if why.ports == [port]),
        "{error:?}"
    );
}

#[test]
fn t27_over_ssh_the_whole_address_can_be_pasted_while_the_receiver_listens() {
    let server = TestServer::start().unwrap();
    let user = User::new(|url, answers| {
        let location = Browser::new().approve(url).unwrap();
        let (uri, query) = location.split_once('?').unwrap();
        let code = parameter(&location, "code");
        let of_another = location.replace("state=", "state=x");
        for wrong in [
            &code,
            query,
            "",
            uri,
            of_another.as_str(),
            "https://127.0.0.1/?code=x",
        ] {
            assert!(answers.paste_and_wait(wrong), "{wrong}");
        }
        // The receiver is there all the time.
        assert_eq!(follow(uri).status, 400);
        assert!(!answers.paste_and_wait(format!(" {location}\n")));
    });
    let client = client(&server, "native-app");
    let over_ssh = options().environment(Environment::new().display(true).ssh(true));
    login_with(&client, "read", &MemoryStore::new(), &user, &over_ssh).unwrap();
    let said = user.said();
    assert!(
        said[0].starts_with("Visit") && said[0].contains("Ssh"),
        "{said:?}"
    );
    assert_eq!(said.iter().filter(|text| *text == "NotTheRedirect").count(), 6);
}

#[test]
fn t27_over_ssh_the_receiver_can_win() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    let over_ssh = options().environment(Environment::new().ssh(true));
    login_with(&client, "read", &MemoryStore::new(), &User::consents(), &over_ssh).unwrap();
}

#[test]
fn t27_without_a_local_server_nothing_listens_and_the_address_is_pasted() {
    let server = TestServer::start().unwrap();
    let user = User::new(|url, answers| {
        let location = Browser::new().approve(url).unwrap();
        assert!(std::net::TcpStream::connect(authority(&location)).is_err());
        answers.paste(location);
    });
    let client = client(&server, "native-app");
    let pasting = options().no_local_server();
    login_with(&client, "read", &MemoryStore::new(), &user, &pasting).unwrap();
    assert!(user.said()[0].contains("Required"));
    // Somebody who never answers, and whose prompt says so.
    let silent = User::new(|_, _| {});
    let error = login_with(&client, "read", &MemoryStore::new(), &silent, &pasting).unwrap_err();
    assert!(matches!(error, LoginError::NoAnswer), "{error:?}");
}

#[test]
fn t07_a_redirect_of_another_server_ends_the_login_without_an_exchange() {
    let server = TestServer::start().unwrap();
    let user = User::new(|url, _| {
        let location = Browser::new().approve(url).unwrap();
        let (uri, query) = location.split_once('?').unwrap();
        let others: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with("iss="))
            .collect();
        follow(&format!(
            "{uri}?{}&iss=https://attacker.example",
            others.join("&")
        ));
    });
    let store = MemoryStore::new();
    let error = login(&client(&server, "native-app"), "read", &store, &user).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Callback(_))), "{error:?}");
    assert_eq!(
        (server.stats().token_requests, store.keys().unwrap().len()),
        (0, 0)
    );
}

#[test]
fn a_login_that_nobody_finishes_ends_in_time_and_one_that_is_given_up_at_once() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app");
    let store = MemoryStore::new();
    let nobody = User::new(|_, answers| while !answers.are_over() {});
    let no_time = options().time_limit(Duration::ZERO);
    let error = login_with(&client, "read", &store, &nobody, &no_time).unwrap_err();
    assert!(matches!(error, LoginError::TimedOut), "{error:?}");
    let gives_up = User::new(|_, answers| answers.cancel());
    let error = login(&client, "read", &store, &gives_up).unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Cancelled)), "{error:?}");
}

#[test]
fn a_redirect_address_that_is_registered_is_used_as_it_stands() {
    let server = TestServer::start().unwrap();
    for (uri, begins) in [
        ("http://127.0.0.1/callback", "http%3A%2F%2F127.0.0.1%3A"),
        ("http://localhost/callback", "http%3A%2F%2Flocalhost%3A"),
        ("http://[::1]/callback", "http%3A%2F%2F%5B%3A%3A1%5D%3A"),
    ] {
        let client = client(&server, "native-app").with_redirect_uris([uri]);
        let user = User::consents();
        login(&client, "read", &MemoryStore::new(), &user).unwrap();
        let sent = parameter(&user.url(), "redirect_uri");
        assert!(
            sent.starts_with(begins) && sent.ends_with("%2Fcallback"),
            "{sent}"
        );
    }
    let web = client(&server, "web-app").with_redirect_uris(["https://app.example/callback"]);
    let error = login(&web, "read", &MemoryStore::new(), &User::is_not_asked()).unwrap_err();
    assert!(matches!(error, LoginError::NoLoopbackRedirect), "{error:?}");
}

#[test]
fn scopes_that_were_not_granted_are_said_and_do_not_lead_to_another_login() {
    let server = Config::new().grant_only(["read"]).start().unwrap();
    let client = client(&server, "native-app");
    let store = MemoryStore::new();
    let user = User::consents();
    let credentials = login(&client, "read write", &store, &user).unwrap();
    assert_eq!(credentials.record().unwrap().scopes(), &scopes("read"));
    assert_eq!(
        user.said().pop().unwrap(),
        "LoggedIn asked read write, granted read"
    );
    login(&client, "read write", &store, &User::is_not_asked()).unwrap();
    login(&client, "read", &store, &User::is_not_asked()).unwrap();
}

#[test]
fn credentials_that_ended_for_good_lead_to_a_new_login() {
    let server = Config::new().without_refresh_tokens().start().unwrap();
    let client = client(&server, "native-app");
    let store = MemoryStore::new();
    let first = login(&client, "read", &store, &User::consents()).unwrap();
    login(&client, "read", &store, &User::is_not_asked()).unwrap();
    let key = first.record().unwrap().key().clone();
    let mut token = first.record().unwrap().token().clone();
    token.expires_at = Some(token.issued_at);
    let ended = grantflow_core::Record::new(
        key,
        client.clone(),
        token,
        grantflow_core::Provenance::new("test", first.record().unwrap().token().issued_at),
    );
    let ended = ended.succeeding(&first.record().unwrap());
    grantflow_core::StoreExt::put(&store, ended, support::PATIENCE).unwrap();
    let user = User::consents();
    login(&client, "read", &store, &user).unwrap();
    assert_eq!(server.stats().logins, 2);
}

#[test]
fn options_reach_the_authorization_request_and_the_key() {
    let server = TestServer::start().unwrap();
    let client = client(&server, "native-app").with_parameter("access_type", "offline");
    let store = MemoryStore::new();
    let user = User::consents();
    let more = options()
        .account("work")
        .label("reports")
        .login_hint("ann@example.com")
        .parameter("access_type", "online");
    login_with(&client, "read", &store, &user, &more).unwrap();
    let key = &store.keys().unwrap()[0];
    assert_eq!((key.account(), key.label()), ("work", "reports"));
    assert_eq!(parameter(&user.url(), "login_hint"), "ann%40example.com");
    assert_eq!(parameter(&user.url(), "access_type"), "online");
    let protected = options().parameter("state", "mine");
    let error = login_with(&client, "write", &store, &User::is_not_asked(), &protected).unwrap_err();
    assert!(
        matches!(error, LoginError::Flow(Error::InvalidInput(_))),
        "{error:?}"
    );
}

#[test]
fn no_message_error_or_debug_shows_code_or_state() {
    let server = TestServer::start().unwrap();
    let user = User::consents();
    login(&client(&server, "native-app"), "read", &MemoryStore::new(), &user).unwrap();
    let state = parameter(&user.url(), "state");
    let said = user.said().join("\n");
    assert!(!said.contains(&state) && !said.contains("gft_"), "{said}");
}

#[test]
fn nobody_is_asked_for_a_consent_that_could_not_be_stored() {
    let server = TestServer::start().unwrap();
    let place = File::new("nowhere");
    let store = FileStore::new(place.0.join("missing/parent/credentials.json"));
    let error = login(
        &client(&server, "native-app"),
        "read",
        &store,
        &User::is_not_asked(),
    )
    .unwrap_err();
    assert!(matches!(error, LoginError::Flow(Error::Store(_))), "{error:?}");
    assert_eq!(server.stats().requests, 0);
}
