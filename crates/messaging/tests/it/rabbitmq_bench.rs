//! A virtual host of RabbitMQ for a test, and ways to break the line to it.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::EventType;
use contracts::topology::Binding;
use messaging::rabbitmq::RabbitBroker;
use messaging::rabbitmq::admin::Admin;
use messaging::{Broker, BrokerSettings};
use service_kit::Metrics;
use service_kit::settings::Secret;
use testkit::chaos::Proxy;
use testkit::isolated::{Vhost, vhost};

use crate::broker_contract::Bench;
use crate::fixtures::life;

pub const QUEUE: &str = "alpha.orders";
pub const BINDINGS: &[Binding] = &[Binding {
    queue: QUEUE,
    types: &[EventType::OrderCancelRequested],
}];

/// A broker of the service `alpha` on a virtual host of its own, behind a line that can be cut.
pub struct Rabbit {
    pub vhost: Arc<Vhost>,
    pub proxy: Proxy,
    pub broker: Arc<RabbitBroker>,
}

/// Settings that notice quickly what a test does.
pub fn settings(url: &str) -> BrokerSettings {
    BrokerSettings {
        topology_check_ms: 200,
        ..BrokerSettings::at(url)
    }
}

pub fn admin_of(api_url: &str) -> Admin {
    Admin::new(api_url, "", &Secret::default()).unwrap()
}

/// What the counter of rebuilt topologies says for a service, in all tests of this process.
pub fn rebuilt(service: &str) -> String {
    let series = format!("shop_broker_topology_rebuilt_total{{service=\"{service}\"}} ");
    let page = Metrics::install().render();
    let mut lines = page.lines();
    let count = lines.find_map(|line| line.strip_prefix(&series));
    count.unwrap_or("0").to_owned()
}

impl Rabbit {
    pub async fn on(vhost: Arc<Vhost>) -> Self {
        let proxy = Proxy::before(vhost.url()).await.unwrap();
        let life = life();
        let broker = RabbitBroker::connect(&settings(&proxy.url()), "alpha", &life).unwrap();
        Self {
            vhost,
            proxy,
            broker,
        }
    }

    pub fn admin(&self) -> Admin {
        admin_of(self.vhost.api_url())
    }

    /// Another process of the same service.
    pub async fn replica(&self) -> Self {
        Self::on(Arc::clone(&self.vhost)).await
    }
}

#[async_trait]
impl Bench for Rabbit {
    async fn fresh() -> Self {
        Self::on(Arc::new(vhost().await.unwrap())).await
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    async fn crash(self) -> Self {
        // As when the process is killed: the server sees its connections end without a word. What the process had written
        // arrives before, as the kernel sends it; so this waits for an answer to something written later.
        let _ = self.broker.declare(&[]).await;
        self.proxy.cut_off().await;
        self.replica().await
    }
}
