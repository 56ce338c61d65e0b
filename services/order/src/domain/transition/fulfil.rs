//! Parcels leave and arrive.

use contracts::events::order::{OrderDelivered, OrderShipped, OrderStatus};
use contracts::events::stock::StockLine;
use contracts::{ShipmentId, Sku, Timestamp};

use crate::domain::transition::{Decision, Dispatch, Ignored, Record, Refusal, parcel};
use crate::domain::{EntryKind, Order};

/// A parcel leaves: with the lines named, or with all that is left.
pub(super) fn ship(order: &Order, dispatch: &Dispatch, now: Timestamp) -> Decision {
    match order.status {
        OrderStatus::Confirmed | OrderStatus::PartiallyShipped => {}
        OrderStatus::Shipped | OrderStatus::Delivered | OrderStatus::Returned => {
            return Decision::Refuse(Refusal::AlreadyShipped);
        }
        OrderStatus::Rejected | OrderStatus::Cancelling | OrderStatus::Cancelled => {
            return Decision::Refuse(Refusal::NothingToShip(order.status));
        }
        OrderStatus::Pending | OrderStatus::AwaitingPayment => {
            return Decision::Refuse(Refusal::InvalidTransition(order.status));
        }
    }
    match contents(order, dispatch) {
        Ok(lines) => dispatch_lines(order, dispatch, lines, now),
        Err(refusal) => Decision::Refuse(refusal),
    }
}

fn contents(order: &Order, dispatch: &Dispatch) -> Result<Vec<StockLine>, Refusal> {
    let left = order.unshipped();
    let Some(wanted) = &dispatch.lines else {
        return Ok(left);
    };
    if wanted.is_empty() {
        return Err(Refusal::NothingToShip(order.status));
    }
    for line in wanted {
        if !order.lines.iter().any(|known| known.sku == line.sku) {
            return Err(Refusal::UnknownLine(line.sku.clone()));
        }
        let left = pieces_of(&left, &line.sku);
        if pieces_of(wanted, &line.sku) > left {
            return Err(Refusal::TooMany {
                sku: line.sku.clone(),
                left,
            });
        }
    }
    Ok(wanted.clone())
}

fn pieces_of(lines: &[StockLine], sku: &Sku) -> u32 {
    lines
        .iter()
        .filter(|line| line.sku == *sku)
        .map(|line| line.quantity.get())
        .fold(0, u32::saturating_add)
}

fn dispatch_lines(
    order: &Order,
    dispatch: &Dispatch,
    mut lines: Vec<StockLine>,
    now: Timestamp,
) -> Decision {
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    let shipment = parcel(dispatch, lines, now);
    let mut next = order.step(OrderStatus::PartiallyShipped, now);
    next.shipments.push(shipment.clone());
    if next.unshipped().is_empty() {
        next.status = OrderStatus::Shipped;
    }
    let detail = format!(
        "{} {}",
        shipment.carrier.as_str(),
        shipment.tracking_number.as_str()
    );
    let event = OrderShipped {
        order: next.summary(),
        shipment: shipment.summary(),
        order_status: next.status,
    }
    .into();
    Decision::change(
        next,
        Record::Dispatched(shipment.id),
        (EntryKind::Shipped, Some(detail)),
        Some(event),
    )
}

/// A parcel arrived. The order is delivered once all its lines have left and all its parcels have arrived.
pub(super) fn delivered(order: &Order, shipment: ShipmentId, now: Timestamp) -> Decision {
    let mut next = order.step(order.status, now);
    let Some(arrived) = next.shipments.iter_mut().find(|known| known.id == shipment) else {
        return Decision::Refuse(Refusal::UnknownShipment);
    };
    if arrived.delivered_at.is_some() {
        return Decision::Ignore(Ignored::Duplicate);
    }
    arrived.delivered_at = Some(now);
    let tracking_number = arrived.tracking_number.as_str().to_owned();
    let complete = next.status == OrderStatus::Shipped
        && next
            .shipments
            .iter()
            .all(|shipment| shipment.delivered_at.is_some());
    if !complete {
        return Decision::change(
            next,
            Record::Delivered(shipment),
            (EntryKind::ShipmentDelivered, Some(tracking_number)),
            None,
        );
    }
    next.status = OrderStatus::Delivered;
    let event = OrderDelivered {
        order: next.summary(),
    }
    .into();
    Decision::change(
        next,
        Record::Delivered(shipment),
        (EntryKind::Delivered, None),
        Some(event),
    )
}

#[cfg(test)]
mod tests {
    use contracts::Quantity;

    use super::*;
    use crate::domain::transition::samples::{change, dispatch, later, order_in};
    use crate::domain::transition::{Deadlines, Input};

    fn decide(order: &Order, input: &Input) -> Decision {
        order.decide(input, &Deadlines::default(), later())
    }

    fn line(sku: &str, pieces: u32) -> StockLine {
        StockLine {
            sku: sku.parse().unwrap(),
            quantity: Quantity::new(pieces).unwrap(),
        }
    }

    #[test]
    fn parcels_leave_one_by_one_until_nothing_is_left() {
        let order = order_in(OrderStatus::Confirmed);
        let first = change(decide(
            &order,
            &Input::Ship(dispatch(1, Some(vec![line("MUG", 1)]))),
        ))
        .order;
        assert_eq!(first.status, OrderStatus::PartiallyShipped);
        assert_eq!(first.unshipped(), [line("MUG", 1), line("CUP", 1)]);

        let second = change(decide(&first, &Input::Ship(dispatch(2, None))));
        assert_eq!(second.order.status, OrderStatus::Shipped);
        assert_eq!(second.order.unshipped(), []);
        assert_eq!(
            second.order.shipments[1].lines,
            [line("CUP", 1), line("MUG", 1)]
        );
        assert_eq!(
            second.event,
            Some(
                OrderShipped {
                    order: second.order.summary(),
                    shipment: second.order.shipments[1].summary(),
                    order_status: OrderStatus::Shipped,
                }
                .into()
            )
        );
        assert_eq!(
            decide(&second.order, &Input::Ship(dispatch(3, None))),
            Decision::Refuse(Refusal::AlreadyShipped)
        );
    }

    #[test]
    fn no_more_than_what_is_left_and_nothing_else_leaves() {
        let order = order_in(OrderStatus::Confirmed);
        assert_eq!(
            decide(
                &order,
                &Input::Ship(dispatch(1, Some(vec![line("MUG", 3)])))
            ),
            Decision::Refuse(Refusal::TooMany {
                sku: "MUG".parse().unwrap(),
                left: 2,
            })
        );
        let twice = vec![line("CUP", 1), line("CUP", 1)];
        assert_eq!(
            decide(&order, &Input::Ship(dispatch(1, Some(twice)))),
            Decision::Refuse(Refusal::TooMany {
                sku: "CUP".parse().unwrap(),
                left: 1,
            })
        );
        assert_eq!(
            decide(
                &order,
                &Input::Ship(dispatch(1, Some(vec![line("POT", 1)])))
            ),
            Decision::Refuse(Refusal::UnknownLine("POT".parse().unwrap()))
        );
    }

    #[test]
    fn an_order_ships_only_once_it_is_confirmed_and_not_undone() {
        for (status, refusal) in [
            (
                OrderStatus::Pending,
                Refusal::InvalidTransition(OrderStatus::Pending),
            ),
            (
                OrderStatus::Rejected,
                Refusal::NothingToShip(OrderStatus::Rejected),
            ),
            (
                OrderStatus::Cancelling,
                Refusal::NothingToShip(OrderStatus::Cancelling),
            ),
            (OrderStatus::Delivered, Refusal::AlreadyShipped),
        ] {
            assert_eq!(
                decide(&order_in(status), &Input::Ship(dispatch(1, None))),
                Decision::Refuse(refusal)
            );
        }
    }

    #[test]
    fn an_order_is_delivered_when_its_last_parcel_arrived() {
        let order = order_in(OrderStatus::Confirmed);
        let ship =
            |order: &Order, n, lines| change(decide(order, &Input::Ship(dispatch(n, lines)))).order;
        let arrive = |order: &Order, n: usize| {
            change(decide(order, &Input::Delivered(order.shipments[n].id)))
        };
        let order = ship(&order, 1, Some(vec![line("MUG", 2)]));

        let early = arrive(&order, 0);
        assert_eq!(early.order.status, OrderStatus::PartiallyShipped);
        assert_eq!(early.event, None);

        let order = ship(&early.order, 2, None);
        let last = arrive(&order, 1);
        assert_eq!(last.order.status, OrderStatus::Delivered);
        let order = last.order.summary();
        assert_eq!(last.event, Some(OrderDelivered { order }.into()));
    }

    #[test]
    fn a_parcel_arrives_once_and_only_if_it_left() {
        let order = order_in(OrderStatus::Confirmed);
        let order = change(decide(&order, &Input::Ship(dispatch(1, None)))).order;
        let parcel = Input::Delivered(order.shipments[0].id);
        let order = change(decide(&order, &parcel)).order;
        assert_eq!(
            decide(&order, &parcel),
            Decision::Ignore(Ignored::Duplicate)
        );
        assert_eq!(
            decide(&order, &Input::Delivered(dispatch(9, None).id)),
            Decision::Refuse(Refusal::UnknownShipment)
        );
    }
}
