//! What a status says.

use operator::resource::ShopPlatformStatus;

/// Status, reason and message of a condition.
pub(crate) fn condition<'s>(
    status: &'s ShopPlatformStatus,
    name: &str,
) -> (&'s str, &'s str, &'s str) {
    let mut conditions = status.conditions.iter();
    let condition = conditions
        .find(|condition| condition.type_ == name)
        .unwrap_or_else(|| panic!("no condition {name} in {status:#?}"));
    (&condition.status, &condition.reason, &condition.message)
}

/// Whether a condition has this status and reason.
pub(crate) fn is(status: &ShopPlatformStatus, name: &str, expected: (&str, &str)) -> bool {
    let (holds, reason, _) = condition(status, name);
    (holds, reason) == expected
}
