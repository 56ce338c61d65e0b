//! Which states of an order are its last. What counts, lists or indexes orders in progress goes by this.

use contracts::events::order::OrderStatus;

/// Whether nobody has to do anything about an order in this state any more.
#[must_use]
pub fn is_final(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Pending
        | OrderStatus::AwaitingPayment
        | OrderStatus::Confirmed
        | OrderStatus::PartiallyShipped
        | OrderStatus::Shipped
        | OrderStatus::Cancelling => false,
        OrderStatus::Delivered
        | OrderStatus::Rejected
        | OrderStatus::Cancelled
        | OrderStatus::Returned => true,
    }
}

/// The states of orders that somebody still has to do something about.
pub fn in_progress() -> impl Iterator<Item = OrderStatus> {
    OrderStatus::ALL
        .into_iter()
        .filter(|status| !is_final(*status))
}

#[cfg(test)]
mod tests {
    use contracts::events::order::CancelReason;

    use super::*;
    use crate::domain::transition::samples::{dispatch, later, order_in};
    use crate::domain::{Deadlines, Decision, Input};

    #[test]
    fn nothing_changes_an_order_in_a_final_state_and_people_are_offered_nothing() {
        let parcel = dispatch(1, None);
        let inputs = [
            Input::StockReserved,
            Input::StockRejected(Vec::new()),
            Input::StockReleased,
            Input::HoldExpired,
            Input::Cancel(CancelReason::Administrator),
            Input::DeadlinePassed,
            Input::Delivered(parcel.id),
            Input::Ship(parcel),
        ];
        for status in OrderStatus::ALL.into_iter().filter(|it| is_final(*it)) {
            let order = order_in(status);
            assert_eq!(order.allowed(), Vec::<&str>::new(), "{status:?}");
            for input in &inputs {
                let decision = order.decide(input, &Deadlines::default(), later());
                assert!(
                    !matches!(decision, Decision::Change(_)),
                    "{status:?} {input:?}: {decision:?}"
                );
            }
        }
    }
}
