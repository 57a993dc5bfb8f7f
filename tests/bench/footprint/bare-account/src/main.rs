//! The same by hand, without checks or care: `footprint-bare-account FILE SCOPE`.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (file, scope) = args.next().zip(args.next()).ok_or("FILE SCOPE")?;
    let file: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let text = |name: &str| file[name].as_str().unwrap_or_default();
    let pem = text("private_key").lines().filter(|line| !line.starts_with('-'));
    let der = BASE64_STANDARD.decode(pem.collect::<String>())?;
    let pair = RsaKeyPair::from_pkcs8(&der).map_err(|error| error.to_string())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": text("private_key_id") });
    let claims = json!({
        "iss": text("client_email"),
        "aud": text("token_uri"),
        "scope": scope,
        "iat": now,
        "exp": now + 3600,
    });
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let (header, claims) = (header.to_string(), claims.to_string());
    let input = format!("{}.{}", part(header.as_bytes()), part(claims.as_bytes()));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        input.as_bytes(),
        &mut signature,
    )
    .map_err(|_| "not signed")?;
    let assertion = format!("{input}.{}", part(&signature));
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", &assertion),
    ];
    let agent = ureq::Agent::new_with_defaults();
    let mut reply = agent.post(text("token_uri")).send_form(form)?;
    let reply: Value = serde_json::from_str(&reply.body_mut().read_to_string()?)?;
    let token = reply["access_token"].as_str().ok_or("no token")?;
    println!("{} bytes", format!("Bearer {token}").len());
    Ok(())
}
