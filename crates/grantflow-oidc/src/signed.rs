//! A claims set becomes a token, by a key of this process at once and by one that lives elsewhere through a step.
//!
//! ```text
//! claims ─┬─ the key is here ──────▶ Done
//!         └─ it lives elsewhere ──▶ Sign ─▶ Done
//! ```

use grantflow_core::error::InvalidInput;
use grantflow_core::{Cx, Error, Next, Secret, SignError, Signature, SigningRequest, Step};
use grantflow_jwt::{BadKey, ClaimsSet, Header, Signer, Signing};

/// The flow that signs `claims` under `header`.
///
/// # Errors
///
/// [`Error::NotSigned`] if the key cannot be used; [`Error::InvalidInput`] if the header has another algorithm than the signer.
pub fn signed(signer: &Signer, header: &Header, claims: &ClaimsSet) -> Result<Step<Secret>, Error> {
    let due = match signer.sign(header, claims.as_bytes()).map_err(refused)? {
        Signing::Done(jws) => return Ok(Step::Done(Secret::new(jws.into_exposed()))),
        Signing::Due(due) => due,
    };
    let request = SigningRequest::new(due.algorithm().to_string(), due.key(), due.message());
    let next = move |signature: Result<Signature, SignError>, _: &mut Cx<'_>| {
        let signature = signature.map_err(Error::NotSigned)?;
        let jws = due.accept(&signature.0).map_err(refused)?;
        Ok(Step::Done(Secret::new(jws.into_exposed())))
    };
    Ok(Step::Sign(request, Next::new(next)))
}

/// What an error of `grantflow-jwt` means here. No part of a token or of a key is in it.
#[must_use]
pub fn refused(error: grantflow_jwt::Error) -> Error {
    match error {
        grantflow_jwt::Error::InvalidInput { what, problem } => {
            InvalidInput::new(what.strip_prefix("the ").unwrap_or(what), problem).into()
        }
        grantflow_jwt::Error::BadKey(problem) => InvalidInput::new(
            "private key",
            match problem {
                BadKey::Encrypted => "is encrypted; `openssl pkcs8 -in OLD -out NEW` decrypts it",
                BadKey::NotFound => "is no private key in PEM",
                BadKey::Size => "is too short or too long",
                BadKey::Unsupported => "is of a type or curve that is not signed with",
                BadKey::Inconsistent => "has halves that do not belong together",
                _ => "cannot be read",
            },
        )
        .into(),
        grantflow_jwt::Error::NotSigned => Error::NotSigned(SignError::Failed),
        grantflow_jwt::Error::UnknownKey => Error::TokenRefused("no key, or more than one, fits it"),
        grantflow_jwt::Error::Refused(refusal) => Error::TokenRefused(why(refusal)),
        _ => Error::TokenRefused("it does not verify"),
    }
}

fn why(refusal: grantflow_jwt::Refusal) -> &'static str {
    use grantflow_jwt::Refusal;
    match refusal {
        Refusal::TooLong => "it is too long",
        Refusal::Parts | Refusal::Base64(_) | Refusal::Json(_) => "it is not in the form of a token",
        Refusal::Algorithm | Refusal::AlgorithmNotAllowed => "its algorithm is not allowed",
        Refusal::HeaderParameter(_) => "its header wants to be verified in another way",
        Refusal::Type => "it is a token of another kind",
        Refusal::Decryption => "it is not encrypted for us",
        Refusal::Signature => "its signature is not the key's",
        Refusal::Issuer => "its issuer is somebody else",
        Refusal::Audience => "it is for somebody else",
        Refusal::AuthorizedParty => "its authorized party is somebody else",
        Refusal::Expired => "it has expired",
        Refusal::NotYetValid => "it is not valid yet",
        Refusal::IssuedInFuture => "it was issued in the future",
        Refusal::MissingClaim(_) => "it lacks a claim",
        Refusal::ClaimType(_) => "a claim is of the wrong type",
        _ => "it does not verify",
    }
}
