use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::*;

fn condition(name: &str, holds: bool, reason: &str, message: &str, generation: i64) -> Condition {
    Condition {
        type_: name.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: Some(generation),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

fn ready() -> ShopPlatformStatus {
    ShopPlatformStatus {
        phase: Phase::Ready,
        version: Some("0.1.0".to_owned()),
        conditions: vec![
            condition("Ready", true, "AsSpecified", "", 1),
            condition("Progressing", false, "AsSpecified", "", 1),
            condition("Degraded", false, "AsSpecified", "", 1),
        ],
        ..ShopPlatformStatus::default()
    }
}

fn progressing(reason: &str, message: &str) -> ShopPlatformStatus {
    ShopPlatformStatus {
        phase: Phase::Progressing,
        message: Some(message.to_owned()),
        conditions: vec![
            condition("Ready", false, reason, message, 1),
            condition("Progressing", true, reason, message, 1),
            condition("Degraded", false, reason, message, 1),
        ],
        ..ShopPlatformStatus::default()
    }
}

fn degraded(reason: &str, message: &str, generation: i64) -> ShopPlatformStatus {
    ShopPlatformStatus {
        phase: Phase::Failed,
        message: Some(message.to_owned()),
        conditions: vec![
            condition("Ready", false, reason, message, generation),
            condition("Progressing", false, reason, message, generation),
            condition("Degraded", true, reason, message, generation),
        ],
        ..ShopPlatformStatus::default()
    }
}

fn told(
    before: Option<&ShopPlatformStatus>,
    now: &ShopPlatformStatus,
) -> Vec<(bool, String, String)> {
    let told = between(before, now).into_iter();
    told.map(|told| (told.is_warning, told.reason, told.note))
        .collect()
}

fn one(is_warning: bool, reason: &str, note: &str) -> Vec<(bool, String, String)> {
    vec![(is_warning, reason.to_owned(), note.to_owned())]
}

#[test]
fn a_platform_is_told_of_from_its_making_to_its_being_ready() {
    let rolling = progressing("RollingOut", "order: 0 of 1 ready");
    assert_eq!(
        told(None, &rolling),
        one(false, "Created", "the operator makes the platform")
    );
    let waiting = progressing("WaitingForJob", "order: waits for Job a");
    assert_eq!(
        told(Some(&rolling), &waiting),
        one(false, "WaitingForJob", "order: waits for Job a")
    );
    let another = progressing("WaitingForJob", "user: waits for Job a");
    assert_eq!(told(Some(&waiting), &another), []);
    assert_eq!(
        told(Some(&rolling), &ready()),
        one(
            false,
            "Ready",
            "everything is as the spec says, in version 0.1.0"
        )
    );
    assert_eq!(
        told(Some(&ready()), &rolling),
        one(false, "RolloutStarted", "order: 0 of 1 ready")
    );
}

#[test]
fn nothing_is_told_twice() {
    for status in [
        ready(),
        progressing("WaitingForJob", "a"),
        degraded("SecretMissing", "b", 1),
    ] {
        assert_eq!(told(Some(&status), &status), []);
    }
}

#[test]
fn what_is_amiss_is_told_again_when_it_is_something_else() {
    let missing = |name: &str, generation| degraded("SecretMissing", name, generation);
    assert_eq!(
        told(Some(&ready()), &missing("a", 1)),
        one(true, "SecretMissing", "a")
    );
    assert_eq!(
        told(Some(&missing("a", 1)), &missing("b", 1)),
        [],
        "the same spec"
    );
    assert_eq!(
        told(Some(&missing("a", 1)), &missing("b", 2)),
        one(true, "SecretMissing", "b")
    );
    assert_eq!(told(Some(&missing("a", 1)), &missing("a", 2)), []);
    assert_eq!(
        told(Some(&missing("a", 1)), &degraded("Conflict", "a", 1)),
        one(true, "Conflict", "a")
    );
}

#[test]
fn a_rotation_is_told_when_it_begins_and_when_it_has_ended() {
    let at = |generation, rotating| ShopPlatformStatus {
        credentials: Some(CredentialsStatus {
            generation,
            rotating,
            next: None,
        }),
        ..ready()
    };
    assert_eq!(
        told(Some(&at(1, false)), &at(2, true)),
        one(
            false,
            "CredentialsRotating",
            "services are given generation 2 of passwords and keys"
        )
    );
    assert_eq!(
        told(Some(&at(2, true)), &at(2, false)),
        one(
            false,
            "CredentialsRotated",
            "services have generation 2 of passwords and keys, and the users before are locked out"
        )
    );
    assert_eq!(told(Some(&at(2, true)), &at(2, true)), []);
}

#[test]
fn a_long_sentence_is_cut_between_two_characters() {
    let long = "ä".repeat(LONGEST_NOTE);
    assert_eq!(shortened(long), "ä".repeat(LONGEST_NOTE / 2));
    assert_eq!(shortened("short".to_owned()), "short");
}
