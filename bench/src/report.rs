//! The table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

/// Which side of the budget is good.
#[derive(Clone, Copy)]
pub enum Budget {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// No budget: a figure for the record.
    None,
}

/// The measured rows, in order.
#[derive(Default)]
pub struct Report {
    rows: Vec<String>,
    raw: Vec<Value>,
}

impl Report {
    /// Adds a figure: the median of `samples`, with their range. Says it at once, since the whole takes minutes.
    #[expect(clippy::print_stderr, reason = "tells how far it is")]
    pub fn add(&mut self, what: &str, unit: &str, samples: &[f64], budget: Budget) {
        let row = row(what, unit, samples, budget);
        eprintln!("{row}");
        self.rows.push(row);
        self.raw
            .push(json!({"what": what, "unit": unit, "samples": samples}));
    }

    /// Says what could not be measured.
    #[expect(
        clippy::print_stderr,
        reason = "a rival that is not there must be noticed"
    )]
    pub fn skip(&mut self, what: &str, why: &str) {
        eprintln!("SKIPPED {what}: {why}");
        self.rows
            .push(format!("| {what} | SKIPPED: {why} | – | – | – |"));
    }

    /// Prints the table and keeps it, and the raw samples, under `bench/results/`.
    #[expect(clippy::print_stdout, reason = "the table is the program's output")]
    pub fn finish(&self) -> Result<()> {
        let mut table =
            String::from("| what | ours | range (runs) | budget | ok |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            writeln!(table, "{row}")?;
        }
        print!("{table}");
        let mut raw = String::new();
        for row in &self.raw {
            writeln!(raw, "{row}")?;
        }
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        std::fs::write(results.join("latest.md"), table)?;
        std::fs::write(results.join("latest.jsonl"), raw)?;
        Ok(())
    }
}

fn row(what: &str, unit: &str, samples: &[f64], budget: Budget) -> String {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let (median, least) = (at(sorted.len() / 2), at(0));
    let most = at(sorted.len().saturating_sub(1));
    let (limit, met) = match budget {
        Budget::AtMost(limit) => (format!("≤ {limit}"), Some(median <= limit)),
        Budget::AtLeast(limit) => (format!("≥ {limit}"), Some(median >= limit)),
        Budget::None => ("–".to_owned(), None),
    };
    let met = match met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "–",
    };
    let runs = sorted.len();
    let (median, least, most) = (number(median), number(least), number(most));
    format!("| {what} | {median} {unit} | {least}–{most} ({runs}) | {limit} | {met} |")
}

fn number(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else if value < 1_000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// The value below which `share` of the samples are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index into far fewer than 2^52 samples"
)]
#[must_use]
pub fn percentile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_the_median_the_range_and_whether_the_budget_is_met() {
        assert_eq!(
            row(
                "list",
                "req/s",
                &[7_000.0, 4_000.0, 6_000.0],
                Budget::AtLeast(5_000.0)
            ),
            "| list | 6000 req/s | 4000–7000 (3) | ≥ 5000 | yes |"
        );
        assert_eq!(
            row("ratio", "×", &[1.2], Budget::AtMost(1.1)),
            "| ratio | 1.20 × | 1.20–1.20 (1) | ≤ 1.1 | NO |"
        );
        assert_eq!(
            row("memory", "MB", &[41.0], Budget::None),
            "| memory | 41.0 MB | 41.0–41.0 (1) | – | – |"
        );
    }

    #[test]
    fn a_percentile_is_the_sample_at_its_rank() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let of = |share| percentile(&samples, share).to_string();
        assert_eq!([of(0.5), of(0.99), of(1.0)], ["50", "99", "100"]);
    }
}
