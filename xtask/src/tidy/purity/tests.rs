//! What a pure crate may not write, and what it may.

use super::*;
use crate::tree::tests::tree;

fn found(text: &str) -> Vec<String> {
    let tree = tree(&[("crates/grantflow-core/src/a.rs", text)]);
    purity(&tree)
        .into_iter()
        .map(|p| format!("{}: {}", p.line, p.what))
        .collect()
}

#[test]
fn each_way_to_touch_the_world_is_found() {
    for text in [
        "use std::time::SystemTime; fn f() { SystemTime::now(); }",
        "use std::time::SystemTime; type T = SystemTime; fn f() { T::now(); }",
        "fn f() { <std::time::SystemTime>::now(); }",
        "use std::time::UNIX_EPOCH; fn f() { UNIX_EPOCH.elapsed(); }",
        "use std::{fmt, time::{Duration, Instant}};",
        "fn f() { std::time::Instant::now(); }",
        "use std::time; fn f() { time::Instant::now(); }",
        "use std::time as t; fn f() { t::SystemTime::now(); }",
        "use std::time::*;",
        "use std::*;",
        "use std::fs;",
        "fn f() { std::env::var(\"HOME\"); }",
        "use std::net::TcpStream;",
        "use std::net; fn f() { net::TcpStream::connect(a); }",
        "use std::thread::spawn;",
        "fn f() { std::process::exit(1) }",
        "use std::io; fn f() { io::stdin(); }",
        "use getrandom::fill;",
        "fn f() { rand::random() }",
        "use ring::rand::SystemRandom;",
        "use ring::{digest, rand};",
        "use tokio::net::TcpStream;",
        "fn f() { println!(\"x\") }",
        "fn f() { std::eprintln!(\"x\") }",
        "fn f() { dbg!(x) }",
        "use std::path::Path; fn f(p: &Path) { p.exists(); }",
    ] {
        assert!(!found(text).is_empty(), "{text}");
    }
}

#[test]
fn what_reads_nothing_is_allowed() {
    for text in [
        "use std::time::Duration;",
        "use std::time::SystemTime; fn f(d: SystemTime) { d.duration_since(SystemTime::UNIX_EPOCH); cx.now(); }",
        "use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};",
        "use std::net; fn f(a: net::IpAddr) {}",
        "use std::io; fn f() -> io::Error { io::Error::other(x) }",
        "//! Never `std::fs`.\nfn f() { g(\"std::env::var println!\"); } // std::thread",
        "#[cfg(test)]\nmod tests { use std::thread; fn f() { println!(\"x\") } }",
        "fn f(operand: operand::rand_like) { my::fs::x() }",
        "use std::path::Path; fn f(p: &Path) { p.join(a); }",
        "fn f(x: Thing) { x.exists() }",
        "macro_rules! p { () => { println } }",
    ] {
        assert_eq!(found(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_problem_names_its_line() {
    let found = found("//! A.\n\nfn f() {\n    std::fs::read(x);\n}\n");
    assert!(
        found.len() == 1 && found[0].starts_with("4: `std::fs::read`"),
        "{found:?}"
    );
}

#[test]
fn other_crates_and_test_files_are_free() {
    let tree = tree(&[
        ("crates/grantflow-store/src/a.rs", "use std::fs;"),
        ("crates/grantflow-core/src/a/tests.rs", "use std::fs;"),
        ("crates/grantflow-core/tests/a.rs", "use std::fs;"),
    ]);
    assert_eq!(purity(&tree), []);
}

#[test]
fn the_generator_of_ring_is_taken_in_its_own_file_alone() {
    let in_file = |path, text| purity(&tree(&[(path, text)])).len();
    let (own, other) = (
        "crates/grantflow-jwt/src/random.rs",
        "crates/grantflow-jwt/src/random/a.rs",
    );
    assert_eq!(in_file(own, "use ring::rand::SystemRandom;"), 0);
    assert_eq!(in_file(own, "use std::fs;"), 1);
    assert_eq!(in_file(other, "use ring::rand::SystemRandom;"), 1);
}

const NATIVE: (&str, &str) = ("crates/grantflow-core/src/native.rs", "use std::thread;");
const LIB: &str = "crates/grantflow-core/src/lib.rs";
const MANIFEST: &str = "crates/grantflow-core/Cargo.toml";

#[test]
fn native_is_free_behind_its_feature() {
    let lib = "#[cfg(feature = \"native\")]\n#[cfg_attr(docsrs, doc(cfg(feature = \"native\")))]\npub mod native;\n";
    let manifest = "[features]\ndefault = []\nnative = [\"getrandom\"]\n";
    assert_eq!(purity(&tree(&[NATIVE, (LIB, lib), (MANIFEST, manifest)])), []);
}

#[test]
fn native_without_its_gate_is_found() {
    for lib in [
        "pub mod native;\n",
        "#[cfg(feature = \"native\")]\nmod other;\npub mod native;\n",
        "// #[cfg(feature = \"native\")]\nmod native;\n",
        "#[cfg(feature = \"url\")]\nmod native;\n",
        "#[cfg(not(feature = \"native\"))]\nmod native;\n",
    ] {
        let found = purity(&tree(&[NATIVE, (LIB, lib), (MANIFEST, "")]));
        assert!(
            found.len() == 1 && found[0].what.contains("cfg(feature"),
            "{lib}: {found:?}"
        );
    }
}

#[test]
fn native_among_the_default_features_is_found() {
    let lib = "#[cfg(feature = \"native\")]\npub mod native;\n";
    for manifest in [
        "[features]\ndefault = [\"native\"]\n",
        "[features]\nx = []\ndefault = [\n    \"url\",\n    \"native\",\n]\n",
        "[features]\ndefault = [\"suite\"]\n# as public tests\nsuite = [\"native\"]\nnative = []\n",
    ] {
        let found = purity(&tree(&[NATIVE, (LIB, lib), (MANIFEST, manifest)]));
        assert!(
            found.len() == 1 && found[0].what.contains("default feature"),
            "{found:?}"
        );
    }
}

#[test]
fn conformance_is_free_behind_its_feature_only() {
    let suite = (
        "crates/grantflow-core/src/conformance/store.rs",
        "use std::thread;",
    );
    let gated = "#[cfg(feature = \"conformance\")]\npub mod conformance;\n";
    assert_eq!(purity(&tree(&[suite, (LIB, gated), (MANIFEST, "")])), []);
    let found = purity(&tree(&[suite, (LIB, "pub mod conformance;\n"), (MANIFEST, "")]));
    assert!(
        found.len() == 1 && found[0].what.contains("conformance"),
        "{found:?}"
    );
}
