//! Text for search: what a product's words and a customer's words have in common.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The longest word that is kept, in characters.
const LONGEST: usize = 32;
/// The most words one text gives: bounds the index of a long description and the cost of a long query.
const MOST: usize = 200;

/// The words of a text, folded: compatibility forms and accents removed, lower case, split at what is no letter or digit.
/// A product is found if each word of the query is the beginning of one of its words.
#[must_use]
pub fn tokens(text: &str) -> BTreeSet<String> {
    let folded: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect();
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(LONGEST).collect())
        .take(MOST)
        .collect()
}

/// The first text that is greater than every text beginning with `prefix`.
#[must_use]
pub fn after_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().collect()
    }

    #[test]
    fn words_are_folded_and_split() {
        assert_eq!(
            words("Crème-brûlée Ｓｅｔ, 2×"),
            ["2", "brulee", "creme", "set"]
        );
        assert_eq!(words("ÜBER straße"), ["straße", "uber"]);
        assert_eq!(words(" -_- "), Vec::<String>::new());
    }

    #[test]
    fn a_prefix_range_holds_every_word_that_begins_with_it() {
        let end = after_prefix("mu");
        for word in ["mu", "mug", "muž", "mu\u{10fffe}"] {
            assert!(("mu"..end.as_str()).contains(&word), "{word}");
        }
        assert!(!("mu"..end.as_str()).contains(&"mv"));
    }

    #[test]
    fn endless_text_gives_a_bounded_number_of_bounded_words() {
        let text: Vec<String> = (0..1000)
            .map(|n| format!("{n}{}", "x".repeat(100)))
            .collect();
        let words = tokens(&text.join(" "));
        assert_eq!(words.len(), MOST);
        assert!(words.iter().all(|word| word.chars().count() <= LONGEST));
    }
}
