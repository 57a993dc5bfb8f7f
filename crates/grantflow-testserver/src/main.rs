//! The `grantflow-testserver` command: the test server as a process, for tests in any language and for demos.
//!
//! It prints one line of JSON when it is ready and nothing after it; SIGINT and SIGTERM end it.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use grantflow_testserver::{
    Config, Endpoint, ExpiresIn, Fault, IdTokenFlaw, Rotation, TestClient, TestServer,
};
use serde_json::{Value, json};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if standard error is closed as well.
            _ = writeln!(io::stderr(), "grantflow-testserver: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An OAuth 2.0 authorization server on 127.0.0.1 for tests and demos.
///
/// Prints one line of JSON when it is ready: issuer, port, pid, and the registered clients with their secrets.
/// GET /stats answers the counters, GET /log the requests so far. Everybody's password is "password".
#[derive(Parser)]
#[command(name = "grantflow-testserver", version, after_help = faults_help())]
struct Arguments {
    /// Port of 127.0.0.1 to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// What happens to used refresh tokens: strict (a replay revokes the family), grace=S (a replay within S
    /// seconds gets the same successor) or never (they stay good)
    #[arg(long, value_name = "strict|grace=S|never", default_value = "strict")]
    rotate: Rotation,

    /// Seconds that access tokens live
    #[arg(long, value_name = "S", default_value = "3600", value_parser = seconds)]
    expires: Duration,

    /// Leave expires_in out of token replies
    #[arg(long)]
    no_expires_in: bool,

    /// Seconds by which each reply of the token endpoint is late, after the request was carried out
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    delay: Duration,

    /// Grant every valid authorization request at once in the name of this user, without a page
    #[arg(long, value_name = "USER")]
    auto_approve: Option<String>,

    /// Seconds that devices have to wait between polls
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    device_interval: Duration,

    /// Register a public client with this redirect URI; more than one for the same id add up
    #[arg(long, value_name = "ID=URI", value_parser = client)]
    client: Vec<(String, String)>,

    /// Play a fault, see below; may be given more than once
    #[arg(long, value_name = "[ENDPOINT:]NAME[*N]")]
    fault: Vec<FaultRule>,
}

fn run(arguments: Arguments) -> io::Result<()> {
    let expires_in = match arguments.no_expires_in {
        true => ExpiresIn::Unstated(arguments.expires),
        false => ExpiresIn::Stated(arguments.expires),
    };
    let mut config = Config::new()
        .port(arguments.port)
        .rotate(arguments.rotate)
        .expires_in(expires_in)
        .delay(arguments.delay)
        .device_interval(arguments.device_interval);
    if let Some(user) = arguments.auto_approve {
        config = config.auto_approve(user);
    }
    for (id, _) in &arguments.client {
        let redirect_uris = arguments
            .client
            .iter()
            .filter(|(other, _)| other == id)
            .map(|(_, uri)| uri);
        config = config.client(TestClient::public(id, redirect_uris));
    }
    let signals = Signals::new()?;
    let server = config.start()?;
    for rule in arguments.fault {
        rule.apply(&server);
    }
    writeln!(io::stdout(), "{}", ready(&server))?;
    signals.wait();
    Ok(())
}

fn ready(server: &TestServer) -> Value {
    json!({
        "issuer": server.issuer(),
        "port": server.port(),
        "pid": std::process::id(),
        "clients": server.clients().iter().map(described).collect::<Vec<_>>(),
    })
}

fn described(client: &TestClient) -> Value {
    let mut value = json!({
        "client_id": client.id(),
        "token_endpoint_auth_method": client.auth_method(),
        "redirect_uris": client.redirect_uris(),
    });
    if let Some(secret) = client.expose_secret() {
        value["client_secret"] = secret.into();
    }
    value
}

/// A fault, where it strikes, and how often.
#[derive(Clone)]
struct FaultRule {
    endpoint: Endpoint,
    fault: Fault,
    times: Option<u32>,
}

impl FaultRule {
    fn apply(self, server: &TestServer) {
        match self.times {
            None => server.set_fault(self.endpoint, self.fault),
            Some(times) => (0..times).for_each(|_| server.push_fault(self.endpoint, self.fault.clone())),
        }
    }
}

impl FromStr for FaultRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (endpoint, rest) = text.split_once(':').unwrap_or(("token", text));
        let (name, times) = match rest.rsplit_once('*') {
            Some((name, times)) => {
                let times = times.parse().ok().filter(|times| (1..=1000).contains(times));
                (name, Some(times.ok_or("after * comes a number from 1 to 1000")?))
            }
            None => (rest, None),
        };
        let endpoint: Endpoint = endpoint.parse().map_err(|error| format!("{error}"))?;
        let fault: Fault = name.parse().map_err(|error| format!("{error}"))?;
        if !fault.applies_to(endpoint) {
            return Err(format!("{name} changes nothing there"));
        }
        Ok(Self {
            endpoint,
            fault,
            times,
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "not a number of seconds".to_owned())
}

fn client(text: &str) -> Result<(String, String), String> {
    let (id, uri) = text.split_once('=').ok_or("a client is ID=URI")?;
    Ok((id.to_owned(), uri.to_owned()))
}

fn faults_help() -> String {
    let mut help = String::from("Faults:\n");
    for (name, meaning) in Fault::NAMES {
        help.push_str(&format!("  {name:<26} {meaning}\n"));
    }
    let flaws: Vec<&str> = IdTokenFlaw::NAMES.iter().map(|(name, _)| *name).collect();
    help.push_str(&format!("\nFLAW of an ID token is {}.\n", flaws.join(", ")));
    let endpoints: Vec<&str> = Endpoint::NAMES.iter().map(|(name, _)| *name).collect();
    help.push_str(&format!(
        "\nA fault strikes at every request, or with *N at the next N; several with *N are played in order.\n\
         ENDPOINT is {}; without it, token.\n\
         Example: --fault refresh:drop-after-commit*1 loses the reply to the first refresh.",
        endpoints.join(", ")
    ));
    help
}

/// The signals that end the process in an orderly way.
struct Signals {
    runtime: tokio::runtime::Runtime,
    #[cfg(unix)]
    unix: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let unix = {
            let _entered = runtime.enter();
            [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
        };
        Ok(Self { runtime, unix })
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    #[cfg(unix)]
    fn wait(self) {
        use std::future::poll_fn;
        use std::task::Poll;
        let Self { runtime, mut unix } = self;
        runtime.block_on(poll_fn(|cx| {
            let arrived = unix.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if arrived { Poll::Ready(()) } else { Poll::Pending }
        }));
    }

    #[cfg(not(unix))]
    fn wait(self) {
        // Without a handler the system ends the process by itself.
        _ = self.runtime.block_on(tokio::signal::ctrl_c());
    }
}
