//! Registration of clients, and what is done with a registration later.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{
    ClientMetadata, DeregistrationRequest, Endpoint, Error, Issuer, MetadataRequest, Registration,
    RegistrationRequest, Secret, ServerMetadata, Timestamp,
};
use serde_json::{Value, json};

use super::{CANARY, JSON, NOW, at, body, problem, refused, reply};

const ISSUER: &str = "https://server.example.com";

fn server(methods: Value) -> ServerMetadata {
    let document = json!({
        "issuer": ISSUER,
        "token_endpoint": "https://server.example.com/token",
        "registration_endpoint": "https://server.example.com/register",
        "token_endpoint_auth_methods_supported": methods,
    });
    let reply = reply(200, JSON, document.to_string());
    at(|cx| MetadataRequest::new(&Issuer::new(ISSUER).unwrap()).parse(&reply, cx)).unwrap()
}

fn metadata() -> ClientMetadata {
    ClientMetadata::new("Notes", ["http://127.0.0.1/cb"])
}

/// What the server is asked, and what is made of its answer.
fn register(
    methods: Value,
    metadata: ClientMetadata,
    answer: &Value,
) -> (Value, Result<Registration, Error>) {
    let request = RegistrationRequest::at(&server(methods), metadata).unwrap();
    let sent = at(|cx| request.to_http(cx)).unwrap();
    let asked = serde_json::from_str(body(&sent)).unwrap();
    (
        asked,
        at(|cx| request.parse(&reply(201, JSON, answer.to_string()), cx)),
    )
}

fn registered(answer: &Value) -> Result<Registration, Error> {
    register(json!(["none"]), metadata(), answer).1
}

/// All that a server may say.
fn full() -> Registration {
    registered(&json!({
        "client_id": "c1",
        "client_secret": CANARY,
        "client_id_issued_at": NOW,
        "client_secret_expires_at": NOW + 60,
        "registration_access_token": "canary-7d3f-rat",
        "registration_client_uri": "https://server.example.com/register/c1",
        "token_endpoint_auth_method": "client_secret_basic",
        "client_name": "Notes",
        "anything": {"else": 1},
    }))
    .unwrap()
}

#[test]
fn a_client_is_registered_with_what_it_says_of_itself() {
    let request = RegistrationRequest::new(
        &Issuer::new(ISSUER).unwrap(),
        &Endpoint::new("https://server.example.com/register").unwrap(),
        metadata()
            .native()
            .with_texts("contacts", ["ann@example.com"])
            .with_software_statement("a.b.c"),
    );
    let sent = at(|cx| {
        request
            .clone()
            .with_initial_access_token(Secret::new("iat"))
            .to_http(cx)
    })
    .unwrap();
    assert_eq!((sent.method().as_str(), sent.uri().path()), ("POST", "/register"));
    assert_eq!(sent.headers()["content-type"], JSON);
    assert_eq!(sent.headers()["authorization"], "Bearer iat");
    assert!(sent.headers()["authorization"].is_sensitive());
    assert_eq!(
        serde_json::from_str::<Value>(body(&sent)).unwrap(),
        json!({
            "client_name": "Notes",
            "redirect_uris": ["http://127.0.0.1/cb"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "application_type": "native",
            "contacts": ["ann@example.com"],
            "software_statement": "a.b.c",
        })
    );
    assert!(
        at(|cx| request.to_http(cx))
            .unwrap()
            .headers()
            .get("authorization")
            .is_none()
    );
}

#[test]
fn the_way_to_authenticate_is_one_that_the_server_takes() {
    let method = |methods: Value, metadata: ClientMetadata| {
        let (asked, _) = register(methods, metadata, &json!({}));
        asked["token_endpoint_auth_method"].as_str().map(str::to_owned)
    };
    let chosen = |methods| method(methods, metadata());
    assert_eq!(
        chosen(json!(["client_secret_post", "none"])).as_deref(),
        Some("none")
    );
    assert_eq!(
        chosen(json!(["client_secret_post", "client_secret_basic"])).as_deref(),
        Some("client_secret_basic")
    );
    assert_eq!(
        chosen(json!(["client_secret_post"])).as_deref(),
        Some("client_secret_post")
    );
    assert_eq!(chosen(Value::Null).as_deref(), Some("none"));
    assert_eq!(chosen(json!(["private_key_jwt"])), None);
    let own = metadata().with_authentication_method("private_key_jwt");
    assert_eq!(method(json!(["none"]), own).as_deref(), Some("private_key_jwt"));
}

#[test]
fn the_client_authenticates_as_it_was_registered() {
    let method = |methods: Value, answer: Value| {
        let registration = register(methods.clone(), metadata(), &answer).1.unwrap();
        registration
            .client(&server(methods))
            .unwrap()
            .authentication()
            .method()
            .to_owned()
    };
    let with =
        |method: &str| json!({"client_id": "c", "client_secret": "s", "token_endpoint_auth_method": method});
    assert_eq!(
        method(json!(["none"]), with("client_secret_post")),
        "client_secret_post"
    );
    assert_eq!(
        method(json!(["none"]), with("client_secret_basic")),
        "client_secret_basic"
    );
    assert_eq!(method(json!(["none"]), with("none")), "none");
    assert_eq!(
        method(json!(["none"]), with("private_key_jwt")),
        "private_key_jwt"
    );
    // Without a word it is what was asked for, and with a secret that nobody asked for, what RFC 7591 says.
    let silent = json!({"client_id": "c", "client_secret": "s"});
    assert_eq!(method(json!(["none"]), silent.clone()), "none");
    assert_eq!(
        method(json!(["client_secret_post"]), silent.clone()),
        "client_secret_post"
    );
    assert_eq!(method(Value::Null, silent), "client_secret_basic");
    assert_eq!(method(Value::Null, json!({"client_id": "c"})), "none");
    assert_eq!(
        method(json!(["client_secret_basic"]), json!({"client_id": "c"})),
        "none"
    );
}

#[test]
fn t07_a_registration_is_of_the_server_that_made_it() {
    let other = json!({"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"});
    let other = reply(200, JSON, other.to_string());
    let evil = Issuer::new("https://evil.example").unwrap();
    let evil = at(|cx| MetadataRequest::new(&evil).parse(&other, cx)).unwrap();
    assert!(matches!(full().client(&evil), Err(Error::InvalidInput(_))));
    assert_eq!(full().issuer().as_str(), ISSUER);

    // By an address alone, too: whoever registers says with whom.
    let endpoint = Endpoint::new("https://server.example.com/register").unwrap();
    let request = RegistrationRequest::new(&Issuer::new(ISSUER).unwrap(), &endpoint, metadata());
    let answer = reply(201, JSON, r#"{"client_id":"c","client_secret":"s"}"#);
    let registration = at(|cx| request.parse(&answer, cx)).unwrap();
    assert!(matches!(registration.client(&evil), Err(Error::InvalidInput(_))));
    assert!(registration.client(&server(Value::Null)).is_ok());
}

#[test]
fn a_secret_ends_when_the_server_says() {
    let end = |value: Value| {
        registered(&json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": value}))
    };
    let now = Timestamp::from_unix_seconds(NOW);
    for never in [json!(0), json!("0"), Value::Null] {
        let registration = end(never.clone()).unwrap();
        assert!(
            registration.secret_expires_at().is_none() && !registration.is_over(now),
            "{never}"
        );
    }
    for (value, over) in [
        (json!(NOW), true),
        (json!(NOW + 1), false),
        (json!("1799999999"), true),
        (json!(1e300), false),
        (json!(-5), true),
    ] {
        assert_eq!(end(value.clone()).unwrap().is_over(now), over, "{value}");
    }
    assert_eq!(
        problem(&end(json!("soon"))),
        ReplyProblem::Invalid("client_secret_expires_at")
    );
}

#[test]
fn what_makes_no_sense_is_an_error_and_a_refusal_is_the_servers() {
    assert_eq!(
        problem(&registered(&json!({}))),
        ReplyProblem::Missing("client_id")
    );
    assert_eq!(
        problem(&registered(&json!({"client_id": 7}))),
        ReplyProblem::Invalid("client_id")
    );
    for bad in ["http://server.example.com/c", "http://127.0.0.1/c", "/c"] {
        let answer = json!({"client_id": "c", "registration_client_uri": bad});
        assert_eq!(
            problem(&registered(&answer)),
            ReplyProblem::Invalid("registration_client_uri"),
            "{bad}"
        );
    }
    let request = RegistrationRequest::at(&server(Value::Null), metadata()).unwrap();
    let refusal = reply(400, JSON, r#"{"error":"invalid_redirect_uri"}"#);
    assert_eq!(
        refused(&at(|cx| request.parse(&refusal, cx))),
        "invalid_redirect_uri"
    );
    let silent = json!({"issuer": ISSUER, "token_endpoint": "https://server.example.com/token"});
    let silent = reply(200, JSON, silent.to_string());
    let silent = at(|cx| MetadataRequest::new(&Issuer::new(ISSUER).unwrap()).parse(&silent, cx)).unwrap();
    assert!(matches!(
        RegistrationRequest::at(&silent, metadata()),
        Err(Error::InvalidInput(_))
    ));
}

#[test]
fn t39_a_registration_is_looked_after_by_its_own_server_alone() {
    let issuer = Issuer::new(ISSUER).unwrap();
    let endpoint = Endpoint::new("https://clients.example.com/register").unwrap();
    let request = RegistrationRequest::new(&issuer, &endpoint, metadata());
    let named = |request: &RegistrationRequest, uri: &str| {
        let answer =
            json!({"client_id": "c1", "registration_client_uri": uri, "registration_access_token": "t"});
        at(|cx| request.parse(&reply(201, JSON, answer.to_string()), cx))
    };
    for own in ["https://clients.example.com/c1", "https://server.example.com/c1"] {
        assert!(named(&request, own).is_ok(), "{own}");
    }
    let read = RegistrationRequest::read(&full()).unwrap();
    for foreign in [
        "https://169.254.169.254/c1",
        "https://evil.example/c1",
        "https://server.example.com:8443/c1",
        "https://clients.example.com.evil.example/c1",
    ] {
        for request in [&request, &read] {
            assert_eq!(
                problem(&named(request, foreign)),
                ReplyProblem::Invalid("registration_client_uri"),
                "{foreign}"
            );
        }
    }
}

#[test]
fn a_registration_is_read_changed_and_ended_with_its_own_token() {
    let known = full();
    let read = RegistrationRequest::read(&known).unwrap();
    let sent = at(|cx| read.to_http(cx)).unwrap();
    assert_eq!(
        (sent.method().as_str(), sent.uri().path(), sent.body().len()),
        ("GET", "/register/c1", 0)
    );
    assert_eq!(sent.headers()["authorization"], "Bearer canary-7d3f-rat");

    let update = RegistrationRequest::update(&known, metadata()).unwrap();
    let sent = at(|cx| update.to_http(cx)).unwrap();
    let asked: Value = serde_json::from_str(body(&sent)).unwrap();
    assert_eq!(sent.method(), "PUT");
    assert_eq!(
        (&asked["client_id"], &asked["client_secret"]),
        (&json!("c1"), &json!(CANARY))
    );
    for never in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        assert!(asked.get(never).is_none(), "RFC 7592 section 2.2: {never}");
    }

    assert_eq!(asked["token_endpoint_auth_method"], "client_secret_basic");

    let end = DeregistrationRequest::new(&known).unwrap();
    let sent = at(|cx| end.to_http(cx)).unwrap();
    assert_eq!((sent.method().as_str(), sent.body().len()), ("DELETE", 0));
    assert!(at(|cx| end.parse(&reply(204, "", ""), cx)).is_ok());
    assert_eq!(
        refused(&at(
            |cx| end.parse(&reply(401, JSON, r#"{"error":"invalid_token"}"#), cx)
        )),
        "invalid_token"
    );

    let unmanaged = registered(&json!({"client_id": "c", "registration_access_token": "t"})).unwrap();
    assert!(
        RegistrationRequest::read(&unmanaged).is_err() && DeregistrationRequest::new(&unmanaged).is_err()
    );
}

#[test]
fn an_update_leaves_a_public_client_public_unless_it_says_otherwise() {
    let public = registered(&json!({
        "client_id": "c1",
        "registration_access_token": "t",
        "registration_client_uri": "https://server.example.com/register/c1",
    }))
    .unwrap();
    let asked = |metadata: ClientMetadata| {
        let update = RegistrationRequest::update(&public, metadata).unwrap();
        let sent: Value = serde_json::from_str(body(&at(|cx| update.to_http(cx)).unwrap())).unwrap();
        sent["token_endpoint_auth_method"].clone()
    };
    assert_eq!(asked(metadata()), "none");
    let other = metadata().with_authentication_method("client_secret_post");
    assert_eq!(asked(other), "client_secret_post");
}

#[test]
fn what_a_later_reply_leaves_out_stays_and_what_it_says_is_new() {
    let read = RegistrationRequest::read(&full()).unwrap();
    let after = |answer: Value| at(|cx| read.parse(&reply(200, JSON, answer.to_string()), cx));
    let same = after(json!({"client_id": "c1"})).unwrap();
    assert_eq!(same.client_secret().unwrap().expose(), CANARY);
    let end = Timestamp::from_unix_seconds(NOW + 60);
    assert_eq!(same.secret_expires_at(), Some(end));
    assert!(same.is_over(end), "the same secret ends as it did");
    let endless = after(json!({"client_id": "c1", "client_secret_expires_at": 0})).unwrap();
    assert_eq!(endless.secret_expires_at(), None);
    assert_eq!(same.access_token().unwrap().expose(), "canary-7d3f-rat");
    assert_eq!(
        same.client_uri().unwrap().as_str(),
        "https://server.example.com/register/c1"
    );
    assert_eq!(same.authentication_method(), "client_secret_basic");
    let new =
        after(json!({"client_id": "c1", "registration_access_token": "new", "client_secret": "s2"})).unwrap();
    assert_eq!(new.access_token().unwrap().expose(), "new");
    assert_eq!(new.client_secret().unwrap().expose(), "s2");
    assert_eq!(new.secret_expires_at(), None, "another secret, with no end");
    assert_eq!(
        problem(&after(json!({"client_id": "c2"}))),
        ReplyProblem::Invalid("client_id")
    );
}

#[test]
fn a_registration_is_kept_and_read_again() {
    let known = full();
    let again = Registration::from_json(known.expose_json().expose()).unwrap();
    assert_eq!(again.expose_json().expose(), known.expose_json().expose());
    assert_eq!(
        known.expose_json().expose(),
        concat!(
            r#"{"grantflow_registration":1,"issuer":"https://server.example.com","client_id":"c1","client_secret":"canary-7d3f","#,
            r#""client_secret_expires_at":"2027-01-15T08:01:00Z","token_endpoint_auth_method":"client_secret_basic","#,
            r#""registration_access_token":"canary-7d3f-rat","registration_client_uri":"https://server.example.com/register/c1"}"#
        )
    );
    for bad in [
        "",
        "{}",
        r#"{"grantflow_registration":1,"client_id":"c","client_secret":"s","token_endpoint_auth_method":"client_secret_basic"}"#,
        r#"{"grantflow_registration":2,"issuer":"https://server.example.com","client_id":"c","token_endpoint_auth_method":"none"}"#,
        r#"{"grantflow_registration":0,"issuer":"https://server.example.com","client_id":"c","token_endpoint_auth_method":"none"}"#,
        r#"{"grantflow_registration":1,"issuer":"https://server.example.com","client_id":"c"}"#,
        r#"{"grantflow_registration":1,"client_id":"c","token_endpoint_auth_method":"none","issuer":"http://x.example"}"#,
    ] {
        assert!(Registration::from_json(bad).is_err(), "{bad}");
    }
}

#[test]
fn t59_no_secret_of_a_registration_is_printed() {
    let known = full();
    let update = RegistrationRequest::update(&known, metadata().with_software_statement(CANARY)).unwrap();
    let end = DeregistrationRequest::new(&known).unwrap();
    let sent = at(|cx| update.to_http(cx)).unwrap();
    let printed = format!("{known:?} {update:?} {end:?} {sent:?}");
    assert!(!printed.contains("canary"), "{printed}");
}

#[test]
fn a_document_says_its_own_address_and_never_a_secret() {
    let address = |text: &str| Endpoint::allow_http_for_loopback(text).unwrap();
    let at = address("https://notes.example.com/client.json");
    let document: Value = serde_json::from_str(&metadata().document(&at).unwrap()).unwrap();
    assert_eq!(document["client_id"], "https://notes.example.com/client.json");
    assert_eq!(document["token_endpoint_auth_method"], "none");
    assert!(
        metadata()
            .with_authentication_method("client_secret_basic")
            .document(&at)
            .is_err()
    );
    assert!(
        metadata()
            .with_authentication_method("private_key_jwt")
            .document(&at)
            .is_ok()
    );
    for bad in [
        "https://notes.example.com",
        "https://notes.example.com/",
        "https://notes.example.com/?x",
        "https://notes.example.com?x",
        "https://notes.example.com/a/../client.json",
        "https://notes.example.com/./client.json",
        "http://127.0.0.1/client.json",
    ] {
        assert!(metadata().document(&address(bad)).is_err(), "{bad}");
    }
    assert!(metadata().with_json("jwks", "{").is_err());
    assert!(
        metadata()
            .with_json("jwks", r#"{"keys":[]}"#)
            .unwrap()
            .document(&at)
            .unwrap()
            .contains(r#""jwks":{"keys":[]}"#)
    );
}
