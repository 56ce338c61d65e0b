//! What a failed rollout goes back from and to: the part of a spec that makes the pods of gateway and services what they are.
//!
//! A release has version, images, and all that is said of gateway and services but for how many there are and how the gateway
//! is reached, with the defaults filled in that may change with a profile or an operator. It has names of Secrets, and nothing
//! of what is in them. Servers, disks, exposure, network policies and numbers of replicas are no part of it: they are as the
//! spec says also while services run an older release.
//!
//! Each release that was good is kept as a `ControllerRevision` that is named after its content.

mod attempt;
mod store;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use attempt::{Attempt, digest_of_attempt, digest_of_given};
pub use store::{Unreadable, keep, read};

use crate::child::hash_of;
use crate::names::Owner;
use crate::platform::Platform;
use crate::resource::{
    ExposeSpec, ExtraServiceSpec, GatewaySpec, ImagesSpec, Resources, ServiceSpec, ServicesSpec,
    ShopPlatformSpec,
};

/// What a rollout goes back from and to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    version: String,
    images: ImagesSpec,
    gateway: GatewaySpec,
    services: ServicesSpec,
}

impl Release {
    /// The release that a spec asks for, which was validated to `platform` by an operator whose images are in `registry`.
    #[must_use]
    pub fn of(spec: &ShopPlatformSpec, platform: &Platform, registry: &str) -> Self {
        let resources = |name: &str| {
            platform
                .workload(name)
                .map(|workload| workload.resources.clone())
        };
        let images = ImagesSpec {
            registry: Some(
                spec.images
                    .registry
                    .clone()
                    .unwrap_or_else(|| registry.to_owned()),
            ),
            ..spec.images.clone()
        };
        let services = &spec.services;
        Self {
            version: platform.version.clone(),
            images,
            gateway: GatewaySpec {
                replicas: None,
                autoscaling: None,
                expose: ExposeSpec::default(),
                resources: resources("gateway"),
                ..spec.gateway.clone()
            },
            services: ServicesSpec {
                user: without_scale(&services.user, resources("user")),
                product: without_scale(&services.product, resources("product")),
                order: without_scale(&services.order, resources("order")),
                notification: without_scale(&services.notification, resources("notification")),
                extra: services
                    .extra
                    .iter()
                    .map(|extra| ExtraServiceSpec {
                        replicas: None,
                        autoscaling: None,
                        resources: resources(&extra.name),
                        ..extra.clone()
                    })
                    .collect(),
            },
        }
    }

    /// The spec with this release in place of its own.
    #[must_use]
    pub fn put_into(&self, spec: &ShopPlatformSpec) -> ShopPlatformSpec {
        let (services, now) = (&self.services, &spec.services);
        ShopPlatformSpec {
            version: Some(self.version.clone()),
            images: self.images.clone(),
            gateway: GatewaySpec {
                replicas: spec.gateway.replicas,
                autoscaling: spec.gateway.autoscaling.clone(),
                expose: spec.gateway.expose.clone(),
                ..self.gateway.clone()
            },
            services: ServicesSpec {
                user: scaled_as(&services.user, &now.user),
                product: scaled_as(&services.product, &now.product),
                order: scaled_as(&services.order, &now.order),
                notification: scaled_as(&services.notification, &now.notification),
                extra: services
                    .extra
                    .iter()
                    .map(|extra| extra_scaled_as(extra, &now.extra))
                    .collect(),
            },
            ..spec.clone()
        }
    }

    /// The name of its `ControllerRevision`.
    #[must_use]
    pub fn name(&self, owner: &Owner) -> String {
        owner.child(&format!("release-{}", self.hash()))
    }

    /// Eight digits, as in other names.
    fn hash(&self) -> String {
        hash_of(&self.data()).chars().take(8).collect()
    }

    fn data(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn without_scale(service: &ServiceSpec, resources: Option<Resources>) -> ServiceSpec {
    ServiceSpec {
        replicas: None,
        autoscaling: None,
        resources,
        ..service.clone()
    }
}

fn scaled_as(service: &ServiceSpec, now: &ServiceSpec) -> ServiceSpec {
    ServiceSpec {
        replicas: now.replicas,
        autoscaling: now.autoscaling.clone(),
        ..service.clone()
    }
}

/// One that the spec has no more comes back with as many replicas as the profile says.
fn extra_scaled_as(extra: &ExtraServiceSpec, now: &[ExtraServiceSpec]) -> ExtraServiceSpec {
    let now = now.iter().find(|now| now.name == extra.name);
    ExtraServiceSpec {
        replicas: now.and_then(|now| now.replicas),
        autoscaling: now.and_then(|now| now.autoscaling.clone()),
        ..extra.clone()
    }
}

#[cfg(test)]
mod tests {
    use kube::api::ObjectMeta;
    use serde_json::json;

    use super::*;
    use crate::dereference::Found;
    use crate::resource::ShopPlatform;
    use crate::validate::{Defaults, validate};

    fn resource(spec: Value) -> ShopPlatform {
        ShopPlatform {
            metadata: ObjectMeta {
                name: Some("demo".to_owned()),
                namespace: Some("shop".to_owned()),
                ..ObjectMeta::default()
            },
            spec: serde_json::from_value(spec).unwrap(),
            status: None,
        }
    }

    fn release(spec: Value) -> Release {
        let operator = Defaults::new(None);
        let resource = resource(spec);
        let platform = validate(&resource, &Found::default(), &operator).unwrap();
        Release::of(&resource.spec, &platform, &operator.registry)
    }

    fn extra(image: &str, replicas: Option<i32>) -> Value {
        json!({"name": "pages", "image": image, "port": 80, "replicas": replicas})
    }

    #[test]
    fn numbers_disks_and_exposure_are_no_part_of_a_release() {
        let plain = release(json!({"services": {"extra": [extra("pages:1", None)]}}));
        let other = release(json!({
            "gateway": {"replicas": 3, "expose": {"type": "NodePort"}},
            "services": {
                "order": {"autoscaling": {"maxReplicas": 9}},
                "extra": [extra("pages:1", Some(2))],
            },
            "postgres": {"managed": {"storage": {"size": "20Gi"}}},
            "hibernate": true,
        }));
        assert_eq!(other, plain);
        let changed = release(json!({"services": {"extra": [extra("pages:2", None)]}}));
        assert_ne!(changed, plain);
    }

    #[test]
    fn what_was_refused_is_not_tried_again_for_a_pause_or_a_sleep() {
        let owner = Owner {
            namespace: "shop".to_owned(),
            name: "demo".to_owned(),
            uid: "uid".to_owned(),
        };
        let digest = |spec: Value| {
            let spec = resource(spec).spec;
            let release = release(json!({}));
            digest_of_attempt(&spec, &Found::default(), &release, &owner, None)
        };
        let refused = digest(json!({}));
        assert_eq!(digest(json!({"paused": true})), refused);
        assert_eq!(digest(json!({"hibernate": true})), refused);
        assert_ne!(digest(json!({"version": "0.1.0"})), refused);
    }

    #[test]
    fn a_release_is_read_as_it_was_written() {
        let release = release(json!({"services": {"extra": [extra("pages:1", None)]}}));
        assert_eq!(
            serde_json::from_value::<Release>(release.data()).unwrap(),
            release
        );
    }

    #[test]
    fn a_spec_with_an_older_release_is_that_release_again_and_keeps_all_else() {
        let older = release(json!({
            "version": "0.1.0",
            "images": {"overrides": {"order": "order:1"}},
            "services": {"extra": [extra("pages:1", None), {"name": "gone", "image": "gone:1", "port": 81}]},
        }));
        let newer = json!({
            "profile": "Production",
            "images": {"registry": "elsewhere", "overrides": {"order": "order:2"}},
            "gateway": {"replicas": 3, "expose": {"type": "NodePort"}, "env": [{"name": "A", "value": "b"}]},
            "services": {
                "order": {"autoscaling": {"maxReplicas": 9}, "podTemplate": {"spec": {"hostNetwork": true}}},
                "extra": [extra("pages:2", Some(2))],
            },
            "postgres": {"managed": {"storage": {"size": "20Gi"}}},
        });
        let mut resource = resource(newer.clone());
        resource.spec = older.put_into(&resource.spec);
        let operator = Defaults::new(Some("another".to_owned()));
        let platform = validate(&resource, &Found::default(), &operator).unwrap();
        assert_eq!(
            Release::of(&resource.spec, &platform, &operator.registry),
            older
        );
        let spec = serde_json::to_value(&resource.spec).unwrap();
        assert_eq!(spec["gateway"]["replicas"], newer["gateway"]["replicas"]);
        assert_eq!(spec["gateway"]["expose"]["type"], "NodePort");
        assert_eq!(spec["services"]["order"]["autoscaling"]["maxReplicas"], 9);
        assert_eq!(spec["services"]["extra"][0]["replicas"], 2);
        assert_eq!(spec["services"]["extra"][0]["image"], "pages:1");
        assert_eq!(spec["services"]["extra"][1]["name"], "gone");
        assert_eq!(spec["postgres"]["managed"]["storage"]["size"], "20Gi");
    }
}
