//! Each of the rights is missed if it is not there, and what is missed is told.

mod looking;
mod releases;
mod telling;
mod writing;

use std::collections::BTreeSet;

use crate::account::{Right, all};

/// Rights with these verbs to the kinds that platforms consist of.
fn rights(verb: &str, is_meant: impl Fn(&Right) -> bool) -> Vec<Right> {
    let rights = all().into_iter();
    rights
        .filter(|right| right.verb == verb && is_meant(right))
        .collect()
}

fn right(verb: &str, resource: &str) -> Right {
    let mut found = rights(verb, |right| right.resource == resource);
    assert_eq!(found.len(), 1, "{verb} {resource}");
    found.remove(0)
}

fn resources(rights: &[Right]) -> BTreeSet<String> {
    rights.iter().map(|right| right.resource.clone()).collect()
}

/// Which rights the other tests here take away.
#[test]
fn every_right_is_taken_away_in_some_test() {
    let mut taken: BTreeSet<Right> = BTreeSet::new();
    taken.extend(looking::taken());
    taken.extend(writing::taken());
    taken.extend(telling::taken());
    taken.extend(releases::taken());
    let all: BTreeSet<Right> = all().into_iter().collect();
    let names = |rights: BTreeSet<Right>| -> Vec<String> {
        rights.iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(taken), names(all));
}
