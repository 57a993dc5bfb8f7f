//! What a metadata server can be asked for ([what it has](https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys)).

use std::time::Duration;

use grantflow_core::error::{InvalidInput, ReplyProblem};
use grantflow_core::{BadReply, Error, Scopes, Step};

use super::address::MetadataAddress;
use super::exchange::Exchange;
use super::identity::MetadataIdToken;
use super::token::MetadataToken;

/// The metadata server of this machine, and the service account that it is asked about.
///
/// Requests to it take no proxy, and a reply counts only with the header that a metadata server puts there.
///
/// # Example
///
/// ```no_run
/// use grantflow_google::MetadataServer;
///
/// let server = MetadataServer::default();
/// let source = server.credentials(["https://www.googleapis.com/auth/devstorage.read_only"])?;
/// // let credentials = source.build_blocking(transport);
/// let for_a_service = server.id_token("https://service-1234.run.app")?;
/// # let _ = (source, for_a_service);
/// # Ok::<(), grantflow_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MetadataServer {
    address: MetadataAddress,
    account: String,
}

impl MetadataServer {
    /// The server at this address, and the account that the machine runs as.
    #[must_use]
    pub fn new(address: MetadataAddress) -> Self {
        Self {
            address,
            account: "default".to_owned(),
        }
    }

    /// Another account of the machine, by its e-mail address.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for what is no such address.
    pub fn with_account(mut self, email: impl Into<String>) -> Result<Self, Error> {
        self.account = email.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_:".contains(&byte);
        let dots = self.account.bytes().all(|byte| byte == b'.');
        if dots || !self.account.bytes().all(is_plain) {
            return Err(InvalidInput::new("service account", "is no e-mail address").into());
        }
        Ok(self)
    }

    /// Tokens for these scopes; none means those of the machine.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if a name has a character that no scope may have.
    pub fn credentials(
        &self,
        scopes: impl TryInto<Scopes, Error: Into<Error>>,
    ) -> Result<MetadataToken, Error> {
        MetadataToken::new(self, scopes.try_into().map_err(Into::into)?)
    }

    /// ID tokens for a service behind Cloud Run, Identity-Aware Proxy or the like: `audience` is its address, or its client id.
    ///
    /// # Errors
    ///
    /// None in practice: the addresses are constants.
    pub fn id_token(&self, audience: impl Into<String>) -> Result<MetadataIdToken, Error> {
        MetadataIdToken::new(self, audience.into())
    }

    /// The e-mail address of the account.
    pub fn email(&self) -> Step<String> {
        self.text(&self.of_account("email"))
    }

    /// The project that the machine belongs to.
    pub fn project_id(&self) -> Step<String> {
        self.text("/computeMetadata/v1/project/project-id")
    }

    /// Whether a metadata server answers within this time: the flow ends in an error if none does.
    ///
    /// A server that is in trouble is asked up to three times, one that does not answer once.
    pub fn probe(&self, within: Duration) -> Step<()> {
        let exchange = Exchange::new(&self.address, "/").within(within);
        exchange.patiently().and_then(|_, _| Ok(Step::Done(())))
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &MetadataAddress {
        &self.address
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// The path of something that belongs to the account.
    pub(super) fn of_account(&self, what: &str) -> String {
        format!(
            "/computeMetadata/v1/instance/service-accounts/{}/{what}",
            self.account
        )
    }

    /// A line of text.
    fn text(&self, path: &str) -> Step<String> {
        Exchange::new(&self.address, path)
            .patiently()
            .and_then(|reply, _| {
                let text = str::from_utf8(reply.body().as_bytes()).map(str::trim).ok();
                let is_a_name = |text: &&str| {
                    (1..=LONGEST_NAME).contains(&text.len())
                        && text.bytes().all(|byte| byte.is_ascii_graphic())
                };
                match text.filter(is_a_name) {
                    Some(text) => Ok(Step::Done(text.to_owned())),
                    None => Err(BadReply::new(reply.status(), ReplyProblem::Invalid("text")).into()),
                }
            })
    }
}

/// At Google's address.
impl Default for MetadataServer {
    fn default() -> Self {
        Self::new(MetadataAddress::default())
    }
}

const LONGEST_NAME: usize = 320;
