//! What this operator knows: its version, and the images that it runs if nothing else is said.

use super::Version;

/// The oldest services that this operator can run.
const OLDEST: Version = Version {
    major: 0,
    minor: 1,
    patch: 0,
};

/// How long a rollout may make no progress if nothing else is said, in seconds. A start may take two minutes (`build`'s probe of
/// it), and pulling an image before it as much again.
pub const PROGRESS_DEADLINE_S: i32 = 300;

/// What this operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The newest services that it can run, and those that it runs if nothing else is said: of its own version.
    pub newest: Version,
    /// The oldest services that it can run.
    pub oldest: Version,
    /// Registry and folder of our images.
    pub registry: String,
    /// The image of MongoDB.
    pub mongodb_image: String,
    /// The image of PostgreSQL.
    pub postgres_image: String,
    /// The image of RabbitMQ, with its management plug-in.
    pub rabbitmq_image: String,
    /// How long a rollout may make no progress until it counts as failed, in seconds.
    pub progress_deadline_s: i32,
}

impl Defaults {
    /// Of this build.
    #[must_use]
    pub fn new(registry: Option<String>) -> Self {
        Self {
            newest: env!("CARGO_PKG_VERSION").parse().unwrap_or(OLDEST),
            oldest: OLDEST,
            registry: registry.unwrap_or_else(|| "ghcr.io/shop-platform".to_owned()),
            mongodb_image: "mongo:7.0".to_owned(),
            postgres_image: "postgres:17".to_owned(),
            rabbitmq_image: "rabbitmq:4.0-management".to_owned(),
            progress_deadline_s: PROGRESS_DEADLINE_S,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_runs_services_of_its_own_version() {
        assert_eq!(
            Defaults::new(None).newest.to_string(),
            env!("CARGO_PKG_VERSION")
        );
    }
}
