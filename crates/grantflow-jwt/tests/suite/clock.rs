//! The boundaries of time, to the second.

use std::time::Duration;

use grantflow_jwt::{Error, NumericDate, Refusal};

use super::support::{issuer_keys, token, verification};

const AT: i64 = 1_700_000_000;

/// The verdict at `now` on a token with these times.
fn verdict(times: &str, skew: u64, now: i64) -> Option<Refusal> {
    let claims = format!(r#"{{"iss":"https://issuer.example","aud":"me",{times}}}"#);
    let verification = verification().skew(Duration::from_secs(skew)).unwrap();
    let verified = verification.verify(
        &token(&claims),
        &issuer_keys(),
        NumericDate::from_unix_seconds(now),
    );
    match verified {
        Ok(_) => None,
        Err(Error::Refused(refusal)) => Some(refusal),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn t48_each_boundary_is_where_the_rfc_has_it() {
    let far = AT + 1_000_000;
    for skew in [0, 1, 60, 300] {
        let by = i64::try_from(skew).unwrap();
        for (now, expected) in [
            (AT + by - 1, None),
            (AT + by, Some(Refusal::Expired)),
            (AT + by + 1, Some(Refusal::Expired)),
        ] {
            assert_eq!(
                verdict(&format!(r#""exp":{AT}"#), skew, now),
                expected,
                "exp, {skew}, {now}"
            );
        }
        for (name, refusal) in [("nbf", Refusal::NotYetValid), ("iat", Refusal::IssuedInFuture)] {
            for (now, expected) in [(AT - by - 1, Some(refusal)), (AT - by, None), (AT - by + 1, None)] {
                let times = format!(r#""exp":{far},"{name}":{AT}"#);
                assert_eq!(verdict(&times, skew, now), expected, "{name}, {skew}, {now}");
            }
        }
    }
}

#[test]
fn t48_q62_the_skew_is_60_seconds_unless_asked_and_at_most_300() {
    let claims = format!(r#"{{"iss":"https://issuer.example","aud":"me","exp":{AT}}}"#);
    let at = |now| {
        let now = NumericDate::from_unix_seconds(now);
        verification()
            .verify(&token(&claims), &issuer_keys(), now)
            .is_ok()
    };
    assert!(at(AT + 59) && !at(AT + 60));
    assert!(verification().skew(Duration::from_secs(300)).is_ok());
    assert!(verification().skew(Duration::from_millis(300_001)).is_err());
}

#[test]
fn t48_the_ends_of_time_are_no_way_around() {
    for (times, now, expected) in [
        (r#""exp":9223372036854775807"#, AT, None),
        (r#""exp":18446744073709551615"#, AT, None),
        (r#""exp":1e300"#, AT, None),
        (r#""exp":9223372036854775807"#, i64::MAX, Some(Refusal::Expired)),
        (r#""exp":-9223372036854775808"#, AT, Some(Refusal::Expired)),
        (r#""exp":-1e300"#, i64::MIN, None), // 1970 and all that: the clock says that it is earlier still
        (r#""exp":0"#, AT, Some(Refusal::Expired)),
        (r#""exp":1700000000.9"#, AT + 60, Some(Refusal::Expired)),
        (
            r#""exp":1800000000,"nbf":9223372036854775807"#,
            AT,
            Some(Refusal::NotYetValid),
        ),
        (
            r#""exp":1800000000,"iat":1e300"#,
            AT,
            Some(Refusal::IssuedInFuture),
        ),
        (r#""exp":1800000000,"iat":-5"#, AT, None),
    ] {
        assert_eq!(verdict(times, 60, now), expected, "{times} at {now}");
    }
}

#[test]
fn t48_a_time_that_is_missing_or_no_number_is_refused() {
    assert_eq!(verdict(r#""iat":1"#, 60, AT), Some(Refusal::MissingClaim("exp")));
    for value in [r#""1800000000""#, "null", "true", "[1800000000]", "{}"] {
        let bad = |name| Some(Refusal::ClaimType(name));
        assert_eq!(
            verdict(&format!(r#""exp":{value}"#), 60, AT),
            bad("exp"),
            "{value}"
        );
        for name in ["nbf", "iat"] {
            let times = format!(r#""exp":1800000000,"{name}":{value}"#);
            assert_eq!(verdict(&times, 60, AT), bad(name), "{name} {value}");
        }
    }
}
