//! Prices come from the catalog, never from the client.

use std::collections::HashSet;

use contracts::events::product::ProductStatus;
use contracts::{Money, MoneyError, Quantity, Sku};

use crate::domain::{CatalogEntry, Line};

/// What a customer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
}

/// Why the items cannot be ordered. Places count from 0 in the order's items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// There is nothing to order.
    #[error("an order needs at least one item")]
    Empty,
    /// One sku is named twice.
    #[error("a sku is named more than once")]
    DuplicateSku(Vec<usize>),
    /// The catalog does not know these.
    #[error("a sku is not in the catalog")]
    UnknownSku(Vec<usize>),
    /// These are no longer offered.
    #[error("a product is no longer offered")]
    Archived(Vec<usize>),
    /// The prices are not all in one currency.
    #[error("the items' prices are in more than one currency")]
    MixedCurrencies(Vec<usize>),
    /// The total does not fit into 64 bits.
    #[error("the order's total is too large")]
    AmountOverflow,
}

/// The lines of an order and what they cost together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedLines {
    /// The lines, as the customer sorted them.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Money,
}

/// The places of items whose sku an earlier item already named.
#[must_use]
pub fn duplicates(items: &[Item]) -> Vec<usize> {
    let mut seen = HashSet::new();
    items
        .iter()
        .enumerate()
        .filter(|(_, item)| !seen.insert(&item.sku))
        .map(|(place, _)| place)
        .collect()
}

/// Prices items with what the catalog says of each; every problem of one kind is reported at once.
pub fn price(known: &[(&Item, Option<CatalogEntry>)]) -> Result<PricedLines, PricingError> {
    let places = |wrong: &dyn Fn(&Option<CatalogEntry>) -> bool| -> Vec<usize> {
        known
            .iter()
            .enumerate()
            .filter(|(_, (_, entry))| wrong(entry))
            .map(|(place, _)| place)
            .collect()
    };
    let unknown = places(&Option::is_none);
    if !unknown.is_empty() {
        return Err(PricingError::UnknownSku(unknown));
    }
    let archived =
        places(&|entry| matches!(entry, Some(entry) if entry.status == ProductStatus::Archived));
    if !archived.is_empty() {
        return Err(PricingError::Archived(archived));
    }
    let Some((_, Some(first))) = known.first() else {
        return Err(PricingError::Empty);
    };
    let currency = first.price.currency;
    let others = places(&|entry| matches!(entry, Some(entry) if entry.price.currency != currency));
    if !others.is_empty() {
        return Err(PricingError::MixedCurrencies(others));
    }
    sum(known, Money::zero(currency)).map_err(|_| PricingError::AmountOverflow)
}

fn sum(known: &[(&Item, Option<CatalogEntry>)], zero: Money) -> Result<PricedLines, MoneyError> {
    let mut total = zero;
    let mut lines = Vec::with_capacity(known.len());
    for (item, entry) in known {
        let Some(entry) = entry else { continue };
        let line_total = entry.price.checked_mul(item.quantity)?;
        total = total.checked_add(line_total)?;
        lines.push(Line {
            sku: item.sku.clone(),
            title: entry.title.clone(),
            quantity: item.quantity,
            unit_price: entry.price,
            line_total,
            rejection: None,
        });
    }
    Ok(PricedLines { lines, total })
}

#[cfg(test)]
mod tests {
    use contracts::{ProductId, Timestamp};

    use super::*;

    fn item(sku: &str, quantity: u32) -> Item {
        Item {
            sku: sku.parse().unwrap(),
            quantity: Quantity::new(quantity).unwrap(),
        }
    }

    fn entry(sku: &Sku, amount: i64, currency: &str, status: ProductStatus) -> CatalogEntry {
        CatalogEntry {
            product_id: ProductId::at(Timestamp::from_unix_millis(0)),
            sku: sku.clone(),
            title: format!("The {sku}"),
            price: Money::new(amount, currency.parse().unwrap()),
            status,
            version: 1,
        }
    }

    fn look_up(sku: &Sku) -> Option<CatalogEntry> {
        use ProductStatus::{Active, Archived};
        match sku.as_str() {
            "MUG" => Some(entry(sku, 1299, "EUR", Active)),
            "CUP" => Some(entry(sku, 500, "EUR", Active)),
            "DOLLAR" => Some(entry(sku, 500, "USD", Active)),
            "OLD" => Some(entry(sku, 500, "EUR", Archived)),
            "PALACE" => Some(entry(sku, i64::MAX / 2, "EUR", Active)),
            _ => None,
        }
    }

    fn priced(items: &[Item]) -> Result<PricedLines, PricingError> {
        let known = items.iter().map(|item| (item, look_up(&item.sku)));
        price(&known.collect::<Vec<_>>())
    }

    #[test]
    fn lines_keep_their_order_and_are_summed() {
        let eur = |amount| Money::new(amount, "EUR".parse().unwrap());
        let line = |sku: &str, quantity, price, total| Line {
            sku: sku.parse().unwrap(),
            title: format!("The {sku}"),
            quantity: Quantity::new(quantity).unwrap(),
            unit_price: eur(price),
            line_total: eur(total),
            rejection: None,
        };
        assert_eq!(
            priced(&[item("MUG", 2), item("CUP", 1)]),
            Ok(PricedLines {
                lines: vec![line("MUG", 2, 1299, 2598), line("CUP", 1, 500, 500)],
                total: eur(3098),
            })
        );
    }

    #[test]
    fn every_item_of_one_problem_is_named() {
        assert_eq!(
            priced(&[item("NO", 1), item("MUG", 1), item("NEITHER", 1)]),
            Err(PricingError::UnknownSku(vec![0, 2]))
        );
        assert_eq!(
            priced(&[item("MUG", 1), item("OLD", 1)]),
            Err(PricingError::Archived(vec![1]))
        );
        assert_eq!(
            priced(&[item("MUG", 1), item("DOLLAR", 1)]),
            Err(PricingError::MixedCurrencies(vec![1]))
        );
        assert_eq!(priced(&[]), Err(PricingError::Empty));
    }

    #[test]
    fn a_total_that_does_not_fit_is_an_error() {
        assert_eq!(
            priced(&[item("PALACE", 3)]),
            Err(PricingError::AmountOverflow)
        );
        assert_eq!(
            priced(&[item("PALACE", 2), item("MUG", 1)]),
            Err(PricingError::AmountOverflow)
        );
    }

    #[test]
    fn an_item_that_repeats_a_sku_is_found() {
        assert_eq!(
            duplicates(&[item("MUG", 1), item("CUP", 1), item("MUG", 2)]),
            [2]
        );
    }
}
