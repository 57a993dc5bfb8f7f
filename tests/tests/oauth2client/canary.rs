//! No secret of an old file shows in what import and export print, in any form.

use grantflow_store::import::{Export, ExportFormat, Found, Import};
use grantflow_suites::canary::{Canary, Surfaces};
use serde_json::{Value, json};

use super::NOW;

const SECRETS: [(&str, &str); 6] = [
    ("access_token", "canary-access-token+/="),
    ("refresh_token", "canary-refresh-token+/="),
    ("client_secret", "canary-client-secret+/="),
    ("id_token_jwt", "canary-e30.canary-e30.canary-sig"),
    ("_private_key_pkcs8_pem", "canary-private-key"),
    ("_private_key_password", "canary-password-1"),
];

fn credential() -> Value {
    let mut credential = super::arguments("x");
    for (name, secret) in SECRETS {
        credential[name] = json!(secret);
    }
    credential["token_response"] =
        json!({"access_token": SECRETS[0].1, "refresh_token": SECRETS[1].1, "other": SECRETS[5].1});
    credential["token_expiry"] = json!("2030-01-02T03:04:05Z");
    credential["_class"] = json!("OAuth2Credentials");
    credential["_module"] = json!("oauth2client.client");
    credential
}

fn see(seen: &mut Surfaces, place: &str, content: &str) {
    let import = match Import::parse(content.as_bytes(), NOW) {
        Ok(import) => import,
        Err(error) => return see_error(seen, place, &error),
    };
    see_value(seen, place, &import);
    for found in import.into_found() {
        see_found(seen, place, &found);
        let Ok(record) = found.taken else { continue };
        for format in [
            ExportFormat::FileStorage,
            ExportFormat::MultiprocessFileStorage,
            ExportFormat::AuthorizedUser,
        ] {
            match Export::new(format).to_json(std::slice::from_ref(&record)) {
                Ok(json) => see_value(seen, place, &json),
                Err(error) => see_error(seen, place, &error),
            }
        }
        let twice = [record.clone(), record];
        let error = Export::new(ExportFormat::MultiprocessFileStorage).to_json(&twice);
        see_error(seen, place, &error.expect_err("the same name twice"));
    }
}

fn see_value(seen: &mut Surfaces, place: &str, value: &dyn std::fmt::Debug) {
    seen.add(place, format!("{value:?} {value:#?}"));
}

fn see_error(seen: &mut Surfaces, place: &str, error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        seen.add(place, format!("{error} {error:?} {error:#?}"));
        cause = error.source();
    }
}

fn see_found(seen: &mut Surfaces, place: &str, found: &Found) {
    see_value(seen, place, found);
    seen.add(place, format!("{} {}", found.name, found.class));
    match &found.taken {
        Ok(record) => see_value(seen, place, record),
        Err(why) => see_error(seen, place, why),
    }
}

fn look() -> Surfaces {
    let mut seen = Surfaces::default();
    let whole = credential();
    see(&mut seen, "whole", &whole.to_string());
    for name in whole.as_object().expect("an object").keys() {
        // Each secret where something else belongs.
        for (_, secret) in SECRETS {
            let mut wrong = whole.clone();
            wrong[name] = json!(secret);
            see(&mut seen, name, &wrong.to_string());
            wrong[name] = json!({"member": [secret]});
            see(&mut seen, name, &wrong.to_string());
        }
    }
    let text = whole.to_string();
    for end in (0..text.len())
        .step_by(7)
        .filter(|end| text.is_char_boundary(*end))
    {
        see(&mut seen, "cut", &text[..end]);
    }
    seen
}

#[test]
fn t59_no_secret_of_an_old_file_shows() {
    let mut seen = look();
    let canaries = SECRETS.map(|(name, secret)| Canary::new(name, secret));
    let control = "canary-that-has-to-be-found";
    seen.add("control", control);
    assert!(!seen.hits(&[Canary::new("control", control)]).is_empty());
    // What a user chose as an id, an account or a name is shown; a secret in its place is theirs to tell.
    let shown = ["client_id", "scopes", "user_agent", "id_token", "token_uri"];
    let is_shown = |hit: &String| shown.iter().any(|name| hit.ends_with(&format!(" in {name}")));
    let mut hits = seen.hits(&canaries);
    hits.retain(|hit| !is_shown(hit));
    assert_eq!(hits, [] as [String; 0]);
}
