//! Tokens that are bound to a key (RFC 9449), as the modelled server looks at their proofs: whose key it was, and which nonce.
//!
//! The signatures are those of `grantflow-oidc`, made by real keys; its own suite proves them. What is modelled is a server that binds a
//! grant to a key for its whole life, and that changes its nonce whenever it likes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantflow_core::{Client, Request};
use grantflow_jwt::{Algorithm, VerifyingKey};
use grantflow_oidc::Dpop;
use serde_json::Value;

use crate::network::Aim;
use crate::scenario::Fault;
use crate::server::{Family, Grant};
use crate::world::State;

/// What a proof says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proof {
    thumbprint: String,
    nonce: Option<String>,
}

impl Proof {
    /// That of a request.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let proof = request.headers().get("dpop")?.to_str().ok()?;
        let mut parts = proof.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let header: Value = serde_json::from_slice(&parts.next()??).ok()?;
        let claims: Value = serde_json::from_slice(&parts.next()??).ok()?;
        let key = VerifyingKey::from_jwk(&header["jwk"].to_string()).ok()?;
        Some(Self {
            thumbprint: key.thumbprint()?,
            nonce: claims["nonce"].as_str().map(str::to_owned),
        })
    }

    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

/// The client with a key of its own, for a login, and what the server will know of the key.
pub(crate) fn with_new_key(client: Client) -> (Client, String) {
    let dpop = Dpop::generate(Algorithm::EdDsa).expect("the system gives randomness");
    let thumbprint = dpop.thumbprint().expect("it has a key").to_owned();
    (client.with_token_constraint(Arc::new(dpop)), thumbprint)
}

/// The client of a program that has no key: the record has it.
pub(crate) fn without_key(client: Client) -> Client {
    client.with_token_constraint(Arc::new(Dpop::of_records()))
}

impl State {
    /// The nonce that the server wants now, where it wants any.
    pub(crate) fn nonce(&self) -> Option<String> {
        self.scenario.nonces.then(|| format!("n{}", self.server.nonce))
    }

    /// Whether a request is done nothing about because of its proof, which has to be by the key of its grant.
    pub(crate) fn lacks_a_proof(&mut self, aim: Aim, with: Grant, proof: Option<&Proof>) -> bool {
        let of_source = self.server.family(with).is_some_and(|family| family.is_of_source);
        let bound = matches!(aim, Aim::Refresh | Aim::Api | Aim::Poll | Aim::Code);
        if !self.scenario.bound || !bound || aim == Aim::Api && of_source {
            return false;
        }
        if self.has(Fault::NonceChanges) && self.dice.chance(300) {
            self.server.nonce += 1;
        }
        let Some(proof) = proof else {
            self.violated(
                "I2",
                format!("{aim:?} with {with}, which is bound to a key, without a proof"),
            );
            return true;
        };
        if !self.is_proven(aim, with, proof) {
            let what = format!("{aim:?} with {with} is proven by another key than that of its grant");
            self.violated("I2", what);
        }
        proof.nonce != self.nonce()
    }

    /// Whether it is by the key of its grant. A handle whose user has logged in anew proves a request that was under way by the new
    /// key: the API refuses it as any token that has ended, and the next try has the new token.
    fn is_proven(&self, aim: Aim, with: Grant, proof: &Proof) -> bool {
        let is_own = |family: &Family| family.key.as_deref() == Some(proof.thumbprint());
        let Some(family) = self
            .server
            .family(with)
            .filter(|_| !matches!(aim, Aim::Poll | Aim::Code))
        else {
            return true;
        };
        let mut of_slot = self
            .server
            .families
            .iter()
            .filter(|other| other.slot == family.slot);
        is_own(family) || aim == Aim::Api && of_slot.any(is_own)
    }

    /// Whether the API takes the proof for that of this token.
    pub(crate) fn api_takes(&self, with: Grant, proof: Option<&Proof>) -> bool {
        let key = self.server.family(with).and_then(|family| family.key.as_deref());
        key == proof.map(Proof::thumbprint)
    }
}
