//! What people do to a platform (after Acto, SOSP '23): changes of every field that the definition has, good and bad ones, also
//! while the one before is still being carried out. Whatever they do:
//!
//! * a platform that says it is ready is as its spec says, the same as one that is made anew with that spec;
//! * one that is not says why, in a sentence that names what is wrong;
//! * the spec before brings back what was before;
//! * the operator never panics, and always goes on.

mod curated;
mod mutation;
mod path;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::harness::budget::Budget;
use mutation::Mutations;

/// How many changes there are, if nothing else is asked for: `CAMPAIGN_SECONDS` is for more.
const ENOUGH: usize = 500;
/// How many platforms are changed at a time.
const AT_A_TIME: usize = 6;
/// For how long new paths begin at most, in seconds, if nothing else is asked for.
const SECONDS: u64 = 540;
/// The same in a whole campaign.
const HOUR: u64 = 3_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_do_to_a_platform_it_tells_the_truth_and_finds_back() {
    let mutations = Mutations::of_the_definition();
    let mut generator = testkit::seed::generator("operations");
    let asked_for_more = std::env::var_os("CAMPAIGN_SECONDS").is_some();
    let budget = Budget::new(SECONDS, Some(HOUR));
    let done = AtomicUsize::new(0);
    let seeds = std::iter::repeat_with(|| generator.random::<u64>());
    let told: Vec<_> = stream::iter(seeds)
        .take_while(|_| {
            let is_enough = !asked_for_more && done.load(Ordering::SeqCst) >= ENOUGH;
            std::future::ready(budget.is_left() && !is_enough)
        })
        .map(|seed| {
            let (mutations, done) = (&mutations, &done);
            async move {
                let told = path::walk(mutations, StdRng::seed_from_u64(seed)).await;
                done.fetch_add(told.steps, Ordering::SeqCst);
                told
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;

    let sum = |of: fn(&path::Told) -> usize| told.iter().map(of).sum::<usize>();
    println!(
        "{} changes of {} kinds on {} paths: {} refused by the API server, {} carried out, {} told as wrong and taken back",
        sum(|told| told.steps),
        mutations.len(),
        told.len(),
        sum(|told| told.refused),
        sum(|told| told.ready),
        sum(|told| told.wrong),
    );
    let failures: Vec<_> = told.into_iter().flat_map(|told| told.failures).collect();
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
