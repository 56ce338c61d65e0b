//! How old passwords and keys get.

use std::time::Duration;

use super::{Parsing, Reason};

const HOUR_S: u64 = 3_600;

/// What the spec says.
pub(super) fn of(parsing: &mut Parsing<'_>) -> Option<Duration> {
    let text = parsing.spec.credentials.rotate_after.as_ref()?;
    let age = parse(text);
    parsing.findings.expect(age.is_some(), Reason::SpecInvalid, || {
        format!("credentials.rotateAfter is `{text}`: write a number of hours or days, such as 12h or 90d")
    });
    age
}

/// An age such as `12h` or `90d`.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "h" => HOUR_S,
        "d" => 24 * HOUR_S,
        _ => return None,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_of_hours_or_days() {
        assert_eq!(parse("12h"), Some(Duration::from_hours(12)));
        assert_eq!(parse("90d"), Some(Duration::from_hours(90 * 24)));
        for text in [
            "",
            "d",
            "0d",
            "-1d",
            "1w",
            "1.5d",
            "90",
            "ä",
            "99999999999999999999d",
            "9999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
