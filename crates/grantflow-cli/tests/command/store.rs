//! Where credentials are kept, and what is done with places that are not fit for them.

use crate::support::{Desk, done};

#[test]
fn t70_a_corrupt_store_is_left_alone_until_a_login_sets_it_aside() {
    let desk = Desk::new();
    desk.login(&["--origin", "https://api.example"]).ok();
    let whole = std::fs::read(desk.file()).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bad in [&whole[..whole.len() / 2], b"", &[0; 64], &flipped] {
        std::fs::write(desk.file(), bad).unwrap();
        for words in [
            &["token"][..],
            &["header"],
            &["info"],
            &["list"],
            &["revoke"],
            &["curl", "https://api.example/"],
        ] {
            let failed = desk.run(words).fails(6);
            assert!(
                failed.stderr.contains("credentials.json"),
                "{words:?}: {failed:?}"
            );
            assert!(failed.stderr.contains("grantflow login"), "{words:?}: {failed:?}");
            assert_eq!(std::fs::read(desk.file()).unwrap(), bad, "{words:?}");
        }
        let said = desk.login(&[]).ok().stderr;
        let names = desk.names(".");
        let aside: Vec<_> = names.iter().filter(|name| name.contains(".corrupt-")).collect();
        assert_eq!(aside.len(), 1, "{names:?}");
        assert!(said.contains(aside[0].as_str()), "{said}");
        assert_eq!(std::fs::read(desk.path(aside[0])).unwrap(), bad);
        std::fs::remove_file(desk.path(aside[0])).unwrap();
        desk.run(&["token"]).ok();
    }
}

#[test]
fn t70_what_was_never_a_record_is_left_alone_by_a_login_too() {
    let desk = Desk::new();
    let oauth2client =
        br#"{"_class":"OAuth2Credentials","_module":"oauth2client.client","access_token":"at-canary"}"#;
    let keys = br#"{"grantflow_keys":1,"sha256":"0","keys":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]}"#;
    let files: [(&[u8], &str); 4] = [
        (oauth2client, "grantflow import"),
        (keys, "--sealing-key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "--store"),
        (b"a letter to ann", "--store"),
    ];
    for (content, hint) in files {
        std::fs::write(desk.file(), content).unwrap();
        crate::support::set_private(&desk.file());
        for words in [&["token"][..], &["list"], &desk.login_words(&[])] {
            let failed = desk.run(words).fails(6);
            assert!(
                failed.stderr.contains("credentials.json"),
                "{words:?}: {failed:?}"
            );
            assert!(failed.stderr.contains(hint), "{words:?}: {failed:?}");
            assert!(
                !failed.stderr.contains("grantflow login"),
                "{words:?}: {failed:?}"
            );
            assert!(!failed.all().contains("canary"), "{words:?}: {failed:?}");
        }
        assert_eq!(std::fs::read(desk.file()).unwrap(), content);
        assert!(desk.names(".").iter().all(|name| !name.contains(".corrupt-")));
    }
    assert_eq!(desk.server.stats().authorization_requests, 0);
}

#[test]
fn t70_a_record_of_a_newer_version_is_left_alone_by_a_login_too() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    let newer = std::fs::read_to_string(desk.file()).unwrap();
    let newer = newer.replacen(r#""grantflow_file":2,"#, r#""grantflow_file":99,"#, 1);
    std::fs::write(desk.file(), &newer).unwrap();
    desk.run(&["token"]).fails(6);
    desk.login(&[]).fails(6);
    assert_eq!(std::fs::read_to_string(desk.file()).unwrap(), newer);
}

#[test]
fn a_login_with_a_new_secret_stores_it_and_asks_nobody() {
    use grantflow::store::FileStore;
    use grantflow::{Change, Store as _};
    let desk = Desk::new();
    std::fs::write(desk.path("secret"), "s p+c%i&a=l:é/\n").unwrap();
    let words = [
        &["login", "--issuer", desk.issuer(), "--client-id", "basic-app"][..],
        &["--redirect-uri", "http://127.0.0.1/callback"],
        &["--client-secret-file", "secret"],
    ]
    .concat();
    desk.run(&words).ok();
    desk.expire();
    let store = FileStore::new(desk.file());
    let key = store.keys().unwrap().remove(0);
    let mut locked = store.lock(&key, crate::support::PATIENCE).unwrap();
    let record = locked.record().unwrap().clone();
    let client = record.client().clone().with_secret_basic("an old one");
    locked
        .save(Change::Put(Box::new(record.with_client(client))))
        .unwrap();
    drop(locked);

    let failed = desk.run(&["token"]).fails(4);
    for hint in ["--client-secret-file", "revoke --local"] {
        assert!(failed.stderr.contains(hint), "{failed:?}");
    }
    let login = desk.run(&words).ok();
    assert!(login.stderr.contains("nobody was asked"), "{login:?}");
    desk.run(&["token"]).ok();
    // Without a secret none is taken away.
    desk.run(&words[..words.len() - 2]).ok();
    desk.expire();
    desk.run(&["token"]).ok();
    assert_eq!(desk.server.stats().authorization_requests, 1);
}

#[test]
fn a_sealed_store_and_its_key_in_one_file_are_refused_at_once() {
    let desk = Desk::new();
    for key in ["file:x.json", "file:./x.json", "file:home/../x.json"] {
        let words = desk.login_words(&["--store", "file+sealed:x.json", "--sealing-key", key]);
        let failed = desk.run(&words).fails(2);
        assert!(failed.stderr.contains("same file"), "{key}: {failed:?}");
    }
    assert_eq!(desk.names("."), ["home", "tmp"]);
}

#[test]
fn a_record_of_another_client_is_named_and_stays() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    let before = std::fs::read(desk.file()).unwrap();
    let words = ["login", "--issuer", desk.issuer(), "--client-id", "another-app"];
    let failed = desk.run(&words).fails(2);
    assert!(
        failed.stderr.contains("native-app") && failed.stderr.contains("another-app"),
        "{failed:?}"
    );
    assert!(failed.stderr.contains("--store"), "{failed:?}");
    assert_eq!(std::fs::read(desk.file()).unwrap(), before);
    assert_eq!(desk.server.stats().authorization_requests, 1);
}

#[test]
fn another_account_of_the_same_client_is_not_overwritten() {
    let desk = Desk::new();
    desk.login(&["--account", "ann"]).ok();
    let failed = desk.login(&["--account", "bob"]).fails(2);
    assert!(failed.stderr.contains("another account"), "{failed:?}");
    desk.login(&["--account", "bob", "--store", "file:bob.json"]).ok();
    assert!(
        desk.run(&["info"])
            .ok()
            .stdout
            .contains("account           ann\n")
    );
    let bob = desk.run(&["info", "--store", "file:bob.json"]).ok();
    assert!(bob.stdout.contains("account           bob\n"), "{bob:?}");
}

#[test]
fn a_store_that_is_named_wrongly_is_told_what_to_type() {
    let desk = Desk::new();
    for (store, say) in [
        ("", "file:PATH"),
        ("file", "multistore:DIRECTORY"),
        ("file:", "path"),
        ("multistore:", "path"),
        ("credentials.json", "file:PATH"),
        ("/tmp/x", "file:PATH"),
        ("FILE:x", "file:PATH"),
        ("file:~/x", "$HOME"),
        ("keyring:x", "keyring:APPLICATION/USER"),
        ("keyring+sealed:x/y", "--sealing-key keyring:APPLICATION/USER"),
        ("file+sealed:x", "--sealing-key"),
    ] {
        let failed = desk.run(&["list", "--store", store]).fails(2);
        assert!(failed.stderr.contains(say), "{store}: {failed:?}");
        if !store.is_empty() {
            let failed = done(desk.command(&["list"]).env("GRANTFLOW_STORE", store)).fails(2);
            assert!(failed.stderr.contains(say), "{store}: {failed:?}");
        }
    }
    for store in ["file:.", "file:/", "file:..", "file:home"] {
        desk.run(&["token", "--store", store]).fails(6);
    }
    // Colons belong to the path; the option wins over the variable.
    desk.login(&["--store", "file:a:b.json"]).ok();
    assert!(desk.path("a:b.json").is_file() && !desk.file().exists());
    desk.run(&["token"]).fails(3);
    desk.run(&["token", "--store", "file:a:b.json"]).ok();
}

#[test]
#[cfg(target_os = "linux")]
fn the_users_own_store_lies_in_the_data_directory_and_is_made_by_a_login() {
    let desk = Desk::new();
    let own = |words: &[&str], data: &str| {
        let mut command = desk.command(words);
        // An empty variable is one that is not set.
        command.env("GRANTFLOW_STORE", "").env("XDG_DATA_HOME", data);
        done(&mut command)
    };
    let data = desk.path("data/deep");
    let data = data.to_str().unwrap();
    own(&["token"], data).fails(3);
    own(&["list"], data).ok();
    assert!(!desk.path("data").exists());
    own(&desk.login_words(&[]), data).ok();
    assert!(desk.path("data/deep/grantflow/credentials").is_dir());
    own(&["token"], data).ok();
    // A relative or missing directory does not count: then it is the one in the home.
    for data in ["relative", ""] {
        own(&["token"], data).fails(3);
        own(&desk.login_words(&[]), data).ok();
        assert!(desk.path("home/.local/share/grantflow/credentials").is_dir());
        assert!(!desk.path("relative").exists());
        own(&["revoke"], data).ok();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn t56_files_and_directories_are_the_users_alone_whatever_the_umask() {
    use crate::support::{GRANTFLOW, mode};
    for umask in ["000", "022", "077"] {
        let desk = Desk::new();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let login = desk.login_words(&[]);
        let words: Vec<&str> = ["-c", &script, GRANTFLOW].into_iter().chain(login).collect();
        let mut command = desk.program("sh", &words);
        done(
            command
                .env_remove("GRANTFLOW_STORE")
                .env("XDG_DATA_HOME", desk.path("data")),
        )
        .ok();
        let directory = desk.path("data/grantflow/credentials");
        for directory in [&directory, &desk.path("data/grantflow"), &desk.path("data")] {
            assert_eq!(mode(directory), 0o700, "{umask} {directory:?}");
        }
        let names = desk.names("data/grantflow/credentials");
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(names[1], format!("{}.lock", names[0]));
        for name in names {
            assert_eq!(mode(&directory.join(&name)), 0o600, "{umask} {name}");
        }
    }
}

/// It was the default before there were stores for many.
#[test]
#[cfg(target_os = "linux")]
fn a_file_in_the_data_directory_stays_the_users_own_store_while_it_is_there() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("data/grantflow")).unwrap();
    let own = |words: &[&str]| {
        let mut command = desk.command(words);
        command
            .env("GRANTFLOW_STORE", "")
            .env("XDG_DATA_HOME", desk.path("data"));
        done(&mut command)
    };
    desk.login(&["--store", "file:data/grantflow/credentials.json"])
        .ok();
    own(&["token"]).ok();
    let failed = own(&desk.login_words(&["--account", "bob"])).fails(2);
    assert!(
        failed.stderr.contains("--store multistore:DIRECTORY"),
        "{failed:?}"
    );
    own(&["revoke"]).ok();
    own(&desk.login_words(&["--account", "bob"])).ok();
    assert!(desk.path("data/grantflow/credentials").is_dir());
    let list = own(&["list", "--format", "json"]).ok().json();
    assert_eq!(list[0]["account"], "bob");
}

#[test]
#[cfg(unix)]
fn t56_t57_t58_a_place_that_others_could_read_or_replace_is_refused() {
    use crate::support::set_mode;
    let desk = Desk::new();
    desk.login(&[]).ok();
    let insecure = |what: &str| {
        for words in [&["token"][..], &desk.login_words(&["--scope", "more"])] {
            let failed = desk.run(words).fails(6);
            assert!(failed.stderr.contains("not private"), "{what}: {failed:?}");
            assert!(failed.stderr.contains("chmod"), "{what}: {failed:?}");
        }
    };
    set_mode(&desk.file(), 0o644);
    insecure("a file that others can read");
    set_mode(&desk.file(), 0o600);
    set_mode(desk.dir.path(), 0o777);
    insecure("a directory that others can write to");
    set_mode(desk.dir.path(), 0o1777);
    insecure("a sticky directory");
    set_mode(desk.dir.path(), 0o700);
    std::fs::rename(desk.file(), desk.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(desk.path("elsewhere"), desk.file()).unwrap();
    for words in [&["token"][..], &desk.login_words(&["--scope", "more"])] {
        let failed = desk.run(words).fails(6);
        assert!(failed.stderr.contains("symbolic link"), "{failed:?}");
        assert!(
            failed.stderr.contains("name the file itself") && !failed.stderr.contains("chmod"),
            "{failed:?}"
        );
    }
    std::fs::remove_file(desk.file()).unwrap();
    std::fs::rename(desk.path("elsewhere"), desk.file()).unwrap();
    desk.run(&["token"]).ok();
}

#[test]
fn nobody_is_asked_for_a_consent_that_could_not_be_stored() {
    let desk = Desk::new();
    for store in [
        "file:missing/parent/x.json",
        "file:/proc/x.json",
        "file:home/a/b/c",
    ] {
        let failed = desk.login(&["--store", store]).fails(6);
        assert!(!failed.stderr.contains("/authorize"), "{store}: {failed:?}");
    }
    assert_eq!(desk.server.stats().authorization_requests, 0);
}

#[test]
fn a_place_of_another_kind_is_told_what_it_is_named_as() {
    let desk = Desk::new();
    desk.login(&["--store", "multistore:many"]).ok();
    let hints = |words: &[&str], hint: &str| {
        let failed = desk.run(words).fails(6);
        assert!(failed.stderr.contains(hint), "{words:?}: {hint}: {failed:?}");
    };
    for words in [&["token"][..], &desk.login_words(&[])] {
        hints(
            &[words, &["--store", "file:many"]].concat(),
            "--store multistore:many",
        );
    }
    let sealed = [
        "--store",
        "file+sealed:sealed.json",
        "--sealing-key",
        "file:key.json",
    ];
    desk.run(&desk.login_words(&sealed)).ok();
    for words in [&["token"][..], &["list"], &desk.login_words(&[])] {
        hints(
            &[words, &["--store", "file:sealed.json"]].concat(),
            "file+sealed:",
        );
    }
    let many = [
        "--store",
        "multistore+sealed:vault",
        "--sealing-key",
        "file:key.json",
    ];
    desk.run(&desk.login_words(&many)).ok();
    hints(&["token", "--store", "multistore:vault"], "multistore+sealed:");
    desk.login(&[]).ok();
    let clear = [
        "--store",
        "file+sealed:credentials.json",
        "--sealing-key",
        "file:key.json",
    ];
    hints(&[&["token"][..], &clear].concat(), "without `+sealed`");
}

#[test]
#[cfg(unix)]
fn a_directory_that_is_missing_is_made_by_what_is_hinted_at() {
    let desk = Desk::new();
    for (store, directory) in [
        ("file:no/such/c.json", "no/such"),
        ("file:a b/it's/c.json", "a b/it's"),
        ("multistore:many/deep", "many/deep"),
    ] {
        let failed = desk.login(&["--store", store]).fails(6);
        let made = failed
            .stderr
            .lines()
            .find_map(|line| line.split_once('`'))
            .unwrap()
            .1;
        let made = made.split_once('`').unwrap().0;
        assert!(made.starts_with("mkdir -p"), "{failed:?}");
        done(&mut desk.program("sh", &["-c", made])).ok();
        assert_eq!(crate::support::mode(&desk.path(directory)), 0o700);
        desk.login(&["--store", store]).ok();
    }
}

/// Without a terminal nothing turns, and a wait of a minute would look like a hang.
#[test]
#[cfg(unix)]
fn r12_a_wait_for_a_lock_is_told_once_with_who_holds_it() {
    use crate::support::Running;
    use grantflow::Store as _;
    let desk = Desk::with_expired();
    let store = grantflow::store::FileStore::new(desk.file());
    let key = store.keys().unwrap().remove(0);
    for format in ["text", "json"] {
        let held = store.lock(&key, crate::support::PATIENCE).unwrap();
        let token = Running::start(&mut desk.command(&["token", "--format", format]));
        let said = token.says("waiting for");
        assert!(
            said.contains(&format!("process {}", std::process::id())),
            "{said}"
        );
        drop(held);
        let done = token.end().ok();
        assert!(!done.stderr.contains("waiting for"), "{done:?}");
        assert!(!done.stdout.is_empty());
        desk.expire();
    }
}
