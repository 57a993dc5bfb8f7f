//! The table of what real authorization servers do differently, and that each of its lines is held by a test whose name begins with it.
//!
//! A line is handled (by a quirk of that name, or always where it harms nobody) or refused on purpose. Which of them, stands here; how, in
//! the test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    /// Taken from every server: it harms nobody.
    Tolerated,
    /// Handled where a quirk, or another fact of the client, says so.
    Named,
    /// Refused from everybody, with the reason at the test.
    Refused,
    /// A part of a grant or check that is not in this crate.
    Elsewhere,
}

use Is::{Elsewhere, Named, Refused, Tolerated};

#[rustfmt::skip] // a table
const LINES: [(&str, Is); 67] = [
    ("expires_in as a text: PayPal", Tolerated),
    ("expires_in far too large; 0 for never: Mailchimp", Named),
    ("expires for expires_in: Facebook", Named),
    ("expires_in in milliseconds: Fiserv; in minutes: Bullhorn", Named),
    ("an end that is a time: Square, Shopline", Named),
    ("no expiry: Salesforce", Named),
    ("no token_type: Slack, WeChat", Tolerated),
    ("odd token_type: eBay", Named),
    ("scopes as a list: Twitch; with commas: GitHub; null: Mailchimp", Tolerated),
    ("empty refresh_token or scope", Tolerated),
    ("names in other letters: PlentyMarkets", Named),
    ("a token in an object: Slack, TikTok, Yammer", Named),
    ("a form for JSON: Facebook", Named),
    ("JSON under another media type", Named),
    ("XML: SAP Concur; a script: QQ", Refused),
    ("200 with an error: GitHub, Slack", Tolerated),
    ("errors of another shape: Fitbit, Twitch, Facebook, WeChat", Named),
    ("201 for 200: Sentry", Tolerated),
    ("unknown and null members, a byte order mark; repeated members are refused", Tolerated),
    ("members that callers need: Salesforce's instance_url", Tolerated),
    ("secret in the header or the body, or as a bearer token: Stripe", Named),
    ("Basic without form encoding", Named),
    ("a public client's id in the body; Basic without a secret: Reddit", Named),
    ("Basic and client_id: X", Named),
    ("requests in JSON: Notion", Named),
    ("GET with a query: QQ, Instagram's refresh", Refused),
    ("parameters by other names: TikTok, WeChat", Named),
    ("redirect_uri on refresh, or not in the exchange", Named),
    ("another endpoint for refreshes: Figma", Named),
    ("scopes or resource on refresh: Okta", Named),
    ("grants of other names: Zoom, Facebook", Named),
    ("further parameters and headers: Basecamp, Reddit", Named),
    ("PKCE makes the server fail: LinkedIn", Named),
    ("an endpoint of a tenant; one that a reply names is refused: Zoho", Named),
    ("a code encoded twice: Square", Named),
    ("a redirect of the token endpoint", Refused),
    ("scopes with commas: Strava; with pluses: Unsplash", Named),
    ("scope by another name: Slack's user_scope", Named),
    ("response_type absent: monday.com; by another name: Walmart", Named),
    ("a refresh token only when asked for: Google, Dropbox", Named),
    ("an authorization endpoint with a query; one with a fragment is refused: Apollo", Tolerated),
    ("empty parameters are left out: Pipedrive", Tolerated),
    ("code by another name: Amazon", Named),
    ("data in the redirect: Intuit, Apple", Named),
    ("a redirect that is a posted form: Apple", Named),
    ("state that came back otherwise", Refused),
    ("localhost and its literals: Google", Named),
    ("errors of other names, errors in the fragment", Tolerated),
    ("iss absent, or there though not promised", Tolerated),
    ("other scopes than asked: Google, Microsoft", Tolerated),
    ("verification_url: Google", Elsewhere),
    ("interval absent, null or 0", Elsewhere),
    ("pending with 200, 403 or 428: GitHub, Google", Elsewhere),
    ("slow_down with an interval: GitHub", Elsewhere),
    ("expires_in of a device code as a text", Elsewhere),
    ("503 while polling", Elsewhere),
    ("an issuer with many tenants: Entra", Elsewhere),
    ("an issuer by two names: Google", Elsewhere),
    ("keys that cannot be read", Elsewhere),
    ("keys without a name; a key that is new", Elsewhere),
    ("metadata that say little: Apple", Tolerated),
    ("aud as a list, exp as a fraction, clocks that differ", Elsewhere),
    ("padded parts of a token", Elsewhere),
    ("userinfo as a token, or not in JSON", Elsewhere),
    ("the token in another header: Shopify; in the query it is refused", Named),
    ("401 without a challenge; 403 for an ended token", Named),
    ("a spent refresh token that still works: Okta", Named),
];

/// Lines that no test holds yet; each is here until one does.
const NOT_YET: [usize; 7] = [51, 52, 53, 54, 55, 56, 64];

#[test]
#[expect(clippy::print_stdout, reason = "the count is for people")]
fn each_line_of_the_table_is_held_by_a_test_with_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut held = BTreeSet::new();
    for place in ["crates", "tests/src", "tests/tests"] {
        rows(&root.join(place), &mut held);
    }
    let is_open = |line: &usize| !held.contains(line);
    let open: Vec<usize> = (1..=LINES.len()).filter(is_open).collect();
    let refused = LINES.iter().filter(|(_, is)| *is == Refused).count();
    println!(
        "{} of {}, {refused} of them refused on purpose",
        LINES.len() - open.len(),
        LINES.len()
    );
    for line in &open {
        println!("not covered: {line} {}", LINES[line - 1].0);
    }
    let forgotten: Vec<_> = open.iter().filter(|line| !NOT_YET.contains(line)).collect();
    assert!(
        forgotten.is_empty(),
        "no test begins with q and one of {forgotten:?}"
    );
}

/// The numbers behind `q` at the beginning of the names of tests below a folder.
fn rows(folder: &Path, held: &mut BTreeSet<usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                rows(&path, held);
            }
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let names = text
            .split("#[test]")
            .skip(1)
            .filter_map(|test| test.split_once("fn "));
        for (_, test) in names {
            let numbers = test.split(['_', '(']).map_while(|word| {
                let (table, number) = word.split_at_checked(1)?;
                let is_row = number.len() == 2 && "trvqm".contains(table);
                Some((table, number.parse().ok()?)).filter(|_| is_row)
            });
            held.extend(
                numbers
                    .filter(|(table, _)| *table == "q")
                    .map(|(_, number): (_, usize)| number),
            );
        }
    }
}
