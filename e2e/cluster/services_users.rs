//! Services' users on the managed servers.

use anyhow::{Context as _, Result, ensure};
use testkit::checker::{StoreUrls, Stores};

use crate::platform::{Platform, secret, urls};

/// The users of one generation of credentials.
pub struct ServicesUsers {
    /// The stores, each as the user of its service; the broker as its root.
    as_services: StoreUrls,
    /// The same as root.
    as_root: StoreUrls,
}

impl ServicesUsers {
    pub async fn of_generation(shop: &Platform, generation: u32) -> Result<Self> {
        let as_root = urls(&shop.space).await?;
        let suffix = if generation % 2 == 1 { 'a' } else { 'b' };
        let of = async |service: &str, url: &str| {
            let name = format!("demo-{service}-credentials-{generation}");
            let password = secret(&shop.space, &name, "store-password").await?;
            let (scheme, rest) = url.split_once("://").context("no scheme")?;
            let (_, server) = rest.split_once('@').context("no login")?;
            // MongoDB's users are known in the database of their service.
            let server = server.replace("authSource=admin", &format!("authSource={service}"));
            anyhow::Ok(format!("{scheme}://{service}_{suffix}:{password}@{server}"))
        };
        Ok(Self {
            as_services: StoreUrls {
                user: of("user", &as_root.user).await?,
                product: of("product", &as_root.product).await?,
                order: of("order", &as_root.order).await?,
                notification: of("notification", &as_root.notification).await?,
                broker: as_root.broker.clone(),
            },
            as_root,
        })
    }

    /// Each reads its store.
    pub async fn all_are_let_in(&self) -> Result<()> {
        Stores::at(&self.as_services).await?.snapshot().await?;
        Ok(())
    }

    /// Each is refused by the server of its store.
    pub async fn none_is_let_in(&self) -> Result<()> {
        let (root, service) = (&self.as_root, &self.as_services);
        let one_as_service = [
            (
                "user",
                StoreUrls {
                    user: service.user.clone(),
                    ..root.clone()
                },
            ),
            (
                "product",
                StoreUrls {
                    product: service.product.clone(),
                    ..root.clone()
                },
            ),
            (
                "order",
                StoreUrls {
                    order: service.order.clone(),
                    ..root.clone()
                },
            ),
            (
                "notification",
                StoreUrls {
                    notification: service.notification.clone(),
                    ..root.clone()
                },
            ),
        ];
        for (service, urls) in one_as_service {
            let read = Stores::at(&urls).await?.snapshot().await;
            let refused = read.err().map(|error| format!("{error:#}"));
            let refused =
                refused.with_context(|| format!("{service} signs in with the password before"))?;
            let of_store = format!("the store of {service}");
            ensure!(refused.contains(&of_store), "not refused, but: {refused}");
            eprintln!("refused: {refused}");
        }
        Ok(())
    }
}
