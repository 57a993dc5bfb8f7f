//! A key in SoftHSM, in the slot of one on disk: `hsm-token` is the example, and this runs it.

use std::path::Path;
use std::process::Command;

use grantflow_suites::account;
use grantflow_suites::skip::{find_program, skip};

const PIN: &str = "1234";
/// Where Debian has it.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A command that finds the token in this directory and no other.
fn command(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("SOFTHSM2_CONF", dir.join("softhsm2.conf"));
    command
}

fn util(dir: &Path, args: &str) {
    let mut util = command("softhsm2-util", dir);
    util.current_dir(account::KEYS).args(args.split(' '));
    let ran = util.output().expect("it runs");
    assert!(ran.status.success(), "softhsm2-util {args}: {ran:?}");
}

/// What the example says when it uses the key of this label.
fn answer(dir: &Path, key: &str, token_endpoint: &str) -> String {
    let mut example = command(env!("CARGO_BIN_EXE_hsm-token"), dir);
    let ran = example
        .args([MODULE, PIN, key, token_endpoint])
        .output()
        .expect("it runs");
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).expect("it is text")
}

#[test]
fn a_key_in_a_module_works_like_one_on_disk() {
    if find_program("softhsm2-util").is_none() || !Path::new(MODULE).is_file() {
        skip(
            "softhsm",
            "softhsm2-util or its library is not installed; `apt-get install softhsm2`",
        );
        return;
    }
    let dir = tempfile::tempdir().expect("there is a place for the token");
    let tokens = dir.path().join("tokens");
    std::fs::create_dir(&tokens).expect("it can be made");
    let conf = format!("directories.tokendir = {}\n", tokens.display());
    std::fs::write(dir.path().join("softhsm2.conf"), conf).expect("it can be written");
    util(
        dir.path(),
        "--init-token --free --label grantflow --so-pin 1234 --pin 1234",
    );
    let import = "--import rsa.pkcs8.pem --token grantflow --label rsa --id 01 --pin 1234";
    util(dir.path(), import);

    let server = account::server();
    let said = answer(dir.path(), "rsa", &server.url("/token"));
    assert!(said.starts_with("token gft_at_"), "{said}");
    let said = answer(dir.path(), "another", &server.url("/token"));
    assert!(said.starts_with("error "), "{said}");
    assert_eq!((server.stats().assertions, server.stats().token_requests), (1, 1));
}
