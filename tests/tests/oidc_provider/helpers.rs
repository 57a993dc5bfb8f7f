//! The helpers themselves, so that a broken one is not taken for a broken product.

use grantflow_suites::browser::Browser;
use grantflow_suites::chromium::Chromium;
use grantflow_suites::provider::Provider;

const QUERY: &str = "/auth?response_type=code&client_id=native&redirect_uri=http://127.0.0.1:49151/cb&scope=openid&state=x\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

#[test]
fn the_stand_in_browser_gets_a_code_and_a_denial() {
    let Some(provider) = Provider::start_default() else {
        return;
    };
    let url = provider.url(QUERY);
    let redirect = Browser::of("ann").authorize(&url);
    assert!(
        redirect.starts_with("http://127.0.0.1:49151/cb?code="),
        "{redirect}"
    );
    let redirect = Browser::of("ann").who_denies().authorize(&url);
    assert!(redirect.contains("error=access_denied"), "{redirect}");
    let url = provider.url(&QUERY.replace("127.0.0.1", "[::1]"));
    let redirect = Browser::of("ann").authorize(&url);
    assert!(redirect.starts_with("http://[::1]:49151/cb?code="), "{redirect}");
}

#[test]
fn the_stand_in_browser_knows_the_pages_of_the_test_server() {
    let server = grantflow_testserver::TestServer::start().expect("there is a port");
    let url = server
        .url(&QUERY.replace("/auth?", "/authorize?"))
        .replace("/cb", "/callback");
    let url = url.replace("client_id=native", "client_id=native-app");
    let redirect = Browser::of("ann").authorize(&url);
    assert!(
        redirect.starts_with("http://127.0.0.1:49151/callback?code="),
        "{redirect}"
    );
    let redirect = Browser::of("ann").who_denies().authorize(&url);
    assert!(redirect.contains("error=access_denied"), "{redirect}");
}

#[test]
fn chromium_logs_in_as_a_person_does() {
    let (Some(provider), Some(chromium)) = (Provider::start_default(), Chromium::start()) else {
        return;
    };
    let window = chromium.window();
    window.open(&provider.url(QUERY));
    window.type_into("input[name=login]", "ann");
    window.type_into("input[name=password]", "password");
    window.click("button[type=submit]");
    window.wait_for("consent page", || {
        (window.text("button[type=submit]") == "Continue").then_some(())
    });
    window.click("button[type=submit]");
    window.wait_for("redirect", || {
        window
            .url()
            .starts_with("http://127.0.0.1:49151/cb?code=")
            .then_some(())
    });
}
