//! The authorization endpoint ([RFC 6749 section 4.1.1], [RFC 7636 section 4.3]).
//!
//! A request with an unknown client or a redirect URI that was not registered ends on a page. Every other problem
//! goes back to the client, with `state` and `iss`.
//!
//! [RFC 6749 section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1
//! [RFC 7636 section 4.3]: https://www.rfc-editor.org/rfc/rfc7636#section-4.3

use std::time::Duration;

use serde_json::Value;

use crate::answer::{ResponseMode, respond};
use crate::fault::Fault;
use crate::id_token::{About, Login, With, about_user};
use crate::interaction;
use crate::message::{Parameters, Reply};
use crate::pages;
use crate::pushed;
use crate::rar;
use crate::request_object;
use crate::site::Turn;
use crate::state::Authentication;

/// A valid request for authorization.
#[derive(Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) target: Target,
    pub(crate) scope: Vec<String>,
    /// Whether an ID token is to come beside the code.
    pub(crate) id_token: bool,
    pub(crate) code_challenge: String,
    pub(crate) nonce: Option<String>,
    /// The key that the code is bound to (RFC 9449 section 10).
    pub(crate) dpop_jkt: Option<String>,
    /// What exactly is asked for (RFC 9396).
    pub(crate) details: Vec<Value>,
    /// How the user is to log in, of the ways that are known here.
    pub(crate) acr: Option<String>,
    /// How long ago the user may have logged in.
    pub(crate) max_age: Option<Duration>,
    pub(crate) prompt: Prompt,
    pub(crate) login_hint: Option<String>,
}

/// Where the answer to a request goes.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    /// `None` for one that is not known here.
    pub(crate) mode: Option<ResponseMode>,
    /// What is to go wrong with the answer.
    pub(crate) fault: Option<Fault>,
}

/// What the client wants the person to be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    Unstated,
    None,
    Login,
    Consent,
}

/// An error for the client.
pub(crate) struct Problem(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) fn authorize(turn: &mut Turn<'_>) -> Reply {
    let inbound = turn.request;
    let parameters = if inbound.method == "POST" {
        &inbound.form
    } else {
        &inbound.query
    };
    let is_reference = |uri: &str| uri.starts_with(pushed::PREFIX);
    if parameters.value("request_uri").is_some_and(is_reference) {
        return match pushed::find(turn, parameters) {
            Ok(request) => proceed(turn, request),
            Err(problem) => for_the_person(turn, problem),
        };
    }
    let opened = match request_object::open(turn, parameters, &[]) {
        Ok(opened) => opened,
        Err(problem) => {
            turn.note.error = Some(problem.0.to_owned());
            return pages::problem(400, problem.1);
        }
    };
    let parameters = opened.as_ref().unwrap_or(parameters);
    let target = match Target::parse(parameters, turn) {
        Ok(target) => target,
        Err(problem) => return for_the_person(turn, problem),
    };
    if turn.config.push_required {
        let problem = Problem("invalid_request", "authorization requests have to be pushed");
        return refuse(turn, &target, &problem);
    }
    match AuthorizationRequest::parse(parameters, target.clone(), turn) {
        Ok(request) => proceed(turn, request),
        Err(problem) => match &target.fault {
            Some(Fault::Error(code)) => respond(turn, &target, &[("error", code)]),
            _ => refuse(turn, &target, &problem),
        },
    }
}

fn proceed(turn: &mut Turn<'_>, request: AuthorizationRequest) -> Reply {
    if let Some(Fault::Error(code)) = &request.target.fault {
        return respond(turn, &request.target, &[("error", code)]);
    }
    match turn.config.auto_approve.clone() {
        Some(user) => {
            let now = turn.state.clock.now();
            grant(turn, request, (user, now))
        }
        None => interaction::begin(turn, request),
    }
}

fn for_the_person(turn: &mut Turn<'_>, problem: &str) -> Reply {
    turn.note.error = Some("invalid_request".to_owned());
    pages::problem(400, problem)
}

/// Sends the browser back with a code, for the user who logged in at that time.
pub(crate) fn grant(
    turn: &mut Turn<'_>,
    mut request: AuthorizationRequest,
    who: (String, Duration),
) -> Reply {
    turn.state.stats.consents += 1;
    if let Some(grantable) = &turn.config.grantable {
        request.scope.retain(|scope| grantable.contains(scope));
    }
    let target = request.target.clone();
    let code = turn.state.issue_code(request.clone(), who.clone());
    match id_token(turn, &request, who, &code) {
        Some(id_token) => respond(turn, &target, &[("code", &code), ("id_token", &id_token)]),
        None => respond(turn, &target, &[("code", &code)]),
    }
}

/// The ID token beside the code, if one was asked for (OpenID Connect Core section 3.3.2.11).
fn id_token(
    turn: &mut Turn<'_>,
    request: &AuthorizationRequest,
    (user, logged_in_at): (String, Duration),
    code: &str,
) -> Option<String> {
    let about = About {
        client: request.target.client.clone(),
        user,
        authentication: Authentication {
            at: logged_in_at,
            acr: request.acr.clone(),
            says_when: request.max_age.is_some(),
        },
    };
    let login = Login {
        code,
        nonce: request.nonce.as_deref(),
        state: request.target.state.as_deref(),
    };
    let with = With {
        access_token: None,
        login: Some(login),
    };
    let flaw = match request.target.fault {
        Some(Fault::IdToken(flaw)) => Some(flaw),
        _ => None,
    };
    request.id_token.then(|| about_user(turn, &about, &with, flaw))?
}

/// Sends the browser back with an error ([RFC 6749 section 4.1.2.1]).
///
/// [RFC 6749 section 4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
pub(crate) fn refuse(turn: &mut Turn<'_>, target: &Target, problem: &Problem) -> Reply {
    respond(
        turn,
        target,
        &[("error", problem.0), ("error_description", problem.1)],
    )
}

impl Target {
    /// What must be right before anything may be sent to the client; the error is for the person.
    pub(crate) fn parse(parameters: &Parameters, turn: &mut Turn<'_>) -> Result<Self, &'static str> {
        if parameters.is_repeated("client_id") || parameters.is_repeated("redirect_uri") {
            return Err("The request names its client or its redirect URI twice.");
        }
        let client = parameters
            .value("client_id")
            .ok_or("The request does not say which client it is from.")?;
        let client = turn
            .client(client)
            .ok_or("No client with this id is registered.")?;
        let redirect_uri = parameters
            .value("redirect_uri")
            .ok_or("The request has no redirect URI.")?;
        if !client.allows_redirect(redirect_uri) {
            return Err("This redirect URI is not registered for this client.");
        }
        Ok(Self {
            client: client.id().to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: parameters.value("state").map(str::to_owned),
            mode: ResponseMode::named(parameters.value("response_mode")),
            fault: turn.fault.take_if(|fault| fault.is_in_authorization_response()),
        })
    }
}

impl AuthorizationRequest {
    pub(crate) fn parse(parameters: &Parameters, target: Target, turn: &Turn<'_>) -> Result<Self, Problem> {
        if parameters.repeated().is_some() {
            return Err(Problem("invalid_request", "a parameter is repeated"));
        }
        if parameters.value("request").is_some() {
            return Err(Problem(
                "request_not_supported",
                "request objects are not supported",
            ));
        }
        if parameters.value("request_uri").is_some() {
            return Err(Problem(
                "request_uri_not_supported",
                "request objects are not supported",
            ));
        }
        let id_token = match parameters.value("response_type") {
            Some("code") => false,
            Some("code id_token" | "id_token code") => true,
            Some(_) => {
                return Err(Problem(
                    "unsupported_response_type",
                    "the response type must be code or code id_token",
                ));
            }
            None => return Err(Problem("invalid_request", "response_type is missing")),
        };
        if target.mode.is_none() {
            return Err(Problem("invalid_request", "the response mode is not known"));
        }
        let code_challenge = parameters.value("code_challenge").ok_or(Problem(
            "invalid_request",
            "code_challenge is missing: PKCE is required",
        ))?;
        // RFC 7636 section 4.3: without a method it is `plain`, which this server does not take.
        if parameters.value("code_challenge_method") != Some("S256") {
            return Err(Problem(
                "invalid_request",
                "the code challenge method must be S256",
            ));
        }
        if code_challenge.len() != 43 || !code_challenge.bytes().all(is_base64url) {
            return Err(Problem(
                "invalid_request",
                "code_challenge is no SHA-256 in base64url",
            ));
        }
        let scope = scope_list(parameters.value("scope").unwrap_or_default()).ok_or(Problem(
            "invalid_scope",
            "the scope holds a character it must not",
        ))?;
        if id_token {
            check_hybrid(parameters, &target, &scope)?;
        }
        if turn
            .config
            .grantable
            .as_ref()
            .is_some_and(|grantable| !scope.iter().any(|one| grantable.contains(one)))
        {
            return Err(Problem("invalid_scope", "none of these scopes can be granted"));
        }
        Ok(Self {
            target,
            scope,
            id_token,
            code_challenge: code_challenge.to_owned(),
            nonce: parameters.value("nonce").map(str::to_owned),
            details: rar::asked(turn, parameters)
                .map_err(|refusal| Problem(refusal.code, refusal.description))?
                .unwrap_or_default(),
            acr: parameters
                .value("acr_values")
                .and_then(|asked| {
                    asked
                        .split(' ')
                        .find(|acr| turn.config.acr_values.iter().any(|known| known == acr))
                })
                .map(str::to_owned),
            max_age: parameters.value("max_age").map(age).transpose()?,
            dpop_jkt: parameters.value("dpop_jkt").map(str::to_owned),
            prompt: Prompt::parse(parameters.value("prompt").unwrap_or_default())?,
            login_hint: parameters.value("login_hint").map(str::to_owned),
        })
    }
}

/// OpenID Connect Core section 3.3.2.1: the nonce is required. Fragments are not spoken here, and an ID token is in no query.
fn check_hybrid(parameters: &Parameters, target: &Target, scope: &[String]) -> Result<(), Problem> {
    let problem = if !scope.iter().any(|one| one == "openid") {
        "an ID token needs the scope openid"
    } else if parameters.value("nonce").is_none() {
        "an ID token beside a code needs a nonce"
    } else if !target.mode.is_some_and(ResponseMode::is_plain_form) {
        "an ID token beside a code goes by form_post"
    } else {
        return Ok(());
    };
    Err(Problem("invalid_request", problem))
}

/// OpenID Connect Core section 3.1.2.1: "the allowable elapsed time in seconds".
fn age(text: &str) -> Result<Duration, Problem> {
    let seconds = text.parse().map(Duration::from_secs);
    seconds.map_err(|_| Problem("invalid_request", "max_age is no number"))
}

impl Prompt {
    /// OpenID Connect Core section 3.1.2.1: `none` "with any other value" is an error.
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut prompt = Self::Unstated;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            prompt = match (word, prompt) {
                ("none", Self::Unstated) => Self::None,
                (_, Self::None) => return Err(Problem("invalid_request", "prompt=none cannot be combined")),
                ("login" | "select_account", _) => Self::Login,
                ("consent", Self::Login) => Self::Login,
                ("consent", _) => Self::Consent,
                _ => return Err(Problem("invalid_request", "unknown prompt")),
            };
        }
        Ok(prompt)
    }
}

/// Splits a scope into its parts, without doubles; `None` if a character is not allowed (RFC 6749 section 3.3).
pub(crate) fn scope_list(text: &str) -> Option<Vec<String>> {
    let mut scopes = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scope
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        {
            return None;
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Some(scopes)
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
