//! What is not written in a pass, for something else could not be.

use std::collections::BTreeSet;

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Kind};

impl Pass<'_> {
    /// If a Secret could not be made, takes out what is made after it: what is there without its Secret means that the Secret was
    /// lost. A Secret that is known to be lost is none that a Job or Deployment tells of: only disks do.
    pub(super) fn hold_what_needs_secrets(&self, applied: &mut Vec<&Child>, outcome: &Outcome) {
        let secrets = || {
            let failures = outcome.failures.iter();
            failures.filter(|(key, _)| key.kind == Kind::Secret)
        };
        let lacks_any = secrets().next().is_some();
        let may_lack_given =
            secrets().any(|(_, failure)| !matches!(failure, Failure::CredentialsLost { .. }));
        let is_there = |child: &Child| self.view.children.contains_key(&child.key);
        applied.retain(|child| match child.key.kind {
            Kind::PersistentVolumeClaim | Kind::StatefulSet => !lacks_any || is_there(child),
            Kind::Job => !may_lack_given || is_there(child),
            Kind::Deployment => !may_lack_given || !self.is_held_back(child),
            _ => true,
        });
    }

    /// If a Job that is superseded could not be deleted, takes out new ones, beside which it would be at work.
    pub(super) fn hold_jobs(
        &self,
        applied: &mut Vec<&Child>,
        superseded: &BTreeSet<ChildKey>,
        outcome: &Outcome,
    ) {
        let stays = !superseded.is_empty()
            && (outcome.failures.iter()).any(|(key, _)| key.kind == Kind::Job);
        applied.retain(|child| {
            child.key.kind != Kind::Job || !stays || self.view.children.contains_key(&child.key)
        });
    }

    /// Takes out servers one of whose disks could not be made, or, if they are new, is somebody else's or on its way out: their
    /// controller would make it as it thinks, or use what is about to go.
    pub(super) fn hold_what_needs_disks(&self, servers: &mut Vec<&Child>, outcome: &Outcome) {
        servers.retain(|server| {
            let begin = format!("data-{}-", server.key.name);
            let is_new = !self.view.children.contains_key(&server.key);
            let mut failures = outcome.failures.iter();
            !failures.any(|(key, failure)| {
                key.kind == Kind::PersistentVolumeClaim
                    && key.name.starts_with(&begin)
                    && !failure.holds_nothing_up()
                    && (is_new || !self.view.children.contains_key(key))
            })
        });
    }
}
