//! Credentials that are bound to a key ([RFC 9449]) or a client certificate ([RFC 8705]): what a command needs to use them.
//!
//! The key is with the credentials. A certificate is named for each command that asks a server: by options, else by variables.
//!
//! [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705
//! [RFC 9449]: https://www.rfc-editor.org/rfc/rfc9449

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantflow::jwt::Algorithm;
use grantflow::oidc::Dpop;
use grantflow::{
    Authentication, CertificateBound, CertificateThumbprint, Client, Record, ServerMetadata, TokenType,
};

use crate::args::Args;
use crate::exit::{Failure, USAGE};

/// A client certificate and its key, as files: what is in them goes on no command line.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    /// The one that was named, if one was.
    pub(crate) fn read(args: &Args) -> Result<Option<Self>, Failure> {
        let named = |option: &Option<PathBuf>, variable| {
            let from_variable = || std::env::var_os(variable).filter(|path| !path.is_empty());
            option.clone().or_else(|| from_variable().map(PathBuf::from))
        };
        let half = |problem| Err(Failure::new(USAGE, problem).hint(NAME_IT));
        match (
            named(&args.client_certificate, CERTIFICATE),
            named(&args.client_key, KEY),
        ) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => half("a client certificate was named, and not its key"),
            (None, Some(_)) => half("the key of a client certificate was named, and not the certificate"),
        }
    }

    /// Why it cannot be used.
    pub(crate) fn unusable(&self, why: &str) -> Failure {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        Failure::new(
            USAGE,
            format!("cannot use the client certificate in {certificate} with the key in {key}: {why}"),
        )
    }

    /// The options that have curl show it.
    pub(crate) fn curl_options(&self) -> [OsString; 4] {
        let (certificate, key) = (escaped(&self.certificate), self.key.clone().into_os_string());
        ["--cert".into(), certificate, "--key".into(), key]
    }
}

/// curl takes what follows a colon for a password, and a backslash for one that makes a colon a colon.
fn escaped(path: &Path) -> OsString {
    match path.to_str() {
        Some(text) => text.replace('\\', r"\\").replace(':', r"\:").into(),
        None => path.into(),
    }
}

/// The client of a login, with what its tokens are to be bound to: a new key, else the certificate that is shown, if the server binds to it.
pub(crate) fn binding(
    client: Client,
    dpop: bool,
    shown: Option<CertificateThumbprint>,
    server: Option<&ServerMetadata>,
) -> Result<Client, Failure> {
    if dpop {
        let key = Dpop::generate(Algorithm::Es256)?;
        return Ok(client.with_token_constraint(Arc::new(key)));
    }
    Ok(match shown {
        Some(shown) if server.is_some_and(ServerMetadata::binds_to_certificates) => {
            client.with_token_constraint(Arc::new(CertificateBound::to(shown)))
        }
        _ => client,
    })
}

/// Refuses credentials that are of no use without another certificate than the one that is shown: before any server is asked.
pub(crate) fn check(record: &Record, shown: Option<CertificateThumbprint>) -> Result<(), Failure> {
    let by_certificate = matches!(
        record.client().authentication(),
        Authentication::TlsClientAuth | Authentication::SelfSignedTlsClientAuth
    );
    let problem = match (record.certificate(), shown) {
        (Some(bound), Some(shown)) if bound != shown => {
            "these credentials are bound to another client certificate than the one that was named"
        }
        (Some(_), None) => "these credentials are bound to a client certificate, and none was named",
        (None, None) if by_certificate => {
            "the client of these credentials authenticates by a certificate, and none was named"
        }
        _ => return Ok(()),
    };
    Err(Failure::new(USAGE, problem).hint(NAME_IT))
}

/// Whether the token is bound to a key, which is with the record.
pub(crate) fn is_by_key(record: &Record) -> bool {
    record.token().token_type == TokenType::Dpop
}

/// The client that proves the tokens of a record, where the record has a key. A login that asked for a bound token may have got another,
/// and its refresh token may be bound all the same.
pub(crate) fn prover(record: &Record) -> Option<Client> {
    let has_key = record.token_key().is_some() && record.certificate().is_none();
    let dpop = match (is_by_key(record), has_key) {
        (true, _) => Dpop::of_records(),
        (false, true) => Dpop::of_records().or_bearer(),
        (false, false) => return None,
    };
    Some(record.client().clone().with_token_constraint(Arc::new(dpop)))
}

/// What a token is bound to, in one word.
pub(crate) fn to_what(record: &Record) -> Option<&'static str> {
    if is_by_key(record) {
        return Some(BY_KEY);
    }
    record.certificate().map(|_| "certificate")
}

pub(crate) const BY_KEY: &str = "key";
const CERTIFICATE: &str = "GRANTFLOW_CLIENT_CERTIFICATE";
const KEY: &str = "GRANTFLOW_CLIENT_KEY";
const NAME_IT: &str = "name both with --client-certificate FILE and --client-key FILE, or by the variables GRANTFLOW_CLIENT_CERTIFICATE and GRANTFLOW_CLIENT_KEY";

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn t50_a_bearer_token_of_a_login_with_a_key_is_refreshed_with_that_key_and_a_bound_one_becomes_no_bearer_token()
     {
        let endpoint = grantflow::Endpoint::new("https://as.example/token").unwrap();
        let dpop = Dpop::generate(Algorithm::Es256).unwrap().or_bearer();
        let plain = Client::new("cid", endpoint);
        let keyed = plain.clone().with_token_constraint(Arc::new(dpop));
        let prover_of = |client: &Client, token_type| {
            let now = grantflow::Timestamp::default();
            let mut token = grantflow::Token::bearer("AT", now);
            token.token_type = token_type;
            let key = grantflow::Key::new(client, grantflow::Scopes::none());
            let from = grantflow::Provenance::new("authorization_code", now);
            prover(&Record::new(key, client.clone(), token, from))
        };
        let takes_bearer = |client: Client| client.token_constraint().unwrap().takes(TokenType::Bearer);
        assert!(prover_of(&plain, TokenType::Bearer).is_none());
        assert_eq!(prover_of(&keyed, TokenType::Bearer).map(takes_bearer), Some(true));
        assert_eq!(prover_of(&keyed, TokenType::Dpop).map(takes_bearer), Some(false));
    }

    #[test]
    fn t61_curl_takes_no_part_of_a_file_name_for_a_password() {
        let identity = Identity {
            certificate: r"a:b\c.pem".into(),
            key: "k:1.pem".into(),
        };
        let options = identity.curl_options();
        assert_eq!(options[1].to_str(), Some(r"a\:b\\c.pem"));
        assert_eq!(options[3].to_str(), Some("k:1.pem"), "the key has no such rule");
    }
}
