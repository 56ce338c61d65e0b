//! An error with all its causes, in one line.

use std::error::Error;

/// What an error says, then what each of its causes says. Our errors never repeat their cause themselves; where a library's
/// do, the one that says more stands for both.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut told = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        match told.last_mut() {
            Some(last) if text.contains(last.as_str()) => *last = text,
            Some(last) if last.ends_with(&text) => {}
            _ => told.push(text),
        }
        cause = error.source();
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Option<Box<Told>>,
    }

    fn chain(texts: &[&'static str]) -> String {
        let error = texts
            .iter()
            .rev()
            .fold(None, |source, text| Some(Box::new(Told { text, source })));
        error_chain(&*error.unwrap())
    }

    #[test]
    fn what_a_library_says_twice_is_told_once() {
        assert_eq!(
            chain(&["no commit", "disk is full", "code 13: disk is full"]),
            "no commit: code 13: disk is full"
        );
        assert_eq!(
            chain(&["no filter: bad level", "bad level", "why"]),
            "no filter: bad level: why"
        );
    }

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
