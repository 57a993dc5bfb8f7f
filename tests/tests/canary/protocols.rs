//! The secrets of the protocols beside the login: codes of devices and of backchannel requests, registrations, references of pushed
//! requests, keys and proofs of bound tokens, assertions of clients, signed answers, tokens that are traded. Well, and with a server that
//! says them again where it should not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use grantflow_core::flow::{PresentedToken, TokenExchange, TokenSource as _, TokenTypeIdentifier};
use grantflow_core::{
    AsyncTransportHost, Authentication, AuthorizationRequest, BackchannelAuthenticationRequest, Client,
    ClientMetadata, DeregistrationRequest, DeviceAuthorizationRequest, DeviceGrant, Endpoint, Error, Issuer,
    Registration, RegistrationRequest, ResponseMode, Secret, Step, TokenRequest, TransportHost, UserHint,
    blocking, drive, run,
};
use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::{Dpop, PrivateKeyJwt, ResponseVerifier};
use grantflow_reqwest::ReqwestTransport;
use grantflow_suites::app::get;
use grantflow_suites::canary::{Canary, muted};
use grantflow_suites::clock::{Clock, OnClock};
use grantflow_suites::recorder::{Answer, Recorder};
use grantflow_suites::watched::{Seen, Watched};
use grantflow_ureq::UreqTransport;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::values::see_record;
use crate::{CLIENT_SECRET, REDIRECT_URI, World};

const DEVICE_CODE: &str = "canary-device-code-4Gk";
const USER_CODE: &str = "CANARY-USER-CODE";
const AUTH_REQ_ID: &str = "canary-auth-req-id-8Yt";
const HINT_TOKEN: &str = "canary-login-hint-token-2Wq";
const CIBA_CODE: &str = "canary-user-code-of-ciba-7";
const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:canary-3Hs";
const REGISTRATION_TOKEN: &str = "canary-registration-token-9Lp";
const REGISTERED_SECRET: &str = "canary-registered-secret-1Zx";
const INITIAL_TOKEN: &str = "canary-initial-token-6Vb";
const SUBJECT_TOKEN: &str = "canary-subject-token-5Nm";
const ACTOR_TOKEN: &str = "canary-actor-token-0Qa";
const GRANTED: &str = "canary-access-token-of-protocols";
const REFRESH: &str = "canary-refresh-token-of-protocols";
const SECRETS: [(&str, &str); 13] = [
    ("device_code", DEVICE_CODE),
    ("user_code", USER_CODE),
    ("auth_req_id", AUTH_REQ_ID),
    ("login_hint_token", HINT_TOKEN),
    ("CIBA user_code", CIBA_CODE),
    ("request_uri", REQUEST_URI),
    ("registration access token", REGISTRATION_TOKEN),
    ("registered secret", REGISTERED_SECRET),
    ("initial access token", INITIAL_TOKEN),
    ("subject_token", SUBJECT_TOKEN),
    ("actor_token", ACTOR_TOKEN),
    ("access token of a protocol", GRANTED),
    ("refresh token of a protocol", REFRESH),
];

/// How the server behaves: well, refusing with all it knows in the refusal, with nonsense, with half a reply, with another proof wanted.
const MOODS: u8 = 5;

fn answer(own: &str, mood: u8, path: &str) -> Answer {
    let json = "Content-Type: application/json\r\n".to_owned();
    let all = SECRETS.map(|(_, secret)| secret).join(" ");
    let body = match path {
        "/device" => json!({
            "device_code": DEVICE_CODE, "user_code": USER_CODE, "expires_in": 600, "interval": 1,
            "verification_uri": format!("{own}/activate"),
            "verification_uri_complete": format!("{own}/activate?user_code={USER_CODE}"),
        }),
        "/ciba" => json!({ "auth_req_id": AUTH_REQ_ID, "expires_in": 600, "interval": 1 }),
        "/par" => json!({ "request_uri": REQUEST_URI, "expires_in": 60 }),
        "/register" | "/manage" => json!({
            "client_id": "c", "client_secret": REGISTERED_SECRET, "registration_access_token": REGISTRATION_TOKEN,
            "registration_client_uri": format!("{own}/manage"), "token_endpoint_auth_method": "client_secret_post",
        }),
        _ => json!({
            "access_token": GRANTED, "refresh_token": REFRESH, "token_type": "DPoP", "expires_in": 3600,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }),
    }
    .to_string();
    match mood {
        0 => (200, json, body),
        1 => (
            400,
            json,
            json!({ "error": "invalid_request", "error_description": all, "error_uri": all }).to_string(),
        ),
        2 => (
            500,
            "Content-Type: text/html\r\n".to_owned(),
            format!("<h1>{all}</h1>"),
        ),
        3 => (200, json, body[..body.len() * 2 / 3].to_owned()),
        _ => {
            let nonce = format!("{json}DPoP-Nonce: n\r\nWWW-Authenticate: DPoP error=\"use_dpop_nonce\"\r\n");
            let status = if path == "/api" { 401 } else { 400 };
            (
                status,
                nonce,
                json!({ "error": "use_dpop_nonce", "error_description": all }).to_string(),
            )
        }
    }
}

/// How requests travel.
enum Way<'r> {
    Ureq(Watched<OnClock<UreqTransport>>),
    Reqwest(Watched<OnClock<ReqwestTransport>>, &'r Runtime),
}

impl Way<'_> {
    fn run<T: Send>(&self, step: Step<T>) -> Result<T, Error> {
        match self {
            Self::Ureq(transport) => run(step, &TransportHost::new(transport)),
            Self::Reqwest(transport, runtime) => {
                runtime.block_on(drive(step, &AsyncTransportHost::new(transport)))
            }
        }
    }
}

pub(crate) fn uses(world: &mut World, runtime: &Runtime) {
    for (name, secret) in SECRETS {
        world.canaries.push(Canary::new(name, secret));
    }
    let server = Recorder::bind();
    let mood = Arc::new(AtomicU8::new(0));
    let (own, now) = (server.origin().to_owned(), Arc::clone(&mood));
    server.serve(move |path| answer(&own, now.load(Ordering::SeqCst), path));
    let seen = &world.seen;
    let clock = Clock::default();
    clock.hurry(|_| {});
    let ureq = clock.on(UreqTransport::new().expect("there are certificates"));
    let reqwest = clock.on(ReqwestTransport::new().expect("there are certificates"));
    let ways = [
        Way::Ureq(Watched::new(ureq, seen)),
        Way::Reqwest(Watched::new(reqwest, seen), runtime),
    ];
    let mut kept_keys = Vec::new();
    for way in &ways {
        let dpop = Dpop::generate(Algorithm::Es256).expect("a key is made");
        let (client, assertion) = clients(&server, &dpop);
        see_values(seen, &dpop, &client, &assertion);
        for feels in 0..MOODS {
            mood.store(feels, Ordering::SeqCst);
            logins(way, seen, &client);
            registrations(way, seen, &server);
            tokens(way, seen, &client, &assertion, &server);
        }
        kept_keys.push(bound(way, seen, &client, &dpop, &mood, &server));
    }
    signed_answers(world, &ways);
    for key in kept_keys {
        world.canaries.push(Canary::new("DPoP key", &key));
        let der = key.split_once(':').map_or(&*key, |(_, der)| der);
        world.canaries.push(Canary::new("DPoP key, DER", der));
    }
    let (proofs, assertions) = signed_in(&server.requests());
    assert!(
        proofs.len() > 20 && assertions.len() > 4,
        "{} proofs, {} assertions",
        proofs.len(),
        assertions.len()
    );
    for (name, tokens) in [("DPoP proof", proofs), ("client assertion", assertions)] {
        for token in tokens {
            let signature = token.rsplit('.').next().unwrap_or_default();
            world.canaries.push(Canary::new(name, &token));
            world
                .canaries
                .push(Canary::new(&format!("{name}, signature"), signature));
        }
    }
}

/// A client with a secret and a key for its tokens, and one that signs.
fn clients(server: &Recorder, dpop: &Dpop) -> (Client, Client) {
    let at = |path: &str| endpoint(server, path);
    let client = Client::new("c", at("/token"))
        .with_issuer(Issuer::allow_http_for_loopback(server.origin()).expect("a name"))
        .with_authorization_endpoint(at("/authorize"))
        .with_device_authorization_endpoint(at("/device"))
        .with_backchannel_authentication_endpoint(at("/ciba"))
        .with_pushed_authorization_request_endpoint(at("/par"))
        .with_push_required(true)
        .with_token_constraint(Arc::new(dpop.clone()))
        .with_secret_post(CLIENT_SECRET);
    let der = SigningKey::generate(Algorithm::Es256).expect("a key is made");
    let key = SigningKey::from_pkcs8_der(&der).expect("it is one");
    let signs = PrivateKeyJwt::new(key, Algorithm::Es256).expect("it fits");
    let signing = client
        .clone()
        .with_authentication(Authentication::Other(Arc::new(signs)));
    (client, signing)
}

fn endpoint(server: &Recorder, path: &str) -> Endpoint {
    Endpoint::allow_http_for_loopback(format!("{}{path}", server.origin())).expect("an address")
}

fn see_values(seen: &Seen, dpop: &Dpop, client: &Client, assertion: &Client) {
    seen.with(|seen| {
        seen.debug("Dpop", dpop);
        seen.debug("a client with a key", client);
        seen.debug("a client that signs", assertion);
        seen.debug("its authentication", assertion.authentication());
    });
}

/// Codes of devices and of backchannel requests, and pushed requests.
fn logins(way: &Way<'_>, seen: &Seen, client: &Client) {
    let request = DeviceAuthorizationRequest::new(client);
    seen.with(|seen| seen.debug("DeviceAuthorizationRequest", &request));
    if let Some(grant) = seen.check("codes", way.run(request.flow())) {
        let json = grant.expose_json();
        seen.with(|seen| {
            seen.debug("DeviceGrant", &grant);
            seen.debug("a kept login", &json);
        });
        for cut in (0..json.expose().len()).step_by(23) {
            let (client, json) = (client.clone(), json.expose()[..cut].to_owned());
            let read = Step::begin(move |cx| Ok(Step::Done(DeviceGrant::from_json(&client, &json, cx)?)));
            assert!(seen.check("a kept login that is cut", way.run(read)).is_none());
        }
        if let Some(token) = seen.check("a poll", way.run(grant.poll())) {
            seen.with(|seen| seen.debug("a token for a device", &token));
        }
    }
    seen.check(
        "a poll by hand",
        way.run(TokenRequest::device_code(client, Secret::from(DEVICE_CODE)).flow()),
    );
    let hint = UserHint::LoginHintToken(Secret::from(HINT_TOKEN));
    let request = BackchannelAuthenticationRequest::new(client, hint).user_code(Secret::from(CIBA_CODE));
    seen.with(|seen| seen.debug("BackchannelAuthenticationRequest", &request));
    if let Some(grant) = seen.check("a backchannel request", way.run(request.flow())) {
        seen.with(|seen| seen.debug("BackchannelGrant", &grant));
        seen.check("a backchannel token", way.run(grant.poll()));
    }
    seen.check(
        "a backchannel poll",
        way.run(TokenRequest::backchannel(client, Secret::from(AUTH_REQ_ID)).flow()),
    );
    let pushing = client.clone();
    let push = Step::begin(move |cx| {
        AuthorizationRequest::new(&pushing, REDIRECT_URI)
            .push(cx)
            .map(Step::Done)
    });
    let (pushed, pending) = way.run(push).expect("nobody is asked");
    seen.with(|seen| {
        seen.debug("PushedAuthorizationRequest", &pushed);
        seen.debug("a pending login that was pushed", &pending);
    });
    if let Some(url) = seen.check("a pushed request", way.run(pushed.flow())) {
        seen.with(|seen| seen.debug("the address of a pushed request", &url));
    }
}

fn registrations(way: &Way<'_>, seen: &Seen, server: &Recorder) {
    let issuer = Issuer::allow_http_for_loopback(server.origin()).expect("a name");
    let metadata = || ClientMetadata::new("Notes", [REDIRECT_URI]).with_software_statement(INITIAL_TOKEN);
    let request = RegistrationRequest::new(&issuer, &endpoint(server, "/register"), metadata());
    let request = request.with_initial_access_token(Secret::from(INITIAL_TOKEN));
    seen.with(|seen| seen.debug("RegistrationRequest", &request));
    seen.check("a registration", way.run(request.flow()));
    let json = json!({
        "grantflow_registration": 1, "issuer": server.origin(), "client_id": "c", "client_secret": REGISTERED_SECRET,
        "registration_access_token": REGISTRATION_TOKEN, "registration_client_uri": format!("{}/manage", server.origin()),
        "token_endpoint_auth_method": "client_secret_post",
    })
    .to_string();
    for cut in (0..json.len()).step_by(23) {
        assert!(
            seen.check(
                "a registration that is cut",
                Registration::from_json(&json[..cut])
            )
            .is_none()
        );
    }
    let registration = Registration::from_json(&json).expect("it is one");
    seen.with(|seen| {
        seen.debug("Registration", &registration);
        seen.debug("a kept registration", &registration.expose_json());
    });
    let read = RegistrationRequest::read(&registration).expect("there is a place");
    let update = RegistrationRequest::update(&registration, metadata()).expect("there is a place");
    let end = DeregistrationRequest::new(&registration).expect("there is a place");
    seen.with(|seen| {
        seen.debug("a reading", &read);
        seen.debug("a change", &update);
        seen.debug("DeregistrationRequest", &end);
    });
    for request in [read, update] {
        if let Some(registration) = seen.check("looked after", way.run(request.flow())) {
            seen.with(|seen| seen.debug("what is registered", &registration));
        }
    }
    seen.check("the end of a registration", way.run(end.flow()));
}

/// A token exchange, and the assertion of a client.
fn tokens(way: &Way<'_>, seen: &Seen, client: &Client, signing: &Client, server: &Recorder) {
    let presented = |token: &'static str| PresentedToken::new(move || Step::Done(Secret::from(token)));
    let exchange = TokenExchange::new(
        client.clone(),
        "ann",
        presented(SUBJECT_TOKEN),
        TokenTypeIdentifier::AccessToken,
        "read",
    );
    let exchange =
        exchange
            .expect("a scope")
            .actor("bob", presented(ACTOR_TOKEN), TokenTypeIdentifier::AccessToken);
    seen.with(|seen| {
        seen.debug("TokenExchange", &exchange);
        seen.debug("a presented token", &presented(SUBJECT_TOKEN));
        seen.debug(
            "one that stays",
            &PresentedToken::from(Secret::from(SUBJECT_TOKEN)),
        );
    });
    seen.check("a token exchange", way.run(exchange.token()));
    for client in [client, signing] {
        let refresh = TokenRequest::refresh(client, Secret::from(REFRESH));
        let on_the_wire = TokenRequest::refresh(client, Secret::from(REFRESH));
        let shown = seen.clone();
        let wire = way.run(Step::begin(move |cx| {
            let request = on_the_wire.to_http(cx)?;
            shown.with(|seen| seen.debug("a refresh with a proof", &request));
            Ok(Step::Done(()))
        }));
        seen.check("a refresh with a proof", wire);
        seen.check("a refresh with a proof", way.run(refresh.flow()));
    }
    let mut stored = grantflow_core::Token::bearer(
        GRANTED,
        grantflow_core::Timestamp::from_unix_seconds(4_000_000_000),
    );
    stored.token_type = grantflow_core::TokenType::Dpop;
    let origin = grantflow_core::Origin::new(server.origin()).expect("an origin");
    let address = format!("{}/api", server.origin());
    match way {
        Way::Ureq(transport) => {
            let handle = blocking::Credentials::from_access_token(stored, transport.clone());
            let handle = handle.with_client(client.clone()).allow_origins([origin]);
            seen.with(|seen| seen.debug("a handle of a bound token", &handle));
            seen.check("a request with a proof", handle.authorized(get(&address)));
        }
        Way::Reqwest(transport, runtime) => {
            let handle = grantflow_core::Credentials::from_access_token(stored, transport.clone());
            let handle = handle.with_client(client.clone()).allow_origins([origin]);
            seen.with(|seen| seen.debug("a handle of a bound token", &handle));
            seen.check(
                "a request with a proof",
                runtime.block_on(handle.authorized(get(&address))),
            );
        }
    }
}

/// A record that keeps the key of its token; the key.
fn bound(
    way: &Way<'_>,
    seen: &Seen,
    client: &Client,
    dpop: &Dpop,
    mood: &AtomicU8,
    server: &Recorder,
) -> String {
    use grantflow_core::TokenConstraint as _;
    mood.store(0, Ordering::SeqCst);
    let refresh = TokenRequest::refresh(client, Secret::from(REFRESH));
    let token = way.run(refresh.flow()).expect("all is well");
    let key = grantflow_suites::login::key(client, "read").expect("a scope");
    let provenance = grantflow_core::Provenance::new(server.origin(), token.issued_at);
    let record = grantflow_core::Record::new(key, client.clone(), token, provenance);
    see_record(seen, &record);
    let kept = record.token_key().expect("it keeps the key").expose().to_owned();
    seen.with(|seen| seen.debug("a key of a record", &record.token_key()));
    seen.check(
        "a key that is cut",
        dpop.with_stored(&Secret::from(&kept[..kept.len() / 2])),
    );
    kept
}

/// A signed answer of the test server, well, cut, and taken for another.
fn signed_answers(world: &mut World, ways: &[Way<'_>]) {
    for way in ways {
        let discover = grantflow_suites::login::discover(world.server.issuer(), "canary").expect("a name");
        let client = way
            .run(discover)
            .expect("the server tells")
            .with_secret_basic(CLIENT_SECRET);
        let issuer = client.issuer().expect("it has a name").clone();
        let metadata = way
            .run(grantflow_core::flow::discover(&issuer))
            .expect("the server tells");
        let verifier =
            ResponseVerifier::of_server([Algorithm::Rs256], &metadata, "canary").expect("it has keys");
        world.seen.with(|seen| seen.debug("ResponseVerifier", &verifier));
        for forge in [
            |answer: &str| answer.to_owned(),
            |answer: &str| answer[..answer.len() - 9].to_owned(),
        ] {
            let asking = client.clone();
            let (url, pending) = way
                .run(Step::begin(move |cx| {
                    let request = AuthorizationRequest::new(&asking, REDIRECT_URI).scopes("openid")?;
                    request
                        .response_mode(ResponseMode::QueryJwt)
                        .start(cx)
                        .map(Step::Done)
                }))
                .expect("an address");
            let redirect = muted(|| world.server.approve(url.as_str())).expect("she says yes");
            let response = redirect.split("response=").nth(1).unwrap_or_default();
            let response = response.split('&').next().unwrap_or_default();
            world.canaries.push(Canary::new("JARM response", response));
            world
                .seen
                .with(|seen| seen.debug("a login that waits for a signed answer", &pending));
            let answer = forge(&redirect);
            if let Some(code) = world
                .seen
                .check("a signed answer", way.run(verifier.accept(pending, &answer)))
            {
                world
                    .seen
                    .with(|seen| seen.debug("a code of a signed answer", &code));
            }
        }
    }
}

/// The proofs and the assertions that the server got.
fn signed_in(requests: &[String]) -> (Vec<String>, Vec<String>) {
    let of = |request: &String, before: &str, end: char| {
        let at = request.to_ascii_lowercase().find(before)? + before.len();
        request[at..]
            .split(end)
            .next()
            .map(|token| token.trim().to_owned())
    };
    let proofs = requests
        .iter()
        .filter_map(|request| of(request, "\ndpop: ", '\r'));
    let assertions = requests
        .iter()
        .filter_map(|request| of(request, "client_assertion=", '&'));
    (proofs.collect(), assertions.collect())
}
