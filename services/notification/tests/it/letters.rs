//! What mails say, for every type.

use contracts::events::order::OrderStatus::{PartiallyShipped, Shipped};
use contracts::{DeliveryId, EventId, Money, Payload, Role, UserId};
use mail_parser::{HeaderValue, MessageParser};
use notification::domain::{Channel, Contact, Intake};
use notification::mail::{Composer, Letter, Templates};
use notification::store::Claimed;

use crate::samples;

fn ada() -> UserId {
    "usr_019abcde000070008000000000000001".parse().unwrap()
}

fn composer() -> Composer {
    let from = "Cups & Co <shop@shop.example>".parse().unwrap();
    let templates = Templates::new().unwrap();
    Composer::new(templates, from, "Cups & Co", "https://shop.example/")
}

/// The delivery that an event makes.
fn delivery(payload: impl Into<Payload>, name: &str) -> Claimed {
    let event = samples::event(1, payload);
    let payload = event.payload.to_json().unwrap();
    let event_type = event.payload.event_type();
    Claimed {
        id: "dlv_019abcde000070008000000000000005"
            .parse::<DeliveryId>()
            .unwrap(),
        attempt: 1,
        event_id: "evt_019abcde000070008000000000000009"
            .parse::<EventId>()
            .unwrap(),
        event_type,
        payload,
        title: Intake::of(event).notice.unwrap().title,
        channel: Channel::Email,
        contact: Contact {
            user_id: ada(),
            email: "ada@example.com".to_owned(),
            name: name.to_owned(),
        },
        created_at: samples::start(),
    }
}

fn letter(payload: impl Into<Payload>) -> Letter {
    composer().letter(&delivery(payload, "Ada")).unwrap()
}

fn shown(letter: &Letter) -> String {
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

#[test]
fn every_type_has_its_words() {
    let registered = samples::registered(ada(), "Ada", &[Role::Customer]);
    let letters: [(&str, Payload); 9] = [
        ("registered", registered.into()),
        ("placed", samples::placed(ada()).into()),
        ("confirmed", samples::confirmed(ada()).into()),
        ("rejected", samples::rejected(ada()).into()),
        ("cancelled", samples::cancelled(ada()).into()),
        (
            "partly shipped",
            samples::shipped(ada(), PartiallyShipped).into(),
        ),
        ("shipped", samples::shipped(ada(), Shipped).into()),
        ("delivered", samples::delivered(ada()).into()),
        ("low stock", samples::low().into()),
    ];
    for (name, payload) in letters {
        insta::assert_snapshot!(name, shown(&letter(payload)));
    }
}

#[test]
fn the_html_says_the_same_in_a_page() {
    insta::assert_snapshot!("confirmed page", letter(samples::confirmed(ada())).html);
    let shipped = letter(samples::shipped(ada(), PartiallyShipped)).html;
    insta::assert_snapshot!("partly shipped page", shipped);
}

#[test]
fn amounts_have_the_digits_of_their_currency() {
    for (amount, currency, shown) in [
        (1500, "JPY", "Total: 1500 JPY"),
        (1500, "BHD", "Total: 1.500 BHD"),
        (5, "EUR", "Total: 0.05 EUR"),
    ] {
        let mut confirmed = samples::confirmed(ada());
        confirmed.order.total = Money::new(amount, currency.parse().unwrap());
        let letter = letter(confirmed);
        assert!(letter.text.contains(shown), "{}", letter.text);
        assert!(letter.html.contains(&shown[7..]), "{}", letter.html);
    }
}

#[test]
fn names_of_people_and_products_are_text_and_never_html() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut confirmed = samples::confirmed(ada());
    confirmed.order.lines[0].title = evil.to_owned();
    let letter = composer().letter(&delivery(confirmed, evil)).unwrap();
    assert!(!letter.html.contains("<script>"), "{}", letter.html);
    let escaped = "&lt;script&gt;alert(1)&lt;";
    assert_eq!(letter.html.matches(escaped).count(), 2, "{}", letter.html);
    assert_eq!(letter.text.matches(evil).count(), 2, "{}", letter.text);
    assert!(letter.html.contains("Cups &amp; Co"), "{}", letter.html);
    // A template inside a name is a name.
    let letter = composer().letter(&delivery(samples::confirmed(ada()), "{{ order.total }}"));
    assert!(letter.unwrap().text.contains("Hello {{ order.total }},"));
}

#[test]
fn a_mail_has_the_headers_that_make_it_one_and_the_same_at_every_try() {
    let delivery = delivery(samples::confirmed(ada()), "Ada Lovelace");
    let mail = composer().compose(&delivery).unwrap();
    let raw = mail.message.formatted();
    assert_eq!(
        raw,
        composer().compose(&delivery).unwrap().message.formatted()
    );
    let parsed = MessageParser::default().parse(&raw).unwrap();
    let id = "evt_019abcde000070008000000000000009.46d1d0feda4f9f90.email@shop.example";
    assert_eq!(parsed.message_id(), Some(id));
    assert_eq!(mail.message_id, id);
    assert_eq!(parsed.subject(), Some("Order K7Q2-41ZD confirmed"));
    let to = parsed.to().unwrap().first().unwrap();
    assert_eq!(
        (to.name(), to.address()),
        (Some("Ada Lovelace"), Some("ada@example.com"))
    );
    let from = parsed.from().unwrap().first().unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("Cups & Co"), Some("shop@shop.example"))
    );
    assert_eq!(
        parsed.date().unwrap().to_timestamp(),
        samples::start().unix_seconds()
    );
    let automatic = parsed
        .header("Auto-Submitted")
        .and_then(HeaderValue::as_text);
    assert_eq!(automatic, Some("auto-generated"));
    let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(text, composer().letter(&delivery).unwrap().text);
    assert!(
        parsed
            .body_html(0)
            .unwrap()
            .contains("<strong>K7Q2-41ZD</strong>")
    );
}

#[test]
fn a_line_break_in_a_name_never_begins_a_header() {
    let evil = "Ada\r\nBcc: everybody@example.com\r\n\r\nBuy!";
    let registered = samples::registered(ada(), evil, &[]);
    let mut delivery = delivery(registered, evil);
    delivery.title.push_str("\nX-Evil: 1");
    let raw = composer().compose(&delivery).unwrap().message.formatted();
    let raw = String::from_utf8(raw).unwrap();
    let (head, _) = raw.split_once("\r\n\r\n").unwrap();
    let names: Vec<_> = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type"
        ],
        "{head}"
    );
    // Names beyond ASCII arrive as they are.
    let delivery = Claimed {
        channel: Channel::Email,
        contact: Contact {
            name: "Zoë Ångström, Größe".to_owned(),
            ..delivery.contact.clone()
        },
        ..delivery
    };
    let raw = composer().compose(&delivery).unwrap().message.formatted();
    let parsed = MessageParser::default().parse(&raw).unwrap();
    let name = parsed.to().unwrap().first().unwrap().name();
    assert_eq!(name, Some("Zoë Ångström, Größe"));
}

#[test]
fn an_address_that_is_none_is_an_error_and_not_a_panic() {
    for email in [
        "",
        "ada",
        "ada@",
        "a b@example.com",
        "ada@example.com\r\nBcc: x@y.example",
    ] {
        let mut delivery = delivery(samples::confirmed(ada()), "Ada");
        delivery.contact.email = email.to_owned();
        assert!(composer().compose(&delivery).is_err(), "{email}");
    }
    let mut delivery = delivery(samples::confirmed(ada()), "Ada");
    delivery.payload = "{".to_owned();
    assert!(composer().compose(&delivery).is_err());
}
