//! Presets of providers, as programs use them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use grantflow_core::error::ProviderProblem;
use grantflow_core::{AuthorizationRequest, Body, Client, Cx, Error, Now, Provider, Secret, TokenRequest};

fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> ProviderProblem {
    match result {
        Err(Error::Provider(problem)) => (*problem).clone(),
        other => panic!("{other:?}"),
    }
}

fn url(client: &Client, scopes: &str) -> String {
    let mut fill = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let mut cx = Cx::new(Now::default(), &mut fill);
    let request = AuthorizationRequest::new(client, "http://127.0.0.1:7777/cb")
        .scopes(scopes)
        .unwrap();
    request.start(&mut cx).unwrap().0.into_string()
}

#[test]
fn those_that_people_ask_for_are_there() {
    let names: BTreeSet<String> = Provider::all()
        .map(|provider| provider.name().to_owned())
        .collect();
    assert!(names.len() >= 40, "{}", names.len());
    assert_eq!(names.len(), Provider::all().count());
    for name in "google microsoft github gitlab bitbucket slack discord dropbox box spotify twitch x linkedin facebook instagram \
        tiktok notion figma atlassian linear asana hubspot salesforce zoho zoom stripe shopify square paypal xero quickbooks fitbit \
        strava reddit mailchimp intuit auth0 okta keycloak cognito apple huggingface"
        .split_ascii_whitespace()
    {
        assert_eq!(Provider::named(name).unwrap().name(), name);
        assert!(names.contains(name));
    }
}

#[test]
fn google_is_the_same_by_either_way() {
    let (by_name, by_function) = (
        Provider::named("google").unwrap().client("cid").unwrap(),
        Client::google("cid").unwrap(),
    );
    assert_eq!(url(&by_name, "openid"), url(&by_function, "openid"));
    assert_eq!(by_name.token_endpoint(), by_function.token_endpoint());
    assert_eq!(
        by_name.revocation_endpoint().unwrap(),
        by_function.revocation_endpoint().unwrap()
    );
    assert_eq!(by_name.issuer(), by_function.issuer());
    assert_eq!(by_name.iss_promised(), by_function.iss_promised());
    assert_eq!(by_name.origins(), by_function.origins());
    assert_eq!(by_name.parameters(), by_function.parameters());
    assert_eq!(by_name.quirks(), by_function.quirks());
    assert_eq!(by_name.api_headers(), by_function.api_headers());
    assert_eq!(
        by_name.introspection_endpoint().is_ok(),
        by_function.introspection_endpoint().is_ok()
    );
    let secret = Provider::named("google")
        .unwrap()
        .confidential_client("cid", "s")
        .unwrap();
    assert_eq!(secret.authentication().method(), "client_secret_post");
}

#[test]
fn q34_an_endpoint_of_a_tenant_is_filled_in_and_never_taken_from_a_reply() {
    let microsoft = Provider::named("microsoft").unwrap();
    let common = microsoft.client("cid").unwrap();
    assert_eq!(
        common.token_endpoint().as_str(),
        "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    );
    // It stands for all tenants, none of which has it as its issuer.
    assert_eq!(common.issuer(), None);
    let own = microsoft
        .with("tenant", "contoso.example")
        .unwrap()
        .client("cid")
        .unwrap();
    assert_eq!(
        own.issuer().unwrap().as_str(),
        "https://login.microsoftonline.com/contoso.example/v2.0"
    );
    let okta = Provider::named("okta")
        .unwrap()
        .with("domain", "example.okta.com")
        .unwrap();
    let okta = okta.client("cid").unwrap();
    assert_eq!(
        okta.token_endpoint().as_str(),
        "https://example.okta.com/oauth2/default/v1/token"
    );
    assert_eq!(okta.origins()[0].to_string(), "https://example.okta.com");
    let gitlab = Provider::named("gitlab")
        .unwrap()
        .with("host", "GitLab.example:8443")
        .unwrap();
    let gitlab = gitlab.client("cid").unwrap();
    assert_eq!(gitlab.issuer().unwrap().as_str(), "https://gitlab.example:8443");
}

#[test]
fn a_client_has_what_its_provider_wants() {
    let slack = Provider::named("slack").unwrap().client("cid").unwrap();
    assert!(url(&slack, "chat:write users:read").contains("&scope=chat%3Awrite%2Cusers%3Aread&"));
    let dropbox = Provider::named("dropbox").unwrap().client("cid").unwrap();
    assert!(url(&dropbox, "").ends_with("&token_access_type=offline"));
    let notion = Provider::named("notion")
        .unwrap()
        .confidential_client("cid", "s")
        .unwrap();
    assert_eq!(notion.authentication().method(), "client_secret_basic");
    assert_eq!(notion.api_headers()[0].0, "notion-version");
    let twitch = Provider::named("twitch").unwrap().client("cid").unwrap();
    assert_eq!(
        twitch.api_headers()[0],
        ("client-id".parse().unwrap(), "cid".parse().unwrap())
    );
    assert!(matches!(
        Provider::named("twitch").unwrap().client("c\nd"),
        Err(Error::InvalidInput(_))
    ));
    let github = Provider::named("github").unwrap();
    assert_eq!(
        github.device_authorization_endpoint().unwrap().unwrap().as_str(),
        "https://github.com/login/device/code"
    );
    assert_eq!(
        github.userinfo_endpoint().unwrap().unwrap().as_str(),
        "https://api.github.com/user"
    );
    assert_eq!(
        Provider::named("xero").unwrap().refresh_token_scope(),
        Some("offline_access")
    );
}

/// A refusal in a provider's own words, read by a client of its preset.
fn refused(provider: &str, status: u16, json: &str) -> Error {
    let client = Provider::named(provider).unwrap().client("cid").unwrap();
    let reply = http::Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(json))
        .unwrap();
    let mut fill = |_: &mut [u8]| Ok(());
    let cx = Cx::new(Now::default(), &mut fill);
    let request = TokenRequest::refresh(&client, Secret::new("r"));
    request.parse(&reply, &cx).unwrap_err()
}

#[test]
fn q17_q48_a_refused_refresh_needs_the_user_whatever_the_provider_calls_it() {
    for (provider, status, json) in [
        ("github", 200, r#"{"error":"bad_refresh_token"}"#),
        ("slack", 200, r#"{"ok":false,"error":"invalid_refresh_token"}"#),
        (
            "fitbit",
            400,
            r#"{"errors":[{"errorType":"invalid_grant"}],"success":false}"#,
        ),
        (
            "twitch",
            400,
            r#"{"status":400,"message":"Invalid refresh token"}"#,
        ),
        (
            "facebook",
            400,
            r#"{"error":{"message":"x","type":"OAuthException","code":190}}"#,
        ),
        ("google", 400, r#"{"error":"invalid_grant"}"#),
    ] {
        assert!(refused(provider, status, json).needs_user(), "{provider}");
    }
    assert!(!refused("github", 200, r#"{"error":"incorrect_client_credentials"}"#).needs_user());
}

#[test]
fn q33_t05_pkce_is_left_out_for_those_two_alone_that_fail_of_it() {
    let mut without = Vec::new();
    for provider in Provider::all() {
        let provider = provider
            .placeholders()
            .filter(|one| one.default_value().is_none())
            .fold(provider.clone(), |provider, one| {
                provider.with(one.name(), "some-value").unwrap()
            });
        let url = url(&provider.client("cid").unwrap(), "a");
        let has = |part: &str| url.contains(part);
        assert_eq!(
            has("&code_challenge="),
            has("&code_challenge_method=S256"),
            "{url}"
        );
        if !has("&code_challenge=") {
            without.push(provider.name().to_owned());
        }
    }
    assert_eq!(without, ["linkedin", "slack"]);
}

#[test]
fn what_is_missing_is_named() {
    let error = Provider::named("keycloak").unwrap().client("cid").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the provider keycloak needs host: your server, such as sso.example.com"
    );
    let half = Provider::named("keycloak")
        .unwrap()
        .with("host", "sso.example.com")
        .unwrap();
    assert!(matches!(
        problem(half.client("cid")),
        ProviderProblem::Missing { placeholder, .. } if placeholder == "realm"
    ));
    assert_eq!(
        problem(Provider::named("github").unwrap().with("tenant", "x")).to_string(),
        "the provider github has no \"tenant\": it needs nothing"
    );
    assert_eq!(
        problem(Provider::named("okta").unwrap().with("tenant", "x")).to_string(),
        "the provider okta has no \"tenant\", but domain, server"
    );
}

#[test]
fn a_name_that_is_not_known_brings_those_that_are_near() {
    let near = |name: &str| match problem(Provider::named(name)) {
        ProviderProblem::Unknown { near, .. } => near,
        other => panic!("{other:?}"),
    };
    assert_eq!(near("gihub"), ["github"]);
    assert_eq!(near("GitHub"), ["github"]);
    assert_eq!(near("twitter"), ["x"]);
    assert_eq!(near("entra"), ["microsoft"]);
    assert_eq!(near("git"), ["github", "gitlab"]);
    assert_eq!(near("qqqqqq"), [""; 0]);
    assert_eq!(near(&"g".repeat(100_000)), [""; 0]);
    assert_eq!(
        Provider::named("gitlub").unwrap_err().to_string(),
        "unknown provider \"gitlub\": is it github or gitlab?"
    );
}

#[test]
fn t38_a_value_makes_no_other_host_and_no_other_path() {
    let hostile = [
        "", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a@b", "a:b@c", "a%2fb", "a b", "a\n", "\u{e4}",
        "{tenant}", "a//", "[::1]",
    ];
    for (provider, placeholder) in [
        ("microsoft", "tenant"),
        ("keycloak", "realm"),
        ("keycloak", "host"),
        ("shopify", "shop"),
        ("cognito", "region"),
        ("zoho", "region"),
        ("auth0", "domain"),
    ] {
        for value in hostile {
            let result = Provider::named(provider).unwrap().with(placeholder, value);
            assert!(
                matches!(problem(result), ProviderProblem::Value { .. }),
                "{provider} {value:?}"
            );
        }
    }
    for (provider, placeholder, value) in [
        ("shopify", "shop", "evil.example"),
        ("shopify", "shop", "evil-"),
        ("zoho", "region", "com.evil.example"),
        ("zoho", "region", "evil"),
        ("cognito", "region", "evil.example"),
        ("gitlab", "host", "a..b"),
        ("gitlab", "host", ".a"),
        ("gitlab", "host", "a:99999"),
        ("gitlab", "host", "a:"),
        ("gitlab", "host", "a:1:2"),
    ] {
        let result = Provider::named(provider).unwrap().with(placeholder, value);
        assert!(
            matches!(problem(result), ProviderProblem::Value { .. }),
            "{provider} {value}"
        );
    }
}
