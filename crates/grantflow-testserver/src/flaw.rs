//! What is wrong with an ID token, by name: each is something that a client has to notice, or may not mind
//! ([OpenID Connect Core section 3.1.3.7]).
//!
//! [OpenID Connect Core section 3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation

use std::fmt;
use std::str::FromStr;

use crate::fault::UnknownName;

/// One thing about an ID token that is not as it should be, or not as usual.
///
/// # Example
///
/// ```
/// use grantflow_testserver::{Endpoint, Fault, IdTokenFlaw, TestServer};
///
/// let server = TestServer::start()?;
/// server.push_fault(Endpoint::Token, Fault::IdToken(IdTokenFlaw::WrongNonce));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdTokenFlaw {
    /// There is none.
    Absent,
    /// One bit of the signature is another.
    BrokenSignature,
    /// Signed with a key that is not the server's, under the name of one that is.
    ForeignKey,
    /// `kid` names a key that the server does not have.
    UnknownKeyId,
    /// There is no `kid`.
    NoKeyId,
    /// Signed with another algorithm of the server than the client is registered for.
    OtherAlgorithm,
    /// `alg` is `none` and there is no signature.
    Unsigned,
    /// Signed with HMAC, the key being the server's public one as its JWKS has it.
    HmacOfPublicKey,
    /// It has ended.
    Expired,
    /// It was made, and begins to hold, an hour from now.
    FromTheFuture,
    /// It says that it was made a week ago, and holds still.
    WeekOld,
    /// It has another `nonce` than the request.
    WrongNonce,
    /// `nonce` is not there.
    NoNonce,
    /// `iss` is another server.
    WrongIssuer,
    /// `iss` is not there.
    NoIssuer,
    /// `aud` is another client.
    WrongAudience,
    /// `aud` is not there.
    NoAudience,
    /// `aud` is a list of this client alone.
    AudienceList,
    /// `aud` is a list of this client and another one, which is `azp`.
    ForeignParty,
    /// `aud` is a list of this client and another one, and there is no `azp`.
    SecondAudience,
    /// `sub` is another user.
    OtherSubject,
    /// `sub` is not there.
    NoSubject,
    /// `iat` is not there.
    NoIssuedAt,
    /// `exp` is not there.
    NoExpiry,
    /// `at_hash` is of another access token.
    WrongTokenHash,
    /// `at_hash` is not there.
    NoTokenHash,
    /// `c_hash` is of another code.
    WrongCodeHash,
    /// `c_hash` is not there.
    NoCodeHash,
    /// `s_hash` is of another state.
    WrongStateHash,
    /// `s_hash` is not there.
    NoStateHash,
    /// The user logged in a week ago (`auth_time`).
    OldLogin,
    /// `auth_time` is not there.
    NoAuthTime,
    /// The user logged in in another way (`acr`).
    OtherAcr,
    /// Encrypted, as nobody asked for: five parts, RSA1_5.
    Encrypted,
}

impl IdTokenFlaw {
    /// The names that [`FromStr`] reads and [`Display`](fmt::Display) writes.
    pub const NAMES: &[(&str, Self)] = &[
        ("absent", Self::Absent),
        ("broken-signature", Self::BrokenSignature),
        ("foreign-key", Self::ForeignKey),
        ("unknown-kid", Self::UnknownKeyId),
        ("no-kid", Self::NoKeyId),
        ("other-alg", Self::OtherAlgorithm),
        ("unsigned", Self::Unsigned),
        ("hmac-of-public-key", Self::HmacOfPublicKey),
        ("expired", Self::Expired),
        ("future", Self::FromTheFuture),
        ("week-old", Self::WeekOld),
        ("wrong-nonce", Self::WrongNonce),
        ("no-nonce", Self::NoNonce),
        ("wrong-iss", Self::WrongIssuer),
        ("no-iss", Self::NoIssuer),
        ("wrong-aud", Self::WrongAudience),
        ("no-aud", Self::NoAudience),
        ("aud-list", Self::AudienceList),
        ("foreign-azp", Self::ForeignParty),
        ("second-aud", Self::SecondAudience),
        ("other-sub", Self::OtherSubject),
        ("no-sub", Self::NoSubject),
        ("no-iat", Self::NoIssuedAt),
        ("no-exp", Self::NoExpiry),
        ("wrong-at-hash", Self::WrongTokenHash),
        ("no-at-hash", Self::NoTokenHash),
        ("wrong-c-hash", Self::WrongCodeHash),
        ("no-c-hash", Self::NoCodeHash),
        ("wrong-s-hash", Self::WrongStateHash),
        ("no-s-hash", Self::NoStateHash),
        ("old-login", Self::OldLogin),
        ("no-auth-time", Self::NoAuthTime),
        ("other-acr", Self::OtherAcr),
        ("encrypted", Self::Encrypted),
    ];
}

impl fmt::Display for IdTokenFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, flaw)| flaw == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for IdTokenFlaw {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, flaw)| *flaw)
            .ok_or_else(|| UnknownName::new(format!("no flaw of ID tokens is called {text:?}")))
    }
}
