//! One process that wants a token from what is stored: `asks CRATE FILE ISSUER`.
//!
//! It says `asking`, and then `token`, `login` if the user would be asked, or `error` and why.

use std::path::Path;

use grantflow_comparison::yup::User;
use grantflow_comparison::{gca, oauth2_rs, ours, runtime, tame, yup};
use serde_json::Value;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, file, issuer] = &args[..] else {
        panic!("asks CRATE FILE ISSUER");
    };
    println!("asking");
    match ask(name, Path::new(file), issuer) {
        Ok(()) => println!("token"),
        Err(said) => println!("{said}"),
    }
}

fn ask(name: &str, file: &Path, issuer: &str) -> Result<(), String> {
    let error = |error: String| format!("error {error}");
    let user = || -> Value {
        let json = std::fs::read(file).expect("an authorized user");
        serde_json::from_slice(&json).expect("JSON")
    };
    match name {
        "grantflow" => ours::open(file)
            .access_token()
            .map(drop)
            .map_err(|e| error(e.to_string())),
        "oauth2" => runtime().block_on(async {
            let refresh_token = user()["refresh_token"]
                .as_str()
                .expect("a refresh token")
                .to_owned();
            oauth2_rs::refresh(issuer, &refresh_token)
                .await
                .map(drop)
                .map_err(error)
        }),
        "yup-oauth2" => runtime().block_on(async {
            let asked = User::default();
            let opened = yup::try_open(issuer, file, asked.clone()).await;
            let authenticator = opened.map_err(|e| error(e.to_string()))?;
            let token = yup::token(&authenticator).await;
            let login = |e| {
                if asked.asked().is_empty() {
                    error(e)
                } else {
                    "login".to_owned()
                }
            };
            token.map(drop).map_err(login)
        }),
        "tame-oauth" => {
            let token_uri = format!("{issuer}/token");
            tame::token(&tame::open_json(&user()), &token_uri)
                .map(drop)
                .map_err(error)
        }
        "google-cloud-auth" => runtime().block_on(async {
            let credentials = gca::open_json(user(), &format!("{issuer}/token"));
            gca::token(&credentials).await.map(drop).map_err(error)
        }),
        _ => Err(error("no such crate".to_owned())),
    }
}
