//! What the services say to each other: typed ids, money, events, and which queue hears which event.
//!
//! Nothing here does input or output. Everything that crosses a service boundary is parsed into one of these
//! types at the edge, so code behind the edge never sees a raw string (`docs/architecture.md`).

mod address;
pub mod event;
pub mod events;
mod id;
mod money;
mod quantity;
mod role;
pub mod schema;
mod sku;
mod time;
pub mod topology;

pub use address::{Address, AddressText, AddressTextError, Country, CountryError};
pub use event::{DecodeError, Event, EventType, Payload, Producer};
pub use id::{
    AddressId, AdjustmentId, DeliveryId, EventId, IdError, NotificationId, OrderId, ProductId,
    SessionId, ShipmentId, UserId,
};
pub use money::{Currency, CurrencyError, Money, MoneyError};
pub use quantity::{Quantity, QuantityError};
pub use role::{Role, RoleError};
pub use sku::{Sku, SkuError};
pub use time::{Clock, ManualClock, SystemClock, Timestamp, TimestampError};
