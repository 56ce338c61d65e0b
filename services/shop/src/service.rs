//! The services by name.

use std::fmt;

use clap::ValueEnum;

/// One of the five services. They are started in this order and end in the opposite one, so that the gateway is the last to
/// take requests and the first to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Service {
    /// Accounts and sign-in.
    User,
    /// Catalog and inventory.
    Product,
    /// Orders.
    Order,
    /// Mail and the live stream.
    Notification,
    /// The entry.
    Gateway,
}

impl Service {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Product,
        Self::Order,
        Self::Notification,
        Self::Gateway,
    ];

    /// When it starts: orders are told where the users are, the gateway where everybody is.
    pub(crate) fn stage(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Product | Self::Order | Self::Notification => 1,
            Self::Gateway => 2,
        }
    }

    /// Its name in settings, logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Notification => "notification",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
