//! Against django-oauth-toolkit: a server whose name has a path, that ends a family of refresh tokens when one is used again, and that
//! makes other choices than oidc-provider. Each scenario runs blocking over ureq and async over reqwest.

mod processes;
mod program;
mod scenarios;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use grantflow_core::Error;
use grantflow_suites::app::{App, AsyncApp};
use grantflow_suites::django_oauth_toolkit::Toolkit;
use grantflow_suites::driven::Over;
use grantflow_suites::driven::Server::DjangoOauthToolkit;
use grantflow_suites::driven::{
    BASIC, CODE, DEVICE, INTROSPECTION, ISS, METADATA, REFRESH, REGISTRATION, RESOURCE, RESOURCE_METADATA,
    REUSE, REVOCATION, drives,
};

/// The outcome of a future that never waits.
fn done<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a blocking application never waits"),
    }
}

macro_rules! over_both_transports {
    ($($scenario:ident: $features:expr;)*) => {
        mod ureq {
            use super::*;

            $(#[test]
            fn $scenario() -> Result<(), Error> {
                drives(DjangoOauthToolkit, Over::Ureq, &$features);
                let Some(server) = Toolkit::start() else {
                    return Ok(());
                };
                done(scenarios::$scenario::<App>(server))
            })*
        }

        mod reqwest {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() -> Result<(), Error> {
                drives(DjangoOauthToolkit, Over::Reqwest, &$features);
                let Some(server) = Toolkit::start() else {
                    return Ok(());
                };
                scenarios::$scenario::<AsyncApp>(server).await
            })*
        }
    };
}

over_both_transports! {
    t39_a_resource_whose_server_has_a_path_is_found_from_its_401_and_called:
        [RESOURCE_METADATA, METADATA, REGISTRATION, CODE, ISS, RESOURCE, REFRESH];
    a_rotated_refresh_token_is_kept_and_a_replayed_one_ends_the_login:
        [CODE, REFRESH, REUSE];
    r09_two_handles_that_refresh_at_once_never_burn_the_family:
        [CODE, REFRESH];
    t35_a_confidential_client_introspects_and_revokes:
        [CODE, BASIC, INTROSPECTION, REVOCATION];
    a_device_is_allowed_refreshes_and_is_denied:
        [DEVICE, REFRESH];
}
