//! Releases that are kept to go back to: if somebody deletes the last good one, it is kept again.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::core::ApiResource;
use kube::{Client, ResourceExt as _};

use super::super::Context;
use super::{News, config, reduced, watch_metadata};
use crate::names::RELEASE_LABEL;
use crate::observed::platform_of;

pub(super) fn releases(client: &Client, context: &Arc<Context>) -> BoxStream<'static, News> {
    let resource = ApiResource::erase::<ControllerRevision>(&());
    let config = config().labels(RELEASE_LABEL);
    let events = watch_metadata(client, context, &resource, config);
    let (put, remove, retain) = (
        Arc::clone(context),
        Arc::clone(context),
        Arc::clone(context),
    );
    reduced(
        events,
        "releases",
        // Who kept it knows.
        move |release| {
            let platform = platform_of(&release.metadata)?;
            put.cluster.put_release(platform, release.name_any());
            None
        },
        |_| None,
        move |release| {
            let platform = platform_of(&release.metadata)?;
            let name = release.name_any();
            remove.cluster.remove_release(&platform, &name)
        },
        move |seen| retain.cluster.retain_releases(seen),
    )
}
