//! `grantflow providers`: the presets that `grantflow login --provider` takes.

use grantflow::{Placeholder, Provider};
use serde_json::{Value, json};

use crate::args::Args;
use crate::exit::Failure;
use crate::list::table;
use crate::output::result;

/// Shown at the end of `--help`.
pub(crate) const EXAMPLES: &str = "Examples:
  grantflow providers
  grantflow providers --format json
  grantflow login --provider github --client-id ID --client-secret-file secret.txt --scope read:user
  grantflow login --provider microsoft --provider-option tenant=contoso.example --client-id ID \\
      --scope offline_access User.Read --redirect-uri http://localhost";

/// Lists the presets. Nothing of yours is read.
pub(crate) fn providers(args: &Args) -> Result<(), Failure> {
    let all = || Provider::all();
    let text = table(&HEADINGS, all().map(|provider| row(&provider)).collect());
    let described: Vec<Value> = all().map(|provider| describe(&provider)).collect();
    result(args.format, &text, &Value::Array(described))
}

const HEADINGS: [&str; 4] = ["NAME", "PROVIDER", "OPTIONS", "REFRESH TOKEN"];

fn row(provider: &Provider) -> [String; 4] {
    let option = |placeholder: Placeholder| match placeholder.default_value() {
        None => format!("{}=", placeholder.name()),
        Some(default) => format!("[{}={default}]", placeholder.name()),
    };
    let options: Vec<String> = provider.placeholders().map(option).collect();
    // The first sentence; JSON has all of it.
    let refresh_token = provider.refresh_token().unwrap_or_default();
    let refresh_token = refresh_token
        .split_once(". ")
        .map_or(refresh_token, |(first, _)| first);
    [
        provider.name().to_owned(),
        provider.title().to_owned(),
        options.join(" "),
        refresh_token.trim_end_matches('.').to_owned(),
    ]
}

/// The members are a promise of `docs/cli.md`.
fn describe(provider: &Provider) -> Value {
    let option = |placeholder: Placeholder| {
        json!({
            "name": placeholder.name(),
            "about": placeholder.about(),
            "default": placeholder.default_value(),
        })
    };
    json!({
        "name": provider.name(),
        "title": provider.title(),
        "docs": provider.docs(),
        "options": provider.placeholders().map(option).collect::<Vec<_>>(),
        "refresh_token": provider.refresh_token(),
        "refresh_token_scope": provider.refresh_token_scope(),
        "loopback_redirect": provider.loopback_redirect(),
        "note": provider.note(),
    })
}
