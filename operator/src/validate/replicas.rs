//! How many replicas.

use super::{Parsing, Reason, profile};
use crate::platform::Replicas;
use crate::resource::Autoscaling;

/// Of the processor time that is requested: past that, replicas are added.
const CPU_PERCENT: i32 = 80;

/// What the spec says at `field`, or the profile.
pub(super) fn of(
    parsing: &mut Parsing<'_>,
    field: &str,
    replicas: Option<i32>,
    autoscaling: Option<&Autoscaling>,
) -> Replicas {
    let usual = profile::replicas(parsing.spec.profile);
    let Some(autoscaling) = autoscaling else {
        return Replicas::Fixed(replicas.unwrap_or(usual));
    };
    parsing
        .findings
        .expect(replicas.is_none(), Reason::SpecInvalid, || {
            format!("{field} has replicas and autoscaling: remove one of them")
        });
    let max = autoscaling.max_replicas;
    let min = autoscaling.min_replicas.unwrap_or_else(|| usual.min(max));
    parsing.findings.expect(min <= max, Reason::SpecInvalid, || {
        format!("{field}.autoscaling: minReplicas {min} is more than maxReplicas {max}: lower the one or raise the other")
    });
    Replicas::Auto {
        min,
        max,
        cpu_percent: autoscaling
            .target_cpu_utilization_percentage
            .unwrap_or(CPU_PERCENT),
    }
}
