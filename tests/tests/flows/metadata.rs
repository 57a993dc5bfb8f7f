//! The metadata server and default credentials with what a program really has: sockets, variables, files, both transports.

#![expect(
    clippy::print_stdout,
    reason = "a process that is started again says what it found"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use grantflow::google::{self, MetadataAddress, MetadataServer};
use grantflow_core::error::ReplyProblem;
use grantflow_core::{Credentials, Error, TransportHost, blocking, run};
use grantflow_reqwest::ReqwestTransport;
use grantflow_suites::clock::Clock;
use grantflow_suites::metadata::{Double, google as from_google};
use grantflow_ureq::UreqTransport;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const HOUR: Duration = Duration::from_secs(3600);

fn server(double: &Double) -> MetadataServer {
    MetadataServer::new(MetadataAddress::new(double.address()).expect("loopback"))
}

#[test]
fn r10_a_hundred_threads_ask_a_metadata_server_once_and_again_when_the_token_ends() -> Result<(), Error> {
    let double = Double::metadata(3600);
    let clock = Clock::default();
    let source = server(&double).credentials(SCOPE)?;
    let credentials = blocking::Credentials::from_source(source, clock.on(UreqTransport::new()?));
    let of_all = || -> Vec<String> {
        std::thread::scope(|threads| {
            let callers: Vec<_> = (0..100)
                .map(|_| {
                    threads.spawn(|| {
                        credentials
                            .access_token()
                            .expect("a token")
                            .token
                            .expose()
                            .to_owned()
                    })
                })
                .collect();
            callers
                .into_iter()
                .map(|caller| caller.join().expect("no panic"))
                .collect()
        })
    };
    assert!(of_all().iter().all(|token| token == "AT0"));
    assert_eq!(double.asked().len(), 1);
    clock.advance(HOUR);
    assert!(of_all().iter().all(|token| token == "AT1"));
    assert_eq!(double.asked().len(), 2);
    for asked in double.asked() {
        assert!(
            asked
                .headers
                .iter()
                .any(|header| header == "metadata-flavor: google"),
            "{asked:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn r10_a_hundred_tasks_ask_a_metadata_server_once() -> Result<(), Error> {
    let double = Double::metadata(3600);
    let source = server(&double).credentials(SCOPE)?;
    let credentials = Credentials::from_source(source, ReqwestTransport::new()?);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let credentials = credentials.clone();
            tokio::spawn(async move { credentials.header().await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic")?, "Bearer AT0");
    }
    assert_eq!(double.asked().len(), 1);
    Ok(())
}

#[test]
fn r17_a_metadata_server_that_fails_once_costs_a_moment() -> Result<(), Error> {
    let double = Double::start(|number, _| match number {
        0 => from_google(500, "text/html", "<html>error</html>"),
        _ => from_google(
            200,
            "application/json",
            r#"{"access_token":"AT","expires_in":3600}"#,
        ),
    });
    let source = server(&double).credentials(SCOPE)?;
    let credentials = blocking::Credentials::from_source(source, UreqTransport::new()?);
    assert_eq!(credentials.header()?, "Bearer AT");
    assert_eq!(double.asked().len(), 2);
    Ok(())
}

/// `{"alg":"RS256"}.{"exp":4102444800}.` and a signature that nobody looks at.
const ID_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2lnbmF0dXJl";

#[test]
fn an_id_token_is_what_a_request_to_its_audience_carries() -> Result<(), Error> {
    let service = Double::start(|_, _| (200, String::new(), "ok".to_owned()));
    let audience = format!("http://{}", service.address());
    let double = Double::start(|_, _| from_google(200, "text/html", ID_TOKEN));
    let source = server(&double).id_token(&*audience)?;
    let credentials = blocking::Credentials::from_source(source, UreqTransport::new()?);
    let request = |address: &str| {
        http::Request::get(address)
            .body(grantflow_core::Body::empty())
            .expect("an address")
    };
    credentials.authorized(request(&audience))?;
    credentials.authorized(request(&format!("{audience}/path")))?;
    let carried = format!("authorization: bearer {}", ID_TOKEN.to_ascii_lowercase());
    assert_eq!(service.asked().len(), 2);
    assert!(
        service
            .asked()
            .iter()
            .all(|asked| asked.headers.contains(&carried))
    );
    assert_eq!(double.asked().len(), 1);
    let elsewhere = credentials.authorized(request(&format!("http://{}", double.address())));
    assert!(matches!(elsewhere, Err(Error::OriginNotAllowed(_))));
    Ok(())
}

#[test]
fn t42_a_captive_portal_is_no_metadata_server() -> Result<(), Error> {
    for portal in [
        (
            200,
            "Content-Type: text/html\r\n",
            "<html>Sign in to Wi-Fi</html>",
        ),
        (
            200,
            "Content-Type: application/json\r\n",
            r#"{"access_token":"evil","expires_in":3600}"#,
        ),
        (302, "Location: http://portal.example/\r\n", ""),
        (511, "Content-Type: text/html\r\n", "<html>"),
    ] {
        let (status, headers, body) = portal;
        let double = Double::start(move |_, _| (status, headers.to_owned(), body.to_owned()));
        let transport = UreqTransport::new()?;
        let probe = server(&double).probe(Duration::from_secs(30));
        let ends = [
            run(probe, &TransportHost::new(&transport)).expect_err("it is none"),
            run(server(&double).project_id(), &TransportHost::new(&transport)).expect_err("it is none"),
        ];
        for error in ends {
            let Error::BadReply(bad) = &error else {
                panic!("{error}")
            };
            assert_eq!(
                bad.problem(),
                ReplyProblem::MissingHeader("Metadata-Flavor: Google")
            );
            assert!(!error.to_string().contains("evil"));
        }
        let source = server(&double).credentials(SCOPE)?;
        assert!(
            blocking::Credentials::from_source(source, transport)
                .header()
                .is_err()
        );
    }
    Ok(())
}

/// What this test is started again with: it looks for default credentials then, with both transports, and says what it found.
const AGAIN: &str = "GRANTFLOW_DEFAULT_CREDENTIALS";

/// Looks for default credentials by the variables of this process, if it was started for that.
fn looks() -> bool {
    if std::env::var_os(AGAIN).is_none() {
        return false;
    }
    let blocking = UreqTransport::new()
        .and_then(|transport| google::default_credentials_blocking(SCOPE, transport))
        .and_then(|credentials| credentials.header());
    println!("found: {}", said(blocking));
    let runtime = tokio::runtime::Runtime::new().expect("the system has threads");
    let header = runtime.block_on(async {
        let credentials = google::default_credentials(SCOPE, ReqwestTransport::new()?).await?;
        credentials.header().await
    });
    println!("found: {}", said(header));
    true
}

fn said(header: Result<http::HeaderValue, Error>) -> String {
    match header {
        Ok(header) => header.to_str().expect("a token").to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What both searches of a process with these variables say, behind a proxy for everything.
fn found(test: &str, proxy: &Double, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().expect("this test is a program"));
    command.args(["--exact", "--nocapture", test]).env(AGAIN, "1");
    for name in [
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_QUOTA_PROJECT",
        "NO_PROXY",
        "no_proxy",
        "REQUEST_METHOD",
    ] {
        command.env_remove(name);
    }
    let address = format!("http://{}", proxy.address());
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ] {
        command.env(name, &address);
    }
    command
        .env("CLOUDSDK_CONFIG", "/nonexistent")
        .envs(variables.iter().copied());
    let output = command.output().expect("it starts again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let found = text
        .lines()
        .filter_map(|line| line.split_once("found: ").map(|(_, found)| found.to_owned()));
    let found: Vec<String> = found.collect();
    assert!(!found.is_empty(), "no such test: {text}");
    found
}

#[test]
fn t42_with_a_proxy_for_everything_the_metadata_server_is_asked_directly() {
    if looks() {
        return;
    }
    let test = "metadata::t42_with_a_proxy_for_everything_the_metadata_server_is_asked_directly";
    // It answers as a metadata server would: whoever asked it would believe it.
    let proxy = Double::start(|_, _| {
        from_google(
            200,
            "application/json",
            r#"{"access_token":"evil","expires_in":9}"#,
        )
    });
    let double = Double::metadata(3600);
    let here = [("GCE_METADATA_HOST", double.address()), ("NO_GCE_CHECK", "")];
    assert_eq!(found(test, &proxy, &here), ["Bearer AT1", "Bearer AT3"]);
    assert_eq!(double.asked().len(), 4);
    // At a port of the link where nobody is.
    let link = [
        ("GCE_METADATA_HOST", "169.254.1.2:9"),
        ("GCE_METADATA_TIMEOUT", "1"),
        ("NO_GCE_CHECK", ""),
    ];
    for said in found(test, &proxy, &link) {
        // Whether nobody answers, or somebody on the way does who is no metadata server.
        assert!(
            said.contains("the metadata server ") && !said.contains("evil"),
            "{said}"
        );
    }
    assert_eq!(proxy.asked().len(), 0);
}

/// Whoever obeyed one of them would be seen by the proxy, or by the server that it names.
#[test]
fn t38_twenty_hostile_files_of_each_type_cause_no_connection() {
    if looks() {
        return;
    }
    let test = "metadata::t38_twenty_hostile_files_of_each_type_cause_no_connection";
    let evil = Arc::new(Double::metadata(3600));
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("application_default_credentials.json");
    let mut hostile: Vec<String> = [
        "https://evil.example/token",
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://evil.example/oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com@evil.example/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://oauth2.googleapis.com/token#",
        "https://oauth2.googleapis.com/token?next=https://evil.example",
        "https://oauth2.googleapis.com/other",
        "https://OAUTH2.googleapis.com/token",
        "https://oauth2.googleapis.com./token",
        " https://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/token\\n",
        "https://xn--oauth2-googleapis.com/token",
        "https://oauth2.g\u{43e}\u{43e}gleapis.com/token",
        "https://127.0.0.1/token",
        "http://169.254.169.254/token",
        "https://[::1]/token",
        "file:///etc/passwd",
    ]
    .map(str::to_owned)
    .to_vec();
    hostile.push(format!("http://{}/token", evil.address()));
    assert_eq!(hostile.len(), 20);
    let proxy = Double::metadata(3600);
    let pem = grantflow_suites::account::pem("pkcs8").replace('\n', "\\n");
    for token_uri in hostile {
        for members in [
            r#""type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"1//canary""#
                .to_owned(),
            format!(r#""type":"service_account","client_email":"svc@p.example","private_key":"{pem}""#),
        ] {
            std::fs::write(&file, format!(r#"{{{members},"token_uri":"{token_uri}"}}"#))
                .expect("it can be written");
            for said in found(test, &proxy, &places(directory.path(), &evil)) {
                assert!(said.contains("token_uri"), "{said}");
                assert!(!said.contains("evil") && !said.contains("canary"), "{said}");
            }
        }
    }
    assert_eq!((proxy.asked().len(), evil.asked().len()), (0, 0));
}

/// A broken file is no reason to become the machine.
fn places<'a>(directory: &'a Path, metadata: &'a Double) -> [(&'static str, &'a str); 2] {
    let directory = directory.to_str().expect("a path in Unicode");
    [
        ("CLOUDSDK_CONFIG", directory),
        ("GCE_METADATA_HOST", metadata.address()),
    ]
}
