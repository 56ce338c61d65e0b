//! How the credentials of a platform stand, and what follows from that.

use std::collections::BTreeSet;
use std::time::Duration;

use super::made::{generation_of, has_passwords};
use crate::child::{ChildKey, Kind};
use crate::observed::{Observed, View};

/// How the credentials of a platform stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The newest generation that anything is there of, from 1.
    pub newest: u32,
    /// When its first Secret was made, in seconds since 1970; none if none is there.
    pub begun: Option<i64>,
    /// What people wrote to ask for it.
    pub answered: BTreeSet<String>,
    /// Secrets that a workload or Job of the newest generation is given, and that are not there.
    pub lost: BTreeSet<String>,
    /// Whether passwords of an older generation are there.
    pub has_older: bool,
    /// Whether a workload or a pod is given an older generation.
    pub older_is_used: bool,
    /// Whether a workload that is given any is rolling out.
    pub is_rolling_out: bool,
}

/// What is wanted of the credentials.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// How old they get.
    pub rotate_after: Option<Duration>,
    /// What people wrote last to ask for new ones.
    pub request: Option<&'a str>,
    /// Whether the platform is as its spec says: nothing is changed by time while something is amiss.
    pub is_ready: bool,
    /// The present, in seconds since 1970.
    pub now: i64,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The generation that services are to have.
    pub generation: u32,
    /// Whether the users of the one before are to be locked out.
    pub lock_previous: bool,
}

impl Standing {
    /// As what is there shows.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let secrets: Vec<_> = view
            .children
            .iter()
            .filter(|(key, _)| key.kind == Kind::Secret)
            .filter_map(|(key, secret)| Some((key, secret, generation_of(&key.name)?)))
            .collect();
        let given: Vec<_> = view
            .children
            .iter()
            .filter_map(|(key, child)| Some((key, child, newest_of(child)?)))
            .collect();
        let made = secrets.iter().map(|(_, _, generation)| *generation);
        let in_use = given.iter().map(|(_, _, generation)| *generation);
        let newest = made.chain(in_use).max().unwrap_or(1).max(1);
        let is_there = |name: &&String| {
            let key = ChildKey {
                kind: Kind::Secret,
                name: (*name).clone(),
            };
            view.children.contains_key(&key)
        };
        let workloads = || given.iter().filter(|(key, _, _)| key.kind != Kind::Job);
        let of_newest = || {
            secrets
                .iter()
                .filter(|(_, _, generation)| *generation == newest)
        };
        Self {
            newest,
            begun: of_newest().map(|(_, secret, _)| secret.created).min(),
            answered: of_newest()
                .filter_map(|(_, secret, _)| secret.request.clone())
                .collect(),
            lost: given
                .iter()
                .filter(|(_, _, generation)| *generation == newest)
                .flat_map(|(_, child, _)| &child.secrets)
                .filter(|name| !is_there(name))
                .cloned()
                .collect(),
            has_older: secrets
                .iter()
                .any(|(key, _, generation)| *generation < newest && has_passwords(&key.name)),
            older_is_used: workloads().any(|(_, _, generation)| *generation < newest)
                || view.pods.values().any(|pod| {
                    pod.credentials
                        .is_some_and(|generation| generation < newest)
                }),
            is_rolling_out: workloads().any(|(_, child, _)| child.state.is_rolling_out()),
        }
    }

    /// What follows. Generations follow each other one by one: the user that the next one gives a new password is that of the one
    /// before, whom nobody may need any more. Only if a Secret is lost it is begun at once, for nobody can be given it again.
    #[must_use]
    pub fn plan(&self, wish: &Wish<'_>) -> Plan {
        let begins = !self.lost.is_empty()
            || (!self.is_rotating() && (self.is_asked_for(wish) || self.is_due(wish)));
        if begins {
            return Plan {
                generation: self.newest.saturating_add(1),
                lock_previous: false,
            };
        }
        Plan {
            generation: self.newest,
            // Once nobody has the one before, a rollout for another reason does not unlock it again.
            lock_previous: self.newest > 1
                && !self.older_is_used
                && !(self.has_older && self.is_rolling_out),
        }
    }

    /// Whether the generation before is still there, or is used.
    #[must_use]
    pub fn is_rotating(&self) -> bool {
        self.has_older || self.older_is_used
    }

    /// When the newest generation is too old, in seconds since 1970.
    #[must_use]
    pub fn due(&self, rotate_after: Option<Duration>) -> Option<i64> {
        let age = i64::try_from(rotate_after?.as_secs()).ok()?;
        self.begun?.checked_add(age)
    }

    fn is_due(&self, wish: &Wish<'_>) -> bool {
        let due = self.due(wish.rotate_after);
        wish.is_ready && due.is_some_and(|due| due <= wish.now)
    }

    /// A request is answered by the Secrets that carry it. Where there are none yet, the first ones do.
    fn is_asked_for(&self, wish: &Wish<'_>) -> bool {
        let is_new = |request: &str| !self.answered.contains(request);
        self.begun.is_some() && wish.request.is_some_and(is_new)
    }
}

/// The newest generation that a workload or Job is given.
fn newest_of(child: &Observed) -> Option<u32> {
    let generations = child.secrets.iter();
    generations.filter_map(|name| generation_of(name)).max()
}

#[cfg(test)]
mod tests;
