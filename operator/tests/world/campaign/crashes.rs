//! Whatever write of its life goes wrong, in whatever way, a platform ends as if nothing had (after Sieve, OSDI '22): the same
//! children, each created and deleted as often.

mod plan;
mod story;

use futures_util::{StreamExt as _, stream};
use rand::seq::SliceRandom as _;

use crate::harness::budget;
use plan::Plan;
use story::{Step, Story};

/// How many stories go on at a time.
const AT_A_TIME: usize = 6;
/// For how long new ones begin, in seconds, if nothing else is asked for.
const SECONDS: u64 = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_is_interrupted_the_end_is_the_same() {
    let good = Story::without_faults().await;
    let again = Story::without_faults().await;
    for step in Step::ALL {
        let differences = good.differences(step, again.ended(step));
        assert_eq!(differences, [""; 0], "{step:?}, twice without faults");
    }

    // One story has one plan for each step.
    let mut generator = testkit::seed::generator("crashes");
    let plans = Step::ALL.map(|step| {
        let mut plans = Plan::for_each_of(good.writes(step));
        plans.shuffle(&mut generator);
        plans
    });
    let all: usize = plans.iter().map(Vec::len).sum();
    let stories = plans.iter().map(Vec::len).max().unwrap_or(0);
    let budget = budget::Budget::new(SECONDS, None);
    let told: Vec<_> = stream::iter(0..stories)
        .take_while(|_| std::future::ready(budget.is_left()))
        .map(|story| {
            let plans = plans.each_ref().map(|plans| plans.get(story).cloned());
            Story::with_faults(&good, plans)
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;

    let run: usize = told.iter().map(|told| told.run).sum();
    let struck: usize = told.iter().map(|told| told.struck).sum();
    println!(
        "{run} of {all} plans were run in {} stories, {struck} struck",
        told.len()
    );
    let failures: Vec<_> = told.into_iter().flat_map(|told| told.failures).collect();
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        struck * 10 >= run * 8,
        "only {struck} of {run} plans struck"
    );
}
