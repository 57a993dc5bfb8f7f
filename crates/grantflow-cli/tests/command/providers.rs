//! Presets of providers: the list, and a login by one up to the address that a browser opens. No provider is asked.

use serde_json::Value;

use crate::support::{Desk, Done, parameter};

#[test]
fn the_list_says_what_each_needs_and_how_to_get_a_refresh_token() {
    let desk = Desk::new();
    let list = desk.run(&["providers"]).ok();
    let lines: Vec<&str> = list.stdout.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["NAME", "PROVIDER", "OPTIONS", "REFRESH", "TOKEN"]
    );
    let line = |name: &str| {
        let mut lines = lines.iter().filter(|line| line.split(' ').next() == Some(name));
        lines.next().unwrap().to_string()
    };
    assert!(line("microsoft").contains(" [tenant=common] "), "{list:?}");
    assert!(line("microsoft").contains("offline_access"), "{list:?}");
    assert!(line("keycloak").contains(" host= realm= "), "{list:?}");
    assert!(lines.len() > 40);

    let json = desk.run(&["providers", "--format", "json"]).ok().json();
    let all = json.as_array().unwrap();
    assert_eq!(all.len(), lines.len() - 1);
    let zoho = all.iter().find(|one| one["name"] == "zoho").unwrap();
    assert_eq!(zoho["title"], "Zoho");
    assert_eq!(zoho["options"][0]["name"], "region");
    assert_eq!(zoho["options"][0]["default"], "com");
    let mut members: Vec<&String> = zoho.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(
        members,
        [
            "docs",
            "loopback_redirect",
            "name",
            "note",
            "options",
            "refresh_token",
            "refresh_token_scope",
            "title"
        ]
    );
    assert!(!desk.file().exists());
}

/// A login that prints the address and finds nobody to paste the redirect.
fn login(desk: &Desk, words: &[&str]) -> Done {
    let mut all = vec!["login", "--client-id", "cid", "--no-local-server"];
    all.extend_from_slice(words);
    desk.run(&all)
}

fn address(done: &Done) -> String {
    let mut words = done.stderr.split_whitespace();
    words
        .find(|word| word.starts_with("https://"))
        .unwrap_or_else(|| panic!("{done:?}"))
        .to_owned()
}

#[test]
fn a_login_by_a_preset_goes_to_the_provider_with_all_it_wants() {
    let desk = Desk::new();
    let strava = login(
        &desk,
        &["--provider", "strava", "--scope", "read", "activity:read"],
    );
    let url = address(&strava);
    assert!(
        url.starts_with("https://www.strava.com/oauth/authorize?"),
        "{url}"
    );
    assert_eq!(parameter(&url, "scope"), "read%2Cactivity%3Aread");
    assert_eq!(parameter(&url, "client_id"), "cid");
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");

    let tenant = login(
        &desk,
        &[
            "--provider",
            "microsoft",
            "--provider-option",
            "tenant=contoso.example",
            "--scope",
            "User.Read",
        ],
    );
    assert!(
        address(&tenant)
            .starts_with("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize?"),
        "{tenant:?}"
    );
}

#[test]
fn a_provider_that_cannot_be_used_is_a_matter_of_usage_and_says_what_helps() {
    let desk = Desk::new();
    let unknown = login(&desk, &["--provider", "gihub"]).fails(2);
    assert!(
        unknown
            .stderr
            .contains("unknown provider \"gihub\": is it github?"),
        "{unknown:?}"
    );
    assert!(unknown.stderr.contains("grantflow providers"), "{unknown:?}");
    let bare = login(&desk, &["--provider", "keycloak"]).fails(2);
    assert!(
        bare.stderr.contains("the provider keycloak needs host"),
        "{bare:?}"
    );
    let hostile = login(
        &desk,
        &["--provider", "shopify", "--provider-option", "shop=evil.example/"],
    )
    .fails(2);
    assert!(
        hostile.stderr.contains("takes for shop only one label"),
        "{hostile:?}"
    );
    let error: Value = login(
        &desk,
        &[
            "--provider",
            "okta",
            "--provider-option",
            "x=y",
            "--format",
            "json",
        ],
    )
    .fails(2)
    .error();
    assert_eq!(
        error["error"],
        "the provider okta has no \"x\", but domain, server"
    );
    for wrong in [
        &["--provider", "github", "--issuer", "http://127.0.0.1:1"][..],
        &["--provider-option", "a=b", "--issuer", "http://127.0.0.1:1"],
        &["--provider", "okta", "--provider-option", "domain"],
    ] {
        login(&desk, wrong).fails(2);
    }
    desk.run(&["login", "--provider", "github"]).fails(2);
}
