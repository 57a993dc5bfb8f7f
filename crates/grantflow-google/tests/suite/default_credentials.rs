//! Application default credentials: where they are looked for, in which order, and what is said where there are none.

use grantflow_core::error::{CredentialsFileProblem, FileTried, MetadataTried, NoDefaultCredentials};
use grantflow_core::flow::TokenSource as _;
use grantflow_core::{Error, LoadError, TransportError, TransportErrorKind, run};
use grantflow_google::{DefaultCredentials, Environment, Found, FoundSource, Place};
use serde_json::json;

use crate::authorized_user::user_file;
use crate::files::HOSTILE;
use crate::world::{EMAIL, GRANTED, START, World, file, verified};

const NAMED: &str = "/etc/named.json";
const GCLOUD: &str = "/etc/gcloud/application_default_credentials.json";
const PROBE: &str = "GET http://169.254.169.254/";

/// What the variables say: both files, and these.
fn environment(other: &[(&str, &str)]) -> Environment {
    let usual = [
        ("GOOGLE_APPLICATION_CREDENTIALS", NAMED),
        ("CLOUDSDK_CONFIG", "/etc/gcloud"),
    ];
    Environment::read(|name| {
        let mut all = other.iter().chain(&usual);
        let found = all.find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).into())
    })
}

/// The same without the variable that names a file.
const UNNAMED: (&str, &str) = ("GOOGLE_APPLICATION_CREDENTIALS", "");

fn search(other: &[(&str, &str)]) -> DefaultCredentials {
    DefaultCredentials::new(environment(other), ["a", "b"]).unwrap()
}

fn tried(found: Result<Found, Error>) -> NoDefaultCredentials {
    match found.unwrap_err() {
        Error::DefaultCredentials(tried) => (*tried).clone(),
        other => panic!("{other}"),
    }
}

fn nobody() -> TransportError {
    TransportError::new(TransportErrorKind::Connect).before_sending()
}

#[test]
fn the_file_that_the_variable_names_comes_first_and_nothing_else_is_looked_at() {
    let world = World::at(START)
        .file(NAMED, Ok(&file(&[("quota_project_id", "of-the-file")])))
        .file(GCLOUD, Ok(&user_file(&[])))
        .replies(200, GRANTED, None);
    let found = run(search(&[]).find(), &world).unwrap();
    assert_eq!(found.place(), &Place::Variable(NAMED.into()));
    assert_eq!(found.quota_project(), Some("of-the-file"));
    assert_eq!(found.name(), "service_account");
    run(found.token(), &world).unwrap();
    assert_eq!(
        world.log(),
        ["load /etc/named.json", "POST https://oauth2.googleapis.com/token"]
    );
    let claims = verified(
        &world.sent()[0].1["assertion"],
        "https://oauth2.googleapis.com/token",
        START,
    );
    assert_eq!(claims.claim::<String>("scope").unwrap().as_deref(), Some("a b"));
    // The key is there for more than tokens.
    let FoundSource::ServiceAccount(key, _) = found.source() else {
        panic!("{found:?}")
    };
    assert_eq!(key.service_account_email(), EMAIL);
}

#[test]
fn gclouds_file_comes_second() {
    let world = World::at(START)
        .file(GCLOUD, Ok(&user_file(&[])))
        .replies(200, GRANTED, None);
    let found = run(search(&[UNNAMED]).find(), &world).unwrap();
    assert_eq!(found.place(), &Place::Gcloud(GCLOUD.into()));
    assert_eq!(
        (found.name(), found.quota_project()),
        ("authorized_user", Some("billed"))
    );
    run(found.token(), &world).unwrap();
    assert_eq!(
        world.log(),
        [
            format!("load {GCLOUD}"),
            "POST https://oauth2.googleapis.com/token".to_owned()
        ]
    );
    // A service account may have been put there too.
    let world = World::at(START).file(GCLOUD, Ok(&file(&[])));
    assert_eq!(
        run(search(&[UNNAMED]).find(), &world).unwrap().name(),
        "service_account"
    );
}

#[test]
fn the_metadata_server_comes_last_and_is_asked_where_the_variables_say() {
    let world = World::at(START)
        .metadata(200, "application/text", "computeMetadata/")
        .metadata(200, "application/json", GRANTED);
    let found = run(search(&[UNNAMED]).find(), &world).unwrap();
    assert!(matches!(found.place(), Place::Metadata(_)), "{found:?}");
    run(found.token(), &world).unwrap();
    assert_eq!(
        world.log(),
        [
            format!("load {GCLOUD}"),
            PROBE.to_owned(),
            "GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token?scopes=a%2Cb".to_owned(),
        ]
    );
    let elsewhere = [
        UNNAMED,
        ("GCE_METADATA_HOST", "metadata.google.internal:80"),
        ("GCE_METADATA_IP", "127.0.0.1:9"),
    ];
    let world = World::at(START)
        .metadata(200, "", "")
        .metadata(200, "application/json", GRANTED);
    let found = run(search(&elsewhere).find(), &world).unwrap();
    run(found.token(), &world).unwrap();
    assert_eq!(world.log()[1], "GET http://127.0.0.1:9/");
    assert!(world.log()[2].starts_with("GET http://metadata.google.internal:80/computeMetadata/"));
}

#[test]
fn the_project_that_calls_are_counted_to_is_the_programs_then_the_environments_then_the_files() {
    let set = [UNNAMED, ("GOOGLE_CLOUD_QUOTA_PROJECT", "of-the-environment")];
    let counted = |search: DefaultCredentials, world: World| {
        let found = run(search.find(), &world).unwrap();
        let headers = found.client().api_headers();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers[0].0, "x-goog-user-project");
        assert_eq!(Some(headers[0].1.to_str().unwrap()), found.quota_project());
        found.quota_project().unwrap().to_owned()
    };
    let user = || World::at(START).file(GCLOUD, Ok(&user_file(&[])));
    let account = || World::at(START).file(GCLOUD, Ok(&file(&[("quota_project_id", "billed")])));
    let machine = || World::at(START).metadata(200, "", "");
    for world in [user, account] {
        assert_eq!(counted(search(&[UNNAMED]), world()), "billed");
        assert_eq!(counted(search(&set), world()), "of-the-environment");
        assert_eq!(
            counted(search(&set).quota_project("of-the-program"), world()),
            "of-the-program"
        );
    }
    assert_eq!(counted(search(&set), machine()), "of-the-environment");
    assert_eq!(
        counted(search(&set).quota_project("of-the-program"), machine()),
        "of-the-program"
    );
    let none = run(search(&[UNNAMED]).find(), &machine()).unwrap();
    assert!(none.client().api_headers().is_empty() && none.quota_project().is_none());
}

#[test]
fn where_nothing_is_found_each_place_says_what_it_answered_and_what_to_do() {
    let world = World::at(START).answers(Err(nobody()));
    let tried = tried(run(search(&[UNNAMED]).find(), &world));
    assert!(matches!(tried.variable, FileTried::Unnamed));
    assert!(
        matches!(&tried.gcloud, FileTried::NotLoaded { path, why: LoadError::NotFound } if path == GCLOUD.as_ref() as &std::path::Path)
    );
    assert!(matches!(tried.metadata, MetadataTried::NoReply(_)));
    let error = Error::from(tried);
    assert!(error.needs_user() && !error.is_transient());
    let said = error.to_string();
    for part in [
        "GOOGLE_APPLICATION_CREDENTIALS is not set",
        GCLOUD,
        "no such file",
        "metadata server does not answer",
        "gcloud auth application-default login",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let off = World::at(START);
    let tried = self::tried(run(search(&[UNNAMED, ("NO_GCE_CHECK", "true")]).find(), &off));
    assert!(matches!(tried.metadata, MetadataTried::SwitchedOff));
    assert!(tried.to_string().contains("NO_GCE_CHECK"));
    assert!(off.sent().is_empty());

    let homeless = World::at(START).answers(Err(nobody()));
    let search = DefaultCredentials::new(Environment::read(|_| None), "a").unwrap();
    let tried = self::tried(run(search.find(), &homeless));
    assert!(matches!(tried.gcloud, FileTried::Unnamed));
    assert_eq!(homeless.log(), [PROBE]);
}

#[test]
fn t42_a_machine_whose_metadata_server_is_not_one_has_no_credentials() {
    let portal = http::Response::builder()
        .status(200)
        .body("<html>Sign in</html>".into())
        .unwrap();
    let world = World::at(START).answers(Ok(portal));
    let tried = tried(run(search(&[UNNAMED]).find(), &world));
    assert!(matches!(tried.metadata, MetadataTried::BadReply(_)), "{tried:?}");
    let error = Error::from(tried);
    assert!(error.to_string().contains("Metadata-Flavor: Google"), "{error}");
    assert!(!error.needs_user() && !error.is_transient());

    let world = World::at(START)
        .metadata(503, "", "")
        .metadata(503, "", "")
        .metadata(503, "", "");
    let error = Error::from(self::tried(run(search(&[UNNAMED]).find(), &world)));
    assert!(error.is_transient() && !error.needs_user(), "{error}");

    let evil = [UNNAMED, ("GCE_METADATA_HOST", "evil.example")];
    let world = World::at(START);
    let tried = self::tried(run(search(&evil).find(), &world));
    assert!(matches!(tried.metadata, MetadataTried::Address(_)), "{tried:?}");
    let said = tried.to_string();
    assert!(
        said.contains("GCE_METADATA_HOST") && !said.contains("evil"),
        "{said}"
    );
    assert!(world.sent().is_empty());
}

/// To go on would give the program another identity than the one that was meant.
#[test]
fn what_is_there_and_cannot_be_used_ends_the_search() {
    let cut = user_file(&[])[..100].to_owned();
    let others = [
        (json!("external_account"), "\"external_account\""),
        (
            json!("external_account_authorized_user"),
            "external_account_authorized_user",
        ),
        (
            json!("impersonated_service_account"),
            "impersonated_service_account",
        ),
        (json!("gdch_service_account"), "gdch_service_account"),
        (json!("Service_Account"), "Service_Account"),
    ];
    let mut bad: Vec<(Result<String, LoadError>, &str)> = vec![
        (Err(LoadError::Unreadable), "cannot be read"),
        (Err(LoadError::TooLarge), "too large"),
        (Err(LoadError::Refused), "loads no files"),
        (Ok(cut), "line 1"),
        (Ok(String::new()), "not a JSON object"),
        (Ok("[1]".to_owned()), "not a JSON object"),
        (Ok("{}".to_owned()), "no property \"type\""),
        (Ok(user_file(&[("type", json!(7))])), "no text"),
        (
            Ok(user_file(&[("refresh_token", json!(null))])),
            "no property \"refresh_token\", which type \"authorized_user\" needs",
        ),
        (Ok(user_file(&[("client_id", json!(""))])), "\"client_id\""),
        (Ok(file(&[("client_email", "")])), "client_email"),
        (Ok(file(&[("private_key", "canary")])), "private key"),
    ];
    bad.extend(others.map(|(kind, said)| (Ok(user_file(&[("type", kind)])), said)));
    for (content, said) in bad {
        let content = || content.as_deref().map_err(|why| *why);
        for (place, path, set) in [("named", NAMED, &[][..]), ("gcloud", GCLOUD, &[UNNAMED][..])] {
            let other = if path == NAMED { GCLOUD } else { NAMED };
            let world = World::at(START)
                .file(path, content())
                .file(other, Ok(&user_file(&[])));
            let tried = tried(run(search(set).find(), &world));
            assert_eq!(world.log(), [format!("load {path}")], "{place}");
            let answer = if path == NAMED {
                &tried.variable
            } else {
                &tried.gcloud
            };
            assert!(matches!(
                answer,
                FileTried::Unusable { .. } | FileTried::NotLoaded { .. }
            ));
            let error = Error::from(tried.clone());
            let shown = error.to_string();
            assert!(shown.contains(said) && shown.contains(path), "{said}: {shown}");
            assert!(!format!("{shown} {error:?}").contains("canary"), "{error:?}");
            assert!(!error.needs_user() && !error.is_transient());
        }
    }
    // The one that a variable names has to be there, too.
    let world = World::at(START).file(GCLOUD, Ok(&user_file(&[])));
    let tried = tried(run(search(&[]).find(), &world));
    assert!(matches!(
        tried.variable,
        FileTried::NotLoaded {
            why: LoadError::NotFound,
            ..
        }
    ));
    assert!(matches!(tried.gcloud, FileTried::NotReached));
    assert!(!Error::from(tried).needs_user());
}

#[test]
fn a_type_that_is_not_taken_is_named_and_no_longer_than_a_name() {
    let kind = format!("{}\u{7}", "x".repeat(10_000));
    let world = World::at(START).file(NAMED, Ok(&user_file(&[("type", json!(kind))])));
    let tried = tried(run(search(&[]).find(), &world));
    let FileTried::Unusable {
        problem: CredentialsFileProblem::Type(name),
        ..
    } = &tried.variable
    else {
        panic!("{tried:?}")
    };
    assert_eq!(name.len(), 40);
    assert!(tried.to_string().len() < 300, "{tried}");
}

/// 20 files of each type, found in each place: nobody is asked anything.
#[test]
fn t38_a_hostile_file_is_found_and_not_obeyed() {
    for token_uri in HOSTILE {
        for text in [
            user_file(&[("token_uri", json!(token_uri))]),
            file(&[("token_uri", token_uri)]),
        ] {
            for (path, set) in [(NAMED, &[][..]), (GCLOUD, &[UNNAMED][..])] {
                let world = World::at(START).file(path, Ok(&text));
                let said = tried(run(search(set).find(), &world)).to_string();
                assert!(said.contains("token_uri") && !said.contains("evil"), "{said}");
                assert!(world.sent().is_empty());
            }
        }
    }
}
