//! Writing a mail about an event.

use std::time::{Duration, UNIX_EPOCH};

use contracts::events::order::{OrderShipped, OrderStatus, OrderSummary};
use contracts::events::stock::{RejectedLine, RejectionCode};
use contracts::{DecodeError, Payload, Sku};
use lettre::Address;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use serde_json::{Value, json};

use crate::domain::{Channel, message_id};
use crate::domain::{cancelled_because, one_line};
use crate::mail::{Mail, Templates, domain_of};
use crate::store::Claimed;

/// Why a mail cannot be written. Trying again changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The stored event cannot be read.
    #[error("the event cannot be read")]
    Event(#[from] DecodeError),
    /// There is no template, or it does not fit.
    #[error("the template does not fit")]
    Template(#[from] minijinja::Error),
    /// The contact's address is not one.
    #[error("the address cannot be used")]
    Address(#[from] AddressError),
    /// The parts do not make a mail.
    #[error("the mail cannot be put together")]
    Mail(#[from] lettre::error::Error),
}

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Writes mails.
#[derive(Debug)]
pub struct Composer {
    templates: Templates,
    from: Mailbox,
    shop_name: String,
    shop_url: String,
}

impl Composer {
    /// With these templates, from this sender.
    #[must_use]
    pub fn new(templates: Templates, from: Mailbox, shop_name: &str, shop_url: &str) -> Self {
        Self {
            templates,
            from,
            shop_name: one_line(shop_name),
            shop_url: one_line(shop_url).trim_end_matches('/').to_owned(),
        }
    }

    /// What the mail of a delivery says.
    pub fn letter(&self, delivery: &Claimed) -> Result<Letter, ComposeError> {
        let payload = Payload::from_json(delivery.event_type, &delivery.payload)?;
        let subject = one_line(&delivery.title);
        let mut context = about(&payload);
        if let Value::Object(context) = &mut context {
            context.insert("title".to_owned(), json!(subject));
            context.insert("name".to_owned(), json!(one_line(&delivery.contact.name)));
            context.insert("shop_name".to_owned(), json!(self.shop_name));
            context.insert("shop_url".to_owned(), json!(self.shop_url));
        }
        let (text, html) = self.templates.render(delivery.event_type, context)?;
        Ok(Letter {
            subject,
            text,
            html,
        })
    }

    /// The mail of a delivery. Every try writes the same bytes.
    pub fn compose(&self, delivery: &Claimed) -> Result<Mail, ComposeError> {
        let letter = self.letter(delivery)?;
        let (event_id, contact) = (delivery.event_id, &delivery.contact);
        let domain = domain_of(&self.from);
        let message_id = message_id(event_id, contact.user_id, Channel::Email, &domain);
        let name = Some(one_line(&contact.name)).filter(|name| !name.is_empty());
        let to = Mailbox::new(name, contact.email.parse::<Address>()?);
        let millis = u64::try_from(delivery.created_at.unix_millis()).unwrap_or(0);
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("=_{}", delivery.id))
            .singlepart(SinglePart::plain(letter.text))
            .singlepart(SinglePart::html(letter.html));
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject)
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{message_id}>")))
            // RFC 3834: nobody's absence note should answer this.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(parts)?;
        Ok(Mail {
            message,
            message_id,
            created_at: delivery.created_at,
            attempt: delivery.attempt,
        })
    }
}

/// What the templates of each type get.
fn about(payload: &Payload) -> Value {
    match payload {
        Payload::OrderPlaced(placed) => json!({"order": order(&placed.order)}),
        Payload::OrderConfirmed(confirmed) => json!({"order": order(&confirmed.order)}),
        Payload::OrderRejected(rejected) => json!({
            "order": order(&rejected.order),
            "refused": refused(&rejected.order, &rejected.lines),
        }),
        Payload::OrderCancelled(cancelled) => json!({
            "order": order(&cancelled.order),
            "reason": cancelled_because(cancelled.reason),
        }),
        Payload::OrderShipped(shipped) => json!({
            "order": order(&shipped.order),
            "parcel": parcel(shipped),
        }),
        Payload::OrderDelivered(delivered) => json!({"order": order(&delivered.order)}),
        Payload::StockLow(low) => json!({"product": {
            "title": one_line(&low.title),
            "sku": low.sku,
            "available": low.available,
            "threshold": low.threshold,
        }}),
        _ => json!({}),
    }
}

fn order(order: &OrderSummary) -> Value {
    let lines = order.lines.iter().map(|line| {
        json!({
            "sku": line.sku,
            "title": one_line(&line.title),
            "quantity": line.quantity,
            "unit_price": line.unit_price.to_string(),
            "line_total": line.line_total.to_string(),
        })
    });
    json!({
        "id": order.order_id,
        "number": one_line(&order.number),
        "lines": lines.collect::<Vec<_>>(),
        "total": order.total.to_string(),
    })
}

fn refused(order: &OrderSummary, lines: &[RejectedLine]) -> Vec<Value> {
    let line = |line: &RejectedLine| {
        let reason = match line.code {
            RejectionCode::PriceChanged => "its price has changed",
            RejectionCode::ProductArchived | RejectionCode::UnknownSku => "it is no longer offered",
            RejectionCode::InsufficientStock => "there are not enough left",
        };
        json!({"title": title_of(order, &line.sku), "reason": reason})
    };
    lines.iter().map(line).collect()
}

fn parcel(shipped: &OrderShipped) -> Value {
    let lines = shipped.shipment.lines.iter().map(
        |line| json!({"title": title_of(&shipped.order, &line.sku), "quantity": line.quantity}),
    );
    json!({
        "carrier": one_line(&shipped.shipment.carrier),
        "tracking_number": one_line(&shipped.shipment.tracking_number),
        "lines": lines.collect::<Vec<_>>(),
        "more_follow": shipped.order_status == OrderStatus::PartiallyShipped,
    })
}

/// What a line is called in its order; its sku, if the order does not say.
fn title_of(order: &OrderSummary, sku: &Sku) -> String {
    let line = order.lines.iter().find(|line| line.sku == *sku);
    line.map_or_else(|| sku.to_string(), |line| one_line(&line.title))
}
