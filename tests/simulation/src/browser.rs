//! A login in a browser (RFC 6749 section 4.1, RFC 7636, RFC 9126): the server's codes, the user who answers or does not, and a program
//! that keeps what it waits for, dies, and goes on. One for a protected resource begins with a 401 (RFC 9728).
//!
//! ```text
//! (401 ─▶ metadata ─▶) (pushed ─▶) the browser ─▶ kept on the disk ─▶ callback ─▶ taken from the disk ─▶ exchanged ─▶ stored
//!                                                      ▲
//!                                                      └── the next life of a process that died meanwhile
//! ```
//!
//! Invariant I10 is about it: a code leaves its process once, with the verifier, address and key of its own request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::{
    AsyncTransportHost, Authentication, AuthorizationCode, AuthorizationRequest, Challenge, Client,
    ClientIdentity, Endpoint, Error, Issuer, Key, PendingAuthorization, ProtectedResource, Request,
    ResourceLogin, Scopes, Step, TokenRequest, drive,
};
use grantflow_core::{AuthorizationUrl, transport::AsyncTransport as _};
use sha2::{Digest as _, Sha256};

use crate::caller::{Caller, api_request, base_client};
use crate::chronicle::What;
use crate::device::Login;
use crate::network::{API, AUTHORIZE, ISSUER, TOKEN};
use crate::plant::PlantedTransport;
use crate::proof;
use crate::scenario::Scenario;
use crate::server::Grant;
use crate::world::{Micros, SECOND, State};

/// Where the browser is sent in the end.
const REDIRECT: &str = "http://127.0.0.1:7777/callback";
/// How long a program waits for the user, as long as its pending authorization lives.
pub(crate) const PATIENCE: Micros = 600 * SECOND;
/// How long a code lives.
const CODE_LIFETIME: Micros = 60 * SECOND;

/// What the server knows of an authorization request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorization {
    slot: usize,
    challenge: String,
    redirect_uri: String,
    state: String,
    key: Option<String>,
    /// Whether a browser has brought it.
    visited: bool,
    /// When the user answers, and whether with yes.
    answer: Option<(Micros, bool)>,
    /// Whether its code has left a process.
    sent: bool,
    /// Which pair of tokens it became.
    pub(crate) redeemed: Option<Grant>,
}

/// What a program presents with a code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WithCode {
    verifier: String,
    redirect_uri: String,
}

impl WithCode {
    pub(crate) fn of(member: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            verifier: member("code_verifier")?,
            redirect_uri: member("redirect_uri")?,
        })
    }
}

/// The parameters of an authorization request, wherever they stand.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

impl State {
    /// An authorization request reaches the server; its number.
    fn requested(&mut self, query: &str) -> Option<usize> {
        let scope = parameter(query, "scope")?;
        let authorization = Authorization {
            slot: scope.strip_prefix("slot")?.parse().ok()?,
            challenge: parameter(query, "code_challenge")?,
            redirect_uri: parameter(query, "redirect_uri")?,
            state: parameter(query, "state")?,
            key: parameter(query, "dpop_jkt"),
            ..Authorization::default()
        };
        self.server.authorizations.push(authorization);
        Some(self.server.authorizations.len() - 1)
    }

    /// It was pushed; the reply.
    pub(crate) fn pushed(&mut self, body: &str) -> Option<String> {
        let number = self.requested(body)?;
        Some(format!(
            r#"{{"request_uri":"urn:ietf:params:oauth:request_uri:{number}","expires_in":90}}"#
        ))
    }

    /// The browser is at the server; which authorization it is about, and when the user will answer.
    fn visit(&mut self, url: &str) -> Option<usize> {
        let query = url.strip_prefix(AUTHORIZE)?.strip_prefix('?')?;
        let number = match parameter(query, "request_uri") {
            Some(uri) => uri.rsplit(':').next()?.parse().ok()?,
            None => self.requested(query)?,
        };
        let answers = self.now + self.dice.between(1, 400) * SECOND;
        let answer = match self.dice.below(10) {
            0..8 => Some((answers, true)),
            8 => Some((answers, false)),
            _ => None,
        };
        let authorization = self.server.authorizations.get_mut(number)?;
        if std::mem::replace(&mut authorization.visited, true) {
            self.violated("I10", format!("takes the browser to request {number} twice"));
            return None;
        }
        authorization.answer = answer;
        Some(number)
    }

    /// Where the server sends the browser, once the user has answered.
    fn callback(&self, number: usize) -> Option<(Micros, String)> {
        let authorization = &self.server.authorizations[number];
        let (when, yes) = authorization.answer?;
        let outcome = if yes {
            format!("code=c{number}")
        } else {
            "error=access_denied".to_owned()
        };
        let state = &authorization.state;
        Some((when, format!("{REDIRECT}?{outcome}&state={state}&iss={ISSUER}")))
    }

    /// A code leaves its process.
    pub(crate) fn check_code(&mut self, number: usize, with: Option<&WithCode>, proven_again: bool) {
        let Some(authorization) = self.server.authorizations.get_mut(number) else {
            return self.violated("I10", format!("sends code {number}, which there is not"));
        };
        let again = std::mem::replace(&mut authorization.sent, true) && !proven_again;
        let own = with.is_some_and(|with| {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&with.verifier));
            challenge == authorization.challenge && with.redirect_uri == authorization.redirect_uri
        });
        if again {
            self.violated("I10", format!("sends code {number} again"));
        } else if !own {
            self.violated(
                "I10",
                format!("sends code {number} with what belongs to another request"),
            );
        }
    }

    /// A token for a resource is asked for by its name, and no other is (RFC 8707).
    pub(crate) fn check_resource(&mut self, with: Grant, names_resource: bool) {
        let slot = self.server.family(with).map(|family| family.slot);
        let of_resource = slot.is_some_and(|slot| self.is_of_resource(slot));
        if of_resource != names_resource {
            self.violated(
                "I7",
                format!("refreshes {with} for another resource than its own"),
            );
        }
    }

    /// A code is at the server.
    pub(crate) fn code_arrives(&mut self, number: usize, key: Option<String>) -> Option<Grant> {
        let authorization = self.server.authorizations.get(number)?.clone();
        let (answered, yes) = authorization.answer?;
        let lives = yes && self.now < answered + CODE_LIFETIME;
        if !lives || authorization.redeemed.is_some() {
            return None;
        }
        if authorization.key != key {
            self.violated(
                "I10",
                format!("code {number} is proven by another key than it was asked for with"),
            );
            return None;
        }
        let lifetime = self.dice.pick(self.scenario.lifetimes);
        let grant = self.server.login(authorization.slot, lifetime, self.now);
        if let Some(family) = self.server.families.last_mut() {
            family.key = key;
            family.issues[0].by_device = true;
        }
        self.server.authorizations[number].redeemed = Some(grant);
        Some(grant)
    }
}

/// What a program has on its disk of a login in a browser.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    json: String,
    number: usize,
}

/// The key of the record of a resource.
pub(crate) fn resource_key(scenario: &Scenario, slot: usize) -> Key {
    Key::new(&base_client(scenario), scope(slot)).with_resource(API)
}

fn scope(slot: usize) -> Scopes {
    Scopes::parse(&format!("slot{slot}")).expect("it is a scope")
}

impl Caller {
    /// The user logs in in a browser.
    pub(crate) async fn browser_login(&self, slot: usize) -> Result<(), Error> {
        let client = self.browser_client(true);
        let request = move |cx: &mut grantflow_core::Cx<'_>| {
            AuthorizationRequest::new(&client, REDIRECT)
                .scopes(scope(slot))?
                .begin(cx)
        };
        let (url, pending) = self.drive(Step::begin(request)).await?;
        let Some(number) = self.visits(&url) else {
            return Ok(());
        };
        let json = pending.expose_json().expose().to_owned();
        let place = (self.host.who.process, slot);
        let kept = Pending { json, number };
        self.host.world.state().pending.insert(place, kept);
        self.await_callback(slot).await
    }

    /// Waits for the browser of a login that this process, or the life before it, has begun.
    pub(crate) async fn await_callback(&self, slot: usize) -> Result<(), Error> {
        let place = (self.host.who.process, slot);
        let Some(kept) = self.host.world.state().pending.get(&place).cloned() else {
            return Ok(());
        };
        let callback = self.callback_of(kept.number, &kept.json).await;
        // Taken from the disk before it is used, by one of those who wait for it: nobody sends the code again.
        let is_there = {
            let mut state = self.host.world.state();
            let known = state.pending.get(&place).map(|pending| pending.number);
            known == Some(kept.number) && state.pending.remove(&place).is_some()
        };
        let Some(callback) = callback.filter(|_| is_there) else {
            return Ok(());
        };
        let client = self.browser_client(false);
        let _unkept = self.unkept(Login::Browser(kept.number));
        let exchanged = client.clone();
        let exchange = Step::begin(move |cx| {
            let code = PendingAuthorization::from_json(&kept.json)?.accept(&callback, cx)?;
            Ok(TokenRequest::authorization_code(&exchanged, code).flow())
        });
        let token = self.drive(exchange).await?;
        self.keep(slot, client, token).await?;
        self.host.world.state().ledger.browser_logins += 1;
        Ok(())
    }

    /// The API wants a login, and says where.
    pub(crate) async fn resource_login(&self, slot: usize) -> Result<(), Error> {
        let transport = self.transport();
        let reply = transport.send(api_request()).await?;
        let Some(challenge) = Challenge::bearer(reply.headers()) else {
            return Ok(());
        };
        let resource = ProtectedResource::new(Endpoint::new(API)?);
        let access = self.drive(resource.discover(Some(&challenge))).await?;
        let access = access.asking_for(scope(slot));
        let identity =
            ClientIdentity::new().with_registered(Issuer::new(ISSUER)?, "simulated", Authentication::None);
        let mut login = self.drive(access.client(&identity)).await?;
        if self.host.world.state().scenario.bound {
            let client = proof::with_new_key(login.client().clone()).0;
            login = login.with_client(client)?;
        }
        self.log_in(login).await
    }

    async fn log_in(&self, login: ResourceLogin) -> Result<(), Error> {
        let asking = login.clone();
        let begun = Step::begin(move |cx| asking.request(REDIRECT)?.begin(cx));
        let (url, pending) = self.drive(begun).await?;
        let Some(number) = self.visits(&url) else {
            return Ok(());
        };
        let json = pending.expose_json().expose().to_owned();
        let Some(callback) = self.callback_of(number, &json).await else {
            return Ok(());
        };
        let unkept = self.unkept(Login::Browser(number));
        let accepted = self.drive(Step::begin(move |cx| {
            let code: AuthorizationCode = pending.accept(&callback, cx)?;
            Ok(Step::Done(code))
        }));
        let code = accepted.await?;
        let transport = self.transport();
        let host = AsyncTransportHost::new(&transport).with_store(&self.store);
        drive(login.keep(code), &host).await?;
        self.host.live().await;
        drop(unkept);
        self.host.world.state().ledger.resource_logins += 1;
        Ok(())
    }

    fn visits(&self, url: &AuthorizationUrl) -> Option<usize> {
        let mut state = self.host.world.state();
        if !state.is_alive(self.host.who) {
            return None;
        }
        let number = state.visit(url.as_str());
        if number.is_none() {
            state.violated("I10", "takes the browser to no request of this server".to_owned());
        }
        number
    }

    /// The callback, after one that somebody has forged; `None` if the user does not answer in time.
    async fn callback_of(&self, number: usize, json: &str) -> Option<String> {
        let (wait, callback) = {
            let state = self.host.world.state();
            let callback = state.callback(number);
            let until = callback.as_ref().map_or(state.now + PATIENCE, |(when, _)| *when);
            (until.saturating_sub(state.now), callback)
        };
        self.host.world.sleep(wait).await;
        self.host.live().await;
        self.refuses_a_forgery(json);
        callback.map(|(_, callback)| callback)
    }

    /// A page sends the browser here with the code of another login: nothing may come of it.
    fn refuses_a_forgery(&self, json: &str) {
        let mut state = self.host.world.state();
        let (code, other) = (state.dice.below(8), state.dice.next());
        let forged = format!("{REDIRECT}?code=c{code}&state={other:043}&iss={ISSUER}");
        let pending = PendingAuthorization::from_json(json).expect("it reads back as it was written");
        if pending.matches(&forged) {
            state.violated(
                "I10",
                "takes the callback of another login for its own".to_owned(),
            );
        }
    }

    fn transport(&self) -> PlantedTransport {
        PlantedTransport::new(self.host.clone(), self.plant)
    }

    pub(crate) async fn drive<T: Send + 'static>(&self, step: Step<T>) -> Result<T, Error> {
        let transport = self.transport();
        let driven = drive(step, &AsyncTransportHost::new(&transport)).await;
        self.host.live().await;
        driven
    }

    /// The client of a login: with a key of its own where it begins, with none where it ends.
    fn browser_client(&self, begins: bool) -> Client {
        let mut state = self.host.world.state();
        let pushes = state.dice.chance(500);
        let client = base_client(&state.scenario).with_push_required(pushes);
        match (state.scenario.bound, begins) {
            (false, _) => client,
            (true, true) => proof::with_new_key(client).0,
            (true, false) => proof::without_key(client),
        }
    }

    /// What a program began before it died.
    pub(crate) async fn resume_browsers(&self) {
        let process = self.host.who.process;
        let kept: Vec<usize> = {
            let state = self.host.world.state();
            let own = state.pending.keys().filter(|(owner, _)| *owner == process);
            own.map(|(_, slot)| *slot).collect()
        };
        for slot in kept {
            {
                let mut state = self.host.world.state();
                state.ledger.resumed += 1;
                state.ledger.ended_by_user[slot] = true;
                state.note(self.host.who, What::Resumes { slot });
            }
            // How it ended, the next call tells.
            let _ended = self.await_callback(slot).await;
        }
    }
}

/// What the API and the server say of themselves, by the path that was asked for.
pub(crate) fn described(request: &Request) -> Option<String> {
    let uri = request.uri();
    let (host, path) = (uri.host()?, uri.path());
    if !path.starts_with("/.well-known/") {
        return None;
    }
    Some(if host == "api.example.com" {
        format!(r#"{{"resource":"{API}","authorization_servers":["{ISSUER}"]}}"#)
    } else {
        format!(
            r#"{{"issuer":"{ISSUER}","authorization_endpoint":"{AUTHORIZE}","token_endpoint":"{TOKEN}","response_types_supported":["code"],"pushed_authorization_request_endpoint":"{ISSUER}/par","revocation_endpoint":"{ISSUER}/revoke","code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true}}"#
        )
    })
}
