//! The status of a platform is written.

use kube::Resource as _;
use kube::api::{Api, Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::json;

use super::Context;
use crate::observed::PlatformKey;
use crate::resource::{ShopPlatform, ShopPlatformStatus};

/// Whether it is written: a platform may be gone in the meantime. One of the same name that was made anew is another one, which a
/// conflict tells.
pub(super) async fn write_status(
    key: &PlatformKey,
    uid: &str,
    status: &ShopPlatformStatus,
    context: &Context,
) -> Result<bool, kube::Error> {
    let api = Api::<DynamicObject>::namespaced_with(
        context.client.clone(),
        &key.namespace,
        &kube::core::ApiResource::erase::<ShopPlatform>(&()),
    );
    let patch = json!({
        "apiVersion": ShopPlatform::api_version(&()),
        "kind": ShopPlatform::kind(&()),
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
        "status": status,
    });
    let parameters = PatchParams::apply(crate::names::FIELD_MANAGER).force();
    match api
        .patch_status(&key.name, &parameters, &Patch::Apply(&patch))
        .await
    {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        other => other.map(|_| true),
    }
}
