//! The time from placing an order to its confirmation, open loop.

use std::ops::Range;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::load::Load;
use crate::open_load::{self, Answer};
use crate::report::{Budget, Report, percentile};

/// Rates of the open loop, and the budgets of its 50th and 99th percentile in milliseconds.
pub const RATES: [(u32, Option<f64>, f64); 2] = [(20, Some(12.0), 45.0), (100, None, 100.0)];
/// Seconds of a round.
pub const SECONDS: u32 = 10;
/// How many rounds.
pub const ROUNDS: u64 = 3;

/// The rounds at one rate.
#[derive(Default)]
pub struct Confirmed {
    halves: Vec<f64>,
    mosts: Vec<f64>,
}

impl Confirmed {
    /// One round of a load that awaits its orders.
    pub async fn round(&mut self, load: &Load, rate: u32, numbers: Range<u64>) -> Result<()> {
        let answers = open_load::run(load, rate, numbers).await?;
        let times = times_to_confirmed(&answers)?;
        self.halves.push(percentile(&times, 0.5));
        self.mosts.push(percentile(&times, 0.99));
        Ok(())
    }

    /// The two rows.
    pub fn report(&self, what: &str, half: Option<f64>, most: f64, report: &mut Report) {
        let half = half.map_or(Budget::None, Budget::AtMost);
        report.add(&format!("{what}, p50"), "ms", &self.halves, half);
        let most = Budget::AtMost(most);
        report.add(&format!("{what}, p99"), "ms", &self.mosts, most);
    }
}

fn times_to_confirmed(answers: &[Answer]) -> Result<Vec<f64>> {
    let each = answers.iter().map(|answer| {
        let order: Value = serde_json::from_slice(&answer.body)?;
        match order.pointer("/status").and_then(Value::as_str) {
            Some("confirmed") => Ok(answer.took_ms),
            _ => bail!("an order was not confirmed in time: {order}"),
        }
    });
    each.collect()
}
