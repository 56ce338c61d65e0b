//! The store's and the domain's refusals, as clients see them.

use std::time::Duration;

use http::StatusCode;
use service_kit::http::{Problem, idempotency};

use crate::address_book::AddressBookError;
use crate::domain::{PricingError, Refusal};
use crate::store::{PlaceError, StoreError, TellError};

/// When to come back if something this service needs is away.
const RETRY_AFTER: Duration = Duration::from_secs(2);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let chain = service_kit::error_chain(&error);
        match error {
            StoreError::Away(_) => {
                tracing::warn!(error = chain, "the order store does not answer");
                Self::unavailable("unavailable", "Try again shortly", RETRY_AFTER)
            }
            StoreError::Broken(_) => {
                tracing::error!(error = chain, "the order store and this program do not fit");
                Self::internal()
            }
        }
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::KeyReused => idempotency::reused(),
            PlaceError::Pricing(error) => error.into(),
            PlaceError::Store(error) => error.into(),
        }
    }
}

impl From<PricingError> for Problem {
    fn from(error: PricingError) -> Self {
        let detail = error.to_string();
        let (code, title, places): (_, _, &[usize]) = match &error {
            PricingError::Empty => {
                return Self::invalid_field("/items", "too_short", detail);
            }
            PricingError::AmountOverflow => ("amount_overflow", "The amount is too large", &[]),
            PricingError::DuplicateSku(places) => {
                ("duplicate_sku", "A sku is named more than once", places)
            }
            PricingError::UnknownSku(places) => {
                ("unknown_sku", "A sku is not in the catalog", places)
            }
            PricingError::Archived(places) => {
                ("product_archived", "A product is no longer offered", places)
            }
            PricingError::MixedCurrencies(places) => {
                ("mixed_currencies", "An order has one currency", places)
            }
        };
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title);
        places
            .iter()
            .fold(problem.detail(detail.clone()), |problem, place| {
                problem.field(format!("/items/{place}/sku"), code, detail.clone())
            })
    }
}

impl From<TellError> for Problem {
    fn from(error: TellError) -> Self {
        match error {
            TellError::NotFound => Self::not_found(),
            TellError::VersionMismatch => Self::precondition_failed(),
            TellError::KeyReused => idempotency::reused(),
            TellError::Refused { refusal, allowed } => refused(&refusal, allowed),
            TellError::Store(error) => error.into(),
        }
    }
}

fn refused(refusal: &Refusal, allowed: &'static [&'static str]) -> Problem {
    let detail = refusal.to_string();
    let conflict = |code, title| {
        Problem::new(StatusCode::CONFLICT, code, title)
            .detail(detail.clone())
            .member("allowed", allowed.to_vec())
    };
    match refusal {
        Refusal::InvalidTransition(_) => {
            conflict("invalid_transition", "Not possible in the order's status")
        }
        Refusal::AlreadyShipped => conflict("already_shipped", "Everything has been shipped"),
        Refusal::NothingToShip(_) => conflict("nothing_to_ship", "There is nothing to ship"),
        Refusal::UnknownLine(_) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unknown_sku",
            "The order has no such line",
        )
        .detail(detail),
        Refusal::TooMany { .. } => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_many_pieces",
            "More than is left to ship",
        )
        .detail(detail),
        Refusal::UnknownShipment => Problem::not_found(),
    }
}

impl From<AddressBookError> for Problem {
    fn from(error: AddressBookError) -> Self {
        let chain = service_kit::error_chain(&error);
        tracing::warn!(error = chain, "a shipping address could not be looked up");
        Self::unavailable(
            "upstream_unavailable",
            "The address book does not answer",
            RETRY_AFTER,
        )
        .detail("Send the address itself as shipping_address, or try again.")
    }
}

/// 503 while so many events wait for the broker that another order would not be safe.
pub(super) fn outbox_full() -> Problem {
    Problem::unavailable(
        "outbox_full",
        "Too many orders wait to be passed on",
        Duration::from_secs(10),
    )
    .detail("No order was placed. Try again with the same Idempotency-Key.")
}

#[cfg(test)]
mod tests {
    use contracts::events::order::OrderStatus;

    use super::*;

    #[test]
    fn every_wrong_item_is_pointed_at() {
        let problem = Problem::from(PricingError::UnknownSku(vec![0, 2]));
        let pointers: Vec<&str> = problem
            .errors()
            .iter()
            .map(|e| e.pointer.as_str())
            .collect();
        assert_eq!(problem.code(), "unknown_sku");
        assert_eq!(pointers, ["/items/0/sku", "/items/2/sku"]);
    }

    #[test]
    fn a_refusal_says_what_is_possible_instead() {
        let refusal = Refusal::InvalidTransition(OrderStatus::Shipped);
        assert_eq!(
            Problem::from(TellError::Refused {
                refusal,
                allowed: &["deliver"],
            }),
            Problem::new(
                StatusCode::CONFLICT,
                "invalid_transition",
                "Not possible in the order's status"
            )
            .detail("the order is shipped")
            .member("allowed", vec!["deliver"])
        );
    }
}
