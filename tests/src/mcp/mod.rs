//! A client of the Model Context Protocol, as small as its conformance suite allows.
//!
//! ```text
//! talk ─▶ initialize, tools/list, tools/call        with a token, once there is one
//!           │ 401, 403
//!           ▼
//! scenario ─▶ login: discovery, client, consent     or, without a person, one of grants
//! ```

mod grants;
mod login;
mod talk;

use grantflow_core::blocking::Credentials;
use grantflow_core::{
    Challenge, Endpoint, OriginAsIssuer, ProtectedResource, ResourceAccess, TransportHost, run,
};
use grantflow_ureq::UreqTransport;
use serde_json::Value;

use login::Login;
use talk::{Answer, Talk};

/// What goes wrong, for a person to read.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One run of the client.
#[derive(Debug)]
pub struct Scenario {
    name: String,
    context: Value,
    url: String,
    transport: UreqTransport,
}

impl Scenario {
    /// The server at `url`, and what the suite says of the run.
    ///
    /// # Errors
    ///
    /// If the context is no JSON.
    pub fn new(url: &str, name: &str, context: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            context: serde_json::from_str(context)?,
            url: url.to_owned(),
            transport: UreqTransport::new()?,
        })
    }

    /// Talks to the server, and logs in as often as it has to.
    ///
    /// # Errors
    ///
    /// What ended the conversation.
    pub fn run(&self) -> Result<()> {
        let mut talk = Talk::new(&self.url)?;
        let mut login = None;
        for request in Talk::requests() {
            loop {
                let challenge = match talk.ask(&request)? {
                    Answer::Done => break,
                    Answer::Refused(challenge) => challenge,
                };
                let credentials = self.authorize(challenge.as_ref(), &mut login)?;
                talk.with(&credentials)?;
            }
        }
        Ok(())
    }

    /// Credentials for what the challenge wants: a client of its own where the suite gives one, else those of a person.
    fn authorize(&self, challenge: Option<&Challenge>, login: &mut Option<Login>) -> Result<Credentials> {
        if let Some(login) = login {
            return login.step_up(challenge.ok_or("refused without a challenge")?, &self.transport);
        }
        let access = self.discover(challenge)?;
        match self.name.as_str() {
            "auth/client-credentials-jwt" => grants::private_key_jwt(&access, &self.context),
            "auth/client-credentials-basic" => grants::secret(&access, &self.context),
            "auth/cross-app-access-complete-flow" => {
                grants::cross_app_access(&access, &self.context, &self.transport)
            }
            name => {
                let document = (name == "auth/basic-cimd").then_some(DOCUMENT);
                let new = Login::new(access, &self.context, document, &self.transport)?;
                login.insert(new).consent(&self.transport)
            }
        }
    }

    fn discover(&self, challenge: Option<&Challenge>) -> Result<ResourceAccess> {
        let mut resource = ProtectedResource::new(Endpoint::allow_http_for_localhost(&self.url)?);
        if self.name.starts_with("auth/2025-03-26-") {
            resource = resource.with_fallback(OriginAsIssuer);
        }
        Ok(run(
            resource.discover(challenge),
            &TransportHost::new(&self.transport),
        )?)
    }
}

/// A member of the context.
fn member<'a>(context: &'a Value, name: &'static str) -> Result<&'a str> {
    context[name]
        .as_str()
        .ok_or_else(|| format!("the context has no {name}").into())
}

/// The client id that the suite expects in its one scenario for documents. Nothing is there; in another scenario it would look.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";
