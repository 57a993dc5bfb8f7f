//! From the 401 of an MCP server to an authorized call: the server is rmcp's, behind tokens of oidc-provider; the login is ours; the client
//! is rmcp's with our credentials.

mod server;

use grantflow::prelude::*;
use grantflow::store::OnThread;
use grantflow::{
    AsyncTransportHost, Challenge, ClientIdentity, ClientMetadata, ProtectedResource, Step, drive,
};
use grantflow_mcp_peer::GrantflowCredentials;
use grantflow_suites::app::{LATER, NOWHERE, refresh_token};
use grantflow_suites::browser::Browser;
use grantflow_suites::clock::{Clock, OnClock};
use grantflow_suites::provider::Provider;
use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{ClientInitializeError, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthError, AuthorizationManager, CredentialStore, StoredCredentials,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;
use server::Server;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// rmcp's client with our credentials.
async fn connect(address: &str, credentials: &Credentials) -> Result<RunningService<RoleClient, ()>> {
    let mut manager = AuthorizationManager::new(address).await?;
    manager.set_credential_store(GrantflowCredentials::new(credentials.clone()));
    let client = AuthClient::new(reqwest::Client::builder().no_proxy().build()?, manager);
    let config = StreamableHttpClientTransportConfig::with_uri(address);
    Ok(
        ().serve(StreamableHttpClientTransport::with_client(client, config))
            .await?,
    )
}

/// What the tool says: who calls, by the token that the server has checked.
async fn who_calls(service: &RunningService<RoleClient, ()>) -> Result<String> {
    let reply = service.call_tool(CallToolRequestParams::new("whoami")).await?;
    let text = reply.content.first().and_then(|content| content.as_text());
    Ok(text.ok_or("no text")?.text.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t39_from_the_401_of_an_mcp_server_to_an_authorized_call_and_past_a_refresh() -> Result {
    let server = Server::bind().await?;
    let address = server.address().to_owned();
    let options = json!({ "resources": [address], "registration": true });
    let Some(provider) = Provider::start(&options) else {
        return Ok(());
    };
    server.serve(provider.issuer()).await?;
    // rmcp makes clients of reqwest by itself, and all of them here are without a TLS of their own.
    _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Clock::default();
    let transport: OnClock<ReqwestTransport> = clock.on(ReqwestTransport::new()?);
    let dir = tempfile::tempdir()?;
    let store = OnThread::new(FileStore::new(dir.path().join("mcp.json")));
    let host = AsyncTransportHost::new(&transport).with_store(&store);

    // Nobody is logged in: rmcp's client gets the challenge, and from there on the login is ours.
    let nobody = Key::new(
        &Client::new("nobody", Endpoint::allow_http_for_loopback(&*address)?),
        Scopes::default(),
    );
    let nobody = Credentials::new(nobody, store.clone(), transport.clone());
    assert!(GrantflowCredentials::new(nobody.clone()).load().await?.is_none());
    let refused = connect(&address, &nobody).await.expect_err("it wants a token");
    let refused = refused.downcast::<ClientInitializeError>()?;
    let header = refused.auth_challenge().ok_or("no challenge")?;
    let headers = [(http::header::WWW_AUTHENTICATE, header.parse()?)]
        .into_iter()
        .collect();
    let challenge = Challenge::bearer(&headers);
    let resource = ProtectedResource::new(Endpoint::allow_http_for_loopback(&*address)?);
    let access = drive(resource.discover(challenge.as_ref()), &host).await?;
    assert_eq!(access.server().issuer().as_str(), provider.issuer());
    let metadata = ClientMetadata::new("Notes", [NOWHERE]).native();
    // The provider signs ID tokens by no other algorithm.
    let metadata = metadata.with_text("id_token_signed_response_alg", "ES256");
    let login = drive(
        access.client(&ClientIdentity::new().with_registration(metadata)),
        &host,
    )
    .await?;
    assert_eq!(login.scopes().to_string(), "read offline_access");
    let asked = login.clone();
    let started = Step::begin(move |cx| Ok(Step::Done(asked.request(NOWHERE)?.start(cx)?)));
    let (url, pending) = drive(started, &host).await?;
    let redirect = Browser::of("ann").authorize(url.as_str());
    let accepted = Step::begin(move |cx| Ok(Step::Done(pending.accept(&redirect, cx)?)));
    let record = drive(login.keep(drive(accepted, &host).await?), &host).await?;
    let credentials = Credentials::new(record.key().clone(), store.clone(), transport.clone());

    let service = connect(&address, &credentials).await?;
    assert_eq!(who_calls(&service).await?, "ann");
    // The same conversation goes on with the next token, which was asked for by the name of the resource.
    clock.advance(LATER);
    assert_eq!(who_calls(&service).await?, "ann");
    let refreshed = credentials.record().await?;
    assert_eq!(refreshed.generation(), record.generation() + 1);
    assert!(!refresh_token(&refreshed).eq_ct(&refresh_token(&record)));

    // rmcp has a token and no refresh token, and nothing of its own is kept.
    let ours = GrantflowCredentials::new(credentials.clone());
    let loaded = ours.load().await?.ok_or("nothing loaded")?;
    assert_eq!(loaded.client_id, login.client().id());
    assert_eq!(loaded.issuer.as_deref(), Some(provider.issuer()));
    let text = serde_json::to_string(&loaded.token_response)?;
    assert!(
        !text.contains("refresh_token") && !text.contains("expires_in"),
        "what rmcp could refresh"
    );
    let theirs = StoredCredentials::new("theirs".to_owned(), None, Vec::new(), None);
    assert!(matches!(
        ours.save(theirs).await,
        Err(AuthError::CredentialStoreError(_))
    ));

    // Two programs that share the file, each with a client of rmcp's, refresh once.
    let other = Credentials::new(record.key().clone(), store.clone(), transport.clone());
    let beside = connect(&address, &other).await?;
    clock.advance(LATER);
    let (one, two) = tokio::join!(who_calls(&service), who_calls(&beside));
    assert_eq!((one?, two?), ("ann".to_owned(), "ann".to_owned()));
    assert_eq!(
        credentials.record().await?.generation(),
        refreshed.generation() + 1
    );

    // Forgotten by rmcp is ended at the server.
    ours.clear().await?;
    assert!(ours.load().await?.is_none());
    assert!(who_calls(&service).await.is_err());
    Ok(())
}
