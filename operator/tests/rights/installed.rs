//! What people apply to have the operator: `config/`.

use kube::Api;
use kube::core::DynamicObject;
use operator::child::Kind;
use operator::rights;
use testkit::wait;

use crate::access::path;
use crate::manifests;
use crate::plane::Plane;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_own_pods_start_where_only_restricted_ones_may() {
    let plane = Plane::new().await;
    for file in ["namespace", "operator", "rbac"] {
        let file = path("config").join(file).with_extension("yaml");
        manifests::apply(&plane.client, &file, None).await;
    }
    let deployments: Api<DynamicObject> = Api::namespaced_with(
        plane.client.clone(),
        rights::NAMESPACE,
        &Kind::Deployment.api_resource(),
    );
    wait::until("both pods to be ready", || async {
        let deployment = deployments.get(rights::NAME).await?;
        Ok((deployment.data["status"]["readyReplicas"] == 2).then_some(()))
    })
    .await
    .unwrap();
}
