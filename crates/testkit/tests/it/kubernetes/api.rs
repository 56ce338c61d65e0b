//! A client for what these tests do.

use std::path::PathBuf;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::kubernetes::{Access, ControlPlaneOptions, shared};
use testkit::wait;

/// An API server, and a namespace in it that is this test's own.
pub(super) struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
    pub(super) namespace: String,
}

impl Api {
    /// The control plane of this process.
    pub(super) async fn shared() -> Self {
        let options = ControlPlaneOptions {
            manifests: vec![manifest("widgets.yaml")],
            ..Default::default()
        };
        Self::of(shared(&options).await.unwrap()).await
    }

    pub(super) async fn of(access: &Access) -> Self {
        let authority = reqwest::Certificate::from_pem(access.authority.as_bytes()).unwrap();
        let api = Self {
            http: reqwest::Client::builder()
                .tls_certs_only([authority])
                .build()
                .unwrap(),
            url: access.url.clone(),
            token: access.token.clone(),
            namespace: format!("test-{:08x}", rand::random::<u32>()),
        };
        let namespace = json!({ "metadata": { "name": api.namespace } });
        api.create("/api/v1/namespaces", namespace).await;
        api.until(
            "the namespace to have its service account",
            &api.path("v1", "serviceaccounts/default"),
            |_| true,
        )
        .await;
        api
    }

    /// Somebody else with the same client.
    pub(super) fn with_token(&self, token: String) -> Self {
        Self {
            http: self.http.clone(),
            url: self.url.clone(),
            token,
            namespace: self.namespace.clone(),
        }
    }

    /// A path in this test's namespace, such as `apps/v1` and `deployments/web`.
    pub(super) fn path(&self, api: &str, rest: &str) -> String {
        let root = if api == "v1" { "api" } else { "apis" };
        format!("/{root}/{api}/namespaces/{}/{rest}", self.namespace)
    }

    pub(super) async fn create(&self, path: &str, object: Value) -> Value {
        let (status, answer) = self.try_to_create(path, object).await;
        assert_eq!(status, StatusCode::CREATED, "{answer:#}");
        answer
    }

    /// What was made, or the refusal.
    pub(super) async fn try_to_create(&self, path: &str, object: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, "application/json", Some(object))
            .await
    }

    pub(super) async fn patch(&self, path: &str, change: Value) {
        let (status, answer) = self.try_to_patch(path, change).await;
        assert_eq!(status, StatusCode::OK, "{answer:#}");
    }

    /// What it is now, or the refusal.
    pub(super) async fn try_to_patch(&self, path: &str, change: Value) -> (StatusCode, Value) {
        let merge = "application/merge-patch+json";
        self.send(Method::PATCH, path, merge, Some(change)).await
    }

    pub(super) async fn delete(&self, path: &str) {
        let (status, answer) = self
            .send(Method::DELETE, path, "application/json", None)
            .await;
        assert!(status.is_success(), "{answer:#}");
    }

    /// What is there, or the refusal.
    pub(super) async fn read(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, "application/json", None).await
    }

    /// The names of a list's objects.
    pub(super) async fn names(&self, path: &str) -> Vec<String> {
        let (_, list) = self.read(path).await;
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until the object is there and looks like this.
    pub(super) async fn until(
        &self,
        what: &str,
        path: &str,
        like: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = wait::until(what, || async {
            let (status, object) = self.read(path).await;
            Ok((status == StatusCode::OK && like(&object)).then_some(object))
        });
        match found.await {
            Ok(object) => object,
            Err(error) => panic!("{error}: {:#}", self.read(path).await.1),
        }
    }

    /// Waits until it is not there any more.
    pub(super) async fn until_gone(&self, path: &str) {
        wait::until(&format!("{path} to be gone"), || async {
            let (status, _) = self.read(path).await;
            Ok((status == StatusCode::NOT_FOUND).then_some(()))
        })
        .await
        .unwrap();
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", kind);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        match request.send().await {
            Ok(answer) => (answer.status(), answer.json().await.unwrap_or_default()),
            // As while the API server is away.
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string().into()),
        }
    }
}

/// A file beside this one.
pub(crate) fn manifest(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/kubernetes")
        .join(name)
}

/// A pod template with one container.
pub(super) fn template(image: &str, restart: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "test" } },
        "spec": { "restartPolicy": restart, "containers": [{ "name": "main", "image": image }] },
    })
}

/// The status of a condition of the object, empty if it has none of this type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or_default()
}
