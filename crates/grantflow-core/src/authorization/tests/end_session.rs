//! The logout at the server: what its address says, and which return is its own.

use super::at;
use crate::{CallbackError, Client, EndSessionRequest, Endpoint, Error, PendingEndSession, Quirks, Secret};

const HINT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln";
const BYE: &str = "https://app.example/bye?x=1";

fn client() -> Client {
    super::client().with_end_session_endpoint(Endpoint::new("https://as.example/logout?tenant=1").unwrap())
}

fn state(address: &str) -> &str {
    address.split("&state=").nth(1).unwrap()
}

#[test]
fn the_address_names_the_client_the_user_and_the_way_back() {
    let client = client();
    let request = EndSessionRequest::new(&client)
        .id_token_hint(&Secret::new(HINT))
        .logout_hint("ann&co")
        .logout_hint("ann@example.com")
        .ui_locales("fr en");
    let stays = request.clone().start().unwrap();
    let said = format!(
        "https://as.example/logout?tenant=1&client_id=s6BhdRkqt3&id_token_hint={HINT}\
         &logout_hint=ann%40example.com&ui_locales=fr+en"
    );
    assert_eq!(stays.as_str(), said);
    let (url, pending) = at(0, |cx| request.start_with_return(BYE, cx)).unwrap();
    let way_back = "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye%3Fx%3D1&state=";
    assert!(
        url.as_str().starts_with(&format!("{said}{way_back}")),
        "{}",
        url.as_str()
    );
    assert_eq!(state(url.as_str()), pending.state().expose());
    assert_eq!(pending.state().expose().len(), 43);
    let printed = format!(
        "{url:?} {pending:?} {:?}",
        EndSessionRequest::new(&client).logout_hint("ann")
    );
    assert!(
        !printed.contains("ann") && !printed.contains(pending.state().expose()),
        "{printed}"
    );
    assert!(printed.starts_with("https://as.example/logout "), "{printed}");
}

#[test]
fn q27_a_client_that_is_named_otherwise_is_named_so() {
    let mut quirks = Quirks::default();
    quirks
        .renamed_parameters
        .insert("client_id".into(), "client_key".into());
    let client = client().with_quirks(quirks);
    let url = EndSessionRequest::new(&client).start().unwrap();
    assert_eq!(
        url.as_str(),
        "https://as.example/logout?tenant=1&client_key=s6BhdRkqt3"
    );
}

#[test]
fn t01_a_return_with_another_state_is_none_of_this_logout() {
    let (client, sent) = (client(), "ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI");
    let accept = |redirect: &str| PendingEndSession::of_state(Secret::new(sent)).accept(redirect);
    accept(&format!("https://app.example/bye?x=1&state={sent}")).unwrap();
    accept(&format!("/bye?state={sent}&x=1")).unwrap();
    for (redirect, expected) in [
        ("/bye?x=1".to_owned(), CallbackError::State),
        ("/bye?state=".to_owned(), CallbackError::State),
        (format!("/bye?state={sent}A"), CallbackError::State),
        (
            format!("/bye?state={}", sent.to_lowercase()),
            CallbackError::State,
        ),
        (format!("/bye?state={sent}&state={sent}"), CallbackError::Repeated),
    ] {
        let refused = accept(&redirect);
        assert!(
            matches!(&refused, Err(Error::Callback(why)) if *why == expected),
            "{redirect}: {refused:?}"
        );
    }
    let draw = || {
        at(0, |cx| {
            let one = EndSessionRequest::new(&client).start_with_return(BYE, cx)?;
            let two = EndSessionRequest::new(&client).start_with_return(BYE, cx)?;
            Ok::<_, Error>(one.1.state().eq_ct(two.1.state()))
        })
    };
    assert!(!draw().unwrap(), "each has its own");
}

#[test]
fn where_there_is_no_logout_or_its_address_is_spoiled_there_is_none() {
    let bare = super::client();
    let refused = |client: &Client, back: &str| {
        let started = at(0, |cx| {
            EndSessionRequest::new(client)
                .start_with_return(back, cx)
                .map(|_| ())
        });
        matches!(started, Err(Error::InvalidInput(_)))
    };
    assert!(refused(&bare, BYE));
    assert!(EndSessionRequest::new(&bare).start().is_err());
    for back in ["", "/bye", "https://app.example/#x", "https://app.example/\n"] {
        assert!(refused(&client(), back), "{back:?}");
    }
    for name in [
        "state",
        "client_id",
        "id_token_hint",
        "post_logout_redirect_uri",
        "%73tate",
    ] {
        let endpoint = Endpoint::new(format!("https://as.example/logout?{name}=x")).unwrap();
        assert!(
            refused(&client().with_end_session_endpoint(endpoint), BYE),
            "{name}"
        );
    }
}
