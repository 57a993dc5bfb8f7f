//! Licence expressions: `MIT OR (Apache-2.0 WITH LLVM-exception AND ISC)`.

/// Whether a choice of allowed licences satisfies the expression; an error if it is none.
pub(super) fn is_allowed(expression: &str, allowed: &[String]) -> Result<bool, String> {
    // Before the SPDX form, crates wrote `MIT/Apache-2.0`.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        words: &words,
        allowed,
    };
    let verdict = parser.or().filter(|_| parser.words.is_empty());
    verdict.ok_or_else(|| format!("`{expression}` is no licence expression"))
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl Parser<'_> {
    fn or(&mut self) -> Option<bool> {
        let mut verdict = self.and()?;
        while self.eat("OR") {
            verdict |= self.and()?;
        }
        Some(verdict)
    }

    fn and(&mut self) -> Option<bool> {
        let mut verdict = self.licence()?;
        while self.eat("AND") {
            verdict &= self.licence()?;
        }
        Some(verdict)
    }

    fn licence(&mut self) -> Option<bool> {
        if self.eat("(") {
            let verdict = self.or()?;
            return self.eat(")").then_some(verdict);
        }
        let mut name = self.name()?;
        if self.eat("WITH") {
            name = format!("{name} WITH {}", self.name()?);
        }
        Some(self.allowed.contains(&name))
    }

    fn name(&mut self) -> Option<String> {
        let (first, rest) = self.words.split_first()?;
        if ["OR", "AND", "WITH", "(", ")"].contains(first) {
            return None;
        }
        self.words = rest;
        Some((*first).to_owned())
    }

    fn eat(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(expression: &str) -> Result<bool, String> {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        is_allowed(expression, &allowed)
    }

    #[test]
    fn a_choice_needs_one_and_a_sum_all() {
        for fine in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "Apache-2.0 AND ISC",
            "GPL-3.0 OR (MIT AND ISC)",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "(MIT OR Apache-2.0) AND ISC",
        ] {
            assert_eq!(judge(fine), Ok(true), "{fine}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 OR MIT AND GPL-2.0",
            "MIT WITH Other-exception",
        ] {
            assert_eq!(judge(bad), Ok(false), "{bad}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for text in ["", "OR", "MIT OR", "(MIT", "MIT Apache-2.0", "MIT WITH"] {
            assert!(judge(text).is_err(), "{text}");
        }
    }
}
