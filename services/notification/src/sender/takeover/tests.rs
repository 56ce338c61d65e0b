//! The rule by itself, and against senders that live and record as the recorder does.

use std::ops::Range;

use store_kit::StoreError;

use super::*;
use crate::sender::lookout::Known;
use crate::sender::recorder::until_answered;
use crate::store::{Recorded, StoreFailure};

const STATEMENT: Duration = Duration::from_secs(12);

fn terms() -> Terms {
    Terms::new(Duration::from_secs(20), STATEMENT)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Looks once a second, at these seconds; none stands for a failure.
struct Looks {
    start: Instant,
    evidence: Evidence,
}

impl Looks {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            evidence: Evidence::new(&terms()),
        }
    }

    fn work(&mut self, seconds: Range<u64>) {
        for second in seconds {
            let begun = self.start + secs(second);
            let ended = begun + Duration::from_millis(5);
            self.evidence.worked(begun, ended, at(second));
        }
    }

    fn shown(&self) -> Option<u64> {
        let start = at(0).unix_millis();
        let millis = |shown: Timestamp| u64::try_from(shown.unix_millis() - start).unwrap();
        self.evidence.shown().map(|shown| millis(shown) / 1_000)
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000).plus(secs(second))
}

#[test]
fn as_settings_are_by_default_a_claim_holds_for_a_minute_more_than_a_try_may_take() {
    let expected = Terms {
        lease: secs(80),
        claim: secs(17),
        proof: secs(37),
    };
    assert_eq!(terms(), expected);
}

#[test]
fn whatever_the_settings_a_result_is_there_one_proof_before_its_lease_ends() {
    for a_statement in [secs(1), secs(12), secs(60), secs(660)] {
        for a_try in [secs(1), secs(20), secs(600)] {
            let terms = Terms::new(a_try, a_statement);
            let result = terms.claim + a_try;
            assert!(terms.lease >= result + terms.proof, "{terms:?}");
            assert!(terms.claim > a_statement, "{terms:?}");
        }
    }
}

#[test]
fn a_lease_is_over_once_the_store_has_worked_for_one_proof_and_a_hiccup_afterwards_changes_nothing()
{
    let mut looks = Looks::new();
    looks.work(0..38);
    assert_eq!(looks.shown(), None);
    looks.work(38..40);
    assert_eq!(looks.shown(), Some(39), "the moment of the last look");
    looks.evidence.interrupted();
    looks.work(40..60);
    assert_eq!(looks.shown(), Some(39));
    looks.work(60..90);
    assert_eq!(looks.shown(), Some(89), "a proof after the hiccup");
}

#[test]
fn what_was_not_watched_is_not_taken_for_granted() {
    let mut looks = Looks::new();
    looks.work(0..30);
    // The process stood still.
    looks.work(40..70);
    assert_eq!(looks.shown(), None);
    looks.work(70..79);
    assert_eq!(looks.shown(), Some(78));
}

#[test]
fn time_without_anything_late_counts_for_nothing() {
    let mut looks = Looks::new();
    looks.work(0..30);
    looks.evidence.nothing_is_late();
    looks.work(30..60);
    assert_eq!(looks.shown(), None);
}

#[test]
fn under_a_store_that_never_works_for_one_proof_ten_altogether_are_enough() {
    let mut looks = Looks::new();
    let mut second = 0;
    // Half of each minute.
    while looks.shown().is_none() {
        looks.work(second..second + 30);
        looks.evidence.interrupted();
        second += 60;
    }
    assert_eq!(looks.shown(), Some(0), "what was over when the count began");
    let worked = second / 60 * 29;
    assert!((370..400).contains(&worked), "{worked} seconds");
    while looks.shown() == Some(0) {
        looks.work(second..second + 30);
        looks.evidence.interrupted();
        second += 60;
    }
    let worked = second / 60 * 29;
    assert!((740..800).contains(&worked), "{worked} seconds");
}

/// A store that is away at times, either so that it refuses at once or so that statements hang until they are given up.
struct Flapping {
    start: Instant,
    away: Vec<(Range<Duration>, bool)>,
}

impl Flapping {
    /// Seconds up and seconds away in turn, from a seed; after `until` it works.
    fn seeded(seed: u64, longest_up: u64, until: Duration) -> Self {
        let (mut random, mut now, mut away) = (Random(seed), Duration::ZERO, Vec::new());
        while now < until {
            let up = Duration::from_millis(random.below(longest_up * 1_000));
            let down = Duration::from_millis(random.below(60_000));
            away.push((now + up..now + up + down, random.below(2) == 0));
            now += up + down;
        }
        let start = Instant::now();
        Self { start, away }
    }

    /// A random moment at which it is away.
    fn a_moment_of_trouble(&self, seed: u64) -> Duration {
        let mut random = Random(seed);
        let which = usize::try_from(random.below(1_000)).unwrap() % self.away.len();
        let away = &self.away[which].0;
        let lasts = away.end.saturating_sub(away.start).as_millis();
        away.start + Duration::from_millis(random.below(u64::try_from(lasts).unwrap().max(1)))
    }

    /// One statement.
    async fn write(&self, takes: Duration) -> Result<(), StoreFailure> {
        let begun = self.start.elapsed();
        let met =
            |(away, _): &&(Range<Duration>, bool)| away.start < begun + takes && begun < away.end;
        match self.away.iter().find(met) {
            None => {
                tokio::time::sleep(takes).await;
                return Ok(());
            }
            Some((_, true)) => tokio::time::sleep(STATEMENT).await,
            Some((_, false)) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
        Err(StoreFailure(StoreError::away("it is away")))
    }
}

/// A linear congruential generator, with the constants of Numerical Recipes.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        let (factor, more) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(factor).wrapping_add(more);
        (self.0 >> 33) % most
    }
}

/// When a living sender that had its result at `result`, one proof before the end of its lease, recorded it, and when that lease
/// was over for another that looks every second; both after the start.
async fn race(store: &Flapping, result: Duration, seed: u64) -> (Duration, Duration) {
    let lease = result + terms().proof;
    let mut random = Random(seed);
    let known = Known::nothing_yet(&terms());
    let living = async {
        tokio::time::sleep(result).await;
        // One record of earlier results is made before. A store that works may yet be slow.
        for _ in 0..2 {
            let record = || {
                let takes = Duration::from_millis(random.below(12_000));
                async move { store.write(takes).await.map(|()| vec![Recorded::Now]) }
            };
            until_answered(record, &known).await.unwrap();
        }
        store.start.elapsed()
    };
    let mut evidence = Evidence::new(&terms());
    let other = async {
        tokio::time::sleep(result).await;
        while evidence.shown().is_none_or(|shown| shown < day(lease)) {
            let (begun, now) = (Instant::now(), store.start.elapsed());
            match store.write(Duration::from_millis(5)).await {
                Ok(()) => evidence.worked(begun, Instant::now(), day(now)),
                Err(_) => evidence.interrupted(),
            }
            tokio::time::sleep(secs(1)).await;
        }
        store.start.elapsed()
    };
    tokio::join!(living, other)
}

/// The time of day so long after the start.
fn day(after: Duration) -> Timestamp {
    at(0).plus(after)
}

#[tokio::test(start_paused = true)]
async fn however_a_store_flaps_a_living_sender_records_before_its_delivery_is_taken_over() {
    for seed in 0..300 {
        let store = Flapping::seeded(seed, 90, secs(600));
        let result = store.a_moment_of_trouble(seed);
        let (recorded, over) = race(&store, result, seed).await;
        assert!(
            recorded <= over,
            "seed {seed}: recorded at {recorded:?}, over at {over:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_sender_left_is_over_one_proof_after_the_trouble_at_the_latest() {
    for seed in 0..300 {
        let store = Flapping::seeded(seed, 90, secs(600));
        let end = store.away.last().unwrap().0.end;
        let result = store.a_moment_of_trouble(seed);
        let (_, over) = race(&store, result, seed).await;
        // A look that hangs when the trouble ends, a pause, the proof, whose looks themselves count for nothing, and a pause.
        let latest = end.max(result) + STATEMENT + terms().proof + secs(3);
        assert!(
            over <= latest,
            "seed {seed}: {over:?}, trouble ended at {end:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_store_works_nothing_waits_longer_than_its_lease() {
    let store = Flapping {
        start: Instant::now(),
        away: Vec::new(),
    };
    let (_, over) = race(&store, secs(43), 0).await;
    assert!(over <= secs(83), "{over:?}");
}
