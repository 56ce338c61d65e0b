//! The platform under test.

use anyhow::Result;
use contracts::topology::BINDINGS;
use futures_util::future::BoxFuture;
use messaging::rabbitmq::RabbitBroker;
use messaging::{Broker as _, BrokerSettings};
use service_kit::{Lifecycle, LifecycleSettings};
use testkit::platform::{Builder, Platform, Service};

/// The programs that cargo just built.
pub fn platform() -> Builder {
    let builder = Platform::builder(env!("CARGO_BIN_EXE_shop"), declare);
    // What breaks it may take longer than the ten minutes that a token usually lasts.
    builder.setting(Service::User, "TOKENS__ACCESS_S", "3600")
}

/// All queues, as an administrator makes them before the first start: else the first events would find none.
fn declare(url: String) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        let life = Lifecycle::new("administrator", LifecycleSettings::default());
        let broker = RabbitBroker::connect(&BrokerSettings::at(url), "administrator", &life)?;
        broker.declare(BINDINGS).await?;
        broker.close().await;
        life.shut_down().await?;
        Ok(())
    })
}
