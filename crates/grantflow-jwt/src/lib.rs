//! JSON Web Signatures for Grantflow: tokens are signed, and others' tokens proven or refused.
//!
//! Nothing here does I/O or knows another crate of Grantflow; the time comes in as an argument.
//!
//! # In scope
//!
//! - JWS in its compact form ([RFC 7515]): RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA with Ed25519, HS256, HS384,
//!   HS512, all by `ring`; headers and claims in the order given
//! - keys: [`SigningKey`] from PEM (PKCS #8, PKCS #1, SEC 1), DER, JWK and HMAC secrets; [`VerifyingKey`] from PEM, certificates and JWK;
//!   [`KeySet`] from JWKS ([RFC 7517]); thumbprints ([RFC 7638])
//! - [`Signer`]: a key in this process or elsewhere, in one slot
//! - `Decryption` (feature `jwe`): encrypted tokens opened, by ECDH-ES on P-256 with A128GCM and A256GCM ([RFC 7516], [RFC 7518]); what is
//!   in one is verified as ever
//! - [`Verification`]: algorithms, issuer, audience and times of a token ([RFC 7519], [RFC 8725]); [`VerifiedClaims`] come from it alone
//!
//! # Out of scope
//!
//! - `none`, ES512, secp256k1, Ed448; tokens that we encrypt, RSA and shared keys to decrypt with; the JSON serialization; detached and unencoded payloads
//! - encrypted PEM, and PKCS #12 without the feature `pkcs12`: `openssl pkey` and `openssl pkcs12 -legacy -nodes` convert them
//! - trust in certificates: one is only where a key stands
//! - fetching key sets, ID tokens with their nonce and hashes, assertions: `grantflow-oidc`, `grantflow-google`
//!
//! # Example
//!
//! ```
//! use grantflow_jwt::{Algorithm, ClaimsSet, KeySet, NumericDate, SigningKey, Verification};
//!
//! # let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
//! let key = SigningKey::from_pem(pem)?.with_key_id("2026-01");
//! let claims = ClaimsSet::new()
//!     .with("iss", "https://issuer.example")?
//!     .with("sub", "ann")?
//!     .with("aud", "me")?
//!     .with("exp", NumericDate::from_unix_seconds(1_700_003_600))?;
//! let token = key.sign(&key.header(Algorithm::EdDsa)?, claims.as_bytes())?;
//!
//! let keys = KeySet::from(key.verifying_key()?);
//! let now = NumericDate::from_unix_seconds(1_700_000_000); // of your clock
//! let verification = Verification::new([Algorithm::EdDsa], "https://issuer.example", "me");
//! let verified = verification.verify(token.expose(), &keys, now)?;
//! assert_eq!(verified.subject(), Some("ann"));
//! # Ok::<(), grantflow_jwt::Error>(())
//! ```
//!
//! [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515
//! [RFC 7516]: https://www.rfc-editor.org/rfc/rfc7516
//! [RFC 7518]: https://www.rfc-editor.org/rfc/rfc7518
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
//! [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
//! [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

mod algorithm;
mod base64url;
mod claims;
mod date;
mod error;
mod json;
#[cfg(feature = "jwe")]
mod jwe;
mod jws;
mod key;
mod random;
mod verification;

pub use algorithm::Algorithm;
pub use claims::ClaimsSet;
pub use date::NumericDate;
pub use error::{BadKey, Error, Refusal};
#[cfg(feature = "jwe")]
pub use jwe::{ContentEncryption, Decryption, DecryptionKey, KeyManagement};
pub use jws::{Header, Jws, MAX_TOKEN_LENGTH, SignatureDue, Signer, Signing, VerifiedJws};
pub use key::{KeySet, SigningKey, VerifyingKey};
pub use verification::{
    Expected, SkipAudienceCheck, SkipIssuerCheck, Verification, VerifiedClaims, unverified_expiry,
};
