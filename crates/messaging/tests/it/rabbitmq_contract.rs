//! RabbitMQ keeps every broker's promises.

use crate::broker_contract::broker_contract;
use crate::rabbitmq_bench::Rabbit;

broker_contract!(Rabbit);
