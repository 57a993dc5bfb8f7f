//! The same by hand, without locks, checks or care: `footprint-bare FILE URL`.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, url) = args.next().zip(args.next()).ok_or("FILE URL")?;
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let agent = ureq::Agent::new_with_defaults();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    if stored["expires_at"].as_u64().is_none_or(|end| end <= now) {
        let text = |name: &str| stored[name].as_str().unwrap_or_default();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text("refresh_token")),
            ("client_id", text("client_id")),
        ];
        let mut reply = agent.post(text("token_uri")).send_form(form)?;
        let reply: Value = serde_json::from_str(&reply.body_mut().read_to_string()?)?;
        let lives = reply["expires_in"].as_u64().unwrap_or(0);
        stored["access_token"] = reply["access_token"].clone();
        stored["expires_at"] = (now + lives).into();
        if reply["refresh_token"].is_string() {
            stored["refresh_token"] = reply["refresh_token"].clone();
        }
        std::fs::write(&file, serde_json::to_vec(&stored)?)?;
    }
    let token = stored["access_token"].as_str().ok_or("no token")?;
    let reply = agent
        .get(url)
        .header("authorization", format!("Bearer {token}"))
        .call()?;
    println!("{}", reply.status());
    Ok(())
}
