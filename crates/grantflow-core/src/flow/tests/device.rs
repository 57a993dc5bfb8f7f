//! Polling for the token of a device: when, how often, and when no more.

use std::sync::Arc;
use std::time::Duration;

use super::super::scripted::{NOW, Scripted, both, client};
use super::checked::Says;
use crate::{
    Client, DeviceAuthorizationRequest, DeviceGrant, Endpoint, Error, NotAuthorized, Scopes, Secret, Step,
    Token, TokenRequest,
};

const CODE: &str = r#"{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS","user_code":"WDJB-MJHT",
    "verification_uri":"https://as.example/device","expires_in":1800,"interval":5}"#;
const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const SLOW_DOWN: &str = r#"{"error":"slow_down"}"#;
const GRANTED: &str = r#"{"access_token":"AT1","token_type":"Bearer","expires_in":3600}"#;

fn device() -> Client {
    let endpoint = Endpoint::new("https://as.example/device_authorization").unwrap();
    client().with_device_authorization_endpoint(endpoint)
}

fn login(client: &Client, scopes: &str) -> Step<Token> {
    DeviceAuthorizationRequest::new(client)
        .scopes(Scopes::parse(scopes).unwrap())
        .flow()
        .and_then(|grant, _| Ok(grant.poll()))
}

/// The end, and the waits in milliseconds.
fn played(script: impl Fn() -> Scripted) -> (Result<Token, Error>, Vec<u64>) {
    let (end, host) = both(script, || login(&device(), "a"));
    let log = host.log();
    let waits = log
        .iter()
        .filter_map(|line| line.strip_prefix("wait ")?.strip_suffix(" ms"))
        .map(|millis| millis.parse().unwrap())
        .collect();
    (end, waits)
}

fn code(json: &'static str) -> Scripted {
    Scripted::default().replies(200, json)
}

fn not_in_time<T>(end: &Result<T, Error>) -> bool {
    let is_it = matches!(end, Err(Error::NotAuthorized(NotAuthorized::NotInTime)));
    is_it
        && end
            .as_ref()
            .is_err_and(|error| error.needs_user() && !error.is_transient())
}

#[test]
fn v18_the_code_is_polled_for_as_in_rfc_8628() {
    let script = || code(CODE).replies(400, PENDING).replies(200, GRANTED);
    let (token, host) = both(script, || login(&device(), "a"));
    assert_eq!(token.unwrap().access_token.expose(), "AT1");
    assert_eq!(
        host.log(),
        [
            "send POST /device_authorization",
            "wait 5000 ms",
            "send POST /token",
            "wait 5000 ms",
            "send POST /token"
        ]
    );
    let poll = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
                &device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS&client_id=cid";
    assert_eq!(host.bodies(), ["client_id=cid&scope=a", poll, poll]);
}

#[test]
fn each_poll_names_the_resources_that_the_code_was_asked_for() {
    let script = || code(CODE).replies(400, PENDING).replies(200, GRANTED);
    let (token, host) = both(script, || {
        DeviceAuthorizationRequest::new(&device())
            .resource("https://api.example/1")
            .resource("https://api.example/2")
            .flow()
            .and_then(|grant, _| Ok(grant.poll()))
    });
    assert!(token.is_ok());
    let both = "&resource=https%3A%2F%2Fapi.example%2F1&resource=https%3A%2F%2Fapi.example%2F2";
    let bodies = host.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body.contains(both)), "{bodies:?}");
}

/// Another process reads it a minute later, on a machine that was started anew.
#[test]
fn a_wait_outlives_the_process_and_not_the_code() {
    let kept = || {
        let asked = DeviceAuthorizationRequest::new(&device())
            .scopes(Scopes::parse("a").unwrap())
            .resource("https://api.example/1");
        let (kept, _) = both(
            || code(CODE),
            || {
                asked
                    .clone()
                    .flow()
                    .and_then(|grant, _| Ok(Step::Done(grant.expose_json())))
            },
        );
        kept.unwrap()
    };
    let again = |json: &str, client: &Client, script: &dyn Fn() -> Scripted| {
        let (json, client) = (json.to_owned(), client.clone());
        let begin = move || {
            let (json, client) = (json.clone(), client.clone());
            Step::begin(move |cx| Ok(DeviceGrant::from_json(&client, &json, cx)?.poll()))
        };
        both(script, begin)
    };
    let (token, host) = again(kept().expose(), &device(), &|| {
        Scripted::default().replies(400, PENDING).replies(200, GRANTED)
    });
    assert_eq!(token.unwrap().access_token.expose(), "AT1");
    assert_eq!(
        host.bodies()[1],
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
         &device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS&resource=https%3A%2F%2Fapi.example%2F1&client_id=cid"
    );
    assert_eq!(host.log()[0], "wait 5000 ms");

    // What is left is by the time of day, and never more than the whole.
    let value: serde_json::Value = serde_json::from_str(kept().expose()).unwrap();
    let polls = |expires_at: crate::Timestamp| {
        let mut value = value.clone();
        value["expires_at"] = expires_at.to_string().into();
        value["lifetime"] = 22.into();
        let pending = || (0..9).fold(Scripted::default(), |script, _| script.replies(400, PENDING));
        let (end, host) = again(&value.to_string(), &device(), &pending);
        assert!(not_in_time(&end), "{end:?}");
        host.bodies().len()
    };
    let now = super::super::scripted::NOW;
    let after = |seconds| now.plus(std::time::Duration::from_secs(seconds));
    assert_eq!([polls(after(12)), polls(now), polls(after(86_400))], [2, 0, 4]);

    let other = Client::new("other", device().token_endpoint().clone());
    let elsewhere = Client::new("cid", Endpoint::new("https://evil.example/token").unwrap());
    let refused = |json: &str, client: &Client| {
        let (end, host) = again(json, client, &Scripted::default);
        assert!(matches!(end, Err(Error::InvalidInput(_))), "{json}: {end:?}");
        assert!(host.log().is_empty());
    };
    refused(kept().expose(), &other);
    refused(kept().expose(), &elsewhere);
    for (member, bad) in [
        ("grantflow_device", serde_json::json!(2)),
        ("grantflow_device", serde_json::json!(0)),
        ("device_code", serde_json::Value::Null),
        ("user_code", serde_json::json!("\u{1b}]0;x")),
        ("verification_uri", serde_json::json!("http://as.example/device")),
        ("verification_uri_complete", serde_json::json!("javascript:x")),
        ("expires_at", serde_json::json!("soon")),
        ("lifetime", serde_json::json!(-1)),
        ("interval", serde_json::json!(1e300)),
        ("scopes", serde_json::json!(["\"a"])),
        ("device_code", serde_json::json!("")),
        ("user_code", serde_json::json!("")),
    ] {
        let mut value = value.clone();
        value[member] = bad;
        refused(&value.to_string(), &device());
    }
    refused("", &device());
}

#[test]
fn who_polls_by_themselves_has_the_code_for_it() {
    let (sent, _) = both(
        || code(CODE),
        || {
            DeviceAuthorizationRequest::new(&device())
                .resource("https://api.example/1")
                .flow()
                .and_then(|grant, cx| {
                    let request = TokenRequest::device_code(&device(), grant.device_code().clone());
                    let request = request.resource(grant.resources()[0].as_str()).to_http(cx)?;
                    Ok(Step::Done(
                        String::from_utf8_lossy(request.body().as_bytes()).into_owned(),
                    ))
                })
        },
    );
    let sent = sent.unwrap();
    assert!(
        sent.contains("&device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS&resource="),
        "{sent}"
    );
}

#[test]
fn a_client_with_a_secret_proves_itself_each_time() {
    let script = || code(CODE).replies(400, PENDING).replies(200, GRANTED);
    let (_, host) = both(script, || login(&device().with_secret_basic("s3cret"), "a"));
    assert_eq!(host.authorizations().len(), 3);
    assert!(host.bodies().iter().all(|body| !body.contains("client_id")));
}

#[test]
fn v18_slow_down_adds_five_seconds_to_every_later_poll() {
    let (end, waits) = played(|| {
        code(CODE)
            .replies(400, SLOW_DOWN)
            .replies(400, PENDING)
            .replies(400, SLOW_DOWN)
            .replies(400, PENDING)
            .replies(200, GRANTED)
    });
    assert!(end.is_ok());
    assert_eq!(waits, [5000, 10_000, 10_000, 15_000, 15_000]);
}

#[test]
fn q54_slow_down_may_name_a_longer_interval_and_never_a_shorter() {
    for (named, then) in [
        ("12", 12_000),
        ("\"30\"", 30_000),
        ("5", 10_000),
        ("1", 10_000),
        ("0", 10_000),
        ("[]", 10_000),
    ] {
        let slow_down = format!(r#"{{"error":"slow_down","interval":{named}}}"#);
        let (end, waits) = played(|| {
            code(CODE)
                .replies(200, &slow_down)
                .replies(400, PENDING)
                .replies(200, GRANTED)
        });
        assert!(end.is_ok());
        assert_eq!(waits, [5000, then, then], "{named}");
    }
}

#[test]
fn q53_pending_is_pending_under_every_status() {
    for status in [200, 400, 401, 403, 428] {
        let (end, waits) = played(|| code(CODE).replies(status, PENDING).replies(200, GRANTED));
        assert!(end.is_ok(), "{status}");
        assert_eq!(waits, [5000, 5000], "{status}");
    }
}

#[test]
fn q52_without_an_interval_it_is_five_seconds() {
    for (interval, first) in [
        ("", 5000),
        (r#","interval":null"#, 5000),
        (r#","interval":0"#, 5000),
        (r#","interval":"0""#, 5000),
        (r#","interval":-3"#, 5000),
        (r#","interval":"soon""#, 5000),
        (r#","interval":"7""#, 7000),
        (r#","interval":1"#, 1000),
        (r#","interval":0.2"#, 1000),
        (r#","interval":2.5"#, 2500),
    ] {
        let json = format!(
            r#"{{"device_code":"D","user_code":"U","verification_uri":"https://as.example/d","expires_in":60{interval}}}"#
        );
        let (end, waits) = played(|| Scripted::default().replies(200, &json).replies(200, GRANTED));
        assert!(end.is_ok());
        assert_eq!(waits, [first], "{interval}");
    }
}

#[test]
fn a_lost_reply_doubles_the_interval_for_good() {
    let (end, waits) = played(|| {
        code(CODE)
            .loses_the_reply()
            .cannot_connect()
            .replies(400, PENDING)
            .replies(400, SLOW_DOWN)
            .replies(200, GRANTED)
    });
    assert!(end.is_ok());
    assert_eq!(waits, [5000, 10_000, 20_000, 20_000, 25_000]);
}

#[test]
fn r18_minutes_without_a_network_do_not_cost_the_login() {
    let away = |times: usize, code: &'static str| {
        let script = Scripted::default().replies(200, code);
        (0..times).fold(script, |script, _| script.cannot_connect())
    };
    // Half an hour, and eleven minutes of it without a network.
    let (end, waits) = played(|| away(14, CODE).replies(200, GRANTED));
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(waits[..5], [5000, 10_000, 20_000, 40_000, 60_000]);
    assert!(waits[4..].iter().all(|wait| *wait == 60_000), "{waits:?}");

    // A server that wants more than a minute is not asked more often.
    const SELDOM: &str = r#"{"device_code":"D","user_code":"U","verification_uri":"https://as.example/d","expires_in":1800,"interval":90}"#;
    let (_, waits) = played(|| away(2, SELDOM).replies(400, SLOW_DOWN).replies(200, GRANTED));
    assert_eq!(waits, [90_000, 90_000, 90_000, 95_000]);
}

#[test]
fn r18_the_last_of_the_time_is_asked_in_unless_the_server_wants_less() {
    let code = |expires_in: u32, interval: u32| {
        format!(
            r#"{{"device_code":"D","user_code":"U","verification_uri":"https://as.example/d","expires_in":{expires_in},"interval":{interval}}}"#
        )
    };
    let script = |code: &str| {
        let script = Scripted::default().replies(200, code);
        script.cannot_connect().cannot_connect().cannot_connect()
    };
    // The next would be at 75 s.
    let (end, waits) = played(|| script(&code(70, 5)).replies(200, GRANTED));
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(waits, [5000, 10_000, 20_000, 30_000]);
    // Once, and no more.
    let (end, waits) = played(|| script(&code(70, 5)).replies(400, PENDING));
    assert!(not_in_time(&end), "{end:?}");
    assert_eq!(waits.len(), 4);
    // 9 s are left of 44 s: less than 5 s and the time for an answer.
    let (end, waits) = played(|| script(&code(44, 5)));
    assert!(not_in_time(&end), "{end:?}");
    assert_eq!(waits, [5000, 10_000, 20_000]);
}

#[test]
fn q56_a_server_in_trouble_is_asked_again_when_it_says() {
    let (end, waits) = played(|| {
        code(CODE)
            .replies_later(503, "60")
            .replies_later(429, "2")
            .replies(400, PENDING)
            .replies(502, "")
            .replies(200, GRANTED)
    });
    assert!(end.is_ok());
    // What it says is for once; where it says nothing, the interval grows for good.
    assert_eq!(waits, [5000, 60_000, 5000, 5000, 10_000]);
}

#[test]
fn the_end_of_the_code_is_the_end_of_polling() {
    const SHORT: &str =
        r#"{"device_code":"D","user_code":"U","verification_uri":"https://as.example/d","expires_in":12}"#;
    let (end, waits) = played(|| code(SHORT).replies(400, PENDING).replies(400, PENDING));
    assert!(not_in_time(&end), "{end:?}");
    assert_eq!(waits, [5000, 5000], "and not the two seconds that are left");

    let (end, waits) = played(|| code(SHORT).replies_later(503, "1800"));
    assert!(not_in_time(&end), "{end:?}");
    assert_eq!(waits, [5000], "half an hour is later than the end");
}

#[test]
fn q55_the_end_of_the_code_may_be_text_and_has_a_usual_value() {
    for (expires_in, polls) in [(r#""11""#, 2), ("11.9", 2), ("0", 0), ("-7", 0), ("null", 359)] {
        let json = format!(
            r#"{{"device_code":"D","user_code":"U","verification_uri":"https://as.example/d","expires_in":{expires_in}}}"#
        );
        let (end, waits) = played(|| {
            let script = Scripted::default().replies(200, &json);
            (0..polls).fold(script, |script, _| script.replies(400, PENDING))
        });
        assert!(not_in_time(&end), "{expires_in}: {end:?}");
        assert_eq!(waits.len(), polls, "{expires_in}");
    }
}

#[test]
fn what_the_server_says_at_the_end_is_an_error_that_says_who_must_act() {
    let (end, _) = played(|| code(CODE).replies(400, r#"{"error":"expired_token"}"#));
    assert!(not_in_time(&end), "{end:?}");
    for denied in ["access_denied", "authorization_declined"] {
        let refusal = format!(r#"{{"error":"{denied}","error_description":"Not today."}}"#);
        let (end, _) = played(|| code(CODE).replies(400, &refusal));
        let Err(Error::Denied(refusal)) = &end else {
            panic!("{end:?}");
        };
        assert_eq!(refusal.description(), Some("Not today."));
        assert!(end.is_err_and(|error| error.needs_user()));
    }
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (401, r#"{"error":"invalid_client"}"#),
        (400, "{}"),
        (302, ""),
        (200, "<html>"),
        (200, r#"{"token_type":"Bearer"}"#),
    ] {
        // One request, and no more.
        let (end, waits) = played(|| code(CODE).replies(status, body));
        assert!(
            matches!(end, Err(Error::Server(_) | Error::BadReply(_))),
            "{end:?}"
        );
        assert_eq!(waits, [5000], "{body}");
    }
}

#[test]
fn t45_with_openid_no_token_is_given_before_its_id_token_has_passed() {
    let checking = device().with_id_token_check(Arc::new(Says));
    let reply = |id_token: &str| format!(r#"{{"access_token":"AT1"{id_token}}}"#);
    let play = |scopes: &str, id_token: &str| {
        let json = reply(id_token);
        both(|| code(CODE).replies(200, &json), || login(&checking, scopes)).0
    };
    let token = play("openid a", r#","id_token":"good""#).unwrap();
    assert_eq!(token.id_token.as_ref().map(Secret::expose), Some("good"));
    for id_token in ["", r#","id_token":"bad""#] {
        let end = play("openid a", id_token);
        assert!(matches!(end, Err(Error::TokenRefused(_))), "{end:?}");
    }
    // Who did not ask for one checks none, as with a code.
    assert!(play("a", r#","id_token":"never""#).is_ok());
}

#[test]
fn t45_a_login_on_a_device_that_has_to_be_of_a_kind_says_so_and_is_held_to_it() {
    let checking = device()
        .with_id_token_check(Arc::new(Says))
        .demanding_acr_values("strong");
    for (acr, is_taken) in [("strong", true), ("weak", false)] {
        let json = format!(r#"{{"access_token":"AT1","id_token":"{acr}"}}"#);
        let (end, host) = both(|| code(CODE).replies(200, &json), || login(&checking, "openid"));
        assert_eq!(end.is_ok(), is_taken, "{end:?}");
        assert!(
            host.bodies()[0].contains("acr_values=strong"),
            "{:?}",
            host.bodies()
        );
    }
}

/// One that lives for less than its reply takes has ended when it comes.
#[test]
fn r23_the_life_of_a_token_counts_from_when_it_was_asked_for() {
    let poll = || code(CODE).takes(Duration::from_secs(20)).replies(200, GRANTED);
    let (token, _) = both(poll, || login(&device(), "a"));
    // The codes took as long, and the poll began five seconds after them.
    let asked = NOW.plus(Duration::from_secs(25));
    let token = token.unwrap();
    assert_eq!(
        (token.issued_at, token.expires_at),
        (asked, Some(asked.plus(Duration::from_secs(3600))))
    );

    let exchange = || {
        Scripted::default()
            .takes(Duration::from_secs(20))
            .replies(200, GRANTED)
    };
    let (token, _) = both(exchange, || {
        TokenRequest::refresh(&client(), Secret::new("RT")).flow()
    });
    let token = token.unwrap();
    assert_eq!(
        (token.issued_at, token.expires_at),
        (NOW, Some(NOW.plus(Duration::from_secs(3600))))
    );
}

/// One word for each answer, and the second of each request since the codes came.
#[test]
fn t53_twelve_scripts_ask_at_exactly_these_times() {
    let plays = [
        // As in the RFC, and a user who answers at once.
        (600, "5", "granted", &[5][..]),
        (600, "5", "pending pending pending granted", &[5, 10, 15, 20]),
        // The server's interval, and the usual one where it names none or nonsense.
        (600, "30", "pending granted", &[30, 60]),
        (600, "null", "pending granted", &[5, 10]),
        (600, "0", "pending granted", &[5, 10]),
        // Five seconds more for this and all later ones, each time.
        (
            600,
            "5",
            "slow pending slow pending slow granted",
            &[5, 15, 25, 40, 55, 75],
        ),
        // No reply, or no connection: less often, and no more than to a minute.
        (
            600,
            "5",
            "lost pending unreached pending granted",
            &[5, 15, 25, 45, 65],
        ),
        (
            600,
            "5",
            "unreached unreached unreached unreached unreached pending",
            &[5, 15, 35, 75, 135, 195, 255],
        ),
        // What a server in trouble asks for, once; a 5xx that asks for nothing is a lost reply.
        (600, "5", "busy40 pending broken granted", &[5, 45, 50, 60]),
        // Denied: never again.
        (600, "5", "pending denied", &[5, 10]),
        // The end of the code by the client's own count, by the server's word, and once more just before it.
        (25, "5", "unreached pending pending", &[5, 15, 20]),
        (600, "5", "pending expired", &[5, 10]),
    ];
    for (lifetime, interval, answers, times) in plays {
        let json = format!(
            r#"{{"device_code":"D","user_code":"U","verification_uri":"https://as.example/d","expires_in":{lifetime},"interval":{interval}}}"#
        );
        let script = || {
            answers.split(' ').fold(
                Scripted::default().replies(200, &json),
                |script, answer| match answer {
                    "pending" => script.replies(400, PENDING),
                    "slow" => script.replies(400, SLOW_DOWN),
                    "lost" => script.loses_the_reply(),
                    "unreached" => script.cannot_connect(),
                    "busy40" => script.replies_later(503, "40"),
                    "broken" => script.replies(500, ""),
                    "denied" => script.replies(400, r#"{"error":"access_denied"}"#),
                    "expired" => script.replies(400, r#"{"error":"expired_token"}"#),
                    _ => script.replies(200, GRANTED),
                },
            )
        };
        // Where the script does not end the login, the user answers in the end.
        let ends = ["granted", "denied", "expired"]
            .iter()
            .any(|end| answers.ends_with(end))
            || lifetime < 600;
        let script = || {
            if ends {
                script()
            } else {
                script().replies(200, GRANTED)
            }
        };
        let (end, waits) = played(script);
        let asked: Vec<u64> = waits
            .iter()
            .scan(0, |now, wait| {
                *now += wait;
                Some(*now / 1000)
            })
            .collect();
        assert_eq!(asked, times, "{answers}");
        assert_eq!(
            end.is_ok(),
            answers.ends_with("granted") || !ends,
            "{answers}: {end:?}"
        );
    }
    assert_eq!(plays.len(), 12);
}
