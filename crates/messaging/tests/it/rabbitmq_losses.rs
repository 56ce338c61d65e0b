//! Queues that somebody deletes, with what was in them: that is told.

use messaging::rabbitmq::RabbitBroker;
use messaging::{Broker as _, BrokerSettings};

use crate::broker_contract::Bench as _;
use crate::fixtures::{life, until};
use crate::rabbitmq_bench::{BINDINGS, QUEUE, Rabbit, rebuilt, settings};

/// Most of the deletions come while the service looks whether its queues are there, which it does nearly without a pause. No
/// other test of this process has a service of this name.
#[tokio::test]
async fn each_loss_of_a_queue_is_told_once_also_when_it_comes_during_a_look() {
    const LOSSES: usize = 30;
    let rabbit = Rabbit::fresh().await;
    let restless = BrokerSettings {
        topology_check_ms: 5,
        ..settings(rabbit.vhost.url())
    };
    let broker = RabbitBroker::connect(&restless, "restless", &life()).unwrap();
    until("the queue to be there", async || {
        broker.declare(BINDINGS).await.ok()
    })
    .await;
    // Counted from here on.
    assert_eq!(rebuilt("restless"), "0");
    let (admin, vhost) = (rabbit.admin(), rabbit.vhost.name());
    for loss in 1..=LOSSES {
        admin.delete_queue(vhost, QUEUE).await.unwrap();
        until("the loss to be told", async || {
            (rebuilt("restless") != (loss - 1).to_string()).then_some(())
        })
        .await;
        assert_eq!(rebuilt("restless"), loss.to_string());
    }
    broker.close().await;
}
