//! Writes what differs: every child of a platform, in one pass, whatever becomes of single ones.
//!
//! * A child is applied if the hash on it is not the one it was built with, or if the fields that are ours changed since we
//!   applied it. At the fixpoint nothing is read and nothing is written.
//! * A child that is not known yet is looked for first, by one list a kind: an object of our name that is not ours stays as it is,
//!   and is told as a [`Failure::Conflict`].
//! * What is not wanted any more is deleted after everything was applied, and only then, but for what must not outlast the wish (see
//!   `superseded` and `unwanted_at_once`).

mod create;
mod disks;
mod hand;
mod hold;
mod lost;
mod orphans;
mod scale;
mod wait;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;

pub use hand::let_go;
pub use wait::{Wait, would_roll};
pub use write::Failure;
pub(crate) use write::is_of_quota;

use crate::child::{Child, ChildKey, Kind, Writing, hash_of};
use crate::names::Owner;
use crate::observed::{Cluster, Mark, Observed, PlatformKey, Uid, View};

/// What became of a pass.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Children that could not be written.
    pub failures: Vec<(ChildKey, Failure)>,
    /// Children that wait, and for what.
    pub waiting: Vec<(ChildKey, Wait)>,
    /// How many were written or deleted.
    pub writes: usize,
}

impl Outcome {
    /// Whether everything is written, but for what holds nothing up.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut failures = self.failures.iter();
        self.waiting.is_empty() && failures.all(|(_, failure)| failure.holds_nothing_up())
    }

    /// Whether all that makes the pods of gateway and services is written, and they need not wait for it.
    #[must_use]
    pub fn has_written_pods(&self) -> bool {
        let mut failures = self.failures.iter();
        let mut waiting = self.waiting.iter();
        !failures.any(|(key, failure)| key.kind.makes_pods() && !failure.is_worked_without())
            && !waiting.any(|(key, _)| key.kind.makes_pods())
    }
}

/// How a child was marked after we applied it, see [`Observed::mark`]: what differs later was changed by somebody else.
pub type Applied = BTreeMap<ChildKey, Mark>;

/// What a process that starts knows of earlier ones' writes: all children are as they were applied if `digest`, which the last
/// pass left in status, is that of what is there. If it is not, each child is applied once, which changes nothing where
/// nothing is wrong.
#[must_use]
pub fn recall(digest: Option<&str>, view: &View, children: &[Child]) -> Applied {
    let there = children.iter().filter_map(|child| {
        let observed = view.children.get(&child.key)?;
        // What was created once was never applied.
        observed.fields?;
        Some((child.key.clone(), observed.mark()))
    });
    let applied: Applied = there.collect();
    if digest == Some(digest_of(&applied).as_str()) {
        applied
    } else {
        Applied::new()
    }
}

/// A digest of all that was applied.
#[must_use]
pub fn digest_of(applied: &Applied) -> String {
    let marks: Vec<_> = applied
        .iter()
        .map(|(key, mark)| serde_json::json!([key.to_string(), mark.to_string()]))
        .collect();
    hash_of(&serde_json::Value::Array(marks))
}

/// A pass over one platform.
pub struct Pass<'a> {
    /// Who writes.
    pub client: &'a Client,
    /// Where answers are taken in, so that the next pass does not see what was before.
    pub cluster: &'a Cluster,
    /// Whose children they are.
    pub owner: &'a Owner,
    /// What there was at the beginning.
    pub view: &'a View,
    /// What was applied before, by this process; empty at its first pass.
    pub applied: &'a mut Applied,
    /// The platform whose turn it is, if nothing of this one may be rolled out before.
    pub turn_of: Option<&'a PlatformKey>,
    /// Whether Jobs that are not wanted any more are kept, for what they tell.
    pub keeps_jobs: bool,
}

impl Pass<'_> {
    /// Writes what differs of `children`, then deletes what is not among them.
    pub async fn run(mut self, children: &[Child]) -> Outcome {
        let mut outcome = Outcome::default();
        let wanted: BTreeSet<&ChildKey> = children.iter().map(|child| &child.key).collect();
        let superseded = self.superseded(&wanted);
        self.delete_unwanted(&superseded, &mut outcome).await;
        let instead = self.disks_that_stay(children, &mut outcome).await;
        let first = self.first_numbers(children);
        let (mut applied, mut unknown) = (Vec::new(), Vec::new());
        for child in children {
            let child = instead.get(&child.key).unwrap_or(child);
            if let Some(wait) = self.waits_for(child, children) {
                outcome.waiting.push((child.key.clone(), wait));
                if self.is_held_back(child) {
                    continue;
                }
            }
            match self.todo(child) {
                Todo::Nothing => {}
                Todo::Apply => applied.push(child),
                Todo::LookFor => unknown.push(child),
                Todo::Hand => self.hand(child, &mut outcome).await,
                Todo::Fail(failure) => outcome.failures.push((child.key.clone(), failure)),
            }
        }
        let found = self.look_for(&unknown).await;
        for child in unknown {
            match found.foreign.get(&child.key) {
                Some(failure) => outcome.failures.push((child.key.clone(), failure.clone())),
                None => match &child.writing {
                    Writing::CreateOnce(drawn) => match self.lost(child).await {
                        Some(failure) => outcome.failures.push((child.key.clone(), failure)),
                        None => self.create(child, drawn, &mut outcome).await,
                    },
                    Writing::Apply | Writing::After(_) if found.ours.contains(&child.key) => {
                        applied.push(child);
                    }
                    Writing::Apply | Writing::After(_) => {
                        applied.push(first.get(&child.key).unwrap_or(child));
                    }
                },
            }
        }
        self.hold_what_needs_secrets(&mut applied, &outcome);
        self.hold_jobs(&mut applied, &superseded, &outcome);
        applied.sort_by(|a, b| a.key.cmp(&b.key));
        self.hand_over_replicas(&mut applied, children, &mut outcome)
            .await;
        let (mut servers, others): (Vec<_>, Vec<_>) = applied
            .into_iter()
            .partition(|child| child.key.kind == Kind::StatefulSet);
        self.apply_all(&others, &mut outcome).await;
        self.hold_what_needs_disks(&mut servers, &outcome);
        self.apply_all(&servers, &mut outcome).await;
        let unwanted = if outcome.is_complete() {
            self.unwanted(&wanted)
        } else {
            self.unwanted_at_once(&wanted, children, &outcome)
        };
        self.delete_unwanted(&(&unwanted - &superseded), &mut outcome)
            .await;
        self.applied.retain(|key, _| wanted.contains(key));
        outcome
    }

    fn todo(&self, child: &Child) -> Todo {
        let known = self.view.children.get(&child.key);
        let Some(known) = known else {
            return Todo::LookFor;
        };
        if known.deleting {
            return Todo::Fail(Failure::Deleting);
        }
        if let Some(owner) = self.other_owner(child, known) {
            return Todo::Fail(Failure::Conflict { owner });
        }
        match child.writing {
            Writing::CreateOnce(_) if known.has_owner != child.has_owner() => Todo::Hand,
            Writing::CreateOnce(_) => Todo::Nothing,
            Writing::Apply | Writing::After(_) if self.is_as_applied(child, known) => Todo::Nothing,
            Writing::Apply | Writing::After(_) => Todo::Apply,
        }
    }

    /// Whose a known child is, if it is not ours. Disks and Secrets that a platform of the same name left are taken back; of other
    /// kinds only what lost its owner and is as we built it, with our uid.
    fn other_owner(&self, child: &Child, known: &Observed) -> Option<String> {
        match known.controller {
            Some(uid) if uid == Uid::of(&self.owner.uid) => None,
            Some(_) => Some("another owner, see its ownerReferences".to_owned()),
            None if known.has_owner => Some("an owner that is no controller".to_owned()),
            None if child.key.kind.is_kept() || known.is_built_as(child) => None,
            None => {
                Some("a platform of the same name that was deleted without its children".to_owned())
            }
        }
    }

    fn is_as_applied(&self, child: &Child, known: &Observed) -> bool {
        known.is_built_as(child) && self.applied.get(&child.key) == Some(&known.mark())
    }
}

/// What a child needs.
enum Todo {
    Nothing,
    Apply,
    LookFor,
    /// Its owner is set or removed, and nothing else.
    Hand,
    Fail(Failure),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::child::Kind;
    use crate::names::{BUILT_HASH, FIELD_MANAGER};

    /// A Deployment that was built as `built`; its number of replicas is an autoscaler's.
    fn view(built: &str) -> View {
        let object = json!({
            "metadata": {
                "name": "demo-order",
                "annotations": {BUILT_HASH: built},
                "managedFields": [{
                    "manager": FIELD_MANAGER,
                    "operation": "Apply",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:template": {}}},
                }],
            },
        });
        let kind = Kind::Deployment;
        let observed = crate::observed::reduce(kind, &serde_json::from_value(object).unwrap());
        let name = "demo-order".to_owned();
        View {
            children: BTreeMap::from([(ChildKey { kind, name }, observed)]),
            ..View::default()
        }
    }

    #[test]
    fn an_operator_that_starts_trusts_what_is_there_only_if_it_is_as_the_status_says() {
        let before = view("0000000000000001");
        assert_eq!(recall(None, &before, &wanted()), Applied::new());
        let told = digest_of(&marks(&before));
        assert_eq!(recall(Some(&told), &before, &wanted()), marks(&before));
        // It was applied as something else, with a number of replicas that the autoscaler has again taken.
        let other = view("0000000000000002");
        assert_eq!(recall(Some(&told), &other, &wanted()), Applied::new());
        // What nobody wants any more counts for nothing, such as a disk of a larger platform before.
        let nothing = digest_of(&Applied::new());
        assert_eq!(recall(Some(&nothing), &before, &[]), Applied::new());
    }

    fn wanted() -> Vec<Child> {
        let key = ChildKey {
            kind: Kind::Deployment,
            name: "demo-order".to_owned(),
        };
        vec![Child::of_value(key, json!({}))]
    }

    fn marks(view: &View) -> Applied {
        let children = view.children.iter();
        children
            .map(|(key, observed)| (key.clone(), observed.mark()))
            .collect()
    }
}
