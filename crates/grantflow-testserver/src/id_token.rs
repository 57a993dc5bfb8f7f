//! ID tokens: who logged in, signed ([OpenID Connect Core section 2]), and wrong in one thing if that is asked for.
//!
//! A token endpoint's reply has one where `openid` was granted, at a refresh too, and an authorization response where `code id_token` was
//! asked for. It is signed by code that shares nothing with the client's.
//!
//! [OpenID Connect Core section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::answer::WRONG_ISSUER;
use crate::fault::Fault;
use crate::flaw::IdTokenFlaw;
use crate::keys::{IdTokenAlgorithm, hmac};
use crate::site::Turn;
use crate::state::{Authentication, GrantId, random};

/// What an ID token is given out with.
pub(crate) struct With<'a> {
    /// None beside a code.
    pub(crate) access_token: Option<&'a str>,
    /// The code and the nonce of the request, at a login; OpenID Connect Core section 12.2 wants neither at a refresh.
    pub(crate) login: Option<Login<'a>>,
}

pub(crate) struct Login<'a> {
    pub(crate) code: &'a str,
    pub(crate) nonce: Option<&'a str>,
    /// Beside the code, the state.
    pub(crate) state: Option<&'a str>,
}

/// Who logged in, and at which client.
pub(crate) struct About {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) authentication: Authentication,
}

/// The ID token of a grant, if it has one.
pub(crate) fn id_token(turn: &mut Turn<'_>, grant: GrantId, with: &With<'_>) -> Option<String> {
    let grant = turn.state.grant(grant);
    let flaw = match turn.fault {
        Some(Fault::IdToken(flaw)) => Some(flaw),
        _ => None,
    };
    let is_asked_for = grant.scope.iter().any(|scope| scope == "openid");
    let about = About {
        client: grant.client.clone(),
        user: grant.user.clone(),
        authentication: grant.authentication.clone(),
    };
    is_asked_for.then(|| about_user(turn, &about, with, flaw))?
}

/// The ID token of a user, unless the flaw is that there is none.
pub(crate) fn about_user(
    turn: &mut Turn<'_>,
    about: &About,
    with: &With<'_>,
    flaw: Option<IdTokenFlaw>,
) -> Option<String> {
    if flaw == Some(IdTokenFlaw::Absent) {
        return None;
    }
    let client = turn.client(&about.client)?;
    let mut claims = claims(turn, (&about.user, client.id()), with);
    if about.authentication.says_when {
        claims["auth_time"] = about.authentication.at.as_secs().into();
    }
    if let Some(acr) = &about.authentication.acr {
        claims["acr"] = acr.as_str().into();
    }
    if let Some(flaw) = flaw {
        spoil(&mut claims, flaw);
    }
    let secret = client.expose_secret().unwrap_or_default().to_owned();
    let encryption_key = client.encryption_key().cloned();
    let algorithm = client.id_token_algorithm();
    let token = match flaw {
        Some(IdTokenFlaw::Encrypted) => encrypted(),
        flaw => sign(turn, &claims, (algorithm, &secret), flaw),
    };
    let token = match encryption_key {
        Some(key) if flaw != Some(IdTokenFlaw::Encrypted) => key.encrypt(&token)?,
        _ => token,
    };
    turn.state.issued.push(token.clone());
    Some(token)
}

fn claims(turn: &Turn<'_>, (user, client): (&str, &str), with: &With<'_>) -> Value {
    let now = turn.state.clock.now().as_secs();
    let mut claims = json!({
        "iss": turn.issuer,
        "sub": user,
        "aud": client,
        "iat": now,
        "exp": now + LIFETIME,
    });
    if let Some(access_token) = with.access_token {
        claims["at_hash"] = half_hash(access_token).into();
    }
    if let Some(login) = &with.login {
        claims["c_hash"] = half_hash(login.code).into();
        if let Some(nonce) = login.nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(state) = login.state {
            claims["s_hash"] = half_hash(state).into();
        }
    }
    claims
}

/// OpenID Connect Core section 3.1.3.6: the left half of the hash.
fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16])
}

/// Makes the claims wrong in one thing.
pub(crate) fn spoil(claims: &mut Value, flaw: IdTokenFlaw) {
    let now = claims["iat"].as_u64().unwrap_or_default();
    let client = claims["aud"].clone();
    let Some(members) = claims.as_object_mut() else {
        return;
    };
    let mut set = |name: &str, value: Value| _ = members.insert(name.to_owned(), value);
    match flaw {
        IdTokenFlaw::Expired => {
            set("iat", now.saturating_sub(7200).into());
            set("exp", now.saturating_sub(3600).into());
        }
        IdTokenFlaw::FromTheFuture => {
            set("iat", (now + 3600).into());
            set("nbf", (now + 3600).into());
            set("exp", (now + 7200).into());
        }
        IdTokenFlaw::WeekOld => set("iat", now.saturating_sub(7 * 24 * 3600).into()),
        IdTokenFlaw::OldLogin => set("auth_time", now.saturating_sub(7 * 24 * 3600).into()),
        IdTokenFlaw::OtherAcr => set("acr", "another".into()),
        IdTokenFlaw::WrongNonce => set("nonce", "wrong".into()),
        IdTokenFlaw::WrongIssuer => set("iss", WRONG_ISSUER.into()),
        IdTokenFlaw::WrongAudience => set("aud", "another-client".into()),
        IdTokenFlaw::AudienceList => set("aud", json!([client])),
        IdTokenFlaw::ForeignParty => {
            set("aud", json!([client, "another-client"]));
            set("azp", "another-client".into());
        }
        IdTokenFlaw::SecondAudience => set("aud", json!([client, "another-client"])),
        IdTokenFlaw::OtherSubject => set("sub", "somebody-else".into()),
        IdTokenFlaw::WrongTokenHash => set("at_hash", half_hash("another access token").into()),
        IdTokenFlaw::WrongStateHash => set("s_hash", half_hash("another state").into()),
        IdTokenFlaw::WrongCodeHash => set("c_hash", half_hash("another code").into()),
        _ => {
            if let Some(name) = missing(flaw) {
                members.remove(name);
            }
        }
    }
}

fn missing(flaw: IdTokenFlaw) -> Option<&'static str> {
    Some(match flaw {
        IdTokenFlaw::NoNonce => "nonce",
        IdTokenFlaw::NoIssuer => "iss",
        IdTokenFlaw::NoAudience => "aud",
        IdTokenFlaw::NoSubject => "sub",
        IdTokenFlaw::NoIssuedAt => "iat",
        IdTokenFlaw::NoExpiry => "exp",
        IdTokenFlaw::NoTokenHash => "at_hash",
        IdTokenFlaw::NoStateHash => "s_hash",
        IdTokenFlaw::NoCodeHash => "c_hash",
        IdTokenFlaw::NoAuthTime => "auth_time",
        _ => return None,
    })
}

/// The token in compact form, its signature wrong if that is the flaw.
pub(crate) fn sign(
    turn: &mut Turn<'_>,
    claims: &Value,
    with: (IdTokenAlgorithm, &str),
    flaw: Option<IdTokenFlaw>,
) -> String {
    sign_as(turn, "JWT", claims, with, flaw)
}

/// The same, as a token of this type.
pub(crate) fn sign_as(
    turn: &mut Turn<'_>,
    typ: &str,
    claims: &Value,
    (algorithm, secret): (IdTokenAlgorithm, &str),
    flaw: Option<IdTokenFlaw>,
) -> String {
    let keys = turn.state.keys();
    let algorithm = match (flaw, algorithm) {
        (Some(IdTokenFlaw::Unsigned), _) => IdTokenAlgorithm::None,
        (Some(IdTokenFlaw::OtherAlgorithm), IdTokenAlgorithm::Es256) => IdTokenAlgorithm::Rs256,
        (Some(IdTokenFlaw::OtherAlgorithm), _) => IdTokenAlgorithm::Es256,
        (_, algorithm) => algorithm,
    };
    let key = keys.signing(algorithm);
    let mut header = json!({ "alg": algorithm.name(), "typ": typ });
    if let Some(key) = key {
        header["kid"] = key.id.clone().into();
    }
    match (flaw, header.as_object_mut()) {
        (Some(IdTokenFlaw::NoKeyId), Some(members)) => _ = members.remove("kid"),
        (Some(IdTokenFlaw::UnknownKeyId), Some(members)) => {
            _ = members.insert("kid".to_owned(), "unknown".into())
        }
        (Some(IdTokenFlaw::HmacOfPublicKey), Some(members)) => {
            _ = members.insert("alg".to_owned(), "HS256".into())
        }
        _ => {}
    }
    let base64 = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", base64(&header), base64(claims));
    let message = signed.as_bytes();
    let mut signature = match (flaw, key) {
        (Some(IdTokenFlaw::HmacOfPublicKey), Some(key)) => hmac(key.public().to_string().as_bytes(), message),
        (Some(IdTokenFlaw::ForeignKey), Some(key)) => key.foreign().sign(message),
        (Some(IdTokenFlaw::ForeignKey), None) => hmac(b"another secret", message),
        (_, Some(key)) => key.sign(message),
        (_, None) if algorithm == IdTokenAlgorithm::None => Vec::new(),
        (_, None) => hmac(secret.as_bytes(), message),
    };
    if let (Some(IdTokenFlaw::BrokenSignature), Some(last)) = (flaw, signature.last_mut()) {
        *last ^= 1;
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What looks like an encrypted token (RFC 7516 section 3.1); nobody has a key for it.
pub(crate) fn encrypted() -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#);
    let part = || random("");
    format!("{header}.{}.{}.{}.{}", part(), part(), part(), part())
}

/// Longer than a test runs, and shorter than an hour, which the flaws move it by.
const LIFETIME: u64 = 600;
