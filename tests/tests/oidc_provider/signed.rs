//! Signatures both ways against a certified provider: clients that prove themselves by an assertion, ID tokens that the provider signs.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use grantflow_core::error::{ErrorCode, ReplyProblem};
use grantflow_core::flow::discover;
use grantflow_core::{
    Authentication, AuthorizationRequest, Client, Error, Issuer, ResponseMode, Secret, Step, Token,
};
use grantflow_jwt::{Algorithm, ContentEncryption, Decryption, DecryptionKey, KeyManagement, SigningKey};
use grantflow_oidc::{
    ClientSecretJwt, IdTokenVerification, IdTokenVerifier, Occasion, PrivateKeyJwt, ResponseVerifier,
    UserInfoRequest, VerifiedIdToken, exchange, refresh,
};
use grantflow_suites::app::{NOWHERE, SCOPES, get, member};
use grantflow_suites::browser::Browser;
use grantflow_suites::driven::Server::OidcProvider;
use grantflow_suites::driven::{
    ASSERTION, BASIC, CODE, ENCRYPTED, ID_TOKEN, PUSHED, REFRESH, RESPONSE_MODE, USERINFO, drives_over_both,
};
use grantflow_suites::either::Either;
use grantflow_suites::login;
use grantflow_suites::provider::{CONFIDENTIAL_SECRET, Provider, SIGNING_SECRET};
use serde_json::{Value, json};

/// RFC 7515 appendix A.3.1.
fn old_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": "old",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    })
}

/// RFC 8037 appendix A.1.
fn new_key() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "new",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    })
}

fn public(mut key: Value) -> Value {
    key.as_object_mut().expect("a key is an object").remove("d");
    key
}

fn signing(key: &Value, algorithm: Algorithm) -> Authentication {
    let key = SigningKey::from_jwk(&key.to_string()).expect("a key of an RFC");
    let method = PrivateKeyJwt::new(key, algorithm).expect("the algorithm is the key's");
    method.into()
}

#[track_caller]
fn provider() -> Option<Provider> {
    Provider::start(&json!({ "signing_keys": [public(old_key()), public(new_key())] }))
}

fn apps(provider: &Provider, id: &str, authentication: &Authentication) -> Result<[Either; 2], Error> {
    Either::both(provider.issuer(), id, |client| {
        client.with_authentication(authentication.clone())
    })
}

/// What verifies the provider's tokens for the application, by what the provider says of itself.
fn verifier(app: &Either, algorithm: Algorithm) -> Result<IdTokenVerifier, Error> {
    let issuer = app.client().issuer().map(Issuer::as_str).unwrap_or_default();
    let server = app.run(discover(&Issuer::allow_http_for_loopback(issuer)?))?;
    IdTokenVerifier::of_server([algorithm], &server, app.client().id())
}

fn log_in(app: &Either, verifier: &IdTokenVerifier) -> Result<(Token, VerifiedIdToken), Error> {
    let (url, pending) = app.run(login::start(app.client(), NOWHERE, SCOPES))?;
    let redirect = Browser::of("ann").authorize(&url);
    let (client, verifier) = (app.client().clone(), verifier.clone());
    app.run(Step::begin(move |cx| {
        let code = pending.accept(&redirect, cx)?;
        Ok(exchange(&client, code, &verifier))
    }))
}

fn refresh_token(token: &Token) -> Secret {
    token.refresh_token.clone().expect("the server gave one")
}

#[test]
fn a_client_logs_in_with_its_key_and_refreshes_and_each_id_token_is_proven() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ASSERTION, CODE, REFRESH, ID_TOKEN]);
    let Some(provider) = provider() else { return Ok(()) };
    for (key, algorithm) in [(old_key(), Algorithm::Es256), (new_key(), Algorithm::EdDsa)] {
        for app in apps(&provider, "signing", &signing(&key, algorithm))? {
            let verifier = verifier(&app, Algorithm::Es256)?;
            let (token, user) = log_in(&app, &verifier)?;
            assert_eq!(user.subject(), "ann");
            assert_eq!(user.issuer(), provider.issuer());
            assert_eq!(user.claims().jws().algorithm(), Algorithm::Es256);
            assert_eq!(user.claims().jws().key_id(), Some("es"));
            let nonce: Option<String> = user.claims().claim("nonce").expect("it is text");
            assert!(nonce.is_some(), "what was compared is there");
            let refreshed = app.run(refresh(app.client(), refresh_token(&token), &user, &verifier))?;
            let (renewed, again) = refreshed.token?;
            assert!(!renewed.access_token.eq_ct(&token.access_token));
            assert!(again.is_some_and(|again| again.same_subject_as(&user)));
        }
    }
    Ok(())
}

/// A new key, as a file has it.
fn encryption_key() -> String {
    let pkcs8 = SigningKey::generate(Algorithm::Es256).expect("the system has entropy");
    let body = base64::engine::general_purpose::STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----")
}

fn opens(pem: &str) -> DecryptionKey {
    DecryptionKey::from_pem(pem)
        .expect("a key just made")
        .with_key_id("enc-1")
}

#[test]
fn t45_an_encrypted_id_token_of_the_provider_is_opened_and_one_in_the_clear_refused() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ENCRYPTED, CODE, ID_TOKEN]);
    for encryption in [ContentEncryption::A128Gcm, ContentEncryption::A256Gcm] {
        let ours = encryption_key();
        let public: Value = serde_json::from_str(&opens(&ours).public_jwk()).expect("it is JSON");
        let options = json!({ "encryption_key": public, "encryption_enc": encryption.name() });
        let Some(provider) = Provider::start(&options) else {
            return Ok(());
        };
        let opening = |app: &Either, pem: &str| {
            let issuer = Issuer::allow_http_for_loopback(provider.issuer())?;
            let keys = verifier(app, Algorithm::Es256)?.keys().clone();
            let verification = IdTokenVerification::new([Algorithm::Es256], &issuer, app.client().id());
            let decryption = Decryption::new([opens(pem)], [KeyManagement::EcdhEs], [encryption]);
            Ok::<_, Error>(IdTokenVerifier::new(verification.encrypted(decryption), keys))
        };
        for app in Either::both(provider.issuer(), "encrypted", |client| client)? {
            let verifier = opening(&app, &ours)?;
            let (token, user) = log_in(&app, &verifier)?;
            assert_eq!(user.subject(), "ann");
            let kept = token.id_token.clone().expect("there is one");
            assert_eq!(kept.expose().split('.').count(), 3, "the one within is kept");
            let refreshed = app.run(refresh(app.client(), refresh_token(&token), &user, &verifier))?;
            let (_, again) = refreshed.token?;
            assert!(again.is_some_and(|again| again.same_subject_as(&user)));
            let refused = log_in(&app, &opening(&app, &encryption_key())?);
            assert!(
                matches!(refused, Err(Error::TokenRefused("it is not encrypted for us"))),
                "{refused:?}"
            );
        }
        for app in Either::both(provider.issuer(), "native", |client| client)? {
            let refused = log_in(&app, &opening(&app, &ours)?);
            assert!(matches!(refused, Err(Error::TokenRefused(_))), "{refused:?}");
        }
    }
    Ok(())
}

#[test]
fn a_signed_answer_gives_a_code_and_one_that_was_changed_none() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[RESPONSE_MODE, CODE, ID_TOKEN]);
    let Some(provider) = provider() else { return Ok(()) };
    for app in Either::both(provider.issuer(), "native", |client| client)? {
        let verifier = verifier(&app, Algorithm::Es256)?;
        let issuer = app.client().issuer().expect("it was discovered");
        let accepts =
            |algorithm| ResponseVerifier::new([algorithm], issuer, "native", verifier.keys().clone());
        for (mode, denies) in [
            (ResponseMode::FormPost, false),
            (ResponseMode::QueryJwt, false),
            (ResponseMode::QueryJwt, true),
            (ResponseMode::FormPostJwt, false),
        ] {
            let begin = || {
                let client = app.client().clone();
                let (url, pending) = app.run(Step::begin(move |cx| {
                    let request = AuthorizationRequest::new(&client, NOWHERE).scopes(SCOPES)?;
                    let (url, pending) = request.response_mode(mode).start(cx)?;
                    Ok(Step::Done((url.into_string(), pending)))
                }))?;
                let mut browser = if denies {
                    Browser::of("ann").who_denies()
                } else {
                    Browser::of("ann")
                };
                Ok::<_, Error>((browser.authorize(&url), pending))
            };
            let (redirect, pending) = begin()?;
            assert!(pending.matches(&redirect), "{mode:?}");
            if !mode.is_signed() {
                let code = app.run(Step::begin(move |cx| {
                    Ok(Step::Done(pending.accept(&redirect, cx)?))
                }))?;
                assert_eq!(
                    app.run(exchange(app.client(), code, &verifier))?.1.subject(),
                    "ann"
                );
                continue;
            }
            let accepted = app.run(accepts(Algorithm::Es256).accept(pending, &redirect));
            if denies {
                assert!(matches!(accepted, Err(Error::Denied(_))), "{accepted:?}");
                continue;
            }
            assert_eq!(
                app.run(exchange(app.client(), accepted?, &verifier))?.1.subject(),
                "ann"
            );
            let (redirect, pending) = begin()?;
            let refused = app.run(accepts(Algorithm::Rs256).accept(pending, &redirect));
            assert!(
                matches!(refused, Err(Error::TokenRefused("its algorithm is not allowed"))),
                "{refused:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_pushed_request_logs_in_with_a_key_and_without() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[PUSHED, CODE, ASSERTION, BASIC]);
    let Some(provider) = provider() else { return Ok(()) };
    for id in ["pushing", "signing", "confidential"] {
        let with = |client: Client| match id {
            "signing" => client.with_authentication(signing(&new_key(), Algorithm::EdDsa)),
            "confidential" => client.with_secret_basic(CONFIDENTIAL_SECRET),
            _ => client,
        };
        for app in Either::both(provider.issuer(), id, with)? {
            let verifier = verifier(&app, Algorithm::Es256)?;
            let client = app.client().clone().with_push_required(true);
            let (url, pending) = app.run(Step::begin(move |cx| {
                AuthorizationRequest::new(&client, NOWHERE)
                    .scopes(SCOPES)?
                    .begin(cx)
            }))?;
            assert!(!url.as_str().contains("state=") && url.as_str().contains("request_uri="));
            let redirect = Browser::of("ann").authorize(url.as_str());
            let code = app.run(Step::begin(move |cx| {
                Ok(Step::Done(pending.accept(&redirect, cx)?))
            }))?;
            assert_eq!(
                app.run(exchange(app.client(), code, &verifier))?.1.subject(),
                "ann",
                "{id}"
            );
        }
    }
    Ok(())
}

#[test]
fn userinfo_is_told_of_the_same_user_signed_or_not() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[USERINFO]);
    let Some(provider) = provider() else { return Ok(()) };
    for (id, is_signed) in [("native", false), ("signed", true)] {
        for app in Either::both(provider.issuer(), id, |client| client)? {
            let verifier = verifier(&app, Algorithm::Es256)?;
            let (token, user) = log_in(&app, &verifier)?;
            let plain = UserInfoRequest::new(app.client(), &user);
            let signed = plain.clone().signed([Algorithm::Es256], verifier.keys());
            let (right, wrong) = if is_signed {
                (signed, plain)
            } else {
                (plain, signed)
            };
            let told = app.run(right.flow(&token))?;
            assert_eq!(
                (told.subject(), told.verified_email()),
                ("ann", Some("ann@example.com"))
            );
            let refused = app.run(wrong.flow(&token));
            assert!(
                matches!(&refused, Err(Error::BadReply(bad)) if bad.problem() == ReplyProblem::MediaType),
                "{id}: {refused:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_client_signs_with_its_secret() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ASSERTION]);
    let Some(provider) = provider() else { return Ok(()) };
    let method = ClientSecretJwt::new(&Secret::new(SIGNING_SECRET), Algorithm::Hs256)?;
    for app in apps(&provider, "secret-jwt", &method.into())? {
        let (_, user) = log_in(&app, &verifier(&app, Algorithm::Es256)?)?;
        assert_eq!(user.subject(), "ann");
    }
    Ok(())
}

#[test]
fn a_key_that_is_not_registered_is_refused_by_the_server() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ASSERTION]);
    let Some(provider) = provider() else { return Ok(()) };
    let mut foreign = new_key();
    // RFC 8037 has no other: a seed of our own, under the name of the one that is registered.
    foreign["d"] = json!("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
    foreign["x"] = json!("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w");
    for app in apps(&provider, "signing", &signing(&foreign, Algorithm::EdDsa))? {
        let refused = log_in(&app, &verifier(&app, Algorithm::Es256)?);
        assert!(
            matches!(&refused, Err(Error::Server(refusal)) if *refusal.code() == ErrorCode::InvalidClient),
            "{refused:?}"
        );
    }
    Ok(())
}

#[test]
fn a_token_of_another_client_or_signed_in_another_way_is_refused() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ID_TOKEN]);
    let Some(provider) = provider() else { return Ok(()) };
    let ours = apps(&provider, "signing", &signing(&old_key(), Algorithm::Es256))?;
    let others = Either::both(provider.issuer(), "native", |client| client)?;
    for (app, native) in ours.into_iter().zip(others) {
        let refused = log_in(&app, &verifier(&app, Algorithm::Rs256)?);
        assert!(
            matches!(refused, Err(Error::TokenRefused("its algorithm is not allowed"))),
            "{refused:?}"
        );
        let (token, _) = log_in(&app, &verifier(&app, Algorithm::Es256)?)?;
        let id_token = token.id_token.expect("there is one");
        let refused = native.run(verifier(&native, Algorithm::Es256)?.verify(&id_token, Occasion::alone()));
        assert!(
            matches!(refused, Err(Error::TokenRefused("it is for somebody else"))),
            "{refused:?}"
        );
    }
    Ok(())
}

#[test]
fn a_new_key_of_the_server_is_asked_for_and_the_one_that_is_gone_proves_nothing() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ID_TOKEN]);
    let Some(mut provider) = provider() else {
        return Ok(());
    };
    for app in Either::both(provider.issuer(), "native", |client| client)? {
        let ours = verifier(&app, Algorithm::Es256)?;
        let (before, _) = log_in(&app, &ours)?;
        let key_id = provider.rotate_keys();
        let (after, user) = log_in(&app, &verifier(&app, Algorithm::Es256)?)?;
        assert_eq!(user.claims().jws().key_id(), Some(&*key_id));
        let verify = |token: &Token| {
            let id_token = token.id_token.as_ref().expect("there is one");
            app.run(ours.verify(id_token, Occasion::alone()))
        };
        // The keys were asked for less than a minute ago, and still are what they were.
        assert!(matches!(verify(&after), Err(Error::TokenRefused(_))));
        assert_eq!(verify(&before)?.subject(), "ann");
        app.clock().advance(Duration::from_secs(61));
        assert_eq!(verify(&after)?.subject(), "ann");
        assert!(matches!(verify(&before), Err(Error::TokenRefused(_))));
    }
    Ok(())
}

#[test]
fn a_client_with_the_check_gets_credentials_only_with_a_proven_id_token() -> Result<(), Error> {
    drives_over_both(OidcProvider, &[ID_TOKEN]);
    let Some(provider) = provider() else { return Ok(()) };
    let [plain, _] = Either::both(provider.issuer(), "native", |client| client)?;
    for (algorithm, passes) in [(Algorithm::Es256, true), (Algorithm::Rs256, false)] {
        let check = Arc::new(verifier(&plain, algorithm)?);
        for app in Either::both(provider.issuer(), "native", |client| {
            client.with_id_token_check(check.clone())
        })? {
            match app.log_in(&mut Browser::of("ann")) {
                Ok(record) => {
                    assert!(passes);
                    let reply = app.authorized(record.key(), get(&provider.url("/me")))?;
                    assert_eq!(member(&reply, "sub"), "ann");
                }
                Err(error) => {
                    assert!(!passes, "{error}");
                    assert!(matches!(error, Error::TokenRefused(_)), "{error:?}");
                }
            }
        }
    }
    Ok(())
}
