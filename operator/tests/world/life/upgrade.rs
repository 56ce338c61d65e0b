//! Another operator, which builds platforms in another way.

use operator::child::Kind;
use operator::resource::Phase;
use operator::validate::Defaults;
use serde_json::{Value, json};
use testkit::kubernetes::ControlPlane;
use testkit::wait;

use super::{defaults, image};
use crate::harness::{Operator, PATIENCE, World, condition};
use crate::{access, cluster};

const PLATFORMS: [&str; 3] = ["one", "two", "three"];

fn is_new(deployment: &Value) -> bool {
    image(deployment).starts_with("new/")
}

#[tokio::test]
async fn after_an_upgrade_of_the_operator_platforms_are_rolled_out_one_at_a_time_and_new_specs_at_once()
 {
    let plane = ControlPlane::start_with(&cluster::options()).await.unwrap();
    let world = World::at(access::config_of(plane.access()).await).await;
    let before = Operator::start_knowing(defaults(), &world);
    for name in PLATFORMS {
        world.apply(name, &json!({})).await;
    }
    for name in PLATFORMS {
        world.until_good(name).await;
    }
    before.stop().await;

    // Nothing is rolled out while the controllers of Kubernetes stand still: who has the turn keeps it.
    plane.controller_manager().pause().await.unwrap();
    let other = Defaults {
        registry: "new".to_owned(),
        ..defaults()
    };
    let after = Operator::start_knowing(other, &world);
    let waiting = wait::until_within(PATIENCE, "two of three to wait", || async {
        let waiting = waiting(&world).await?;
        Ok((waiting.len() == 2).then_some(waiting))
    })
    .await
    .unwrap();
    for name in &waiting {
        let deployment = format!("{name}-user");
        assert!(!is_new(&world.get(Kind::Deployment, &deployment).await));
        let status = world.until_phase(name, Phase::Ready).await;
        let (progressing, _, message) = condition(&status, "Progressing");
        assert_eq!(progressing, "True");
        assert!(message.contains(&world.namespace), "{message}");
    }

    // A spec that is new waits for nobody. Its Jobs cannot run now, but they are there.
    let [changed, ..] = waiting.as_slice() else {
        panic!("{waiting:?}");
    };
    world
        .apply(changed, &json!({"services": {"user": {"replicas": 2}}}))
        .await;
    world
        .until(changed, "the new spec to be begun", |status| {
            condition(status, "Progressing").1 != "WaitingForTurn"
        })
        .await;

    plane.controller_manager().resume().await.unwrap();
    for name in PLATFORMS {
        for service in ["user", "gateway"] {
            let deployment = format!("{name}-{service}");
            world
                .until_is(Kind::Deployment, &deployment, "the new image", is_new)
                .await;
        }
        world.until_good(name).await;
    }
    after.stop().await;
    plane.remove().await.unwrap();
}

/// Platforms that wait for their turn.
async fn waiting(world: &World) -> anyhow::Result<Vec<String>> {
    let platforms = world.platforms();
    let mut waiting = Vec::new();
    for name in PLATFORMS {
        let status = platforms.get(name).await?.status.unwrap_or_default();
        if condition(&status, "Progressing").1 == "WaitingForTurn" {
            waiting.push(name.to_owned());
        }
    }
    Ok(waiting)
}
