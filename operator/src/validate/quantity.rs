//! Quantities as Kubernetes writes them (`k8s.io/apimachinery/pkg/api/resource`).

use std::str::FromStr;

/// An amount in billionths, the smallest that Kubernetes knows; what is finer is rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

/// A text is no [`Quantity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is a number with a suffix, such as 10Gi or 250m")]
pub struct QuantityError;

impl Quantity {
    /// Nothing.
    pub(super) const ZERO: Self = Self(0);
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text).map(Self).ok_or(QuantityError)
    }
}

fn parse(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let factor = Factor::of(suffix)?;
    // In billionths: nine digits more, but for those after the point.
    let exponent = factor
        .exponent
        .checked_add(9)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let amount = digits.checked_mul(factor.binary)?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    let amount = match (exponent < 0, power) {
        (false, power) => amount.checked_mul(power?)?,
        // Rounded up, away from nothing.
        (true, Some(power)) => amount.checked_add(power - 1)? / power,
        (true, None) => i128::from(amount > 0),
    };
    Some(sign * amount)
}

/// What a suffix multiplies by: a power of two, and a power of ten.
struct Factor {
    binary: i128,
    exponent: i32,
}

impl Factor {
    fn of(suffix: &str) -> Option<Self> {
        let decimal = |exponent| {
            Some(Self {
                binary: 1,
                exponent,
            })
        };
        let binary = |power| {
            Some(Self {
                binary: 1_i128 << power,
                exponent: 0,
            })
        };
        match suffix {
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "" => decimal(0),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            _ => decimal(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, billionths) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("+1.5", 1_500_000_000),
            ("-2", -2_000_000_000),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
            ("250m", 250_000_000),
            ("1n", 1),
            ("0.1n", 1),
            ("1e-30", 1),
            ("1k", 1_000_000_000_000),
            ("1e3", 1_000_000_000_000),
            ("1E3", 1_000_000_000_000),
            ("1Ki", 1_024_000_000_000),
            ("1.5Gi", 1_610_612_736_000_000_000),
            ("2E", 2_000_000_000_000_000_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Quantity(billionths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            ".",
            "-",
            "Gi",
            "1 Gi",
            "1gi",
            "1GiB",
            "1..5",
            "1.2.3",
            "1e",
            "1e1.5",
            "--1",
            "ten",
            "1e99999999999",
            "9e99",
        ] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityError), "{text}");
        }
    }

    #[test]
    fn quantities_are_compared_by_their_amount() {
        let amount = |text: &str| text.parse::<Quantity>().unwrap();
        assert!(amount("1Gi") > amount("1G"));
        assert!(amount("1000m") == amount("1"));
        assert!(amount("0.0") == Quantity::ZERO);
    }
}
