//! One server of each kind.

use anyhow::{Context, Result, ensure};

use super::Set;
use crate::servers::{Mongo, Postgres, Rabbit};

/// Names a PostgreSQL and its super-user.
pub const POSTGRES: &str = "TEST_POSTGRES_URL";
/// Names a MongoDB replica set and its administrator.
pub const MONGODB: &str = "TEST_MONGODB_URL";
/// Names a RabbitMQ and its administrator.
pub const AMQP: &str = "TEST_AMQP_URL";
/// Names the management API of that RabbitMQ, with the administrator, without `/api`.
pub const RABBITMQ_API: &str = "TEST_RABBITMQ_API_URL";

/// What was started, and where everything is.
pub(super) struct Servers {
    postgres: Option<Postgres>,
    mongo: Option<Mongo>,
    rabbit: Option<Rabbit>,
    variables: Vec<(&'static str, String)>,
}

impl Servers {
    /// Starts what the environment does not name, all at the same time.
    pub(super) async fn start() -> Result<Self> {
        let named = |name| std::env::var(name).is_ok_and(|url| !url.is_empty());
        ensure!(
            named(AMQP) == named(RABBITMQ_API),
            "{AMQP} and {RABBITMQ_API} name the same server: set both or neither"
        );
        let (postgres, mongo, rabbit) = tokio::try_join!(
            unless(named(POSTGRES), Postgres::start()),
            unless(named(MONGODB), Mongo::start()),
            unless(named(AMQP), Rabbit::start()),
        )?;
        let mut variables = Vec::new();
        variables.extend(postgres.iter().map(|server| (POSTGRES, server.url())));
        variables.extend(mongo.iter().map(|server| (MONGODB, server.url())));
        variables.extend(rabbit.iter().map(|server| (AMQP, server.url())));
        variables.extend(rabbit.iter().map(|server| (RABBITMQ_API, server.api_url())));
        Ok(Self {
            postgres,
            mongo,
            rabbit,
            variables,
        })
    }
}

impl Set for Servers {
    fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    async fn remove(self) -> Result<()> {
        if let Some(server) = self.postgres {
            server.remove().await.context("PostgreSQL")?;
        }
        if let Some(server) = self.mongo {
            server.remove().await.context("MongoDB")?;
        }
        if let Some(server) = self.rabbit {
            server.remove().await.context("RabbitMQ")?;
        }
        Ok(())
    }
}

async fn unless<T>(named: bool, start: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    if named {
        Ok(None)
    } else {
        start.await.map(Some)
    }
}
