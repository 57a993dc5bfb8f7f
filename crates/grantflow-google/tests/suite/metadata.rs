//! The metadata server: what it is asked, and which replies are believed.

use std::time::Duration;

use grantflow_core::error::ReplyProblem;
use grantflow_core::flow::TokenSource as _;
use grantflow_core::transport::TimeLimit;
use grantflow_core::{Body, Error, Outcome, TransportError, TransportErrorKind, run};
use grantflow_google::{MetadataAddress, MetadataServer};

use crate::id_token::ID_TOKEN;
use crate::world::{GRANTED, START, World};

const JSON: &str = "application/json; charset=utf-8";
const ROOT: &str = "http://169.254.169.254/computeMetadata/v1";

fn problem(error: Error) -> ReplyProblem {
    match error {
        Error::BadReply(bad) => bad.problem(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_token_is_asked_for_with_its_scopes_and_the_header() {
    let scopes = ["https://www.googleapis.com/auth/pubsub", "a&b"];
    let server = MetadataServer::default();
    let source = server.credentials(scopes).unwrap();
    let world = World::at(START).metadata(200, JSON, GRANTED);
    let token = run(source.token(), &world).unwrap();
    assert_eq!(token.access_token.expose(), "ya29.AT");
    assert_eq!(token.expires_at.map(|end| end.unix_seconds()), Some(START + 3599));
    let request = &world.requests()[0];
    assert_eq!(request.headers()["metadata-flavor"], "Google");
    assert_eq!(
        request.uri().to_string(),
        format!(
            "{ROOT}/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fpubsub%2Ca%26b"
        )
    );
    // Those of the machine, and another account of it.
    let other = MetadataServer::new(MetadataAddress::new("metadata.google.internal").unwrap());
    let other = other.with_account("svc@p.iam.gserviceaccount.com").unwrap();
    let other = other.credentials([""; 0]).unwrap();
    let world = World::at(START).metadata(200, JSON, GRANTED);
    run(other.token(), &world).unwrap();
    assert_eq!(
        world.sent()[0].0,
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/svc@p.iam.gserviceaccount.com/token"
    );
    assert_ne!(source.key().digest(), other.key().digest());
    for hostile in ["../../x", "a?b", "a b", "..", "", "a/b", "a#b", "a%2f"] {
        assert!(
            MetadataServer::default().with_account(hostile).is_err(),
            "{hostile}"
        );
    }
}

#[test]
fn an_id_token_is_asked_for_by_its_audience() {
    let source = MetadataServer::default()
        .id_token("https://service.run.app/?a=b&c")
        .unwrap();
    let world = World::at(START).metadata(200, "text/html", &format!("{ID_TOKEN}\n"));
    let token = run(source.token(), &world).unwrap();
    assert_eq!(token.access_token.expose(), ID_TOKEN);
    assert_eq!(
        token.expires_at.map(|end| end.unix_seconds()),
        Some(1_700_003_600)
    );
    assert_eq!(
        world.sent()[0].0,
        format!(
            "{ROOT}/instance/service-accounts/default/identity?audience=https%3A%2F%2Fservice.run.app%2F%3Fa%3Db%26c&format=full"
        )
    );
    assert_eq!(
        source.client().origins()[0].to_string(),
        "https://service.run.app"
    );
    let other = MetadataServer::default()
        .id_token("https://other.run.app")
        .unwrap();
    assert_ne!(source.key().digest(), other.key().digest());
    let none = World::at(START).metadata(200, "text/html", "no account");
    assert_eq!(
        problem(run(source.token(), &none).unwrap_err()),
        ReplyProblem::Invalid("id_token")
    );
}

#[test]
fn names_are_asked_for_and_have_to_be_names() {
    let server = MetadataServer::default();
    let world = World::at(START)
        .metadata(200, "application/text", "svc@p.iam.gserviceaccount.com\n")
        .metadata(200, "text/plain", "project-7");
    assert_eq!(
        run(server.email(), &world).unwrap(),
        "svc@p.iam.gserviceaccount.com"
    );
    assert_eq!(run(server.project_id(), &world).unwrap(), "project-7");
    assert_eq!(
        world.log(),
        [
            format!("GET {ROOT}/instance/service-accounts/default/email"),
            format!("GET {ROOT}/project/project-id"),
        ]
    );
    for none in ["", "two words", "a\u{7}b", &"a".repeat(321)] {
        let world = World::at(START).metadata(200, "text/plain", none);
        let refused = run(server.project_id(), &world).unwrap_err();
        assert_eq!(problem(refused), ReplyProblem::Invalid("text"), "{none}");
    }
}

/// A captive portal answers everything, and knows no such header; nor does who repeats what was sent in another case.
#[test]
fn t42_a_reply_without_the_header_is_nobodys_whatever_it_says() {
    let server = MetadataServer::default();
    let reply = |status: u16, flavor: Option<&str>| {
        let mut reply = http::Response::builder()
            .status(status)
            .header("content-type", "application/json");
        if let Some(flavor) = flavor {
            reply = reply.header("metadata-flavor", flavor);
        }
        Ok(reply.body(Body::from(GRANTED)).unwrap())
    };
    for flavor in [None, Some(""), Some("google"), Some("Googler"), Some("Amazon")] {
        for status in [200, 302, 404, 500] {
            let probed = World::at(START).answers(reply(status, flavor));
            let refused = run(server.probe(Duration::from_secs(3)), &probed).unwrap_err();
            let missing = ReplyProblem::MissingHeader("Metadata-Flavor: Google");
            assert_eq!(problem(refused), missing, "{status} {flavor:?}");
            let asked = World::at(START).answers(reply(status, flavor));
            let refused = run(server.credentials("a").unwrap().token(), &asked).unwrap_err();
            assert!(!format!("{refused:?} {refused}").contains("ya29"));
            assert_eq!(problem(refused), missing, "{status} {flavor:?}");
            let asked = World::at(START).answers(reply(status, flavor));
            assert!(run(server.id_token("https://a.example").unwrap().token(), &asked).is_err());
        }
    }
    // With the header, the rest has to be right too.
    let asked = World::at(START).metadata(302, JSON, GRANTED);
    let refused = run(server.credentials("a").unwrap().token(), &asked).unwrap_err();
    assert_eq!(problem(refused), ReplyProblem::Redirect);
    let asked = World::at(START).metadata(200, "text/html", "<html>Sign in to Wi-Fi</html>");
    let refused = run(server.credentials("a").unwrap().token(), &asked).unwrap_err();
    assert_eq!(problem(refused), ReplyProblem::MediaType);
}

#[test]
fn a_server_in_trouble_is_asked_again_and_one_that_is_not_there_is_not() {
    let probe = || MetadataServer::default().probe(Duration::from_secs(3));
    let world = World::at(START)
        .metadata(503, "text/html", "")
        .metadata(500, "text/html", "")
        .metadata(200, "text/html", "");
    run(probe(), &world).unwrap();
    let asked = "GET http://169.254.169.254/";
    assert_eq!(world.log(), [asked, "wait 0.1", asked, "wait 0.4", asked]);
    // The probe has its own time, which adapters keep.
    for request in world.requests() {
        assert_eq!(
            request.extensions().get(),
            Some(&TimeLimit(Duration::from_secs(3)))
        );
    }

    let world = World::at(START)
        .metadata(503, "", "")
        .metadata(503, "", "")
        .metadata(503, "", "");
    let failed = run(probe(), &world).unwrap_err();
    assert_eq!((failed.outcome(), world.sent().len()), (Outcome::Transient, 3));

    let world = World::at(START).metadata(404, "", "");
    assert_eq!(run(probe(), &world).unwrap_err().outcome(), Outcome::Permanent);
    for kind in [TransportErrorKind::Connect, TransportErrorKind::Timeout] {
        let world = World::at(START).answers(Err(TransportError::new(kind)));
        assert!(matches!(run(probe(), &world).unwrap_err(), Error::Transport(_)));
        assert_eq!(world.sent().len(), 1);
    }
}
