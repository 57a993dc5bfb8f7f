//! Login and consent: a person answers an authorization request ([RFC 6749 section 3.1], [RFC 8252 section 8.6]).
//!
//! ```text
//! /authorize ──▶ /login ──▶ /consent ──▶ the client's redirect URI
//!        └── logged in ────────▲
//! ```
//!
//! An interaction belongs to the browser that brought it: its id is worth nothing without that browser's cookie.
//! The cookie changes at login, so that nobody can plant one before. Consent is asked every time, as RFC 8252
//! section 8.6 wants for clients that cannot prove who they are; only `prompt=none` uses what was consented to
//! before.
//!
//! [RFC 6749 section 3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1
//! [RFC 8252 section 8.6]: https://www.rfc-editor.org/rfc/rfc8252#section-8.6

use std::time::Duration;

use url::form_urlencoded;

use crate::authorize::{self, AuthorizationRequest, Problem, Prompt};
use crate::device;
use crate::message::{Parameters, Reply};
use crate::pages;
use crate::site::Turn;
use crate::state::{Interaction, Session, random};

/// What a person is asked about.
pub(crate) enum About {
    Authorization(Box<AuthorizationRequest>),
    /// The login of a device, by its device code.
    Device(String),
}

impl About {
    /// The client, and the scopes it asks for.
    pub(crate) fn asked<'s>(&'s self, turn: &'s Turn<'_>) -> (&'s str, &'s [String]) {
        match self {
            Self::Authorization(request) => (&request.target.client, &request.scope),
            Self::Device(code) => match turn.state.awaited.get(code) {
                Some(awaited) => (&awaited.client, &awaited.scope),
                None => ("", &[]),
            },
        }
    }

    pub(crate) fn login_hint(&self) -> Option<&str> {
        match self {
            Self::Authorization(request) => request.login_hint.as_deref(),
            Self::Device(_) => None,
        }
    }

    /// Where the browser goes in the end.
    pub(crate) fn redirect_uri(&self) -> Option<&str> {
        match self {
            Self::Authorization(request) => Some(&request.target.redirect_uri),
            Self::Device(_) => None,
        }
    }

    fn wants_login(&self, age: Duration) -> bool {
        matches!(self, Self::Authorization(request)
            if request.prompt == Prompt::Login || request.max_age.is_some_and(|max_age| age > max_age))
    }
}

/// Puts a valid request before the person in this browser.
pub(crate) fn begin(turn: &mut Turn<'_>, request: AuthorizationRequest) -> Reply {
    if request.prompt == Prompt::None {
        let (known, user) = known(turn);
        return answer_without_asking(turn, request, known.as_deref(), user);
    }
    ask(turn, About::Authorization(Box::new(request)))
}

fn logged_in_at(turn: &Turn<'_>, session: &str) -> Duration {
    let session = turn.state.sessions.get(session);
    session.map_or(Duration::ZERO, |session| session.logged_in_at)
}

/// The session of this browser, and who is logged in.
fn known(turn: &Turn<'_>) -> (Option<String>, Option<String>) {
    let known = turn
        .session_cookie()
        .filter(|id| turn.state.sessions.contains_key(*id))
        .map(str::to_owned);
    let user = known.as_ref().and_then(|id| turn.state.sessions[id].user.clone());
    (known, user)
}

/// Asks the person, who logs in first if they have not.
pub(crate) fn ask(turn: &mut Turn<'_>, about: About) -> Reply {
    let (known, user) = known(turn);
    let session = known
        .clone()
        .unwrap_or_else(|| new_session(turn, Session::default()));
    let age = turn
        .state
        .clock
        .now()
        .saturating_sub(logged_in_at(turn, &session));
    let next = if user.is_some() && !about.wants_login(age) {
        "/consent"
    } else {
        "/login"
    };
    let id = random("");
    turn.state.interactions.insert(
        id.clone(),
        Interaction {
            session: session.clone(),
            about,
        },
    );
    let reply = Reply::see_other(location(next, &id));
    if known.is_some() {
        reply
    } else {
        reply.header("set-cookie", turn.set_cookie(&session))
    }
}

/// `prompt=none` (OpenID Connect Core section 3.1.2.1): "MUST NOT display any authentication or consent user
/// interface pages".
fn answer_without_asking(
    turn: &mut Turn<'_>,
    request: AuthorizationRequest,
    session: Option<&str>,
    user: Option<String>,
) -> Reply {
    let target = request.target.clone();
    let (Some(session), Some(user)) = (session, user) else {
        return authorize::refuse(turn, &target, &Problem("login_required", "nobody is logged in"));
    };
    let consents = turn.state.sessions[session].consents.get(&target.client);
    if !consents.is_some_and(|consents| request.scope.iter().all(|scope| consents.contains(scope))) {
        return authorize::refuse(
            turn,
            &target,
            &Problem("consent_required", "the user has not consented to this"),
        );
    }
    let at = logged_in_at(turn, session);
    let age = turn.state.clock.now().saturating_sub(at);
    if request.max_age.is_some_and(|max_age| age > max_age) {
        return authorize::refuse(turn, &target, &Problem("login_required", "the login is too old"));
    }
    authorize::grant(turn, request, (user, at))
}

pub(crate) fn login_page(turn: &mut Turn<'_>) -> Reply {
    match find(turn, &turn.request.query) {
        Some((id, interaction)) => pages::login(turn, 200, &id, &interaction.about, None),
        None => lost(),
    }
}

/// Any name may log in, with [`PASSWORD`].
pub(crate) fn login(turn: &mut Turn<'_>) -> Reply {
    let form = &turn.request.form;
    let Some((id, interaction)) = find(turn, form) else {
        return lost();
    };
    let name = form.value("username").unwrap_or_default().trim();
    if name.is_empty() || form.value("password") != Some(PASSWORD) {
        return pages::login(
            turn,
            422,
            &id,
            &interaction.about,
            Some("That name and password do not fit."),
        );
    }
    let name = name.to_owned();
    let old = interaction.session.clone();
    turn.state.stats.logins += 1;
    let mut session = turn.state.sessions.remove(&old).unwrap_or_default();
    if session.user.as_ref() != Some(&name) {
        session = Session {
            user: Some(name),
            ..Session::default()
        };
    }
    session.logged_in_at = turn.state.clock.now();
    let session = new_session(turn, session);
    for interaction in turn
        .state
        .interactions
        .values_mut()
        .filter(|interaction| interaction.session == old)
    {
        interaction.session.clone_from(&session);
    }
    Reply::see_other(location("/consent", &id)).header("set-cookie", turn.set_cookie(&session))
}

pub(crate) fn consent_page(turn: &mut Turn<'_>) -> Reply {
    match find_with_user(turn, &turn.request.query) {
        Some((id, interaction, user)) => pages::consent(turn, &id, &interaction.about, user),
        None => lost(),
    }
}

pub(crate) fn consent(turn: &mut Turn<'_>) -> Reply {
    let form = &turn.request.form;
    let Some((id, _, user)) = find_with_user(turn, form) else {
        return lost();
    };
    let user = user.to_owned();
    let Some(Interaction { session, about }) = turn.state.interactions.remove(&id) else {
        return lost();
    };
    let allows = form.value("decision") == Some("allow");
    let request = match about {
        About::Authorization(request) => *request,
        About::Device(code) => return device::answered(turn, &code, user, allows),
    };
    turn.note.client_id = Some(request.target.client.clone());
    if !allows {
        turn.state.stats.denials += 1;
        return authorize::refuse(
            turn,
            &request.target,
            &Problem("access_denied", "the user said no"),
        );
    }
    if let Some(session) = turn.state.sessions.get_mut(&session) {
        let consents = session.consents.entry(request.target.client.clone()).or_default();
        consents.extend(request.scope.iter().cloned());
    }
    let at = logged_in_at(turn, &session);
    authorize::grant(turn, request, (user, at))
}

/// The interaction that the request names, if it comes from the browser the interaction belongs to.
fn find<'s>(turn: &'s Turn<'_>, parameters: &Parameters) -> Option<(String, &'s Interaction)> {
    let id = parameters.value("interaction")?;
    let interaction = turn.state.interactions.get(id)?;
    (turn.session_cookie() == Some(&interaction.session)).then(|| (id.to_owned(), interaction))
}

fn find_with_user<'s>(
    turn: &'s Turn<'_>,
    parameters: &Parameters,
) -> Option<(String, &'s Interaction, &'s str)> {
    let (id, interaction) = find(turn, parameters)?;
    let user = turn.state.sessions.get(&interaction.session)?.user.as_deref()?;
    Some((id, interaction, user))
}

fn new_session(turn: &mut Turn<'_>, session: Session) -> String {
    let id = random("");
    turn.state.sessions.insert(id.clone(), session);
    id
}

fn location(path: &str, interaction: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("interaction", interaction)
        .finish();
    format!("{path}?{query}")
}

fn lost() -> Reply {
    pages::problem(
        403,
        "This login has ended, or it was begun in another browser. Start again from the application.",
    )
}

/// What everybody's password is. A constant, so that a test can also get it wrong.
pub(crate) const PASSWORD: &str = "password";
