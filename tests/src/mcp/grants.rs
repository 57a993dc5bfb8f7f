//! Clients without a person: their own credentials, and an identity provider's word for somebody who logged in there.

use grantflow_core::blocking::Credentials;
use grantflow_core::flow::ClientCredentials;
use grantflow_core::{
    Authentication, Client, Cx, Endpoint, ResourceAccess, Secret, Step, TokenRequest, Transport as _,
    TransportHost, run,
};
use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::PrivateKeyJwt;
use grantflow_ureq::UreqTransport;
use serde_json::Value;

use super::{Result, member};

/// A client that signs (SEP-1046).
pub(super) fn private_key_jwt(access: &ResourceAccess, context: &Value) -> Result<Credentials> {
    let key = SigningKey::from_pem(member(context, "private_key_pem")?)?;
    let authentication = PrivateKeyJwt::new(key, Algorithm::Es256)?.into();
    own(access, client(access, context, authentication)?)
}

/// A client with a secret.
pub(super) fn secret(access: &ResourceAccess, context: &Value) -> Result<Credentials> {
    let secret = Authentication::Basic(Secret::new(member(context, "client_secret")?));
    own(access, client(access, context, secret)?)
}

/// The word of an identity provider (SEP-990): a token exchange there (RFC 8693), its answer as a grant here (RFC 7523).
pub(super) fn cross_app_access(
    access: &ResourceAccess,
    context: &Value,
    transport: &UreqTransport,
) -> Result<Credentials> {
    let endpoint = Endpoint::allow_http_for_localhost(member(context, "idp_token_endpoint")?)?;
    let provider = Client::new(member(context, "idp_client_id")?, endpoint);
    let text = |text: &str| Secret::new(text);
    let exchange = TokenRequest::extension(
        &provider,
        "urn:ietf:params:oauth:grant-type:token-exchange",
        [
            (
                "requested_token_type",
                text("urn:ietf:params:oauth:token-type:id-jag"),
            ),
            ("subject_token", text(member(context, "idp_id_token")?)),
            (
                "subject_token_type",
                text("urn:ietf:params:oauth:token-type:id_token"),
            ),
            ("audience", text(access.server().issuer().as_str())),
        ],
    );
    let exchange = exchange.resource(access.resource());
    let host = TransportHost::new(transport);
    let request = run(
        Step::begin(move |cx: &mut Cx<'_>| Ok(Step::Done(exchange.to_http(cx)?))),
        &host,
    )?;
    // What comes back is no access token, and says so by its type.
    let reply = transport.send(request)?;
    let reply: Value = serde_json::from_slice(reply.body().as_bytes())?;
    let grant = Secret::new(member(&reply, "access_token")?);

    let authentication = Authentication::Basic(text(member(context, "client_secret")?));
    let client = client(access, context, authentication)?;
    let request = TokenRequest::extension(
        &client,
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        [("assertion", grant)],
    );
    let token = run(request.flow(), &host)?;
    let credentials = Credentials::from_access_token(token, UreqTransport::new()?);
    Ok(credentials.allow_origins([access.address().origin()]))
}

fn client(access: &ResourceAccess, context: &Value, authentication: Authentication) -> Result<Client> {
    let client = access.server().client(member(context, "client_id")?);
    let client = client.with_authentication(authentication);
    Ok(client.with_origins([access.address().origin()]))
}

fn own(access: &ResourceAccess, client: Client) -> Result<Credentials> {
    let source = ClientCredentials::new(client, access.scopes().clone())?.resource(access.resource());
    Ok(Credentials::from_source(source, UreqTransport::new()?))
}
