//! Processor and memory of a container.

use super::quantity::Quantity;
use super::{Parsing, Reason};
use crate::resource::{ResourceList, Resources};

/// What the spec says at `field`, and the profile where it says nothing. Who says something of processor or memory has said all
/// of it: an own limit does not go together with the request of a profile, which may be larger. A limit alone is set aside too.
pub(super) fn of(
    parsing: &mut Parsing<'_>,
    field: &str,
    given: Option<&Resources>,
    profile: Resources,
) -> Resources {
    let Some(given) = given else {
        return profile;
    };
    let cpu = |list: &ResourceList| list.cpu.clone();
    let memory = |list: &ResourceList| list.memory.clone();
    let (cpu, most_cpu) = one(parsing, (field, "cpu"), given, &profile, cpu);
    let (memory, most_memory) = one(parsing, (field, "memory"), given, &profile, memory);
    Resources {
        requests: ResourceList { cpu, memory },
        limits: ResourceList {
            cpu: most_cpu,
            memory: most_memory,
        },
    }
}

/// Request and limit of processor or memory.
fn one(
    parsing: &mut Parsing<'_>,
    (field, name): (&str, &str),
    given: &Resources,
    profile: &Resources,
    of: impl Fn(&ResourceList) -> Option<String>,
) -> (Option<String>, Option<String>) {
    let (request, limit) = match (of(&given.requests), of(&given.limits)) {
        (None, None) => return (of(&profile.requests), of(&profile.limits)),
        (None, Some(limit)) => (Some(limit.clone()), Some(limit)),
        (request, limit) => (request, limit),
    };
    let mut amount = |list: &str, text: Option<&String>| {
        positive(parsing, &format!("{field}.{list}.{name}"), text?)
    };
    let amounts = (
        amount("requests", request.as_ref()),
        amount("limits", limit.as_ref()),
    );
    if let (Some(request), Some(limit)) = amounts {
        parsing.findings.expect(request <= limit, Reason::SpecInvalid, || {
            format!("{field}: requests.{name} is more than limits.{name}: lower the one or raise the other")
        });
    }
    (request, limit)
}

/// An amount above nothing, or a finding.
pub(super) fn positive(parsing: &mut Parsing<'_>, field: &str, text: &str) -> Option<Quantity> {
    let amount = text.parse().ok().filter(|amount| *amount > Quantity::ZERO);
    parsing.findings.expect(amount.is_some(), Reason::InvalidQuantity, || {
        format!("{field} is `{text}`: write a quantity above 0, such as 250m of processor time, 128Mi of memory or 10Gi of disk")
    });
    amount
}
