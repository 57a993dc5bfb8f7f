//! Userinfo: who the token speaks for, as JSON or signed ([OpenID Connect Core section 5.3]), and wrong in one thing if that is asked
//! for.
//!
//! [OpenID Connect Core section 5.3]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

use serde_json::json;

use crate::api::protected;
use crate::fault::Fault;
use crate::id_token::{sign, spoil};
use crate::message::Reply;
use crate::site::Turn;

pub(crate) fn userinfo(turn: &mut Turn<'_>) -> Reply {
    protected(turn, |turn, token| {
        let (access, grant) = turn.state.live_access_token(token)?;
        let scope = &access.scope;
        let mut claims = json!({ "sub": grant.user });
        if scope.iter().any(|scope| scope == "email") {
            claims["email"] = format!("{}@example.com", grant.user).into();
            claims["email_verified"] = true.into();
        }
        let client = turn.client(&grant.client)?;
        let flaw = match turn.fault {
            Some(Fault::UserInfo(flaw)) => Some(flaw),
            _ => None,
        };
        if client.userinfo_algorithm().is_some() {
            // Section 5.3.2: "If signed, the UserInfo Response SHOULD contain the Claims iss (issuer) and aud (audience)".
            let now = turn.state.clock.now().as_secs();
            claims["iss"] = turn.issuer.into();
            claims["aud"] = client.id().into();
            claims["iat"] = now.into();
        }
        if let Some(flaw) = flaw {
            spoil(&mut claims, flaw);
        }
        let Some(algorithm) = client.userinfo_algorithm() else {
            return Some(Reply::json(200, &claims));
        };
        let secret = client.expose_secret().unwrap_or_default();
        let signed = sign(turn, &claims, (algorithm, secret), flaw);
        Some(
            Reply::new(200)
                .header("content-type", "application/jwt")
                .content(signed),
        )
    })
}
