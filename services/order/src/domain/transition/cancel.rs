//! Undoing an order: by its customer, by an administrator, by a deadline.

use contracts::events::order::{CancelReason, OrderCancelRequested, OrderStatus};
use contracts::{Payload, Timestamp};

use crate::domain::transition::{Deadlines, Decision, Ignored, Record, Refusal};
use crate::domain::{EntryKind, Order};

/// Somebody wants it undone: possible until something has left.
pub(super) fn asked(
    order: &Order,
    reason: CancelReason,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Decision {
    match order.status {
        OrderStatus::Pending | OrderStatus::AwaitingPayment | OrderStatus::Confirmed => {
            undo(order, reason, deadlines, now)
        }
        status => Decision::Refuse(Refusal::InvalidTransition(status)),
    }
}

/// Nobody answered in time: give up, or ask once more.
pub(super) fn deadline_passed(order: &Order, deadlines: &Deadlines, now: Timestamp) -> Decision {
    // The sweeper reads first and acts later; meanwhile the answer may have come or the deadline moved.
    if order.due_at.is_none_or(|due_at| due_at > now) {
        return Decision::Ignore(Ignored::Stale);
    }
    match order.status {
        OrderStatus::Pending => undo(order, CancelReason::ReservationTimeout, deadlines, now),
        OrderStatus::AwaitingPayment => undo(order, CancelReason::PaymentTimeout, deadlines, now),
        OrderStatus::Cancelling => remind(order, deadlines, now),
        _ => Decision::Ignore(Ignored::Stale),
    }
}

fn undo(order: &Order, reason: CancelReason, deadlines: &Deadlines, now: Timestamp) -> Decision {
    let mut next = order.step(OrderStatus::Cancelling, now);
    next.cancel_reason = Some(reason);
    next.due_at = Some(deadlines.next_reminder(0, now));
    let detail = match reason {
        CancelReason::Customer => "by the customer",
        CancelReason::Administrator => "by the shop",
        CancelReason::ReservationTimeout => "stock did not answer in time",
        CancelReason::PaymentTimeout => "no payment came in time",
        CancelReason::PaymentFailed => "the payment was refused",
        CancelReason::UnknownOrder => "the order is not known",
    };
    let event = request(&next, reason);
    Decision::change(
        next,
        Record::Nothing,
        (EntryKind::CancelRequested, Some(detail.to_owned())),
        Some(event),
    )
}

fn remind(order: &Order, deadlines: &Deadlines, now: Timestamp) -> Decision {
    let reminders = order.reminders.saturating_add(1);
    let reason = order.cancel_reason.unwrap_or(CancelReason::UnknownOrder);
    Decision::Repeat {
        event: request(order, reason),
        order: Box::new(Order {
            reminders,
            due_at: Some(deadlines.next_reminder(reminders, now)),
            ..order.clone()
        }),
    }
}

fn request(order: &Order, reason: CancelReason) -> Payload {
    OrderCancelRequested {
        order_id: order.id,
        reason,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::transition::Input;
    use crate::domain::transition::samples::{change, later, order_in};

    const CUSTOMER: Input = Input::Cancel(CancelReason::Customer);

    #[test]
    fn a_customer_may_cancel_until_something_has_left() {
        for status in OrderStatus::ALL {
            let decision = order_in(status).decide(&CUSTOMER, &Deadlines::default(), later());
            let possible = matches!(
                status,
                OrderStatus::Pending | OrderStatus::AwaitingPayment | OrderStatus::Confirmed
            );
            if possible {
                let change = change(decision);
                assert_eq!(change.order.status, OrderStatus::Cancelling);
                assert_eq!(change.order.cancel_reason, Some(CancelReason::Customer));
                assert_eq!(
                    change.order.due_at,
                    Some(later().plus(Duration::from_secs(30)))
                );
                assert_eq!(
                    change.event,
                    Some(request(&change.order, CancelReason::Customer))
                );
            } else {
                assert_eq!(
                    decision,
                    Decision::Refuse(Refusal::InvalidTransition(status))
                );
            }
        }
    }

    #[test]
    fn an_order_stock_never_answered_is_given_up_at_its_deadline_and_not_before() {
        let order = order_in(OrderStatus::Pending);
        let deadlines = Deadlines::default();
        let due_at = order.due_at.unwrap();
        let just_before = due_at.minus(Duration::from_millis(1));
        assert_eq!(
            order.decide(&Input::DeadlinePassed, &deadlines, just_before),
            Decision::Ignore(Ignored::Stale)
        );
        let change = change(order.decide(&Input::DeadlinePassed, &deadlines, due_at));
        assert_eq!(change.order.status, OrderStatus::Cancelling);
        assert_eq!(
            change.event,
            Some(request(&change.order, CancelReason::ReservationTimeout))
        );
    }

    #[test]
    fn stock_is_reminded_less_and_less_often_and_never_given_up() {
        let deadlines = Deadlines::default();
        let mut order = order_in(OrderStatus::Cancelling);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let now = order.due_at.unwrap();
            let decision = order.decide(&Input::DeadlinePassed, &deadlines, now);
            let Decision::Repeat { order: next, event } = decision else {
                panic!("{decision:?}");
            };
            assert_eq!(event, request(&order, CancelReason::Customer));
            assert_eq!(next.version, order.version);
            waits.push(next.due_at.unwrap().since(now).as_secs());
            order = *next;
        }
        assert_eq!(waits, [60, 120, 240, 480, 600, 600, 600]);
    }
}
