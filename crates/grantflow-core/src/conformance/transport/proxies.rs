//! Whether a transport honours the proxies of the environment. Each case is a process of its own: this test, started again.

use super::apart::this_test_again;
use super::peer::Server;
use super::{Limits, Make, get};

/// What a process of this check is to ask for.
const URL: &str = "GRANTFLOW_CONFORMANCE_URL";

const VARIABLES: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, a loopback literal is asked directly whatever they
/// say, and under CGI `HTTP_PROXY` is ignored. `test` is the path of the test that calls this.
pub fn t43_the_environments_proxies_are_honoured_but_not_for_loopback(make: Make<'_>, test: &str) {
    if let Ok(url) = std::env::var(URL) {
        // The outcome is what the servers of the parent see.
        drop(make(Limits::ROOMY).send(get(&url)));
        return;
    }
    // No resolver asks the network for these: the label is too long, so that a direct connection fails at once.
    let name = format!("{}.invalid", "a".repeat(70));
    let (http, https) = (format!("http://{name}/"), format!("https://{name}/"));
    let tunnel = format!("CONNECT {name}:443 HTTP/1.1");

    let http_proxy = ask(test, &http, &[("HTTP_PROXY", "")]);
    assert!(
        matches!(http_proxy.as_slice(), [line] if line.contains(&name)),
        "{http_proxy:?}"
    );
    assert_eq!(ask(test, &https, &[("HTTPS_PROXY", "")]), [tunnel.as_str()]);
    assert_eq!(ask(test, &https, &[("https_proxy", "")]), [tunnel.as_str()]);
    assert_eq!(ask(test, &https, &[("ALL_PROXY", "")]), [tunnel]);
    assert_eq!(ask(test, &http, &[("ALL_PROXY", "")]).len(), 1);

    let none: [&str; 0] = [];
    assert_eq!(
        ask(test, &http, &[("HTTPS_PROXY", "")]),
        none,
        "the other scheme's proxy"
    );
    assert_eq!(
        ask(test, &https, &[("HTTP_PROXY", "")]),
        none,
        "the other scheme's proxy"
    );
    assert_eq!(
        ask(
            test,
            &https,
            &[("ALL_PROXY", ""), ("NO_PROXY", "other.test,invalid")]
        ),
        none
    );
    assert_eq!(
        ask(test, &http, &[("HTTP_PROXY", ""), ("REQUEST_METHOD", "GET")]),
        none,
        "CGI"
    );

    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let here = Server::replying(ok);
    let every = [("HTTP_PROXY", ""), ("HTTPS_PROXY", ""), ("ALL_PROXY", "")];
    assert_eq!(ask(test, &here.url("/"), &every), none, "a loopback literal");
    assert_eq!(here.requests().len(), 1);
    let six = Server::on("[::1]:0", move |peer| peer.reply_to_all(ok.as_bytes()));
    if let Some(six) = six {
        assert_eq!(ask(test, &six.url("/"), &every), none, "a loopback literal");
        assert_eq!(six.requests().len(), 1);
    }
}

/// A metadata server's address is on the link of this machine: a proxy has another server there, or none. Nobody answers at the
/// port that is asked.
pub fn t42_what_is_on_the_link_is_not_asked_for_through_a_proxy(make: Make<'_>, test: &str) {
    if let Ok(url) = std::env::var(URL) {
        drop(make(Limits::SHORT).send(get(&url)));
        return;
    }
    let every = [("HTTP_PROXY", ""), ("HTTPS_PROXY", ""), ("ALL_PROXY", "")];
    let none: [&str; 0] = [];
    for url in ["http://169.254.1.2:9/", "https://169.254.1.2:9/"] {
        assert_eq!(ask(test, url, &every), none, "{url}");
    }
    let elsewhere = ask(test, "http://192.0.2.1:9/", &every);
    assert_eq!(elsewhere.len(), 1, "another literal takes the proxy");
}

/// What a proxy is asked when a process with these variables asks for `url`; an empty value stands for the proxy's address.
fn ask(test: &str, url: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let proxy = Server::start(|peer| {
        if peer
            .request()
            .is_some_and(|request| request.line.starts_with("CONNECT"))
        {
            peer.write(b"HTTP/1.1 200 OK\r\n\r\n");
        }
        // The tunnel leads nowhere, and the proxy has no reply of its own: both end the request.
    });
    let mut command = this_test_again(test);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    for (variable, value) in variables {
        let address = proxy.url("");
        command.env(variable, if value.is_empty() { address.as_str() } else { value });
    }
    let status = command.env(URL, url).status().expect("the test starts again");
    assert!(status.success(), "the process for {variables:?} failed");
    proxy.requests().into_iter().map(|request| request.line).collect()
}
