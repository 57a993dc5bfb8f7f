//! Proofs of possession, checked ([RFC 9449 section 4.3]).
//!
//! [RFC 9449 section 4.3]: https://www.rfc-editor.org/rfc/rfc9449#section-4.3

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fault::Endpoint;
use crate::jws::{Jws, PublicKey};
use crate::message::Reply;
use crate::site::Turn;
use crate::state::random;

/// Why a proof is not taken.
pub(crate) enum Unproven {
    /// It has no nonce, or an old one.
    Nonce,
    Proof(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

/// The thumbprint of the key that the request is proven with; `None` for one without a proof.
pub(crate) fn verify(turn: &mut Turn<'_>, token: Option<&str>) -> Result<Option<String>, Unproven> {
    let wrong = |problem| Err(Unproven::Proof(problem));
    if turn.request.headers.get("dpop").is_none() {
        return Ok(None);
    }
    let unreadable = Unproven::Proof("the proof is not one signed token");
    let text = turn.request.header("dpop").ok_or(unreadable)?;
    let proof = Jws::parse(text).ok_or(Unproven::Proof("the proof is not one signed token"))?;
    let jwk = proof.header.jwk.clone().unwrap_or_default();
    let key = PublicKey::from_jwk(&jwk).ok_or(Unproven::Proof("the proof has no key"))?;
    if proof.header.typ.as_deref() != Some("dpop+jwt") || jwk.get("d").is_some() {
        return wrong("the header is not that of a proof");
    }
    if !["ES256", "EdDSA"].contains(&proof.header.alg.as_str()) || !proof.is_signed_with(&key) {
        return wrong("the proof is not signed with its key");
    }
    let claims: Claims = serde_json::from_slice(&proof.payload)
        .map_err(|_| Unproven::Proof("the proof lacks jti, htm, htu or iat"))?;
    if claims.htm != turn.request.method || claims.htu != format!("{}{}", turn.issuer, turn.request.path) {
        return wrong("the proof is for another request");
    }
    let now = turn.state.clock.now().as_secs();
    if now.abs_diff(u64::try_from(claims.iat).unwrap_or_default()) > 60 {
        return wrong("the proof is from another time");
    }
    let hash = token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    if claims.ath != hash {
        return wrong("the proof is for another access token");
    }
    let nonce = claims.nonce.map(|nonce| (token.is_some(), nonce));
    if turn.config.dpop_nonces && !nonce.is_some_and(|nonce| turn.state.nonces.contains(&nonce)) {
        return Err(Unproven::Nonce);
    }
    // 96 bits at least, section 4.2.
    if claims.jti.len() < 16 || !turn.state.seen_proofs.insert(claims.jti) {
        return wrong("the proof was used before");
    }
    turn.state.stats.proofs += 1;
    Ok(Some(thumbprint(&jwk)))
}

/// A nonce from here on; those of before are no longer taken.
pub(crate) fn new_nonce(turn: &mut Turn<'_>, is_api: bool) -> String {
    let nonce = random("nonce-");
    turn.state.nonces.retain(|(of_api, _)| *of_api != is_api);
    turn.state.nonces.insert((is_api, nonce.clone()));
    nonce
}

/// The reply of an endpoint of the authorization server to a proof without a nonce.
pub(crate) fn ask_for_nonce(turn: &mut Turn<'_>) -> Reply {
    turn.state.stats.nonces_asked_for += 1;
    let nonce = new_nonce(turn, false);
    turn.note.error = Some(USE_NONCE.to_owned());
    asks_for(None, &nonce, "DPoP")
}

/// RFC 9449 section 8 and section 9.
pub(crate) fn asks_for(endpoint: Option<Endpoint>, nonce: &str, scheme: &str) -> Reply {
    let reply = if endpoint == Some(Endpoint::Api) {
        let challenge = format!("{scheme} error=\"{USE_NONCE}\", error_description=\"a nonce is needed\"");
        Reply::json(401, &json!({})).header("www-authenticate", challenge)
    } else {
        Reply::oauth_error(400, USE_NONCE, "a nonce is needed")
    };
    reply.header("dpop-nonce", nonce)
}

/// RFC 7638 section 3.
fn thumbprint(jwk: &Value) -> String {
    let member = |name: &str| jwk[name].as_str().unwrap_or_default();
    let (crv, kty, x, y) = (member("crv"), member("kty"), member("x"), member("y"));
    let text = if kty == "EC" {
        format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#)
    } else {
        format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"}}"#)
    };
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

pub(crate) const USE_NONCE: &str = "use_dpop_nonce";
