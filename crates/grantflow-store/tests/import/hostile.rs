//! Damaged and hostile files: an error with a type, or a value; never a panic, and never a secret in what is printed.

use std::error::Error;

use grantflow_store::import::{Export, ExportFormat, Import};

use crate::samples::{ALL, NOW};

/// Reads it, and prints what came of it in every way there is.
fn printed(content: &[u8]) -> String {
    let mut text = String::new();
    match Import::parse(content, NOW) {
        Ok(import) => {
            text.push_str(&format!("{import:?}"));
            for found in import.found() {
                match &found.taken {
                    Ok(record) => {
                        let format = ExportFormat::FileStorage;
                        let written = Export::new(format).to_json(std::slice::from_ref(record));
                        text.push_str(&format!("{record:?} {written:?}"));
                    }
                    Err(why) => text.push_str(&format!("{why} {why:?}")),
                }
            }
        }
        Err(error) => {
            let source = error.source().map(ToString::to_string);
            text.push_str(&format!("{error} {error:?} {source:?}"));
        }
    }
    text
}

#[test]
fn t72_a_file_cut_at_any_byte_is_an_error_or_a_value() {
    for sample in ALL {
        for end in 0..sample.len() {
            let text = printed(&sample[..end]);
            assert!(!text.is_empty());
        }
    }
}

#[test]
fn t70_a_flipped_bit_is_an_error_or_a_value() {
    for sample in ALL {
        let mut content = sample.to_vec();
        for at in 0..content.len() {
            // Each byte in turn, with one bit that walks and one that leaves ASCII or comes back to it.
            for flip in [1 << (at % 7), 0x80 | (at as u8).wrapping_mul(37)] {
                content[at] ^= flip;
                let text = printed(&content);
                assert!(!text.is_empty());
                content[at] ^= flip;
            }
        }
        assert_eq!(content, sample);
    }
}

#[test]
fn t72_any_value_in_the_place_of_any_other_is_an_error_or_a_value() {
    let others = [
        "null",
        "7",
        "-1e400",
        "\"\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[[[{}]]]",
        "true",
        "1e99",
        "\"😀\"",
    ];
    for sample in ALL {
        let whole: serde_json::Value = serde_json::from_slice(sample).unwrap();
        let paths = paths(&whole, String::new());
        assert!(paths.len() > 4);
        for path in paths {
            for other in others {
                // What JSON cannot hold is left to the raw text below.
                let Ok(other) = serde_json::from_str(other) else {
                    continue;
                };
                let mut damaged = whole.clone();
                *damaged.pointer_mut(&path).unwrap() = other;
                assert!(!printed(damaged.to_string().as_bytes()).is_empty());
            }
        }
    }
}

/// Pointers to all values.
fn paths(value: &serde_json::Value, here: String) -> Vec<String> {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let mut all: Vec<String> = match value {
        serde_json::Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| paths(value, format!("{here}/{}", escaped(name))))
            .collect(),
        serde_json::Value::Array(values) => values
            .iter()
            .enumerate()
            .flat_map(|(at, value)| paths(value, format!("{here}/{at}")))
            .collect(),
        _ => Vec::new(),
    };
    all.push(here);
    all
}

#[test]
fn t59_no_secret_of_a_file_is_printed() {
    for sample in ALL {
        let marked = String::from_utf8(sample.to_vec()).unwrap();
        for end in [marked.len(), marked.len() / 2, marked.len() - 2] {
            let end = (0..=end).rev().find(|end| marked.is_char_boundary(*end)).unwrap();
            let text = printed(&marked.as_bytes()[..end]);
            for secret in ["ya29", "1//rt", "cs-a", "\"cs\"", "e30.e30"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }
}

#[test]
fn t72_deep_and_wide_files_end() {
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    assert!(Import::parse(deep.as_bytes(), NOW).is_err());
    let wide = format!(
        "{{\"_module\":\"oauth2client.client\",\"_class\":\"x\"{}}}",
        ",\"a\":1".repeat(100_000)
    );
    assert!(Import::parse(wide.as_bytes(), NOW).is_ok());
}

#[test]
fn t70_a_damaged_file_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials");
    for sample in ALL {
        for end in (0..sample.len()).step_by(61) {
            std::fs::write(&path, &sample[..end]).unwrap();
            let read = Import::read(&path, NOW);
            assert!(read.is_err_and(|error| error.path() == Some(&path)), "{end}");
            assert_eq!(std::fs::read(&path).unwrap(), &sample[..end]);
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
