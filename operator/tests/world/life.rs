//! What becomes of a running platform over time: releases and roll-backs, the order of rollouts, autoscalers, disks that grow,
//! upgrades of the operator.

mod asleep;
mod disks;
mod order;
mod reached;
mod roll_back;
mod scale;
mod troubles;
mod unwanted;
mod upgrade;

use std::ops::Deref;

use operator::validate::Defaults;
use serde_json::Value;

use crate::harness::{Operator, World};

/// How long a rollout may make no progress: enough for a played pod on a busy machine.
const PROGRESS_DEADLINE_S: i32 = 20;

/// What the operator of these tests knows.
fn defaults() -> Defaults {
    Defaults {
        progress_deadline_s: PROGRESS_DEADLINE_S,
        ..Defaults::new(None)
    }
}

/// A world with an operator in it that is patient for seconds only.
struct Tended {
    world: World,
    operator: Operator,
}

impl Tended {
    async fn new() -> Self {
        let world = World::new().await;
        let operator = Operator::start_knowing(defaults(), &world);
        Self { world, operator }
    }

    async fn delete(self) {
        self.operator.stop().await;
        self.world.delete().await;
    }
}

impl Deref for Tended {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// The image of a Deployment.
fn image(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap()
}
