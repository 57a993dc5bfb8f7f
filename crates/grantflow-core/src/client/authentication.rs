//! How a client authenticates to the token endpoint ([RFC 6749 section 2.3], [RFC 8705 section 2]).
//!
//! [RFC 6749 section 2.3]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3
//! [RFC 8705 section 2]: https://www.rfc-editor.org/rfc/rfc8705#section-2

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::{Client, Quirks, shown};
use crate::error::InvalidInput;
use crate::form::Form;
use crate::{Cx, Endpoint, Error, Secret};

/// A way to authenticate, by its name of the registry of token endpoint authentication methods.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Authentication {
    /// `none`: a public client, which sends its id alone.
    None,
    /// `client_secret_basic`: id and secret in the `Authorization` header.
    Basic(Secret),
    /// `client_secret_post`: id and secret in the body.
    Post(Secret),
    /// `tls_client_auth`: the connection shows a certificate of an authority that the server trusts
    /// ([RFC 8705 section 2.1](https://www.rfc-editor.org/rfc/rfc8705#section-2.1)); the id alone is sent, and over no other connection.
    TlsClientAuth,
    /// `self_signed_tls_client_auth`: the same with a certificate that the server was given before
    /// ([RFC 8705 section 2.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.2)).
    SelfSignedTlsClientAuth,
    /// A method that needs more than a secret, such as `private_key_jwt`.
    Other(Arc<dyn ClientAuthentication>),
}

/// A method of client authentication that lives outside the core, since it signs.
pub trait ClientAuthentication: fmt::Debug + Send + Sync {
    /// The name of the method, as registered: it is what a stored record keeps.
    fn method(&self) -> &str;

    /// The parameters to add to the body of a request by `client`.
    ///
    /// # Errors
    ///
    /// [`Error`] if the proof cannot be made.
    fn parameters(&self, client: &Client, cx: &mut Cx<'_>) -> Result<Vec<(&'static str, Secret)>, Error>;
}

impl Authentication {
    /// The registered name of the method.
    #[must_use]
    pub fn method(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Basic(_) => "client_secret_basic",
            Self::Post(_) => "client_secret_post",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::Other(other) => other.method(),
        }
    }

    /// The shared secret of the methods that have one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Basic(secret) | Self::Post(secret) => Some(secret),
            Self::None | Self::TlsClientAuth | Self::SelfSignedTlsClientAuth | Self::Other(_) => None,
        }
    }

    /// Whether the connection shows a certificate for it.
    #[must_use]
    pub fn is_by_certificate(&self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTlsClientAuth)
    }

    /// Adds the proof to a form for this endpoint; what belongs into the `Authorization` header is returned.
    pub(crate) fn apply(
        &self,
        client: &Client,
        endpoint: &Endpoint,
        form: &mut Form,
        cx: &mut Cx<'_>,
    ) -> Result<Option<HeaderValue>, Error> {
        client.check_profile()?;
        match self {
            // RFC 6749 section 3.2.1: a client that does not authenticate "MUST send its client_id".
            Self::None if client.quirks().basic_without_secret => {
                return basic(client.id(), &Secret::default(), client.quirks()).map(Some);
            }
            Self::None => form.push("client_id", client.id()),
            Self::Basic(secret) if client.quirks().bearer_secret => return bearer(secret).map(Some),
            Self::Basic(secret) => {
                if client.quirks().client_id_beside_basic {
                    form.push("client_id", client.id());
                }
                return basic(client.id(), secret, client.quirks()).map(Some);
            }
            Self::Post(secret) => {
                form.push("client_id", client.id());
                form.push("client_secret", secret.expose());
            }
            Self::TlsClientAuth | Self::SelfSignedTlsClientAuth => {
                shown(endpoint.is_https(), cx)?;
                // RFC 8705 section 2: "the client MUST include the client_id parameter".
                form.push("client_id", client.id());
            }
            Self::Other(other) => {
                form.push("client_id", client.id());
                for (name, value) in other.parameters(client, cx)? {
                    form.push(name, value.expose());
                }
            }
        }
        Ok(None)
    }
}

/// The method of a stored record that only the application can perform, since it signs.
#[derive(Debug)]
pub(crate) struct UnknownAuthentication(String);

impl UnknownAuthentication {
    pub(crate) fn of(method: &str) -> Authentication {
        Authentication::Other(Arc::new(Self(method.to_owned())))
    }
}

impl ClientAuthentication for UnknownAuthentication {
    fn method(&self) -> &str {
        &self.0
    }

    fn parameters(&self, _: &Client, _: &mut Cx<'_>) -> Result<Vec<(&'static str, Secret)>, Error> {
        Err(Error::Unsupported(
            "authenticate the client of this record: give the client with its key",
        ))
    }
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded first (appendix B), then joined and encoded as RFC 7617 says.
fn basic(id: &str, secret: &Secret, quirks: &Quirks) -> Result<HeaderValue, Error> {
    // An escape takes the place of one byte by three; room for all of it from the start, so that no copy is left behind.
    let room = 1 + 3 * (id.len() + secret.expose().len());
    let mut pair = Zeroizing::new(String::with_capacity(room));
    if quirks.raw_basic {
        pair.push_str(id);
        pair.push(':');
        pair.push_str(secret.expose());
    } else {
        pair.extend(form_urlencoded::byte_serialize(id.as_bytes()));
        pair.push(':');
        pair.extend(form_urlencoded::byte_serialize(secret.expose().as_bytes()));
    }
    let mut header = Zeroizing::new(String::with_capacity(6 + room.div_ceil(3) * 4));
    header.push_str("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut header);
    sensitive(&header)
}

/// The secret in place of a token (quirk 21).
fn bearer(secret: &Secret) -> Result<HeaderValue, Error> {
    sensitive(&Zeroizing::new(format!("Bearer {}", secret.expose())))
}

fn sensitive(header: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(header)
        .map_err(|_| InvalidInput::new("client secret", "does not fit in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn header(id: &str, secret: &str, quirks: Quirks) -> String {
        basic(id, &Secret::new(secret), &quirks)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn v11_v12_basic_matches_the_examples_of_rfc_6749() {
        let plain = Quirks::default();
        assert_eq!(
            header("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw", plain.clone()),
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
        );
        assert_eq!(
            header("s6BhdRkqt3", "gX1fBat3bV", plain),
            "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
        );
    }

    #[test]
    fn t35_id_and_secret_are_form_encoded_before_they_are_joined() {
        let decoded = |quirks| {
            let header = header("a:b", "s3cr%t:+ /&=~\u{a3}", quirks);
            String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap()).unwrap()
        };
        assert_eq!(
            decoded(Quirks::default()),
            "a%3Ab:s3cr%25t%3A%2B+%2F%26%3D%7E%C2%A3"
        );
        assert_eq!(
            decoded(Quirks {
                raw_basic: true,
                ..Quirks::default()
            }),
            "a:b:s3cr%t:+ /&=~\u{a3}"
        );
    }

    #[test]
    fn v14_a_pair_of_utf_8_encodes_as_in_rfc_7617() {
        let raw = Quirks {
            raw_basic: true,
            ..Quirks::default()
        };
        assert_eq!(header("test", "123\u{a3}", raw), "Basic dGVzdDoxMjPCow==");
    }
}
