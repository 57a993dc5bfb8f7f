//! One login at a strict server, kept in one store: what a herd finds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantflow_core::blocking::Credentials;
use grantflow_core::{Change, Record, Store, TransportHost, run};
use grantflow_suites::app::{NOWHERE, SCOPES};
use grantflow_suites::login;
use grantflow_testserver::{Config, Rotation, Stats, TestServer};
use grantflow_ureq::UreqTransport;
use tempfile::TempDir;

use crate::Done;
use crate::herd::Answer;
use crate::kind::Kind;
use crate::watched::Watched;

/// A server, and a store with a record of it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) kind: Kind,
    record: Record,
    place: PathBuf,
    before: Stats,
    /// Gone with the scene, where it is the scene's own.
    dir: Option<TempDir>,
}

impl Scene {
    /// A login whose access token has ended, in a directory of its own.
    pub(crate) fn ended(kind: Kind) -> Done<Self> {
        let scene = Self::new(kind)?;
        scene.age(ENDED)?;
        Ok(scene)
    }

    /// A login in a directory of its own.
    pub(crate) fn new(kind: Kind) -> Done<Self> {
        let dir = tempfile::tempdir()?;
        let mut scene = Self::at(kind, dir.path())?;
        scene.dir = Some(dir);
        Ok(scene)
    }

    /// The same in a directory that is there.
    pub(crate) fn at(kind: Kind, place: &Path) -> Done<Self> {
        let server = Config::new().rotate(Rotation::Strict).start()?;
        let store = kind.open(place);
        let transport = UreqTransport::new()?;
        let host = || TransportHost::new(&transport).with_store(&*store);
        let client = run(login::discover(server.issuer(), "native-app")?, &host())?;
        let redirect_uri = NOWHERE.replace("/cb", "/callback");
        let (url, pending) = run(login::start(&client, &redirect_uri, SCOPES), &host())?;
        let redirect = server.approve(&url)?;
        let record = run(login::finish(&client, pending, &redirect), &host())?;
        let before = server.stats();
        Ok(Self {
            server,
            store,
            kind,
            record,
            place: place.to_owned(),
            before,
            dir: None,
        })
    }

    /// Where the store is.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The record as it is stored now.
    pub(crate) fn stored(&self) -> Done<Record> {
        Ok(self.store.read(self.record.key())?.ok_or("the record is gone")?)
    }

    /// Makes the stored token older by so much.
    pub(crate) fn age(&self, by: Duration) -> Done<()> {
        let mut locked = self.store.lock(self.record.key(), PATIENCE)?;
        let record = locked.record().ok_or("the record is gone")?;
        let mut token = record.token().clone();
        token.issued_at = token.issued_at.minus(by);
        token.expires_at = token.expires_at.map(|end| end.minus(by));
        let older = record.refreshed(token);
        Ok(locked.save(Change::Put(Box::new(older)))?)
    }

    /// From here on the server's counts are those of the next verdict.
    pub(crate) fn count_from_here(&mut self) {
        self.before = self.server.stats();
    }

    /// What became of the herd, and of the login.
    pub(crate) fn verdict(&self, answers: &[Answer]) -> Done<Verdict> {
        let (before, now) = (&self.before, self.server.stats());
        let stored = self.stored()?.token().access_token.expose().to_owned();
        let tokens: BTreeSet<&str> = answers
            .iter()
            .filter_map(|answer| answer.token.as_deref())
            .collect();
        Ok(Verdict {
            processes: answers.len(),
            served: answers.iter().filter(|answer| answer.token.is_some()).count(),
            same: tokens.len() == 1 && tokens.contains(stored.as_str()),
            calls: now.token_requests - before.token_requests,
            refreshes: now.refreshes - before.refreshes,
            replays: now.refresh_replays - before.refresh_replays,
            revoked: now.families_revoked - before.families_revoked,
            lives: false,
            errors: answers.iter().filter_map(|answer| answer.error.clone()).collect(),
        })
    }

    /// The same, and whether the login goes on from what is stored: its refresh token is good for another one.
    pub(crate) fn verdict_and_after(&self, answers: &[Answer]) -> Done<Verdict> {
        let verdict = self.verdict(answers)?;
        self.server.set_delay(Duration::ZERO);
        let credentials = Credentials::new(
            self.record.key().clone(),
            Watched::new(Arc::clone(&self.store), |_| {}),
            UreqTransport::new()?,
        );
        let lives = credentials.refresh().is_ok();
        Ok(Verdict { lives, ..verdict })
    }

    /// Whether the record is this one still.
    pub(crate) fn still_has(&self, record: &Record) -> Done<bool> {
        Ok(self.stored()?.expose_json().expose() == record.expose_json().expose())
    }
}

/// What a herd came to.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) processes: usize,
    pub(crate) served: usize,
    /// Whether all that were served hold the token that is stored.
    pub(crate) same: bool,
    pub(crate) calls: u64,
    pub(crate) refreshes: u64,
    pub(crate) replays: u64,
    pub(crate) revoked: u64,
    /// Whether the stored refresh token was good for another refresh afterwards.
    pub(crate) lives: bool,
    pub(crate) errors: BTreeSet<String>,
}

impl Verdict {
    /// One request to the server, no spent token sent, everybody served with one token, and the login goes on.
    pub(crate) fn holds(&self) -> bool {
        self.is_whole() && self.calls == 1
    }

    /// The same, where a request that was never carried out may have left before.
    pub(crate) fn is_whole(&self) -> bool {
        let served = self.served == self.processes && self.same;
        served && self.lives && self.refreshes == 1 && self.replays == 0 && self.revoked == 0
    }
}

/// Longer than the access tokens of the server live, which is an hour.
pub(crate) const ENDED: Duration = Duration::from_secs(2 * 3600);

/// So long that they should be refreshed, and are good still.
pub(crate) const STALE: Duration = Duration::from_secs(57 * 60);

/// For locks that nobody else wants.
const PATIENCE: Duration = Duration::from_secs(60);
