//! After an upgrade of the operator, platforms are rolled out one at a time: a fault of the new one stops at the first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use k8s_openapi::jiff::Timestamp;
use tokio::sync::Notify;

use super::Context;
use super::plan::Plan;
use crate::apply;
use crate::child::Child;
use crate::observed::{PlatformKey, View};
use crate::resource::{ComponentState, Phase, ShopPlatform, ShopPlatformStatus};

/// A platform that is neither ready nor degraded after so long lets the others go on.
const LONGEST: Duration = Duration::from_mins(15);

/// Whose turn it is, and who waits.
#[derive(Debug, Default)]
pub struct Turns {
    queue: Mutex<Queue>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    turn: Option<(PlatformKey, Timestamp)>,
    waiting: VecDeque<PlatformKey>,
}

impl Turns {
    /// Takes the turn. If it is another platform's, says whose, and remembers who asked.
    pub(super) fn take(&self, platform: &PlatformKey, now: Timestamp) -> Result<(), PlatformKey> {
        let mut queue = self.lock();
        match &queue.turn {
            Some((other, since)) if other != platform && !is_over(*since, now) => {
                let other = other.clone();
                if !queue.waiting.contains(platform) {
                    queue.waiting.push_back(platform.clone());
                }
                Err(other)
            }
            Some((same, _)) if same == platform => Ok(()),
            _ => {
                queue.waiting.retain(|waiting| waiting != platform);
                queue.turn = Some((platform.clone(), now));
                Ok(())
            }
        }
    }

    /// A platform needs no turn, or not any more: the next one that waits is looked at.
    pub(super) fn end(&self, platform: &PlatformKey) {
        let mut queue = self.lock();
        queue.waiting.retain(|waiting| waiting != platform);
        queue.turn.take_if(|(holder, _)| holder == platform);
        if queue.turn.is_none() && !queue.waiting.is_empty() {
            self.ended.notify_one();
        }
    }

    /// Platforms that may take the turn now, as it becomes free. Without an end.
    pub(super) fn next(self: Arc<Self>) -> impl Stream<Item = PlatformKey> {
        stream::unfold(self, |turns| async move {
            loop {
                turns.ended.notified().await;
                let next = turns.lock().waiting.pop_front();
                if let Some(next) = next {
                    return Some((next, turns));
                }
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since).unsigned_abs() > LONGEST
}

/// Whose turn it is, if pods would be replaced only because the operator is another one, and it is not this platform's.
pub(super) fn turn_of(
    resource: &ShopPlatform,
    plan: &Plan,
    children: &[Child],
    view: &View,
    key: &PlatformKey,
    context: &Context,
) -> Option<PlatformKey> {
    let given = resource.status.as_ref()?.given.as_ref()?;
    if *given != plan.attempt.given || !apply::would_roll(children, view) {
        return None;
    }
    let now = crate::time::now(&*context.clock);
    context.turns.take(key, now).err()
}

/// Whether its pods are still being replaced, and nothing keeps them from it: what else is wrong with it does not end its turn.
pub(super) fn is_rolling(status: &ShopPlatformStatus) -> bool {
    let any = |state| {
        status
            .components
            .iter()
            .any(|component| component.state == state)
    };
    // What is told of the components of a paused one is of before.
    status.phase == Phase::Progressing
        || status.phase != Phase::Paused
            && any(ComponentState::Progressing)
            && !any(ComponentState::Failed)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    fn platform(name: &str) -> PlatformKey {
        PlatformKey {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn one_platform_has_the_turn_until_it_ends_and_the_next_is_told() {
        let turns = Arc::new(Turns::default());
        let (a, b, c) = (platform("a"), platform("b"), platform("c"));
        let now = Timestamp::UNIX_EPOCH;
        let mut next = Box::pin(Arc::clone(&turns).next());
        assert_eq!(turns.take(&a, now), Ok(()));
        assert_eq!(turns.take(&a, now), Ok(()), "it has the turn already");
        assert_eq!(turns.take(&b, now), Err(a.clone()));
        assert_eq!(turns.take(&c, now), Err(a.clone()));
        assert_eq!(next.next().now_or_never(), None);
        turns.end(&a);
        assert_eq!(next.next().now_or_never(), Some(Some(b.clone())));
        // It does not need it any more.
        turns.end(&b);
        assert_eq!(next.next().now_or_never(), Some(Some(c.clone())));
        assert_eq!(turns.take(&c, now), Ok(()));
        assert_eq!(turns.take(&b, now), Err(c));
    }

    #[test]
    fn a_platform_that_takes_forever_does_not_hold_up_the_others() {
        let turns = Turns::default();
        let begun = Timestamp::UNIX_EPOCH;
        let (a, b) = (platform("a"), platform("b"));
        turns.take(&a, begun).unwrap();
        assert_eq!(turns.take(&b, begun + LONGEST), Err(a));
        let later = begun + LONGEST + Duration::from_secs(1);
        assert_eq!(turns.take(&b, later), Ok(()));
    }
}
