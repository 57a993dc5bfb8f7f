//! Names of presets that a person may have meant.

use super::facts;

/// Those that differ from `typed` by two letters at most, or begin with it, themselves or a word of their title; at most four, the
/// nearest first. One in other letters is what was
/// meant.
pub(super) fn names(typed: &str) -> Vec<String> {
    let typed = typed.to_ascii_lowercase();
    if typed.len() > LONGEST {
        return Vec::new();
    }
    if facts::all().iter().any(|facts| facts.name == typed) {
        return vec![typed];
    }
    let mut near: Vec<(usize, &str)> = facts::all()
        .iter()
        .filter_map(|facts| {
            let letters = distance(&typed, &facts.name);
            let title = facts.title.to_ascii_lowercase();
            let mut words = title.split(|c: char| !c.is_alphanumeric()).chain([&*facts.name]);
            let is_part = typed.len() > 2 && words.any(|word| word.starts_with(&typed));
            let is_slip = letters <= 2 && letters < facts.name.len().min(typed.len());
            (is_part || is_slip).then_some((letters, facts.name.as_str()))
        })
        .collect();
    near.sort_unstable();
    near.truncate(4);
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// How many letters are to be put in, taken out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// No name is longer, and the work grows with it.
const LONGEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_differ_are_counted() {
        for (one, other, letters) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("github", "gihub", 1),
            ("gihtub", "github", 2),
            ("kitten", "sitting", 3),
            ("github", "github", 0),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
            assert_eq!(distance(other, one), letters, "{other} {one}");
        }
    }
}
