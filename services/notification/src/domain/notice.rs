//! What an event means to people.

use contracts::events::order::{CancelReason, OrderShipped, OrderStatus, OrderSummary};
use contracts::events::stock::StockLow;
use contracts::{Event, Payload, UserId};
use serde_json::{Value, json};

use crate::domain::ContactChange;

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One account.
    Account(UserId),
    /// Everybody who keeps the catalog: administrators and accounts with the role `catalog`.
    CatalogKeepers,
}

/// What is told, in few words; mails say more.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Who is told.
    pub audience: Audience,
    /// One line: a mail's subject.
    pub title: String,
    /// A sentence or two.
    pub body: String,
    /// What it is about, for programs.
    pub data: Value,
}

/// What one event does here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intake {
    /// To the contacts.
    pub contact: Option<ContactChange>,
    /// To people.
    pub notice: Option<Notice>,
}

impl Intake {
    /// What an event does here. Types that mean nothing to anybody do nothing: they are done without effect, so that a
    /// queue may bring types this version does not know how to tell.
    #[must_use]
    pub fn of(event: Event) -> Self {
        let version = event.aggregate_version;
        match event.payload {
            Payload::UserRegistered(registered) => Self {
                contact: Some(ContactChange::registered(&registered, version)),
                notice: Some(welcome(registered.user_id, &registered.name)),
            },
            Payload::UserProfileUpdated(updated) => {
                Self::contact(ContactChange::profile(updated, version))
            }
            Payload::UserRolesChanged(changed) => {
                Self::contact(ContactChange::roles(changed, version))
            }
            Payload::StockLow(low) => Self::notice(low_stock(&low)),
            Payload::OrderPlaced(placed) => Self::notice(placed_notice(&placed.order)),
            // Told to stock again, because it asked.
            Payload::OrderConfirmed(confirmed) if confirmed.repeated => Self::default(),
            Payload::OrderConfirmed(confirmed) => Self::notice(about(
                &confirmed.order,
                "confirmed",
                "Everything is reserved for you, and we will send it soon.",
            )),
            Payload::OrderRejected(rejected) => Self::notice(about(
                &rejected.order,
                "rejected",
                "We could not fulfil it, and you will not be charged.",
            )),
            Payload::OrderCancelled(cancelled) => Self::notice(about(
                &cancelled.order,
                "cancelled",
                cancelled_because(cancelled.reason),
            )),
            Payload::OrderShipped(shipped) => Self::notice(shipped_notice(&shipped)),
            Payload::OrderDelivered(delivered) => Self::notice(about(
                &delivered.order,
                "delivered",
                "Your parcels have arrived. Enjoy!",
            )),
            _ => Self::default(),
        }
    }

    fn contact(contact: ContactChange) -> Self {
        Self {
            contact: Some(contact),
            notice: None,
        }
    }

    fn notice(notice: Notice) -> Self {
        Self {
            contact: None,
            notice: Some(notice),
        }
    }
}

/// Why an order was cancelled, for its customer.
pub(crate) fn cancelled_because(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Customer => "You asked for it. Nothing is reserved any more.",
        CancelReason::Administrator => "The shop cancelled it. Nothing is reserved any more.",
        CancelReason::ReservationTimeout | CancelReason::UnknownOrder => {
            "We could not reserve it in time. You will not be charged."
        }
        CancelReason::PaymentTimeout => "No payment arrived in time. You will not be charged.",
        CancelReason::PaymentFailed => "The payment was refused. You will not be charged.",
    }
}

fn welcome(user_id: UserId, name: &str) -> Notice {
    let name = one_line(name);
    Notice {
        audience: Audience::Account(user_id),
        title: match name.as_str() {
            "" => "Welcome".to_owned(),
            name => format!("Welcome, {name}"),
        },
        body: "Your account is ready.".to_owned(),
        data: json!({}),
    }
}

fn placed_notice(order: &OrderSummary) -> Notice {
    let body = format!(
        "We are reserving your items: {}. You will hear from us in a moment.",
        order.total
    );
    about(order, "received", &body)
}

fn shipped_notice(shipped: &OrderShipped) -> Notice {
    let parcel = &shipped.shipment;
    let (carrier, number) = (one_line(&parcel.carrier), one_line(&parcel.tracking_number));
    let mut body = format!("A parcel is on its way with {carrier}: {number}.");
    if shipped.order_status == OrderStatus::PartiallyShipped {
        body.push_str(" The rest follows.");
    }
    let word = match shipped.order_status {
        OrderStatus::PartiallyShipped => "partly shipped",
        _ => "shipped",
    };
    let mut notice = about(&shipped.order, word, &body);
    if let Value::Object(data) = &mut notice.data {
        data.insert("shipment_id".to_owned(), json!(parcel.shipment_id));
        data.insert("tracking_number".to_owned(), json!(parcel.tracking_number));
    }
    notice
}

fn low_stock(low: &StockLow) -> Notice {
    let pieces = if low.available == 1 {
        "piece is"
    } else {
        "pieces are"
    };
    Notice {
        audience: Audience::CatalogKeepers,
        title: format!("Low stock: {} ({})", one_line(&low.title), low.sku),
        body: format!("{} {pieces} left to order.", low.available),
        data: json!({
            "product_id": low.product_id,
            "sku": low.sku,
            "available": low.available,
        }),
    }
}

/// An order became something.
fn about(order: &OrderSummary, what: &str, body: &str) -> Notice {
    Notice {
        audience: Audience::Account(order.customer_id),
        title: format!("Order {} {what}", one_line(&order.number)),
        body: body.to_owned(),
        data: json!({"order_id": order.order_id, "order_number": order.number}),
    }
}

/// A text that somebody else wrote, fit for one line of ours: a line break in a name must never begin a header of a mail.
pub(crate) fn one_line(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use contracts::{EventType, Timestamp};

    use super::*;

    #[test]
    fn text_of_others_stays_on_one_line() {
        assert_eq!(
            one_line(" Ada\r\nBcc: x@y.example\u{0}\u{85}z "),
            "Ada Bcc: x@y.example z"
        );
        assert_eq!(one_line("\r\n"), "");
    }

    #[test]
    fn events_that_mean_nothing_to_people_do_nothing() {
        for event_type in [EventType::OrderCancelRequested, EventType::StockReleased] {
            let sample = match event_type {
                EventType::OrderCancelRequested => {
                    include_str!(
                        "../../../../crates/contracts/samples/order.cancel_requested.v1.json"
                    )
                }
                _ => include_str!("../../../../crates/contracts/samples/stock.released.v1.json"),
            };
            let now = Timestamp::from_unix_millis(0);
            let event = Event {
                id: contracts::EventId::at(now),
                occurred_at: now,
                aggregate_version: 1,
                correlation_id: String::new(),
                payload: Payload::from_json(event_type, sample).unwrap(),
            };
            assert_eq!(Intake::of(event), Intake::default());
        }
    }

    #[test]
    fn a_confirmation_that_only_answers_stocks_question_is_no_news() {
        let sample = include_str!("../../../../crates/contracts/samples/order.confirmed.v1.json");
        let now = Timestamp::from_unix_millis(0);
        let told = |sample: &str| {
            let payload = Payload::from_json(EventType::OrderConfirmed, sample).unwrap();
            let event = Event {
                id: contracts::EventId::at(now),
                occurred_at: now,
                aggregate_version: 2,
                correlation_id: String::new(),
                payload,
            };
            Intake::of(event).notice.is_some()
        };
        assert!(told(sample));
        let mut repeated: Value = serde_json::from_str(sample).unwrap();
        repeated["repeated"] = json!(true);
        assert!(!told(&repeated.to_string()));
    }
}
