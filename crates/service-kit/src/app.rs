//! A built service: its routes and its sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use contracts::Clock;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;

use crate::health::Health;
use crate::lifecycle::{Abandoned, Lifecycle};
use crate::metrics_page::Metrics;
use crate::server::{BindError, HttpService, HttpSettings, bind, serve};

/// How long closing one store may take: less than the orchestrator waits after the grace period.
const CLOSING: Duration = Duration::from_secs(5);

/// What `build` is given besides settings.
#[derive(Clone)]
pub struct Runtime {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The service's life.
    pub lifecycle: Lifecycle,
    /// The process's metrics.
    pub metrics: Metrics,
}

/// The admin port of a service that is still being built: it says that the service lives, and why it is not ready yet.
pub struct Admin {
    address: SocketAddr,
    settings: Arc<HttpSettings>,
    health: Health,
}

impl Admin {
    /// Takes the admin port and answers there at once.
    pub async fn start(
        runtime: &Runtime,
        settings: &HttpSettings,
        health: &Health,
    ) -> Result<Self, BindError> {
        let settings = Arc::new(settings.clone());
        health.set_building(true);
        let (address, server) = admin_server(runtime, &settings, health).await?;
        runtime.lifecycle.spawn("admin-server", server);
        Ok(Self {
            address,
            settings,
            health: health.clone(),
        })
    }

    /// There will be no port of the service itself: what it does is begun.
    pub fn without_service(self) {
        self.health.set_building(false);
    }

    /// Takes the port of the service itself and puts the router behind it: it is built.
    pub async fn bind(self, runtime: &Runtime, router: Router) -> Result<App, BindError> {
        let (address, service) = main_server(runtime, &self.settings, router).await?;
        self.health.set_building(false);
        Ok(App {
            lifecycle: runtime.lifecycle.clone(),
            metrics: runtime.metrics.clone(),
            settings: self.settings,
            address,
            admin_address: self.address,
            service,
            admin: None,
            closing: Vec::new(),
        })
    }
}

/// A service that listens, and answers once it runs.
pub struct App {
    lifecycle: Lifecycle,
    metrics: Metrics,
    settings: Arc<HttpSettings>,
    address: SocketAddr,
    admin_address: SocketAddr,
    service: BoxFuture<'static, ()>,
    /// None if it answers already.
    admin: Option<BoxFuture<'static, ()>>,
    closing: Vec<BoxFuture<'static, ()>>,
}

impl App {
    /// Takes the ports and puts the router behind them.
    pub async fn bind(
        runtime: &Runtime,
        settings: &HttpSettings,
        router: Router,
        health: &Health,
    ) -> Result<Self, BindError> {
        Self::bind_service(runtime, settings, router, health).await
    }

    /// Takes the ports and puts any service behind them: for one that forwards and needs no router.
    pub async fn bind_service<S: HttpService>(
        runtime: &Runtime,
        settings: &HttpSettings,
        service: S,
        health: &Health,
    ) -> Result<Self, BindError> {
        let settings = Arc::new(settings.clone());
        let (address, service) = main_server(runtime, &settings, service).await?;
        Self::with_server(runtime, &settings, address, service, health).await
    }

    /// For a service that has its own server: takes the admin port only.
    pub async fn with_server(
        runtime: &Runtime,
        settings: &Arc<HttpSettings>,
        address: SocketAddr,
        service: BoxFuture<'static, ()>,
        health: &Health,
    ) -> Result<Self, BindError> {
        let (admin_address, admin) = admin_server(runtime, settings, health).await?;
        Ok(Self {
            lifecycle: runtime.lifecycle.clone(),
            metrics: runtime.metrics.clone(),
            settings: Arc::clone(settings),
            address,
            admin_address,
            service,
            admin: Some(admin),
            closing: Vec::new(),
        })
    }

    /// Adds what is done last, after all tasks have ended: closing a store.
    #[must_use]
    pub fn closing(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.closing.push(Box::pin(work));
        self
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.lifecycle.name()
    }

    /// Where requests are answered.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The settings it was bound with.
    #[must_use]
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// Begins to answer. The sockets took connections since they were bound, so nobody was refused meanwhile.
    #[must_use = "dropping it leaves the service without an orderly end"]
    pub fn start(self) -> Running {
        self.lifecycle.spawn("server", self.service);
        if let Some(admin) = self.admin {
            self.lifecycle.spawn("admin-server", admin);
        }
        let upkeep = self.metrics.keep_up(self.lifecycle.token());
        self.lifecycle.spawn("metrics-upkeep", upkeep);
        Running {
            lifecycle: self.lifecycle,
            closing: self.closing,
        }
    }
}

/// A service that answers.
pub struct Running {
    lifecycle: Lifecycle,
    closing: Vec<BoxFuture<'static, ()>>,
}

impl Running {
    /// Ends the service in its phases, then closes what it holds.
    pub async fn stop(self) -> Result<(), Abandoned> {
        let result = self.lifecycle.shut_down().await;
        for work in self.closing {
            if tokio::time::timeout(CLOSING, work).await.is_err() {
                tracing::error!(
                    service = self.lifecycle.name(),
                    "a store could not be closed in time"
                );
            }
        }
        result
    }
}

type Server = BoxFuture<'static, ()>;

async fn main_server<S: HttpService>(
    runtime: &Runtime,
    settings: &Arc<HttpSettings>,
    service: S,
) -> Result<(SocketAddr, Server), BindError> {
    let lifecycle = runtime.lifecycle.clone();
    let name = lifecycle.name();
    let setting = format!("SHOP__{}__HTTP__PORT", name.to_uppercase());
    let listener = bind(name, settings.host, settings.port, &setting).await?;
    let address = local_address(name, &listener)?;
    let server = serve(listener, service, lifecycle, Arc::clone(settings));
    Ok((address, Box::pin(server)))
}

async fn admin_server(
    runtime: &Runtime,
    settings: &Arc<HttpSettings>,
    health: &Health,
) -> Result<(SocketAddr, Server), BindError> {
    let lifecycle = runtime.lifecycle.clone();
    let name = lifecycle.name();
    let setting = format!("SHOP__{}__HTTP__ADMIN_PORT", name.to_uppercase());
    let listener = bind(name, settings.admin_host, settings.admin_port, &setting).await?;
    let address = local_address(name, &listener)?;
    let router = health.admin_router(runtime.metrics.clone());
    let server = serve(listener, router, lifecycle, Arc::clone(settings));
    Ok((address, Box::pin(server)))
}

fn local_address(service: &'static str, listener: &TcpListener) -> Result<SocketAddr, BindError> {
    listener.local_addr().map_err(|source| BindError::Other {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        service,
        source,
    })
}
