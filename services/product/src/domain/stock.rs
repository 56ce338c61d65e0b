//! The rules for answering an order.

use std::time::Duration;

use contracts::events::product::ProductStatus;
use contracts::events::stock::RejectionCode;
use contracts::{Money, Quantity, Timestamp};

/// The rules, from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Administrators are told when the available pieces fall to this number.
    pub low_threshold: u64,
    /// For how long a replaced price is still honoured.
    pub price_grace: Duration,
    /// How long a hold lasts before the order is asked about it.
    pub hold: Duration,
}

/// What is known of the product of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Whether it can be bought.
    pub status: ProductStatus,
    /// What one piece costs now.
    pub price: Money,
    /// When the price in the order was replaced last, if it ever was the price.
    pub ordered_price_replaced_at: Option<Timestamp>,
    /// Pieces that can be reserved.
    pub available: u64,
}

/// Why a line cannot be reserved; none if it can.
///
/// A price that was replaced is honoured for the grace period: the customer saw it, and the catalog of the order service
/// follows by events. A price that never was the price is refused.
#[must_use]
pub fn refuse(
    offer: Option<Offer>,
    ordered: Money,
    pieces: u64,
    rules: Rules,
    now: Timestamp,
) -> Option<RejectionCode> {
    let Some(offer) = offer else {
        return Some(RejectionCode::UnknownSku);
    };
    if offer.status == ProductStatus::Archived {
        return Some(RejectionCode::ProductArchived);
    }
    let honoured = offer.price == ordered
        || offer
            .ordered_price_replaced_at
            .is_some_and(|replaced| now.since(replaced) <= rules.price_grace);
    if !honoured {
        return Some(RejectionCode::PriceChanged);
    }
    // One line of an order may name its sku several times; more than a quantity holds cannot be told back.
    let short = offer.available < pieces || pieces > u64::from(Quantity::MAX);
    short.then_some(RejectionCode::InsufficientStock)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn offer() -> Offer {
        Offer {
            status: ProductStatus::Active,
            price: euros(10),
            ordered_price_replaced_at: None,
            available: 5,
        }
    }

    fn euros(amount: i64) -> Money {
        Money::new(amount * 100, "EUR".parse().unwrap())
    }

    fn answer(offer: Option<Offer>, ordered: Money, pieces: u64) -> Option<RejectionCode> {
        let rules = Rules {
            low_threshold: 5,
            price_grace: Duration::from_mins(15),
            hold: Duration::from_hours(1),
        };
        refuse(
            offer,
            ordered,
            pieces,
            rules,
            Timestamp::from_unix_millis(NOW),
        )
    }

    #[test]
    fn a_line_at_the_present_price_and_in_stock_is_reserved() {
        assert_eq!(answer(Some(offer()), euros(10), 5), None);
    }

    #[test]
    fn each_reason_has_its_code() {
        assert_eq!(answer(None, euros(10), 1), Some(RejectionCode::UnknownSku));
        let archived = Offer {
            status: ProductStatus::Archived,
            ..offer()
        };
        assert_eq!(
            answer(Some(archived), euros(10), 1),
            Some(RejectionCode::ProductArchived)
        );
        assert_eq!(
            answer(Some(offer()), euros(9), 1),
            Some(RejectionCode::PriceChanged)
        );
        assert_eq!(
            answer(Some(offer()), euros(10), 6),
            Some(RejectionCode::InsufficientStock)
        );
    }

    #[test]
    fn a_replaced_price_is_honoured_for_the_grace_period_and_not_longer() {
        let replaced = |minutes: i64| Offer {
            ordered_price_replaced_at: Some(Timestamp::from_unix_millis(NOW - minutes * 60_000)),
            ..offer()
        };
        assert_eq!(answer(Some(replaced(15)), euros(9), 1), None);
        assert_eq!(
            answer(Some(replaced(16)), euros(9), 1),
            Some(RejectionCode::PriceChanged)
        );
    }
}
