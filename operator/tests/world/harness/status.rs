//! What a status says.

use operator::resource::ShopPlatformStatus;

/// A condition's status and reason.
pub(crate) fn condition<'s>(
    status: &'s ShopPlatformStatus,
    name: &str,
) -> Option<(&'s str, &'s str)> {
    let found = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == name)?;
    Some((found.status.as_str(), found.reason.as_str()))
}
