//! A web application, where oauth2client's guide begins: `web_login CLIENT_SECRETS API_URL DIRECTORY [form_post]`. It listens at the
//! redirect address of the secrets (behind a proxy bind another). The directory is private; old files `login-…` in it are yours to delete.

use axum::http::{HeaderMap, HeaderName, Request, StatusCode, Uri, header};
use axum::{Router, response::IntoResponse, response::Redirect, response::Response, routing::any};
use grantflow::{AsyncTransportHost, AuthorizationRequest, Body, PendingAuthorization, Provenance, Record};
use grantflow::{ResponseMode, Step, TokenRequest, drive, flow, prelude::*, store::OnThread};
use std::{env, fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, time::Duration};
use tokio::signal::{ctrl_c, unix};

const SCOPES: &str = "openid email";
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Made = Result<Response, Failure>;

struct App {
    client: Client,
    api: Uri,
    transport: ReqwestTransport,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let [secrets, api, dir] = [1, 2, 3].map(|n| env::args().nth(n).expect("three arguments"));
    let mode = env::args().nth(4).map(|_| ResponseMode::FormPost);
    let client = Client::from_client_secrets(&fs::read(secrets)?)?;
    let client = client.with_response_mode(mode.unwrap_or_default());
    let here: Uri = client.redirect_uris().first().ok_or("no redirect")?.parse()?;
    let listener = tokio::net::TcpListener::bind(here.authority().ok_or("no host")?.as_str()).await?;
    env::set_current_dir(dir)?;
    let app: &'static App = Box::leak(Box::new(App {
        client,
        api: api.parse()?,
        transport: ReqwestTransport::new()?,
    }));
    let step_1 = any(async move |headers: HeaderMap| page(home(app, &headers).await));
    let step_2 = async move |headers: HeaderMap, uri, form| page(callback(app, &headers, uri, form).await);
    let routes = Router::new().route("/", step_1).route(here.path(), any(step_2));
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let stopped = async move { tokio::select!(_ = terminate.recv() => {}, _ = ctrl_c() => {}) };
    let server = axum::serve(listener, routes);
    Ok(server.with_graceful_shutdown(stopped).await?)
}

/// Shows what the API has for the user, whose record gives the token, refreshed if it has to be.
async fn home(app: &'static App, headers: &HeaderMap) -> Made {
    let Some(user) = named(headers, "__Host-user=") else {
        return login(app).await;
    };
    let (key, store) = app.place(user)?;
    let credentials = Credentials::new(key, store, app.transport.clone()).allow_origins(Origin::of(&app.api));
    let request = Request::get(&app.api).body(Body::empty())?;
    let reply = credentials.authorized(request).await;
    credentials.settle(Duration::from_secs(35)).await; // a refresh that is cut off may cost the grant
    Ok(String::from_utf8(reply?.into_body().into_bytes())?.into_response()) // as plain text, whatever it is
}

/// Step 1: what the redirect will be checked against stays here, under a name that only this browser has.
async fn login(app: &'static App) -> Made {
    let start = Step::begin(|cx| {
        let request = AuthorizationRequest::new(&app.client, &app.client.redirect_uris()[0]);
        let started = request.scopes(SCOPES)?.start(cx)?;
        Ok(Step::Done((started, cx.random_token()?)))
    });
    let ((url, pending), name) = drive(start, &AsyncTransportHost::new(&app.transport)).await?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut waiting = options.open(format!("login-{}", name.expose()))?;
    waiting.write_all(pending.expose_json().expose().as_bytes())?;
    Ok((cookie("login", &name, "None"), Redirect::to(url.as_str())).into_response())
}

/// Step 2: the redirect counts once, in the browser that began, whichever process is asked.
async fn callback(app: &'static App, headers: &HeaderMap, uri: Uri, form: String) -> Made {
    let name = named(headers, "__Host-login=").ok_or("this login began elsewhere")?;
    let waiting = format!("login-{name}");
    let json = Secret::from(fs::read_to_string(&waiting).map_err(|_| "this login is over")?);
    fs::remove_file(waiting).map_err(|_| "this login is over")?; // fails for the second of two
    let pending = PendingAuthorization::from_json(json.expose())?;
    let answer = if form.is_empty() { uri.to_string() } else { form };
    let finish = Step::begin(move |cx| {
        let code = pending.accept(&answer, cx)?;
        let exchange = TokenRequest::authorization_code(&app.client, code).flow();
        Ok(exchange.and_then(|token, cx| Ok(Step::Done((token, cx.wall(), cx.random_token()?)))))
    });
    let (token, now, user) = drive(finish, &AsyncTransportHost::new(&app.transport)).await?;
    let (key, store) = app.place(user.expose())?;
    let record = Record::new(key, app.client.clone(), token, Provenance::new("web_login", now));
    let host = AsyncTransportHost::new(&app.transport).with_store(&store);
    drive(flow::keep(record, None), &host).await?;
    Ok((cookie("user", &user, "Lax"), Redirect::to("/")).into_response())
}

impl App {
    fn place(&self, user: &str) -> Result<(Key, OnThread<FileStore>), Error> {
        let key = Key::new(&self.client, Scopes::parse(SCOPES)?).with_account(user);
        Ok((key, OnThread::new(FileStore::new(format!("user-{user}")))))
    }
}

/// `__Host-`: over https or on this machine, for this host alone; no script reads it. `None` comes with a posted answer too.
fn cookie(name: &str, value: &Secret, same_site: &str) -> [(HeaderName, String); 1] {
    let attributes = format!("Path=/; Secure; HttpOnly; SameSite={same_site}");
    let cookie = format!("__Host-{name}={}; {attributes}", value.expose());
    [(header::SET_COOKIE, cookie)]
}

/// The value of a cookie, if it can be one of ours: it becomes the name of a file.
fn named<'a>(headers: &'a HeaderMap, cookie: &str) -> Option<&'a str> {
    let mut cookies = headers.get(header::COOKIE)?.to_str().ok()?.split("; ");
    let value = cookies.find_map(|pair| pair.strip_prefix(cookie))?;
    let is_ours = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (value.len() == 43 && value.bytes().all(is_ours)).then_some(value)
}

/// An error of any kind is a page too.
fn page(made: Made) -> Response {
    made.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, error.to_string()).into_response())
}
