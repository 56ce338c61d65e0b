//! The order's short name for people: easy to read out on the phone, and a slip of the tongue is noticed.

use std::fmt;
use std::str::FromStr;

/// Crockford's base 32: no `I`, `L`, `O` and `U`, so nothing is mistaken for a digit or makes a word
/// (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits that even the first order shows, so that numbers look alike for years.
const LEAST_DIGITS: usize = 5;

/// `S-`, the order's place in the sequence of all orders in base 32, and one check digit (Luhn modulo 32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNumber(i64);

/// Why a text is not an [`OrderNumber`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an order number such as S-0001CV")]
pub struct OrderNumberError;

impl OrderNumber {
    /// The number of the order at this place in the sequence, counted from 1.
    #[must_use]
    pub fn of(sequence: i64) -> Self {
        Self(sequence)
    }

    /// Its place in the sequence of all orders: what lists are sorted by.
    #[must_use]
    pub fn sequence(self) -> i64 {
        self.0
    }

    fn digits(self) -> Vec<u8> {
        let mut rest = self.0.unsigned_abs();
        let mut digits = Vec::with_capacity(LEAST_DIGITS);
        while rest > 0 || digits.len() < LEAST_DIGITS {
            digits.push(u8::try_from(rest % 32).unwrap_or_default());
            rest /= 32;
        }
        digits.reverse();
        digits
    }
}

/// Luhn modulo 32: every second digit from the right is doubled and its own digits are added up.
fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let weighted = u32::from(*digit) * if place % 2 == 0 { 2 } else { 1 };
            weighted / 32 + weighted % 32
        })
        .sum();
    u8::try_from((32 - sum % 32) % 32).unwrap_or_default()
}

fn letter(digit: u8) -> char {
    ALPHABET
        .get(usize::from(digit))
        .map_or('?', |letter| char::from(*letter))
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        f.write_str("S-")?;
        for digit in &digits {
            write!(f, "{}", letter(*digit))?;
        }
        write!(f, "{}", letter(check_digit(&digits)))
    }
}

impl FromStr for OrderNumber {
    type Err = OrderNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = text
            .strip_prefix("S-")
            .ok_or(OrderNumberError)?
            .bytes()
            .map(|letter| {
                let place = ALPHABET.iter().position(|known| *known == letter)?;
                u8::try_from(place).ok()
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or(OrderNumberError)?;
        let check = digits.pop().ok_or(OrderNumberError)?;
        if digits.len() < LEAST_DIGITS || check != check_digit(&digits) {
            return Err(OrderNumberError);
        }
        digits
            .iter()
            .try_fold(0_i64, |sum, digit| {
                sum.checked_mul(32)?.checked_add(i64::from(*digit))
            })
            .map(Self)
            .ok_or(OrderNumberError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_short_and_is_read_back_equal() {
        assert_eq!(OrderNumber::of(1).to_string(), "S-00001Y");
        for sequence in [1, 31, 32, 33, 1_000_000, i64::MAX] {
            let number = OrderNumber::of(sequence);
            assert_eq!(number.to_string().parse(), Ok(number));
        }
    }

    #[test]
    fn one_wrong_digit_is_noticed() {
        let right = OrderNumber::of(123_456).to_string();
        for place in 2..right.len() {
            for letter in ALPHABET.iter().map(|letter| char::from(*letter)) {
                let mut wrong: Vec<char> = right.chars().collect();
                wrong[place] = letter;
                let wrong: String = wrong.into_iter().collect();
                assert_eq!(wrong.parse::<OrderNumber>().is_ok(), wrong == right);
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "S-", "S-0", "1", "S-OOOOOO", "S-ZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(text.parse::<OrderNumber>(), Err(OrderNumberError), "{text}");
        }
    }
}
