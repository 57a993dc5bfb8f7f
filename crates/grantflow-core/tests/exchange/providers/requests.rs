//! Requests to token endpoints (lines 21 to 33), as the provider wants them.

use grantflow_core::{
    Authentication, Client, Endpoint, Error, Key, Provenance, Quirks, Record, Request, RevocationRequest,
    Scopes, Secret, Timestamp, Token, TokenRequest, TokenTypeHint,
};

use super::{redirected, value, with};
use crate::{CANARY, JSON, at, body, client, pairs, problem, refresh, reply};

fn request(request: &TokenRequest) -> Request {
    at(|cx| request.to_http(cx)).unwrap()
}

/// The exchange of a code for a client, as a form.
fn exchange(client: &Client) -> Vec<(String, String)> {
    let code = redirected(client, "code=c").unwrap();
    pairs(
        request(&TokenRequest::authorization_code(client, code))
            .body()
            .as_bytes(),
    )
}

fn refreshing(client: &Client) -> Vec<(String, String)> {
    pairs(request(&refresh(client)).body().as_bytes())
}

fn authorization(client: &Client) -> Option<String> {
    let request = request(&refresh(client));
    let header = request.headers().get("authorization")?;
    assert!(header.is_sensitive());
    Some(header.to_str().unwrap().to_owned())
}

#[test]
fn q21_a_secret_is_in_the_header_or_in_the_body_and_never_in_both() {
    let (basic, post) = (client().with_secret_basic("s"), client().with_secret_post("s"));
    assert_eq!(authorization(&basic).unwrap(), "Basic czZCaGRSa3F0Mzpz");
    assert_eq!(value(&refreshing(&basic), "client_secret"), None);
    assert_eq!(value(&refreshing(&basic), "client_id"), None);
    assert_eq!(authorization(&post), None);
    assert_eq!(value(&refreshing(&post), "client_secret"), Some("s"));

    let stripe = with(|quirks| quirks.bearer_secret = true).with_secret_basic("sk_1");
    assert_eq!(authorization(&stripe).unwrap(), "Bearer sk_1");
    assert_eq!(value(&refreshing(&stripe), "client_secret"), None);
    let broken = with(|quirks| quirks.bearer_secret = true).with_secret_basic("a\nb");
    assert!(matches!(
        at(|cx| refresh(&broken).to_http(cx)),
        Err(Error::InvalidInput(_))
    ));
}

#[test]
fn q22_basic_is_encoded_as_the_standard_says_unless_the_quirk_is_named() {
    let decoded = |client: &Client| {
        use base64::Engine as _;
        let header = authorization(client).unwrap();
        let pair = base64::engine::general_purpose::STANDARD.decode(header.strip_prefix("Basic ").unwrap());
        String::from_utf8(pair.unwrap()).unwrap()
    };
    let client = client().with_secret_basic("a+b%");
    assert_eq!(decoded(&client), "s6BhdRkqt3:a%2Bb%25");
    let raw = with(|quirks| quirks.raw_basic = true).with_secret_basic("a+b%");
    assert_eq!(decoded(&raw), "s6BhdRkqt3:a+b%");
}

#[test]
fn q23_a_client_without_a_secret_sends_its_id_in_the_body_or_as_the_provider_wants() {
    assert_eq!(value(&refreshing(&client()), "client_id"), Some("s6BhdRkqt3"));
    assert_eq!(authorization(&client()), None);
    let reddit = with(|quirks| quirks.basic_without_secret = true);
    assert_eq!(authorization(&reddit).unwrap(), "Basic czZCaGRSa3F0Mzo=");
    assert_eq!(value(&refreshing(&reddit), "client_id"), None);
}

#[test]
fn q24_the_id_stands_beside_basic_where_the_quirk_is_named() {
    let x = with(|quirks| quirks.client_id_beside_basic = true).with_secret_basic("s");
    assert_eq!(value(&refreshing(&x), "client_id"), Some("s6BhdRkqt3"));
    assert_eq!(value(&refreshing(&x), "client_secret"), None);
    assert!(authorization(&x).unwrap().starts_with("Basic "));
}

#[test]
fn q25_requests_are_json_where_the_quirk_is_named() {
    let notion = with(|quirks| quirks.json_requests = true).with_secret_basic("s");
    let token = Secret::new("a\"b\u{e4}");
    let requests = [
        request(&TokenRequest::refresh(&notion, token.clone())),
        at(|cx| RevocationRequest::new(&notion, &token, TokenTypeHint::AccessToken).to_http(cx)).unwrap(),
    ];
    for request in &requests {
        assert_eq!(request.headers()["content-type"], JSON);
        assert_eq!(request.headers()["accept"], JSON);
        assert!(request.headers().contains_key("authorization"));
    }
    assert_eq!(
        body(&requests[0]),
        r#"{"grant_type":"refresh_token","refresh_token":"a\"bä"}"#
    );
    assert_eq!(
        body(&requests[1]),
        r#"{"token":"a\"bä","token_type_hint":"access_token"}"#
    );
}

/// A secret in an address is in the logs of every proxy and server on its way: those providers' refreshes are not done here.
#[test]
fn q26_no_quirk_puts_a_secret_into_an_address() {
    // All of them at once, by their names as they stand in records: one that is new is here too.
    let mut every = serde_json::to_value(Quirks::default()).unwrap();
    for (name, value) in [
        ("client_id_beside_basic", true.into()),
        ("json_requests", true.into()),
        ("form_post", true.into()),
        ("no_response_type", true.into()),
        (
            "renamed_parameters",
            serde_json::json!({"client_id": "appid", "client_secret": "secret"}),
        ),
        (
            "refresh_parameters",
            serde_json::json!({"grant_type": "ig_refresh_token"}),
        ),
    ] {
        every[name] = value;
    }
    let every: Quirks = serde_json::from_value(every).unwrap();
    let client = client().with_quirks(every).with_secret_post(CANARY);
    let (url, _) = super::begun(&client, "a");
    assert!(url.iter().all(|(_, value)| !value.contains(CANARY)));
    for request in [
        request(&TokenRequest::refresh(&client, Secret::new(CANARY))),
        request(&TokenRequest::client_credentials(&client)),
        at(|cx| {
            RevocationRequest::new(&client, &Secret::new(CANARY), TokenTypeHint::AccessToken).to_http(cx)
        })
        .unwrap(),
    ] {
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri().query(), None);
    }
}

#[test]
fn q27_parameters_have_the_providers_names_and_what_secures_the_flow_its_own() {
    let wechat = with(|quirks| {
        for (standard, theirs) in [
            ("client_id", "appid"),
            ("client_secret", "secret"),
            ("code", "auth_code"),
            ("code_verifier", "v"),
            ("state", "s"),
        ] {
            quirks
                .renamed_parameters
                .insert(standard.to_owned(), theirs.to_owned());
        }
    })
    .with_secret_post("s&s");
    let sent = exchange(&wechat);
    assert_eq!(value(&sent, "appid"), Some("s6BhdRkqt3"));
    assert_eq!(value(&sent, "secret"), Some("s&s"));
    assert_eq!(value(&sent, "auth_code"), Some("c"));
    assert_eq!(value(&sent, "client_id"), None);
    assert_eq!(value(&sent, "code_verifier").unwrap().len(), 43);
    let (url, _) = super::begun(&wechat, "a");
    assert_eq!(value(&url, "appid"), Some("s6BhdRkqt3"));
    assert_eq!(value(&url, "state").unwrap().len(), 43);
    let revoke = RevocationRequest::new(&wechat, &Secret::new("t"), TokenTypeHint::AccessToken);
    let revoke = at(|cx| revoke.to_http(cx)).unwrap();
    assert_eq!(
        value(&pairs(revoke.body().as_bytes()), "appid"),
        Some("s6BhdRkqt3")
    );
}

#[test]
fn q28_the_redirect_address_is_sent_when_the_provider_wants_it() {
    assert_eq!(
        value(&exchange(&client()), "redirect_uri"),
        Some("http://127.0.0.1:7777/cb")
    );
    assert_eq!(value(&refreshing(&client()), "redirect_uri"), None);
    let omitted = with(|quirks| quirks.no_redirect_uri_in_exchange = true);
    assert_eq!(value(&exchange(&omitted), "redirect_uri"), None);
    let again = with(|quirks| {
        let address = ("redirect_uri".to_owned(), "https://app.example/cb".to_owned());
        quirks.refresh_parameters.extend([address]);
    });
    assert_eq!(
        value(&refreshing(&again), "redirect_uri"),
        Some("https://app.example/cb")
    );
}

#[test]
fn q29_refreshes_go_to_an_endpoint_of_their_own_also_from_a_record() {
    let own = Endpoint::new("https://server.example.com/refresh").unwrap();
    let figma = client().with_refresh_endpoint(own.clone());
    assert_eq!(
        request(&refresh(&figma)).uri(),
        "https://server.example.com/refresh"
    );
    let code = redirected(&figma, "code=c").unwrap();
    let exchange = TokenRequest::authorization_code(&figma, code);
    assert_eq!(request(&exchange).uri(), "https://server.example.com/token");
    assert_eq!(
        request(&TokenRequest::client_credentials(&figma)).uri(),
        "https://server.example.com/token"
    );
    let stored = stored(&figma);
    assert_eq!(*stored.client().refresh_endpoint(), own);
    assert_eq!(
        *self::stored(&client()).client().refresh_endpoint(),
        *client().token_endpoint()
    );
}

/// What a store gives back of a record of this client.
fn stored(client: &Client) -> Record {
    let record = Record::new(
        Key::new(client, Scopes::parse("a b").unwrap()),
        client.clone(),
        Token::bearer("t", Timestamp::default()),
        Provenance::new("authorization_code", Timestamp::default()),
    );
    Record::from_json(record.expose_json().expose()).unwrap()
}

#[test]
fn every_quirk_comes_back_from_a_record() {
    let client = with(|quirks| {
        quirks.without_pkce = true;
        quirks.scopes_on_refresh = true;
        quirks.lifetime_unit = grantflow_core::LifetimeUnit::Minutes;
        quirks.reply_object = Some("data".to_owned());
        quirks
            .error_codes
            .insert("a".to_owned(), "invalid_grant".to_owned());
        quirks.kept_callback_parameters.push("realmId".to_owned());
    });
    assert_eq!(stored(&client).client().quirks(), client.quirks());
    assert!(!stored(&crate::client()).expose_json().expose().contains("pkce"));
}

#[test]
fn q31_a_grant_of_any_name_is_presented() {
    let zoom = client().with_secret_basic("s");
    let account = TokenRequest::extension(&zoom, "account_credentials", [("account_id", Secret::new("A 1"))]);
    let sent = pairs(request(&account).body().as_bytes());
    assert_eq!(value(&sent, "grant_type"), Some("account_credentials"));
    assert_eq!(value(&sent, "account_id"), Some("A 1"));
    let facebook = TokenRequest::extension(
        &client().with_secret_post("s"),
        "fb_exchange_token",
        [("fb_exchange_token", Secret::new("t"))],
    );
    let sent = pairs(request(&facebook).body().as_bytes());
    assert_eq!(value(&sent, "fb_exchange_token"), Some("t"));
    assert_eq!(value(&sent, "client_secret"), Some("s"));
}

#[test]
fn q32_further_parameters_and_headers_are_sent_and_none_that_carries_a_secret_or_frames_the_body() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let basecamp = with(|quirks| {
        quirks.exchange_parameters.extend([pair("type", "web_server")]);
        quirks.refresh_parameters.extend([pair("type", "refresh")]);
        quirks
            .token_request_headers
            .extend([pair("user-agent", "reports/1.0")]);
    });
    assert_eq!(value(&exchange(&basecamp), "type"), Some("web_server"));
    assert_eq!(value(&refreshing(&basecamp), "type"), Some("refresh"));
    assert_eq!(
        request(&refresh(&basecamp)).headers()["user-agent"],
        "reports/1.0"
    );
    assert_eq!(value(&refreshing(&client()), "type"), None);
    for name in [
        "authorization",
        "Host",
        "content-length",
        "Transfer-Encoding",
        "cookie",
        "content-type",
        "a b",
    ] {
        let hostile = with(|quirks| quirks.token_request_headers.extend([pair(name, "x")]));
        assert!(
            matches!(
                at(|cx| refresh(&hostile).to_http(cx)),
                Err(Error::InvalidInput(_))
            ),
            "{name}"
        );
    }
    let split = with(|quirks| {
        quirks
            .token_request_headers
            .extend([pair("x", "a\r\nhost: evil")])
    });
    assert!(matches!(
        at(|cx| refresh(&split).to_http(cx)),
        Err(Error::InvalidInput(_))
    ));
    // A server that wants a signed request is authenticated to from outside of the core.
    assert!(matches!(client().authentication(), Authentication::None));
}

#[test]
fn q33_pkce_is_always_sent_but_to_servers_that_are_known_to_fail_of_it() {
    let (url, _) = super::begun(&client(), "a");
    assert_eq!(value(&url, "code_challenge_method"), Some("S256"));
    assert_eq!(value(&url, "code_challenge").unwrap().len(), 43);
    assert_eq!(value(&exchange(&client()), "code_verifier").unwrap().len(), 43);
    let linkedin = with(|quirks| quirks.without_pkce = true);
    assert!(linkedin.quirks().without_pkce);
    let (url, _) = super::begun(&linkedin, "a");
    assert_eq!(value(&url, "code_challenge"), None);
    assert_eq!(value(&url, "code_challenge_method"), None);
    assert!(value(&url, "state").is_some());
    assert_eq!(value(&exchange(&linkedin), "code_verifier"), None);
}

#[test]
fn a_reply_to_a_changed_request_is_read_by_the_same_rules() {
    let notion = with(|quirks| quirks.json_requests = true);
    let html = reply(200, "text/html", r#"{"access_token":"a"}"#);
    let read = at(|cx| refresh(&notion).parse(&html, cx));
    assert_eq!(problem(&read), grantflow_core::error::ReplyProblem::MediaType);
}
