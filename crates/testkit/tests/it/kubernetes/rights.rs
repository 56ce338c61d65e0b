//! Rights, quotas and the standards of pods.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::{Api, template};

#[tokio::test]
async fn a_service_account_may_do_what_it_is_allowed_and_nothing_else() {
    let api = Api::shared().await;
    let allowed = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"] });
    let role = json!({ "metadata": { "name": "reader" }, "rules": [allowed] });
    let rights = "rbac.authorization.k8s.io/v1";
    api.create(&api.path(rights, "roles"), role).await;
    let binding = json!({
        "metadata": { "name": "reader" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
        "subjects": [{ "kind": "ServiceAccount", "name": "default" }],
    });
    api.create(&api.path(rights, "rolebindings"), binding).await;
    let request = api
        .create(
            &api.path("v1", "serviceaccounts/default/token"),
            json!({ "spec": {} }),
        )
        .await;
    let token = request["status"]["token"].as_str().unwrap();
    let reader = api.with_token(token.to_owned());
    reader
        .until(
            "the binding to be known",
            &api.path("v1", "configmaps"),
            |_| true,
        )
        .await;
    let (status, refusal) = reader.read(&api.path("v1", "secrets")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refusal:#}");
}

#[tokio::test]
async fn a_namespace_refuses_pods_below_its_standard_and_beyond_its_quota() {
    let api = Api::shared().await;
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    let namespace = format!("/api/v1/namespaces/{}", api.namespace);
    api.patch(&namespace, json!({ "metadata": { "labels": labels } }))
        .await;
    let quota = json!({ "metadata": { "name": "none" }, "spec": { "hard": { "pods": "0" } } });
    api.create(&api.path("v1", "resourcequotas"), quota).await;
    let none = api.path("v1", "resourcequotas/none");
    api.until("the quota to be counted", &none, |quota| {
        quota["status"]["used"]["pods"] == "0"
    })
    .await;

    let mut pod = template("shop:1", "Always");
    pod["metadata"] = json!({ "name": "pod" });
    let refused = message(&api, &pod).await;
    assert!(
        refused.contains("violates PodSecurity \"restricted:latest\""),
        "{refused}"
    );

    pod["spec"]["securityContext"] =
        json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    pod["spec"]["containers"][0]["securityContext"] =
        json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
    let refused = message(&api, &pod).await;
    assert!(
        refused.contains("exceeded quota: none, requested: pods=1"),
        "{refused}"
    );
}

async fn message(api: &Api, pod: &Value) -> String {
    let (status, refusal) = api
        .try_to_create(&api.path("v1", "pods"), pod.clone())
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refusal:#}");
    refusal["message"].as_str().unwrap().to_owned()
}
