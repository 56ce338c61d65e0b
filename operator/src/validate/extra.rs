//! Services that people add.

use std::collections::BTreeMap;

use contracts::{EventType, Producer};

use super::{Parsing, Reason};
use crate::platform::{ExtraService, Role};
use crate::resource::ExtraServiceSpec;

/// What the spec says of one of them.
pub(super) fn role(spec: &ExtraServiceSpec) -> Role {
    let mut needs = spec.needs.clone();
    needs.sort_unstable();
    needs.dedup();
    Role::Extra(ExtraService {
        protocol: spec.protocol,
        needs,
        tells: spec.tells.clone(),
        hears: spec.hears.clone(),
    })
}

/// Checks that every family of events is told by one service only.
pub(super) fn check_families(parsing: &mut Parsing<'_>) {
    let ours = EventType::ALL.iter().filter_map(|event| {
        let family = event.as_str().split('.').next()?;
        Some((family, event.producer().as_str()))
    });
    // Events of payments are still to come.
    let mut tellers: BTreeMap<&str, &str> = ours
        .chain([("payment", Producer::Order.as_str())])
        .collect();
    for extra in &parsing.spec.services.extra {
        for family in &extra.tells {
            let Some(teller) = tellers.insert(family, &extra.name) else {
                continue;
            };
            parsing.findings.add(
                Reason::SpecInvalid,
                format!(
                    "services.extra[{}].tells names `{family}`, whose events are told by {teller}: choose another word",
                    extra.name
                ),
            );
        }
    }
}
