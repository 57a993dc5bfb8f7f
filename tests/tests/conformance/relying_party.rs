//! The relying-party modules of the OpenID Foundation's conformance suite, by name: what each demands of a client, and what this one
//! does. The server of each is `grantflow-testserver`, which is made to misbehave as the module has it.
//!
//! The names are the 59 that openid-client (npm) runs.

#![expect(
    clippy::print_stdout,
    reason = "each module says how it ended, and the suite how many did"
)]

use std::sync::Arc;
use std::time::Duration;

use grantflow_core::Endpoint as Endpoint_;
use grantflow_core::blocking::Credentials;
use grantflow_core::{
    Authentication, AuthorizationCode, AuthorizationRequest, Client, Error, Issuer, Origin, Record,
    ResponseMode, ResponseType, Secret, Step, Token, TokenType,
};
use grantflow_jwt::{Algorithm, ContentEncryption, Decryption, DecryptionKey, KeyManagement, SigningKey};
use grantflow_oidc::{
    ClientSecretJwt, Dpop, IdTokenVerification, IdTokenVerifier, PrivateKeyJwt, ResponseVerifier,
    UserInfoRequest, VerifiedIdToken, exchange, refresh,
};
use grantflow_suites::app::{App, NOWHERE};
use grantflow_suites::login;
use grantflow_testserver::{
    Config, Endpoint, ExpiresIn, Fault, IdTokenAlgorithm, IdTokenFlaw, TestClient, TestServer,
};
use grantflow_ureq::UreqTransport;

use Demand::{Either, Pass, Refuse};
use Scene::{Bound, Flaw, Honest, Hybrid, Jarm, Server, Unstated};
use Verdict::{OnPurpose, Played};

/// What a module wants to see.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Demand {
    Pass,
    Refuse,
    /// The suite lets the client choose.
    Either,
}

/// What this client does about it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// The scene is played, and the client does what is demanded.
    Played,
    /// The scene is played, and the client refuses what the module would let pass.
    OnPurpose(&'static str),
}

/// What the server does.
#[derive(Clone, Debug)]
enum Scene {
    Honest,
    Flaw(IdTokenFlaw),
    Server(Endpoint, Fault),
    /// Its answers to authorization requests are signed, and wrong in one thing if that is named.
    Jarm(Option<IdTokenFlaw>),
    /// It sends an ID token beside the code, which is wrong in one thing if that is named.
    Hybrid(Option<IdTokenFlaw>),
    /// It binds tokens to keys.
    Bound(Binding),
    /// No `expires_in`.
    Unstated,
}

/// How tokens are bound.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Binding {
    Plain,
    Nonces,
    /// With nonces, and with schemes in odd case.
    Odd,
}

const NATIVE: &str = "native-app";
/// Registered for ES256.
const ES: &str = "es-app";
/// Registered for HS256.
const HS: &str = "hs-app";
const BASIC: &str = "basic-app";
const SIGNING: &str = "signing-app";
const SECRET_JWT: &str = "secret-app";
/// Registered for encrypted ID tokens.
const ENCRYPTED: &str = "encrypted-app";
/// Registered for signed userinfo.
const SIGNED_USERINFO: &str = "signed-userinfo-app";

type Module = (&'static str, Demand, Verdict, &'static str, Scene);

#[rustfmt::skip] // a table
fn modules() -> Vec<Module> {
    use IdTokenFlaw::*;
    let authorization = |fault| Server(Endpoint::Authorization, fault);
    let token = |fault| Server(Endpoint::Token, fault);
    vec![
        ("client-secret-basic", Pass, Played, BASIC, Honest),
        ("discovery-issuer-mismatch", Refuse, Played, NATIVE, Server(Endpoint::Metadata, Fault::WrongIssuer)),
        ("encrypted-idtoken-usingrsa15", Refuse, Played, ENCRYPTED, Flaw(Encrypted)),
        ("encrypted-idtoken", Pass, Played, ENCRYPTED, Honest),
        ("ensure-authorization-response-with-invalid-missing-state-fails", Refuse, Played, NATIVE, authorization(Fault::NoState)),
        ("ensure-authorization-response-with-invalid-state-fails", Refuse, Played, NATIVE, authorization(Fault::WrongState)),
        ("ensure-jarm-signature-is-not-none", Refuse, Played, NATIVE, Jarm(Some(Unsigned))),
        ("ensure-jarm-with-expired-exp-fails", Refuse, Played, NATIVE, Jarm(Some(Expired))),
        ("ensure-jarm-with-invalid-aud-fails", Refuse, Played, NATIVE, Jarm(Some(WrongAudience))),
        ("ensure-jarm-with-invalid-iss-fails", Refuse, Played, NATIVE, Jarm(Some(WrongIssuer))),
        ("ensure-jarm-with-invalid-sig-fails", Refuse, Played, NATIVE, Jarm(Some(BrokenSignature))),
        ("ensure-jarm-without-aud-fails", Refuse, Played, NATIVE, Jarm(Some(NoAudience))),
        ("ensure-jarm-without-exp-fails", Refuse, Played, NATIVE, Jarm(Some(NoExpiry))),
        ("ensure-jarm-without-iss-fails", Refuse, Played, NATIVE, Jarm(Some(NoIssuer))),
        ("fapi1-advanced-final-client-test", Pass, Played, NATIVE, Hybrid(None)),
        ("happy-path-no-dpop-nonce", Pass, Played, NATIVE, Bound(Binding::Plain)),
        ("happy-path", Pass, Played, NATIVE, Bound(Binding::Nonces)),
        ("iat-is-week-in-past", Refuse, Played, NATIVE, Flaw(WeekOld)),
        ("idtoken-sig-none", Pass, OnPurpose("an unsigned token proves nothing to whoever it is shown next"), NATIVE, Flaw(Unsigned)),
        ("idtoken-sig-rs256", Pass, Played, NATIVE, Honest),
        ("invalid-alternate-alg", Refuse, Played, NATIVE, Flaw(OtherAlgorithm)),
        ("invalid-aud", Refuse, Played, NATIVE, Flaw(WrongAudience)),
        ("invalid-authorization-response-iss", Refuse, Played, NATIVE, authorization(Fault::WrongIssuer)),
        ("invalid-chash", Refuse, Played, NATIVE, Hybrid(Some(WrongCodeHash))),
        ("invalid-expired-exp", Refuse, Played, NATIVE, Flaw(Expired)),
        ("invalid-iss", Refuse, Played, NATIVE, Flaw(WrongIssuer)),
        ("invalid-missing-aud", Refuse, Played, NATIVE, Flaw(NoAudience)),
        ("invalid-missing-exp", Refuse, Played, NATIVE, Flaw(NoExpiry)),
        ("invalid-missing-iss", Refuse, Played, NATIVE, Flaw(NoIssuer)),
        ("invalid-missing-nonce", Refuse, Played, NATIVE, Flaw(NoNonce)),
        ("invalid-missing-shash", Refuse, Played, NATIVE, Hybrid(Some(NoStateHash))),
        ("invalid-nonce", Refuse, Played, NATIVE, Flaw(WrongNonce)),
        ("invalid-null-alg", Refuse, Played, NATIVE, Flaw(Unsigned)),
        ("invalid-secondary-aud", Refuse, Played, NATIVE, Flaw(SecondAudience)),
        ("invalid-shash", Refuse, Played, NATIVE, Hybrid(Some(WrongStateHash))),
        ("invalid-sig-es256", Refuse, Played, ES, Flaw(BrokenSignature)),
        ("invalid-sig-hs256", Refuse, Played, HS, Flaw(BrokenSignature)),
        ("invalid-sig-rs256", Refuse, Played, NATIVE, Flaw(BrokenSignature)),
        ("invalid-signature", Refuse, Played, NATIVE, Flaw(ForeignKey)),
        ("kid-absent-multiple-jwks", Either, Played, NATIVE, Flaw(NoKeyId)),
        ("kid-absent-single-jwks", Pass, Played, NATIVE, Flaw(NoKeyId)),
        ("missing-athash", Pass, Played, NATIVE, Flaw(NoTokenHash)),
        ("missing-aud", Refuse, Played, NATIVE, Flaw(NoAudience)),
        ("missing-chash", Refuse, Played, NATIVE, Hybrid(Some(NoCodeHash))),
        ("missing-iat", Refuse, Played, NATIVE, Flaw(NoIssuedAt)),
        ("missing-sub", Refuse, Played, NATIVE, Flaw(NoSubject)),
        ("no-scope-in-token-endpoint-response", Pass, Played, NATIVE, token(Fault::NoScope)),
        ("nonce-invalid", Refuse, Played, NATIVE, Flaw(WrongNonce)),
        ("nonce-unless-code-flow", Pass, Played, NATIVE, Honest),
        ("oidcc-client-test", Pass, Played, NATIVE, Honest),
        ("remove-authorization-response-iss", Refuse, Played, NATIVE, authorization(Fault::NoIssuer)),
        ("rs-dpop-auth-scheme-case-insensitivity", Pass, Played, NATIVE, Bound(Binding::Odd)),
        ("scope-userinfo-claims", Pass, Played, NATIVE, Honest),
        ("token-endpoint-response-without-expires_in", Pass, Played, NATIVE, Unstated),
        ("token-type-case-insensitivity", Pass, Played, NATIVE, token(Fault::OddTokenType)),
        ("userinfo-bearer-header", Pass, Played, NATIVE, Honest),
        ("userinfo-invalid-sub", Refuse, Played, NATIVE, Server(Endpoint::Api, Fault::UserInfo(OtherSubject))),
        ("userinfo-signed", Pass, Played, SIGNED_USERINFO, Honest),
        ("valid-aud-as-array", Pass, Played, NATIVE, Flaw(AudienceList)),
    ]
}

fn config() -> Config {
    let redirects = ["http://127.0.0.1/cb"];
    let es = TestClient::public(ES, redirects).with_id_token_algorithm(IdTokenAlgorithm::Es256);
    let hs = TestClient::confidential_post(HS, HS_SECRET, redirects)
        .with_id_token_algorithm(IdTokenAlgorithm::Hs256);
    let native = TestClient::public(NATIVE, redirects);
    let basic = TestClient::confidential_basic(BASIC, BASIC_SECRET, redirects);
    let signing = TestClient::private_key_jwt(SIGNING, PUBLIC, redirects).expect("keys of RFCs");
    let secret = TestClient::client_secret_jwt(SECRET_JWT, HS_SECRET, redirects);
    let userinfo =
        TestClient::public(SIGNED_USERINFO, redirects).with_userinfo_algorithm(IdTokenAlgorithm::Rs256);
    let encrypted = TestClient::public(ENCRYPTED, redirects)
        .with_encrypted_id_tokens(&decryption_key().public_jwk())
        .expect("a key of an RFC");
    [es, hs, native, basic, signing, secret, userinfo, encrypted]
        .into_iter()
        .fold(Config::new(), Config::client)
}

fn server(name: &str, scene: &Scene) -> TestServer {
    let config = config();
    let server = match scene {
        Unstated => config.expires_in(ExpiresIn::Unstated(Duration::from_secs(3600))),
        Bound(Binding::Nonces) => config.require_dpop_nonces(),
        Bound(Binding::Odd) => config.require_dpop_nonces().odd_challenges(),
        _ => config,
    };
    let server = server.start().expect("a server starts on loopback");
    match scene {
        Flaw(flaw) => server.set_fault(Endpoint::Token, Fault::IdToken(*flaw)),
        Server(endpoint, fault) => server.set_fault(*endpoint, fault.clone()),
        Jarm(Some(flaw)) => server.set_fault(Endpoint::Authorization, Fault::Response(*flaw)),
        Hybrid(Some(flaw)) => server.set_fault(Endpoint::Authorization, Fault::IdToken(*flaw)),
        Bound(Binding::Odd) => server.set_fault(Endpoint::Token, Fault::OddTokenType),
        Honest | Unstated | Jarm(None) | Hybrid(None) | Bound(_) => {}
    }
    if name.ends_with("multiple-jwks") {
        server.rotate_keys();
    }
    server
}

const HS_SECRET: &str = "a secret of at least thirty-two bytes";
const BASIC_SECRET: &str = "s3cr%t:+ /&=~";

/// RFC 8037 appendix A.1, and RFC 7515 appendix A.3.1: the key in use, and the one before it.
const PUBLIC: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","kid":"old","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    {"kty":"OKP","crv":"Ed25519","kid":"new","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"new","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// Bob's, of RFC 7518 appendix C.
fn decryption_key() -> DecryptionKey {
    DecryptionKey::from_jwk(DECRYPTING)
        .expect("a key of an RFC")
        .with_key_id("bob")
}

const DECRYPTING: &str = r#"{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}"#;

fn signing_key() -> Authentication {
    let key = SigningKey::from_jwk(PRIVATE).expect("a key of an RFC");
    PrivateKeyJwt::new(key, Algorithm::EdDsa)
        .expect("the algorithm is the key's")
        .into()
}

fn signing_secret() -> Authentication {
    let secret = Secret::new(HS_SECRET);
    ClientSecretJwt::new(&secret, Algorithm::Hs256)
        .expect("it is long enough")
        .into()
}

/// An application and what verifies its ID tokens, by what the server says of itself.
fn app(server: &TestServer, id: &str) -> Result<(App, IdTokenVerifier), Error> {
    let app = App::discover(server.issuer(), id, |client: Client| match id {
        BASIC => client.with_secret_basic(BASIC_SECRET),
        HS => client.with_secret_post(HS_SECRET),
        SIGNING => client.with_authentication(signing_key()),
        SECRET_JWT => client.with_authentication(signing_secret()),
        _ => client,
    })?;
    let issuer = Issuer::allow_http_for_loopback(server.issuer())?;
    let metadata = app.run(grantflow_core::flow::discover(&issuer))?;
    let algorithm = if id == ES {
        Algorithm::Es256
    } else {
        Algorithm::Rs256
    };
    let verifier = IdTokenVerifier::of_server([algorithm], &metadata, id)?;
    if id == ENCRYPTED {
        let verification = IdTokenVerification::new([algorithm], &issuer, id);
        let opening = Decryption::new(
            [decryption_key()],
            [KeyManagement::EcdhEs],
            [ContentEncryption::A256Gcm],
        );
        let keys = verifier.keys().clone();
        return Ok((app, IdTokenVerifier::new(verification.encrypted(opening), keys)));
    }
    Ok((app, verifier))
}

/// The same, with tokens that are bound to a key.
fn bound_app(server: &TestServer, id: &str) -> Result<(App, IdTokenVerifier), Error> {
    let (_, verifier) = app(server, id)?;
    let dpop = Arc::new(Dpop::generate(Algorithm::Es256)?);
    let bound = App::discover(server.issuer(), id, |client| {
        client.with_token_constraint(dpop.clone())
    })?;
    Ok((bound, verifier))
}

fn log_in(
    server: &TestServer,
    app: &App,
    verifier: &IdTokenVerifier,
) -> Result<(Token, VerifiedIdToken), Error> {
    let (url, pending) = app.run(login::start(app.client(), NOWHERE, "openid email"))?;
    let redirect = server.approve(&url).expect("the user consents");
    let (client, verifier) = (app.client().clone(), verifier.clone());
    app.run(Step::begin(move |cx| {
        let code = pending.accept(&redirect, cx)?;
        Ok(exchange(&client, code, &verifier))
    }))
}

/// The same with a signed answer.
fn log_in_with_jarm(
    server: &TestServer,
    app: &App,
    verifier: &IdTokenVerifier,
    mode: ResponseMode,
) -> Result<(Token, VerifiedIdToken), Error> {
    let client = app.client().clone();
    let (url, pending) = app.run(Step::begin(move |cx| {
        let request = AuthorizationRequest::new(&client, NOWHERE).scopes("openid email")?;
        let (url, pending) = request.response_mode(mode).start(cx)?;
        Ok(Step::Done((url.into_string(), pending)))
    }))?;
    let redirect = server.approve(&url).expect("the user consents");
    assert!(pending.matches(&redirect));
    let issuer = app.client().issuer().expect("it was discovered");
    let keys = verifier.keys().clone();
    let accepting = ResponseVerifier::new([Algorithm::Rs256], issuer, app.client().id(), keys);
    let code = app.run(accepting.accept(pending, &redirect))?;
    app.run(exchange(app.client(), code, verifier))
}

/// The code that came beside an ID token, as FAPI 1.0 Advanced wants that: with the hash of the state.
fn accept_with_id_token(
    server: &TestServer,
    app: &App,
    verifier: &IdTokenVerifier,
) -> Result<AuthorizationCode, Error> {
    let client = app.client().clone();
    let (url, pending) = app.run(Step::begin(move |cx| {
        let request = AuthorizationRequest::new(&client, NOWHERE).scopes("openid email")?;
        let (url, pending) = request.response_type(ResponseType::CodeIdToken).start(cx)?;
        Ok(Step::Done((url.into_string(), pending)))
    }))?;
    let body = server.approve(&url).expect("the user consents");
    assert!(pending.matches(&body));
    app.run(verifier.accept(pending, &body))
}

fn log_in_with_id_token(
    server: &TestServer,
    app: &App,
    verifier: &IdTokenVerifier,
) -> Result<(Token, VerifiedIdToken), Error> {
    let code = accept_with_id_token(server, app, verifier)?;
    app.run(exchange(app.client(), code, verifier))
}

/// From the server's name to the user's: discovery, login, ID token, userinfo.
fn play(server: &TestServer, id: &str, scene: &Scene) -> Result<(Token, VerifiedIdToken), Error> {
    let (app, verifier) = match scene {
        Bound(_) => bound_app(server, id)?,
        _ => app(server, id)?,
    };
    let (token, user) = match scene {
        Jarm(_) => log_in_with_jarm(server, &app, &verifier, ResponseMode::QueryJwt)?,
        Hybrid(_) => log_in_with_id_token(server, &app, &strict(&app, &verifier)?)?,
        _ => log_in(server, &app, &verifier)?,
    };
    let origin = Origin::new(server.issuer())?;
    let credentials = Credentials::from_access_token(token.clone(), UreqTransport::new()?);
    let credentials = credentials
        .allow_origins([origin])
        .with_client(app.client().clone());
    let is_bound = token.token_type == TokenType::Dpop;
    assert_eq!(is_bound, matches!(scene, Bound(_)));
    let request = UserInfoRequest::new(app.client(), &user);
    let request = match id {
        SIGNED_USERINFO => request.signed([Algorithm::Rs256], verifier.keys()),
        _ => request,
    };
    let reply = credentials.authorized(request.to_http()?)?;
    let told = app.run(request.read(&reply)?)?;
    assert_eq!(told.subject(), user.subject());
    assert_eq!(told.verified_email(), Some("ann@example.com"));
    Ok((token, user))
}

#[test]
fn t09_the_modules_of_the_conformance_suite_end_as_each_demands() {
    let modules = modules();
    let (mut as_demanded, mut on_purpose) = (0, 0);
    for (name, demand, verdict, client, scene) in &modules {
        let server = server(name, scene);
        let outcome = play(&server, client, scene);
        println!(
            "{name}: {}",
            outcome
                .as_ref()
                .map_or_else(Error::to_string, |_| "passed".to_owned())
        );
        let refused = match &outcome {
            Ok(_) => false,
            Err(Error::TokenRefused(_) | Error::BadReply(_) | Error::Callback(_)) => true,
            Err(other) => panic!("{name}: neither passed nor refused: {other:?}"),
        };
        match verdict {
            OnPurpose(_) => {
                assert_eq!((refused, *demand), (true, Pass), "{name}");
                on_purpose += 1;
            }
            Played => {
                assert!(
                    *demand == Either || refused == (*demand == Refuse),
                    "{name}: {outcome:?}"
                );
                as_demanded += 1;
            }
        }
    }
    println!(
        "{} modules: {as_demanded} end as demanded, {on_purpose} refused on purpose",
        modules.len()
    );
    assert_eq!((modules.len(), as_demanded, on_purpose), (59, 58, 1));
}

#[test]
fn t45_an_encrypted_id_token_is_believed_no_more_than_one_in_the_clear() -> Result<(), Error> {
    use IdTokenFlaw::*;
    let server = server("", &Honest);
    let (app, verifier) = app(&server, ENCRYPTED)?;
    let (token, user) = log_in(&server, &app, &verifier)?;
    // What is kept can be compared with the next one, and is no other user's.
    let refresh_token = token.refresh_token.clone().expect("there is one");
    let kept = token.id_token.expect("there is one");
    assert_eq!(kept.expose().split('.').count(), 3);
    let (_, again) = app
        .run(refresh(app.client(), refresh_token, &user, &verifier))?
        .token?;
    assert!(again.is_some_and(|again| again.same_subject_as(&user)));
    for flaw in [
        Unsigned,
        BrokenSignature,
        ForeignKey,
        OtherAlgorithm,
        WrongIssuer,
        WrongAudience,
        WrongNonce,
        Expired,
        Encrypted,
    ] {
        server.push_fault(Endpoint::Token, Fault::IdToken(flaw));
        let refused = log_in(&server, &app, &verifier);
        assert!(
            matches!(refused, Err(Error::TokenRefused(_))),
            "{flaw}: {refused:?}"
        );
    }
    // Beside a code, too.
    assert!(log_in_with_id_token(&server, &app, &verifier).is_ok());
    // A verifier that opens takes nothing in the clear, and one that does not takes nothing encrypted.
    let (plain, reading) = self::app(&server, NATIVE)?;
    assert!(log_in(&server, &app, &reading).is_err());
    let opening =
        IdTokenVerification::of_client([Algorithm::Rs256], plain.client())?.encrypted(Decryption::new(
            [decryption_key()],
            [KeyManagement::EcdhEs],
            [ContentEncryption::A256Gcm],
        ));
    let opening = IdTokenVerifier::new(opening, verifier.keys().clone());
    let refused = log_in(&server, &plain, &opening);
    assert!(matches!(refused, Err(Error::TokenRefused(_))), "{refused:?}");
    Ok(())
}

/// Each by name, since one that passes for another reason proves nothing.
#[test]
fn t45_userinfo_with_one_thing_wrong_is_refused() -> Result<(), Error> {
    for (client, flaw, passes) in [
        (NATIVE, IdTokenFlaw::OtherSubject, false),
        (NATIVE, IdTokenFlaw::NoSubject, false),
        (SIGNED_USERINFO, IdTokenFlaw::OtherSubject, false),
        (SIGNED_USERINFO, IdTokenFlaw::NoSubject, false),
        (SIGNED_USERINFO, IdTokenFlaw::WrongIssuer, false),
        (SIGNED_USERINFO, IdTokenFlaw::WrongAudience, false),
        (SIGNED_USERINFO, IdTokenFlaw::Expired, false),
        (SIGNED_USERINFO, IdTokenFlaw::BrokenSignature, false),
        (SIGNED_USERINFO, IdTokenFlaw::ForeignKey, false),
        (SIGNED_USERINFO, IdTokenFlaw::UnknownKeyId, false),
        (SIGNED_USERINFO, IdTokenFlaw::OtherAlgorithm, false),
        (SIGNED_USERINFO, IdTokenFlaw::Unsigned, false),
        (SIGNED_USERINFO, IdTokenFlaw::HmacOfPublicKey, false),
        (SIGNED_USERINFO, IdTokenFlaw::NoIssuer, true),
        (SIGNED_USERINFO, IdTokenFlaw::NoAudience, true),
    ] {
        let scene = Server(Endpoint::Api, Fault::UserInfo(flaw));
        match play(&server("", &scene), client, &scene) {
            Ok(_) => assert!(passes, "{flaw}"),
            Err(error) => assert!(
                !passes && matches!(error, Error::TokenRefused(_)),
                "{client}, {flaw}: {error:?}"
            ),
        }
    }
    Ok(())
}

#[test]
fn t09_signed_answers_with_one_thing_wrong_are_refused_in_either_mode() -> Result<(), Error> {
    use IdTokenFlaw::*;
    for mode in [ResponseMode::QueryJwt, ResponseMode::FormPostJwt] {
        let honest = server("", &Honest);
        let (app, verifier) = app(&honest, NATIVE)?;
        let (_, user) = log_in_with_jarm(&honest, &app, &verifier, mode)?;
        assert_eq!(user.subject(), "ann");
        for flaw in [
            Unsigned,
            Expired,
            WrongAudience,
            WrongIssuer,
            BrokenSignature,
            NoAudience,
            NoExpiry,
            NoIssuer,
            ForeignKey,
            UnknownKeyId,
            OtherAlgorithm,
            HmacOfPublicKey,
            FromTheFuture,
            SecondAudience,
        ] {
            honest.push_fault(Endpoint::Authorization, Fault::Response(flaw));
            let refused = log_in_with_jarm(&honest, &app, &verifier, mode);
            assert!(
                matches!(refused, Err(Error::TokenRefused(_))),
                "{flaw}: {refused:?}"
            );
        }
        for fault in [
            Fault::WrongIssuer,
            Fault::NoIssuer,
            Fault::Error("access_denied".to_owned()),
        ] {
            honest.push_fault(Endpoint::Authorization, fault.clone());
            assert!(
                log_in_with_jarm(&honest, &app, &verifier, mode).is_err(),
                "{fault}"
            );
        }
    }
    Ok(())
}

/// The checks of FAPI 1.0 Advanced.
fn strict(app: &App, verifier: &IdTokenVerifier) -> Result<IdTokenVerifier, Error> {
    let verification = IdTokenVerification::of_client([Algorithm::Rs256], app.client())?;
    let keys = verifier.keys().clone();
    Ok(IdTokenVerifier::new(verification.require_state_hash(), keys))
}

#[test]
fn t09_an_id_token_beside_the_code_with_one_thing_wrong_is_refused_before_the_code_is_sent()
-> Result<(), Error> {
    use IdTokenFlaw::*;
    let server = server("", &Honest);
    let (app, verifier) = app(&server, NATIVE)?;
    for flaw in IdTokenFlaw::NAMES.iter().map(|(_, flaw)| *flaw) {
        server.push_fault(Endpoint::Authorization, Fault::IdToken(flaw));
        let accepted = accept_with_id_token(&server, &app, &verifier);
        match flaw {
            // Nothing else says who it was, when, and by what; a state without a hash is compared itself.
            OtherSubject | NoTokenHash | NoStateHash | NoAuthTime | OldLogin | OtherAcr | AudienceList
            | NoKeyId | WrongTokenHash => assert!(accepted.is_ok(), "{flaw}: {accepted:?}"),
            Absent => assert!(
                matches!(accepted, Err(Error::Callback(_))),
                "{flaw}: {accepted:?}"
            ),
            _ => assert!(
                matches!(accepted, Err(Error::TokenRefused(_))),
                "{flaw}: {accepted:?}"
            ),
        }
    }
    assert_eq!(server.stats().token_requests, 0);
    // What the one says, the other has to say too.
    for endpoint in [Endpoint::Authorization, Endpoint::Token] {
        server.push_fault(endpoint, Fault::IdToken(OtherSubject));
        let refused = log_in_with_id_token(&server, &app, &verifier);
        assert!(matches!(refused, Err(Error::TokenRefused(_))), "{refused:?}");
    }
    server.push_fault(Endpoint::Authorization, Fault::Error("access_denied".to_owned()));
    let denied = log_in_with_id_token(&server, &app, &verifier);
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    Ok(())
}

/// Every client as it authenticates; the server takes nothing in an address but the reference, and that once.
#[test]
fn a_pushed_request_logs_in_and_its_address_says_nothing() -> Result<(), Error> {
    let server = config()
        .require_pushed_requests()
        .start()
        .expect("a server starts");
    for (number, id) in [NATIVE, BASIC, HS, SIGNING, SECRET_JWT].into_iter().enumerate() {
        let (app, verifier) = app(&server, id)?;
        let verifier = match id {
            HS => None,
            _ => Some(verifier),
        };
        let client = app.client().clone();
        let plain = app.run(Step::begin(move |cx| {
            let (url, _) = AuthorizationRequest::new(&client, NOWHERE)
                .scopes("openid")?
                .start(cx)?;
            Ok(Step::Done(url))
        }));
        assert!(matches!(plain, Err(Error::InvalidInput(_))), "{id}: {plain:?}");
        let client = app.client().clone();
        let (url, pending) = app.run(Step::begin(move |cx| {
            AuthorizationRequest::new(&client, NOWHERE)
                .scopes("openid email")?
                .begin(cx)
        }))?;
        let names = url.as_str().split(['?', '&']).skip(1);
        let names: Vec<&str> = names.filter_map(|pair| pair.split('=').next()).collect();
        assert_eq!(names, ["client_id", "request_uri"], "{id}");
        assert!(url.expires_at().is_some());
        let redirect = server.approve(url.as_str()).expect("the user consents");
        assert!(server.approve(url.as_str()).is_err(), "a reference works once");
        let client = app.client().clone();
        app.run(Step::begin(move |cx| {
            let code = pending.accept(&redirect, cx)?;
            let exchange = grantflow_core::TokenRequest::authorization_code(&client, code).flow();
            Ok(exchange.and_then(move |token: Token, _| match verifier {
                Some(verifier) => {
                    let id_token = token.id_token.clone().expect("there is one");
                    let verified = verifier.verify(&id_token, grantflow_oidc::Occasion::alone());
                    Ok(verified.and_then(|user, _| Ok(Step::Done(user.subject().to_owned()))))
                }
                None => Ok(Step::Done(String::new())),
            }))
        }))?;
        assert_eq!(server.stats().pushed_requests, number as u64 + 1);
    }
    Ok(())
}

#[test]
fn t28_a_pushed_request_that_is_refused_or_sent_elsewhere_gives_no_address() -> Result<(), Error> {
    let server = config().start().expect("a server starts");
    let (app, _) = app(&server, NATIVE)?;
    for (fault, expected) in [
        (
            Fault::Error("invalid_request".to_owned()),
            "the server refused: invalid_request",
        ),
        (
            Fault::Redirect,
            "the server's reply (307) is a redirect, which is not followed",
        ),
        (Fault::Html, "the server's reply (200) has the wrong media type"),
    ] {
        server.push_fault(Endpoint::PushedAuthorization, fault);
        let client = app.client().clone();
        let pushed = app.run(Step::begin(move |cx| {
            let (pushed, _) = AuthorizationRequest::new(&client, NOWHERE).push(cx)?;
            Ok(pushed.flow())
        }));
        assert_eq!(pushed.expect_err("there is no reference").to_string(), expected);
    }
    assert!(server.log().iter().all(|request| request.path != "/elsewhere"));
    Ok(())
}

#[test]
fn clients_prove_themselves_by_assertions_at_a_login_and_at_each_refresh() -> Result<(), Error> {
    let server = server("", &Honest);
    for (id, assertions) in [(SIGNING, 2), (SECRET_JWT, 4)] {
        let (app, verifier) = app(&server, id)?;
        let (token, user) = log_in(&server, &app, &verifier)?;
        let refresh_token = token.refresh_token.clone().expect("there is one");
        let (renewed, again) = app
            .run(refresh(app.client(), refresh_token, &user, &verifier))?
            .token?;
        assert!(!renewed.access_token.eq_ct(&token.access_token));
        assert!(again.is_some_and(|again| again.same_subject_as(&user)));
        assert_eq!(
            server.stats().client_assertions,
            assertions,
            "each is signed anew, or it would be a replay"
        );
    }
    Ok(())
}

#[test]
fn t47_new_keys_of_the_server_are_asked_for_once_and_an_unknown_one_once_a_minute() -> Result<(), Error> {
    let server = server("", &Honest);
    let (app, verifier) = app(&server, NATIVE)?;
    for _ in 0..3 {
        log_in(&server, &app, &verifier)?;
    }
    assert_eq!(server.stats().key_requests, 1);
    app.clock.advance(Duration::from_secs(61));
    server.advance(Duration::from_secs(61));
    server.rotate_keys();
    for _ in 0..3 {
        log_in(&server, &app, &verifier)?;
    }
    assert_eq!(server.stats().key_requests, 2);
    server.set_fault(Endpoint::Token, Fault::IdToken(IdTokenFlaw::UnknownKeyId));
    for _ in 0..5 {
        let refused = log_in(&server, &app, &verifier);
        assert!(matches!(refused, Err(Error::TokenRefused(_))), "{refused:?}");
    }
    assert_eq!(server.stats().key_requests, 2, "the minute is not over");
    app.clock.advance(Duration::from_secs(61));
    server.advance(Duration::from_secs(61));
    for _ in 0..5 {
        assert!(log_in(&server, &app, &verifier).is_err());
    }
    assert_eq!(server.stats().key_requests, 3);
    Ok(())
}

#[test]
fn a_refresh_whose_id_token_is_about_somebody_else_gives_no_token() -> Result<(), Error> {
    let server = server("", &Honest);
    let (app, verifier) = app(&server, NATIVE)?;
    for (flaw, passes) in [
        (IdTokenFlaw::OtherSubject, false),
        (IdTokenFlaw::WrongTokenHash, false),
        (IdTokenFlaw::BrokenSignature, false),
        (IdTokenFlaw::Absent, true),
    ] {
        let (token, user) = log_in(&server, &app, &verifier)?;
        server.push_fault(Endpoint::Refresh, Fault::IdToken(flaw));
        let refresh_token = token.refresh_token.expect("there is one");
        let renewed = app.run(refresh(app.client(), refresh_token, &user, &verifier))?;
        // Good for another refresh, which brings a token of the same user again.
        let successor = renewed.refresh_token.expect("the server rotates");
        let another = app.run(refresh(app.client(), successor, &user, &verifier))?;
        assert!(another.token.is_ok(), "{flaw}");
        match renewed.token {
            Ok((_, again)) => assert!(passes && again.is_none(), "{flaw}"),
            Err(error) => assert!(
                !passes && matches!(error, Error::TokenRefused(_)),
                "{flaw}: {error:?}"
            ),
        }
    }
    Ok(())
}

/// Logs a user in and stores what came, as an application does whose client has the check.
fn stored(server: &TestServer, id: &str) -> Result<(App, Client, Credentials), Error> {
    let (plain, verifier) = app(server, id)?;
    let client = plain.client().clone().with_id_token_check(Arc::new(verifier));
    let app = App::discover(server.issuer(), id, |_| client.clone())?;
    let (url, pending) = app.run(login::start(app.client(), NOWHERE, "openid email"))?;
    let redirect = server.approve(&url).expect("the user consents");
    let record = app.run(login::finish(app.client(), pending, &redirect))?;
    let credentials = Credentials::new(
        record.key().clone(),
        app.store(),
        app.clock.on(UreqTransport::new()?),
    );
    Ok((app, client, credentials))
}

#[test]
fn stored_credentials_refresh_and_revoke_with_a_key_that_is_in_no_record() -> Result<(), Error> {
    for id in [SIGNING, SECRET_JWT] {
        let server = server("", &Honest);
        let (_app, client, credentials) = stored(&server, id)?;
        let without = credentials.refresh();
        assert!(matches!(without, Err(Error::Unsupported(_))), "{without:?}");
        assert!(
            credentials.record()?.refresh_state().attempt_started_at.is_none(),
            "nothing was sent"
        );
        assert_eq!(server.stats().refreshes, 0);
        let other =
            Client::new("another", client.token_endpoint().clone()).with_authentication(signing_key());
        let foreign = credentials.clone().with_client(other).refresh();
        assert!(matches!(foreign, Err(Error::InvalidInput(_))), "{foreign:?}");
        let credentials = credentials.with_client(client);
        let before = credentials.record()?;
        let renewed = credentials.refresh()?;
        assert!(!renewed.token.eq_ct(&before.token().access_token));
        assert_eq!((server.stats().refreshes, server.stats().refresh_replays), (1, 0));
        credentials.revoke()?;
        assert_eq!(server.stats().revocations, 1);
    }
    Ok(())
}

fn refresh_token_of(record: &Record) -> &str {
    record.token().refresh_token.as_ref().map_or("", Secret::expose)
}

/// The server rotates strictly: were the new refresh token lost with the refusal, the next refresh would end the family.
#[test]
fn t45_a_token_with_anothers_id_token_is_not_handed_out_and_its_refresh_token_not_lost() -> Result<(), Error>
{
    for flaw in [
        IdTokenFlaw::OtherSubject,
        IdTokenFlaw::BrokenSignature,
        IdTokenFlaw::WrongTokenHash,
    ] {
        let server = server("", &Honest);
        let (_app, client, credentials) = stored(&server, NATIVE)?;
        let credentials = credentials.with_client(client);
        let before = credentials.record()?;
        server.push_fault(Endpoint::Refresh, Fault::IdToken(flaw));
        let refused = credentials.refresh();
        assert!(
            matches!(refused, Err(Error::TokenRefused(_))),
            "{flaw}: {refused:?}"
        );
        let kept = credentials.record()?;
        assert!(
            kept.token().access_token.eq_ct(&before.token().access_token),
            "{flaw}: the old one"
        );
        assert!(
            refresh_token_of(&kept) != refresh_token_of(&before),
            "{flaw}: the new one"
        );
        assert!(
            kept.refresh_state().attempt_started_at.is_none(),
            "{flaw}: nothing is in doubt"
        );
        credentials.refresh()?;
        let stats = server.stats();
        assert_eq!(
            (stats.refreshes, stats.refresh_replays, stats.families_revoked),
            (2, 0, 0),
            "{flaw}"
        );
    }
    Ok(())
}

#[test]
fn a_refresh_whose_keys_cannot_be_had_is_tried_again_with_the_new_refresh_token() -> Result<(), Error> {
    let server = server("", &Honest);
    let (app, client, credentials) = stored(&server, NATIVE)?;
    let credentials = credentials.with_client(client);
    server.rotate_keys();
    app.clock.advance(Duration::from_secs(61));
    server.advance(Duration::from_secs(61));
    server.push_fault(Endpoint::Keys, Fault::Status(503));
    let first = credentials.refresh();
    assert!(first.is_err(), "its ID token could not be checked: {first:?}");
    app.clock.advance(Duration::from_secs(61));
    server.advance(Duration::from_secs(61));
    credentials.refresh()?;
    let stats = server.stats();
    assert_eq!(
        (stats.refresh_replays, stats.families_revoked),
        (0, 0),
        "{first:?}"
    );
    assert!(stats.refreshes >= 2);
    Ok(())
}

#[test]
fn t45_a_refresh_without_an_id_token_does_not_make_the_next_one_anybodys() -> Result<(), Error> {
    let server = server("", &Honest);
    let (_app, client, credentials) = stored(&server, NATIVE)?;
    let credentials = credentials.with_client(client);
    server.push_fault(Endpoint::Refresh, Fault::IdToken(IdTokenFlaw::Absent));
    credentials.refresh()?;
    server.push_fault(Endpoint::Refresh, Fault::IdToken(IdTokenFlaw::OtherSubject));
    let refused = credentials.refresh();
    assert!(matches!(refused, Err(Error::TokenRefused(_))), "{refused:?}");
    credentials.refresh()?;
    Ok(())
}

#[test]
fn t45_what_an_unchecked_handle_holds_is_not_handed_out_by_the_one_that_checks() -> Result<(), Error> {
    let server = server("", &Honest);
    let (_app, client, plain) = stored(&server, NATIVE)?;
    plain.header()?;
    assert!(plain.cached_header().is_some());
    assert!(plain.clone().with_client(client).cached_header().is_none());
    Ok(())
}

#[test]
fn t51_a_secret_of_the_program_goes_to_no_address_that_only_a_record_names() -> Result<(), Error> {
    let (server, other) = (server("", &Honest), server("", &Honest));
    let (_app, client, credentials) = stored(&server, SIGNING)?;
    let elsewhere = Endpoint_::allow_http_for_loopback(other.url("/token"))?;
    let issuer = client.issuer().cloned().expect("it was discovered");
    // The same id and issuer, and a token endpoint that only one of the two names.
    let moved = Client::new(client.id(), elsewhere)
        .with_issuer(issuer)
        .with_authentication(signing_key());
    let refused = credentials.with_client(moved).refresh();
    assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    assert_eq!(
        (server.stats().token_requests, other.stats().token_requests),
        (1, 0)
    );
    Ok(())
}
