//! Several credentials in one store: which is meant, and what a login does to the others.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Desk, Done, done};

const STORE: [&str; 2] = ["--store", "multistore:many"];

/// The command on the store for many.
fn run(desk: &Desk, words: &[&str]) -> Done {
    desk.run(&[words, &STORE].concat())
}

fn login(desk: &Desk, words: &[&str]) -> Value {
    let words = desk.login_words(&[words, &STORE, &["--format", "json"]].concat());
    desk.run(&words).ok().json()
}

/// The files of records, by the account in them.
fn file_of(desk: &Desk, account: &str) -> std::path::PathBuf {
    let names = desk.names("many");
    let files = names.iter().filter(|name| name.ends_with(".json"));
    let mut files = files.map(|name| desk.path("many").join(name));
    let named = format!("\"account\":\"{account}\"");
    let found = files.find(|file| std::fs::read_to_string(file).unwrap().contains(&named));
    found.unwrap()
}

#[test]
fn the_only_credentials_need_no_choice_and_several_are_listed_as_what_chooses_each() {
    let desk = Desk::new();
    login(&desk, &["--scope", "profile", "--origin", desk.issuer()]);
    for command in ["token", "header", "info"] {
        run(&desk, &[command]).ok();
    }
    login(&desk, &["--account", "ann's", "--scope", "profile"]);
    login(
        &desk,
        &["--account", "ann's", "--scope", "profile", "--label", "work"],
    );
    let url = desk.server.url("/api/me");
    for words in [
        &["token"][..],
        &["header"],
        &["info"],
        &["revoke"],
        &["curl", &url],
        &["export", "--as", "oauth2client", "out.json"],
    ] {
        let failed = run(&desk, words).fails(2);
        assert!(
            failed.stderr.contains("multistore:many has 3 "),
            "{words:?}: {failed:?}"
        );
        assert_eq!(failed.stdout, "", "{words:?}");
    }
    assert_eq!(desk.server.stats().revocations, 0);

    let failed = run(&desk, &["info"]).fails(2);
    let shown: Vec<&str> = failed
        .stderr
        .lines()
        .filter(|line| line.starts_with("  --account"))
        .collect();
    assert_eq!(shown.len(), 3, "{failed:?}");
    let error = run(&desk, &["info", "--format", "json"]).fails(2).error();
    let candidates = error["candidates"].as_array().unwrap();
    assert_eq!(
        candidates[2],
        json!({"account": "ann's", "client_id": "native-app", "issuer": desk.issuer(), "label": "work", "scopes": ["profile"]})
    );
    // Pasted into a shell, each line chooses its own.
    for (options, candidate) in shown.iter().zip(candidates) {
        let script = format!("exec \"$0\" \"$@\" {options}");
        let words = [
            "-c",
            &script,
            crate::support::GRANTFLOW,
            "info",
            "--format",
            "json",
            STORE[0],
            STORE[1],
        ];
        let mut shell: Command = desk.program("sh", &words);
        let info = done(&mut shell).ok().json();
        assert_eq!(
            (&info["account"], &info["label"]),
            (&candidate["account"], &candidate["label"]),
            "{options}"
        );
    }
}

#[test]
fn every_command_takes_the_options_that_choose() {
    let desk = Desk::new();
    login(
        &desk,
        &[
            "--account",
            "ann",
            "--scope",
            "profile",
            "--origin",
            desk.issuer(),
        ],
    );
    login(&desk, &["--account", "bob", "--scope", "email"]);
    let bob = std::fs::read(file_of(&desk, "bob")).unwrap();
    let url = desk.server.url("/api/me");
    let with = |words: &[&str], choice: &[&str]| run(&desk, &[words, choice].concat());
    let token = |choice: &[&str]| with(&["token"], choice).ok().stdout;
    let anns = token(&["--account", "ann"]);
    for choice in [
        &["--scope", "profile"][..],
        &["--account=ann", "--client-id", "native-app"],
    ] {
        assert_eq!(token(choice), anns);
    }
    assert_ne!(token(&["--account", "bob", "--issuer", desk.issuer()]), anns);
    let ann = ["--account", "ann"];
    assert!(with(&["header"], &ann).ok().stdout.contains(anns.trim()));
    with(&["export", "--as", "oauth2client", "out.json"], &ann).ok();
    if crate::support::find_program("curl").is_some() && cfg!(unix) {
        let words = [&["curl"][..], &ann, &STORE, &[&url, "--", "-sS"]].concat();
        assert!(desk.run(&words).ok().stdout.contains("native-app"));
        // The token of bob is for no address.
        let words = [&["curl", "--account", "bob"][..], &STORE, &[&url]].concat();
        desk.run(&words).fails(2);
    } else {
        crate::support::skip("curl is not installed");
    }
    with(&["revoke"], &ann).ok();
    // One is left, and needs no choice; it is as it was.
    run(&desk, &["token"]).ok();
    assert_eq!(std::fs::read(file_of(&desk, "bob")).unwrap(), bob);
}

#[test]
fn where_nothing_fits_a_login_is_needed_and_what_there_is_is_listed() {
    let desk = Desk::new();
    let failed = run(&desk, &["token", "--account", "ann"]).fails(3);
    assert!(failed.stderr.contains("grantflow login"), "{failed:?}");
    login(&desk, &["--account", "ann"]);
    let failed = run(&desk, &["token", "--account", "bob"]).fails(3);
    assert!(failed.stderr.contains("--account ann"), "{failed:?}");
    let failed = run(&desk, &["token", "--account", "bob", "--format", "json"]).fails(3);
    assert_eq!(failed.error()["candidates"][0]["account"], "ann");
}

#[test]
fn a_login_for_more_scopes_takes_the_place_of_its_own_record_and_of_no_other() {
    let desk = Desk::new();
    login(&desk, &["--account", "ann", "--scope", "profile"]);
    login(&desk, &["--account", "bob", "--scope", "profile"]);
    login(
        &desk,
        &["--account", "ann", "--label", "work", "--scope", "profile"],
    );
    let bob = std::fs::read(file_of(&desk, "bob")).unwrap();
    let wider = login(&desk, &["--account", "ann", "--scope", "email"]);
    assert_eq!(wider["scopes"], json!(["profile", "email"]));
    let list = run(&desk, &["list", "--format", "json"]).ok().json();
    let accounts: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                &one["account"],
                &one["label"],
                one["scopes"].as_array().unwrap().len(),
            )
        })
        .collect();
    let (ann, bobs, work, none) = (json!("ann"), json!("bob"), json!("work"), json!(""));
    assert_eq!(accounts, [(&ann, &none, 2), (&ann, &work, 1), (&bobs, &none, 1)]);
    assert_eq!(std::fs::read(file_of(&desk, "bob")).unwrap(), bob);
    // What serves is kept.
    let consents = desk.server.stats().consents;
    login(&desk, &["--account", "ann", "--scope", "email"]);
    assert_eq!(desk.server.stats().consents, consents);
}

#[test]
fn t70_a_record_that_cannot_be_read_hides_no_other_and_is_listed_with_its_problem() {
    let desk = Desk::new();
    login(&desk, &["--account", "ann", "--origin", "https://a.example"]);
    login(&desk, &["--account", "bob"]);
    let file = file_of(&desk, "bob");
    std::fs::write(&file, "{\"grantflow_file\":2,\"cut").unwrap();
    let listed = run(&desk, &["list"]).fails(6);
    assert!(listed.stdout.contains("\nann "), "{listed:?}");
    assert!(listed.stdout.contains("not readable: "), "{listed:?}");
    assert!(
        listed.stderr.contains("1 of 2 stored credentials cannot be read"),
        "{listed:?}"
    );
    let listed = run(&desk, &["list", "--format", "json"]).fails(6);
    let list = listed.json();
    assert_eq!(
        (&list[0]["account"], list.as_array().unwrap().len()),
        (&json!("ann"), 2)
    );
    let problem = list[1]["problem"].as_str().unwrap();
    assert!(
        problem.contains(file.file_name().unwrap().to_str().unwrap()),
        "{problem}"
    );
    assert_eq!(listed.error()["exit_code"], 6);

    // It may be the one that is meant.
    let failed = run(&desk, &["token"]).fails(6);
    assert!(failed.stderr.contains("--account ann"), "{failed:?}");
    run(&desk, &["token", "--account", "bob"]).fails(6);
    run(&desk, &["token", "--account", "ann"]).ok();
    let origins = login(&desk, &["--account", "ann", "--origin", "https://b.example"])["origins"].clone();
    assert_eq!(origins, json!(["https://a.example", "https://b.example"]));
    assert_eq!(std::fs::read(&file).unwrap(), b"{\"grantflow_file\":2,\"cut");
    login(&desk, &["--account", "bob"]);
    assert_eq!(
        run(&desk, &["list", "--format", "json"])
            .ok()
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(desk.names("many").iter().any(|name| name.contains(".corrupt-")));
}

#[test]
fn t26_a_list_has_a_line_for_each_record_whatever_is_stored() {
    let desk = Desk::new();
    login(
        &desk,
        &["--account", "ann\n\u{1b}[2Jbob\u{202e}", "--label", "a\tb"],
    );
    let list = run(&desk, &["list"]).ok();
    assert_eq!(list.stdout.lines().count(), 2, "{list:?}");
    assert!(!list.stdout.contains(['\u{1b}', '\u{202e}', '\t']), "{list:?}");
    login(&desk, &[]);
    let failed = run(&desk, &["token"]).fails(2);
    assert!(
        !failed.stderr.contains(['\u{1b}', '\u{202e}', '\t']),
        "{failed:?}"
    );
}

#[test]
fn a_store_of_many_takes_all_that_an_old_file_has_and_gives_one_or_all_away_again() {
    let desk = Desk::new();
    login(&desk, &["--account", "ann", "--scope", "profile"]);
    login(&desk, &["--account", "bob", "--scope", "profile"]);
    let words = [
        "export",
        "--as",
        "oauth2client-multiprocess",
        "old",
        "--format",
        "json",
    ];
    let exported = run(&desk, &words).ok().json();
    assert_eq!(exported["exported"].as_array().unwrap().len(), 2);
    let import = [
        "import",
        "old",
        "--store",
        "multistore+sealed:new",
        "--sealing-key",
        "file:key",
    ];
    let imported = desk
        .run(&[&import[..], &["--format", "json"]].concat())
        .ok()
        .json();
    assert_eq!(imported["taken"].as_array().unwrap().len(), 2, "{imported}");
    let again = desk
        .run(&[&import[..], &["--format", "json"]].concat())
        .ok()
        .json();
    assert_eq!(again["taken"][1]["stored"], "kept");
    let list = desk
        .run(&[
            "list",
            "--store",
            "multistore+sealed:new",
            "--sealing-key",
            "file:key",
            "--format",
            "json",
        ])
        .ok()
        .json();
    assert_eq!(
        (&list[1]["protection"], &list[1]["source"]),
        (&json!("sealed"), &json!("import"))
    );
    let label = list[0]["label"].as_str().unwrap().to_owned();
    let words = [
        "export",
        "--as",
        "oauth2client",
        "one.json",
        "--store",
        "multistore+sealed:new",
        "--sealing-key",
        "file:key",
    ];
    desk.run(&words).fails(2);
    desk.run(&[&words[..], &["--label", &label]].concat()).ok();
}

/// What no shell takes as it is, and no terminal.
#[test]
fn t26_candidates_of_any_kind_are_chosen_by_what_is_pasted_into_bash() {
    if crate::support::find_program("bash").is_none() {
        return crate::support::skip("bash is not installed");
    }
    let accounts = [
        "-1",
        "--help",
        "-a 'b",
        "c\td",
        "e\u{1b}]0;x\u{7}'f\\n",
        "-\ng",
        "\u{e4}\u{202e}h1",
        "\u{7f}0\u{9b}1",
        "i\u{200b}",
        "$j `k` \"l\" !m *",
        "~",
        "",
    ];
    let desk = Desk::new();
    for account in accounts {
        login(&desk, &[&format!("--account={account}")]);
    }
    let failed = run(&desk, &["info"]).fails(2);
    let shown: Vec<&str> = failed
        .stderr
        .lines()
        .filter(|line| line.starts_with("  --account"))
        .collect();
    let error = run(&desk, &["info", "--format", "json"]).fails(2).error();
    let candidates = error["candidates"].as_array().unwrap();
    assert_eq!((shown.len(), candidates.len()), (accounts.len(), accounts.len()));
    for (options, candidate) in shown.iter().zip(candidates) {
        assert!(
            !options.contains(|c: char| c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c)),
            "{options}"
        );
        for locale in ["C", "C.UTF-8"] {
            let script = format!("exec \"$0\" \"$@\" {options}");
            let words = [
                "-c",
                &script,
                crate::support::GRANTFLOW,
                "info",
                "--format",
                "json",
                STORE[0],
                STORE[1],
            ];
            let mut shell = desk.program("bash", &words);
            let info = done(shell.env("LC_ALL", locale)).ok().json();
            assert_eq!(info["account"], candidate["account"], "{options}");
        }
    }
}

#[test]
fn several_scopes_may_follow_one_option_where_nothing_else_follows() {
    let desk = Desk::new();
    login(&desk, &["--account", "ann", "--scope", "profile", "email"]);
    login(&desk, &["--account", "bob", "--scope", "profile"]);
    for command in ["token", "header", "info", "revoke"] {
        for scopes in [
            &["--scope", "profile", "email"][..],
            &["--scope", "email", "--scope", "profile"],
        ] {
            let words = [&[command][..], scopes, &["--account", "nobody"]].concat();
            run(&desk, &words).fails(3);
        }
    }
    let info = run(
        &desk,
        &["info", "--scope", "profile", "email", "--format", "json"],
    )
    .ok()
    .json();
    assert_eq!(info["account"], "ann");
    // An address or a file is no scope.
    run(
        &desk,
        &["export", "--as", "oauth2client", "--scope", "email", "out.json"],
    )
    .ok();
}

#[test]
fn each_record_that_cannot_be_read_is_listed_with_a_reason_of_its_own() {
    let desk = Desk::new();
    let accounts = [
        "cut",
        "empty",
        "zeros",
        "damaged",
        "foreign",
        "key",
        "newer",
        "moved",
        "mode",
        "link",
        "directory",
    ];
    for account in accounts {
        login(&desk, &["--account", account]);
    }
    let sealed = [
        "--store",
        "multistore+sealed:sealed",
        "--sealing-key",
        "file:key.json",
    ];
    desk.run(&desk.login_words(&sealed)).ok();
    let of = |account: &str| file_of(&desk, account);
    let files: Vec<_> = accounts.iter().map(|account| of(account)).collect();
    let read = |at: usize| std::fs::read_to_string(&files[at]).unwrap();
    let (cut, damaged, newer) = (read(0), read(3), read(6));
    std::fs::write(&files[0], &cut[..cut.len() / 2]).unwrap();
    std::fs::write(&files[1], "").unwrap();
    std::fs::write(&files[2], [0; 100]).unwrap();
    std::fs::write(&files[3], damaged.replace("native-app", "native-bpp")).unwrap();
    std::fs::write(&files[4], r#"{"_class":"OAuth2Credentials"}"#).unwrap();
    std::fs::copy(desk.path("key.json"), &files[5]).unwrap();
    std::fs::write(
        &files[6],
        newer.replace("\"grantflow_file\":2", "\"grantflow_file\":9"),
    )
    .unwrap();
    std::fs::write(&files[7], read(8)).unwrap();
    let mut reasons = vec![
        (0, "not whole"),
        (1, "it is empty"),
        (2, "nothing but zeros"),
        (3, "its checksum is not that of what it holds"),
        (4, "credentials of another library"),
        (5, "data keys"),
        (6, "newer version"),
        (7, "record of another key"),
    ];
    #[cfg(unix)]
    {
        crate::support::set_mode(&files[8], 0o644);
        std::fs::remove_file(&files[9]).unwrap();
        std::os::unix::fs::symlink(desk.path("key.json"), &files[9]).unwrap();
        std::fs::remove_file(&files[10]).unwrap();
        std::fs::create_dir(&files[10]).unwrap();
        reasons.extend([
            (8, "group or others may access it"),
            (9, "symbolic link"),
            (10, "not a regular file"),
        ]);
    }
    let name = desk
        .names("sealed")
        .into_iter()
        .find(|name| name.ends_with(".json"))
        .unwrap();
    std::fs::copy(desk.path("sealed").join(&name), desk.path("many").join(&name)).unwrap();
    let listed = run(&desk, &["list"]).fails(6).stdout;
    let line = |name: &str| {
        listed
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or_default()
            .to_owned()
    };
    for (at, reason) in &reasons {
        let line = line(files[*at].file_name().unwrap().to_str().unwrap());
        assert!(
            line.starts_with("not readable: ") && line.contains(reason),
            "{reason}: {listed}"
        );
    }
    assert!(line(&name).contains("sealed"), "{listed}");
    // Nor is what is sealed, without its key or damaged.
    let file = desk.path("sealed").join(&name);
    let whole = std::fs::read_to_string(&file).unwrap();
    let list = |words: &[&str]| desk.run(&[&["list"][..], words].concat()).fails(6).stdout;
    std::fs::write(&file, whole.replace("\"generation\":", "\"generation\":1")).unwrap();
    assert!(list(&sealed).contains("its checksum is not that of what it holds"));
    std::fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    assert!(list(&sealed).contains("not whole"));
    std::fs::write(&file, &whole).unwrap();
    std::fs::remove_file(desk.path("key.json")).unwrap();
    assert!(list(&sealed).contains("no such data key is at hand"));
}
