//! The same with oauth2 on ureq 2; it stores nothing: `footprint-oauth2-ureq FILE URL`.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use oauth2::basic::BasicClient;
use oauth2::{ClientId, RefreshToken, TokenResponse as _, TokenUrl};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, url) = args.next().zip(args.next()).ok_or("FILE URL")?;
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let agent = ureq::AgentBuilder::new().redirects(0).build();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    if stored["expires_at"].as_u64().is_none_or(|end| end <= now) {
        let text = |name: &str| stored[name].as_str().unwrap_or_default().to_owned();
        let client = BasicClient::new(ClientId::new(text("client_id")))
            .set_token_uri(TokenUrl::new(text("token_uri"))?);
        let reply = client
            .exchange_refresh_token(&RefreshToken::new(text("refresh_token")))
            .request(&agent)?;
        let lives = reply.expires_in().unwrap_or_default().as_secs();
        stored["access_token"] = reply.access_token().secret().as_str().into();
        stored["expires_at"] = (now + lives).into();
        if let Some(token) = reply.refresh_token() {
            stored["refresh_token"] = token.secret().as_str().into();
        }
        std::fs::write(&file, serde_json::to_vec(&stored)?)?;
    }
    let token = stored["access_token"].as_str().ok_or("no token")?;
    let reply = agent
        .get(&url)
        .set("authorization", &format!("Bearer {token}"))
        .call()?;
    println!("{}", reply.status());
    Ok(())
}
