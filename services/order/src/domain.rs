//! What an order is and how it changes: pure, without IO, clock or store.

pub mod catalog;
pub mod number;
pub mod order;
pub mod pricing;
pub mod shipment;
pub mod status;
pub mod timeline;
pub mod transition;

pub use catalog::CatalogEntry;
pub use contracts::{Address, AddressText, Country};
pub use number::OrderNumber;
pub use order::{Draft, Line, Order, PaymentMethod, Placed};
pub use pricing::{Item, PricedLines, PricingError};
pub use shipment::{Shipment, ShipmentStatus, ShipmentText};
pub use status::{in_progress, is_final};
pub use timeline::{Entry, EntryKind};
pub use transition::{Change, Deadlines, Decision, Dispatch, Ignored, Input, Record, Refusal};
