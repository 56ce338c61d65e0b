//! Every word that people and alerts go by is documented, with what to do.

use std::collections::BTreeSet;

use operator::{status, validate};

/// All variants of a type, and proof that none is missing: with a new one this does not compile.
macro_rules! all {
    ($name:ident, $type:ty, [$($variant:ident),+ $(,)?] $(, but $other:pat)?) => {
        fn $name() -> Vec<&'static str> {
            type Reason = $type;
            let complete = |reason: Reason| match reason {
                $(Reason::$variant => reason.as_str(),)+
                $($other => reason.as_str(),)?
            };
            [$(Reason::$variant),+].map(complete).to_vec()
        }
    };
}

all!(
    of_specs,
    validate::Reason,
    [
        SpecInvalid,
        InvalidQuantity,
        VersionNotSupported,
        NotImplemented,
        SecretMissing,
        SecretKeyMissing,
        SecretInvalid,
        ApiMissing,
    ]
);

all!(
    of_conditions,
    status::Reason,
    [
        AsSpecified,
        Unreadable,
        CannotBuild,
        ManagedByAnotherOperator,
        Paused,
        Conflict,
        CredentialsLost,
        Deleting,
        ApiMissing,
        Refused,
        QuotaExceeded,
        Forbidden,
        ApiServerUnavailable,
        RollingOut,
        WaitingForJob,
        ComponentFailed,
        RolledBack,
        WaitingForTurn,
        StorageNotExpandable,
        Hibernated,
    ],
    but status::Reason::Invalid(_)
);

/// The words that a table of the section has a row for, each with what it means and what to do.
fn rows(table: &str) -> Vec<String> {
    let document = include_str!("../../../docs/operations.md");
    let (_, section) = document
        .split_once("\n## The operator's conditions and reasons\n")
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let heading = format!("| {table} | means | what to do |\n|---|---|---|\n");
    let (_, lines) = section.split_once(&heading).unwrap();
    lines
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            // A bar within a cell is written `\|`.
            let cells: Vec<_> = line.split(" | ").collect();
            let [word, means, what_to_do] = cells.as_slice() else {
                panic!("this row has not three cells: {line}");
            };
            assert!(means.len() > 5 && what_to_do.len() > 5, "{line}");
            let word = word.trim_start_matches("| `").trim_end_matches('`');
            word.to_owned()
        })
        .collect()
}

/// Each of them has one row of the table with this header, and nothing else has.
fn assert_documented(header: &str, known: &BTreeSet<&str>) {
    let documented = rows(header);
    let words: BTreeSet<_> = documented.iter().map(String::as_str).collect();
    assert_eq!(&words, known);
    assert_eq!(documented.len(), known.len(), "one has two rows");
}

#[test]
fn every_reason_of_a_condition_has_a_row_that_says_what_to_do() {
    let known = of_conditions().into_iter().chain(of_specs());
    assert_documented("reason", &known.collect());
}

/// The words of events stand where they are told, in one file, as texts of one word in capitals. Other such texts there are names and
/// values of conditions, and the name of the action.
#[test]
fn every_event_that_is_no_reason_of_a_condition_has_a_row_of_its_own() {
    let source = include_str!("../../src/events.rs");
    let words = source.split('"').skip(1).step_by(2).filter(|text| {
        text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.chars().all(|letter| letter.is_ascii_alphabetic())
    });
    let mut known: BTreeSet<_> = words.collect();
    for other in ["Progressing", "Degraded", "True", "Reconcile"] {
        known.remove(other);
    }
    for reason in of_conditions() {
        known.remove(reason);
    }
    assert_documented("event", &known);
}
