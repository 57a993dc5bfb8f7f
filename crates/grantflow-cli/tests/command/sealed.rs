//! Credentials that are sealed, and where the key is.

use serde_json::Value;

use crate::support::{Desk, Done, browser, contains, done};

/// 32 bytes that stand nowhere else.
const KEY: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=";
const OTHER: &str = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q=";

fn with_key(desk: &Desk, words: &[&str], key: &str) -> Done {
    done(desk.command(words).env("APP_KEY", key))
}

fn without_key(text: &str) {
    for part in ["Y2FuYXJ5", "canary-canary", "63616e617279", "b3RoZXIt"] {
        assert!(!text.contains(part), "{text}");
    }
}

#[test]
fn t65_sealed_credentials_serve_with_their_key_and_are_left_alone_without() {
    for store in ["file+sealed:records", "multistore+sealed:records"] {
        for key in ["file:key.json", "env:APP_KEY"] {
            let desk = Desk::new();
            let options = ["--store", store, "--sealing-key", key];
            let run = |words: &[&str], value: &str| {
                let done = with_key(&desk, &[words, &options].concat(), value);
                without_key(&done.all());
                done
            };
            run(&desk.login_words(&["--scope", "profile"]), KEY).ok();
            run(&["token"], KEY).ok();
            let info = run(&["info", "--format", "json"], KEY).ok().json();
            assert_eq!(
                (&info["protection"], &info["store"]),
                (&"sealed".into(), &store.into())
            );

            let file = match desk.path("records").is_dir() {
                true => desk.path("records").join(&desk.names("records")[0]),
                false => desk.path("records"),
            };
            let sealed = std::fs::read(&file).unwrap();
            for secret in desk.server.expose_issued() {
                assert!(!contains(&sealed, &secret));
            }
            assert!(!contains(&sealed, "native-app") && !contains(&sealed, desk.issuer()));
            // The variables say the same.
            let mut command = desk.command(&["token"]);
            command
                .env("GRANTFLOW_STORE", store)
                .env("GRANTFLOW_SEALING_KEY", key);
            done(command.env("APP_KEY", KEY)).ok();

            // Another key opens nothing, and a login puts nothing in its place.
            if key == "file:key.json" {
                std::fs::rename(desk.path("key.json"), desk.path("lost.json")).unwrap();
            }
            for words in [
                &["token"][..],
                &["info"],
                &["list"],
                &desk.login_words(&["--scope", "profile"]),
            ] {
                let failed = run(words, OTHER).fails(6);
                assert!(failed.all().contains("--sealing-key"), "{words:?}: {failed:?}");
            }
            assert_eq!(std::fs::read(&file).unwrap(), sealed);
            let without = desk.run(&["token", "--store", store]).fails(2);
            assert!(without.stderr.contains("--sealing-key"), "{without:?}");
            // What is sealed is no record in the clear, and the other way round.
            let clear = store.replace("+sealed", "");
            desk.run(&["token", "--store", &clear]).fails(6);
        }
    }
}

#[test]
fn t63_a_key_is_never_named_in_vain() {
    let desk = Desk::new();
    let words = desk.login_words(&["--sealing-key", "file:key.json"]);
    let failed = desk.run(&words).fails(2);
    assert!(failed.stderr.contains("+sealed:"), "{failed:?}");
    let mut own = desk.command(&desk.login_words(&[]));
    own.env_remove("GRANTFLOW_STORE")
        .env("GRANTFLOW_SEALING_KEY", "file:key.json");
    done(&mut own).fails(2);
    // One in the clear that is named is meant.
    done(
        desk.command(&["list"])
            .env("GRANTFLOW_SEALING_KEY", "file:key.json"),
    )
    .ok();
    assert!(!desk.file().exists() && !desk.path("key.json").exists());
    assert_eq!(desk.server.stats().authorization_requests, 0);
}

#[test]
fn t61_a_key_that_cannot_be_used_is_told_without_it() {
    let desk = Desk::new();
    let store = ["--store", "file+sealed:records"];
    for (key, value, say) in [
        (KEY, KEY, "the key itself is never typed"),
        ("env:1", KEY, "name of a variable"),
        (&format!("env:{KEY}"), KEY, "name of a variable"),
        ("env:APP_KEY", "", "is not set"),
        ("env:APP_KEY", "canary-canary", "holds no key"),
        ("env:APP_KEY", &KEY[1..], "openssl rand -base64 32"),
        ("file:", KEY, "path"),
        ("keyring:x", KEY, "keyring:APPLICATION/USER"),
    ] {
        let words = [&["token"][..], &store].concat();
        let mut command = desk.command(&words);
        command.env("GRANTFLOW_SEALING_KEY", key).env("APP_KEY", value);
        let failed = done(&mut command).fails(2);
        assert!(failed.stderr.contains(say), "{say}: {failed:?}");
        if key != KEY && !key.contains("canary") {
            without_key(&failed.all().replace(key, ""));
        }
    }
}

#[test]
fn t65_a_store_gets_a_new_key_and_what_the_old_one_sealed_still_opens() {
    for store in ["file+sealed:records", "multistore+sealed:records"] {
        let desk = Desk::new();
        let options = ["--store", store, "--sealing-key", "file:key.json"];
        let run = |words: &[&str]| desk.run(&[words, &options].concat());
        let key_of = |file: &std::path::Path| {
            let sealed: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            sealed["envelope"]["key_id"].as_str().unwrap().to_owned()
        };
        // Without a key there is none to change, and none is made.
        run(&["reseal"]).fails(6);
        assert!(!desk.path("key.json").exists());
        let mut accounts = vec!["ann"];
        if store.starts_with("multistore") {
            accounts.push("bob");
        }
        for account in &accounts {
            run(&desk.login_words(&["--account", account])).ok();
        }
        let files: Vec<_> = match desk.path("records").is_dir() {
            true => desk
                .names("records")
                .iter()
                .map(|name| desk.path("records").join(name))
                .collect(),
            false => vec![desk.path("records")],
        };
        let files: Vec<_> = files
            .iter()
            .filter(|file| file.extension().is_none_or(|end| end != "lock"))
            .collect();
        let old = std::fs::read(files[0]).unwrap();
        let old_key = key_of(files[0]);

        let resealed = run(&["reseal", "--format", "json"]).ok().json();
        assert_eq!(
            (&resealed["sealed"], &resealed["not_sealed"]),
            (&accounts.len().into(), &serde_json::json!([]))
        );
        for file in &files {
            assert_ne!(key_of(file), old_key);
            assert_eq!(resealed["key"], key_of(file));
        }
        run(&["token", "--account", "ann"]).ok();
        assert_eq!(desk.server.stats().authorization_requests, accounts.len() as u64);
        // From a backup.
        std::fs::write(files[0], &old).unwrap();
        for account in &accounts {
            run(&["token", "--account", account]).ok();
        }
        // What cannot be read is left, and harms no other.
        std::fs::write(files[0], "{\"grantflow_sealed\":1,").unwrap();
        let keys = std::fs::read(desk.path("key.json")).unwrap();
        let failed = run(&["reseal", "--format", "json"]).fails(6);
        if accounts.len() == 1 {
            // No key is made for nothing.
            assert_eq!(std::fs::read(desk.path("key.json")).unwrap(), keys);
        } else {
            let value = failed.json();
            assert_eq!(value["not_sealed"].as_array().unwrap().len(), 1, "{value}");
            assert_eq!(value["sealed"], 1);
        }
        assert_eq!(
            std::fs::read_to_string(files[0]).unwrap(),
            "{\"grantflow_sealed\":1,"
        );
    }
}

#[test]
fn a_key_that_cannot_be_changed_is_told_before_anything_is() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    let failed = desk.run(&["reseal"]).fails(2);
    assert!(failed.stderr.contains("+sealed:"), "{failed:?}");
    let words = [
        "reseal",
        "--store",
        "file+sealed:records",
        "--sealing-key",
        "env:APP_KEY",
    ];
    let failed = with_key(&desk, &words, KEY).fails(2);
    assert!(failed.stderr.contains("APP_KEY"), "{failed:?}");
    without_key(&failed.all());
    assert!(!desk.path("records").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn t61_no_program_that_is_started_gets_the_key_of_a_variable() {
    let desk = Desk::new();
    let options = [
        "--store",
        "multistore+sealed:records",
        "--sealing-key",
        "env:APP_KEY",
    ];
    let scan = desk.path("scan");
    let login = desk.login_words(&[&["--origin", desk.issuer()][..], &options].concat());
    let mut command = desk.command(&login);
    command.env("APP_KEY", KEY).env("SCAN", &scan);
    done(command.env("BROWSER", browser("environment"))).ok();
    let seen = std::fs::read(&scan).unwrap();
    assert!(contains(&seen, "SCAN=") && !contains(&seen, KEY));

    let path = desk.install("curl", "#!/bin/sh\nenv > curl-saw\n");
    let words = [&["curl"][..], &options, &[desk.issuer()]].concat();
    done(desk.command(&words).env("APP_KEY", KEY).env("PATH", path)).ok();
    let seen = std::fs::read(desk.path("curl-saw")).unwrap();
    assert!(contains(&seen, "PATH=") && !contains(&seen, KEY));
}

#[test]
#[cfg(unix)]
fn t56_a_key_file_is_the_users_alone() {
    use crate::support::{mode, set_mode};
    let desk = Desk::new();
    let options = [
        "--store",
        "file+sealed:records",
        "--sealing-key",
        "file:keys/key.json",
    ];
    desk.run(&desk.login_words(&options)).ok();
    assert_eq!(
        (mode(&desk.path("keys")), mode(&desk.path("keys/key.json"))),
        (0o700, 0o600)
    );
    set_mode(&desk.path("keys/key.json"), 0o644);
    let failed = desk.run(&[&["token"][..], &options].concat()).fails(6);
    assert!(failed.stderr.contains("key.json"), "{failed:?}");
    let problem: Value = desk
        .run(&[&["token", "--format", "json"][..], &options].concat())
        .error();
    assert!(
        problem["hint"]
            .as_str()
            .unwrap()
            .contains("chmod 600 keys/key.json"),
        "{problem}"
    );
    let error = problem["error"].as_str().unwrap();
    assert!(
        error.contains("the key file") && !error.contains("store"),
        "{error}"
    );
}
