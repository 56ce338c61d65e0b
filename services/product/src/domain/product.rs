//! A product, and what may be said about one.

use contracts::events::product::{ProductArchived, ProductSnapshot, ProductStatus, ProductUpdated};
use contracts::{Money, Payload, ProductId, Sku, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::attributes::Attributes;

/// A product at one version.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Names it.
    pub id: ProductId,
    /// The shop's own name for it.
    pub sku: Sku,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub title: Title,
    /// What it is.
    pub description: Description,
    /// Its shelf.
    pub category: Option<Category>,
    /// What one piece costs.
    pub price: Price,
    /// Whether it can be bought.
    pub status: ProductStatus,
    /// What else is known of it.
    pub attributes: Attributes,
    /// Counts its changes from 1. Stock is not part of it.
    pub version: u64,
    /// Since when it exists.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Product {
    /// What the others are told.
    #[must_use]
    pub fn snapshot(&self) -> ProductSnapshot {
        ProductSnapshot {
            product_id: self.id,
            sku: self.sku.clone(),
            slug: self.slug.clone(),
            title: self.title.as_str().to_owned(),
            description: self.description.as_str().to_owned(),
            category: self
                .category
                .as_ref()
                .map(|category| category.as_str().to_owned()),
            price: self.price.money(),
            status: self.status,
            attributes: self.attributes.values(),
        }
    }

    /// What the others are told when they are told again: how it is, not what happened to it.
    #[must_use]
    pub fn retold(&self) -> Payload {
        let product = self.snapshot();
        match self.status {
            ProductStatus::Active => ProductUpdated {
                product,
                replaced_price: None,
            }
            .into(),
            ProductStatus::Archived => ProductArchived { product }.into(),
        }
    }

    /// The texts in which it is found.
    #[must_use]
    pub fn searched_text(&self) -> String {
        let category = self.category.as_ref().map_or("", Category::as_str);
        format!(
            "{} {} {category} {}",
            self.title.as_str(),
            self.sku,
            self.description.as_str()
        )
    }
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// Its text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// A text that was checked before it was stored.
            pub(crate) fn stored(text: String) -> Self {
                Self(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let text = text.trim();
                let fits = ($min..=$max).contains(&text.chars().count());
                if fits && !text.chars().any(|c| c.is_control() && c != '\n') {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($message)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

bounded_text!(
    /// A name for people.
    Title, 1..=200, "a title is 1 to 200 characters without control characters"
);
bounded_text!(
    /// A text about a product.
    Description, 0..=10_000, "a description is at most 10000 characters without control characters"
);
bounded_text!(
    /// A shelf.
    Category, 1..=100, "a category is 1 to 100 characters without control characters"
);

/// What one piece costs: from 0 to 10^12 minor units, so that no order of a million pieces overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Money)]
pub struct Price(Money);

impl Price {
    /// The largest amount, in minor units.
    pub const MAX: i64 = 1_000_000_000_000;

    /// The amount.
    #[must_use]
    pub fn money(self) -> Money {
        self.0
    }
}

impl TryFrom<Money> for Price {
    type Error = &'static str;

    fn try_from(money: Money) -> Result<Self, Self::Error> {
        if (0..=Self::MAX).contains(&money.amount) {
            Ok(Self(money))
        } else {
            Err("a price is 0 to 1000000000000 minor units")
        }
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Money::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A product to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sku": "MUG-BLUE-330", "title": "Stoneware mug", "description": "Holds 330 ml of coffee.", "category": "Kitchen",
    "price": {"amount": 1450, "currency": "EUR"}, "attributes": {"colour": "blue"}, "initial_stock": 10
}))]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// The shop's own name for it; no other product may have it.
    pub sku: Sku,
    /// Its name for people.
    pub title: Title,
    /// What it is.
    #[serde(default)]
    pub description: Option<Description>,
    /// Its shelf.
    #[serde(default)]
    pub category: Option<Category>,
    /// What one piece costs.
    pub price: Price,
    /// What else is known of it: at most 100 values and 16 KiB.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: Attributes,
    /// Pieces on the shelf from the start.
    #[serde(default)]
    pub initial_stock: InitialStock,
}

/// Pieces on the shelf from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u32, minimum = 0, maximum = 1_000_000_000)]
pub struct InitialStock(u32);

impl InitialStock {
    /// The most pieces a product starts with.
    pub const MAX: u32 = 1_000_000_000;

    /// The number of pieces.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for InitialStock {
    type Error = &'static str;

    fn try_from(pieces: i64) -> Result<Self, Self::Error> {
        match u32::try_from(pieces) {
            Ok(pieces) if pieces <= Self::MAX => Ok(Self(pieces)),
            _ => Err("initial stock is 0 to 1000000000 pieces"),
        }
    }
}

impl<'de> Deserialize<'de> for InitialStock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A change of a product (RFC 7396): what is absent stays; null empties `category` and is refused elsewhere, because
/// nothing else can be taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"price": {"amount": 1290, "currency": "EUR"}}))]
#[serde(default, deny_unknown_fields)]
pub struct ProductPatch {
    /// A new name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// A new text.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Another shelf, or none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub category: Option<Option<Category>>,
    /// A new price.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Whether it can be bought.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub status: Option<ProductStatus>,
    /// All attributes anew.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Attributes>,
}

/// Tells a null from an absent field.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl ProductPatch {
    /// The product after the change, at its next version; none if nothing changes.
    #[must_use]
    pub fn apply(self, product: &Product, now: Timestamp) -> Option<Product> {
        let mut changed = product.clone();
        changed.title = self.title.unwrap_or(changed.title);
        changed.description = self.description.unwrap_or(changed.description);
        changed.category = self.category.unwrap_or(changed.category);
        changed.price = self.price.unwrap_or(changed.price);
        changed.status = self.status.unwrap_or(changed.status);
        changed.attributes = self.attributes.unwrap_or(changed.attributes);
        if changed == *product {
            return None;
        }
        changed.version = product.version + 1;
        changed.updated_at = now;
        Some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        serde_json::from_str::<NewProduct>(json)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn prices_out_of_bounds_and_unknown_currencies_are_refused() {
        let with = |amount: &str, currency: &str| {
            refused(&format!(
                r#"{{"sku":"A","title":"A","price":{{"amount":{amount},"currency":"{currency}"}}}}"#
            ))
        };
        assert!(with("-1", "EUR").starts_with("a price is 0 to"));
        assert!(with("1000000000001", "EUR").starts_with("a price is 0 to"));
        assert!(with("99999999999999999999", "EUR").starts_with("invalid type"));
        assert!(with("1", "EURO").starts_with("not a currency code"));
        assert!(with("1.5", "EUR").starts_with("invalid type"));
    }

    #[test]
    fn titles_are_trimmed_and_bounded() {
        assert_eq!(
            Title::try_from("  Mug ".to_owned()).unwrap().as_str(),
            "Mug"
        );
        for text in ["", "   ", "a\u{0}b", &"x".repeat(201)] {
            assert!(Title::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_null_category_is_told_from_an_absent_one() {
        let patch: ProductPatch = serde_json::from_str(r#"{"category":null}"#).unwrap();
        assert_eq!(patch.category, Some(None));
        let patch: ProductPatch = serde_json::from_str("{}").unwrap();
        assert_eq!(patch, ProductPatch::default());
        for field in ["title", "description", "price", "status", "attributes"] {
            let json = format!(r#"{{"{field}":null}}"#);
            assert!(
                serde_json::from_str::<ProductPatch>(&json).is_err(),
                "{field}"
            );
        }
    }

    #[test]
    fn initial_stock_is_bounded() {
        let with = |stock: &str| {
            format!(
                r#"{{"sku":"A","title":"A","price":{{"amount":1,"currency":"EUR"}},"initial_stock":{stock}}}"#
            )
        };
        for stock in ["-1", "1000000001"] {
            assert!(refused(&with(stock)).starts_with("initial stock is 0 to"));
        }
        let new: NewProduct = serde_json::from_str(&with("1000000000")).unwrap();
        assert_eq!(new.initial_stock.get(), InitialStock::MAX);
    }
}
