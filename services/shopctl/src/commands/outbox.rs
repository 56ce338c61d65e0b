//! `shopctl outbox`: events that are on their way to the broker.

use std::time::Duration;

use clap::Subcommand;
use contracts::{Clock as _, SystemClock, Timestamp};
use jiff::{Span, SpanRelativeTo};
use messaging::replay_since;
use serde::Serialize;

use crate::error::Error;
use crate::output::{Output, Show, Table, progress};
use crate::settings::{Service, Settings};
use crate::stores::{StoreArgs, Stores};

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// Say how many events wait, and for how long
    Status {
        /// Of this service only
        #[arg(long)]
        service: Option<Service>,
    },
    /// Publish again, with the same ids, what happened since: after a queue was deleted or a broker restored. Consumers do
    /// nothing twice. Events are kept for 24 hours after they were published
    Replay {
        /// A time such as 2026-11-24T10:00:00Z, or how long ago: 2h, 1h30m, 1d
        #[arg(long, value_name = "TIME|DURATION", value_parser = since)]
        since: Since,
        /// Of this service only
        #[arg(long)]
        service: Option<Service>,
        /// How many events to look at in one go
        #[arg(long, value_name = "N", default_value_t = 5_000,
            value_parser = clap::value_parser!(u32).range(1..=100_000))]
        batch: u32,
    },
}

/// A point in time, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl Since {
    fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.minus(ago),
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(time) = text.parse() {
        return Ok(Since::At(time));
    }
    let what = "not a time such as 2026-11-24T10:00:00Z nor a duration such as 2h, 1h30m or 1d";
    let span: Span = text.parse().map_err(|_| what.to_owned())?;
    let ago = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let ago = ago.ok().and_then(|ago| Duration::try_from(ago).ok());
    ago.map(Since::Ago).ok_or_else(|| what.to_owned())
}

#[derive(Debug, Serialize)]
struct Waiting {
    service: Service,
    pending: u64,
    oldest: Option<Timestamp>,
    oldest_seconds: u64,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Status(Vec<Waiting>);

impl Show for Status {
    fn table(&self) -> Table {
        let row = |waiting: &Waiting| {
            let oldest = waiting.oldest.map(|oldest| oldest.to_string());
            vec![
                waiting.service.to_string(),
                waiting.pending.to_string(),
                oldest.unwrap_or_else(|| "-".to_owned()),
                format!("{}s", waiting.oldest_seconds),
            ]
        };
        Table {
            head: vec!["SERVICE", "PENDING", "OLDEST", "AGE"],
            rows: self.0.iter().map(row).collect(),
            footer: None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Again {
    service: Service,
    since: Timestamp,
    events: u64,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Replayed(Vec<Again>);

impl Show for Replayed {
    fn table(&self) -> Table {
        let row = |again: &Again| {
            vec![
                again.service.to_string(),
                again.since.to_string(),
                again.events.to_string(),
            ]
        };
        Table {
            head: vec!["SERVICE", "SINCE", "EVENTS"],
            rows: self.0.iter().map(row).collect(),
            footer: Some("the services publish them again within seconds".to_owned()),
        }
    }
}

/// Does what was asked for.
pub(crate) async fn run(
    command: Outbox,
    settings: Settings,
    args: &StoreArgs,
    output: Output,
) -> Result<(), Error> {
    let stores = Stores::new(settings, args);
    match command {
        Outbox::Status { service } => {
            let mut waiting = Vec::new();
            for service in stores.services(service)? {
                let messages = stores.messages(service).await?;
                let stats = messages.store.outbox_stats().await;
                let stats = stats.map_err(|error| messages.failed(error));
                messages.close().await;
                let stats = stats?;
                let now = SystemClock.now();
                let age = stats.oldest.map(|oldest| now.since(oldest).as_secs());
                waiting.push(Waiting {
                    service,
                    pending: stats.pending,
                    oldest: stats.oldest,
                    oldest_seconds: age.unwrap_or(0),
                });
            }
            output.show(&Status(waiting))
        }
        Outbox::Replay {
            since,
            service,
            batch,
        } => {
            let since = since.time(SystemClock.now());
            let mut replayed = Vec::new();
            for service in stores.services(service)? {
                let messages = stores.messages(service).await?;
                let told = |events| {
                    progress(&format!(
                        "{service}: {events} so far; if this is interrupted, run it again"
                    ));
                };
                let events = replay_since(&*messages.store, since, batch, told).await;
                let events = events.map_err(|error| messages.failed(error));
                messages.close().await;
                replayed.push(Again {
                    service,
                    since,
                    events: events?,
                });
            }
            output.show(&Replayed(replayed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let time = "2026-11-24T10:00:00Z".parse().unwrap();
        assert_eq!(since("2026-11-24T10:00:00Z"), Ok(Since::At(time)));
        for (text, seconds) in [("90s", 90), ("2h", 7_200), ("1h30m", 5_400), ("1d", 86_400)] {
            let ago = Since::Ago(Duration::from_secs(seconds));
            assert_eq!(since(text), Ok(ago), "{text}");
        }
        for text in ["", "yesterday", "2", "-2h", "1 month"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
