//! Addresses that somebody names: metadata of servers and resources, challenges, replies to registrations (RFC 8414 section 6.2, RFC
//! 9728 section 7).

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    Authentication, Challenge, ClientIdentity, ClientMetadata, DeviceAuthorizationRequest, Error,
    MetadataRequest, ProtectedResource, Provenance, Record, RegistrationRequest, ResourceAccess,
    ResourceLogin, Secret, SkipOriginCheck, Step, Store as _, TokenRequest,
};
use grantflow_oidc::{KeyCache, KeyRequest};
use serde_json::{Value, json};

use crate::exchanges::{asks, redirect};
use crate::stage::{CLIENT_SECRET, CODE, DEVICE_CODE, REDIRECT, Stage, issuer};
use crate::{Case, case, each_leaks, none_leaks};

/// The hostile resource, as a program meets it.
fn discover(
    stage: &Stage,
    with: impl FnOnce(ProtectedResource) -> ProtectedResource,
) -> Result<ResourceAccess, Error> {
    let resource = with(ProtectedResource::new(stage.at_evil("/mcp")));
    stage.run(resource.discover(None))
}

/// A program that is registered at the honest server, and registers itself elsewhere.
fn identity(stage: &Stage) -> ClientIdentity {
    ClientIdentity::new()
        .with_registered(
            issuer(&stage.honest),
            "c",
            Authentication::Basic(Secret::from(CLIENT_SECRET)),
        )
        .with_kept(stage.registration())
        .with_registration(ClientMetadata::new("Notes", [REDIRECT]))
}

/// From the refusal of a resource to a record; whatever address is opened, the honest server's code comes back.
fn log_in(stage: &mut Stage, access: ResourceAccess, iss: &str) -> Result<Record, Error> {
    let login = stage.run(access.client(&identity(stage)))?;
    let starting = login.clone();
    let (url, pending) = stage.run(Step::begin(move |cx| {
        let (url, pending) = starting.request(REDIRECT)?.start(cx)?;
        Ok(Step::Done((url.as_str().to_owned(), pending)))
    }))?;
    stage.waits(&pending);
    let answer = redirect(&url, iss);
    stage.run(Step::begin(
        move |cx| Ok(login.keep(pending.accept(&answer, cx)?)),
    ))
}

fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> ReplyProblem {
    match result {
        Err(Error::BadReply(bad)) => bad.problem(),
        other => panic!("{other:?}"),
    }
}

const ISS: &str = "authorization_response_iss_parameter_supported";

#[test]
fn t07_metadata_that_name_another_servers_endpoint_get_nothing_of_it() {
    let mut cases: Vec<Case> = Vec::new();
    for (name, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
    ] {
        cases.push(case(format!("{name} without iss"), move |stage| {
            stage.serve_with_evil(&json!({ name: stage.at_honest(path).as_str() }));
            let refused = problem(discover(stage, |resource| resource));
            assert_eq!(refused, ReplyProblem::Invalid(name));
        }));
    }
    // A promise of `iss` is kept by nobody: the honest server names itself, or nobody.
    for honest_names_itself in [false, true] {
        let name = format!("a promise, and the honest server names itself: {honest_names_itself}");
        cases.push(case(name, move |stage| {
            stage.serve_with_evil(
                &json!({ "authorization_endpoint": stage.at_honest("/authorize").as_str(), ISS: true }),
            );
            let access = discover(stage, |resource| resource).expect("its promise is believed");
            let iss = if honest_names_itself {
                format!("&iss={}", stage.honest.origin())
            } else {
                String::new()
            };
            let ended = log_in(stage, access, &iss);
            assert!(matches!(ended, Err(Error::Callback(_))), "{ended:?}");
        }));
    }
    for name in [
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
    ] {
        for promised in [false, true] {
            // No redirect tells whose code it is that a device gets: a promise of `iss` is worth nothing here.
            cases.push(case(format!("{name}, iss promised: {promised}"), move |stage| {
                stage.serve_with_evil(&json!({ name: stage.at_honest("/device").as_str(), ISS: promised }));
                match discover(stage, |resource| resource) {
                    Ok(access) => {
                        let client = access.server().client("c");
                        let request = DeviceAuthorizationRequest::new(&client);
                        if let Ok(grant) = stage.run(request.flow()) {
                            let _ended = stage.run(grant.poll());
                        }
                        panic!("{name} is believed");
                    }
                    refused => assert_eq!(problem(refused), ReplyProblem::Invalid(name)),
                }
            }));
        }
    }
    for (name, path) in [
        ("revocation_endpoint", "/revoke"),
        ("introspection_endpoint", "/introspect"),
        ("userinfo_endpoint", "/userinfo"),
        ("registration_endpoint", "/register"),
        ("pushed_authorization_request_endpoint", "/par"),
        ("jwks_uri", "/jwks"),
    ] {
        // What belongs to the hostile server goes where it says; nothing of the honest one's comes to it.
        cases.push(case(format!("{name} of the honest server"), move |stage| {
            stage.serve_with_evil(&json!({ name: stage.at_honest(path).as_str(), ISS: true }));
            let access = discover(stage, |resource| resource).expect("it is one server's own business");
            let iss = format!("&iss={}", stage.honest.origin());
            let ended = log_in_as_nobody(stage, access, &iss);
            assert!(ended.is_err(), "{ended:?}");
        }));
    }
    cases.push(case("another issuer", |stage| {
        stage.serve_with_evil(&json!({ "issuer": stage.honest.origin() }));
        assert_eq!(
            problem(discover(stage, |resource| resource)),
            ReplyProblem::Issuer
        );
        let found = stage.run(MetadataRequest::new(&issuer(&stage.evil)).flow());
        assert_eq!(problem(found), ReplyProblem::Issuer);
    }));
    none_leaks("metadata of a server", &cases);
}

/// A program with a public client at the hostile server, so that nothing hides behind a registration.
fn log_in_as_nobody(stage: &mut Stage, access: ResourceAccess, iss: &str) -> Result<Record, Error> {
    let me = ClientIdentity::new().with_registered(issuer(&stage.evil), "c", Authentication::None);
    let login = stage.run(access.client(&me))?;
    let starting = login.clone();
    let (url, pending) = stage.run(Step::begin(move |cx| {
        let (url, pending) = starting.request(REDIRECT)?.start(cx)?;
        Ok(Step::Done((url.as_str().to_owned(), pending)))
    }))?;
    stage.waits(&pending);
    let answer = redirect(&url, iss);
    stage.run(Step::begin(
        move |cx| Ok(login.keep(pending.accept(&answer, cx)?)),
    ))
}

#[test]
fn t07_what_a_resource_names_gets_nothing_of_another_server() {
    let mut cases: Vec<Case> = vec![
        case(
            "a server of its own, and a program registered elsewhere",
            |stage| {
                stage.serve();
                let access = discover(stage, |resource| resource).expect("a server like any other");
                let login = stage.run(access.client(&identity(stage))).expect("it registers");
                assert_eq!(login.client().authentication().method(), "none");
            },
        ),
        case("a server of its own, where another is wanted", |stage| {
            stage.serve();
            let wanted = issuer(&stage.honest);
            let ended = discover(stage, |resource| resource.with_issuer(wanted));
            assert!(matches!(ended, Err(Error::InvalidInput(_))), "{ended:?}");
        }),
        case("the honest server: its token goes to nobody else", |stage| {
            stage.serve_with_evil(&json!({ "authorization_servers": [stage.honest.origin()] }));
            let access = discover(stage, |resource| resource).expect("the honest server answers");
            let iss = format!("&iss={}", stage.honest.origin());
            let record = log_in(stage, access, &iss).expect("the user consents to it");
            // RFC 8707: the token was asked for by the hostile resource's name, and is of no use elsewhere.
            assert_eq!(record.key().resource(), format!("{}/mcp", stage.evil.origin()));
            let traded = stage.honest.requests();
            let asked = traded.iter().find(|request| request.starts_with("POST /token"));
            assert!(asked.is_some_and(|request| request.contains("resource=http%3A%2F%2F")));
        }),
        case("another resource's name", |stage| {
            stage.serve_with_evil(&json!({
                "authorization_servers": [stage.honest.origin()], "resource": format!("{}/mcp", stage.honest.origin()),
            }));
            assert_eq!(
                problem(discover(stage, |resource| resource)),
                ReplyProblem::Resource
            );
        }),
        case("a challenge that names foreign metadata", |stage| {
            stage.serve_with_honest(&json!({}));
            let header = format!(
                "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
                stage.evil.origin()
            );
            let mut headers = http::HeaderMap::new();
            headers.insert("www-authenticate", header.parse().expect("a header"));
            let resource = ProtectedResource::new(stage.at_honest("/mcp"));
            let found = stage.run(resource.discover(Challenge::bearer(&headers).as_ref()));
            assert_eq!(problem(found), ReplyProblem::Resource);
        }),
        case("a record of the honest server, to be stepped up", |stage| {
            stage.serve();
            let access = discover(stage, |resource| resource).expect("a server like any other");
            let login: ResourceLogin = stage.run(access.client(&identity(stage))).expect("it registers");
            let record = honest_record(stage);
            let mut headers = http::HeaderMap::new();
            let header = "Bearer error=\"insufficient_scope\", scope=\"write\"";
            headers.insert("www-authenticate", header.parse().expect("a header"));
            let challenge = Challenge::bearer(&headers).expect("it is one");
            assert!(matches!(
                login.step_up(&record, &challenge),
                Err(Error::InvalidInput(_))
            ));
            assert!(matches!(
                login.with_client(stage.client()),
                Err(Error::InvalidInput(_))
            ));
        }),
    ];
    for (name, path) in [
        ("", "/api"),
        (" below it", "/mcp/x"),
        (" with another's name in it", "/?u="),
    ] {
        cases.push(case(format!("a token for an address{name}"), move |stage| {
            stage.serve();
            let address = format!("{}{path}{}", stage.evil.origin(), stage.honest.origin());
            for dpop in [
                None,
                grantflow_oidc::Dpop::generate(grantflow_jwt::Algorithm::Es256).ok(),
            ] {
                assert!(asks(stage, dpop, &address).is_err());
            }
            let host = stage.honest.origin().replace("http://", "");
            let userinfo = stage.evil.origin().replace("http://", &format!("http://{host}@"));
            assert!(asks(stage, None, &userinfo).is_err());
            assert_eq!(stage.evil.requests(), Vec::<String>::new());
        }));
    }
    none_leaks("metadata of a resource", &cases);
}

fn honest_record(stage: &Stage) -> Record {
    let client = stage.client();
    let key = grantflow_suites::login::key(&client, "read").expect("a scope");
    let token = stage.token();
    let provenance = Provenance::new("authorization_code", token.issued_at);
    Record::new(key, client, token, provenance)
}

#[test]
fn t39_a_registration_is_looked_after_at_its_own_server() {
    type Uri = fn(&Stage) -> Value;
    let foreign: [(&str, Uri); 4] = [
        ("another server", |stage| json!(stage.at_evil("/manage").as_str())),
        ("another server, by userinfo", |stage| {
            let host = stage.honest.origin().replace("http://", "");
            json!(stage.evil.origin().replace("http://", &format!("http://{host}@")))
        }),
        ("no address", |_| json!("javascript:alert(1)")),
        ("an object", |_| json!({})),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (name, uri) in foreign {
        cases.push(case(format!("{name}, when it is made"), move |stage| {
            stage.serve_with_honest(&json!({ "registration_client_uri": uri(stage) }));
            let metadata = ClientMetadata::new("Notes", [REDIRECT]);
            let request =
                RegistrationRequest::new(&issuer(&stage.honest), &stage.at_honest("/register"), metadata);
            let refused = problem(stage.run(request.flow()));
            assert_eq!(refused, ReplyProblem::Invalid("registration_client_uri"));
        }));
        cases.push(case(format!("{name}, when it is read"), move |stage| {
            stage.serve_with_honest(&json!({ "registration_client_uri": uri(stage) }));
            let request = RegistrationRequest::read(&stage.registration()).expect("there is a place");
            let refused = problem(stage.run(request.flow()));
            assert_eq!(refused, ReplyProblem::Invalid("registration_client_uri"));
        }));
    }
    none_leaks("registrations", &cases);
}

#[test]
fn t47_the_place_of_the_keys_is_told_nothing() {
    let cases = [case("keys at another server", |stage| {
        stage.serve_with_honest(&json!({ "jwks_uri": stage.at_evil("/jwks").as_str() }));
        let found = stage.run(MetadataRequest::new(&issuer(&stage.honest)).flow());
        let metadata = found.expect("many servers have them elsewhere");
        let keys = KeyCache::new(KeyRequest::jwks(
            metadata.jwks_uri().expect("it is there").clone(),
        ));
        let record = honest_record(stage);
        let store = stage.store();
        let mut lock = store
            .lock(record.key(), std::time::Duration::from_secs(1))
            .expect("nobody else locks");
        lock.save(grantflow_core::Change::Put(Box::new(record)))
            .expect("there is room");
        drop(lock);
        let _none = stage.run(keys.keys());
        assert_eq!(stage.evil.requests().len(), 1);
    })];
    none_leaks("keys", &cases);
}

/// `docs/mcp.md`: a check that is switched off by its name.
#[test]
fn t07_who_skips_the_check_of_origins_trusts_the_server() {
    let cases = [
        case("a code", |stage| {
            stage.serve_with_evil(
                &json!({ "authorization_endpoint": stage.at_honest("/authorize").as_str() }),
            );
            let access = discover(stage, |resource| resource.skip_origin_check(SkipOriginCheck));
            let ended = log_in(stage, access.expect("it is trusted"), "");
            ended.expect("nothing tells whose code it is");
            assert!(stage.evil.requests().iter().any(|request| request.contains(CODE)));
        }),
        case("the code of a device", |stage| {
            stage.serve_with_evil(
                &json!({ "device_authorization_endpoint": stage.at_honest("/device").as_str() }),
            );
            let access = discover(stage, |resource| resource.skip_origin_check(SkipOriginCheck));
            let client = access.expect("it is trusted").server().client("c");
            let grant = stage
                .run(DeviceAuthorizationRequest::new(&client).flow())
                .expect("codes");
            let ended = stage.run(TokenRequest::device_code(&client, grant.device_code().clone()).flow());
            ended.expect("nothing tells whose code it is");
            assert!(
                stage
                    .evil
                    .requests()
                    .iter()
                    .any(|request| request.contains(DEVICE_CODE))
            );
        }),
    ];
    each_leaks("SkipOriginCheck", &cases);
}
