//! What providers do differently in token replies and what is not taken without a quirk of that name: a fixture each.

use grantflow_core::error::ReplyProblem;
use grantflow_core::{Client, Error, Quirks, Token};

use super::{JSON, at, client, ok, parse, problem, refresh, refused, reply};

fn with(f: impl FnOnce(&mut Quirks)) -> Client {
    let mut quirks = Quirks::default();
    f(&mut quirks);
    client().with_quirks(quirks)
}

fn read(client: &Client, media_type: &str, body: &str) -> Result<Token, Error> {
    at(|cx| refresh(client).parse(&reply(200, media_type, body), cx))
}

const FORM: &str =
    "access_token=a%2Bb&token_type=bearer&expires_in=3600&scope=x%2Cy&refresh_token=&extra=%22";

#[test]
fn q13_a_form_is_read_where_the_quirk_is_named_and_refused_elsewhere() {
    let forms = with(|quirks| quirks.form_token_replies = true);
    for media_type in ["application/x-www-form-urlencoded", "text/plain; charset=utf-8"] {
        assert_eq!(
            problem(&parse(&reply(200, media_type, FORM))),
            ReplyProblem::MediaType
        );
        let token = read(&forms, media_type, FORM).unwrap();
        assert_eq!(token.access_token.expose(), "a+b");
        assert_eq!(token.expires_at.unwrap().since(token.issued_at).as_secs(), 3600);
        assert_eq!(token.scopes.unwrap().to_string(), "x y");
        assert!(token.refresh_token.is_none());
        assert_eq!(token.extras.get::<String>("extra").unwrap(), "\"");
    }
    let text = |body| read(&forms, "text/plain", body);
    assert_eq!(
        problem(&text("access_token=a&access_token=b")),
        ReplyProblem::Repeated
    );
    assert_eq!(problem(&text("")), ReplyProblem::Missing("access_token"));
    assert_eq!(
        problem(&text("access_token=a%0Ab")),
        ReplyProblem::Invalid("access_token")
    );
    assert_eq!(
        refused(&text("error=bad_verification_code")),
        "bad_verification_code"
    );
    // Such a server may answer in JSON too, and in HTML still not.
    assert!(read(&forms, JSON, r#"{"access_token":"a"}"#).is_ok());
    assert_eq!(problem(&read(&forms, "text/html", FORM)), ReplyProblem::MediaType);
}

#[test]
fn q14_json_under_another_name_is_read_where_the_quirk_is_named_and_refused_elsewhere() {
    let any = with(|quirks| quirks.any_media_type = true);
    for media_type in ["text/html", "text/javascript", ""] {
        let json = r#"{"access_token":"a"}"#;
        assert_eq!(
            problem(&parse(&reply(200, media_type, json))),
            ReplyProblem::MediaType
        );
        assert!(read(&any, media_type, json).is_ok(), "{media_type}");
        assert!(matches!(
            problem(&read(&any, media_type, "<html>")),
            ReplyProblem::NotJson { .. }
        ));
        assert_eq!(
            refused(&read(&any, media_type, r#"{"error":"invalid_grant"}"#)),
            "invalid_grant"
        );
    }
}

#[test]
fn a_difference_that_no_quirk_is_named_for_is_a_typed_error() {
    use ReplyProblem::{Invalid, MediaType, Missing, Status, TokenType};
    let fixtures = [
        // 8: eBay
        (
            200,
            JSON,
            r#"{"access_token":"a","token_type":"User Access Token"}"#,
            TokenType,
        ),
        (200, JSON, r#"{"access_token":"a","token_type":"mac"}"#, TokenType),
        // 11: PlentyMarkets
        (
            200,
            JSON,
            r#"{"accessToken":"a","tokenType":"Bearer"}"#,
            Missing("access_token"),
        ),
        // 12: Slack, TikTok, Yammer
        (
            200,
            JSON,
            r#"{"ok":true,"authed_user":{"access_token":"a"}}"#,
            Missing("access_token"),
        ),
        (
            200,
            JSON,
            r#"{"data":{"access_token":"a"}}"#,
            Missing("access_token"),
        ),
        (
            200,
            JSON,
            r#"{"access_token":{"token":"a"}}"#,
            Invalid("access_token"),
        ),
        // 15: SAP Concur, QQ
        (
            200,
            "application/xml",
            "<Access_Token><Token>a</Token></Access_Token>",
            MediaType,
        ),
        (
            200,
            "text/javascript",
            r#"callback({"access_token":"a"});"#,
            MediaType,
        ),
        // 16: Slack
        (200, JSON, r#"{"ok":false,"needed":"x"}"#, Missing("access_token")),
        // 17: Fitbit, Twitch, Facebook, WeChat, any proxy
        (
            400,
            JSON,
            r#"{"errors":[{"errorType":"invalid_grant"}],"success":false}"#,
            Status,
        ),
        (400, JSON, r#"{"message":"invalid code","status":400}"#, Status),
        (
            400,
            JSON,
            r#"{"error":{"message":"no","type":"OAuthException","code":190}}"#,
            Invalid("error"),
        ),
        (200, JSON, r#"{"error":{"message":"no"}}"#, Invalid("error")),
        (
            200,
            JSON,
            r#"{"errcode":40029,"errmsg":"invalid code"}"#,
            Missing("access_token"),
        ),
        (502, "text/html", "<html>Bad Gateway</html>", Status),
    ];
    for (status, media_type, body, expected) in fixtures {
        assert_eq!(
            problem(&parse(&reply(status, media_type, body))),
            expected,
            "{body}"
        );
    }
}

#[test]
fn an_expiry_under_another_name_is_kept_and_not_guessed_at() {
    // 3: Facebook; 5: Shopline, Google
    for member in [
        r#""expires":3600"#,
        r#""expires_at":"2030-01-02T03:04:05Z""#,
        r#""expireTime":"2030-01-02T03:04:05Z""#,
    ] {
        let token = ok(&format!(r#"{{"access_token":"a",{member}}}"#));
        assert_eq!(token.expires_at, None, "{member}");
        assert_eq!(token.extras.names().len(), 1, "{member}");
    }
}
