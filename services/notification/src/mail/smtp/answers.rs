//! What a mail server's answers mean.

use std::error::Error as _;

use lettre::transport::smtp::Error;
use service_kit::error_chain;

use crate::mail::SendError;

/// What went wrong before there was talk of a recipient: a greeting, a protected line, a sign-in or a sender that was refused says
/// nothing about the mail, whatever class its code has (RFC 4954, section 6): no mail may be given up because of a wrong password,
/// or because the server knows nobody at our address (554 at the greeting; RFC 5321, section 3.1).
pub(super) fn unusable(error: &Error) -> SendError {
    SendError::Away(match error.status() {
        Some(code) => format!(
            "the mail server takes no mail from us now: it answered {}",
            answer(code.into(), &text(error))
        ),
        None => trouble(error),
    })
}

/// What an answer to a recipient or to a mail means for the mail.
pub(super) fn refused(error: &Error) -> SendError {
    let Some(code) = error.status().map(u16::from) else {
        return SendError::Away(trouble(error));
    };
    let answer = answer(code, &text(error));
    match code {
        421 | 454 | 530 | 534 | 535 | 538 => unusable(error),
        _ if error.is_permanent() => {
            SendError::Permanent(format!("the mail server refused the mail with {answer}"))
        }
        _ => SendError::Transient(format!("the mail server put the mail off with {answer}")),
    }
}

/// The text of an answer.
fn text(error: &Error) -> String {
    let text = error.source().map(ToString::to_string);
    text.unwrap_or_default()
}

/// What went wrong without an answer: words of the system's or of the library's, never of the server's.
fn trouble(error: &Error) -> String {
    if error.is_response() {
        return "the mail server gave an answer that is none".to_owned();
    }
    error_chain(error)
}

/// The code of an answer and, if there is one, its enhanced status code (RFC 3463). Its text may name the recipient, and this
/// is logged, and told to others.
fn answer(code: u16, text: &str) -> String {
    match text
        .split_whitespace()
        .next()
        .filter(|word| is_status(word))
    {
        Some(status) => format!("{code} {status}"),
        None => code.to_string(),
    }
}

/// `class.subject.detail`: class 2, 4 or 5, the others of up to three digits.
fn is_status(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    let number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts.as_slice() {
        [class, subject, detail] => {
            matches!(*class, "2" | "4" | "5") && number(subject) && number(detail)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_the_codes_are_told() {
        for (text, told) in [
            ("5.1.1 <ada@example.com>: no such user", "550 5.1.1"),
            ("5.7.999 refused", "550 5.7.999"),
            ("<ada@example.com>: no such user", "550"),
            ("5.1.1234 x", "550"),
            ("3.1.1 x", "550"),
            ("ada@5.1.1 x", "550"),
            ("192.0.2.1 is blocked", "550"),
            ("", "550"),
        ] {
            assert_eq!(answer(550, text), told, "{text}");
        }
    }
}
