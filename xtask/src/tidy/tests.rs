//! The whole tree is tidy, and a fault planted on a disk is found.

use super::*;
use crate::tree::tests::tree;

#[test]
fn this_workspace_is_tidy() {
    let workspace = Workspace::load().expect("cargo describes its own workspace");
    let report = check(&workspace).expect("the tree can be read");
    let problems: Vec<String> = report.problems.iter().map(Problem::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn a_fault_in_a_tree_on_disk_is_found() {
    let root = std::env::temp_dir().join(format!("grantflow-tidy-{}", std::process::id()));
    let src = root.join("crates/grantflow-core/src");
    std::fs::create_dir_all(&src).expect("the temporary directory is ours");
    std::fs::write(
        src.join("lib.rs"),
        "//! Core.\nfn f() { std::fs::read(\"x\"); }\n",
    )
    .expect("the temporary directory is ours");
    let tree = Tree::walk(&root).expect("it was just written");
    std::fs::remove_dir_all(&root).expect("the temporary directory is ours");
    let problems: Vec<Problem> = TEXT_CHECKS.iter().flat_map(|(_, check)| check(&tree)).collect();
    assert!(
        problems.iter().any(|p| p.line == 2
            && p.file == "crates/grantflow-core/src/lib.rs"
            && p.what.contains("std::fs")),
        "{problems:?}"
    );
}

#[test]
fn every_check_passes_an_empty_tree() {
    for (name, check) in TEXT_CHECKS {
        assert_eq!(check(&tree(&[])), [], "{name}");
    }
}

#[test]
fn test_files_are_known_by_place_name_or_declaration() {
    let tree = tree(&[
        ("crates/a/src/lib.rs", "#[cfg(test)]\nmod fixtures;\nmod real;\n"),
        ("crates/a/src/flow.rs", "#[cfg(test)]\nmod script;\n"),
    ]);
    for test in [
        "tests/src/lib.rs",
        "crates/a/tests/x.rs",
        "crates/a/src/flow/tests.rs",
        "crates/a/src/fixtures.rs",
        "crates/a/src/flow/script.rs",
    ] {
        assert!(is_test_file(&tree, test), "{test}");
    }
    for shipped in [
        "crates/a/src/real.rs",
        "crates/a/src/flow.rs",
        "crates/a/src/flow/real.rs",
    ] {
        assert!(!is_test_file(&tree, shipped), "{shipped}");
    }
}
