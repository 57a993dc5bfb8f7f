//! From a refusal to a record, through both drivers; and what a resource or a server could do to a client on the way.

#![expect(clippy::unwrap_used, reason = "tests")]

use http::HeaderMap;

use super::{
    ClientIdentity, OriginAsIssuer, ProtectedResource, ResourceAccess, ResourceLogin, SkipOriginCheck,
};
use crate::error::ReplyProblem;
use crate::flow::scripted::{Scripted, both};
use crate::{
    Authentication, AuthorizationRequest, Challenge, Client, ClientMetadata, Cx, Endpoint, Error, Fapi2Rule,
    Issuer, Now, Profile, Provenance, Record, Registration, Scopes, Secret, SkipS256Check, Step,
};

const MCP: &str = "https://mcp.example/mcp";
const RESOURCE: &str = r#"{"resource":"https://mcp.example/mcp","authorization_servers":["https://as.example","https://b.example"],"scopes_supported":["files","mail"]}"#;
const SERVER: &str = r#"{"issuer":"https://as.example","authorization_endpoint":"https://as.example/authorize","token_endpoint":"https://as.example/token","registration_endpoint":"https://as.example/register","code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true}"#;
const DOCUMENT: &str = "https://notes.example/client.json";

/// The server's metadata with more members.
fn server(members: &str) -> String {
    SERVER.replacen('{', &format!("{{{members},"), 1)
}

fn challenge(header: &str) -> Challenge {
    let mut headers = HeaderMap::new();
    headers.insert("www-authenticate", header.parse().unwrap());
    Challenge::bearer(&headers).unwrap()
}

fn resource() -> ProtectedResource {
    ProtectedResource::new(Endpoint::new(MCP).unwrap())
}

fn scopes(names: &str) -> Scopes {
    Scopes::parse(names).unwrap()
}

fn found(
    script: impl Fn() -> Scripted,
    resource: &ProtectedResource,
    header: &str,
) -> (Result<ResourceAccess, Error>, Vec<String>) {
    let challenge = (!header.is_empty()).then(|| challenge(header));
    let (found, host) = both(script, || resource.discover(challenge.as_ref()));
    (found, host.log())
}

/// Access to the resource of these tests by a server that says this of itself.
fn access(server: &str) -> ResourceAccess {
    let script = || Scripted::default().replies(200, RESOURCE).replies(200, server);
    found(script, &resource(), "").0.unwrap()
}

fn client(
    script: impl Fn() -> Scripted,
    access: &ResourceAccess,
    identity: &ClientIdentity,
) -> (Result<ResourceLogin, Error>, Vec<String>) {
    let (login, host) = both(script, || access.clone().client(identity));
    (login, host.log())
}

fn login(server: &str) -> ResourceLogin {
    let identity =
        ClientIdentity::new().with_registration(ClientMetadata::new("Notes", ["http://127.0.0.1/cb"]));
    let script = || Scripted::default().replies(201, r#"{"client_id":"c1"}"#);
    client(script, &access(server), &identity).0.unwrap()
}

/// A consent, with the `scope` that the server grants, and what is stored of it.
fn consent(login: &ResourceLogin, granted: &str) -> (Record, Scripted) {
    let token = format!(r#"{{"access_token":"AT","token_type":"Bearer","refresh_token":"RT"{granted}}}"#);
    let (record, host) = both(
        || Scripted::default().replies(200, &token),
        || {
            let login = login.clone();
            Step::begin(move |cx| {
                let (url, pending) = login.request("http://127.0.0.1/cb")?.start(cx)?;
                let state = url
                    .as_str()
                    .split("&state=")
                    .nth(1)
                    .unwrap()
                    .split('&')
                    .next()
                    .unwrap()
                    .to_owned();
                let callback = format!("/cb?code=SplxlOBe&iss=https%3A%2F%2Fas.example&state={state}");
                Ok(login.keep(pending.accept(&callback, cx)?))
            })
        },
    );
    (record.unwrap(), host)
}

fn address(login: &ResourceLogin) -> String {
    let (url, _) = both(Scripted::default, || {
        let login = login.clone();
        Step::begin(move |cx| {
            Ok(Step::Done(
                login.request("http://127.0.0.1/cb")?.start(cx)?.0.into_string(),
            ))
        })
    });
    url.unwrap()
}

fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> ReplyProblem {
    match result {
        Err(Error::BadReply(bad)) => bad.problem(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_becomes_a_record_for_the_resource_and_its_origin_alone() {
    let login = login(SERVER);
    let (record, host) = consent(&login, "");
    assert_eq!(host.log()[0], "send POST /token");
    assert!(
        host.bodies()[0].contains("resource=https%3A%2F%2Fmcp.example%2Fmcp"),
        "{:?}",
        host.bodies()
    );
    assert!(address(&login).contains("&resource=https%3A%2F%2Fmcp.example%2Fmcp"));
    assert_eq!(
        (record.key().resource(), record.key().issuer()),
        (MCP, "https://as.example")
    );
    assert_eq!(record.key(), &login.key());
    let origins: Vec<String> = record.origins().iter().map(ToString::to_string).collect();
    assert_eq!(origins, ["https://mcp.example"]);
    assert_eq!(record.client().id(), "c1");
}

#[test]
fn the_refresh_of_such_a_record_names_the_resource_again() {
    let (record, _) = consent(&login(SERVER), "");
    let key = record.key().clone();
    let (_, host) = both(
        || {
            Scripted::default()
                .stores(record.clone())
                .replies(200, r#"{"access_token":"AT2","token_type":"Bearer"}"#)
        },
        || crate::flow::access_token(key.clone(), crate::flow::Unless::Is(Secret::new("AT"))),
    );
    assert!(host.bodies()[0].contains("grant_type=refresh_token"));
    assert!(
        host.bodies()[0].contains("resource=https%3A%2F%2Fmcp.example%2Fmcp"),
        "{:?}",
        host.bodies()
    );
}

#[test]
fn metadata_are_looked_for_where_the_challenge_says_and_else_in_two_places() {
    let script = || Scripted::default().replies(200, RESOURCE).replies(200, SERVER);
    let header = r#"Bearer resource_metadata="https://mcp.example/custom.json""#;
    let (access, log) = found(script, &resource(), header);
    assert_eq!(
        log,
        [
            "send GET /custom.json",
            "send GET /.well-known/oauth-authorization-server"
        ]
    );
    assert_eq!(access.unwrap().server().issuer().as_str(), "https://as.example");

    let root = RESOURCE.replace("https://mcp.example/mcp", "https://mcp.example");
    let script = || {
        Scripted::default()
            .replies(404, "")
            .replies(200, &root)
            .replies(200, SERVER)
    };
    let (access, log) = found(script, &resource(), "Bearer");
    assert_eq!(
        log[..2],
        [
            "send GET /.well-known/oauth-protected-resource/mcp",
            "send GET /.well-known/oauth-protected-resource"
        ]
    );
    assert_eq!(access.unwrap().resource(), "https://mcp.example");

    // What a challenge names is looked for there alone.
    let (access, log) = found(
        || Scripted::default().replies(404, ""),
        &resource().with_fallback(OriginAsIssuer),
        header,
    );
    assert_eq!(problem(access), ReplyProblem::NoMetadata);
    assert_eq!(log.len(), 1);
    let (access, _) = found(
        || Scripted::default().replies(404, "").replies(404, ""),
        &resource(),
        "",
    );
    assert_eq!(problem(access), ReplyProblem::NoMetadata);
    let (access, log) = found(
        || Scripted::default().replies(503, ""),
        &resource().with_fallback(OriginAsIssuer),
        "",
    );
    assert!(access.unwrap_err().is_transient() && log.len() == 1);
}

#[test]
fn t39_metadata_of_another_resource_end_the_login_before_a_server_is_asked() {
    for other in [
        "https://evil.example/mcp",
        "https://mcp.example/mcp2",
        "https://mcp.example/mcp/x",
    ] {
        let foreign = RESOURCE.replace("https://mcp.example/mcp", other);
        let script = || Scripted::default().replies(200, &foreign);
        let (access, log) = found(script, &resource().with_fallback(OriginAsIssuer), "");
        assert_eq!(problem(access), ReplyProblem::Resource, "{other}");
        assert_eq!(log.len(), 1);
    }
    let header = r#"Bearer resource_metadata="http://169.254.169.254/latest""#;
    let (access, log) = found(Scripted::default, &resource(), header);
    assert_eq!(problem(access), ReplyProblem::Invalid("resource_metadata"));
    assert!(log.is_empty(), "nothing is sent");
}

#[test]
fn t07_a_server_that_was_asked_for_is_the_only_one_that_is_taken() {
    let script = || Scripted::default().replies(200, RESOURCE).replies(200, SERVER);
    let issuer = |name: &str| Issuer::new(name).unwrap();
    let (access, _) = found(script, &resource().with_issuer(issuer("https://as.example")), "");
    assert!(access.is_ok());
    let (access, log) = found(
        script,
        &resource().with_issuer(issuer("https://other.example")),
        "",
    );
    assert!(matches!(access, Err(Error::InvalidInput(_))));
    assert_eq!(log.len(), 1);
    // A document of another issuer at the right place.
    let foreign = SERVER.replace(
        "\"issuer\":\"https://as.example\"",
        "\"issuer\":\"https://evil.example\"",
    );
    let (access, _) = found(
        || Scripted::default().replies(200, RESOURCE).replies(200, &foreign),
        &resource(),
        "",
    );
    assert_eq!(problem(access), ReplyProblem::Issuer);
    let none = r#"{"resource":"https://mcp.example/mcp","authorization_servers":["http://as.example"]}"#;
    let (access, _) = found(|| Scripted::default().replies(200, none), &resource(), "");
    assert_eq!(problem(access), ReplyProblem::Missing("authorization_servers"));
}

/// The resource names a hostile server; that has the endpoint of an honest one, which sends no `iss`, beside its own.
#[test]
fn t07_no_code_of_one_server_is_carried_to_another_that_promises_no_iss() {
    let silent = SERVER.replace(r#","authorization_response_iss_parameter_supported":true"#, "");
    let taken = |document: &str, resource: &ProtectedResource| {
        let script = || Scripted::default().replies(200, RESOURCE).replies(200, document);
        let (access, log) = found(script, resource, "");
        assert!(log.iter().all(|line| line.starts_with("send GET /.well-known/")));
        access
    };
    assert!(taken(&silent, &resource()).is_ok());
    let own_port = silent.replace(
        r#""issuer":"https://as.example""#,
        r#""issuer":"https://as.example:443""#,
    );
    let named = RESOURCE.replace("https://as.example", "https://as.example:443");
    let script = || Scripted::default().replies(200, &named).replies(200, &own_port);
    assert!(found(script, &resource(), "").0.is_ok(), "the same origin");

    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
    ] {
        for honest in ["https://honest.example", "https://as.example:8443"] {
            let own = format!("\"https://as.example/{path}\"");
            let mixed = silent.replace(&own, &format!("\"{honest}/{path}\""));
            assert_eq!(
                problem(taken(&mixed, &resource())),
                ReplyProblem::Invalid(name),
                "{honest}"
            );
            assert!(taken(&mixed, &resource().skip_origin_check(SkipOriginCheck)).is_ok());
        }
    }

    // A hostile server that promises it: the honest one's redirect has none, and ends the login before a token is asked for.
    let mixed = SERVER.replace("https://as.example/authorize", "https://honest.example/authorize");
    let login = login(&mixed);
    let (refused, host) = both(Scripted::default, || {
        let login = login.clone();
        Step::begin(move |cx| {
            let (url, pending) = login.request("http://127.0.0.1/cb")?.start(cx)?;
            let state = url.as_str().split("&state=").nth(1).unwrap().to_owned();
            let callback = format!("/cb?code=x&state={}", state.split('&').next().unwrap());
            Ok(login.keep(pending.accept(&callback, cx)?))
        })
    });
    assert!(matches!(
        refused,
        Err(Error::Callback(crate::CallbackError::Issuer))
    ));
    assert!(host.log().is_empty(), "no token endpoint is asked");
}

/// What a device gets comes in no redirect, so that a promise of `iss` says nothing of it.
#[test]
fn t07_no_code_of_a_device_is_carried_to_another_server() {
    for name in [
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
    ] {
        let document = |origin: &str| server(&format!(r#""{name}":"{origin}/codes""#));
        let taken = |origin: &str, resource: &ProtectedResource| {
            let document = document(origin);
            let script = || Scripted::default().replies(200, RESOURCE).replies(200, &document);
            found(script, resource, "").0
        };
        assert!(taken("https://as.example", &resource()).is_ok());
        for honest in [
            "https://honest.example",
            "https://as.example:8443",
            "https://x.as.example",
        ] {
            assert_eq!(
                problem(taken(honest, &resource())),
                ReplyProblem::Invalid(name),
                "{honest}"
            );
            assert!(taken(honest, &resource().skip_origin_check(SkipOriginCheck)).is_ok());
        }
    }
}

#[test]
fn t05_a_server_that_is_silent_about_code_challenges_is_refused_unless_by_name() {
    let silent = SERVER.replace(r#","code_challenge_methods_supported":["S256"]"#, "");
    let script = || Scripted::default().replies(200, RESOURCE).replies(200, &silent);
    let (access, _) = found(script, &resource(), "");
    assert_eq!(
        problem(access),
        ReplyProblem::Missing("code_challenge_methods_supported")
    );
    let (access, _) = found(script, &resource().skip_s256_check(SkipS256Check), "");
    assert!(!access.unwrap().server().s256_listed());
}

#[test]
fn the_scopes_are_those_of_the_challenge_else_those_of_the_resource() {
    let asked = |header: &str, server: &str, resource: &ProtectedResource| {
        let script = || Scripted::default().replies(200, RESOURCE).replies(200, server);
        found(script, resource, header).0.unwrap().scopes().to_string()
    };
    assert_eq!(asked("Bearer scope=\"mail\"", SERVER, &resource()), "mail");
    assert_eq!(asked("Bearer", SERVER, &resource()), "files mail");
    let offline = server(r#""scopes_supported":["mail","offline_access"]"#);
    assert_eq!(
        asked("Bearer scope=\"mail\"", &offline, &resource()),
        "mail offline_access"
    );
    assert_eq!(
        asked("Bearer scope=\"mail\"", &offline, &resource().online()),
        "mail"
    );
    let other = server(r#""scopes_supported":["mail"]"#);
    assert_eq!(asked("Bearer scope=\"mail\"", &other, &resource()), "mail");

    let silent = RESOURCE.replace(r#","scopes_supported":["files","mail"]"#, "");
    let script = || Scripted::default().replies(200, &silent).replies(200, &offline);
    assert!(
        found(script, &resource(), "").0.unwrap().scopes().is_empty(),
        "the server's own choice stays"
    );
}

#[test]
fn a_consent_is_asked_for_where_offline_access_is() {
    let offline = server(r#""scopes_supported":["offline_access"]"#);
    assert!(address(&login(&offline)).contains("&prompt=consent"));
    assert!(!address(&login(SERVER)).contains("prompt"));
    let asked = access(&offline).asking_for(scopes("files"));
    assert!(!asked.offline && asked.scopes() == &scopes("files"));
}

#[test]
fn the_client_is_the_registered_one_else_by_its_document_else_registered_now() {
    let documents = access(&server(r#""client_id_metadata_document_supported":true"#));
    let here = || Issuer::new("https://as.example").unwrap();
    let secret = || Authentication::Basic(Secret::new("s"));
    let all = ClientIdentity::new()
        .with_document(Endpoint::new(DOCUMENT).unwrap())
        .unwrap()
        .with_registration(ClientMetadata::new("Notes", ["http://127.0.0.1/cb"]));

    let (login, log) = client(
        Scripted::default,
        &documents,
        &all.clone().with_registered(here(), "known", secret()),
    );
    let login = login.unwrap();
    assert_eq!(
        (login.client().id(), login.client().authentication().method()),
        ("known", "client_secret_basic")
    );
    assert!(log.is_empty());

    let (login, log) = client(Scripted::default, &documents, &all);
    let login = login.unwrap();
    assert_eq!(
        (login.client().id(), login.client().authentication().method()),
        (DOCUMENT, "none")
    );
    assert!(log.is_empty() && login.registration().is_none());

    let script = || Scripted::default().replies(201, r#"{"client_id":"new"}"#);
    let (login, log) = client(script, &access(SERVER), &all);
    let login = login.unwrap();
    assert_eq!(
        (login.client().id(), log.as_slice()),
        ("new", &["send POST /register".to_owned()][..])
    );

    // It is kept, and used again.
    let kept = Registration::from_json(login.registration().unwrap().expose_json().expose()).unwrap();
    let (login, log) = client(Scripted::default, &access(SERVER), &all.with_kept(kept));
    assert_eq!((login.unwrap().client().id(), log.len()), ("new", 0));
}

#[test]
fn t07_a_client_of_one_server_is_nobody_at_another() {
    let elsewhere = Issuer::new("https://b.example").unwrap();
    let identity =
        ClientIdentity::new().with_registered(elsewhere, "known", Authentication::Basic(Secret::new("s")));
    let (login, log) = client(Scripted::default, &access(SERVER), &identity);
    assert!(matches!(login, Err(Error::InvalidInput(_))) && log.is_empty());
    let closed = SERVER.replace(r#","registration_endpoint":"https://as.example/register""#, "");
    let identity =
        ClientIdentity::new().with_registration(ClientMetadata::new("Notes", ["http://127.0.0.1/cb"]));
    let (login, _) = client(Scripted::default, &access(&closed), &identity);
    assert!(matches!(login, Err(Error::InvalidInput(_))));
    assert!(
        ClientIdentity::new()
            .with_document(Endpoint::new("https://notes.example/").unwrap())
            .is_err()
    );
}

#[test]
fn a_registration_whose_secret_has_ended_is_made_anew() {
    let over = r#"{"grantflow_registration":1,"issuer":"https://as.example","client_id":"old","client_secret":"s","client_secret_expires_at":"2020-01-01T00:00:00Z","token_endpoint_auth_method":"client_secret_basic"}"#;
    let identity = ClientIdentity::new()
        .with_kept(Registration::from_json(over).unwrap())
        .with_registration(ClientMetadata::new("Notes", ["http://127.0.0.1/cb"]));
    let script = || Scripted::default().replies(201, r#"{"client_id":"new"}"#);
    assert_eq!(
        client(script, &access(SERVER), &identity)
            .0
            .unwrap()
            .client()
            .id(),
        "new"
    );
}

#[test]
fn t51_a_client_with_more_to_it_still_sends_tokens_to_the_resource_alone() {
    let login = login(SERVER);
    let more = login.client().clone().with_secret_basic("s").with_origins([]);
    let login = login.with_client(more).unwrap();
    assert_eq!(login.client().authentication().method(), "client_secret_basic");
    assert_eq!(login.client().origins()[0].to_string(), "https://mcp.example");
    let other = crate::Client::new("c1", Endpoint::new("https://evil.example/token").unwrap());
    assert!(login.with_client(other).is_err());
}

const MORE: &str = r#"Bearer error="insufficient_scope", scope="mail send""#;

#[test]
fn too_little_is_asked_for_again_with_what_there_was() {
    let login = login(SERVER);
    let (record, _) = consent(&login, r#","scope":"files mail""#);
    let next = login.step_up(&record, &challenge(MORE)).unwrap();
    assert_eq!(next.scopes(), &scopes("files mail send"));
    assert!(
        address(&next).contains("scope=files+mail+send")
            || address(&next).contains("scope=files%20mail%20send")
    );
    let (stepped, host) = consent(&next, "");
    assert_eq!(
        host.log()
            .iter()
            .filter(|line| line.starts_with("replace"))
            .count(),
        1,
        "{:?}",
        host.log()
    );
    assert_eq!(stepped.key().scopes(), &scopes("files mail send"));
}

#[test]
fn the_next_login_of_an_account_stays_under_the_key_of_that_account() {
    let login = login(SERVER);
    let (plain, _) = consent(&login, r#","scope":"files mail""#);
    let anns = plain.key().clone().with_account("ann").with_label("work");
    let record = Record::new(
        anns.clone(),
        login.client().clone(),
        plain.token().clone(),
        Provenance::new("authorization_code", plain.provenance().obtained_at),
    );
    let next = login.step_up(&record, &challenge(MORE)).unwrap();
    assert_eq!(next.key(), anns.with_scopes(scopes("files mail send")));
    let (stepped, _) = consent(&next, "");
    assert_eq!(stepped.key(), &next.key(), "nobody else's record is replaced");
}

#[test]
fn another_consent_that_would_change_nothing_is_not_asked_for() {
    let login = login(SERVER);
    let refused = |record: &Record, header: &str| match login.step_up(record, &challenge(header)) {
        Err(Error::Server(refusal)) => refusal.code().as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    let (all, _) = consent(&login, r#","scope":"files mail send""#);
    assert_eq!(refused(&all, MORE), "insufficient_scope");
    assert_eq!(
        refused(&all, r#"Bearer error="insufficient_scope""#),
        "insufficient_scope"
    );
    let (some, _) = consent(&login, "");
    assert_eq!(
        refused(&some, r#"Bearer error="invalid_token", scope="send""#),
        "invalid_token"
    );
    assert_eq!(refused(&some, "Bearer scope=send"), "insufficient_scope");

    // Each refusal wants something new: three times and no more.
    let (mut login, mut record) = (login, some);
    for n in 0..3 {
        let more = challenge(&format!(r#"Bearer error="insufficient_scope", scope="s{n}""#));
        login = login.step_up(&record, &more).unwrap();
        record = consent(&login, "").0;
    }
    let more = challenge(r#"Bearer error="insufficient_scope", scope="s9", error_description="never""#);
    let Err(Error::Server(refusal)) = login.step_up(&record, &more) else {
        panic!("a fourth time")
    };
    assert_eq!(refusal.description(), Some("never"));
}

#[test]
fn t07_only_a_record_of_the_login_is_stepped_up() {
    let login = login(SERVER);
    let (record, _) = consent(&login, r#","scope":"files""#);
    assert!(login.step_up(&record, &challenge(MORE)).is_ok());
    let token = || Endpoint::new("https://as.example/token").unwrap();
    let issuer = |name: &str| Issuer::new(name).unwrap();
    let own = crate::Client::new("c1", token()).with_issuer(issuer("https://as.example"));
    let key = |client: &crate::Client, resource: &str| {
        crate::Key::new(client, login.scopes().clone()).with_resource(resource)
    };
    for foreign in [
        key(&own, "https://other.example/mcp"),
        key(&own.clone().with_issuer(issuer("https://b.example")), MCP),
        key(
            &crate::Client::new("c2", token()).with_issuer(issuer("https://as.example")),
            MCP,
        ),
    ] {
        let foreign = Record::new(
            foreign,
            own.clone(),
            record.token().clone(),
            record.provenance().clone(),
        );
        let refused = login.step_up(&foreign, &challenge(MORE));
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    }
}

#[test]
fn where_a_resource_is_silent_its_origin_is_asked_if_that_is_wanted() {
    let silent = || Scripted::default().replies(404, "").replies(404, "");
    let legacy = resource().with_fallback(OriginAsIssuer);
    let own = SERVER.replace("as.example", "mcp.example").replace(
        r#""issuer":"https://mcp.example""#,
        r#""issuer":"https://mcp.example/oauth""#,
    );
    let (access, log) = found(|| silent().replies(200, &own), &legacy, "");
    assert_eq!(log[2], "send GET /.well-known/oauth-authorization-server");
    let access = access.unwrap();
    assert_eq!(
        (access.server().issuer().as_str(), access.resource()),
        ("https://mcp.example/oauth", MCP)
    );

    for foreign in [
        "https://as.example",
        "https://mcp.example:8443",
        "http://mcp.example",
    ] {
        let foreign = own.replace("https://mcp.example/oauth", foreign);
        let (access, _) = found(|| silent().replies(200, &foreign), &legacy, "");
        assert_eq!(problem(access), ReplyProblem::Issuer);
    }

    let (access, log) = found(|| silent().replies(404, "").replies_page(), &legacy, "");
    let access = access.unwrap();
    assert_eq!(log.len(), 4);
    assert_eq!(
        access.server().token_endpoint().as_str(),
        "https://mcp.example/token"
    );
    assert_eq!(
        access.server().authorization_endpoint().unwrap().as_str(),
        "https://mcp.example/authorize"
    );
    assert_eq!(
        access.server().registration_endpoint().unwrap().as_str(),
        "https://mcp.example/register"
    );

    let (access, _) = found(|| silent().replies(404, "").replies(503, ""), &legacy, "");
    assert!(access.unwrap_err().is_transient(), "trouble is no absence");
    let pinned = legacy.with_issuer(Issuer::new("https://as.example").unwrap());
    assert_eq!(problem(found(silent, &pinned, "").0), ReplyProblem::NoMetadata);
}

/// FAPI 2.0 section 5.3.3.1 (9) and (11): what is taken of a silent resource's origin is neither asked for by name nor, without a document,
/// from one.
#[test]
fn t07_a_profile_takes_no_server_that_was_not_asked_for_by_its_name() {
    let silent = || Scripted::default().replies(404, "").replies(404, "");
    let legacy = resource().with_fallback(OriginAsIssuer);
    let own = SERVER.replace("as.example", "mcp.example");
    let named = own.replace(
        r#""issuer":"https://mcp.example""#,
        r#""issuer":"https://mcp.example/oauth""#,
    );
    let defaults = || silent().replies(404, "").replies_page();
    for (script, rule) in [
        (silent().replies(200, &own), Fapi2Rule::ClientAuthentication),
        (silent().replies(200, &named), Fapi2Rule::MetadataIssuer),
        (defaults(), Fapi2Rule::Metadata),
    ] {
        let access = crate::run(legacy.discover(None), &script).unwrap();
        let client = access.server().client("c").with_profile(Profile::Fapi2);
        let broken = client.check_profile();
        assert!(
            matches!(broken, Err(Error::Profile(found)) if found == rule),
            "{broken:?}"
        );
    }
}

/// A certificate, and with it all that it authenticates, goes to the place that the code goes to.
#[test]
fn t07_a_server_that_promises_no_iss_has_its_aliases_at_its_own_origin_too() {
    let unpromised = SERVER.replace(r#","authorization_response_iss_parameter_supported":true"#, "");
    for (place, passes) in [
        ("https://as.example/mtls/token", true),
        ("https://other.example/token", false),
    ] {
        let aliases = format!(r#""mtls_endpoint_aliases":{{"token_endpoint":"{place}"}}"#);
        for (server, passes) in [(&unpromised, passes), (&SERVER.to_owned(), true)] {
            let server = server.replacen('{', &format!("{{{aliases},"), 1);
            let script = || Scripted::default().replies(200, RESOURCE).replies(200, &server);
            let (access, _) = found(script, &resource(), "");
            assert_eq!(access.is_ok(), passes, "{server}");
            if !passes {
                assert_eq!(problem(access), ReplyProblem::Invalid("mtls_endpoint_aliases"));
            }
        }
    }
}

/// No promise helps: a device has no redirect that could say whose it is.
#[test]
fn t07_a_server_has_its_aliases_for_devices_at_its_own_origin_whatever_it_promises() {
    for name in [
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
    ] {
        for (place, passes) in [
            ("https://as.example/mtls/ask", true),
            ("https://other.example/ask", false),
        ] {
            let aliases = format!(r#"{{"mtls_endpoint_aliases":{{"{name}":"{place}"}},"#);
            let server = SERVER.replacen('{', &aliases, 1);
            let script = || Scripted::default().replies(200, RESOURCE).replies(200, &server);
            let (access, _) = found(script, &resource(), "");
            assert_eq!(access.is_ok(), passes, "{server}");
            if !passes {
                assert_eq!(problem(access), ReplyProblem::Invalid("mtls_endpoint_aliases"));
            }
            let (access, _) = found(script, &resource().skip_origin_check(SkipOriginCheck), "");
            assert!(access.is_ok(), "{server}");
        }
    }
}

#[test]
fn t07_a_silent_resource_has_the_server_that_was_asked_for_and_no_other_of_its_origin() {
    let silent = || Scripted::default().replies(404, "").replies(404, "");
    let own = SERVER.replace("as.example", "mcp.example").replace(
        r#""issuer":"https://mcp.example""#,
        r#""issuer":"https://mcp.example/oauth""#,
    );
    let taken = |issuer: &str, script: &dyn Fn() -> Scripted| {
        let issuer = Issuer::new(issuer).unwrap();
        let pinned = resource().with_fallback(OriginAsIssuer).with_issuer(issuer);
        found(script, &pinned, "").0
    };
    let with_path = || silent().replies(200, &own);
    let access = taken("https://mcp.example/oauth", &with_path).unwrap();
    assert_eq!(access.server().issuer().as_str(), "https://mcp.example/oauth");
    for other in ["https://mcp.example", "https://mcp.example/other"] {
        assert_eq!(problem(taken(other, &with_path)), ReplyProblem::Issuer, "{other}");
    }
    let nothing = || silent().replies(404, "").replies(404, "");
    assert!(taken("https://mcp.example", &nothing).is_ok());
    assert_eq!(
        problem(taken("https://mcp.example/oauth", &nothing)),
        ReplyProblem::Issuer
    );
}

#[test]
fn t07_the_redirect_of_another_server_is_refused() {
    let login = login(SERVER);
    let (refused, host) = both(Scripted::default, || {
        let login = login.clone();
        Step::begin(move |cx| {
            let (url, pending) = login.request("http://127.0.0.1/cb")?.start(cx)?;
            let state = url
                .as_str()
                .split("&state=")
                .nth(1)
                .unwrap()
                .split('&')
                .next()
                .unwrap()
                .to_owned();
            let callback = format!("/cb?code=x&iss=https%3A%2F%2Fevil.example&state={state}");
            Ok(login.keep(pending.accept(&callback, cx)?))
        })
    });
    assert!(matches!(
        refused,
        Err(Error::Callback(crate::CallbackError::Issuer))
    ));
    assert!(host.log().is_empty(), "no token endpoint is asked");
}

const AGAIN: &str = r#"Bearer error="insufficient_user_authentication", acr_values="mfa hwk", max_age="5""#;

#[test]
fn a_login_that_was_too_weak_or_too_old_is_asked_for_again_as_the_resource_wants_it() {
    let login = login(SERVER);
    assert!(!address(&login).contains("max_age"));
    let (record, _) = consent(&login, "");
    let next = login.step_up(&record, &challenge(AGAIN)).unwrap();
    let asked = address(&next);
    assert!(
        asked.contains("&acr_values=mfa+hwk") && asked.contains("&max_age=5"),
        "{asked}"
    );
    assert_eq!(asked.matches("acr_values").count(), 1);
    assert_eq!(next.scopes(), login.scopes());
    // Programs with a receiver of their own have it from the client.
    let parameters = next.client().parameters();
    assert!(parameters.contains(&("acr_values".to_owned(), "mfa hwk".to_owned())));
    assert!(parameters.contains(&("max_age".to_owned(), "5".to_owned())));
    let another = login.client().clone();
    let kept = address(&next.clone().with_client(another).unwrap());
    assert!(
        kept.contains("&acr_values=mfa+hwk") && kept.contains("&max_age=5"),
        "whichever client it is"
    );
    let (stepped, _) = consent(&next, "");
    // What was asked of the login stays, whatever else is missing next.
    let more = next.step_up(&stepped, &challenge(MORE)).unwrap();
    assert!(address(&more).contains("&acr_values=mfa+hwk"));
    assert!(more.scopes().contains("send"));
}

#[test]
fn t45_who_begins_a_login_by_its_client_alone_demands_what_the_resource_wants() {
    let login = login(SERVER);
    let (record, _) = consent(&login, "");
    let next = login.step_up(&record, &challenge(AGAIN)).unwrap();
    let demanded = |client: &Client| {
        let run = |cx: &mut Cx<'_>| {
            let (url, pending) = AuthorizationRequest::new(client, "http://127.0.0.1/cb").start(cx)?;
            let state = url.as_str().split("&state=").nth(1).unwrap_or_default();
            let state = state.split('&').next().unwrap_or_default();
            let issuer = client.issuer().map(crate::Issuer::as_str).unwrap_or_default();
            let code = pending.accept(&format!("/cb?code=x&iss={issuer}&state={state}"), cx)?;
            Ok::<_, Error>(code.acr_values().join(" "))
        };
        run(&mut Cx::new(Now::default(), &mut |bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        }))
        .unwrap()
    };
    assert_eq!(demanded(login.client()), "");
    assert_eq!(demanded(next.client()), "mfa hwk");
    let replaced = next.clone().with_client(login.client().clone()).unwrap();
    assert_eq!(demanded(replaced.client()), "mfa hwk", "whichever client it is");
    let parameters = replaced.client().parameters();
    assert!(parameters.contains(&("max_age".to_owned(), "5".to_owned())));
    let wish = login.client().clone().with_parameter("acr_values", "mfa hwk");
    assert_eq!(demanded(&wish), "", "a parameter is a wish");
    let wish = next.client().clone().with_parameter("acr_values", "pwd");
    let wish = wish.with_parameter("max_age", "");
    assert_eq!(demanded(&wish), "", "a demand gives way to a wish");
}

#[test]
fn another_login_of_the_same_kind_is_not_asked_for() {
    let login = login(SERVER);
    let (record, _) = consent(&login, "");
    let refused = |login: &ResourceLogin, header: &str| match login.step_up(&record, &challenge(header)) {
        Err(Error::Server(refusal)) => refusal.code().as_str() == "insufficient_user_authentication",
        other => panic!("{other:?}"),
    };
    let way = r#"Bearer error="insufficient_user_authentication", acr_values="mfa""#;
    let age = r#"Bearer error="insufficient_user_authentication", max_age="5""#;
    assert!(
        refused(&login, r#"Bearer error="insufficient_user_authentication""#),
        "it does not say which"
    );
    let next = login.step_up(&record, &challenge(way)).unwrap();
    assert!(refused(&next, way), "it was just that");
    assert!(next.step_up(&record, &challenge(AGAIN)).is_ok());
    // Time passes between one and the next, and three in a row are enough.
    let mut login = login;
    for _ in 0..3 {
        login = login.step_up(&record, &challenge(age)).unwrap();
    }
    assert!(refused(&login, age));
}
