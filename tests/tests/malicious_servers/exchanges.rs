//! Every exchange with a secret in it that there is, by name.

use std::sync::Arc;

use grantflow_core::flow::{PresentedToken, TokenExchange, TokenSource as _, TokenTypeIdentifier};
use grantflow_core::{
    AuthorizationRequest, BackchannelAuthenticationRequest, ClientMetadata, DeregistrationRequest,
    DeviceAuthorizationRequest, IntrospectionRequest, RegistrationRequest, RevocationRequest, Secret, Step,
    TokenRequest, TokenTypeHint, UserHint, blocking,
};
use grantflow_jwt::{Algorithm, SigningKey};
use grantflow_oidc::{Dpop, PrivateKeyJwt};
use grantflow_suites::app::get;
use grantflow_suites::login;

use crate::stage::{ACCESS_TOKEN, CODE, INITIAL_TOKEN, REDIRECT, REFRESH_TOKEN, SUBJECT_TOKEN, Stage, Way};

/// One of them.
pub(crate) type Exchange = fn(&mut Stage) -> Ended;

/// Well, or with what was refused.
pub(crate) type Ended = Result<(), Box<dyn std::error::Error>>;

pub(crate) const EXCHANGES: [(&str, Exchange); 18] = [
    ("a code", code),
    ("a refresh", refresh),
    ("a refresh with a proof", refresh_with_proof),
    ("a refresh by an assertion", refresh_by_assertion),
    ("client credentials", client_credentials),
    ("a token exchange", token_exchange),
    ("a revocation", revocation),
    ("an introspection", introspection),
    ("the codes of a device", device),
    ("a poll of a device", poll),
    ("a backchannel request", backchannel),
    ("a pushed request", pushed),
    ("a registration", registration),
    ("a reading of a registration", read_registration),
    ("a change of a registration", update_registration),
    ("the end of a registration", deregistration),
    ("a request to the API", api),
    ("a request to the API with a proof", api_with_proof),
];

/// All of them, one after the other, well.
pub(crate) fn all(stage: &mut Stage) {
    for (name, exchange) in EXCHANGES {
        if let Err(error) = exchange(stage) {
            panic!("{name}, by {}: {error:?}", stage.way.name());
        }
    }
}

/// What the user's browser would bring back from the honest server, for the state of this address.
pub(crate) fn redirect(url: &str, rest: &str) -> String {
    let state = url.split("&state=").nth(1).expect("there is a state");
    format!(
        "/callback?code={CODE}&state={}{rest}",
        state.split('&').next().unwrap_or_default()
    )
}

fn code(stage: &mut Stage) -> Ended {
    let client = stage.client();
    let (url, pending) = stage.run(login::start(&client, REDIRECT, "read"))?;
    stage.waits(&pending);
    stage.run(login::finish(&client, pending, &redirect(&url, "")))?;
    Ok(())
}

fn refresh(stage: &mut Stage) -> Ended {
    let request = TokenRequest::refresh(&stage.client(), Secret::from(REFRESH_TOKEN));
    stage.run(request.flow())?;
    Ok(())
}

fn refresh_with_proof(stage: &mut Stage) -> Ended {
    let dpop = Dpop::generate(Algorithm::Es256)?.or_bearer();
    let client = stage.client().with_token_constraint(Arc::new(dpop));
    stage.run(TokenRequest::refresh(&client, Secret::from(REFRESH_TOKEN)).flow())?;
    Ok(())
}

fn refresh_by_assertion(stage: &mut Stage) -> Ended {
    let der = SigningKey::generate(Algorithm::Es256).expect("a key is made");
    let key = SigningKey::from_pkcs8_der(&der).expect("it is one");
    let assertion = PrivateKeyJwt::new(key, Algorithm::Es256)?;
    let client = stage
        .client()
        .with_authentication(grantflow_core::Authentication::Other(Arc::new(assertion)));
    stage.run(TokenRequest::refresh(&client, Secret::from(REFRESH_TOKEN)).flow())?;
    Ok(())
}

fn client_credentials(stage: &mut Stage) -> Ended {
    stage.run(TokenRequest::client_credentials(&stage.client()).flow())?;
    Ok(())
}

fn token_exchange(stage: &mut Stage) -> Ended {
    let subject = PresentedToken::new(|| Step::Done(Secret::from(SUBJECT_TOKEN)));
    let exchange = TokenExchange::new(
        stage.client(),
        "ann",
        subject,
        TokenTypeIdentifier::AccessToken,
        "read",
    )?;
    stage.run(exchange.token())?;
    Ok(())
}

fn revocation(stage: &mut Stage) -> Ended {
    let token = Secret::from(REFRESH_TOKEN);
    let request = RevocationRequest::new(&stage.client(), &token, TokenTypeHint::RefreshToken);
    Ok(stage.run(request.flow())?)
}

fn introspection(stage: &mut Stage) -> Ended {
    let token = Secret::from(ACCESS_TOKEN);
    let request = IntrospectionRequest::new(&stage.client(), &token, TokenTypeHint::AccessToken);
    stage.run(request.flow())?;
    Ok(())
}

fn device(stage: &mut Stage) -> Ended {
    let grant = stage.run(DeviceAuthorizationRequest::new(&stage.client()).flow())?;
    assert_eq!(grant.user_code(), "WDJB-MJHT");
    Ok(())
}

fn poll(stage: &mut Stage) -> Ended {
    let request = TokenRequest::device_code(&stage.client(), Secret::from(crate::stage::DEVICE_CODE));
    stage.run(request.flow())?;
    Ok(())
}

fn backchannel(stage: &mut Stage) -> Ended {
    let hint = UserHint::LoginHint("ann".to_owned());
    let request = BackchannelAuthenticationRequest::new(&stage.client(), hint);
    let grant = stage.run(request.flow())?;
    stage.run(grant.poll())?;
    Ok(())
}

fn pushed(stage: &mut Stage) -> Ended {
    let client = stage.client().with_push_required(true);
    stage.run(Step::begin(move |cx| {
        AuthorizationRequest::new(&client, REDIRECT).begin(cx)
    }))?;
    Ok(())
}

fn metadata() -> ClientMetadata {
    ClientMetadata::new("Notes", [REDIRECT])
}

fn registration(stage: &mut Stage) -> Ended {
    let issuer = crate::stage::issuer(&stage.honest);
    let request = RegistrationRequest::new(&issuer, &stage.at_honest("/register"), metadata());
    let request = request.with_initial_access_token(Secret::from(INITIAL_TOKEN));
    stage.run(request.flow())?;
    Ok(())
}

fn read_registration(stage: &mut Stage) -> Ended {
    stage.run(RegistrationRequest::read(&stage.registration())?.flow())?;
    Ok(())
}

fn update_registration(stage: &mut Stage) -> Ended {
    stage.run(RegistrationRequest::update(&stage.registration(), metadata())?.flow())?;
    Ok(())
}

fn deregistration(stage: &mut Stage) -> Ended {
    Ok(stage.run(DeregistrationRequest::new(&stage.registration())?.flow())?)
}

fn api(stage: &mut Stage) -> Ended {
    let address = format!("{}/api", stage.honest.origin());
    asks(stage, None, &address)
}

fn api_with_proof(stage: &mut Stage) -> Ended {
    let address = format!("{}/api", stage.honest.origin());
    asks(stage, Some(Dpop::generate(Algorithm::Es256)?), &address)
}

/// A request with the honest server's token, by the handle of this way: an error if it was not carried out well.
pub(crate) fn asks(stage: &Stage, dpop: Option<Dpop>, address: &str) -> Ended {
    let mut token = stage.token();
    let mut client = stage.client();
    if let Some(dpop) = dpop {
        token.token_type = grantflow_core::TokenType::Dpop;
        client = client.with_token_constraint(Arc::new(dpop));
    }
    let origins = client.origins().to_vec();
    let reply = match &stage.way {
        Way::Ureq(transport) => {
            let handle = blocking::Credentials::from_access_token(token, transport.clone());
            handle
                .with_client(client)
                .allow_origins(origins)
                .authorized(get(address))?
        }
        Way::Reqwest(transport, runtime) => {
            let handle = grantflow_core::Credentials::from_access_token(token, transport.clone());
            let handle = handle.with_client(client).allow_origins(origins);
            runtime.block_on(handle.authorized(get(address)))?
        }
    };
    if reply.status().is_success() {
        Ok(())
    } else {
        Err(format!("answered with {}", reply.status()).into())
    }
}
