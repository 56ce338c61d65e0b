//! A started shop and the people who use it.

use std::path::PathBuf;

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use testkit::checker::{Folder, Snapshot};
use testkit::client::Client;
use testkit::mail_server::FakeMailServer;
use testkit::maildir::{self, Mail};
use testkit::process::{RunFile, ShopHarness, ShopProcess};
use testkit::wait;

/// A harness for the binary under test.
pub fn harness() -> ShopHarness {
    ShopHarness::new(env!("CARGO_BIN_EXE_shop")).unwrap()
}

/// A mail server that outlives any process of the shop, and keeps a mail as often as it gets it. A shop without one writes mails to
/// a folder, where one that was written twice is there once.
pub struct Mailbox {
    folder: PathBuf,
    _server: FakeMailServer,
}

impl Mailbox {
    /// A mail server, and a harness whose shops send their mails to it.
    pub async fn start(harness: ShopHarness) -> Result<(Self, ShopHarness)> {
        let folder = harness.data().join("mailbox");
        let server = FakeMailServer::start(&folder).await?;
        let address = server.address();
        let smtp = [
            ("HOST", address.ip().to_string()),
            ("PORT", address.port().to_string()),
            ("TLS", "none".to_owned()),
        ];
        let mailing = smtp.into_iter().fold(harness, |harness, (name, value)| {
            harness.variable(format!("SHOP__NOTIFICATION__SMTP__{name}"), value)
        });
        let mailbox = Self {
            folder,
            _server: server,
        };
        Ok((mailbox, mailing))
    }

    /// What the checker is to look at: the shop, and that each mail came once.
    pub fn of(&self, harness: &ShopHarness) -> Folder {
        Folder::at(harness.data()).mailing_to(self.folder.clone())
    }

    /// Its mails, each as often as it came.
    pub fn mails(&self) -> Vec<Mail> {
        maildir::read(&self.folder).unwrap()
    }
}

/// How often more than once mails came.
pub fn repeats(stores: &Snapshot) -> u32 {
    let arrived = stores.mails.iter().flat_map(|mails| mails.arrived.values());
    arrived.map(|times| times - 1).sum()
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
