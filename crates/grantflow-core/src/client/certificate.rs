//! Client certificates: whose connection it is, and tokens that are bound to it ([RFC 8705]).
//!
//! ```text
//! transport ─▶ thumbprint of its certificate ─▶ Cx ─▶ is it the one that the client, or the record, has? ─┬─ yes ─▶ Send
//!                                                                                                         └─ no ──▶ error
//! ```
//!
//! The proof is the connection itself, so nothing is added to a request. All there is to do is never to send one over another
//! connection: the server would refuse it, and may count a refresh token as spent.
//!
//! [RFC 8705]: https://www.rfc-editor.org/rfc/rfc8705

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use sha2::{Digest as _, Sha256};

use super::{Proven, TokenConstraint};
use crate::error::InvalidInput;
use crate::{Cx, Error, Record, Secret, TokenType};

/// The SHA-256 of a certificate in DER, which bound tokens name as `x5t#S256` ([RFC 8705 section 3.1]). It is no secret.
///
/// # Example
///
/// ```
/// use grantflow_core::CertificateThumbprint;
///
/// // In a real program these are the bytes of a certificate.
/// let thumbprint = CertificateThumbprint::of(b"");
/// assert_eq!(thumbprint.to_string(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
/// assert_eq!(CertificateThumbprint::parse(&thumbprint.to_string()), Some(thumbprint));
/// ```
///
/// [RFC 8705 section 3.1]: https://www.rfc-editor.org/rfc/rfc8705#section-3.1
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct CertificateThumbprint([u8; 32]);

impl CertificateThumbprint {
    /// That of the certificate with these bytes of DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads 43 characters of base64url, as `x5t#S256` has them; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = TOLERANT.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Binds the tokens of a client to the certificate of its transport ([RFC 8705 section 3]), as a constraint
/// ([`Client::with_token_constraint`](crate::Client::with_token_constraint)).
///
/// The thumbprint is kept in the record. Whoever reads that refreshes the token, and sends it, over a transport with that certificate
/// or not at all: what would be refused is not even sent. No reply says whether its token is bound; where the server does not
/// promise it ([`ServerMetadata::binds_to_certificates`](crate::ServerMetadata::binds_to_certificates)), an introspection tells
/// ([`Introspection::certificate`](crate::Introspection::certificate)).
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use grantflow_core::{Authentication, CertificateBound, CertificateThumbprint, Client, Endpoint};
///
/// // As the transport says it: `transport.certificate()`.
/// let ours = CertificateThumbprint::of(b"a certificate");
/// let client = Client::new("s6BhdRkqt3", Endpoint::new("https://mtls.example.com/token")?)
///     .with_authentication(Authentication::TlsClientAuth)
///     .with_token_constraint(Arc::new(CertificateBound::to(ours)));
/// assert_eq!(client.authentication().method(), "tls_client_auth");
/// # Ok::<(), grantflow_core::Error>(())
/// ```
///
/// [RFC 8705 section 3]: https://www.rfc-editor.org/rfc/rfc8705#section-3
#[derive(Clone, Debug)]
pub struct CertificateBound {
    /// What connections to the authorization server have to show.
    own: CertificateThumbprint,
    /// What the token in hand is bound to.
    token: CertificateThumbprint,
    replaced: Vec<CertificateThumbprint>,
}

impl CertificateBound {
    /// To this certificate.
    #[must_use]
    pub fn to(certificate: CertificateThumbprint) -> Self {
        Self {
            own: certificate,
            token: certificate,
            replaced: Vec::new(),
        }
    }

    /// Refreshes the tokens, too, that are bound to this certificate, which ours has replaced; what comes of it is bound to ours. The
    /// tokens themselves are of no use any more, so refresh at once ([`Credentials::refresh`](crate::Credentials::refresh)).
    ///
    /// It is for clients that authenticate: the refresh tokens of others are bound to the certificate too, and are lost with it
    /// ([RFC 8705 section 7.1], [section 4]).
    ///
    /// [RFC 8705 section 7.1]: https://www.rfc-editor.org/rfc/rfc8705#section-7.1
    /// [section 4]: https://www.rfc-editor.org/rfc/rfc8705#section-4
    #[must_use]
    pub fn in_place_of(mut self, replaced: CertificateThumbprint) -> Self {
        self.replaced.push(replaced);
        self
    }

    /// To the certificate that a record kept; `None` for what is bound to something else.
    pub(crate) fn stored(key: &Secret) -> Option<Self> {
        let thumbprint = key.expose().strip_prefix(STORED)?;
        Some(Self::to(CertificateThumbprint::parse(thumbprint)?))
    }
}

impl TokenConstraint for CertificateBound {
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if the connections that the request would go over show another certificate, or none: without TLS none is
    /// shown.
    fn prove(&self, to: &Proven<'_>, cx: &mut Cx<'_>) -> Result<Option<HeaderValue>, Error> {
        let wanted = match to.access_token {
            Some(_) => self.token,
            None => self.own,
        };
        shown_is(wanted, to.uri, cx)?;
        Ok(None)
    }

    fn heard(&self, _: &Proven<'_>, _: StatusCode, _: &HeaderMap, _: Option<&str>) -> bool {
        false
    }

    /// Authorization requests name no certificate.
    fn thumbprint(&self) -> Option<&str> {
        None
    }

    /// Section 3 leaves the type as it is: "bearer" in most cases.
    fn takes(&self, token_type: TokenType) -> bool {
        token_type == TokenType::Bearer
    }

    fn proves(&self, token_type: TokenType) -> bool {
        token_type == TokenType::Bearer
    }

    fn stored(&self) -> Option<Secret> {
        Some(Secret::new(format!("{STORED}{}", self.own)))
    }

    /// # Errors
    ///
    /// [`Error::InvalidInput`] too if the token is bound to another certificate than this one, and it is none that it has replaced.
    fn with_stored(&self, key: &Secret) -> Result<Arc<dyn TokenConstraint>, Error> {
        let token = Self::stored(key).ok_or(NOT_A_CERTIFICATE)?.token;
        if token != self.own && !self.replaced.contains(&token) {
            return Err(OTHER_CERTIFICATE.into());
        }
        Ok(Arc::new(Self {
            token,
            ..self.clone()
        }))
    }
}

/// Whether connections to this address show this one.
pub(crate) fn shown_is(wanted: CertificateThumbprint, to: &Uri, cx: &Cx<'_>) -> Result<(), InvalidInput> {
    match shown(to.scheme() == Some(&Scheme::HTTPS), cx)? {
        shown if shown == wanted => Ok(()),
        _ => Err(OTHER_CERTIFICATE),
    }
}

/// What connections show.
pub(crate) fn shown(is_https: bool, cx: &Cx<'_>) -> Result<CertificateThumbprint, InvalidInput> {
    if !is_https {
        return Err(WITHOUT_TLS);
    }
    cx.certificate().ok_or(NO_CERTIFICATE)
}

/// The example of RFC 8705 section 3.1 has bits behind its last byte that mean nothing, and so may others.
const TOLERANT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

impl Record {
    /// The client certificate that the token is bound to (RFC 8705): it is refreshed, and sent, over connections that show it.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateThumbprint> {
        Some(CertificateBound::stored(self.token_key()?)?.token)
    }
}

/// How a record says that its token is bound to a certificate; a thumbprint follows.
const STORED: &str = "x5t#S256:";

/// Refused before anything is sent.
const NO_CERTIFICATE: InvalidInput = InvalidInput::new(
    "transport",
    "shows no client certificate, and the client or its token needs one; say it by client_certificate, over_certificate or Cx::with_certificate",
);
const WITHOUT_TLS: InvalidInput = InvalidInput::new(
    "address",
    "is not https, and no other connection shows the certificate that the client or its token needs",
);
const OTHER_CERTIFICATE: InvalidInput = InvalidInput::new(
    "client certificate",
    "is another than the one that the token is bound to; for a renewed one say in_place_of",
);
const NOT_A_CERTIFICATE: InvalidInput =
    InvalidInput::new("client certificate", "is not what the token is bound to");

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_thumbprint_is_43_characters_of_32_bytes_and_nothing_else() {
        // The example of RFC 8705 section 3.1, and the same 32 bytes as others write them.
        let example = CertificateThumbprint::parse("bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2");
        let text = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
        assert_eq!(CertificateThumbprint::parse(text), example);
        assert_eq!(example.unwrap().to_string(), text);
        for odd in [
            "",
            "bwcK0esc",
            &format!("{text}="),
            &format!("{text}AA"),
            &text.replace('_', "/"),
        ] {
            assert_eq!(CertificateThumbprint::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_a_record_keeps_is_read_back_and_no_other_certificate_is_taken_for_it() {
        let (ours, other) = (CertificateThumbprint::of(b"1"), CertificateThumbprint::of(b"2"));
        let kept = CertificateBound::to(ours).stored().unwrap();
        assert!(CertificateBound::to(ours).with_stored(&kept).is_ok());
        assert!(CertificateBound::to(other).with_stored(&kept).is_err());
        let renewed = CertificateBound::to(other).in_place_of(ours);
        let again = renewed.with_stored(&kept).unwrap().stored().unwrap();
        assert!(again.eq_ct(&CertificateBound::to(other).stored().unwrap()));
        // Old tokens are of no use over the new certificate, and new ones are asked for with it.
        let (method, uri) = (
            http::Method::GET,
            http::Uri::from_static("https://as.example/token"),
        );
        let token = Secret::new("AT");
        let (server, api) = (
            Proven::request(&method, &uri),
            Proven::request(&method, &uri).with_access_token(&token),
        );
        let renewing = renewed.with_stored(&kept).unwrap();
        let mut fill = |_: &mut [u8]| Ok(());
        let mut cx = Cx::new(crate::Now::default(), &mut fill).with_certificate(Some(other));
        assert!(renewing.prove(&server, &mut cx).is_ok() && renewing.prove(&api, &mut cx).is_err());
        assert!(renewed.with_stored(&Secret::new("ES256:AAAA")).is_err());
        assert!(renewed.with_stored(&Secret::new("x5t#S256:AAAA")).is_err());
    }
}
