//! The stand-in browser as a program, for `$BROWSER`.
//!
//! ```text
//! stand-in-browser USER [--deny] [--trust FILE] ADDRESS
//! ```
//!
//! It logs in as USER, answers the consent and follows the redirect to the application's page. It trusts the authority in FILE (PEM) where
//! one is named.

use grantflow_suites::browser::Browser;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let address = args.pop().expect("the address is the last word");
    let mut browser = Browser::of(args.first().expect("the user is the first"));
    if args.iter().any(|arg| arg == "--deny") {
        browser = browser.who_denies();
    }
    if let Some(at) = args.iter().position(|arg| arg == "--trust") {
        let authority = args.get(at + 1).expect("a file follows");
        browser = browser.who_trusts(&std::fs::read_to_string(authority).expect("it can be read"));
    }
    let page = browser.log_in(&address);
    assert_eq!(page.status, 200, "the application shows a page");
}
