//! `inspect`: what a JSON Web Token says, and whether it is to be believed ([RFC 7519], [RFC 8725]).
//!
//! ```text
//! text ─▶ three parts? ─▶ an algorithm that proves something? ─▶ times, issuer, audience? ─▶ [keys are fetched] ─▶ signature?
//!            no ╰──────────────────── no ╰───────────────────────────── no ╰──────────────────────────── no ╰──▶ 7
//! ```
//!
//! No server is asked before all that can be seen without one is in order.
//!
//! [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow::flow::discover;
use grantflow::jwt::{
    self, Algorithm, KeySet, NumericDate, SkipAudienceCheck, SkipIssuerCheck, Verification, VerifyingKey,
};
use grantflow::loopback::Visible;
use grantflow::oidc::{KeyCache, KeyRequest};
use grantflow::{Endpoint, Issuer, Step, Timestamp, Transport as _, TransportHost, run};
use serde_json::{Map, Value, json};

use crate::args::{Args, issuer, why_no_address};
use crate::exit::{Failure, REFUSED, USAGE};
use crate::guard::Watched;
use crate::output::{self, while_waiting};
use crate::session::transport;

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The token; without it, or as `-`, it is read from standard input, which no other process can see
    #[arg(value_name = "JWT")]
    token: Option<String>,

    /// The keys that may have signed it: a JWK Set, or PEM of a public key or a certificate; an address or a file
    #[arg(long, value_name = "URL|FILE", conflicts_with = "issuer")]
    jwks: Option<String>,

    /// The server that it has to be from, whose keys are found by its metadata: https, or http on `127.0.0.1` or `[::1]`
    #[arg(long, value_name = "URL", value_parser = issuer)]
    issuer: Option<Issuer>,

    /// Whom it has to be for: a client id, or the address of an API
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
}

pub(crate) const EXAMPLES: &str = "Examples:
  grantflow token --format json | jq -r .access_token | grantflow inspect
  grantflow inspect --issuer https://accounts.google.com --audience CLIENT_ID < id_token.txt
  grantflow inspect --jwks keys.json --format json < token.txt";

pub(crate) fn inspect(args: &Args, which: &InspectArgs) -> Result<(), Failure> {
    let text = which.read()?;
    let token = Seen::parse(&text)?;
    let transport = transport(args.ca_file.as_deref())?;
    let now = transport.now().wall;
    let problem = token.problem(which, now);
    let signature = match problem {
        Some(_) => Signature::NotChecked,
        None => which.check(&text, &transport, now)?,
    };
    token.print(args, now, (&signature, problem.as_deref()))?;
    match (problem, signature) {
        (Some(problem), _) => Err(refused(problem)),
        (None, Signature::Bad(why)) => Err(refused(why)),
        (None, Signature::Good(_) | Signature::NotChecked) => Ok(()),
    }
}

fn refused(why: impl std::fmt::Display) -> Failure {
    Failure::new(REFUSED, format!("the token is refused: {why}"))
}

impl InspectArgs {
    fn read(&self) -> Result<String, Failure> {
        let text = match self.token.as_deref() {
            Some(token) if token != "-" => {
                output::note(
                    "grantflow: warning: other processes can see a token on the command line; standard input is for it alone",
                );
                token.to_owned()
            }
            _ => {
                let mut text = String::new();
                let most = (jwt::MAX_TOKEN_LENGTH + 1024) as u64;
                let read = std::io::stdin().lock().take(most).read_to_string(&mut text);
                read.map_err(|error| Failure::new(USAGE, format!("cannot read the token: {error}")))?;
                text
            }
        };
        let text = text.trim();
        Ok(text.strip_prefix("Bearer ").unwrap_or(text).trim().to_owned())
    }

    /// Whether one of the keys that were named has signed it.
    fn check(&self, text: &str, transport: &Watched, now: Timestamp) -> Result<Signature, Failure> {
        let Some((keys, whose)) = self.keys(transport)? else {
            return Ok(Signature::NotChecked);
        };
        let verification = Verification::new(SIGNED, SkipIssuerCheck, SkipAudienceCheck);
        Ok(match verification.verify(text, &keys, date(now)) {
            Ok(claims) => Signature::Good(match claims.jws().key_id() {
                Some(id) => format!("good, by the key {id} of {whose}"),
                None => format!("good, by a key of {whose}"),
            }),
            Err(jwt::Error::UnknownKey) => {
                Signature::Bad(format!("no key of {whose}, or more than one, fits it"))
            }
            Err(jwt::Error::Refused(why)) => Signature::Bad(why.to_string()),
            Err(error) => return Err(Failure::new(USAGE, error)),
        })
    }

    fn keys(&self, transport: &Watched) -> Result<Option<(KeySet, String)>, Failure> {
        let fetched =
            |step: Step<KeySet>| while_waiting("fetching keys", || run(step, &TransportHost::new(transport)));
        if let Some(issuer) = &self.issuer {
            let keys = discover(issuer).and_then(|server, _| {
                let address = server.jwks_uri().cloned();
                let address = address.ok_or(grantflow::error::InvalidInput::new(
                    "server metadata",
                    "name no keys (jwks_uri)",
                ))?;
                Ok(fetch(address))
            });
            return Ok(Some((fetched(keys)?, issuer.to_string())));
        }
        let Some(named) = &self.jwks else { return Ok(None) };
        let keys = if named.contains("://") {
            let address = Endpoint::allow_http_for_loopback(named.as_str());
            let address = address
                .map_err(|error| Failure::new(USAGE, format!("--jwks: {}", why_no_address(named, &error))))?;
            fetched(fetch(address))?
        } else {
            from_file(Path::new(named))?
        };
        Ok(Some((keys, named.clone())))
    }
}

fn fetch(address: Endpoint) -> Step<KeySet> {
    let keys = KeyCache::new(KeyRequest::jwks(address)).keys();
    keys.and_then(|keys, _| Ok(Step::Done((*keys).clone())))
}

fn from_file(path: &Path) -> Result<KeySet, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(USAGE, format!("cannot read {}: {error}", path.display())))?;
    let keys = match text.trim_start().starts_with('{') {
        true => KeySet::from_json(&text),
        false => VerifyingKey::from_pem(&text).map(KeySet::from),
    };
    let keys = keys.map_err(|error| Failure::new(USAGE, format!("{}: {error}", path.display())))?;
    if keys.is_empty() {
        return Err(Failure::new(
            USAGE,
            format!("{}: there is no key in it that can be used", path.display()),
        ));
    }
    Ok(keys)
}

/// What a published key can have signed. A shared secret proves nothing to whoever does not know it.
pub(crate) const SIGNED: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

enum Signature {
    Good(String),
    Bad(String),
    NotChecked,
}

/// A token as anybody can read it; nothing of it is believed.
struct Seen {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Why no key could prove it.
    unprovable: Option<String>,
}

impl Seen {
    fn parse(text: &str) -> Result<Self, Failure> {
        let malformed = |why: &str| Failure::new(REFUSED, format!("the token is malformed: {why}"));
        let parts: Vec<&str> = text.split('.').collect();
        if let [_, _, _, _, _] = parts[..] {
            return Err(refused("it is encrypted: only whom it is for can read it"));
        }
        let [header, payload, _] = parts[..] else {
            return Err(malformed("it has not exactly three parts")
                .hint("opaque tokens say nothing to anybody but their server"));
        };
        // The reader that verifies looks at it first: what that one does not take is not shown as if it were a token.
        let unprovable = match jwt::KeySet::default().verify(text, ANY) {
            Err(jwt::Error::Refused(why @ (jwt::Refusal::Algorithm | jwt::Refusal::HeaderParameter(_)))) => {
                Some(why.to_string())
            }
            Err(jwt::Error::Refused(why)) => return Err(malformed(&why.to_string())),
            _ => None,
        };
        let read = |part: &str, what| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok();
            let object = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            object.ok_or_else(|| malformed(what))
        };
        Ok(Self {
            header: read(header, "its header is not a JSON object in base64url")?,
            claims: read(payload, "its payload is not a JSON object in base64url")?,
            unprovable,
        })
    }

    /// What is wrong with it that anybody can see.
    fn problem(&self, which: &InspectArgs, now: Timestamp) -> Option<String> {
        if let Some(why) = &self.unprovable {
            return Some(why.clone());
        }
        let time = |name| self.claims.get(name).map(|value| value.as_f64().ok_or(name));
        let (now, skew) = (now.unix_seconds() as f64, SKEW.as_secs_f64());
        for name in ["exp", "nbf", "iat"] {
            match time(name) {
                Some(Err(name)) => return Some(format!("its `{name}` is no time")),
                Some(Ok(end)) if name == "exp" && now >= end + skew => {
                    return Some("it has expired".to_owned());
                }
                Some(Ok(start)) if name == "nbf" && start > now + skew => {
                    return Some("it is not valid yet".to_owned());
                }
                Some(Ok(made)) if name == "iat" && made > now + skew => {
                    return Some("it was made in the future, by this machine's clock".to_owned());
                }
                _ => {}
            }
        }
        if let Some(issuer) = &which.issuer
            && self.claims.get("iss").and_then(Value::as_str) != Some(issuer.as_str())
        {
            return Some(format!("it is not from {issuer}"));
        }
        let audience = which.audience.as_deref()?;
        let is_for = match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            _ => false,
        };
        (!is_for).then(|| format!("it is not for {audience}"))
    }

    fn print(
        &self,
        args: &Args,
        now: Timestamp,
        (signature, problem): (&Signature, Option<&str>),
    ) -> Result<(), Failure> {
        let (word, told) = match signature {
            Signature::Good(by) => ("good", by.as_str()),
            Signature::Bad(_) => ("refused", "not good"),
            Signature::NotChecked if problem.is_some() => {
                ("not_checked", "not checked, since the token is refused for less")
            }
            Signature::NotChecked => (
                "not_checked",
                "not checked: name the keys with --jwks, or the server with --issuer",
            ),
        };
        let problem = match signature {
            Signature::Bad(why) => Some(why.as_str()),
            _ => problem,
        };
        let value =
            json!({ "header": self.header, "claims": self.claims, "signature": word, "problem": problem });
        let text = format!(
            "header\n{}claims\n{}signature         {}\n",
            members(&self.header, now),
            members(&self.claims, now),
            Visible(told)
        );
        output::result(args.format, &text, &value)
    }
}

/// A line a member, indented: no name that a token has stands where the command speaks for itself.
fn members(members: &Map<String, Value>, now: Timestamp) -> String {
    let mut lines = String::new();
    for (name, value) in members {
        let text = match value.as_f64() {
            Some(seconds) if TIMES.contains(&name.as_str()) => when(seconds, now),
            _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        };
        let name = Visible(name).to_string();
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "  {name:<15} {}", Visible(&text));
    }
    lines
}

/// All that a token may be signed with and still be read.
const ANY: [Algorithm; 12] = {
    let [a, b, c, d, e, f, g, h, i] = SIGNED;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        Algorithm::Hs256,
        Algorithm::Hs384,
        Algorithm::Hs512,
    ]
};

/// Claims that are times (RFC 7519 section 4.1, OpenID Connect Core section 2).
const TIMES: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];

/// A time, and how far away that is.
fn when(seconds: f64, now: Timestamp) -> String {
    // Out of range becomes the end of what can be written.
    let time = Timestamp::from_unix_seconds(seconds as i64);
    let (distance, past) = match time < now {
        true => (now.since(time), true),
        false => (time.since(now), false),
    };
    let distance = match distance.as_secs() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ ..7200 => format!("{} minutes", seconds / 60),
        seconds @ ..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    };
    match past {
        true => format!("{time}, {distance} ago"),
        false => format!("{time}, in {distance}"),
    }
}

fn date(now: Timestamp) -> NumericDate {
    NumericDate::from_unix_seconds(now.unix_seconds())
}

/// As much as clocks may differ elsewhere in Grantflow.
const SKEW: Duration = Duration::from_secs(60);
