//! The commands of `$BROWSER`: split into words first, and only then is the address put in (RUSTSEC-2026-0257, threat T25).

/// The commands of the list, each as its words, with the address in each.
pub(super) fn commands<'a>(list: &'a str, address: &'a str) -> impl Iterator<Item = Vec<String>> + 'a {
    list.split(if cfg!(windows) { ';' } else { ':' })
        .filter_map(move |command| {
            let mut words = words(command)?;
            // A shell would have taken it as "do not wait".
            words.pop_if(|last| last == "&");
            let mut given = false;
            let mut words: Vec<String> = words
                .iter()
                .map(|word| expand(word, address, &mut given))
                .collect();
            if words.is_empty() {
                return None;
            }
            if !given {
                words.push(address.to_owned());
            }
            Some(words)
        })
}

/// Words between white space; quotes and backslashes hold them together as in a shell, nothing else means anything. `None` if a
/// quote is not closed.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(c),
            (_, '\\') if cfg!(unix) => word.get_or_insert_default().push(chars.next()?),
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_ascii_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// One pass from left to right, so that nothing of the address is read as a code.
fn expand(word: &str, address: &str, given: &mut bool) -> String {
    let mut text = String::with_capacity(word.len());
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match (c, (c == '%').then(|| chars.clone().next()).flatten()) {
            ('%', Some('s')) => {
                text.push_str(address);
                *given = true;
            }
            ('%', Some('c')) => text.push(':'),
            ('%', Some('%')) => text.push('%'),
            _ => {
                text.push(c);
                continue;
            }
        }
        chars.next();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(list: &str) -> Vec<Vec<String>> {
        commands(list, "https://a.example/?x=%s&y=%25c").collect()
    }

    #[test]
    fn t25_the_address_is_one_word_and_nothing_in_it_is_read_again() {
        const ADDRESS: &str = "https://a.example/?x=%s&y=%25c";
        assert_eq!(of("firefox"), [["firefox", ADDRESS]]);
        assert_eq!(
            of("firefox --new-tab %s -x"),
            [["firefox", "--new-tab", ADDRESS, "-x"]]
        );
        assert_eq!(
            of("open --url=%s%%%c%x%"),
            [["open".to_owned(), format!("--url={ADDRESS}%:%x%")]]
        );
        assert_eq!(
            of(" w3m &:'a b' \"c d\""),
            [vec!["w3m", ADDRESS], vec!["a b", "c d", ADDRESS]]
        );
        assert_eq!(of("::'open:x: &"), [["x".to_owned(), ADDRESS.to_owned()]]);
        assert_eq!(
            of("sh -c 'echo %s'"),
            [["sh".to_owned(), "-c".to_owned(), format!("echo {ADDRESS}")]]
        );
    }

    proptest! {
        #[test]
        fn t25_no_address_makes_more_words(address in "https://[!-~]{0,40}") {
            let words: Vec<_> = commands("browser -u %s", &address).collect();
            prop_assert_eq!(words, [["browser", "-u", &address]]);
        }
    }
}
