//! The store and the transport that a command works with.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use grantflow::blocking::Credentials;
use grantflow::store::Encrypted;
use grantflow::ureq::{Builder, UreqTransport};
use grantflow::{
    Error, NotAuthorized, Record, Secret, Store, StoreError, Timestamp, Transport as _, TransportError,
};

use crate::args::Args;
use crate::bound::{self, Identity};
use crate::exit::{Failure, LOGIN_NEEDED, STORE, USAGE};
use crate::guard::Watched;
use crate::output::while_waiting;
use crate::place::{Kind, SealingKey};
use crate::select::{self, CHOOSE, Selector};
use crate::stores::{self, By, Named};

/// The store of a command and how it was named.
pub(crate) struct Session {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) location: String,
    pub(crate) transport: Watched,
    /// The client certificate that the transport shows.
    pub(crate) identity: Option<Identity>,
    named: Named,
}

impl Session {
    /// Opens the store that was named, or the user's own. Nothing is written yet.
    pub(crate) fn open(args: &Args) -> Result<Self, Failure> {
        let named = Named::read(args)?;
        let identity = Identity::read(args)?;
        Ok(Self {
            location: named.place.to_string(),
            store: stores::open(&named, args.secret.as_ref())?,
            transport: match &identity {
                Some(identity) => transport_showing(args.ca_file.as_deref(), identity)?,
                None => transport(args.ca_file.as_deref())?,
            },
            identity,
            named,
        })
    }

    /// Makes the user's own directory, if something of this store lies there; a directory that was named is the store's to make.
    pub(crate) fn make_directory(&self) -> Result<(), Failure> {
        if self.named.by != By::Nobody && !self.asks_the_keyring() {
            return Ok(());
        }
        let directory = stores::data_directory()?;
        stores::make_private(&directory).map_err(|error| {
            Failure::new(STORE, format!("cannot make {}: {error}", directory.display()))
                .hint("name another place with --store file:PATH")
        })
    }

    /// All records, each readable or not.
    pub(crate) fn records(&self) -> Result<Vec<Result<Record, StoreError>>, Failure> {
        let all = || Ok(self.store.records()?.collect());
        if self.asks_the_keyring() {
            // It may wait for a person.
            return while_waiting("waiting for the password manager", all);
        }
        all()
    }

    /// The store as one that is sealed, and where its key is.
    pub(crate) fn sealed(&self, secret: Option<&Secret>) -> Result<(Encrypted, &SealingKey), Failure> {
        let store = stores::sealed(&self.named, secret)?;
        let key = self.named.key.as_ref();
        Ok((store, key.ok_or_else(|| stores::not_sealed(&self.named.place))?))
    }

    /// Where the store is.
    pub(crate) fn kind(&self) -> &Kind {
        &self.named.place.kind
    }

    fn asks_the_keyring(&self) -> bool {
        matches!(self.named.place.kind, Kind::Keyring(_))
            || matches!(self.named.key, Some(SealingKey::Keyring(_)))
    }

    /// The records that fit, and at least one.
    ///
    /// One that cannot be read might be meant, unless it was said which are.
    pub(crate) fn fitting(&self, selector: &Selector) -> Result<Vec<Record>, Failure> {
        let (mut all, mut unreadable) = (Vec::new(), None);
        for record in self.records()? {
            match record {
                Ok(record) => all.push(record),
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        // Each time in the same order: that of a directory is none.
        all.sort_by_cached_key(|record| select::order(record.key()));
        let fits: Vec<Record> = all.extract_if(.., |record| selector.fits(record.key())).collect();
        match unreadable {
            Some(error) if fits.is_empty() => Err(error.into()),
            Some(error) if selector.is_empty() => Err(Failure::from(error)
                .candidates(fits.iter().map(Record::key))
                .hint(format!(
                    "it may be the one that is meant; if another is, {CHOOSE}"
                ))),
            _ if !fits.is_empty() => Ok(fits),
            _ if all.is_empty() => Err(self.nothing_stored()),
            _ => Err(Failure::new(
                LOGIN_NEEDED,
                "a login is needed: none of the stored credentials fit",
            )
            .candidates(all.iter().map(Record::key))
            .hint(format!(
                "these are in {}: choose among them, or run `grantflow login`",
                self.location
            ))),
        }
    }

    /// The one record that is meant.
    pub(crate) fn record(&self, selector: &Selector) -> Result<Record, Failure> {
        let fitting = self.fitting(selector)?;
        let what = |count| format!("{} has {count} credentials that may be meant", self.location);
        selector.one(fitting, Record::key, what)
    }

    /// The credentials that are meant.
    pub(crate) fn credentials(&self, selector: &Selector) -> Result<Credentials, Failure> {
        let record = self.record(selector)?;
        // What another program stored may be locked there for the first time.
        self.make_directory()?;
        self.credentials_of(&record)
    }

    /// The credentials of a record, with what proves that they are ours where they are bound.
    pub(crate) fn credentials_of(&self, record: &Record) -> Result<Credentials, Failure> {
        bound::check(record, self.transport.certificate())?;
        let (store, transport) = (Arc::clone(&self.store), self.transport.clone());
        let credentials = Credentials::new(record.key().clone(), store, transport);
        Ok(match bound::prover(record) {
            Some(client) => credentials.with_client(client),
            None => credentials,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.transport.now().wall
    }

    fn nothing_stored(&self) -> Failure {
        let failure = Failure::from(Error::from(NotAuthorized::NothingStored));
        failure.hint(format!(
            "nothing is in {}: run `grantflow login`, or name the place with --store",
            self.location
        ))
    }
}

/// The transport of the command, which trusts the system's certificates or those in a file.
pub(crate) fn transport(ca_file: Option<&Path>) -> Result<Watched, Failure> {
    match (trusting(ca_file).build(), ca_file) {
        (Ok(transport), _) => Ok(Watched::new(transport)),
        (Err(Error::Transport(error)), Some(file)) => Err(Failure::new(
            USAGE,
            format!(
                "cannot use the certificates in {}: {}",
                file.display(),
                why(&error)
            ),
        )),
        (Err(error), _) => Err(error.into()),
    }
}

/// The same, which shows a client certificate.
fn transport_showing(ca_file: Option<&Path>, identity: &Identity) -> Result<Watched, Failure> {
    // What is wrong with the other file is told as ever.
    transport(ca_file)?;
    let transport = trusting(ca_file).client_certificate(&identity.certificate, &identity.key);
    match transport.build() {
        Ok(transport) => Ok(Watched::new(transport)),
        Err(Error::Transport(error)) => Err(identity.unusable(&why(&error))),
        Err(error) => Err(error.into()),
    }
}

fn trusting(ca_file: Option<&Path>) -> Builder {
    match ca_file {
        Some(file) => UreqTransport::builder().ca_file(file),
        None => UreqTransport::builder(),
    }
}

fn why(error: &TransportError) -> String {
    let cause = error.source();
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
