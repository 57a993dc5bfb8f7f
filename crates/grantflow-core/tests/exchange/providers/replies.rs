//! Replies of token endpoints (lines 1 to 20, 36 and 48), read by a client that knows the provider's quirk and by one that does not.

use std::time::Duration;

use grantflow_core::error::{ErrorCode, ReplyProblem};
use grantflow_core::{Client, Error, LifetimeUnit, Outcome, Quirks, Token};

use super::with;
use crate::{CANARY, JSON, at, parse, problem, refresh, refused, reply, wrong};

fn read(client: &Client, json: &str) -> Result<Token, Error> {
    at(|cx| refresh(client).parse(&reply(200, JSON, json), cx))
}

fn token(client: &Client, json: &str) -> Token {
    read(client, json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn lifetime(client: &Client, json: &str) -> Option<Duration> {
    let token = token(client, json);
    token.expires_at.map(|end| end.since(token.issued_at))
}

fn seconds(client: &Client, members: &str) -> Option<f64> {
    lifetime(client, &format!(r#"{{"access_token":"a",{members}}}"#)).map(|life| life.as_secs_f64())
}

fn members(names: &[(&str, &str)]) -> impl FnOnce(&mut Quirks) {
    let names: Vec<_> = names
        .iter()
        .map(|(standard, theirs)| (standard.to_string(), theirs.to_string()))
        .collect();
    move |quirks| quirks.reply_members.extend(names)
}

#[test]
fn q02_no_lifetime_at_all_means_no_end_where_the_quirk_is_named_and_the_end_elsewhere() {
    let mailchimp = with(|quirks| quirks.zero_lifetime_is_endless = true);
    for zero in [r#""expires_in":0"#, r#""expires_in":"0""#, r#""expires_in":0.0"#] {
        assert_eq!(seconds(&mailchimp, zero), None, "{zero}");
        assert_eq!(seconds(&with(|_| ()), zero), Some(0.0), "{zero}");
    }
    assert_eq!(seconds(&mailchimp, r#""expires_in":7,"scope":null"#), Some(7.0));
    assert_eq!(seconds(&mailchimp, r#""expires_in":-1"#), Some(0.0));
}

#[test]
fn q03_a_lifetime_under_another_name_counts_where_the_quirk_is_named() {
    let facebook = with(members(&[("expires_in", "expires")]));
    assert_eq!(seconds(&facebook, r#""expires":5183999"#), Some(5_183_999.0));
    assert_eq!(seconds(&facebook, r#""expires":"60""#), Some(60.0));
    // One that is named is meant: the standard's own name is not believed beside it.
    assert_eq!(seconds(&facebook, r#""expires_in":9,"expires":60"#), Some(60.0));
    assert_eq!(
        problem(&read(&facebook, r#"{"access_token":"a","expires":"soon"}"#)),
        ReplyProblem::Invalid("expires_in")
    );
}

#[test]
fn q04_a_lifetime_counts_in_the_providers_unit() {
    let fiserv = with(|quirks| quirks.lifetime_unit = LifetimeUnit::Milliseconds);
    let bullhorn = with(|quirks| quirks.lifetime_unit = LifetimeUnit::Minutes);
    for (client, number, wanted) in [
        (&fiserv, "900000", 900.0),
        (&fiserv, "\"1500\"", 1.5),
        (&bullhorn, "10", 600.0),
        (&bullhorn, "\"10\"", 600.0),
    ] {
        let is = seconds(client, &format!("\"expires_in\":{number}"));
        assert_eq!(is, Some(wanted), "{number}");
    }
    assert_eq!(
        problem(&read(&bullhorn, r#"{"access_token":"a","expires_in":[]}"#)),
        ReplyProblem::Invalid("expires_in")
    );
    // What is too long for a clock is clamped here too (line 2).
    assert!(seconds(&bullhorn, r#""expires_in":1e300"#).unwrap() < 1e9);
}

#[test]
fn q05_an_end_that_is_a_time_counts_where_the_quirk_is_named() {
    let named = |name: &str| with(members(&[("expires_at", name)]));
    let square = named("expires_at");
    for (client, member, wanted) in [
        (&square, r#""expires_at":"2027-01-15T09:00:00Z""#, 3600.0),
        (&square, r#""expires_at":"2027-01-15T09:00:00.000+00:00""#, 3600.0),
        (&square, r#""expires_at":1800000060"#, 60.0),
        (&square, r#""expires_at":"1800000060""#, 60.0),
        (&square, r#""expires_at":"2001-01-01T00:00:00Z""#, 0.0),
        (
            &named("expireTime"),
            r#""expireTime":"2027-01-15T08:01:00Z""#,
            60.0,
        ),
    ] {
        assert_eq!(seconds(client, member), Some(wanted), "{member}");
    }
    assert_eq!(seconds(&square, r#""expires_at":null"#), None);
    assert_eq!(
        problem(&read(&square, r#"{"access_token":"a","expires_at":"tomorrow"}"#)),
        ReplyProblem::Invalid("expires_in")
    );
}

#[test]
fn q06_a_lifetime_that_is_known_counts_where_the_reply_says_none() {
    let workday = with(|quirks| quirks.lifetime_seconds = Some(7200));
    assert_eq!(seconds(&workday, r#""id":"x""#), Some(7200.0));
    assert_eq!(seconds(&workday, r#""expires_in":null"#), Some(7200.0));
    assert_eq!(seconds(&workday, r#""expires_in":60"#), Some(60.0));
}

#[test]
fn q08_a_type_by_another_name_is_a_bearer_token_where_the_quirk_is_named() {
    let ebay = with(|quirks| quirks.any_token_type_is_bearer = true);
    for name in ["\"User Access Token\"", "\"bot\"", "\"\"", "null", "7"] {
        let json = format!(r#"{{"access_token":"a","token_type":{name}}}"#);
        assert_eq!(token(&ebay, &json).header().unwrap(), "Bearer a", "{name}");
    }
    // One that is known keeps its meaning: nobody here could prove that it is theirs.
    let dpop = read(&ebay, r#"{"access_token":"a","token_type":"dpop"}"#);
    assert_eq!(problem(&dpop), ReplyProblem::TokenType);
}

#[test]
fn q11_members_in_other_letters_are_read_where_the_quirk_is_named() {
    let plenty = with(members(&[
        ("access_token", "accessToken"),
        ("refresh_token", "refreshToken"),
        ("token_type", "tokenType"),
        ("expires_in", "expiresIn"),
        ("id_token", "idToken"),
    ]));
    let token = token(
        &plenty,
        r#"{"accessToken":"a","refreshToken":"r","tokenType":"Bearer","expiresIn":60,"idToken":"i","plentyId":7}"#,
    );
    assert_eq!(token.access_token.expose(), "a");
    assert_eq!(token.refresh_token.as_ref().unwrap().expose(), "r");
    assert_eq!(token.id_token.as_ref().unwrap().expose(), "i");
    assert_eq!(token.expires_at.unwrap().since(token.issued_at).as_secs(), 60);
    // Only what is not known is an extra: no second copy of a secret.
    assert_eq!(token.extras.names(), ["plentyId"]);
    assert_eq!(
        problem(&read(&plenty, r#"{"access_token":"a"}"#)),
        ReplyProblem::Missing("access_token")
    );
    assert_eq!(
        problem(&read(&plenty, r#"{"accessToken":"a","accessToken":"b"}"#)),
        ReplyProblem::Repeated
    );
    assert_eq!(
        refused(&read(&plenty, r#"{"error":"invalid_grant"}"#)),
        "invalid_grant"
    );
}

#[test]
fn q12_a_token_in_an_object_of_its_own_is_read_with_all_that_belongs_to_it() {
    let slack = with(|quirks| quirks.reply_object = Some("authed_user".to_owned()));
    let user = token(
        &slack,
        r#"{"ok":true,"access_token":"bot","token_type":"bot","refresh_token":"bot-r","scope":"b","team":{"id":"T"},
            "authed_user":{"id":"U","access_token":"user","scope":"x,y","token_type":"bearer"}}"#,
    );
    assert_eq!(user.access_token.expose(), "user");
    // The bot's refresh token would get the bot's tokens.
    assert!(user.refresh_token.is_none());
    assert_eq!(user.scopes.unwrap().to_string(), "x y");
    assert_eq!(user.extras.names(), ["id", "ok", "team"]);

    let tiktok = with(|quirks| quirks.reply_object = Some("data".to_owned()));
    let data = token(&tiktok, r#"{"code":0,"data":{"access_token":"a","open_id":"o"}}"#);
    assert_eq!(data.access_token.expose(), "a");
    assert_eq!(data.extras.get::<String>("open_id").unwrap(), "o");

    let mut yammer = Quirks::default();
    yammer.reply_object = Some("access_token".to_owned());
    members(&[("access_token", "token")])(&mut yammer);
    let yammer = crate::client().with_quirks(yammer);
    let token = token(
        &yammer,
        r#"{"user":{"id":1},"access_token":{"token":"a","network":2}}"#,
    );
    assert_eq!(token.access_token.expose(), "a");

    // Where the object is not there, the reply is what it is.
    assert_eq!(
        problem(&read(&tiktok, r#"{"code":1}"#)),
        ReplyProblem::Missing("access_token")
    );
    assert_eq!(
        problem(&read(
            &tiktok,
            r#"{"data":{"access_token":"a","access_token":"b"}}"#
        )),
        ReplyProblem::Repeated
    );
}

#[test]
fn q15_xml_and_scripts_are_read_for_nobody() {
    let mut all = every_tolerance();
    all.reply_object = None;
    let client = crate::client().with_quirks(all);
    for (media_type, body) in [
        ("application/xml", "<Access_Token><Token>a</Token></Access_Token>"),
        ("text/javascript", r#"callback({"access_token":"a"});"#),
    ] {
        assert_eq!(
            problem(&parse(&reply(200, media_type, body))),
            ReplyProblem::MediaType
        );
        let read = at(|cx| refresh(&client).parse(&reply(200, media_type, body), cx));
        assert!(matches!(problem(&read), ReplyProblem::NotJson { .. }), "{body}");
    }
}

/// All that replies are forgiven.
fn every_tolerance() -> Quirks {
    let mut quirks = Quirks::default();
    quirks.form_token_replies = true;
    quirks.any_media_type = true;
    quirks.any_token_type_is_bearer = true;
    quirks.zero_lifetime_is_endless = true;
    quirks.reply_object = Some("data".to_owned());
    quirks.lifetime_seconds = Some(60);
    quirks.error_code = Some("errors.0.errorType".to_owned());
    quirks
}

#[test]
fn q16_q17_q48_a_refusal_in_the_providers_words_is_that_of_the_standard_where_a_quirk_says_so() {
    let codes = |path: &str, codes: &[(&str, &str)]| {
        with(|quirks| {
            quirks.error_code = Some(path.to_owned()).filter(|path| !path.is_empty());
            let codes = codes
                .iter()
                .map(|(theirs, code)| (theirs.to_string(), code.to_string()));
            quirks.error_codes.extend(codes);
        })
    };
    let slack = codes("", &[("invalid_refresh_token", "invalid_grant")]);
    let github = codes("", &[("bad_refresh_token", "invalid_grant")]);
    let fitbit = codes("errors.0.errorType", &[]);
    let twitch = codes("message", &[("Invalid refresh token", "invalid_grant")]);
    let facebook = codes("error.code", &[("190", "invalid_grant")]);
    let wechat = codes("errcode", &[("42002", "invalid_grant")]);
    for (client, status, json) in [
        (&slack, 200, r#"{"ok":false,"error":"invalid_refresh_token"}"#),
        (
            &github,
            200,
            r#"{"error":"bad_refresh_token","error_description":"incorrect or expired"}"#,
        ),
        (
            &fitbit,
            400,
            r#"{"errors":[{"errorType":"invalid_grant","message":"Refresh token invalid"}],"success":false}"#,
        ),
        (
            &twitch,
            400,
            r#"{"status":400,"message":"Invalid refresh token"}"#,
        ),
        (
            &twitch,
            400,
            r#"{"error":"Bad Request","status":400,"message":"Invalid refresh token"}"#,
        ),
        (
            &facebook,
            400,
            r#"{"error":{"message":"expired","type":"OAuthException","code":190}}"#,
        ),
        (
            &facebook,
            200,
            r#"{"error":{"message":"expired","type":"OAuthException","code":190}}"#,
        ),
        (
            &wechat,
            200,
            r#"{"errcode":42002,"errmsg":"refresh_token timeout"}"#,
        ),
    ] {
        let result = at(|cx| refresh(client).parse(&reply(status, JSON, json), cx));
        let Err(error @ Error::Server(_)) = &result else {
            panic!("{json}: {result:?}")
        };
        assert_eq!(refused(&result), "invalid_grant", "{json}");
        assert!(error.needs_user(), "{json}");
        assert_eq!(error.outcome(), Outcome::Permanent, "{json}");
    }
    // What stands beside the code is for people, and in no message.
    let said = at(|cx| {
        let json = format!(r#"{{"errors":[{{"errorType":"invalid_client","message":"{CANARY}"}}]}}"#);
        refresh(&fitbit).parse(&reply(401, JSON, json), cx)
    });
    match said {
        Err(Error::Server(refusal)) => {
            assert_eq!(*refusal.code(), ErrorCode::InvalidClient);
            assert_eq!(refusal.description(), Some(CANARY));
            assert!(!Error::from((*refusal).clone()).to_string().contains(CANARY));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn q17_what_is_no_code_stays_what_the_standard_makes_of_it() {
    let twitch = with(|quirks| quirks.error_code = Some("message".to_owned()));
    let deep = with(|quirks| quirks.error_code = Some("errors.0.errorType".to_owned()));
    let wechat = with(|quirks| quirks.error_code = Some("errcode".to_owned()));
    let read =
        |client: &Client, status, json: &str| at(|cx| refresh(client).parse(&reply(status, JSON, json), cx));
    for (client, json) in [
        // A sentence that nobody knows.
        (&twitch, r#"{"status":400,"message":"something went wrong"}"#),
        (&twitch, r#"{"status":400,"message":""}"#),
        (&twitch, r#"{"status":400,"message":["invalid_grant"]}"#),
        (&deep, r#"{"errors":[]}"#),
        (&deep, r#"{"errors":"x"}"#),
        (&deep, r#"{"errors":[{"errorType":"a","errorType":"b"}]}"#),
        (&wechat, r#"{"errcode":0}"#),
        (&wechat, r#"{"errcode":null}"#),
        (&twitch, "<html>"),
    ] {
        let result = read(client, 400, json);
        assert!(matches!(result, Err(Error::BadReply(_))), "{json}: {result:?}");
    }
    // A success is one, whatever else it says.
    assert!(read(&twitch, 200, r#"{"access_token":"a","message":"invalid_grant"}"#).is_ok());
    // A server in trouble refuses nothing for good.
    let trouble = read(&twitch, 503, r#"{"message":"unavailable"}"#).unwrap_err();
    assert!(trouble.is_transient() && !trouble.needs_user(), "{trouble:?}");
}

#[test]
fn q36_a_redirect_of_the_token_endpoint_is_followed_for_nobody() {
    let client = crate::client().with_quirks(every_tolerance());
    for status in [301, 302, 303, 307, 308] {
        let mut moved = reply(status, JSON, r#"{"access_token":"a"}"#);
        moved
            .headers_mut()
            .insert("location", "https://evil.example/".parse().unwrap());
        let read = at(|cx| refresh(&client).parse(&moved, cx));
        assert_eq!(problem(&read), ReplyProblem::Redirect);
    }
}

#[test]
fn t32_no_tolerance_lets_a_repeated_member_pass() {
    let client = crate::client().with_quirks(every_tolerance());
    for json in [
        r#"{"access_token":"a","access_token":"b"}"#,
        r#"{"access_token":"a","data":{"x":1,"x":2}}"#,
        r#"{"data":{"access_token":"a","deep":[{"y":1,"y":2}]}}"#,
    ] {
        assert_eq!(problem(&read(&client, json)), ReplyProblem::Repeated, "{json}");
    }
    assert_eq!(
        wrong(r#"{"access_token":"a","access_token":"b"}"#),
        ReplyProblem::Repeated
    );
    let bom = "\u{feff}{\"data\":{\"access_token\":\"a\"}}";
    assert_eq!(token(&client, bom).access_token.expose(), "a");
}
