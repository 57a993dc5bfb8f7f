//! What a token reply may say, and what it means.

use std::collections::BTreeMap;
use std::time::Duration;

use grantflow_core::error::ReplyProblem;
use grantflow_core::{Timestamp, TokenType};
use serde_json::value::RawValue;

use super::{JSON, NOW, ok, parse, problem, reply, wrong};

#[test]
fn a_whole_reply_reads_back_member_by_member() {
    let token = ok(
        r#"{"access_token":"a\u0041","token_type":"Bearer","expires_in":3599,"refresh_token":"r",
            "scope":"x y","id_token":"i.j.k","instance_url":"https:\/\/x"}"#,
    );
    assert_eq!(token.access_token.expose(), "aA");
    assert_eq!(token.token_type, TokenType::Bearer);
    assert_eq!(token.refresh_token.unwrap().expose(), "r");
    assert_eq!(token.issued_at, Timestamp::from_unix_seconds(NOW));
    assert_eq!(token.expires_at, Some(Timestamp::from_unix_seconds(NOW + 3599)));
    assert_eq!(token.scopes.unwrap().to_string(), "x y");
    assert_eq!(token.id_token.unwrap().expose(), "i.j.k");
    assert_eq!(token.extras.names(), ["instance_url"]);
    assert_eq!(token.extras.get::<String>("instance_url").unwrap(), "https://x");
}

#[test]
fn t32_q01_q02_a_lifetime_is_a_number_or_a_text_that_is_one_and_is_clamped() {
    const TEN_YEARS: u64 = 315_360_000;
    let read = |value: &str| {
        let json = format!(r#"{{"access_token":"a","expires_in":{value}}}"#);
        parse(&reply(200, JSON, json)).map(|token| token.expires_at.map(|end| end.since(token.issued_at)))
    };
    let good = [
        ("3600", Some(3600)),
        (r#""3600""#, Some(3600)),
        (r#""03600""#, Some(3600)),
        ("3600.0", Some(3600)),
        (r#""3600.0""#, Some(3600)),
        ("3.6e3", Some(3600)),
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-1", Some(0)),
        (r#""-3600""#, Some(0)),
        ("-1e300", Some(0)),
        ("315360000", Some(TEN_YEARS)),
        ("315360001", Some(TEN_YEARS)),
        ("2147483648", Some(TEN_YEARS)),
        ("9223372036854775808", Some(TEN_YEARS)),
        ("18446744073709551615", Some(TEN_YEARS)),
        ("18446744073709551616", Some(TEN_YEARS)),
        ("99999999999999999999999999999999999999999", Some(TEN_YEARS)),
        ("1e300", Some(TEN_YEARS)),
        ("1e-400", Some(0)),
        ("null", None),
    ];
    for (value, seconds) in good {
        assert_eq!(read(value).unwrap(), seconds.map(Duration::from_secs), "{value}");
    }
    for value in [
        "true",
        "false",
        "{}",
        "[]",
        "[3600]",
        r#"{"seconds":3600}"#,
        "1e400",
        "-1e400",
        r#""1e400""#,
        r#""""#,
        r#"" ""#,
        r#""1h""#,
        r#""0x10""#,
        r#""NaN""#,
        r#""inf""#,
        r#""-infinity""#,
        r#""\ud800""#,
        r#""2030-01-02T03:04:05Z""#,
    ] {
        assert_eq!(
            problem(&read(value)),
            ReplyProblem::Invalid("expires_in"),
            "{value}"
        );
    }
}

#[test]
fn a_fraction_of_a_second_counts() {
    let token = ok(r#"{"access_token":"a","expires_in":0.5}"#);
    assert_eq!(
        token.expires_at.unwrap().since(token.issued_at),
        Duration::from_millis(500)
    );
}

#[test]
fn a_lifetime_below_zero_has_ended_already() {
    let token = ok(r#"{"access_token":"a","expires_in":-5}"#);
    assert!(token.is_expired(token.issued_at));
}

#[test]
fn t33_q07_q08_the_type_is_bearer_in_any_case_or_not_named_and_what_is_bound_needs_a_key() {
    let read = |member: &str| parse(&reply(200, JSON, format!(r#"{{"access_token":"a"{member}}}"#)));
    for (member, expected) in [
        ("", TokenType::Bearer),
        (r#","token_type":null"#, TokenType::Bearer),
        (r#","token_type":"""#, TokenType::Bearer),
        (r#","token_type":"Bearer""#, TokenType::Bearer),
        (r#","token_type":"bearer""#, TokenType::Bearer),
        (r#","token_type":"BEARER""#, TokenType::Bearer),
    ] {
        assert_eq!(read(member).unwrap().token_type, expected, "{member}");
    }
    for name in [
        "mac",
        // Without a key to prove it with it is of no use.
        "DPoP",
        "dpop",
        "basic",
        "N_A",
        "User Access Token",
        "Bearer ",
        "Bea\\nrer",
        "\u{212a}earer",
    ] {
        let result = read(&format!(r#","token_type":"{name}""#));
        assert_eq!(problem(&result), ReplyProblem::TokenType, "{name}");
    }
    for value in ["1", "true", "[]", r#"["Bearer"]"#, "{}"] {
        let result = read(&format!(r#","token_type":{value}"#));
        assert_eq!(problem(&result), ReplyProblem::Invalid("token_type"), "{value}");
    }
}

#[test]
fn q06_a_token_without_an_expiry_has_none() {
    assert_eq!(
        ok(r#"{"access_token":"a","token_type":"Bearer"}"#).expires_at,
        None
    );
}

#[test]
fn q09_scopes_read_in_every_form_that_servers_write_them() {
    for member in [
        r#""scope":"a b""#,
        r#""scope":"a  b""#,
        r#""scope":"a,b""#,
        r#""scope":"a, b""#,
        r#""scope":["a","b"]"#,
        r#""scope":["a b"]"#,
        r#""scope":"\u0061 b""#,
        r#""scopes":"a b""#,
        r#""scopes":["a","b"]"#,
        r#""scope":"a b","scopes":"c""#,
        r#""scope":null,"scopes":["a","b"]"#,
    ] {
        let token = ok(&format!(r#"{{"access_token":"a",{member}}}"#));
        assert_eq!(token.scopes.unwrap().to_string(), "a b", "{member}");
    }
    for member in [
        r#""scope":null"#,
        r#""scope":"""#,
        r#""scope":[]"#,
        r#""scope":" ""#,
        r#""scopes":{"a":1}"#,
    ] {
        assert_eq!(
            ok(&format!(r#"{{"access_token":"a",{member}}}"#)).scopes,
            None,
            "{member}"
        );
    }
    for value in [
        "1",
        "true",
        "{}",
        "[1]",
        r#"["a",null]"#,
        r#"[["a"]]"#,
        r#""\ud800""#,
    ] {
        let json = format!(r#"{{"access_token":"a","scope":{value}}}"#);
        assert_eq!(wrong(&json), ReplyProblem::Invalid("scope"), "{value}");
    }
}

#[test]
fn q10_q19_empty_and_null_members_count_as_absent() {
    for value in [r#""""#, "null"] {
        let token = ok(&format!(
            r#"{{"access_token":"a","token_type":{value},"refresh_token":{value},"scope":{value},"id_token":{value},"error":{value}}}"#
        ));
        assert!(token.refresh_token.is_none() && token.scopes.is_none() && token.id_token.is_none());
    }
}

#[test]
fn q18_every_2xx_is_a_success() {
    for status in [200, 201, 202, 203, 206, 299] {
        assert!(
            parse(&reply(status, JSON, r#"{"access_token":"a"}"#)).is_ok(),
            "{status}"
        );
    }
}

#[test]
fn q19_a_byte_order_mark_is_skipped() {
    assert_eq!(ok("\u{feff}{\"access_token\":\"a\"}").access_token.expose(), "a");
    assert!(matches!(
        wrong("\u{feff}\u{feff}{\"access_token\":\"a\"}"),
        ReplyProblem::NotJson { .. }
    ));
}

#[test]
fn q20_every_member_that_is_not_known_is_kept() {
    let token = ok(
        r#"{"instance_url":"https://x","access_token":"a","realmId":123,"nothing":null,
            "team":{"id":"T1","list":[1,{}],"access_token":1e400},"a\"b":1e400,"c\\d":"\ud800","e\n":1}"#,
    );
    let names = [
        "instance_url",
        "realmId",
        "nothing",
        "team",
        "a\"b",
        "c\\d",
        "e\n",
    ];
    assert_eq!(token.extras.names(), names);
    assert_eq!(token.extras.get::<u64>("realmId"), Some(123));
    let team: BTreeMap<String, Box<RawValue>> = token.extras.get("team").unwrap();
    assert_eq!(team["access_token"].get(), "1e400");
    assert_eq!(token.extras.get::<String>("access_token"), None);
}

#[test]
fn an_access_token_is_a_text_that_fits_in_a_header() {
    for value in [
        r#""a b""#,
        r#""~!@#$%^&*()_+{}|:<>?-=[];',./`""#,
        r#""\u0041""#,
        r#""\"\\\/""#,
    ] {
        assert!(
            ok(&format!(r#"{{"access_token":{value}}}"#)).header().is_ok(),
            "{value}"
        );
    }
    for json in [
        "{}",
        "[]",
        "null",
        "7",
        "\"a\"",
        r#"{"access_token":null}"#,
        r#"{"access_token":""}"#,
    ] {
        assert_eq!(wrong(json), ReplyProblem::Missing("access_token"), "{json}");
    }
    for value in [
        "1",
        "true",
        "[]",
        "{}",
        r#"["a"]"#,
        r#"{"token":"a"}"#,
        r#""a\nb""#,
        r#""a\r\nX: y""#,
        r#""a\u0000""#,
        "\"a\u{7f}\"",
        "\"\u{e4}\"",
        r#""\ud83d\ude00""#,
        r#""a\t""#,
    ] {
        let json = format!(r#"{{"access_token":{value}}}"#);
        assert_eq!(wrong(&json), ReplyProblem::Invalid("access_token"), "{value}");
    }
}

#[test]
fn t32_members_of_the_wrong_type_are_named_in_the_error() {
    for name in ["refresh_token", "id_token"] {
        for value in ["1", "true", "[]", "{}", r#"["a"]"#] {
            let json = format!(r#"{{"access_token":"a","{name}":{value}}}"#);
            assert_eq!(wrong(&json), ReplyProblem::Invalid(name), "{json}");
        }
    }
}

#[test]
fn t32_a_token_of_half_a_character_or_of_no_finite_number_is_not_json() {
    for value in [r#""\ud800""#, r#""\udc00\ud800""#, "1e400", "-1e400"] {
        for name in ["access_token", "refresh_token", "id_token", "token_type"] {
            let result = wrong(&format!(r#"{{"{name}":{value}}}"#));
            assert!(matches!(result, ReplyProblem::NotJson { .. }), "{name} {value}");
        }
    }
}

#[test]
fn t32_a_repeated_member_is_refused_wherever_it_is_and_however_it_is_written() {
    for json in [
        r#"{"access_token":"a","access_token":"a"}"#,
        r#"{"access_token":"a","access_token":"b"}"#,
        r#"{"access_token":null,"access_token":"b"}"#,
        r#"{"access_token":"a","access_token":null}"#,
        r#"{"access_token":"a","\u0061ccess_token":"b"}"#,
        r#"{"access_token":"a","x":1,"x":1}"#,
        r#"{"access_token":"a","x":1,"\u0078":1}"#,
        r#"{"access_token":"a","expires_in":1,"expires_in":1}"#,
        r#"{"access_token":"a","x":{"y":1,"y":2}}"#,
        r#"{"access_token":"a","x":[[{"y":1,"y":2}]]}"#,
        r#"{"access_token":"a","x":{"scope":1,"scope":2}}"#,
        r#"{"access_token":"a","x":{"id_token":1,"id_token":2}}"#,
        r#"{"access_token":"a","x":{"access_token":{"y":1,"y":2}}}"#,
        r#"{"access_token":"a","x":{"error":{"y":1,"y":2}}}"#,
        r#"{"access_token":"a","scope":[{"y":1,"y":2}]}"#,
    ] {
        assert_eq!(wrong(json), ReplyProblem::Repeated, "{json}");
    }
    // The same name in two objects is no repetition, nor is one in another case.
    ok(r#"{"access_token":"a","Access_Token":"b","x":{"access_token":1},"y":[{"x":1},{"x":2}]}"#);
}

#[test]
fn t32_a_repetition_among_very_many_members_is_seen() {
    let many: String = (0..5000).map(|n| format!(r#","m{n}":{n}"#)).collect();
    let token = ok(&format!(r#"{{"access_token":"a"{many}}}"#));
    assert_eq!(token.extras.names().len(), 5000);
    let json = format!(r#"{{"access_token":"a"{many},"m7":0}}"#);
    assert_eq!(wrong(&json), ReplyProblem::Repeated);
}

#[test]
fn t32_t72_nesting_ends_at_32_levels() {
    for (open, close) in [("[", "]"), (r#"{"x":"#, "}")] {
        let nested = |levels: usize| {
            let inner = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            parse(&reply(
                200,
                JSON,
                format!(r#"{{"access_token":"a","x":{inner}}}"#),
            ))
        };
        assert!(nested(31).is_ok());
        assert_eq!(problem(&nested(32)), ReplyProblem::Repeated);
        assert_eq!(problem(&nested(20_000)), ReplyProblem::Repeated);
    }
    for open in ["[", "{\"x\":", "{\"x\":["] {
        assert!(
            matches!(wrong(&open.repeat(20_000)), ReplyProblem::NotJson { .. }),
            "{open}"
        );
    }
}

#[test]
fn t32_a_reply_without_end_of_scopes_is_refused() {
    let many: String = (0..20_000).map(|n| format!("s{n} ")).collect();
    let json = format!(r#"{{"access_token":"a","scope":"{many}"}}"#);
    assert_eq!(wrong(&json), ReplyProblem::Invalid("scope"));
}
