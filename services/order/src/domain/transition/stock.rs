//! What stock says, and what the order does about it.

use contracts::events::order::{
    CancelReason, OrderCancelRequested, OrderCancelled, OrderConfirmed, OrderRejected, OrderStatus,
};
use contracts::events::stock::RejectedLine;
use contracts::{Payload, Timestamp};

use crate::domain::transition::{Decision, Ignored, Record};
use crate::domain::{EntryKind, Order, PaymentMethod};

/// `stock.reserved.v1`: with payment method `manual` the order is confirmed at once.
pub(super) fn reserved(order: &Order, now: Timestamp) -> Decision {
    match order.status {
        OrderStatus::Pending => match order.payment_method {
            PaymentMethod::Manual => confirm(order, now),
        },
        OrderStatus::AwaitingPayment
        | OrderStatus::Confirmed
        | OrderStatus::PartiallyShipped
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Returned => Decision::Ignore(Ignored::Duplicate),
        OrderStatus::Rejected | OrderStatus::Cancelling | OrderStatus::Cancelled => {
            Decision::Ignore(Ignored::Stale)
        }
    }
}

fn confirm(order: &Order, now: Timestamp) -> Decision {
    let next = order.step(OrderStatus::Confirmed, now);
    let event = confirmed(&next, false);
    Decision::change(
        next,
        Record::Nothing,
        (EntryKind::Confirmed, None),
        Some(event),
    )
}

fn confirmed(order: &Order, repeated: bool) -> Payload {
    OrderConfirmed {
        order: order.summary(),
        repeated,
    }
    .into()
}

/// `stock.rejected.v1`: nothing is held, so the order ends here.
pub(super) fn rejected(order: &Order, lines: &[RejectedLine], now: Timestamp) -> Decision {
    match order.status {
        OrderStatus::Pending => reject(order, lines, now),
        OrderStatus::Rejected => Decision::Ignore(Ignored::Duplicate),
        _ => Decision::Ignore(Ignored::Stale),
    }
}

fn reject(order: &Order, lines: &[RejectedLine], now: Timestamp) -> Decision {
    let mut next = order.step(OrderStatus::Rejected, now);
    for line in &mut next.lines {
        line.rejection = lines
            .iter()
            .find(|rejected| rejected.sku == line.sku)
            .map(|rejected| rejected.code);
    }
    let rejected = next.rejected_lines();
    let detail = rejected
        .iter()
        .map(|line| format!("{}: {}", line.sku, line.code.as_str()))
        .collect::<Vec<_>>()
        .join(", ");
    let event = OrderRejected {
        order: next.summary(),
        lines: rejected,
    }
    .into();
    Decision::change(
        next,
        Record::Rejection,
        (EntryKind::Rejected, Some(detail)),
        Some(event),
    )
}

/// `stock.released.v1`: the answer to `order.cancel_requested.v1`.
pub(super) fn released(order: &Order, now: Timestamp) -> Decision {
    match order.status {
        OrderStatus::Cancelling => {
            let next = order.step(OrderStatus::Cancelled, now);
            let event = OrderCancelled {
                order: next.summary(),
                reason: reason(order),
            }
            .into();
            Decision::change(
                next,
                Record::Nothing,
                (EntryKind::Cancelled, None),
                Some(event),
            )
        }
        OrderStatus::Cancelled => Decision::Ignore(Ignored::Duplicate),
        _ => Decision::Ignore(Ignored::Stale),
    }
}

/// `stock.hold_expired.v1`: a question, and the order's state is the answer.
pub(super) fn hold_expired(order: &Order, now: Timestamp) -> Decision {
    match order.status {
        // The question says that the lines are held: the answer to `order.placed` overtook nobody, it got lost or is late.
        OrderStatus::Pending => reserved(order, now),
        // The hold lives on as long as nobody asks for its release; the payment deadline decides.
        OrderStatus::AwaitingPayment => Decision::Ignore(Ignored::Stale),
        OrderStatus::Confirmed
        | OrderStatus::PartiallyShipped
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Returned => Decision::Repeat {
            order: Box::new(order.clone()),
            event: confirmed(order, true),
        },
        OrderStatus::Rejected | OrderStatus::Cancelling | OrderStatus::Cancelled => {
            Decision::Repeat {
                order: Box::new(order.clone()),
                event: OrderCancelRequested {
                    order_id: order.id,
                    reason: reason(order),
                }
                .into(),
            }
        }
    }
}

/// Why it is undone. An order that was rejected never got a reason of its own: for its hold it is as good as unknown.
fn reason(order: &Order) -> CancelReason {
    order.cancel_reason.unwrap_or(CancelReason::UnknownOrder)
}

#[cfg(test)]
mod tests {
    use contracts::events::stock::RejectionCode;

    use super::*;
    use crate::domain::transition::samples::{change, later, order_in};
    use crate::domain::transition::{Deadlines, Input};

    fn decide(status: OrderStatus, input: &Input) -> Decision {
        order_in(status).decide(input, &Deadlines::default(), later())
    }

    #[test]
    fn a_pending_order_paid_by_hand_is_confirmed_as_soon_as_its_stock_is_held() {
        let change = change(decide(OrderStatus::Pending, &Input::StockReserved));
        assert_eq!(change.order.status, OrderStatus::Confirmed);
        assert_eq!(change.order.version, 2);
        assert_eq!(change.order.due_at, None);
        assert_eq!(change.entry.kind, EntryKind::Confirmed);
        let order = change.order.summary();
        let confirmed = OrderConfirmed {
            order,
            repeated: false,
        };
        assert_eq!(change.event, Some(confirmed.into()));
    }

    #[test]
    fn a_rejection_names_the_lines_and_their_codes() {
        let order = order_in(OrderStatus::Pending);
        let lines = vec![RejectedLine {
            sku: order.lines[0].sku.clone(),
            code: RejectionCode::InsufficientStock,
        }];
        let change = change(order.decide(
            &Input::StockRejected(lines.clone()),
            &Deadlines::default(),
            later(),
        ));
        assert_eq!(change.order.status, OrderStatus::Rejected);
        assert_eq!(change.order.rejected_lines(), lines);
        assert_eq!(
            change.entry.detail.as_deref(),
            Some("MUG: insufficient_stock")
        );
        let order = change.order.summary();
        assert_eq!(change.event, Some(OrderRejected { order, lines }.into()));
    }

    #[test]
    fn an_order_that_is_being_undone_listens_to_nothing_but_the_release() {
        for input in [Input::StockReserved, Input::StockRejected(Vec::new())] {
            assert_eq!(
                decide(OrderStatus::Cancelling, &input),
                Decision::Ignore(Ignored::Stale)
            );
        }
        let change = change(decide(OrderStatus::Cancelling, &Input::StockReleased));
        assert_eq!(change.order.status, OrderStatus::Cancelled);
        assert_eq!(
            change.event,
            Some(
                OrderCancelled {
                    order: change.order.summary(),
                    reason: CancelReason::Customer,
                }
                .into()
            )
        );
    }

    #[test]
    fn each_answer_changes_an_order_once() {
        for (status, input) in [
            (OrderStatus::Confirmed, Input::StockReserved),
            (OrderStatus::Shipped, Input::StockReserved),
            (OrderStatus::Rejected, Input::StockRejected(Vec::new())),
            (OrderStatus::Cancelled, Input::StockReleased),
        ] {
            assert_eq!(
                decide(status, &input),
                Decision::Ignore(Ignored::Duplicate),
                "{status:?}"
            );
        }
    }

    #[test]
    fn an_expired_hold_is_answered_by_the_orders_state() {
        let order = order_in(OrderStatus::Confirmed);
        assert_eq!(
            decide(OrderStatus::Confirmed, &Input::HoldExpired),
            Decision::Repeat {
                event: confirmed(&order, true),
                order: Box::new(order),
            }
        );
        let order = order_in(OrderStatus::Cancelled);
        assert_eq!(
            decide(OrderStatus::Cancelled, &Input::HoldExpired),
            Decision::Repeat {
                event: OrderCancelRequested {
                    order_id: order.id,
                    reason: CancelReason::Customer,
                }
                .into(),
                order: Box::new(order),
            }
        );
        let change = change(decide(OrderStatus::Pending, &Input::HoldExpired));
        assert_eq!(change.order.status, OrderStatus::Confirmed);
    }
}
