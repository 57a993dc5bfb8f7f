//! The pages a person sees, and the headers that keep them safe ([RFC 9700 section 4.16] on clickjacking).
//!
//! Nothing on them comes from elsewhere: one style sheet, admitted by its hash, and no script. Whatever a request
//! brought is escaped.
//!
//! [RFC 9700 section 4.16]: https://www.rfc-editor.org/rfc/rfc9700#section-4.16

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::interaction::{About, PASSWORD};
use crate::message::Reply;
use crate::site::Turn;

pub(crate) fn login(
    turn: &Turn<'_>,
    status: u16,
    interaction: &str,
    about: &About,
    problem: Option<&str>,
) -> Reply {
    let problem = alert(problem);
    let main = format!(
        r#"<h1>Log in</h1>
<p>to continue to <b>{client}</b></p>
{problem}
<form method="post" action="/login">
<input type="hidden" name="interaction" value="{interaction}">
<label>Name <input name="username" value="{user}" autocomplete="off" autofocus required></label>
<label>Password <input name="password" type="password" value="{PASSWORD}" autocomplete="off" required></label>
<button>Log in</button>
</form>
<p class="hint">This is a test server: any name will do, and everybody's password is <code>{PASSWORD}</code>.</p>"#,
        client = escape(about.asked(turn).0),
        interaction = escape(interaction),
        user = escape(about.login_hint().unwrap_or("ann")),
    );
    page(status, "Log in", &main, about.redirect_uri())
}

fn alert(problem: Option<&str>) -> String {
    let alert = |text| format!("<p class=\"problem\" role=\"alert\">{}</p>", escape(text));
    problem.map(alert).unwrap_or_default()
}

/// Where a person enters the code that a device shows. One that is in the address already is shown too, to be compared
/// (RFC 8628 section 3.3.1).
pub(crate) fn user_code(status: u16, code: Option<&str>, problem: Option<&str>) -> Reply {
    let main = format!(
        r#"<h1>Connect a device</h1>
<p>Enter the code that the device shows. Do not go on unless it is your device.</p>
{problem}
<form method="post" action="/device">
<label>Code <input name="user_code" value="{code}" autocomplete="off" autofocus required></label>
<button>Continue</button>
</form>"#,
        problem = alert(problem),
        code = escape(code.unwrap_or_default()),
    );
    page(status, "Connect a device", &main, None)
}

pub(crate) fn device_answered(allows: bool) -> Reply {
    let (title, text) = match allows {
        true => (
            "Device connected",
            "You can close this page and return to the device.",
        ),
        false => ("Access denied", "The device was given nothing."),
    };
    let main = format!("<h1>{title}</h1>\n<p>{text}</p>");
    page(200, title, &main, None)
}

pub(crate) fn consent(turn: &Turn<'_>, interaction: &str, about: &About, user: &str) -> Reply {
    let (client, scope) = about.asked(turn);
    let scopes: String = scope
        .iter()
        .map(|scope| format!("<li><code>{}</code></li>", escape(scope)))
        .collect();
    let wants = if scopes.is_empty() {
        "<p>It asks for no scope in particular.</p>".to_owned()
    } else {
        format!("<p>It asks for:</p>\n<ul>{scopes}</ul>")
    };
    let end = about.redirect_uri().map(|uri| {
        let uri = escape(uri);
        format!("<p class=\"hint\">Either way you return to <code>{uri}</code>.</p>")
    });
    let end = end.unwrap_or_default();
    let main = format!(
        r#"<h1>Allow <b>{client}</b>?</h1>
<p>You are logged in as <b>{user}</b>.</p>
{wants}
<form method="post" action="/consent">
<input type="hidden" name="interaction" value="{interaction}">
<div class="choice">
<button name="decision" value="allow" autofocus>Allow</button>
<button name="decision" value="deny" class="second">Deny</button>
</div>
</form>
{end}"#,
        client = escape(client),
        user = escape(user),
        interaction = escape(interaction),
    );
    page(200, "Allow access?", &main, about.redirect_uri())
}

/// An error that must not go to the client.
pub(crate) fn problem(status: u16, text: &str) -> Reply {
    let main = format!(
        "<h1>This did not work</h1>\n<p class=\"problem\" role=\"alert\">{}</p>",
        escape(text)
    );
    page(status, "Error", &main, None)
}

pub(crate) fn home(turn: &mut Turn<'_>) -> Reply {
    let clients: String = turn
        .config
        .clients
        .iter()
        .map(|client| format!("<li><code>{}</code></li>", escape(client.id())))
        .collect();
    let main = format!(
        r#"<h1>Test authorization server</h1>
<p>Issuer <code>{issuer}</code></p>
<p>Clients:</p>
<ul>{clients}</ul>
<p><a href="/.well-known/oauth-authorization-server">Metadata</a> · <a href="/stats">Counters</a> · <a href="/log">Log</a></p>
<p class="hint">For tests and demos. Nothing here is a secret worth keeping.</p>"#,
        issuer = escape(turn.issuer),
    );
    page(200, "Test authorization server", &main, None)
}

/// Makes text harmless in HTML, in attributes too.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn page(status: u16, title: &str, main: &str, redirect_uri: Option<&str>) -> Reply {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    );
    let form_action = redirect_uri
        .map(|uri| format!(" {}", source(uri)))
        .unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src '{}'; img-src data:; form-action 'self'{form_action}; base-uri 'none'; \
         frame-ancestors 'none'",
        *STYLE_HASH
    );
    Reply::html(status, html)
        .header("content-security-policy", policy)
        .header("x-frame-options", "DENY")
        .header("x-content-type-options", "nosniff")
        .header("referrer-policy", "no-referrer")
        .no_store()
}

/// What `form-action` must allow for the consent form to lead to the client: browsers apply it to redirects too.
///
/// A content security policy cannot name an IPv6 host, so there, and for an application's own scheme, the scheme
/// stands alone.
fn source(redirect_uri: &str) -> String {
    let Ok(url) = Url::parse(redirect_uri) else {
        return String::new();
    };
    match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_)) if matches!(url.scheme(), "http" | "https") => {
            url.origin().ascii_serialization().replace([';', ',', '\''], "")
        }
        _ => format!("{}:", url.scheme()),
    }
}

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE))));

const STYLE: &str = r#"
:root { color-scheme: light dark; --back: #f3f4f7; --card: #fff; --ink: #1c2430; --soft: #5b6675; --line: #d5dae2;
  --key: #1f5fd6; --on-key: #fff; --bad: #a3201b; --bad-back: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --card: #1b2129; --ink: #e8ecf2; --soft: #9aa6b5;
  --line: #36404d; --key: #7aa7ff; --on-key: #0c1420; --bad: #ffb4ae; --bad-back: #3a1d1c; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--back);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; overflow-wrap: anywhere; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
ul { margin: 0 0 1.25rem; padding-left: 1.25rem; }
code { font: .9em ui-monospace, monospace; }
a { color: var(--key); }
label { display: block; margin-bottom: 1rem; font-weight: 600; }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .75rem; color: inherit; background: var(--back);
  border: 1px solid var(--line); border-radius: .5rem; font: inherit; font-weight: 400; }
button { width: 100%; padding: .65rem 1rem; border: 1px solid var(--key); border-radius: .5rem; background: var(--key);
  color: var(--on-key); font: inherit; font-weight: 600; cursor: pointer; }
button.second { background: transparent; color: var(--key); }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
.choice { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; }
.problem { padding: .6rem .75rem; border-radius: .5rem; background: var(--bad-back); color: var(--bad); }
.hint { margin: 1.25rem 0 0; color: var(--soft); font-size: .875rem; }
"#;
