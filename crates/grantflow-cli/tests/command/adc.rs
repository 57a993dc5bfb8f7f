//! `--adc`: the credentials that a machine has for its programs, a metadata server that counts, and what the doctor says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Desk, Done, done};

const GRANTED: &str = r#"{"access_token":"ya29.of-the-server","expires_in":3599,"token_type":"Bearer"}"#;
const REFUSED: &str = r#"{"error":"invalid_grant"}"#;
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A server that answers everything alike, as one of metadata does, and notes what it was asked.
struct Google {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Google {
    fn answering(status: u16, flavor: &str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&asked);
        let head = format!(
            "HTTP/1.1 {status} OK\r\n{flavor}content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let line = request(&stream).unwrap_or_default();
                theirs.lock().unwrap().push(line);
                // Whoever hangs up in the middle gets no answer.
                let _gone = write!(&stream, "{head}{body}");
            }
        });
        Self { address, asked }
    }

    fn metadata() -> Self {
        Self::answering(200, "metadata-flavor: Google\r\n", GRANTED)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn token_uri(&self) -> String {
        format!("http://{}/token", self.address)
    }
}

/// The first line of a request, read to its end.
fn request(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    Ok(first.trim().to_owned())
}

/// A user's file where gcloud puts it.
fn write_user(desk: &Desk, token_uri: &str) {
    let file = json!({
        "type": "authorized_user", "client_id": "cid", "client_secret": "canary-secret",
        "refresh_token": "1//canary-refresh", "quota_project_id": "billed", "token_uri": token_uri,
    });
    let directory = desk.path("home/.config/gcloud");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(
        directory.join("application_default_credentials.json"),
        file.to_string(),
    )
    .unwrap();
}

fn run(desk: &Desk, words: &[&str], variables: &[(&str, &str)]) -> Done {
    let mut command: Command = desk.command(words);
    command.envs(variables.iter().copied());
    let done = done(&mut command);
    assert!(!done.all().contains("canary"), "{done:?}");
    done
}

/// The line of the doctor about it: grade, what was found, and advice.
#[track_caller]
fn found(desk: &Desk, variables: &[(&str, &str)]) -> (String, String, String) {
    let value = run(desk, &["doctor", "--format", "json"], variables).ok().json();
    let findings = value["findings"].as_array().unwrap();
    let of_google = findings
        .iter()
        .find(|finding| finding["about"] == "google")
        .unwrap();
    let text = |member: &str| of_google[member].as_str().unwrap_or_default().to_owned();
    (text("grade"), text("found"), text("advice"))
}

#[test]
fn a_machine_of_googles_has_a_token_for_whoever_asks() {
    let (desk, google) = (Desk::new(), Google::metadata());
    let here = [("NO_GCE_CHECK", ""), ("GCE_METADATA_HOST", &*google.address)];
    let token = run(&desk, &["token", "--adc", "--scope", "a", "b"], &here).ok();
    assert_eq!(token.stdout, "ya29.of-the-server\n");
    assert_eq!(
        google.asked(),
        [
            "GET / HTTP/1.1",
            "GET /computeMetadata/v1/instance/service-accounts/default/token?scopes=a%2Cb HTTP/1.1"
        ]
    );
    let header = run(&desk, &["header", "--adc", "--quota-project", "p"], &here).ok();
    assert_eq!(
        header.stdout,
        "Authorization: Bearer ya29.of-the-server\nx-goog-user-project: p\n"
    );
    let header = run(&desk, &["header", "--adc", "--format", "json"], &here)
        .ok()
        .json();
    assert_eq!(
        header,
        json!({"name": "Authorization", "value": "Bearer ya29.of-the-server"})
    );
    let (grade, found, _) = found(&desk, &here);
    assert_eq!(grade, "ok");
    assert!(
        found.contains("--adc uses the account that this machine runs as"),
        "{found}"
    );
    assert!(found.contains(&google.address), "{found}");
    assert!(!desk.file().exists());
}

#[test]
fn a_users_file_of_gclouds_gives_tokens_and_the_project_that_is_billed() {
    let (desk, google) = (Desk::new(), Google::answering(200, "", GRANTED));
    write_user(&desk, &google.token_uri());
    let words = [
        "header",
        "--adc",
        "--format",
        "json",
        "--token-endpoint",
        &google.token_uri(),
    ];
    let header = run(&desk, &words, &[]).ok().json();
    assert_eq!(header["beside"], json!({"x-goog-user-project": "billed"}));
    assert_eq!(google.asked(), ["POST /token HTTP/1.1"]);
    let set = [("GOOGLE_CLOUD_QUOTA_PROJECT", "other")];
    let header = run(&desk, &words, &set).ok().json();
    assert_eq!(header["beside"], json!({"x-goog-user-project": "other"}));

    write_user(&desk, "");
    let (grade, found, _) = found(&desk, &set);
    assert_eq!(grade, "ok");
    assert!(
        found.contains("a user, by ") && found.contains("gcloud's file; calls are counted to other"),
        "{found}"
    );
    // Nobody is spoken for by a user.
    let refused = run(&desk, &["token", "--adc", "--subject", "ann@example.com"], &[]).fails(2);
    assert!(refused.stderr.contains("service account"), "{refused:?}");
}

#[test]
fn t38_a_file_of_gclouds_that_names_another_server_is_refused_and_nobody_is_asked() {
    let (desk, google) = (Desk::new(), Google::answering(200, "", GRANTED));
    write_user(&desk, &google.token_uri());
    let refused = run(&desk, &["token", "--adc"], &[]).fails(2);
    assert!(
        refused.stderr.contains("token_uri") && refused.stderr.contains("--token-endpoint"),
        "{refused:?}"
    );
    let (grade, found, advice) = found(&desk, &[]);
    assert_eq!(grade, "note");
    assert!(
        found.contains("token_uri") && advice.contains("--token-endpoint"),
        "{found} {advice}"
    );
    assert!(google.asked().is_empty());
}

#[test]
fn a_users_grant_that_has_ended_is_3_and_gclouds_to_get_anew() {
    let (desk, google) = (Desk::new(), Google::answering(400, "", REFUSED));
    write_user(&desk, &google.token_uri());
    let words = ["token", "--adc", "--token-endpoint", &google.token_uri()];
    let refused = run(&desk, &words, &[]).fails(3);
    assert!(
        refused.stderr.contains("gcloud auth application-default login"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("grantflow login"), "{refused:?}");
}

#[test]
fn where_there_is_nothing_it_is_3_and_each_place_says_why() {
    let desk = Desk::new();
    for format in ["text", "json"] {
        let failed = run(&desk, &["token", "--adc", "--format", format], &[]).fails(3);
        for part in [
            "GOOGLE_APPLICATION_CREDENTIALS is not set",
            "application_default_credentials.json: there is no such file",
            "NO_GCE_CHECK",
            "gcloud auth application-default login",
        ] {
            assert!(failed.stderr.contains(part), "{part}: {failed:?}");
        }
        assert!(!failed.stderr.contains("grantflow login"), "{failed:?}");
    }
    let (grade, found, _) = found(&desk, &[]);
    assert_eq!(grade, "ok");
    assert!(found.contains("no application default credentials"), "{found}");

    let missing = [("GOOGLE_APPLICATION_CREDENTIALS", "none.json")];
    let failed = run(&desk, &["token", "--adc"], &missing).fails(2);
    assert!(
        failed.stderr.contains("none.json: there is no such file"),
        "{failed:?}"
    );
    let (grade, found, _) = self::found(&desk, &missing);
    assert!(grade == "note" && found.contains("none.json"), "{found}");
    std::fs::write(desk.path("other.json"), r#"{"type":"external_account"}"#).unwrap();
    let other = [("GOOGLE_APPLICATION_CREDENTIALS", "other.json")];
    let failed = run(&desk, &["token", "--adc"], &other).fails(2);
    assert!(failed.stderr.contains("external_account"), "{failed:?}");
}

#[test]
fn t42_whoever_is_no_metadata_server_is_4_and_believed_nothing() {
    let (desk, portal) = (Desk::new(), Google::answering(200, "", GRANTED));
    let here = [("NO_GCE_CHECK", ""), ("GCE_METADATA_HOST", &*portal.address)];
    let failed = run(&desk, &["token", "--adc"], &here).fails(4);
    assert!(failed.stderr.contains("Metadata-Flavor: Google"), "{failed:?}");
    assert!(!failed.all().contains("ya29"), "{failed:?}");
    assert_eq!(portal.asked().len(), 1);
    let elsewhere = [("NO_GCE_CHECK", ""), ("GCE_METADATA_HOST", "evil.example")];
    run(&desk, &["token", "--adc"], &elsewhere).fails(2);
}

#[test]
fn adc_goes_with_no_option_that_chooses_other_credentials() {
    let desk = Desk::new();
    for words in [
        &["--service-account", "key.json", "--scope", "a"][..],
        &["--audience", "a"],
        &["--issuer", "https://as.example"],
        &["--account", "work"],
    ] {
        run(&desk, &[&["token", "--adc"], words].concat(), &[]).fails(2);
    }
    run(&desk, &["token", "--quota-project", "p"], &[]).fails(2);
    run(
        &desk,
        &["token", "--token-endpoint", "https://as.example/token"],
        &[],
    )
    .fails(2);
}

#[test]
fn a_service_account_of_the_machine_needs_to_know_what_for_and_may_speak_for_users() {
    let (desk, google) = (Desk::new(), Google::answering(200, "", GRANTED));
    let pem = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../grantflow-jwt/tests/keys/rsa.pkcs8.pem"
    );
    let key: Value = json!({
        "type": "service_account", "client_email": "svc@project.example", "quota_project_id": "billed",
        "private_key": std::fs::read_to_string(pem).unwrap(), "token_uri": google.token_uri(),
    });
    std::fs::write(desk.path("key.json"), key.to_string()).unwrap();
    let set = [("GOOGLE_APPLICATION_CREDENTIALS", "key.json")];
    let trust = ["--token-endpoint", &google.token_uri()];
    let failed = run(&desk, &[&["token", "--adc"], &trust[..]].concat(), &set).fails(2);
    assert!(failed.stderr.contains("--scope"), "{failed:?}");
    let words = [&["token", "--adc", "--scope", SCOPE], &trust[..]].concat();
    assert!(run(&desk, &words, &set).ok().stdout.starts_with("ya29."));
    run(
        &desk,
        &[&words[..], &["--subject", "ann@example.com"]].concat(),
        &set,
    )
    .ok();
    // What its file bills is said, too, where the file is named.
    let words = [
        &["header", "--service-account", "key.json", "--scope", SCOPE],
        &trust[..],
    ]
    .concat();
    assert!(
        run(&desk, &words, &[])
            .ok()
            .stdout
            .ends_with("\nx-goog-user-project: billed\n")
    );
}

/// Says that it ends in the year 2100.
const ID_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln";

#[test]
fn an_id_token_for_an_audience_comes_from_the_metadata_server_or_by_a_key_and_from_no_user() {
    let desk = Desk::new();
    let machine = Google::answering(200, "metadata-flavor: Google\r\n", ID_TOKEN);
    let words = [
        "id-token",
        "--audience",
        "https://service.run.app",
        "--format",
        "json",
    ];
    let here = [("NO_GCE_CHECK", ""), ("GCE_METADATA_HOST", &*machine.address)];
    let printed = done(desk.command(&words).envs(here)).ok();
    assert_eq!(printed.json()["id_token"], ID_TOKEN);
    let asked = machine.asked();
    let for_it = |line: &&String| {
        line.contains("/identity?") && line.contains("audience=https%3A%2F%2Fservice.run.app")
    };
    assert_eq!(asked.iter().filter(for_it).count(), 1, "{asked:?}");

    let server = Google::answering(
        200,
        "",
        r#"{"id_token":"eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln"}"#,
    );
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../grantflow-jwt/tests/keys");
    let pem = std::fs::read_to_string(format!("{keys}/rsa.pkcs8.pem")).unwrap();
    let file = json!({
        "type": "service_account", "client_email": "svc@project.iam.gserviceaccount.com", "private_key": pem,
        "token_uri": server.token_uri(),
    });
    std::fs::write(desk.path("key.json"), file.to_string()).unwrap();
    let token_uri = server.token_uri();
    let words = ["id-token", "--audience", "a", "--service-account", "key.json"];
    desk.run(&words).fails(2);
    assert!(server.asked().is_empty(), "an address that is not trusted");
    let trusting = [&words[..], &["--token-endpoint", &token_uri]].concat();
    assert_eq!(desk.run(&trusting).ok().stdout.trim(), ID_TOKEN);

    write_user(&desk, &token_uri);
    let of_a_user = desk
        .run(&["id-token", "--audience", "a", "--token-endpoint", &token_uri])
        .fails(2);
    assert!(of_a_user.stderr.contains("a user's credentials"), "{of_a_user:?}");
    assert!(!of_a_user.all().contains("canary"));
    desk.run(&["id-token"]).fails(2);
}
