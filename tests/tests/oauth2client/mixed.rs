//! Rust and Python on the old file at the same time, against a server that takes each refresh token once.

use std::path::PathBuf;
use std::time::Duration;

use grantflow_core::{Error, Record, Store as _, blocking};
use grantflow_store::FileStore;
use grantflow_store::import::{Export, ExportFormat, MixedFleetStore};
use grantflow_suites::app::{App, LATER, NOWHERE, SCOPES};
use grantflow_suites::login;
use grantflow_suites::oauth2client::Python;
use grantflow_testserver::TestServer;
use serde_json::{Value, json};

/// An application whose users have the old file, its access token ended.
struct Migration {
    server: TestServer,
    app: App,
    file: PathBuf,
    store: MixedFleetStore<FileStore>,
    _dir: tempfile::TempDir,
}

impl Migration {
    fn begin() -> Result<Self, Error> {
        let server = TestServer::start().expect("there is a port");
        let secret = server
            .client("post-app")
            .and_then(|client| client.expose_secret())
            .expect("it has one")
            .to_owned();
        let app = App::discover(server.issuer(), "post-app", |client| {
            client.with_secret_post(secret.as_str())
        })?;
        let redirect_uri = NOWHERE.replace("/cb", "/callback");
        let (url, pending) = app.run(login::start(app.client(), &redirect_uri, SCOPES))?;
        let redirect = server.approve(&url).expect("ann logs in");
        let record = app.run(login::finish(app.client(), pending, &redirect))?;
        let mut token = record.token().clone();
        token.issued_at = token.issued_at.minus(LATER);
        token.expires_at = token.expires_at.map(|end| end.minus(LATER));
        let key = record.key().clone().with_label("ann");
        let ended = Record::new(
            key.clone(),
            record.client().clone(),
            token,
            record.provenance().clone(),
        );
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("old");
        let export = Export::new(ExportFormat::MultiprocessFileStorage);
        export.write(&file, &[ended]).expect("it can be written");
        let store = MixedFleetStore::new(FileStore::new(dir.path().join("new.json")), &file, "ann", key);
        Ok(Self {
            server,
            app,
            file,
            store,
            _dir: dir,
        })
    }

    fn entry(&self) -> Value {
        json!({"file": self.file, "key": "ann"})
    }

    /// The token as a program gets it that begins now.
    fn token(&self) -> Result<String, Error> {
        let key = self.app.key()?.with_label("ann");
        let transport = grantflow_ureq::UreqTransport::new()?;
        let credentials = blocking::Credentials::new(key, self.store.clone(), self.app.clock.on(transport));
        Ok(credentials.access_token()?.token.expose().to_owned())
    }

    fn refreshes(&self) -> (u64, u64) {
        let stats = self.server.stats();
        (stats.refreshes, stats.refresh_replays)
    }
}

#[test]
fn r09_what_either_refreshes_the_other_adopts() -> Result<(), Error> {
    let (Some(mut python), Some(mut later)) = (Python::start(), Python::start()) else {
        return Ok(());
    };
    let migration = Migration::begin()?;
    // Python has the old token in its memory when Rust refreshes.
    python.run("remember", migration.entry());
    let first = migration.token()?;
    assert_eq!(python.run("token", migration.entry()), first.as_str());
    assert_eq!(migration.token()?, first);
    assert_eq!(migration.refreshes(), (1, 0));

    // Two hours go by. Another Python process refreshes first, with the token that Rust left it.
    migration.server.set_expires_in(Duration::from_secs(86_400));
    let file = std::fs::read_to_string(&migration.file).expect("the file");
    std::fs::write(&migration.file, ended(&file)).expect("it can be written");
    let second = later.run("token", migration.entry());
    assert_eq!(migration.refreshes(), (2, 0));
    migration.app.clock.advance(LATER);
    assert_eq!(second, migration.token()?.as_str());
    assert_eq!(migration.refreshes(), (2, 0));
    assert_ne!(second, first.as_str());

    // The last Python process is gone: the store goes on alone, with the token that Python got.
    drop((python, later));
    std::fs::remove_file(&migration.file).expect("it is ours");
    assert_eq!(second, migration.token()?.as_str());
    let alone = migration.store.clone().into_store();
    let record = alone
        .read(&migration.app.key()?.with_label("ann"))?
        .expect("it is there");
    assert_eq!(second, record.token().access_token.expose());
    Ok(())
}

/// The file with every token ended, as Python would find it later.
fn ended(file: &str) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut file: Value = serde_json::from_str(file).expect("JSON");
    for value in file["credentials"]
        .as_object_mut()
        .expect("an object")
        .values_mut()
    {
        let json = base64.decode(value.as_str().expect("a text")).expect("base64");
        let mut credential: Value = serde_json::from_slice(&json).expect("JSON");
        credential["token_expiry"] = json!("2020-01-01T00:00:00Z");
        *value = base64.encode(credential.to_string()).into();
    }
    file.to_string()
}

#[test]
fn with_an_access_token_alone_python_cannot_spend_the_refresh_token() -> Result<(), Error> {
    let Some(mut python) = Python::start() else {
        return Ok(());
    };
    let migration = Migration::begin()?;
    let token = migration.token()?;
    let alone = migration.store.clone().into_store();
    let record = alone
        .read(&migration.app.key()?.with_label("ann"))?
        .expect("it is there");
    let export = Export::new(ExportFormat::MultiprocessFileStorage)
        .access_token_only()
        .replacing();
    export
        .write(&migration.file, &[record])
        .expect("it can be written");
    assert_eq!(python.run("token", migration.entry()), token.as_str());
    let content = python.run("get", migration.entry());
    assert_eq!(
        (&content["refresh_token"], &content["client_secret"]),
        (&Value::Null, &Value::Null)
    );
    // The API refuses the token, and Python has nothing to ask for another with.
    migration.server.expire_access_tokens();
    python.begin(
        "call",
        json!({"file": migration.file, "key": "ann", "url": migration.server.url("/api/me")}),
    );
    let refused = python.answer().expect_err("the token has ended");
    assert!(refused.starts_with("AccessTokenCredentialsError"), "{refused}");
    assert_eq!(migration.refreshes(), (1, 0));
    Ok(())
}

#[test]
fn a_python_process_that_holds_the_lock_is_waited_for() -> Result<(), Error> {
    let Some(mut python) = Python::start() else {
        return Ok(());
    };
    let migration = Migration::begin()?;
    let key = migration.app.key()?.with_label("ann");
    assert_eq!(
        python.run("lock", json!({"file": migration.file, "seconds": 60})),
        true
    );
    assert!(migration.store.lock(&key, Duration::ZERO).is_err());
    assert_eq!(migration.refreshes(), (0, 0));
    python.run("unlock", json!({"file": migration.file}));
    assert!(migration.store.lock(&key, Duration::from_secs(60)).is_ok());
    Ok(())
}
