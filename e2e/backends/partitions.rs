//! Row P: the network between a service and its store, its broker, or both is cut, also one way only. I3: after it is healed,
//! everything comes to its end.

use std::time::Duration;

use testkit::chaos::Direction;
use testkit::platform::{Edge, Service};

use crate::platform::platform;
use crate::trial::{Trial, lasting};

const CUT: Duration = Duration::from_secs(4);

/// Cuts these edges of both replicas of each service behind the gateway, one service after the other.
async fn survives(name: &str, edges: impl Fn(Service) -> Vec<Edge>, how: How) {
    let mut builder = platform().replicas(2);
    for service in Service::BEHIND {
        for edge in edges(service) {
            builder = builder.chaos(edge);
        }
    }
    let mut trial = Trial::start(builder, name).await.unwrap();
    trial
        .during(async |shop| {
            for service in Service::BEHIND {
                for edge in edges(service) {
                    let lines = shop.edge(edge);
                    match how {
                        How::Cut => lines.cut_off().await,
                        How::Silence(direction) => lines.black_hole(direction),
                    }
                }
                lasting(CUT).await;
                shop.heal().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
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
