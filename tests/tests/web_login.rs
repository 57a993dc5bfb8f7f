//! The web application among the examples, with a certified provider: two users at once, a restart, a denial, other browsers.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use grantflow_suites::browser::{Browser, Page};
use grantflow_suites::child::Running;
use grantflow_suites::chromium::{Chromium, Window};
use grantflow_suites::provider::{Provider, WEB_SECRET};
use grantflow_suites::skip::{built, free_port, skip};
use grantflow_testserver::{Config, TestClient, TestServer};
use serde_json::{Value, json};

/// The application, its server, and the directory that outlives restarts.
struct Site {
    process: Option<Running>,
    /// Where it logs in, if that is a provider of the test's own.
    _provider: Option<Provider>,
    api: String,
    home: String,
    words: &'static [&'static str],
    dir: tempfile::TempDir,
}

impl Site {
    fn start() -> Option<Self> {
        Self::start_at(home(), &[])
    }

    /// At this address, with more words on its command line.
    fn start_at(home: String, words: &'static [&'static str]) -> Option<Self> {
        built("examples/web_login")?;
        let redirect_uri = format!("{home}/callback");
        let provider = Provider::start(&json!({ "web_redirect_uris": [redirect_uri] }))?;
        let secrets = json!({
            "client_secret": WEB_SECRET,
            "auth_uri": provider.url("/auth"),
            "token_uri": provider.url("/token"),
            "issuer": provider.issuer(),
        });
        let api = provider.url("/me");
        Some(Self::with(home, words, secrets, api, Some(provider)))
    }

    /// At a server that counts what it is asked, and asks nobody anything.
    fn at(home: String, server: &TestServer) -> Self {
        let secrets = json!({
            "client_secret": WEB_SECRET,
            "auth_uri": server.url("/authorize"),
            "token_uri": server.url("/token"),
            "issuer": server.issuer(),
        });
        Self::with(home, &[], secrets, server.url("/userinfo"), None)
    }

    fn with(
        home: String,
        words: &'static [&'static str],
        mut secrets: Value,
        api: String,
        provider: Option<Provider>,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        secrets["client_id"] = "web".into();
        secrets["redirect_uris"] = json!([format!("{home}/callback")]);
        let file = dir.path().join("client_secrets.json");
        std::fs::write(file, json!({ "web": secrets }).to_string()).expect("the directory can be written");
        let mut site = Self {
            process: None,
            _provider: provider,
            api,
            home,
            words,
            dir,
        };
        site.restart();
        site
    }

    /// Another process, which knows no more than the directory.
    fn restart(&mut self) {
        self.process = None;
        let program = built("examples/web_login").expect("it was there at the start");
        let dir = self.dir.path();
        let mut command = Command::new(program);
        command
            .arg(dir.join("client_secrets.json"))
            .arg(&self.api)
            .arg(dir)
            .args(self.words);
        self.process = Some(Running::start(&mut command));
        let address = self.home.trim_start_matches("http://");
        let end = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "the application does not listen");
            std::thread::sleep(Duration::from_millis(10)); // sleep: the example says nothing when it listens
        }
    }

    /// Makes each removal of a file take a while, so that all threads of the application are in it at once: what is between two calls
    /// of the system is seldom met otherwise.
    #[must_use]
    fn removes_slowly(&self) -> Option<Running> {
        let process = self.process.as_ref()?.id().to_string();
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-o", "/dev/null", "-e", "trace=unlink,unlinkat"])
            .args(["-e", "inject=unlink,unlinkat:delay_enter=50000", "-p", &process])
            .stderr(Stdio::piped());
        let works = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
        if !works.is_ok_and(|status| status.success()) {
            skip(
                "strace",
                "it is not installed, or may not trace: removals race as they come",
            );
            return None;
        }
        let strace = Running::start(&mut strace);
        strace.wait_for(|line| line.contains("attached").then_some(()));
        Some(strace)
    }

    fn files(&self, kind: &str) -> usize {
        let names = Path::read_dir(self.dir.path()).expect("the directory is there");
        let names = names
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|name| name.starts_with(kind) && !name.ends_with(".lock"))
            .count()
    }
}

/// Where the application is to be.
fn home() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

fn log_in(window: &Window, site: &Site, user: &str) {
    window.open(&site.home);
    window.type_into("input[name=login]", user);
    window.type_into("input[name=password]", "password");
    window.click("button[type=submit]");
    window.wait_for("consent page", || {
        (window.text("button[type=submit]") == "Continue").then_some(())
    });
}

fn consent(window: &Window, site: &Site) -> String {
    window.click("button[type=submit]");
    window.wait_for("page of the application", || {
        (window.url() == format!("{}/", site.home)).then_some(())
    });
    window.text("body")
}

#[test]
fn two_users_log_in_at_once_and_each_gets_their_own() {
    let (Some(site), Some(chromium)) = (Site::start(), Chromium::start()) else {
        return;
    };
    let (ann, bob) = (chromium.window(), chromium.window());
    log_in(&ann, &site, "ann");
    log_in(&bob, &site, "bob");
    let (of_ann, of_bob) = (consent(&ann, &site), consent(&bob, &site));
    assert!(of_ann.contains("ann@example.com"), "{of_ann}");
    assert!(of_bob.contains("bob@example.com"), "{of_bob}");
    assert_eq!((site.files("user-"), site.files("login-")), (2, 0));
    ann.open(&site.home);
    assert!(
        ann.text("body").contains("ann@example.com"),
        "the session goes on"
    );
}

/// The provider is at another site than the application: localhost and 127.0.0.1 are two to a browser, which leaves cookies out of a POST
/// from one to the other unless they say `SameSite=None`.
#[test]
fn t10_an_answer_that_is_posted_from_another_site_ends_the_login_of_the_browser_that_began() {
    let home = home().replace("127.0.0.1", "localhost");
    let (Some(site), Some(chromium)) = (Site::start_at(home, &["form_post"]), Chromium::start()) else {
        return;
    };
    let ann = chromium.window();
    log_in(&ann, &site, "ann");
    let page = consent(&ann, &site);
    assert!(page.contains("ann@example.com"), "{page}");
    assert_eq!((site.files("user-"), site.files("login-")), (1, 0));

    let mut bob = Browser::of("bob");
    let at_the_provider = bob.authorize(&site.home);
    let answer = bob.answer(&at_the_provider);
    let form = answer.form.as_ref().expect("the answer is posted");
    assert!(!answer.url.contains("code=") && form.contains("code="));
    let stranger = Browser::of("eve").bring(answer.clone());
    assert_eq!(
        (stranger.status, site.files("user-")),
        (400, 1),
        "{}",
        stranger.body
    );
    let page = bob.bring(answer);
    assert!(page.body.contains("bob@example.com"), "{}", page.body);
}

#[test]
fn a_login_goes_on_in_another_process() {
    let (Some(mut site), Some(chromium)) = (Site::start(), Chromium::start()) else {
        return;
    };
    let ann = chromium.window();
    log_in(&ann, &site, "ann");
    assert_eq!(site.files("login-"), 1);
    site.restart();
    assert!(consent(&ann, &site).contains("ann@example.com"));
    site.restart();
    ann.open(&site.home);
    assert!(
        ann.text("body").contains("ann@example.com"),
        "the record outlives the process"
    );
}

#[test]
fn a_denied_consent_is_a_page_and_leaves_nothing_behind() {
    let (Some(site), Some(chromium)) = (Site::start(), Chromium::start()) else {
        return;
    };
    let ann = chromium.window();
    log_in(&ann, &site, "ann");
    ann.click("a[href$='/abort']");
    let page = ann.wait_for("page of the application", || {
        ann.url().starts_with(&site.home).then(|| ann.text("body"))
    });
    assert!(page.contains("denied"), "{page}");
    assert_eq!((site.files("user-"), site.files("login-")), (0, 0));
}

#[test]
fn t04_t14_a_redirect_counts_once_and_in_the_browser_that_began_alone() {
    let Some(site) = Site::start() else { return };
    let mut ann = Browser::of("ann");
    let at_the_provider = ann.authorize(&site.home);
    let redirect = ann.authorize(&at_the_provider);
    let stranger = Browser::of("eve").visit(&redirect);
    let mut eve = Browser::of("eve");
    eve.authorize(&site.home);
    let with_a_login_of_her_own = eve.visit(&redirect);
    for page in [stranger, with_a_login_of_her_own] {
        assert_eq!((page.status, site.files("user-")), (400, 0), "{}", page.body);
    }
    let page = ann.visit(&redirect);
    assert!(
        page.status == 200 && page.body.contains("ann@example.com"),
        "{}",
        page.body
    );
    assert_eq!(
        page.url,
        format!("{}/", site.home),
        "the code left the address line"
    );
    let again = ann.visit(&redirect);
    assert_eq!((again.status, site.files("user-")), (400, 1), "{}", again.body);
    // A code that is exchanged twice ends what the first exchange gave.
    let page = ann.visit(&site.home);
    assert!(page.body.contains("ann@example.com"), "{}", page.body);
}

#[test]
fn t04_a_redirect_that_comes_a_hundred_times_at_once_is_exchanged_once() {
    const TIMES: usize = 100;
    if built("examples/web_login").is_none() {
        return;
    }
    let home = home();
    let client = TestClient::confidential_post("web", WEB_SECRET, [format!("{home}/callback")]);
    let server = Config::new().auto_approve("ann").client(client).start();
    let server = server.expect("loopback has a free port");
    let site = Site::at(home, &server);
    let _slow = site.removes_slowly();
    for round in 1..=5 {
        let before = server.stats();
        let mut ann = Browser::of("ann");
        let at_the_server = ann.authorize(&site.home);
        let redirect = ann.authorize(&at_the_server);
        let together = Barrier::new(TIMES);
        let pages: Vec<Page> = std::thread::scope(|threads| {
            let visit = || {
                let mut ann = ann.clone();
                together.wait();
                ann.visit(&redirect)
            };
            let visits: Vec<_> = (0..TIMES).map(|_| threads.spawn(visit)).collect();
            let pages = visits.into_iter().map(|visit| visit.join());
            pages.map(|page| page.expect("the application answers")).collect()
        });
        let (taken, refused): (Vec<_>, Vec<_>) = pages.iter().partition(|page| page.status == 200);
        assert_eq!((taken.len(), refused.len()), (1, TIMES - 1));
        for page in refused {
            assert_eq!((page.status, page.body.as_str()), (400, "this login is over"));
        }
        let after = server.stats();
        assert_eq!(after.token_requests - before.token_requests, 1, "round {round}");
        assert_eq!((after.code_replays, after.token_errors), (0, 0), "round {round}");
        assert_eq!((site.files("user-"), site.files("login-")), (round, 0));
    }
}
