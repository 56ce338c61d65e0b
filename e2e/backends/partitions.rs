//! Row P: the network between a service and its store, its broker, or both is cut, also one way only. I3: after it is healed,
//! everything comes to its end.

use std::time::Duration;

use testkit::chaos::Direction;
use testkit::platform::{Edge, Service};

use crate::platform::platform;
use crate::trial::{Trial, lasting};

/// Longer than anybody waits: the broker is given up after two heartbeats of 10 seconds, a store after 10 seconds, a service by
/// the gateway after 30.
const CUT: Duration = Duration::from_secs(32);

/// Cuts these edges of all replicas of all services behind the gateway, at once.
async fn survives(name: &str, edges: impl Fn(Service) -> Vec<Edge>, how: How) {
    let edges: Vec<Edge> = Service::BEHIND.into_iter().flat_map(edges).collect();
    let builder = platform().replicas(2);
    let builder = edges
        .iter()
        .fold(builder, |builder, edge| builder.chaos(*edge));
    let mut trial = Trial::start(builder, name).await.unwrap();
    trial
        .during(async |shop| {
            let taken = || edges.iter().map(|edge| (*edge, shop.edge(*edge).taken()));
            let before: Vec<_> = taken().collect();
            for edge in &edges {
                let lines = shop.edge(*edge);
                match how {
                    How::Cut => lines.cut_off().await,
                    How::Silence(direction) => lines.black_hole(direction),
                }
            }
            lasting(CUT).await;
            if let How::Silence(_) = how {
                given_up(&before, &taken().collect::<Vec<_>>())?;
            }
            shop.heal().await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

/// Every replica has given up the connections that fell silent, and tried new ones.
fn given_up(before: &[(Edge, Vec<usize>)], after: &[(Edge, Vec<usize>)]) -> anyhow::Result<()> {
    for ((edge, before), (_, after)) in before.iter().zip(after) {
        let all = before
            .iter()
            .zip(after)
            .all(|(before, after)| before < after);
        anyhow::ensure!(
            all,
            "{edge:?} is still believed in: {before:?} connections, then {after:?}"
        );
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum How {
    Cut,
    Silence(Direction),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_services_that_cannot_reach_the_broker_catch_up() {
    survives("p1", |service| vec![Edge::Broker(service)], How::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_a_broker_that_falls_silent_is_given_up_and_found_again() {
    let how = How::Silence(Direction::Both);
    survives("p1 silent", |service| vec![Edge::Broker(service)], how).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_services_that_cannot_reach_their_store_catch_up_and_park_nothing() {
    survives("p2", |service| vec![Edge::Store(service)], How::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_services_that_are_cut_off_from_everything_catch_up() {
    let both = |service| vec![Edge::Store(service), Edge::Broker(service)];
    survives("p3", both, How::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_answers_that_do_not_come_back_leave_nothing_half_done() {
    let both = |service| vec![Edge::Store(service), Edge::Broker(service)];
    survives("p3 one way", both, How::Silence(Direction::ToClient)).await;
}
