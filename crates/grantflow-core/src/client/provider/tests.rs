//! The file of presets, read with the types that the code reads it with.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::facts::{FILE, Facts};
use super::*;

/// Names are sorted and there once, members stand in the order of the type, and none is unknown: neither of a provider, nor of its
/// quirks, which would be gone when written again.
#[test]
fn the_file_is_what_its_types_write() {
    let facts: Vec<Facts> = serde_json::from_str(FILE).unwrap();
    let names: Vec<&str> = facts.iter().map(|facts| &*facts.name).collect();
    assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    let written = serde_json::to_string_pretty(&facts).unwrap() + "\n";
    for (at, (is, wanted)) in FILE.lines().zip(written.lines()).enumerate() {
        assert_eq!(is, wanted, "line {} of providers.json", at + 1);
    }
    assert_eq!(FILE.len(), written.len());
}

#[test]
fn every_address_is_one_and_every_placeholder_in_one_is_explained() {
    for facts in facts::all() {
        let mut provider = Provider::of(facts);
        for (name, wanted) in &facts.placeholders {
            assert!(!wanted.about.is_empty(), "{}", facts.name);
            let text = FILE
                .split(&format!("\"name\": \"{}\"", facts.name))
                .nth(1)
                .unwrap();
            let text = text.split("\"name\": ").next().unwrap();
            assert!(text.contains(&format!("{{{name}}}")), "{} {name}", facts.name);
            if let Some(default) = &wanted.default {
                provider = provider.with(name, default).unwrap();
                continue;
            }
            let value = match name.as_str() {
                "domain" | "host" => "server.example.com",
                _ => "some-value",
            };
            provider = provider.with(name, value).unwrap();
        }
        let said = |error: Error| format!("{}: {error}", facts.name);
        let client = provider.client("cid").map_err(said).unwrap();
        assert!(client.authorization_endpoint().is_ok(), "{}", facts.name);
        let others = [&facts.device_authorization_endpoint, &facts.userinfo_endpoint];
        for template in others.into_iter().flatten() {
            provider.endpoint(template).map_err(said).unwrap();
        }
        if let Some(docs) = &facts.docs {
            Endpoint::new(docs.as_str()).map_err(said).unwrap();
        }
        // Sentences, for a table and a page.
        for text in [&facts.refresh_token, &facts.loopback_redirect, &facts.note] {
            assert!(text.iter().all(|text| text.ends_with('.')), "{}", facts.name);
        }
    }
}
