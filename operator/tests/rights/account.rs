//! Service accounts with the operator's rights, or with all but some.

use std::collections::BTreeSet;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use kube::api::{Patch, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use operator::rights;
use serde::Deserialize as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use testkit::wait;
use tokio::sync::Mutex;

use crate::plane::{HOME, Plane, by_a_person};

/// What was missing last.
static LAST: Mutex<Vec<Right>> = Mutex::const_new(Vec::new());

/// A right, in the words of RBAC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) verb: String,
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}.{}", self.verb, self.resource, self.group)
    }
}

/// All rights of the role.
pub(crate) fn all() -> Vec<Right> {
    let rules = rights::in_the_cluster()
        .into_iter()
        .chain(rights::at_home());
    rules.flat_map(|rule| rights_of(&rule)).collect()
}

fn rights_of(rule: &PolicyRule) -> Vec<Right> {
    let mut rights = Vec::new();
    for group in rule.api_groups.iter().flatten() {
        for resource in rule.resources.iter().flatten() {
            for verb in &rule.verbs {
                rights.push(Right {
                    group: group.clone(),
                    resource: resource.clone(),
                    verb: verb.clone(),
                });
            }
        }
    }
    rights
}

/// The rules without those rights.
fn without(rules: Option<Vec<PolicyRule>>, missing: &[Right]) -> Option<Vec<PolicyRule>> {
    let without = |rule: PolicyRule| {
        let verbs = rights_of(&rule)
            .into_iter()
            .filter(|right| !missing.contains(right));
        let verbs: Vec<_> = verbs.map(|right| right.verb).collect();
        (!verbs.is_empty()).then_some(PolicyRule { verbs, ..rule })
    };
    rules.map(|rules| rules.into_iter().filter_map(without).collect())
}

impl Plane {
    /// Applies what `operator rbac` prints, without these rights. Returns the account's token.
    pub(crate) async fn account(&self, missing: &[Right]) -> String {
        let text = rights::yaml(HOME).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let object = serde_json::Value::deserialize(document).unwrap();
            let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), HOME);
            match object["kind"].as_str().unwrap() {
                "ServiceAccount" => apply(&accounts, object).await,
                "ClusterRole" => {
                    let mut role: ClusterRole = serde_json::from_value(object).unwrap();
                    role.rules = without(role.rules, missing);
                    apply(&Api::<ClusterRole>::all(self.client.clone()), json!(role)).await;
                }
                "ClusterRoleBinding" => {
                    apply(&Api::<ClusterRoleBinding>::all(self.client.clone()), object).await;
                }
                "Role" => {
                    let mut role: Role = serde_json::from_value(object).unwrap();
                    role.rules = without(role.rules, missing);
                    apply(&at_home::<Role>(self), json!(role)).await;
                }
                "RoleBinding" => apply(&at_home::<RoleBinding>(self), object).await,
                other => panic!("{other}"),
            }
        }
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), HOME);
        let request = TokenRequest {
            spec: TokenRequestSpec::default(),
            ..TokenRequest::default()
        };
        let granted = accounts
            .create_token_request(rights::NAME, &PostParams::default(), &request)
            .await
            .unwrap();
        let token = granted.status.unwrap().token;
        self.until_judged(missing).await;
        token
    }

    /// The API server learns of a changed role a moment later.
    async fn until_judged(&self, missing: &[Right]) {
        use k8s_openapi::api::authorization::v1::{
            ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
        };
        let reviews = Api::<SubjectAccessReview>::all(self.client.clone());
        let before = std::mem::replace(&mut *LAST.lock().await, missing.to_vec());
        let changed: BTreeSet<_> = before.into_iter().chain(missing.iter().cloned()).collect();
        // The first time all are new.
        for right in changed.into_iter().chain([all().remove(0)]) {
            let (resource, below) = match right.resource.split_once('/') {
                Some((resource, below)) => (resource.to_owned(), Some(below.to_owned())),
                None => (right.resource.clone(), None),
            };
            let name = match resource.as_str() {
                "leases" => Some(rights::NAME.to_owned()),
                "customresourcedefinitions" => Some(operator::child::Kind::HttpRoute.definition()),
                _ => None,
            };
            let review = SubjectAccessReview {
                spec: SubjectAccessReviewSpec {
                    user: Some(format!("system:serviceaccount:{HOME}:{}", rights::NAME)),
                    resource_attributes: Some(ResourceAttributes {
                        namespace: Some(HOME.to_owned()),
                        group: Some(right.group.clone()),
                        resource: Some(resource),
                        subresource: below,
                        verb: Some(right.verb.clone()),
                        name,
                        ..ResourceAttributes::default()
                    }),
                    ..SubjectAccessReviewSpec::default()
                },
                ..SubjectAccessReview::default()
            };
            let expected = !missing.contains(&right);
            wait::until("the API server to know the role", || async {
                let judged = reviews.create(&PostParams::default(), &review).await?;
                Ok((judged.status.unwrap().allowed == expected).then_some(()))
            })
            .await
            .unwrap();
        }
    }
}

fn at_home<K>(plane: &Plane) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(plane.client.clone(), HOME)
}

async fn apply<K>(api: &Api<K>, object: serde_json::Value)
where
    K: Clone + DeserializeOwned + std::fmt::Debug + Serialize + Resource<DynamicType = ()>,
{
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let applied = api
        .patch(&name, &by_a_person(), &Patch::Apply(object))
        .await;
    assert_eq!(applied.unwrap().name_any(), name);
}
