//! What people see of a running shop, wherever it runs: its gateway, and who may administrate it.

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::checker::Stores;
use crate::client::Client;
use crate::wait;

/// The entrance of a running shop.
#[derive(Clone)]
pub struct Front<'s> {
    /// `host:port` of the gateway.
    pub address: String,
    /// The administrator's e-mail address.
    pub admin_email: String,
    /// The administrator's password.
    pub admin_password: String,
    /// Its stores.
    pub stores: &'s Stores,
}

impl Front<'_> {
    /// Somebody who is not signed in.
    pub fn stranger(&self) -> Result<Client> {
        Client::new(&self.address)
    }

    /// The administrator, signed in.
    pub async fn admin(&self) -> Result<Client> {
        let stranger = self.stranger()?;
        stranger
            .log_in(&self.admin_email, &self.admin_password)
            .await
    }

    /// A registered and signed-in customer.
    pub async fn customer(&self, name: &str) -> Result<Client> {
        let email = format!("{name}@example.com");
        self.stranger()?.register(&email).await
    }

    /// Customers `prefix-0` to `prefix-(count-1)`, a few at a time: hashing a password is slow on purpose.
    pub async fn customers(&self, prefix: &str, count: usize) -> Result<Vec<Client>> {
        let customers =
            (0..count).map(async |index| self.customer(&format!("{prefix}-{index}")).await);
        stream::iter(customers).buffered(4).try_collect().await
    }

    /// A product that can be ordered: created, and known to the order service.
    pub async fn product(&self, admin: &Client, sku: &str, cents: i64, stock: u32) -> Result<()> {
        admin.create_product(sku, cents, stock).await?;
        wait::until(&format!("{sku} to reach the order service"), || async {
            Ok(self.stores.catalog_knows(sku).await?.then_some(()))
        })
        .await
    }
}
