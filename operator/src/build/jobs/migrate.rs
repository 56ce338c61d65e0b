//! Brings a service's store up to the version of its image, which does that itself.

use k8s_openapi::api::core::v1::Container;
use serde_json::json;

use super::{WAIT_SECONDS, Work, job};
use crate::build::addresses::migration;
use crate::build::{access, pod, settings};
use crate::child::{Child, Unwritable};
use crate::platform::{Platform, Role, Workload};
use crate::resource::Need;

/// The Job of a workload; none if it has no store.
pub(super) fn build(platform: &Platform, workload: &Workload) -> Result<Option<Child>, Unwritable> {
    let stores: Vec<_> = workload
        .needs()
        .into_iter()
        .filter(|need| *need != Need::Rabbitmq)
        .collect();
    if stores.is_empty() {
        return Ok(None);
    }
    let environment = settings::for_migration(platform, workload);
    let mut mounts: Vec<_> = environment.mount().into_iter().collect();
    let mut volumes: Vec<_> = environment.volume().into_iter().collect();
    if matches!(workload.role, Role::Extra(_)) {
        let (volume, mount) = pod::scratch("tmp", "/tmp");
        volumes.push(volume);
        mounts.push(mount);
    }
    let variables = environment.all_variables();
    let container = Container {
        name: "migrate".to_owned(),
        image: Some(workload.image.0.clone()),
        args: Some(
            ["migrate", "--wait", WAIT_SECONDS]
                .map(str::to_owned)
                .to_vec(),
        ),
        env: (!variables.is_empty()).then_some(variables),
        resources: Some(pod::resources(&workload.resources)),
        volume_mounts: (!mounts.is_empty()).then_some(mounts),
        ..Container::default()
    };
    // People may put another server behind the same name.
    let content = stores
        .into_iter()
        .filter_map(|need| access::external(platform, need))
        .map(|external| external.content_hash.as_str());
    let work = Work {
        component: migration(workload),
        account: Some(platform.owner.child(workload.component.as_str())),
        container,
        volumes,
        content: json!(content.collect::<Vec<_>>()),
    };
    job(platform, work).map(Some)
}
