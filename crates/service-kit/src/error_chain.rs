//! An error with all its causes, in one line.

use std::error::Error;
use std::fmt::Write as _;

/// What an error says, then what each of its causes says. Our errors never repeat their cause themselves.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_told_once() {
        let error =
            contracts::Payload::from_json(contracts::EventType::StockReleased, "{").unwrap_err();
        assert_eq!(
            error_chain(&error),
            "the body is not a stock.released.v1: EOF while parsing an object at line 1 column 1"
        );
    }
}
