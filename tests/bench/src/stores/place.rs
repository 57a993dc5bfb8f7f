//! Directories for measurements, and records to put there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use grantflow_core::{Client, Endpoint, Key, Provenance, Record, Scopes, Secret, Timestamp, Token};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A directory that goes when it is dropped.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(name: &str) -> Self {
        let base = std::env::var_os("GRANTFLOW_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = base.join(format!("grantflow-bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        private(&path, 0o700);
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

/// A record as Google grants it, of this user.
pub(super) fn record(user: usize) -> Record {
    let client = Client::google("407408718192.apps.googleusercontent.com").expect("a client");
    let endpoint = Endpoint::new("https://oauth2.googleapis.com/revoke").expect("an endpoint");
    let client = client.with_revocation_endpoint(endpoint);
    let key = Key::new(&client, Scopes::parse("openid email").expect("scopes"))
        .with_account(format!("user-{user}@example.com"));
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let mut token = Token::bearer(format!("ya29.{user:0>200}"), now);
    token.refresh_token = Some(Secret::new(format!("1//{user:0>100}")));
    token.expires_at = Some(now.plus(Duration::from_secs(3599)));
    Record::new(key, client, token, Provenance::new("authorization_code", now))
}

/// The same with a new token: SQLite does not write what is the same.
pub(super) fn renewed(user: usize, number: usize) -> Record {
    let old = record(user);
    let mut token = old.token().clone();
    token.access_token = Secret::new(format!("ya29.{number:0>200}"));
    old.refreshed(token)
}

/// The bytes of a record's file.
pub(super) fn bytes(record: &Record) -> Vec<u8> {
    let json = record.expose_json();
    let json = json.expose();
    let sum = crc32fast::hash(json.as_bytes());
    format!("{{\"grantflow_file\":2,\"crc32\":\"{sum:08x}\",\"record\":{json}}}\n").into_bytes()
}

/// Puts so many records into a directory, as the store of many would, but not brought to disk one by one.
pub(super) fn furnish(dir: &Path, records: usize) {
    for user in 0..records {
        let record = record(user);
        let path = dir.join(format!("{}.json", record.key().digest()));
        fs::write(&path, bytes(&record)).expect("a record is written");
        private(&path, 0o600);
        let lock = dir.join(format!("{}.json.lock", record.key().digest()));
        fs::write(&lock, "1\n").expect("a lock file is written");
        private(&lock, 0o600);
    }
    rustix::fs::sync();
}
