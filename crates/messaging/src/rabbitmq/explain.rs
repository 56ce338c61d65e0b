//! What went wrong, in words that say what to do.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use super::address::Address;
use crate::broker::BrokerError;

/// What a connection that could not be made means.
pub(super) fn refused_connection(address: &Address, error: &lapin::Error) -> BrokerError {
    let (user, vhost) = (address.user(), address.vhost());
    let reason = match protocol_kind(error) {
        Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)) => format!(
            "the broker at {address} refuses user `{user}`: the user name or the password is wrong"
        ),
        Some(AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)) => format!(
            "the broker at {address} refuses user `{user}` on vhost `{vhost}`: there is no such vhost, or the user has no \
             permissions there; run `shopctl provision`"
        ),
        _ => return lost(address, error),
    };
    BrokerError::Refused(reason)
}

/// What a question that was not answered as hoped means.
pub(super) fn refused(address: &Address, error: &lapin::Error) -> BrokerError {
    match (protocol_kind(error), error.kind()) {
        (Some(AMQPErrorKind::Soft(kind)), ErrorKind::ProtocolError(said)) => {
            let said = said.get_message();
            let user = address.user();
            BrokerError::Refused(match kind {
                AMQPSoftError::ACCESSREFUSED => format!(
                    "the broker at {address} forbids it to user `{user}`; run `shopctl provision` ({said})"
                ),
                AMQPSoftError::PRECONDITIONFAILED => format!(
                    "the broker at {address} has a queue or an exchange that was made otherwise than this version makes it; \
                     drain and delete it ({said})"
                ),
                _ => format!("the broker at {address} refuses: {said}"),
            })
        }
        _ => lost(address, error),
    }
}

/// Whether a queue or an exchange is not there.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    matches!(
        protocol_kind(error),
        Some(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
    )
}

/// Whether a frame was not as the two ends had agreed. What comes of that without anybody's fault is one that is too large: a
/// message's headers go in one, however long they are.
pub(super) fn is_of_frames(error: &lapin::Error) -> bool {
    matches!(
        protocol_kind(error),
        Some(AMQPErrorKind::Hard(AMQPHardError::FRAMEERROR))
    )
}

fn lost(address: &Address, error: &lapin::Error) -> BrokerError {
    BrokerError::Away(format!("the broker at {address} is away: {error}"))
}

fn protocol_kind(error: &lapin::Error) -> Option<&AMQPErrorKind> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.kind()),
        _ => None,
    }
}
