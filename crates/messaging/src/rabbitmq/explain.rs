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

/// The queue or the exchange that is not there: RabbitMQ says `NOT_FOUND - no queue 'order.stock' in vhost '/'`.
pub(super) fn missing(error: &lapin::Error) -> Option<&str> {
    let ErrorKind::ProtocolError(said) = error.kind() else {
        return None;
    };
    let mut quoted = said.get_message().as_str().split('\'');
    quoted.nth(1).filter(|_| is_missing(error))
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

#[cfg(test)]
mod tests {
    use lapin::protocol::AMQPError;

    use super::*;

    fn said(kind: AMQPSoftError, text: &str) -> lapin::Error {
        ErrorKind::ProtocolError(AMQPError::new(kind.into(), text.into())).into()
    }

    #[test]
    fn what_is_missing_is_told_by_its_name_and_what_is_refused_is_not_missing() {
        let queue = "NOT_FOUND - no queue 'order.stock' in vhost '/'";
        let queue = said(AMQPSoftError::NOTFOUND, queue);
        assert_eq!(missing(&queue), Some("order.stock"));
        let refused = "ACCESS_REFUSED - access to queue 'order.stock' in vhost '/' refused for user 'product'";
        let refused = said(AMQPSoftError::ACCESSREFUSED, refused);
        assert_eq!(missing(&refused), None);
    }
}
