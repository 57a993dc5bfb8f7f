//! What is asked of the server and of us, over whichever transport.

use grantflow_core::error::ErrorCode;
use grantflow_core::{
    Challenge, Client, ClientIdentity, ClientMetadata, DeviceAuthorizationRequest, DeviceGrant, Endpoint,
    Error, IntrospectionRequest, Issuer, MetadataRequest, NotAuthorized, ProtectedResource, Provenance,
    Record, RevocationRequest, Scopes, Step, TokenRequest, TokenTypeHint, Transport as _, flow,
};
use grantflow_suites::app::{LATER, NOWHERE, SCOPES, get, member, refresh_token};
use grantflow_suites::browser::Browser;
use grantflow_suites::django_oauth_toolkit::Toolkit;
use grantflow_suites::login;
use grantflow_suites::provider::CONFIDENTIAL_SECRET;
use grantflow_ureq::UreqTransport;

use crate::program::{Handle as _, Program};

fn plain(client: Client) -> Client {
    client
}

fn ann() -> Browser {
    Browser::of("ann")
}

/// RFC 9728 to find the server, RFC 8414 with its path, RFC 7591 to become its client, RFC 9207 in the redirect, RFC 8707 with the code
/// and at each refresh.
pub(crate) async fn t39_a_resource_whose_server_has_a_path_is_found_from_its_401_and_called<P: Program>(
    server: Toolkit,
) -> Result<(), Error> {
    // The place of the metadata has the path of the issuer behind the well-known name; at the other place nothing is.
    let issuer = Issuer::allow_http_for_loopback(server.issuer())?;
    let program = P::discover(server.issuer(), "native", plain).await?;
    let metadata = program.run(MetadataRequest::new(&issuer).flow()).await?;
    assert_eq!(metadata.issuer(), &issuer);
    assert!(metadata.iss_promised() && metadata.s256_listed());
    assert!(
        metadata.device_authorization_endpoint().is_none(),
        "this server tells nobody"
    );

    let address = server.resource();
    let refused = UreqTransport::new()?.send(get(address))?;
    assert_eq!(refused.status(), 401);
    let challenge = Challenge::bearer(refused.headers());
    let resource = ProtectedResource::new(Endpoint::allow_http_for_loopback(address)?);
    let access = program.run(resource.discover(challenge.as_ref())).await?;
    assert_eq!((access.resource(), access.server().issuer()), (address, &issuer));
    assert!(access.scopes().contains("email"));
    // This server fails where a client that registered itself asks for `openid`: it has no algorithm to sign with.
    let access = access.asking_for(Scopes::parse("email offline_access")?);
    let me = ClientIdentity::new().with_registration(ClientMetadata::new("Notes", [NOWHERE]).native());
    let login = program.run(access.client(&me)).await?;
    assert!(login.registration().is_some());

    let asked = login.clone();
    let started = Step::begin(move |cx| Ok(Step::Done(asked.request(NOWHERE)?.start(cx)?)));
    let (url, pending) = program.run(started).await?;
    let redirect = ann().authorize(url.as_str());
    let accepted = Step::begin(move |cx| Ok(Step::Done(pending.accept(&redirect, cx)?)));
    let code = program.run(accepted).await?;
    let record = program.run(login.keep(code)).await?;
    let credentials = program.next_run(record.key().clone());
    for _ in 0..2 {
        assert_eq!(member(&credentials.authorized(get(address)).await?, "sub"), "ann");
        program.clock().advance(LATER);
    }
    assert_eq!(credentials.record().await?.generation(), record.generation() + 1);
    Ok(())
}

pub(crate) async fn a_rotated_refresh_token_is_kept_and_a_replayed_one_ends_the_login<P: Program>(
    mut server: Toolkit,
) -> Result<(), Error> {
    let program = P::discover(server.issuer(), "native", plain).await?;
    let credentials = program.log_in(&mut ann()).await?;
    let address = server.resource().to_owned();
    let me = || get(&address);
    assert_eq!(member(&credentials.authorized(me()).await?, "sub"), "ann");
    let before = credentials.record().await?;
    let spent = refresh_token(&before);
    for _ in 0..2 {
        program.clock().advance(LATER);
        assert_eq!(credentials.authorized(me()).await?.status(), 200);
    }
    let after = credentials.record().await?;
    assert_eq!(after.generation(), before.generation() + 2);
    assert!(!refresh_token(&after).eq_ct(&spent));
    assert_eq!(server.refresh_tokens(), (3, 1));

    // Somebody has a copy of the first one.
    let replay = TokenRequest::refresh(program.client(), spent).flow();
    let replay = program.run(replay).await;
    assert!(
        matches!(&replay, Err(Error::Server(refusal)) if refusal.code() == &ErrorCode::InvalidGrant),
        "{replay:?}"
    );
    assert_eq!(server.refresh_tokens(), (3, 0), "reuse ends the family");
    program.clock().advance(LATER);
    let refused = credentials.access_token().await.expect_err("the family is gone");
    assert!(refused.needs_user() && !refused.is_transient(), "{refused}");
    // Remembered: the next run of the application asks nobody but the user.
    let key = after.key().clone();
    drop(server);
    let refused = program.next_run(key).access_token().await;
    let remembered = |error: &Error| matches!(error, Error::NotAuthorized(NotAuthorized::Refused));
    assert!(refused.as_ref().is_err_and(remembered), "{refused:?}");
    assert!(refused.is_err_and(|error| error.to_string().starts_with("a login is needed")));
    Ok(())
}

pub(crate) async fn r09_two_handles_that_refresh_at_once_never_burn_the_family<P: Program>(
    mut server: Toolkit,
) -> Result<(), Error> {
    let program = P::discover(server.issuer(), "native", plain).await?;
    let key = program.log_in(&mut ann()).await?.record().await?.key().clone();
    for rounds in 1..=3 {
        let (one, other) = (program.next_run(key.clone()), program.next_run(key.clone()));
        program.clock().advance(LATER);
        let [one, other] = P::at_once(&one, &other).await;
        assert!(one?.token.eq_ct(&other?.token));
        assert_eq!(server.refresh_tokens(), (rounds + 1, 1));
    }
    Ok(())
}

/// The client proves itself by Basic, whose parts are form-encoded (RFC 6749 section 2.3.1).
pub(crate) async fn t35_a_confidential_client_introspects_and_revokes<P: Program>(
    mut server: Toolkit,
) -> Result<(), Error> {
    let secret = |client: Client| client.with_secret_basic(CONFIDENTIAL_SECRET);
    let program = P::discover(server.issuer(), "confidential", secret).await?;
    let credentials = program.log_in(&mut Browser::of("bob")).await?;
    let (token, copy) = (
        credentials.access_token().await?.token,
        refresh_token(&credentials.record().await?),
    );
    let ask = || IntrospectionRequest::new(program.client(), &token, TokenTypeHint::AccessToken).flow();
    let answer = program.run(ask()).await?;
    assert!(answer.active);
    assert_eq!(
        (answer.client_id.as_deref(), answer.username.as_deref()),
        (Some("confidential"), Some("bob"))
    );
    assert!(answer.scopes.is_some_and(|scopes| scopes.contains("email")));

    credentials.revoke().await?;
    assert!(!program.run(ask()).await?.active);
    assert_eq!(server.refresh_tokens(), (1, 0));
    let replay = program
        .run(TokenRequest::refresh(program.client(), copy).flow())
        .await;
    assert!(replay.is_err_and(|error| error.needs_user()));
    let needed = credentials.access_token().await.expect_err("nothing is left");
    assert!(needed.needs_user(), "{needed}");

    // A login may also be ended by the server alone; then the next refresh says so.
    let credentials = program.log_in(&mut Browser::of("bob")).await?;
    let token = refresh_token(&credentials.record().await?);
    let revoked = RevocationRequest::new(program.client(), &token, TokenTypeHint::RefreshToken);
    program.run(revoked.flow()).await?;
    assert!(credentials.refresh().await.is_err_and(|error| error.needs_user()));
    Ok(())
}

/// Polls, while somebody goes to the page during the second wait, and keeps what is granted.
async fn finish<P: Program>(program: &P, grant: DeviceGrant, mut browser: Browser) -> Result<Record, Error> {
    let (page, code) = (grant.verification_uri().to_owned(), grant.user_code().to_owned());
    program.clock().hurry(move |wait| {
        if wait == 2 {
            browser.connect_device(&page, &code);
        }
    });
    let client = program.client().clone();
    let key = login::key(&client, SCOPES)?;
    let polled = grant.poll().and_then(move |token, cx| {
        let provenance = Provenance::new("device_code", cx.wall());
        Ok(flow::keep(Record::new(key, client, token, provenance), None))
    });
    program.run(polled).await
}

pub(crate) async fn a_device_is_allowed_refreshes_and_is_denied<P: Program>(
    mut server: Toolkit,
) -> Result<(), Error> {
    // Its metadata do not name the endpoint, so the program does.
    let endpoint = Endpoint::allow_http_for_loopback(format!("{}/device-authorization/", server.issuer()))?;
    let with = |client: Client| client.with_device_authorization_endpoint(endpoint.clone());
    let program = P::discover(server.issuer(), "device", with).await?;
    let request = || -> Result<_, Error> {
        Ok(DeviceAuthorizationRequest::new(program.client()).scopes(Scopes::parse(SCOPES)?))
    };
    let grant = program.run(request()?.flow()).await?;
    assert_eq!(grant.verification_uri(), format!("{}/device/", server.issuer()));
    let record = finish(&program, grant, ann()).await?;
    let credentials = program.next_run(record.key().clone());
    let address = server.resource().to_owned();
    let me = || get(&address);
    assert_eq!(member(&credentials.authorized(me()).await?, "sub"), "ann");
    program.clock().advance(LATER);
    assert_eq!(credentials.authorized(me()).await?.status(), 200);
    assert_eq!(server.refresh_tokens(), (2, 1));

    let grant = program.run(request()?.flow()).await?;
    let denied = finish(&program, grant, Browser::of("bob").who_denies()).await;
    assert!(matches!(&denied, Err(Error::Denied(_))), "{denied:?}");
    assert_eq!(
        credentials.authorized(me()).await?.status(),
        200,
        "the first login lives on"
    );
    Ok(())
}
