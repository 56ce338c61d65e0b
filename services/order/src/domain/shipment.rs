//! A parcel of an order.

use std::borrow::Cow;

use contracts::events::order::ShipmentSummary;
use contracts::events::stock::StockLine;
use contracts::{ShipmentId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

/// The name of a carrier or a number there: 1 to 100 characters, trimmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100)]
pub struct ShipmentText(String);

/// Why a text is not a [`ShipmentText`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a carrier and a tracking number are 1 to 100 characters without control characters")]
pub struct ShipmentTextError;

impl ShipmentText {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for ShipmentText {
    type Error = ShipmentTextError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let text = text.trim();
        let fits = (1..=100).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ShipmentTextError)
        }
    }
}

impl<'de> Deserialize<'de> for ShipmentText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(serde::de::Error::custom)
    }
}

/// Where a parcel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// On its way.
    Dispatched,
    /// With the customer.
    Delivered,
}

/// A parcel: what is in it and who carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// The parcel.
    pub id: ShipmentId,
    /// Who carries it.
    pub carrier: ShipmentText,
    /// Its number there.
    pub tracking_number: ShipmentText,
    /// What is in it, by sku.
    pub lines: Vec<StockLine>,
    /// When it left.
    pub dispatched_at: Timestamp,
    /// When it arrived, if it did.
    pub delivered_at: Option<Timestamp>,
}

impl Shipment {
    /// Where it is.
    #[must_use]
    pub fn status(&self) -> ShipmentStatus {
        if self.delivered_at.is_some() {
            ShipmentStatus::Delivered
        } else {
            ShipmentStatus::Dispatched
        }
    }

    /// What events say of it.
    #[must_use]
    pub fn summary(&self) -> ShipmentSummary {
        ShipmentSummary {
            shipment_id: self.id,
            carrier: self.carrier.as_str().to_owned(),
            tracking_number: self.tracking_number.as_str().to_owned(),
            lines: self.lines.clone(),
        }
    }
}
