//! Issuers, audiences, authorized parties, types of tokens, and what verified claims give.

use grantflow_jwt::{Algorithm, ClaimsSet, Error, Refusal, SkipAudienceCheck, SkipIssuerCheck, Verification};

use super::support::{CLAIMS, NOW, issuer, issuer_keys, token, token_with, verification};

fn verdict(verification: &Verification, claims: &str) -> Option<Refusal> {
    let claims = format!("{{{claims},\"exp\":1700003600}}");
    match verification.verify(&token(&claims), &issuer_keys(), NOW) {
        Ok(_) => None,
        Err(Error::Refused(refusal)) => Some(refusal),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn t09_the_issuer_is_compared_byte_for_byte() {
    let either = Verification::new(
        [Algorithm::Rs256],
        ["https://a.example", "a.example"],
        SkipAudienceCheck,
    );
    for (claims, expected) in [
        (r#""iss":"https://a.example""#, None),
        (r#""iss":"a.example""#, None),
        (r#""iss":"https://a.example/""#, Some(Refusal::Issuer)),
        (r#""iss":"https://A.example""#, Some(Refusal::Issuer)),
        (r#""iss":"""#, Some(Refusal::Issuer)),
        (r#""iss":["https://a.example"]"#, Some(Refusal::ClaimType("iss"))),
        (r#""iss":null"#, Some(Refusal::ClaimType("iss"))),
        (r#""sub":"x""#, Some(Refusal::MissingClaim("iss"))),
        (r#""iss":"a.example","sub":1"#, Some(Refusal::ClaimType("sub"))),
    ] {
        assert_eq!(verdict(&either, claims), expected, "{claims}");
    }
}

#[test]
fn t09_q62_an_audience_is_text_or_a_list_and_several_need_an_authorized_party() {
    let verification = Verification::new([Algorithm::Rs256], SkipIssuerCheck, ["me", "also-me"]);
    for (claims, expected) in [
        (r#""aud":"me""#, None),
        (r#""aud":"also-me""#, None),
        (r#""aud":["me"]"#, None),
        (r#""aud":["me"],"azp":"me""#, None),
        (r#""aud":["other","me"],"azp":"me""#, None),
        (r#""aud":["other","me"],"azp":"also-me""#, None),
        (r#""aud":["other","me"]"#, Some(Refusal::AuthorizedParty)),
        (
            r#""aud":["other","me"],"azp":"other""#,
            Some(Refusal::AuthorizedParty),
        ),
        (r#""aud":"me","azp":"other""#, Some(Refusal::AuthorizedParty)),
        (r#""aud":"me","azp":null"#, Some(Refusal::ClaimType("azp"))),
        (r#""aud":"other""#, Some(Refusal::Audience)),
        (r#""aud":"ME""#, Some(Refusal::Audience)),
        (r#""aud":["other"]"#, Some(Refusal::Audience)),
        (r#""aud":[]"#, Some(Refusal::MissingClaim("aud"))),
        (r#""sub":"x""#, Some(Refusal::MissingClaim("aud"))),
        (r#""aud":["me",1]"#, Some(Refusal::ClaimType("aud"))),
        (r#""aud":null"#, Some(Refusal::ClaimType("aud"))),
        (r#""aud":{"me":1}"#, Some(Refusal::ClaimType("aud"))),
    ] {
        assert_eq!(verdict(&verification, claims), expected, "{claims}");
    }
    let other = verification.authorized_parties(["the-app"]);
    assert_eq!(verdict(&other, r#""aud":"me","azp":"the-app""#), None);
    assert_eq!(
        verdict(&other, r#""aud":"me","azp":"me""#),
        Some(Refusal::AuthorizedParty)
    );
}

#[test]
fn t09_an_empty_list_allows_nobody_and_only_a_name_skips() {
    let none: [&str; 0] = [];
    let nobody = Verification::new([Algorithm::Rs256], none, SkipAudienceCheck);
    assert_eq!(verdict(&nobody, r#""iss":"x""#), Some(Refusal::Issuer));
    let nobody = Verification::new([Algorithm::Rs256], SkipIssuerCheck, Vec::new());
    assert_eq!(verdict(&nobody, r#""aud":"x""#), Some(Refusal::Audience));
    let anybody = Verification::new([Algorithm::Rs256], SkipIssuerCheck, SkipAudienceCheck);
    assert_eq!(verdict(&anybody, r#""sub":"x""#), None);
    let party = anybody.authorized_parties(["me"]);
    assert_eq!(verdict(&party, r#""azp":"you""#), Some(Refusal::AuthorizedParty));
}

#[test]
fn t45_a_token_of_another_type_is_refused_when_a_type_is_asked_for() {
    let typed = |header: &str| {
        let token = token_with(&issuer(), Algorithm::Rs256, header, CLAIMS);
        verification()
            .token_type("at+jwt")
            .verify(&token, &issuer_keys(), NOW)
            .err()
    };
    assert_eq!(typed(r#"{"alg":"RS256","typ":"at+jwt"}"#), None);
    assert_eq!(typed(r#"{"alg":"RS256","typ":"application/AT+JWT"}"#), None);
    for bad in [r#"{"alg":"RS256","typ":"JWT"}"#, r#"{"alg":"RS256"}"#] {
        assert_eq!(typed(bad), Some(Error::Refused(Refusal::Type)), "{bad}");
    }
}

#[test]
fn t45_a_payload_that_is_no_set_of_claims_is_refused() {
    for payload in [
        "",
        "x",
        "[]",
        "\"{}\"",
        r#"{"iss":"a","iss":"https://issuer.example"}"#,
        "{}{}",
        "\u{feff}{}",
    ] {
        let refused = verification()
            .verify(&token(payload), &issuer_keys(), NOW)
            .unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::Json("payload")), "{payload}");
    }
}

#[test]
fn verified_claims_give_every_claim_and_print_none() {
    let claims = ClaimsSet::from_json(CLAIMS)
        .unwrap()
        .with("email", "ann@example.com")
        .unwrap();
    let claims = claims.with("roles", ["a", "b"]).unwrap();
    let verified = verification()
        .verify(&token(claims.as_str()), &issuer_keys(), NOW)
        .unwrap();
    assert_eq!(verified.issuer(), Some("https://issuer.example"));
    assert_eq!(verified.subject(), Some("ann"));
    assert_eq!(verified.expires_at().unwrap().unix_seconds(), 1_700_003_600);
    assert_eq!(verified.issued_at(), Some(NOW));
    assert_eq!(
        verified.claim::<Vec<String>>("roles").unwrap().unwrap(),
        ["a", "b"]
    );
    assert_eq!(verified.claim::<String>("nothing").unwrap(), None);
    assert!(verified.claim::<u8>("email").is_err());
    assert_eq!(verified.jws().payload(), claims.as_bytes());
    assert_eq!(verified.jws().key_id(), Some("1"));
    let printed = format!("{verified:?} {:?} {claims:?}", verified.jws());
    assert!(printed.contains("email") && !printed.contains("ann"), "{printed}");
}
