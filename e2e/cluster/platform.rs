//! A platform in a cluster: how it is asked for, how it stands, what its people and stores see.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams};
use operator::resource::{Phase, ShopPlatform, ShopPlatformStatus};
use serde_json::{Value, json};
use testkit::checker::{Snapshot, StoreUrls, Stores, Tap};
use testkit::front::Front;
use testkit::wait;

use crate::cluster::{PATIENCE, Space};

/// Its name in every test.
pub const NAME: &str = "demo";

/// The five services.
pub const SERVICES: [&str; 5] = ["user", "product", "order", "notification", "gateway"];

/// A platform that was asked for.
pub struct Platform {
    pub space: Space,
    address: String,
    admin_password: String,
    stores: Stores,
}

/// Asks for a platform, and returns at once.
pub async fn ask_for(space: &Space, spec: &Value) -> Result<()> {
    let manifest = json!({
        "apiVersion": "shopplatform.io/v1alpha1",
        "kind": "ShopPlatform",
        "metadata": {"name": NAME},
        "spec": spec,
    });
    let parameters = PatchParams::apply("e2e").force();
    let platforms = space.all::<ShopPlatform>();
    platforms
        .patch(NAME, &parameters, &Patch::Apply(&manifest))
        .await?;
    Ok(())
}

/// How it stands.
pub async fn status(space: &Space) -> Result<ShopPlatformStatus> {
    let platform = space.all::<ShopPlatform>().get(NAME).await?;
    Ok(platform.status.unwrap_or_default())
}

/// Waits until it is, at its newest generation, as told; a failure says how it stands.
pub async fn until(
    space: &Space,
    what: &str,
    is_so: impl Fn(&ShopPlatformStatus) -> bool,
) -> Result<ShopPlatformStatus> {
    let begun = Instant::now();
    loop {
        let platform = space.all::<ShopPlatform>().get(NAME).await?;
        let status = platform.status.unwrap_or_default();
        let is_newest = Some(status.observed_generation) == platform.metadata.generation;
        if is_newest && is_so(&status) {
            return Ok(status);
        }
        if begun.elapsed() > PATIENCE {
            bail!("waited in vain for the platform to be {what}: {status:#?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub async fn until_ready(space: &Space) -> Result<ShopPlatformStatus> {
    until(space, "ready", |status| status.phase == Phase::Ready).await
}

/// Where the platform says that it is reached, for whom the cluster's DNS does not answer.
async fn gateway(space: &Space) -> Result<String> {
    let endpoint = status(space).await?.endpoint;
    let endpoint = endpoint.context("the platform does not say where it is reached")?;
    let inside = format!("http://demo-gateway.{}.svc", space.namespace);
    let port = endpoint.strip_prefix(&inside);
    let port = port.with_context(|| format!("{endpoint} is not at {inside}"))?;
    Ok(format!("{}{port}", space.address_of("demo-gateway").await?))
}

impl Platform {
    /// A new one that is ready.
    pub async fn new(prefix: &str, spec: &Value) -> Result<Self> {
        let space = Space::new(prefix).await?;
        ask_for(&space, spec).await?;
        until_ready(&space).await?;
        Self::of(space).await
    }

    /// One that is ready.
    pub async fn of(space: Space) -> Result<Self> {
        let urls = urls(&space).await?;
        let stores = Stores::at(&urls).await?;
        Self::with_stores(space, stores, &urls.broker).await
    }

    /// One that is ready and has these stores and this broker.
    pub async fn with_stores(space: Space, stores: Stores, broker: &str) -> Result<Self> {
        let address = gateway(&space).await?;
        let admin_password = secret(&space, "demo-administrator", "password").await?;
        let tap = Tap::open(broker).await?;
        tap.told_before(&stores.snapshot().await?);
        let stores = stores.tapped(tap);
        let platform = Self {
            space,
            address,
            admin_password,
            stores,
        };
        platform.until_all_services_answer().await?;
        Ok(platform)
    }

    /// Nodes learn a moment later than the API server, and than the operator, which pods are behind a Service.
    pub async fn until_all_services_answer(&self) -> Result<()> {
        let paths = [
            "/api/v1/products",
            "/api/v1/me",
            "/api/v1/orders",
            "/api/v1/me/notifications",
        ];
        wait::until("all services to answer", || async {
            let Ok(admin) = self.front().admin().await else {
                return Ok(None);
            };
            for path in paths {
                if !admin.get(path).await.is_ok_and(|reply| reply.status == 200) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    /// What people see of it.
    pub fn front(&self) -> Front<'_> {
        Front {
            address: self.address.clone(),
            admin_email: "admin@shop.example".to_owned(),
            admin_password: self.admin_password.clone(),
            stores: &self.stores,
        }
    }

    /// Asks for something else, and waits until the operator has carried it out.
    pub async fn carry_out(&self, spec: &Value) -> Result<()> {
        ask_for(&self.space, spec).await?;
        until_ready(&self.space).await?;
        Ok(())
    }

    /// The same, and waits until customers are served so.
    pub async fn change(&self, spec: &Value) -> Result<()> {
        self.carry_out(spec).await?;
        self.until_all_services_answer().await
    }

    /// Waits until nothing moves any more; then all invariants hold.
    pub async fn quiescent(&self) -> Result<Snapshot> {
        self.stores.quiescent().await
    }

    /// Deletes the platform, not its namespace; waits until no pod is left.
    pub async fn delete(&self) -> Result<()> {
        let platforms = self.space.all::<ShopPlatform>();
        platforms.delete(NAME, &DeleteParams::default()).await?;
        wait::until_within(PATIENCE, "all pods to be gone", || async {
            let pods = self
                .space
                .names::<k8s_openapi::api::core::v1::Pod>("shopplatform.io/platform=demo")
                .await?;
            Ok(pods.is_empty().then_some(()))
        })
        .await
    }
}

/// A text in a Secret.
pub async fn secret(space: &Space, name: &str, key: &str) -> Result<String> {
    let secret = space.all::<Secret>().get(name).await?;
    let data = secret.data.unwrap_or_default();
    let value = data
        .get(key)
        .with_context(|| format!("{name} has no {key}"))?;
    Ok(String::from_utf8(value.0.clone())?)
}

/// Where its stores are, as their root users. Services have the same address for as long as they are there.
pub async fn urls(space: &Space) -> Result<StoreUrls> {
    let password =
        async |server: &str| secret(space, &format!("demo-{server}-root"), "password").await;
    let (mongodb, postgres, rabbitmq) = (
        space.address_of("demo-mongodb").await?,
        space.address_of("demo-postgres").await?,
        space.address_of("demo-rabbitmq").await?,
    );
    let mongo = password("mongodb").await?;
    let mongo = |database: &str| {
        format!(
            "mongodb://root:{mongo}@{mongodb}:27017/{database}?authSource=admin&directConnection=true"
        )
    };
    let sql = password("postgres").await?;
    let sql = |database: &str| format!("postgres://postgres:{sql}@{postgres}:5432/{database}");
    let rabbit = password("rabbitmq").await?;
    Ok(StoreUrls {
        user: mongo("user"),
        product: mongo("product"),
        order: sql("order"),
        notification: sql("notification"),
        broker: format!("amqp://root:{rabbit}@{rabbitmq}:5672/shop"),
    })
}
