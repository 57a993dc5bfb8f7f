//! Replies that were cut or changed on their way: every one is a value or a typed error, and no error shows the token.

use std::sync::LazyLock;

use grantflow_core::error::ReplyProblem;
use grantflow_core::{Error, Quirks, Token, TokenRequest};

use super::{CANARY, JSON, at, client, parse, problem, refresh, reply};

/// A reply of 300 bytes with every member and every kind of value.
fn good() -> Vec<u8> {
    let json = format!(
        r#"{{"access_token":"{CANARY}.a\u0041","token_type":"Bearer","expires_in":3599.5,"refresh_token":"r-{CANARY}","scope":["a","b c"],"id_token":null,"error":"","team":{{"id":"T1","ok":true,"list":[1,-2.5e3,[],{{}}]}},"instance_url":"https:\/\/x.example\/","pad":"#
    );
    let pad = "x".repeat(300 - json.len() - 3);
    format!("{json}\"{pad}\"}}").into_bytes()
}

/// Reads a reply under every status and setting that has a path of its own.
fn read(body: &[u8]) {
    static LENIENT: LazyLock<TokenRequest> = LazyLock::new(|| {
        let mut quirks = Quirks::default();
        quirks.form_token_replies = true;
        quirks.any_media_type = true;
        refresh(&client().with_quirks(quirks))
    });
    check(&parse(&reply(200, JSON, body.to_vec())));
    check(&parse(&reply(400, JSON, body.to_vec())));
    for media_type in ["", "text/plain"] {
        let reply = reply(200, media_type, body.to_vec());
        check(&at(|cx| LENIENT.parse(&reply, cx)));
    }
}

fn check(result: &Result<Token, Error>) {
    match result {
        Ok(token) => {
            assert!(!token.access_token.is_empty());
            assert!(token.header().is_ok());
        }
        Err(error @ (Error::BadReply(_) | Error::Server(_))) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(CANARY), "{shown}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn r19_no_part_of_a_reply_is_taken_for_the_whole() {
    let good = good();
    assert_eq!(good.len(), 300);
    assert!(parse(&reply(200, JSON, good.clone())).is_ok());
    for end in 0..good.len() {
        let cut = parse(&reply(200, JSON, good[..end].to_vec()));
        assert!(matches!(problem(&cut), ReplyProblem::NotJson { .. }), "{end}");
        read(&good[..end]);
    }
}

#[test]
fn t32_t72_no_change_of_one_byte_makes_a_panic_or_shows_the_token() {
    let good = good();
    for at in 0..good.len() {
        let mut body = good.clone();
        for change in 1..=u8::MAX {
            body[at] = good[at] ^ change;
            check(&parse(&reply(200, JSON, body.clone())));
        }
    }
}

#[test]
fn t32_t72_no_mixture_of_pieces_makes_a_panic_or_shows_the_token() {
    const PIECES: [&str; 32] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "true",
        "1e400",
        "-1",
        "\"\"",
        "\"a\"",
        "\\u",
        "\\ud800",
        "\"access_token\":",
        "\"expires_in\":",
        "\"scope\":",
        "\"error\":",
        "\"token_type\":",
        "\"refresh_token\":",
        "\"Bearer\"",
        "9223372036854775808",
        "{}",
        "[]",
        " ",
        "\u{feff}",
        "\u{0}",
        "\u{e4}",
        "&",
        "=",
    ];
    let good = good();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
    };
    for _ in 0..2000 {
        let mut body = if random(2) == 0 {
            good.clone()
        } else {
            b"{\"access_token\":\"a\",".to_vec()
        };
        for _ in 0..=random(6) {
            let at = random(body.len() + 1);
            let end = (at + random(4) * random(20)).min(body.len());
            body.splice(at..end, PIECES[random(PIECES.len())].bytes());
        }
        read(&body);
    }
}
