//! Metadata: a document is about the server that was asked, and each of its addresses is safe.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{AuthorizationRequest, Error, Issuer, MetadataRequest, ServerMetadata, SkipS256Check};
use serde_json::{Value, json};

use super::{JSON, at, problem, reply};

const ISSUER: &str = "https://server.example.com/a";

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example.com/authorize?tenant=1",
        "token_endpoint": "https://server.example.com/token",
        "revocation_endpoint": "https://server.example.com/revoke",
        "introspection_endpoint": "https://server.example.com/introspect",
        "device_authorization_endpoint": "https://server.example.com/device",
        "pushed_authorization_request_endpoint": "https://server.example.com/par",
        "userinfo_endpoint": "https://server.example.com/me",
        "jwks_uri": "https://server.example.com/jwks.json",
        "code_challenge_methods_supported": ["plain", "S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": [{"anything": null}],
    })
}

fn read(issuer: &Issuer, document: &Value) -> Result<ServerMetadata, Error> {
    let reply = reply(200, JSON, document.to_string());
    at(|cx| MetadataRequest::new(issuer).parse(&reply, cx))
}

fn parse(document: &Value) -> Result<ServerMetadata, Error> {
    read(&Issuer::new(ISSUER).unwrap(), document)
}

fn changed(name: &str, value: Value) -> Result<ServerMetadata, Error> {
    let mut document = document();
    document[name] = value;
    parse(&document)
}

#[test]
fn a_client_comes_out_with_every_endpoint_and_the_promise_of_iss() {
    let metadata = parse(&document()).unwrap();
    let client = metadata.client("c");
    assert_eq!(client.id(), "c");
    assert_eq!(client.issuer().unwrap().as_str(), ISSUER);
    assert!(client.iss_promised());
    assert_eq!(
        client.token_endpoint().as_str(),
        "https://server.example.com/token"
    );
    assert_eq!(
        client.authorization_endpoint().unwrap().as_str(),
        "https://login.example.com/authorize?tenant=1"
    );
    assert_eq!(
        client.revocation_endpoint().unwrap().as_str(),
        "https://server.example.com/revoke"
    );
    assert_eq!(
        client.introspection_endpoint().unwrap().as_str(),
        "https://server.example.com/introspect"
    );
    assert_eq!(
        metadata.device_authorization_endpoint().unwrap().as_str(),
        "https://server.example.com/device"
    );
    for known in [
        metadata.userinfo_endpoint().unwrap(),
        client.userinfo_endpoint().unwrap(),
    ] {
        assert_eq!(known.as_str(), "https://server.example.com/me");
    }
    assert_eq!(
        metadata.jwks_uri().unwrap().as_str(),
        "https://server.example.com/jwks.json"
    );
}

#[test]
fn q61_what_a_server_does_not_say_is_not_known() {
    let metadata =
        parse(&json!({"issuer": ISSUER, "token_endpoint": "https://x.example/t", "jwks_uri": null})).unwrap();
    assert!(!metadata.iss_promised());
    assert!(metadata.jwks_uri().is_none());
    assert!(metadata.client("c").authorization_endpoint().is_err());
    assert!(metadata.userinfo_endpoint().is_none() && metadata.client("c").userinfo_endpoint().is_err());
}

#[test]
fn t07_the_issuer_is_compared_byte_for_byte() {
    for other in [
        "https://server.example.com/a/",
        "https://server.example.com/A",
        "https://SERVER.example.com/a",
        "https://server.example.com:443/a",
        "https://server.example.com/%61",
        "https://server.example.com",
        "https://evil.example/a",
        "",
    ] {
        assert_eq!(
            problem(&changed("issuer", json!(other))),
            ReplyProblem::Issuer,
            "{other}"
        );
    }
    assert_eq!(
        problem(&changed("issuer", Value::Null)),
        ReplyProblem::Missing("issuer")
    );
    assert_eq!(
        problem(&changed("issuer", json!([ISSUER]))),
        ReplyProblem::Invalid("issuer")
    );
}

#[test]
fn t29_every_endpoint_is_https() {
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "device_authorization_endpoint",
        "registration_endpoint",
        "userinfo_endpoint",
        "pushed_authorization_request_endpoint",
        "jwks_uri",
    ] {
        for bad in [
            json!("http://server.example.com/x"),
            json!("http://127.0.0.1/x"),
            json!("file:///etc/passwd"),
            json!("javascript:alert(1)"),
            json!("/x"),
            json!(""),
            json!("https://u:p@x.example/"),
            json!(7),
            json!(["https://x.example/"]),
        ] {
            let result = changed(name, bad.clone());
            assert_eq!(problem(&result), ReplyProblem::Invalid(name), "{bad}");
        }
    }
    let mut without = document();
    without.as_object_mut().unwrap().remove("token_endpoint");
    assert_eq!(problem(&parse(&without)), ReplyProblem::Missing("token_endpoint"));
}

#[test]
fn t29_http_on_loopback_is_for_servers_that_are_there_themselves() {
    let issuer = Issuer::allow_http_for_loopback("http://127.0.0.1:8080").unwrap();
    let here = |token_endpoint| {
        read(
            &issuer,
            &json!({"issuer": "http://127.0.0.1:8080", "token_endpoint": token_endpoint}),
        )
    };
    assert!(here("http://127.0.0.1:8080/token").is_ok());
    assert!(here("https://server.example.com/token").is_ok());
    for bad in ["http://server.example.com/token", "http://localhost:8080/token"] {
        assert_eq!(
            problem(&here(bad)),
            ReplyProblem::Invalid("token_endpoint"),
            "{bad}"
        );
    }
}

#[test]
fn t05_a_server_that_lists_methods_without_s256_is_refused() {
    let name = "code_challenge_methods_supported";
    for bad in [
        json!(["plain"]),
        json!([]),
        json!(["s256"]),
        json!("S256"),
        json!([256]),
        json!({"S256": true}),
    ] {
        assert_eq!(
            problem(&changed(name, bad.clone())),
            ReplyProblem::Invalid(name),
            "{bad}"
        );
    }
    for good in [json!(["S256"]), json!(["plain", "S256"]), Value::Null] {
        assert!(changed(name, good.clone()).is_ok(), "{good}");
    }
}

#[test]
fn t05_a_list_that_is_known_to_be_wrong_is_passed_over_by_name_and_the_challenge_is_sent_all_the_same() {
    let issuer = Issuer::new(ISSUER).unwrap();
    let mut document = document();
    let read = |document: &Value| {
        let reply = reply(200, JSON, document.to_string());
        at(|cx| {
            let request = MetadataRequest::new(&issuer).skip_s256_check(SkipS256Check);
            let client = request.parse(&reply, cx)?.client("c");
            let (url, _) = AuthorizationRequest::new(&client, "https://app.example.com/cb").start(cx)?;
            Ok::<_, Error>(url.as_str().to_owned())
        })
    };
    document["code_challenge_methods_supported"] = json!(["plain"]);
    assert!(read(&document).unwrap().contains("code_challenge_method=S256"));
    document["code_challenge_methods_supported"] = json!("plain");
    assert!(read(&document).is_err(), "what is no list makes no sense still");
}

#[test]
fn a_promise_is_one_of_the_two_words_of_json() {
    let (promised, required) = (
        "authorization_response_iss_parameter_supported",
        "require_pushed_authorization_requests",
    );
    for name in [promised, required] {
        for bad in [json!("true"), json!(1), json!([])] {
            assert_eq!(
                problem(&changed(name, bad.clone())),
                ReplyProblem::Invalid(name),
                "{bad}"
            );
        }
    }
    assert!(!changed(promised, json!(false)).unwrap().iss_promised());
    assert!(!changed(required, json!(false)).unwrap().push_required());
    let requiring = changed(required, json!(true)).unwrap();
    assert!(requiring.push_required() && requiring.client("c").push_required());
    let par = "https://server.example.com/par";
    assert_eq!(
        requiring
            .pushed_authorization_request_endpoint()
            .unwrap()
            .as_str(),
        par
    );
    assert_eq!(
        requiring
            .client("c")
            .pushed_authorization_request_endpoint()
            .unwrap()
            .as_str(),
        par
    );
}

#[test]
fn t30_t32_a_document_is_json_without_repetitions() {
    let issuer = Issuer::new(ISSUER).unwrap();
    let parse = |media_type: &str, body: String| {
        at(|cx| MetadataRequest::openid(&issuer).parse(&reply(200, media_type, body), cx))
    };
    assert_eq!(
        problem(&parse("text/html", document().to_string())),
        ReplyProblem::MediaType
    );
    let twice = format!(
        r#"{{"issuer":"https://evil.example",{}"#,
        &document().to_string()[1..]
    );
    assert_eq!(problem(&parse(JSON, twice)), ReplyProblem::Repeated);
}

#[test]
fn v25_metadata_lie_where_rfc_8414_and_openid_connect_say() {
    let address = |request: &MetadataRequest| at(|cx| request.to_http(cx)).unwrap().uri().to_string();
    for (issuer, oauth, openid_before, openid_behind) in [
        (
            // RFC 8414 section 3.1 and OpenID Connect Discovery section 4.1.
            "https://example.com/issuer1",
            "https://example.com/.well-known/oauth-authorization-server/issuer1",
            "https://example.com/.well-known/openid-configuration/issuer1",
            "https://example.com/issuer1/.well-known/openid-configuration",
        ),
        (
            "https://example.com",
            "https://example.com/.well-known/oauth-authorization-server",
            "https://example.com/.well-known/openid-configuration",
            "https://example.com/.well-known/openid-configuration",
        ),
        (
            "https://example.com:8443/a/b/",
            "https://example.com:8443/.well-known/oauth-authorization-server/a/b",
            "https://example.com:8443/.well-known/openid-configuration/a/b",
            "https://example.com:8443/a/b/.well-known/openid-configuration",
        ),
    ] {
        let issuer = Issuer::new(issuer).unwrap();
        assert_eq!(address(&MetadataRequest::new(&issuer)), oauth);
        assert_eq!(
            address(&MetadataRequest::openid_before_path(&issuer)),
            openid_before
        );
        assert_eq!(address(&MetadataRequest::openid(&issuer)), openid_behind);
    }
}

#[test]
fn t05_silence_about_code_challenges_is_refused_where_they_are_required() {
    let issuer = Issuer::new(ISSUER).unwrap();
    let name = "code_challenge_methods_supported";
    let required = |list: Value| {
        let mut document = document();
        document[name] = list;
        let reply = reply(200, JSON, document.to_string());
        at(|cx| MetadataRequest::new(&issuer).requiring_s256().parse(&reply, cx))
    };
    assert!(required(json!(["S256"])).unwrap().s256_listed());
    assert_eq!(problem(&required(Value::Null)), ReplyProblem::Missing(name));
    assert_eq!(problem(&required(json!(["plain"]))), ReplyProblem::Invalid(name));
    assert!(!changed(name, Value::Null).unwrap().s256_listed());
}

#[test]
fn what_a_server_can_do_is_read_and_odd_lists_cost_nothing() {
    let mut document = document();
    document["registration_endpoint"] = json!("https://server.example.com/register");
    document["client_id_metadata_document_supported"] = json!(true);
    document["scopes_supported"] = json!(["mcp", "a b", "\u{e4}", "offline_access"]);
    document["token_endpoint_auth_methods_supported"] = json!(["none", "private_key_jwt"]);
    document["grant_types_supported"] = json!(["authorization_code"]);
    let metadata = parse(&document).unwrap();
    let registration = metadata.registration_endpoint().unwrap();
    assert_eq!(registration.as_str(), "https://server.example.com/register");
    assert!(metadata.client_id_metadata_document_supported());
    assert_eq!(
        metadata.scopes_supported().unwrap().to_string(),
        "mcp offline_access"
    );
    assert_eq!(
        metadata.token_endpoint_auth_methods_supported().unwrap(),
        ["none", "private_key_jwt"]
    );
    assert_eq!(metadata.grant_types_supported().unwrap(), ["authorization_code"]);

    for name in [
        "scopes_supported",
        "token_endpoint_auth_methods_supported",
        "grant_types_supported",
    ] {
        for odd in [json!("x"), json!([1]), json!({}), json!(false)] {
            assert!(changed(name, odd.clone()).is_ok(), "{name}: {odd}");
        }
    }
    for no in [json!("true"), json!(1), json!(false), Value::Null] {
        let metadata = changed("client_id_metadata_document_supported", no).unwrap();
        assert!(!metadata.client_id_metadata_document_supported());
    }
    let many: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    assert!(
        changed("scopes_supported", json!(many))
            .unwrap()
            .scopes_supported()
            .is_none()
    );
}

#[test]
fn the_document_is_asked_for_with_get_and_no_credentials() {
    let request = at(|cx| MetadataRequest::new(&Issuer::new(ISSUER).unwrap()).to_http(cx)).unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!(request.headers()["accept"], JSON);
    assert!(request.headers().get("authorization").is_none() && request.body().is_empty());
}

#[test]
fn t26_an_error_names_the_issuer_of_the_document_if_it_could_be_one() {
    let named = |issuer: &str| match changed("issuer", json!(issuer)) {
        Err(Error::BadReply(bad)) => bad.named().map(str::to_owned),
        other => panic!("{other:?}"),
    };
    let other = "https://server.example.com/a/";
    assert_eq!(named(other).as_deref(), Some(other));
    let error = changed("issuer", json!(other)).unwrap_err();
    assert!(error.to_string().ends_with(&format!(": {other}")), "{error}");
    let long = format!("https://x.example/{}", "a".repeat(600));
    for hostile in [
        "",
        "evil",
        "https://x.example/?q",
        "https://u:p@x.example/",
        "https://x.example/\u{1b}[2J",
        &long,
    ] {
        assert_eq!(named(hostile), None, "{hostile}");
    }
}

#[test]
fn metadata_that_are_not_there_are_told_with_the_address_that_was_asked() {
    let issuer = Issuer::new(ISSUER).unwrap();
    for (request, address) in [
        (
            MetadataRequest::new(&issuer),
            "https://server.example.com/.well-known/oauth-authorization-server/a",
        ),
        (
            MetadataRequest::openid(&issuer),
            "https://server.example.com/a/.well-known/openid-configuration",
        ),
    ] {
        for body in [r#"{"error":"not_found"}"#, "<html>", ""] {
            let error = at(|cx| request.parse(&reply(404, JSON, body), cx)).unwrap_err();
            let Error::BadReply(bad) = &error else {
                panic!("{error:?}")
            };
            assert_eq!(
                (bad.problem(), bad.named()),
                (ReplyProblem::NoMetadata, Some(address))
            );
            assert_eq!(
                error.to_string(),
                format!("the server's reply (404) is that there are no metadata at {address}")
            );
        }
    }
}

#[test]
fn a_client_with_a_certificate_goes_to_the_aliases_and_no_other_client_does() {
    let aliases = json!({
        "token_endpoint": "https://mtls.example.com/token",
        "revocation_endpoint": "https://mtls.example.com/revoke",
        "introspection_endpoint": "https://mtls.example.com/introspect",
        "device_authorization_endpoint": "https://mtls.example.com/device",
        "pushed_authorization_request_endpoint": "https://mtls.example.com/par",
        "userinfo_endpoint": "https://mtls.example.com/me",
        "unheard_of": 7,
    });
    let metadata = changed("mtls_endpoint_aliases", aliases.clone()).unwrap();
    assert!(metadata.has_mtls_endpoint_aliases() && !metadata.over_mtls().has_mtls_endpoint_aliases());
    assert!(!metadata.binds_to_certificates());
    let places = |metadata: &ServerMetadata| {
        let client = metadata.client("c");
        [
            client.token_endpoint().as_str().to_owned(),
            client.revocation_endpoint().unwrap().as_str().to_owned(),
            client.introspection_endpoint().unwrap().as_str().to_owned(),
            client
                .device_authorization_endpoint()
                .unwrap()
                .as_str()
                .to_owned(),
            client
                .pushed_authorization_request_endpoint()
                .unwrap()
                .as_str()
                .to_owned(),
            client.userinfo_endpoint().unwrap().as_str().to_owned(),
            client.authorization_endpoint().unwrap().as_str().to_owned(),
            client.issuer().unwrap().as_str().to_owned(),
        ]
    };
    assert_eq!(places(&metadata), places(&parse(&document()).unwrap()));
    let over_mtls = places(&metadata.over_mtls());
    for (at, name) in ["token", "revoke", "introspect", "device", "par", "me"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(over_mtls[at], format!("https://mtls.example.com/{name}"));
    }
    // The browser of a user shows no certificate of ours, and the server's name is its name.
    assert_eq!(over_mtls[6..], places(&metadata)[6..]);
    // One that is not named is where it always was.
    let one = changed(
        "mtls_endpoint_aliases",
        json!({ "token_endpoint": aliases["token_endpoint"] }),
    );
    let one = places(&one.unwrap().over_mtls());
    assert_eq!(one[0], over_mtls[0]);
    assert_eq!(one[1..], places(&metadata)[1..]);
    let promised = changed("tls_client_certificate_bound_access_tokens", json!(true));
    assert!(promised.unwrap().binds_to_certificates());
}

#[test]
fn t29_an_alias_keeps_to_the_rules_of_the_endpoint_that_it_stands_for() {
    for wrong in [
        json!("https://mtls.example.com/token"),
        json!(["https://mtls.example.com/token"]),
        json!({ "token_endpoint": "http://mtls.example.com/token" }),
        json!({ "token_endpoint": "http://127.0.0.1/token" }),
        json!({ "revocation_endpoint": "https://ann@mtls.example.com/revoke" }),
        json!({ "userinfo_endpoint": 7 }),
    ] {
        let refused = changed("mtls_endpoint_aliases", wrong);
        let expected = ReplyProblem::Invalid("mtls_endpoint_aliases");
        assert_eq!(problem(&refused), expected);
    }
}
