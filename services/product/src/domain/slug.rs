//! A product's name in addresses.

use crate::domain::tokens;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The longest slug made of a title; a number may follow.
const LONGEST: usize = 80;

/// The slug of a title: its folded words joined by hyphens; `product` if it has none. Never looks like an id.
#[must_use]
pub fn of_title(title: &str) -> String {
    let mut slug = String::new();
    let folded = title
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase);
    for c in folded {
        if slug.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() || tokens::tokens(title).is_empty() {
        "product".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_readable_ascii() {
        for (title, slug) in [
            ("Crème-brûlée Set", "creme-brulee-set"),
            ("  2× Stoneware  mug! ", "2-stoneware-mug"),
            ("陶器", "product"),
            ("", "product"),
        ] {
            assert_eq!(of_title(title), slug);
        }
        assert!(of_title(&"long ".repeat(100)).len() <= LONGEST);
    }
}
