//! A started shop and the people who use it.

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use testkit::client::Client;
use testkit::process::{RunFile, ShopHarness, ShopProcess};
use testkit::wait;

/// A harness for the binary under test.
pub fn harness() -> ShopHarness {
    ShopHarness::new(env!("CARGO_BIN_EXE_shop")).unwrap()
}

/// A running shop and its administrator.
pub struct Shop {
    pub harness: ShopHarness,
    pub process: ShopProcess,
    pub run: RunFile,
    pub admin: Client,
}

impl Shop {
    /// Starts a shop and signs its administrator in.
    pub async fn start(harness: ShopHarness) -> Result<Self> {
        let (process, run) = harness.start().await?;
        let admin = admin(&harness, &run).await?;
        Ok(Self {
            harness,
            process,
            run,
            admin,
        })
    }

    /// A stranger at the gateway.
    pub fn stranger(&self) -> Client {
        Client::new(self.run.address("gateway").unwrap()).unwrap()
    }

    /// A registered and signed-in customer.
    pub async fn customer(&self, name: &str) -> Result<Client> {
        self.stranger()
            .register(&format!("{name}@example.com"))
            .await
    }

    /// Customers `prefix-0` to `prefix-(count-1)`, a few at a time: hashing a password is slow on purpose.
    pub async fn customers(&self, prefix: &str, count: usize) -> Result<Vec<Client>> {
        let customers =
            (0..count).map(async |index| self.customer(&format!("{prefix}-{index}")).await);
        stream::iter(customers).buffered(4).try_collect().await
    }

    /// A product that can be ordered: created, and known to the order service.
    pub async fn product(&self, sku: &str, cents: i64, stock: u32) -> Result<()> {
        self.admin.create_product(sku, cents, stock).await?;
        self.orderable(sku).await
    }

    /// Waits until the order service knows the sku: its projection follows the events.
    pub async fn orderable(&self, sku: &str) -> Result<()> {
        wait::until(&format!("{sku} to reach the order service"), || async {
            let catalog = testkit::checker::catalog_knows(self.harness.data(), sku)?;
            Ok(catalog.then_some(()))
        })
        .await
    }
}

/// The administrator of the shop on this folder.
pub async fn admin(harness: &ShopHarness, run: &RunFile) -> Result<Client> {
    let password = std::fs::read_to_string(harness.data().join("admin-password"))?;
    Client::new(run.address("gateway")?)?
        .log_in("admin@shop.example", password.trim())
        .await
}
