use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::observed::{Pod, State, Uid};

const HOUR_S: i64 = 3_600;

/// What a platform has.
#[derive(Default)]
struct Has(View);

impl Has {
    fn put(mut self, kind: Kind, name: &str, secrets: &[&str], state: State) -> Self {
        let key = ChildKey {
            kind,
            name: name.to_owned(),
        };
        let observed = Observed {
            uid: Uid::of(name),
            version: 1,
            controller: None,
            has_owner: false,
            built_hash: None,
            template_hash: None,
            owns_replicas: false,
            fields: None,
            deleting: false,
            created: 0,
            secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
            request: None,
            state,
        };
        self.0.children.insert(key, observed);
        self
    }

    /// Passwords of `order` and the key that is next to sign, of one generation.
    fn generation(self, generation: u32) -> Self {
        let key = format!("demo-signing-key-{}", generation + 1);
        self.passwords(generation).secret(&key)
    }

    fn passwords(self, generation: u32) -> Self {
        self.secret(&format!("demo-order-credentials-{generation}"))
    }

    fn secret(self, name: &str) -> Self {
        self.put(Kind::Secret, name, &[], State::Present)
    }

    fn asked_for_by(mut self, request: &str) -> Self {
        for (key, child) in &mut self.0.children {
            child.request = (key.kind == Kind::Secret).then(|| request.to_owned());
        }
        self
    }

    /// The order service with one generation of passwords; as many replicas as told are of an older form.
    fn order(self, generation: u32, older: i32) -> Self {
        let state = State::Replicas {
            desired: 1,
            ready: 1,
            updated: 1,
            older,
            current: true,
            problem: None,
            given_up: false,
        };
        let secret = format!("demo-order-credentials-{generation}");
        self.put(Kind::Deployment, "demo-order", &[&secret], state)
    }

    fn job(self, name: &str, generation: u32) -> Self {
        let secret = format!("demo-order-credentials-{generation}");
        let state = State::Job {
            complete: true,
            failed: None,
        };
        self.put(Kind::Job, name, &[&secret], state)
    }

    fn pod(mut self, name: &str, generation: u32) -> Self {
        let pod = Pod {
            component: "order".to_owned(),
            credentials: Some(generation),
            job: None,
            created: None,
            unready: None,
            problem: None,
        };
        self.0.pods.insert(name.to_owned(), pod);
        self
    }

    fn plan(&self, wish: &Wish<'_>) -> (u32, bool) {
        let plan = Standing::of(&self.0).plan(wish);
        (plan.generation, plan.lock_previous)
    }
}

/// Nothing but what is there.
const NOTHING: Wish<'static> = Wish {
    rotate_after: None,
    request: None,
    is_ready: true,
    now: 0,
};

/// Made at 0, and old after an hour.
fn at(now: i64) -> Wish<'static> {
    Wish {
        rotate_after: Some(Duration::from_hours(1)),
        now,
        ..NOTHING
    }
}

#[test]
fn a_new_platform_begins_with_the_first_generation() {
    let asked = Wish {
        request: Some("leaked"),
        ..at(100 * HOUR_S)
    };
    assert_eq!(Has::default().plan(&asked), (1, false));
}

#[test]
fn the_next_generation_is_begun_when_the_newest_is_old_and_the_platform_is_ready() {
    let old = Has::default().generation(1).order(1, 0).pod("order-1", 1);
    assert_eq!(old.plan(&at(HOUR_S - 1)), (1, false));
    assert_eq!(old.plan(&at(HOUR_S)), (2, false));
    let amiss = Wish {
        is_ready: false,
        ..at(HOUR_S)
    };
    assert_eq!(old.plan(&amiss), (1, false));
    assert_eq!(
        Standing::of(&old.0).due(Some(Duration::from_hours(1))),
        Some(HOUR_S)
    );
}

#[test]
fn what_was_begun_is_gone_on_with_from_whatever_is_there() {
    let one_secret = Has::default().generation(1).passwords(2).order(1, 0);
    assert_eq!(one_secret.plan(&NOTHING), (2, false));
    let only_a_key = Has::default()
        .generation(1)
        .secret("demo-signing-key-3")
        .order(1, 0);
    assert_eq!(only_a_key.plan(&NOTHING), (2, false));
    let nothing_before = Has::default().generation(2).order(2, 0);
    assert_eq!(nothing_before.plan(&NOTHING), (2, true));
}

#[test]
fn the_users_before_are_locked_out_when_nobody_is_given_their_passwords_any_more() {
    let both = || Has::default().generation(1).generation(2);
    let waiting = both().order(1, 0).pod("order-1", 1);
    assert_eq!(
        waiting.plan(&NOTHING),
        (2, false),
        "the workload has the old ones"
    );
    let rolling = both().order(2, 1).pod("order-1", 1).pod("order-2", 2);
    assert_eq!(rolling.plan(&NOTHING), (2, false), "a pod has the old ones");
    let between = both().order(2, 1).pod("order-2", 2);
    assert_eq!(between.plan(&NOTHING), (2, false), "it might be begun anew");
    let finishing = both().order(2, 0).pod("order-1", 1).pod("order-2", 2);
    assert_eq!(
        finishing.plan(&NOTHING),
        (2, false),
        "a pod ends what it began"
    );
    let done = || both().order(2, 0).pod("order-2", 2);
    assert_eq!(done().plan(&NOTHING), (2, true));
    assert_eq!(
        done().job("demo-provision-1", 1).plan(&NOTHING),
        (2, true),
        "a Job that has ended"
    );
}

#[test]
fn a_later_rollout_unlocks_nobody() {
    let rolling = Has::default().generation(2).order(2, 1).pod("order-2", 2);
    assert_eq!(rolling.plan(&NOTHING), (2, true));
}

#[test]
fn a_rotation_begins_only_when_the_one_before_has_ended() {
    let asked = Wish {
        request: Some("leaked"),
        ..at(HOUR_S)
    };
    let locking = Has::default().generation(1).generation(2).order(2, 0);
    assert_eq!(locking.plan(&asked), (2, true));
    let ended = Has::default().generation(2).order(2, 0);
    assert_eq!(ended.plan(&asked), (3, false));
}

#[test]
fn what_people_ask_for_is_done_once() {
    let asked = Wish {
        request: Some("leaked"),
        is_ready: false,
        ..NOTHING
    };
    let first = || Has::default().generation(1).order(1, 0);
    assert_eq!(first().plan(&asked), (2, false));
    assert_eq!(first().asked_for_by("leaked").plan(&asked), (1, false));
    assert_eq!(first().asked_for_by("before").plan(&asked), (2, false));
    assert_eq!(first().asked_for_by("leaked").plan(&NOTHING), (1, false));
}

#[test]
fn a_lost_secret_is_followed_by_the_next_generation() {
    let lost = |has: &Has| Standing::of(&has.0).lost;
    let order = |generation: u32| BTreeSet::from([format!("demo-order-credentials-{generation}")]);
    let alone = Has::default().secret("demo-signing-key-2").order(1, 0);
    assert_eq!(lost(&alone), order(1));
    assert_eq!(alone.plan(&NOTHING), (2, false));
    let all = Has::default().order(3, 0);
    assert_eq!(all.plan(&NOTHING), (4, false), "with all others");
    let before_the_rollout = Has::default()
        .generation(1)
        .secret("demo-signing-key-3")
        .job("demo-provision-2", 2)
        .order(1, 0);
    assert_eq!(lost(&before_the_rollout), order(2), "the Job has set it");
    assert_eq!(before_the_rollout.plan(&NOTHING), (3, false));
    let never_given = Has::default()
        .generation(1)
        .secret("demo-signing-key-3")
        .order(1, 0);
    assert_eq!(lost(&never_given), BTreeSet::new(), "it is only made yet");
    let of_before = Has::default().generation(2).order(1, 0);
    assert_eq!(
        lost(&of_before),
        BTreeSet::new(),
        "the next one is on its way"
    );
}
