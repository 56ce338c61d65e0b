//! Network policies block: who has no business with a server does not reach it.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::{Value, json};
use testkit::wait;

use crate::cluster::{PATIENCE, Space};
use crate::platform::Platform;

/// Any image with bash, which opens TCP connections by itself; this one is in the cluster.
const IMAGE: &str = "postgres:17";

/// A pod that tries each address and tells what came of it, in the words in which it is expected. What is to be closed is tried for
/// three seconds. What is to be open is tried again for half a minute: a lost question for its name alone costs five seconds.
fn prober(name: &str, labels: &Value, expected: &[&str]) -> Pod {
    let tries = "for expected in \"$@\"; do \
         address=${expected% *} is=open patience=3 end=$SECONDS; \
         if [ \"$expected\" = \"$address open\" ]; then patience=10 end=$((SECONDS + 30)); fi; \
         until timeout $patience bash -c \"exec 3<>/dev/tcp/$address\" 2>/dev/null; do \
         if [ $SECONDS -ge $end ]; then is=closed; break; fi; \
         sleep 0.5; \
         done; \
         echo \"$address $is\"; \
         done";
    let arguments: Vec<&str> = ["bash", "-c", tries, "prober"]
        .into_iter()
        .chain(expected.iter().copied())
        .collect();
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "prober", "image": IMAGE, "command": arguments,
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    }))
    .expect("a pod")
}

async fn probe(space: &Space, pod: &Pod) -> Result<Vec<String>> {
    let pods = space.all::<Pod>();
    let name = pod.metadata.name.as_deref().context("no name")?;
    pods.create(&PostParams::default(), pod).await?;
    wait::until_within(PATIENCE, "the prober to end", || async {
        let phase = pods.get(name).await?.status.and_then(|status| status.phase);
        match phase.as_deref() {
            Some("Succeeded") => Ok(Some(())),
            Some("Failed") => bail!(
                "the prober failed: {}",
                pods.logs(name, &kube::api::LogParams::default()).await?
            ),
            _ => Ok(None),
        }
    })
    .await?;
    let told = pods.logs(name, &kube::api::LogParams::default()).await?;
    Ok(told.lines().map(ToOwned::to_owned).collect())
}

/// The tests' namespaces take restricted pods only, so all pods of all these platforms are.
async fn expect_only_restricted_pods(space: &Space) {
    let mut pod = prober("not-restricted", &json!({}), &[]);
    let containers = pod.spec.iter_mut().flat_map(|spec| &mut spec.containers);
    containers.for_each(|container| container.security_context = None);
    let refused = space
        .all::<Pod>()
        .create(&PostParams::default(), &pod)
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("violates PodSecurity \"restricted:latest\"")
            && refused.contains("allowPrivilegeEscalation != false"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_have_business_with_a_server_reach_it() {
    let shop = Platform::new("network", &json!({})).await.unwrap();
    expect_only_restricted_pods(&shop.space).await;
    let expected = [
        "demo-gateway/3000 open",
        "demo-order/3003 closed",
        "demo-mongodb/27017 closed",
        "demo-postgres/5432 closed",
        "demo-rabbitmq/5672 closed",
    ];
    let stranger = prober("stranger", &json!({}), &expected);
    assert_eq!(probe(&shop.space, &stranger).await.unwrap(), expected);

    // With the order service's labels, as its policies see it, though it is not it.
    let order = json!({
        "app.kubernetes.io/instance": "demo",
        "app.kubernetes.io/name": "order",
        "shopplatform.io/platform": "demo",
    });
    let expected = [
        "demo-gateway/3000 closed",
        "demo-order/3003 closed",
        "demo-mongodb/27017 closed",
        "demo-postgres/5432 open",
        "demo-rabbitmq/5672 open",
    ];
    let order = prober("as-order", &order, &expected);
    assert_eq!(probe(&shop.space, &order).await.unwrap(), expected);
    shop.space.remove().await.unwrap();
}
