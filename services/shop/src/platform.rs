//! The services of one process: started in order, stopped in order, and one by one where a test asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use contracts::{Clock, topology};
use futures_util::future::join_all;
use messaging::embedded::EmbeddedBroker;
use messaging::{Broker, BrokerError, ConnectError, embedded_path};
use service_kit::{Abandoned, App, Lifecycle, LifecycleSettings, Metrics, Running, Runtime};
use sqlite_store::OpenError;

use crate::service::Service;
use crate::settings::Settings;

/// Why the shop cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The broker's URL names no broker of this build.
    #[error("the shop has no broker")]
    BrokerUrl(#[from] ConnectError),
    /// The broker's file cannot be opened.
    #[error("the shop cannot open its broker")]
    OpenBroker(#[from] OpenError),
    /// The broker cannot make its queues.
    #[error("the broker cannot make its queues")]
    Declare(#[from] BrokerError),
    /// The gateway cannot start.
    #[error(transparent)]
    Gateway(#[from] gateway::BuildError),
    /// The user service cannot start.
    #[error(transparent)]
    User(#[from] user::BuildError),
    /// The product service cannot start.
    #[error(transparent)]
    Product(#[from] product::BuildError),
    /// The order service cannot start.
    #[error(transparent)]
    Order(#[from] order::BuildError),
    /// The notification service cannot start.
    #[error(transparent)]
    Notification(#[from] notification::BuildError),
}

/// A service that answers.
struct Answering {
    running: Running,
    address: SocketAddr,
    admin_address: SocketAddr,
}

/// The shop as it runs.
pub struct Platform {
    settings: Settings,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    broker: Arc<EmbeddedBroker>,
    services: BTreeMap<Service, Answering>,
}

impl Platform {
    /// Starts these services. All queues are made before any of them can publish, also those of services left out: they
    /// find what was said meanwhile when they are started. If one cannot start, none runs.
    pub async fn start(
        settings: Settings,
        services: &BTreeSet<Service>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let broker = EmbeddedBroker::open(&embedded_path(&settings.broker.url)?).await?;
        broker.declare(topology::BINDINGS).await?;
        let mut platform = Self {
            settings,
            clock,
            metrics: Metrics::install(),
            broker,
            services: BTreeMap::new(),
        };
        let services: Vec<_> = services.iter().copied().collect();
        for stage in services.chunk_by(|one, other| one.stage() == other.stage()) {
            if let Err(error) = platform.start_stage(stage).await {
                if let Err(abandoned) = platform.stop().await {
                    tracing::error!(%abandoned, "the services that had started did not end in time");
                }
                return Err(error);
            }
        }
        Ok(platform)
    }

    /// Starts one service that does not run. It takes the port it had before, if it ran before.
    pub async fn start_service(&mut self, service: Service) -> Result<(), StartError> {
        self.start_stage(&[service]).await
    }

    /// Starts services that need not know of each other, at the same time: most of what they do is wait for the disk. Gives the
    /// first error; those that could start run.
    async fn start_stage(&mut self, services: &[Service]) -> Result<(), StartError> {
        let building = services.iter().map(|service| self.build(*service));
        let mut result = Ok(());
        for (service, built) in services.iter().zip(join_all(building).await) {
            match built {
                Ok(app) => self.answer(*service, app),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    async fn build(&self, service: Service) -> Result<App, StartError> {
        let lifecycle = Lifecycle::new(service.name(), self.shutdown(service));
        let runtime = Runtime {
            clock: Arc::clone(&self.clock),
            lifecycle: lifecycle.clone(),
            metrics: self.metrics.clone(),
        };
        let built = self.build_in(service, runtime).await;
        if built.is_err()
            && let Err(abandoned) = lifecycle.shut_down().await
        {
            // What it had started before it failed ends with it.
            tracing::error!(%abandoned, "a service that could not start did not end in time");
        }
        built
    }

    fn answer(&mut self, service: Service, app: App) {
        let answering = Answering {
            address: app.address(),
            admin_address: app.admin_address(),
            running: app.start(),
        };
        self.remember(service, &answering);
        self.services.insert(service, answering);
    }

    /// Stops one service in its phases; the others go on.
    pub async fn stop_service(&mut self, service: Service) -> Result<(), Abandoned> {
        match self.services.remove(&service) {
            Some(answering) => answering.running.stop().await,
            None => Ok(()),
        }
    }

    /// Stops everything: the gateway first, so that what was accepted is finished by services that still answer.
    pub async fn stop(mut self) -> Result<(), Abandoned> {
        let mut result = Ok(());
        while let Some((_, answering)) = self.services.pop_last() {
            result = result.and(answering.running.stop().await);
        }
        self.broker.close().await;
        result
    }

    /// Where each service that runs answers requests.
    #[must_use]
    pub fn addresses(&self) -> BTreeMap<&'static str, SocketAddr> {
        self.of_each(|answering| answering.address)
    }

    /// Where health and metrics of each service that runs are.
    #[must_use]
    pub fn admin_addresses(&self) -> BTreeMap<&'static str, SocketAddr> {
        self.of_each(|answering| answering.admin_address)
    }

    fn of_each<T>(&self, value: impl Fn(&Answering) -> T) -> BTreeMap<&'static str, T> {
        self.services
            .iter()
            .map(|(service, answering)| (service.name(), value(answering)))
            .collect()
    }

    /// With stores that are files: drivers of servers would be a third of the program, which refuses their URLs.
    async fn build_in(&self, service: Service, runtime: Runtime) -> Result<App, StartError> {
        let broker: Arc<dyn Broker> = Arc::clone(&self.broker) as _;
        let Settings {
            gateway,
            user,
            product,
            order,
            notification,
            ..
        } = self.settings.clone();
        Ok(match service {
            Service::User => user::build(user, runtime, broker, user::store::open_file).await?,
            Service::Product => {
                product::build(product, runtime, broker, product::store::open_file).await?
            }
            Service::Order => order::build(order, runtime, broker, order::store::open_file).await?,
            Service::Notification => {
                let open = notification::store::open_file;
                notification::build(notification, runtime, broker, open).await?
            }
            Service::Gateway => gateway::build(gateway, runtime).await?,
        })
    }

    fn shutdown(&self, service: Service) -> LifecycleSettings {
        match service {
            Service::User => self.settings.user.shutdown,
            Service::Product => self.settings.product.shutdown,
            Service::Order => self.settings.order.shutdown,
            Service::Notification => self.settings.notification.shutdown,
            Service::Gateway => self.settings.gateway.shutdown,
        }
    }

    /// Tells the others where the service is, and keeps its ports for its next start.
    fn remember(&mut self, service: Service, answering: &Answering) {
        let settings = &mut self.settings;
        let http = match service {
            Service::User => &mut settings.user.http,
            Service::Product => &mut settings.product.http,
            Service::Order => &mut settings.order.http,
            Service::Notification => &mut settings.notification.http,
            Service::Gateway => &mut settings.gateway.http,
        };
        http.port = answering.address.port();
        http.admin_port = answering.admin_address.port();
        if let Some(upstream) = settings.gateway.upstreams.get_mut(service.name()) {
            upstream.url = format!("http://{}", reachable(answering.address));
            upstream.admin_url = format!("http://{}", reachable(answering.admin_address));
        }
        if service == Service::User {
            settings.order.user_service.url = format!("http://{}", reachable(answering.address));
        }
    }
}

/// The address by which this machine reaches a socket that listens at `address`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}
