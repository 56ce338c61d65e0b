//! The table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

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
}

impl Report {
    /// Adds a figure: the median of `samples`, with their range.
    pub fn add(&mut self, what: &str, unit: &str, samples: &[f64], budget: Budget) {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let median = at(sorted.len() / 2);
        let (limit, verdict) = match budget {
            Budget::AtMost(limit) => (format!("≤ {limit}"), yes_no(median <= limit)),
            Budget::AtLeast(limit) => (format!("≥ {limit}"), yes_no(median >= limit)),
            Budget::None => ("–".to_owned(), "–"),
        };
        self.rows.push(format!(
            "| {what} | {median:.1} {unit} | {:.1}–{:.1} ({}) | {limit} | {verdict} |",
            at(0),
            at(sorted.len().saturating_sub(1)),
            sorted.len(),
        ));
    }

    /// Prints the table and keeps it under `bench/results/`.
    #[expect(clippy::print_stdout, reason = "the table is the program's output")]
    pub fn finish(&self) -> Result<()> {
        let mut table = String::from(
            "| what | median | range (runs) | budget | met |\n|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            writeln!(table, "{row}")?;
        }
        print!("{table}");
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
        std::fs::write(results.join("latest.md"), table)?;
        Ok(())
    }
}

fn yes_no(met: bool) -> &'static str {
    if met { "yes" } else { "NO" }
}
