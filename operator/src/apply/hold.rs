//! What is not written in a pass, for something else could not be.

use super::{Outcome, Pass};
use crate::child::{Child, Kind};

impl Pass<'_> {
    /// If a Secret could not be made, takes out what is made after it: a disk, a workload or a Job that is there without its
    /// Secret means that the Secret was lost.
    pub(super) fn hold_what_needs_secrets(&self, applied: &mut Vec<&Child>, outcome: &Outcome) {
        let lacks_secrets = outcome
            .failures
            .iter()
            .any(|(key, _)| key.kind == Kind::Secret);
        if lacks_secrets {
            applied.retain(|child| match child.key.kind {
                Kind::PersistentVolumeClaim | Kind::StatefulSet | Kind::Job => {
                    self.view.children.contains_key(&child.key)
                }
                Kind::Deployment => !self.is_held_back(child),
                _ => true,
            });
        }
    }

    /// Takes out servers one of whose disks could not be made: their controller would make it as it thinks.
    pub(super) fn hold_what_needs_disks(&self, servers: &mut Vec<&Child>, outcome: &Outcome) {
        servers.retain(|server| {
            let begin = format!("data-{}-", server.key.name);
            let mut failures = outcome.failures.iter();
            !failures.any(|(key, _)| {
                key.kind == Kind::PersistentVolumeClaim
                    && key.name.starts_with(&begin)
                    && !self.view.children.contains_key(key)
            })
        });
    }
}
