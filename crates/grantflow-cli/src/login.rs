//! `grantflow login`: a client, a consent, a stored record.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use grantflow::loopback::{
    Answers, LoginError, Message, Paste, Prompt, TerminalPrompt, device_flow_with, run_flow_with,
};
use grantflow::oidc::ResponseVerifier;
use grantflow::{
    Authentication, Change, Client, Key, Origin, Provider, Record, ResponseMode, Scopes, Secret,
    ServerMetadata, Store, StoreErrorKind, Transport as _, TransportHost, flow, run,
};
use indicatif::ProgressBar;

use crate::args::{Args, ClientAuth, Format, Login};
use crate::aside::Aside;
use crate::bound;
use crate::exit::{DENIED, FAILED, Failure, LOGIN_NEEDED, USAGE};
use crate::inspect::SIGNED;
use crate::output::{describe, lines, note, result, spinner, while_waiting};
use crate::session::Session;
use crate::{guard, logging, qr};

/// Larger than any file that a provider offers.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Logs in, unless stored credentials serve.
pub(crate) fn login(args: &Args, login: &Login) -> Result<(), Failure> {
    logging::to_standard_error(login.receiver.logging_level());
    let session = Session::open(args)?;
    let scopes: Vec<&str> = login.scopes.iter().flat_map(|scope| scope.split(' ')).collect();
    let scopes = Scopes::try_from(
        scopes
            .into_iter()
            .filter(|scope| !scope.is_empty())
            .collect::<Vec<_>>()
            .as_slice(),
    )?;
    let (client, server) = client(login, &session)?;
    let client = bound::binding(
        client,
        login.dpop,
        session.transport.certificate(),
        server.as_ref(),
    )?;
    let key = Key::new(&client, scopes.clone())
        .with_account(&login.account)
        .with_label(&login.label);
    let origins = origins(&session, &client, &key, &login.origins)?;
    session.make_directory()?;
    let aside = Aside::before(&session);
    let prompt = Conversation::default();
    let client = client.with_origins(origins.iter().cloned());
    let options = login.receiver.options();
    let mut options = options.account(&login.account).label(&login.label);
    if client.token_constraint().is_some() && has_unfit(&session, &key, login.dpop) {
        // What is stored is of use to whoever has it, or to nobody here.
        options = options.always_ask();
    }
    let (store, transport) = (Arc::clone(&session.store), session.transport.clone());
    let asked = if login.device {
        device_flow_with(
            &client,
            scopes,
            store,
            transport.between_polls(),
            &options,
            &prompt,
        )
    } else {
        run_flow_with(&client, scopes, store, transport, &options, &prompt)
    };
    prompt.end();
    guard::settled();
    let asked = asked.map_err(|error| prompt.explain(error.into()))?;
    let key = asked.record()?.key().clone();
    aside.tell();
    let record = bring_up_to_date(&*session.store, &key, &client, &origins)?;
    if !prompt.asked.get() && args.format == Format::Text {
        note(
            "The stored credentials serve: nobody was asked. To log in afresh, run `grantflow revoke` first.",
        );
    }
    let description = describe(&record, &*session.store, &session.location, session.now());
    result(args.format, &lines(&description), &description)
}

/// The client that was named, with what was said about it.
fn client(login: &Login, session: &Session) -> Result<(Client, Option<ServerMetadata>), Failure> {
    let mut server = None;
    let client = match (
        &login.client_secrets,
        &login.issuer,
        &login.provider,
        &login.client_id,
    ) {
        (Some(file), ..) => {
            let mut json = Vec::new();
            File::open(file)
                .and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut json))
                .map_err(|error| Failure::new(USAGE, format!("cannot read {}: {error}", file.display())))?;
            Client::from_client_secrets(&json)?
        }
        (None, Some(issuer), _, Some(id)) => {
            // Before the server is asked: standard input may be a pipe that somebody waits at.
            let secret = login.client_secret_file.as_deref().map(secret).transpose()?;
            let host = TransportHost::new(&session.transport);
            let metadata = while_waiting("asking the server for its metadata", || {
                run(flow::discover(issuer), &host)
            })?;
            let metadata = match session.identity {
                Some(_) => metadata.over_mtls(),
                None => metadata,
            };
            let metadata = &*server.insert(metadata);
            let client = match secret {
                Some(secret) => metadata.confidential_client(id, secret),
                None => metadata.client(id),
            };
            match login.response_mode.map(ResponseMode::from) {
                Some(mode) if mode.is_signed() => {
                    let verifier = ResponseVerifier::of_server(SIGNED, metadata, &**id)?;
                    client.with_response_check(Arc::new(verifier))
                }
                _ => client,
            }
        }
        (None, None, Some(provider), Some(id)) => {
            let provider = preset(provider, &login.provider_options)?;
            match login.client_secret_file.as_deref().map(secret).transpose()? {
                Some(secret) => provider.confidential_client(id, secret)?,
                None => provider.client(id)?,
            }
        }
        _ => {
            return Err(Failure::new(
                USAGE,
                "name a client: --client-secrets FILE, or --client-id ID and --provider NAME or --issuer URL",
            ));
        }
    };
    let client = match (login.client_auth, client.authentication().secret().cloned()) {
        (None, _) => client,
        (Some(ClientAuth::Basic), Some(secret)) => client.with_secret_basic(secret),
        (Some(ClientAuth::Post), Some(secret)) => client.with_secret_post(secret),
        (Some(way @ (ClientAuth::Tls | ClientAuth::SelfSignedTls)), _) => {
            if session.identity.is_none() {
                return Err(Failure::new(
                    USAGE,
                    "--client-auth says that a certificate proves the client, and none was named",
                )
                .hint("name it with --client-certificate and --client-key"));
            }
            client.with_authentication(match way {
                ClientAuth::SelfSignedTls => Authentication::SelfSignedTlsClientAuth,
                _ => Authentication::TlsClientAuth,
            })
        }
        (Some(_), None) => {
            return Err(Failure::new(
                USAGE,
                "--client-auth says how a secret is sent, and there is none",
            )
            .hint("name it with --client-secret-file"));
        }
    };
    let client = match login.response_mode.map(ResponseMode::from) {
        None => client,
        Some(mode) if client.check_response_mode(mode).is_ok() => client.with_response_mode(mode),
        Some(_) => {
            return Err(Failure::new(
                USAGE,
                "a signed answer is proven by the keys of the server, and only --issuer tells where they are",
            ));
        }
    };
    let client = match &login.redirect_uri {
        Some(uri) => client.with_redirect_uris([uri]),
        None => client,
    };
    Ok((client, server))
}

/// The provider of this name, filled in.
fn preset(name: &str, options: &[(String, String)]) -> Result<Provider, grantflow::Error> {
    let mut provider = Provider::named(name)?;
    for (placeholder, value) in options {
        provider = provider.with(placeholder, value)?;
    }
    Ok(provider)
}

/// The first line of a file, or of standard input, which is read no further.
fn secret(file: &Path) -> Result<Secret, Failure> {
    let line = if file == Path::new("-") {
        standard_input().and_then(first_line)
    } else {
        File::open(file).and_then(first_line)
    };
    let unusable = |why: &str| Failure::new(USAGE, format!("cannot read the client secret: {why}"));
    let line = line.map_err(|error| unusable(&error.to_string()))?;
    match line.expose() {
        "" => Err(unusable("the first line is empty")),
        // RFC 6749 appendix A.2: printable ASCII; servers that take more take letters.
        text if text.contains(char::is_control) => Err(unusable("it has a control character")),
        _ => Ok(line),
    }
}

/// Without a buffer, so that what follows the line stays for the next reader: a redirect that is pasted, say.
#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    let copy = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
    Ok(File::from(copy))
}

#[cfg(not(unix))]
fn standard_input() -> io::Result<io::StdinLock<'static>> {
    Ok(io::stdin().lock())
}

fn first_line(mut input: impl Read) -> io::Result<Secret> {
    // Enough from the start, so that no copy is left behind.
    let mut line = Vec::with_capacity(LONGEST_SECRET);
    let mut byte = [0];
    while line.len() < LONGEST_SECRET {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.extend_from_slice(&byte),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text = String::from_utf8(line).map_err(|_| io::Error::other("it is not UTF-8"))?;
    Ok(Secret::new(text))
}

const LONGEST_SECRET: usize = 64 * 1024;

/// Where the token may go: where the provider says, where this login says, and where earlier logins of the same account said.
fn origins(session: &Session, client: &Client, key: &Key, named: &[Origin]) -> Result<Vec<Origin>, Failure> {
    let mut origins = client.origins().to_vec();
    origins.extend_from_slice(named);
    let stored = match session.store.records() {
        // A new login sets it aside, with what it says.
        Err(error) if error.kind() == StoreErrorKind::Corrupt => None,
        records => Some(records?),
    };
    for record in stored.into_iter().flatten() {
        match record {
            Ok(record) if record.key().same_but_for_scopes(key) => {
                origins.extend_from_slice(record.origins());
            }
            // What others cannot read of theirs is no matter of this login; its own it meets again.
            _ => {}
        }
    }
    origins.sort();
    origins.dedup();
    Ok(origins)
}

/// Whether a login of this account is stored whose token is bound to nothing, to a certificate that is not at hand, or to one where a key
/// is asked for.
fn has_unfit(session: &Session, key: &Key, by_key: bool) -> bool {
    let records = session.store.records().into_iter().flatten().flatten();
    let mut kin = records.filter(|record| record.key().same_but_for_scopes(key));
    let shown = session.transport.certificate();
    kin.any(|record| match bound::to_what(&record) {
        None => true,
        Some(what) => bound::check(&record, shown).is_err() || (by_key && what != bound::BY_KEY),
    })
}

/// Gives the stored record the origins and what was said about the client now, such as a new secret; the grant stays. Under its
/// lock, so that no refresh of another process is overwritten.
fn bring_up_to_date(
    store: &dyn Store,
    key: &Key,
    client: &Client,
    origins: &[Origin],
) -> Result<Record, Failure> {
    let nothing = || Failure::new(FAILED, "the credentials were deleted by another process");
    let changed = |record: &Record| {
        let with_origins = record.clone().with_origins(origins.iter().cloned());
        match with_client(&with_origins, client) {
            Some(changed) => Some(changed),
            None if with_origins.origins() == record.origins() => None,
            None => Some(with_origins),
        }
    };
    let record = store.read(key)?.ok_or_else(nothing)?;
    if changed(&record).is_none() {
        return Ok(record);
    }
    let mut locked = store.lock(key, flow::LOCK_PATIENCE)?;
    let stored = locked.record().ok_or_else(nothing)?.clone();
    let Some(record) = changed(&stored) else {
        return Ok(stored);
    };
    locked.save(Change::Put(Box::new(record.clone())))?;
    Ok(record)
}

/// The record with this client, if it differs. A secret that was not named is not taken away.
fn with_client(record: &Record, client: &Client) -> Option<Record> {
    let (old, new) = (record.client().authentication(), client.authentication());
    let forgets = matches!(new, Authentication::None) && !matches!(old, Authentication::None);
    let same_but_for_client = record.clone().with_client(record.client().clone());
    let with_client = record.clone().with_client(client.clone());
    let differs = with_client.expose_json().expose() != same_but_for_client.expose_json().expose();
    (differs && !forgets).then_some(with_client)
}

/// The conversation at the terminal, with a spinner while the user is at the browser.
#[derive(Default)]
struct Conversation {
    terminal: TerminalPrompt,
    spinner: RefCell<Option<ProgressBar>>,
    asked: Cell<bool>,
    /// What the server said to a refusal. The error that ends the login says it, once.
    refusal: RefCell<Option<String>>,
}

impl Conversation {
    fn end(&self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// The failure with what the server said.
    fn explain(&self, failure: Failure) -> Failure {
        match self.refusal.take() {
            Some(why) => {
                let message = format!("{}: {why}", failure.message());
                let code = failure.code();
                failure.instead(code, message)
            }
            None => failure,
        }
    }
}

impl Prompt for Conversation {
    fn say(&self, message: &Message<'_>) {
        self.asked.set(true);
        self.end();
        if let Message::Refused(refusal) = message {
            let why = refusal.description().filter(|why| !why.is_empty());
            self.refusal.replace(why.map(str::to_owned));
            return;
        }
        self.terminal.say(message);
        // Where the user may have to type, nothing turns.
        let waiting = match message {
            Message::Opened { .. } => "waiting for the browser",
            Message::EnterCode(grant) => {
                let address = grant.verification_uri_complete();
                qr::show(address.unwrap_or_else(|| grant.verification_uri()));
                "waiting until the code is entered"
            }
            _ => return,
        };
        self.spinner.replace(Some(spinner(waiting)));
    }

    fn paste(&self, answers: Answers, paste: Paste) {
        self.terminal.paste(answers, paste);
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let (code, hint) = match &error {
            LoginError::Flow(error) => {
                let failure = Self::from(error.clone());
                return match failure.code() {
                    LOGIN_NEEDED => failure.hint("begin again with `grantflow login`"),
                    DENIED => failure.hint("nothing was stored; `grantflow login` asks again"),
                    _ => failure,
                };
            }
            LoginError::TimedOut => (LOGIN_NEEDED, "begin again with `grantflow login`"),
            LoginError::NoAnswer => (
                LOGIN_NEEDED,
                "leave --no-local-server out, or run the command at a terminal",
            ),
            LoginError::Listen(_) => (
                FAILED,
                "name another port with --auth-host-port, or none for any that is free",
            ),
            LoginError::OtherRecord(_) => (
                USAGE,
                "a directory holds any number: --store multistore:DIRECTORY; `grantflow revoke` removes what is stored",
            ),
            LoginError::NotLoopback | LoginError::NoLoopbackRedirect => (USAGE, ""),
            _ => (FAILED, ""),
        };
        let mut message = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            message = format!("{message}: {cause}");
        }
        let failure = Self::new(code, message);
        if hint.is_empty() {
            failure.without_hint()
        } else {
            failure.hint(hint)
        }
    }
}
