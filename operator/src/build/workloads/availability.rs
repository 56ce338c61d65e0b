//! How many replicas there are, and how many may be taken away at a time.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::build::pod::{metadata, selector};
use crate::child::{Child, Kind, Unwritable};
use crate::platform::{Platform, Replicas, Workload};

pub(super) fn build(platform: &Platform, workload: &Workload) -> Result<Vec<Child>, Unwritable> {
    let mut children = Vec::new();
    if platform.hibernate {
        return Ok(children);
    }
    let most = match workload.replicas {
        Replicas::Fixed(replicas) => replicas,
        Replicas::Auto {
            min,
            max,
            cpu_percent,
        } => {
            children.push(autoscaler(platform, workload, (min, max), cpu_percent)?);
            max
        }
    };
    // A budget for one replica would keep nodes from being drained.
    if most > 1 {
        children.push(budget(platform, workload)?);
    }
    Ok(children)
}

/// One at a time may be taken away; one that does not work anyway always.
fn budget(platform: &Platform, workload: &Workload) -> Result<Child, Unwritable> {
    let component = &workload.component;
    let name = platform.owner.child(component.as_str());
    let budget = PodDisruptionBudget {
        metadata: metadata(&platform.owner, component, name),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(selector(&platform.owner, component)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    };
    Child::applied(Kind::PodDisruptionBudget, &budget)
}

fn autoscaler(
    platform: &Platform,
    workload: &Workload,
    (min, max): (i32, i32),
    cpu_percent: i32,
) -> Result<Child, Unwritable> {
    let component = &workload.component;
    let name = platform.owner.child(component.as_str());
    let cpu = MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: "cpu".to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(cpu_percent),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    };
    let autoscaler = HorizontalPodAutoscaler {
        metadata: metadata(&platform.owner, component, name.clone()),
        spec: Some(HorizontalPodAutoscalerSpec {
            min_replicas: Some(min),
            max_replicas: max,
            metrics: Some(vec![cpu]),
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name,
            },
            behavior: None,
        }),
        status: None,
    };
    Child::applied(Kind::HorizontalPodAutoscaler, &autoscaler)
}
