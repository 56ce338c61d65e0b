//! The five services.

use std::fmt;

/// A service that is a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// In front of all.
    Gateway,
    /// Accounts, on MongoDB.
    User,
    /// Catalog and stock, on MongoDB.
    Product,
    /// Orders, on PostgreSQL.
    Order,
    /// What people are told, on PostgreSQL.
    Notification,
}

impl Service {
    /// Those behind the gateway: each has a store, hears or tells events, and can run as several replicas.
    pub const BEHIND: [Self; 4] = [Self::User, Self::Product, Self::Order, Self::Notification];

    /// Its name, which is that of its program, too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Notification => "notification",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
