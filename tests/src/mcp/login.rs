//! The login of a person: discovery has been, a client is chosen, and the one redirect of the consent is followed.

use grantflow_core::blocking::Credentials;
use grantflow_core::{
    Authentication, Body, Challenge, ClientIdentity, ClientMetadata, Endpoint, Record, ResourceAccess,
    ResourceLogin, Secret, Step, Transport as _, TransportHost, run,
};
use grantflow_store::MemoryStore;
use grantflow_ureq::UreqTransport;
use serde_json::Value;

use super::{Result, member};

/// A login, and what it was granted.
#[derive(Debug)]
pub(super) struct Login {
    login: ResourceLogin,
    store: MemoryStore,
    record: Option<Record>,
}

impl Login {
    /// Becomes a client: the registered one of the context, else by a document, else registered now.
    pub(super) fn new(
        access: ResourceAccess,
        context: &Value,
        document: Option<&str>,
        transport: &UreqTransport,
    ) -> Result<Self> {
        let metadata = ClientMetadata::new("Grantflow's suites", [REDIRECT]).native();
        let mut identity = ClientIdentity::new().with_registration(metadata);
        if let Some(document) = document {
            identity = identity.with_document(Endpoint::new(document)?)?;
        }
        if let Ok(client_id) = member(context, "client_id") {
            // The suite says that it is for this server, whose name nobody knows before.
            let secret = Authentication::Basic(Secret::new(member(context, "client_secret")?));
            identity = identity.with_registered(access.server().issuer().clone(), client_id, secret);
        }
        Ok(Self {
            login: run(access.client(&identity), &TransportHost::new(transport))?,
            store: MemoryStore::new(),
            record: None,
        })
    }

    /// Asks the person, and keeps what was granted.
    pub(super) fn consent(&mut self, transport: &UreqTransport) -> Result<Credentials> {
        let host = TransportHost::new(transport).with_store(&self.store);
        let login = self.login.clone();
        let started = Step::begin(move |cx| {
            let (url, pending) = login.request(REDIRECT)?.start(cx)?;
            Ok(Step::Done((url, pending)))
        });
        let (url, pending) = run(started, &host)?;
        let reply = transport.send(http::Request::get(url.as_str()).body(Body::empty())?)?;
        let location = reply
            .headers()
            .get("location")
            .ok_or("no redirect")?
            .to_str()?
            .to_owned();
        let code = run(
            Step::begin(move |cx| Ok(Step::Done(pending.accept(&location, cx)?))),
            &host,
        )?;
        let record = run(self.login.keep(code), &host)?;
        let key = record.key().clone();
        self.record = Some(record);
        let transport = UreqTransport::new()?;
        Ok(Credentials::new(key, self.store.clone(), transport).with_client(self.login.client().clone()))
    }

    /// Asks for what was missing.
    pub(super) fn step_up(
        &mut self,
        challenge: &Challenge,
        transport: &UreqTransport,
    ) -> Result<Credentials> {
        let record = self.record.as_ref().ok_or("nothing was granted")?;
        self.login = self.login.step_up(record, challenge)?;
        self.consent(transport)
    }
}

/// Nobody listens there: the redirect is read where it is sent.
const REDIRECT: &str = "http://127.0.0.1:3000/callback";
