//! What the doctor finds, and what it says about it.

use std::time::Duration;

use grantflow::Store as _;
use grantflow::store::FileStore;
use serde_json::{Value, json};

use crate::support::{Desk, PATIENCE, done};

fn findings<'v>(value: &'v Value, about: &str) -> Vec<&'v Value> {
    let all = value["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["about"] == about).collect()
}

/// The finding about this that is not in order, its text and its advice.
#[track_caller]
fn worst(value: &Value, about: &str) -> (String, String, String) {
    let found = findings(value, about);
    let worst = found
        .iter()
        .find(|finding| finding["grade"] != "ok")
        .unwrap_or_else(|| panic!("{about}: {value}"));
    let text = |member: &str| worst[member].as_str().unwrap_or_default().to_owned();
    (text("grade"), text("found"), text("advice"))
}

#[test]
fn the_doctor_says_which_store_would_be_used_and_why() {
    let desk = Desk::new();
    let named = desk.run(&["doctor", "--format", "json"]).ok().json();
    assert_eq!(
        (&named["usable"], &named["chosen_by"]),
        (&json!(true), &json!("variable"))
    );
    assert_eq!(named["store"], format!("file:{}", desk.file().display()));
    for about in [
        "store",
        "keyring",
        "directory",
        "lock",
        "credentials",
        "clock",
        "proxy",
        "certificates",
    ] {
        assert!(!findings(&named, about).is_empty(), "{about}: {named}");
    }
    // The item that is tried out is nobody's, whether it could be written or not.
    assert!(!named.to_string().contains("grantflow-probe"), "{named}");
    let option = desk
        .run(&["doctor", "--store", "multistore:many", "--format", "json"])
        .ok()
        .json();
    assert_eq!(
        (&option["chosen_by"], &option["store"]),
        (&json!("option"), &json!("multistore:many"))
    );
    // It looks, and makes nothing.
    assert_eq!(desk.names("."), ["home", "tmp"]);
    assert_eq!(desk.names("home"), [""; 0]);

    desk.login(&[]).ok();
    let text = desk.run(&["doctor"]).ok().stdout;
    for line in [
        "store         ok       file:",
        "named by GRANTFLOW_STORE",
        "locks work in",
        "1, in the clear in files of yours alone",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let names = desk.names(".");
    assert!(
        !names
            .iter()
            .any(|name| name.contains("doctor") || name.contains("saving")),
        "{names:?}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn the_doctor_says_what_is_in_the_way_of_the_users_own_store() {
    let desk = Desk::new();
    let own = || {
        let mut command = desk.command(&["doctor", "--format", "json"]);
        command
            .env_remove("GRANTFLOW_STORE")
            .env("XDG_DATA_HOME", desk.path("data"));
        done(&mut command)
    };
    let new = own().ok().json();
    assert_eq!(new["chosen_by"], "default");
    assert!(
        findings(&new, "directory")[0]["found"]
            .as_str()
            .unwrap()
            .contains("not there yet"),
        "{new}"
    );
    std::fs::create_dir_all(desk.path("data/grantflow/credentials")).unwrap();
    desk.login(&["--store", "file:data/grantflow/credentials.json"])
        .ok();
    let both = own().ok().json();
    assert!(
        both["store"].as_str().unwrap().ends_with("credentials.json"),
        "{both}"
    );
    let (grade, _, advice) = worst(&both, "store");
    assert!(
        grade == "note" && advice.contains("--store multistore:"),
        "{both}"
    );
}

#[test]
#[cfg(unix)]
fn t56_t58_t70_a_store_that_cannot_be_used_is_6_and_says_what_to_do() {
    use crate::support::set_mode;
    let desk = Desk::new();
    desk.login(&[]).ok();
    desk.login(&["--store", "multistore:many"]).ok();
    let run = |store: &str| desk.run(&["doctor", "--format", "json", "--store", store]);
    let record = desk.path("many").join(&desk.names("many")[0]);
    let lock = desk.path("many").join(&desk.names("many")[1]);
    let check = |store: &str, about: &str, found: &str, advice: &str| {
        let failed = run(store).fails(6);
        let value = failed.json();
        let (grade, what, todo) = worst(&value, about);
        assert_eq!(
            (grade.as_str(), &value["usable"]),
            ("problem", &json!(false)),
            "{value}"
        );
        assert!(what.contains(found), "{found}: {what}");
        assert!(todo.contains(advice), "{advice}: {todo}");
        assert_eq!(failed.error()["exit_code"], 6);
    };
    set_mode(&record, 0o640);
    check("multistore:many", "files", "(mode 640)", "chmod 600");
    check("multistore:many", "credentials", "not private", "chmod 600");
    set_mode(&record, 0o600);
    set_mode(&lock, 0o666);
    check("multistore:many", "files", ".lock (mode 666)", "chmod 600");
    set_mode(&lock, 0o600);
    set_mode(&desk.path("many"), 0o777);
    check("multistore:many", "directory", "others may write", "chmod o-w");
    set_mode(&desk.path("many"), 0o700);
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&record, "{").unwrap();
    check(
        "multistore:many",
        "credentials",
        "cannot be read",
        "grantflow login",
    );
    std::fs::write(&record, whole).unwrap();
    run("multistore:many").ok();
    std::os::unix::fs::symlink(desk.path("many"), desk.path("link")).unwrap();
    check("multistore:link", "credentials", "symbolic link", "--store");
    check(
        "multistore:credentials.json",
        "directory",
        "no directory",
        "--store",
    );
    check(
        "file:no/such/place.json",
        "directory",
        "nor the one above it",
        "make it",
    );
    if cfg!(target_os = "linux") {
        check("file:/proc/x.json", "lock", "nothing can be written", "--store");
    }
}

#[test]
fn a_sealing_key_that_is_missing_is_a_problem_of_the_store() {
    let desk = Desk::new();
    let words = [
        "doctor",
        "--format",
        "json",
        "--store",
        "file+sealed:x",
        "--sealing-key",
    ];
    let failed = desk.run(&[&words[..], &["env:NOBODY"]].concat()).fails(6).json();
    let (_, found, advice) = worst(&failed, "sealing key");
    assert!(found.contains("NOBODY") && advice.contains("openssl"), "{failed}");
    let beside = desk.run(&[&words[..], &["file:key.json"]].concat()).ok().json();
    assert_eq!(worst(&beside, "sealing key").0, "note", "{beside}");
    std::fs::write(desk.path("key.json"), "no key").unwrap();
    #[cfg(unix)]
    crate::support::set_mode(&desk.path("key.json"), 0o600);
    let failed = desk
        .run(&[&words[..], &["file:key.json"]].concat())
        .fails(6)
        .json();
    assert_eq!(worst(&failed, "sealing key").0, "problem", "{failed}");
    assert_eq!(desk.names("."), ["home", "key.json", "tmp"]);
}

#[test]
#[cfg(not(feature = "keyring"))]
fn a_password_manager_that_this_was_built_without_is_a_problem_where_it_is_needed() {
    let desk = Desk::new();
    let store = ["--store", "keyring:app/ann", "--format", "json"];
    let failed = desk.run(&[&["doctor"][..], &store].concat()).fails(6).json();
    assert_eq!(worst(&failed, "keyring").0, "problem");
    let failed = desk.run(&[&["token"][..], &store].concat()).fails(2);
    assert!(failed.stderr.contains("feature `keyring`"), "{failed:?}");
}

#[test]
#[cfg(unix)]
fn r12_the_doctor_names_the_process_that_holds_a_lock() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    let store = FileStore::new(desk.file());
    let key = store.keys().unwrap().remove(0);
    let _held = store.lock(&key, PATIENCE).unwrap();
    let value = desk.run(&["doctor", "--format", "json"]).ok().json();
    let (grade, found, _) = worst(&value, "lock");
    assert_eq!(grade, "note");
    assert!(
        found.contains(&format!("process {} holds", std::process::id())),
        "{found}"
    );
}

#[test]
fn r22_credentials_from_the_future_are_a_note_about_the_clock() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    desk.rewrite(|time| time.plus(Duration::from_secs(3 * 3600)));
    let value = desk.run(&["doctor", "--format", "json"]).ok().json();
    let (grade, found, _) = worst(&value, "clock");
    assert_eq!(grade, "note");
    assert!(found.contains("1 of the credentials"), "{found}");
}

#[test]
fn credentials_that_need_a_login_are_a_note() {
    let desk = Desk::new();
    desk.login(&[]).ok();
    desk.server.set_fault(
        grantflow_testserver::Endpoint::Refresh,
        "error=invalid_grant".parse().unwrap(),
    );
    desk.expire();
    desk.run(&["token"]).fails(3);
    let value = desk.run(&["doctor", "--format", "json"]).ok().json();
    assert_eq!(worst(&value, "credentials").0, "note");
}

#[test]
fn t59_t60_the_doctor_shows_no_secret_and_nothing_that_steers_a_terminal() {
    let key = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=";
    let desk = Desk::new();
    desk.login(&["--account", "a\u{1b}[2Jb"]).ok();
    let sealed = [
        "--store",
        "file+sealed:\u{1b}[2Jx",
        "--sealing-key",
        "env:APP_KEY",
    ];
    let mut login = desk.command(&desk.login_words(&sealed));
    done(login.env("APP_KEY", key)).ok();
    let mut outputs = String::new();
    for proxy in [
        "http://ann:canary@proxy.example:3128/canary?canary",
        "ftp://canary@x",
        "http://canary:canary",
    ] {
        for words in [&["doctor"][..], &["doctor", "--format", "json"]] {
            for store in [&[][..], &sealed] {
                let mut command = desk.command(&[words, store].concat());
                command.env("APP_KEY", key).env("HTTPS_PROXY", proxy);
                let told = done(&mut command);
                assert_eq!(told.code == Some(0), proxy.starts_with("http://ann"), "{told:?}");
                outputs.push_str(&told.all());
            }
        }
    }
    assert!(
        outputs.contains("http://proxy.example:3128 with a password"),
        "{outputs}"
    );
    assert!(outputs.contains("HTTPS_PROXY"), "{outputs}");
    assert!(!outputs.contains('\u{1b}'));
    let secrets = desk.server.expose_issued().into_iter();
    for secret in secrets.chain(["canary".to_owned(), key.to_owned()]) {
        assert!(!outputs.contains(&secret), "{secret}: {outputs}");
    }
}

#[test]
fn what_is_wrong_besides_the_store_is_1() {
    let desk = Desk::new();
    let failed = done(
        desk.command(&["doctor", "--format", "json"])
            .env("ALL_PROXY", "ftp://x"),
    )
    .fails(1);
    assert_eq!(failed.json()["usable"], true);
    let failed = desk
        .run(&["doctor", "--ca-file", "none.pem", "--format", "json"])
        .fails(1);
    assert!(worst(&failed.json(), "certificates").1.contains("none.pem"));
}

/// Only a mode is changed by chmod.
#[test]
#[cfg(unix)]
fn t56_t57_what_the_doctor_advises_helps_against_what_it_found() {
    use crate::support::set_mode;
    let desk = Desk::new();
    desk.login(&["--store", "multistore:many"]).ok();
    let file = desk.path("many").join(&desk.names("many")[0]);
    let whole = std::fs::read(&file).unwrap();
    let advice = |found: &str| {
        let value = desk
            .run(&["doctor", "--format", "json", "--store", "multistore:many"])
            .fails(6)
            .json();
        let (_, what, todo) = worst(&value, "files");
        assert!(what.contains(found), "{found}: {value}");
        let all = value.to_string();
        (todo, all.contains("chmod"))
    };
    set_mode(&file, 0o640);
    assert!(advice("mode 640").0.contains("chmod 600"));
    set_mode(&file, 0o600);
    std::fs::hard_link(&file, desk.path("second")).unwrap();
    let (todo, chmod) = advice("a second name");
    assert!(todo.contains("-samefile") && !chmod, "{todo}");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(desk.path("second"), &file).unwrap();
    let (todo, chmod) = advice("a symbolic link");
    assert!(todo.contains("remove the link") && !chmod, "{todo}");
    std::fs::remove_file(&file).unwrap();
    done(&mut desk.program("mkfifo", &[file.to_str().unwrap()])).ok();
    let (todo, chmod) = advice("no file");
    assert!(todo.contains("move it away") && !chmod, "{todo}");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, whole).unwrap();
    set_mode(&file, 0o600);
    if std::os::unix::fs::chown(&file, Some(12345), None).is_ok() {
        let (todo, chmod) = advice("of user 12345");
        assert!(todo.contains("chown") && !chmod, "{todo}");
    } else {
        crate::support::skip("only root can give a file away");
    }
}

#[test]
#[cfg(unix)]
fn a_directory_that_its_group_may_write_to_is_a_note() {
    let desk = Desk::new();
    desk.login(&["--store", "multistore:many"]).ok();
    crate::support::set_mode(&desk.path("many"), 0o770);
    let value = desk
        .run(&["doctor", "--format", "json", "--store", "multistore:many"])
        .ok()
        .json();
    let (grade, found, advice) = worst(&value, "directory");
    assert_eq!(grade, "note");
    assert!(
        found.contains("group may write") && advice.contains("chmod g-w"),
        "{value}"
    );
}
