//! What can break, and what of it did.

use std::collections::BTreeMap;

use testkit::platform::Service;

/// What happens to a process of the shop.
#[derive(Clone, Copy, Debug)]
pub(super) enum ToReplica {
    Kill,
    Terminate,
    Halt,
    /// It dies at a named moment, when it comes to it.
    Crash(&'static str),
}

/// What happens to a server or to the network.
#[derive(Clone, Copy, Debug)]
pub(super) enum ToOthers {
    KillRabbit,
    KillPostgres,
    KillMongo,
    HaltRabbit,
    HaltPostgres,
    HaltMongo,
    MemoryAlarm,
    EndSessions,
    Cut,
    Reset,
    Silence,
    Delay,
    LoseReply,
}

pub(super) const TO_OTHERS: [ToOthers; 13] = [
    ToOthers::KillRabbit,
    ToOthers::KillPostgres,
    ToOthers::KillMongo,
    ToOthers::HaltRabbit,
    ToOthers::HaltPostgres,
    ToOthers::HaltMongo,
    ToOthers::MemoryAlarm,
    ToOthers::EndSessions,
    ToOthers::Cut,
    ToOthers::Reset,
    ToOthers::Silence,
    ToOthers::Delay,
    ToOthers::LoseReply,
];

/// Whose processes are struck: everybody's.
pub(super) const SERVICES: [Service; 5] = [
    Service::Gateway,
    Service::User,
    Service::Product,
    Service::Order,
    Service::Notification,
];

/// Crash points that a service passes again and again.
pub(super) fn crash_points(service: Service) -> &'static [&'static str] {
    match service {
        Service::Order => &[
            "order.before_commit",
            "order.after_commit",
            "relay.after_claim",
            "relay.after_publish",
            "relay.after_confirm",
            "consumer.order.stock.after_commit",
        ],
        Service::Product => &[
            "product.mid_transaction",
            "consumer.product.orders.on_receipt",
            "consumer.product.orders.after_commit",
            "relay.after_publish",
        ],
        Service::Notification => &[
            "consumer.notification.intake.after_commit",
            "notification.sender.after_send",
            "notification.sender.after_record",
        ],
        Service::User | Service::Gateway => &[],
    }
}

/// What was tried, by name.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) struck: BTreeMap<String, usize>,
    /// What found nothing to break: a crash point or a reply that it did not come to in time.
    pub(super) missed: BTreeMap<String, usize>,
}

impl Faults {
    pub(super) fn count(&mut self, what: String, struck: bool) {
        let counts = if struck {
            &mut self.struck
        } else {
            &mut self.missed
        };
        *counts.entry(what).or_default() += 1;
    }

    /// For `make nemesis`, which shows it.
    pub(super) fn report(&self, orders: &BTreeMap<String, usize>) {
        let sum = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
        let crashes = self
            .struck
            .iter()
            .filter(|(what, _)| what.starts_with("Crash"));
        let crashes: usize = crashes.map(|(_, times)| times).sum();
        eprintln!("{} faults: {:?}", sum(&self.struck), self.struck);
        eprintln!("of them {crashes} at crash points");
        eprintln!(
            "{} armed but never reached, not counted: {:?}",
            sum(&self.missed),
            self.missed
        );
        eprintln!("{} orders: {orders:?}", sum(orders));
    }
}
