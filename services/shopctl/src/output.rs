//! Results, for people or for programs.

use std::io::{IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;

use crate::error::Error;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// A result.
pub(crate) trait Show: Serialize {
    /// The same for people.
    fn table(&self) -> Table;
}

/// Lines of columns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Names of the columns; none for text without a head.
    pub(crate) head: Vec<&'static str>,
    /// The lines.
    pub(crate) rows: Vec<Vec<String>>,
    /// What stands below.
    pub(crate) footer: Option<String>,
}

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output(Format);

impl Output {
    /// In the format that was asked for; else for people on a terminal, and for programs elsewhere.
    pub(crate) fn new(asked: Option<Format>) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let usual = if is_terminal {
            Format::Table
        } else {
            Format::Json
        };
        Self(asked.unwrap_or(usual))
    }

    /// Writes a result.
    pub(crate) fn show(self, result: &impl Show) -> Result<(), Error> {
        let text = match self.0 {
            Format::Table => result.table().to_string(),
            Format::Json => {
                let json = serde_json::to_string_pretty(result);
                json.map_err(|error| Error::Write(error.into()))? + "\n"
            }
        };
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Whoever read it has read enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Error::Write),
        }
    }
}

/// Says how something is going, on standard error: the result is not mixed with it.
#[expect(
    clippy::print_stderr,
    reason = "progress is for whoever waits for the result"
)]
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head: Vec<String> = self.head.iter().map(ToString::to_string).collect();
        let head = (!head.is_empty() && !self.rows.is_empty()).then_some(&head);
        let lines: Vec<&Vec<String>> = head.into_iter().chain(&self.rows).collect();
        let columns = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = lines.iter().filter_map(|line| line.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for line in lines {
            let cells = line.iter().zip(&widths);
            let text: Vec<String> = cells
                .map(|(cell, width)| format!("{:width$}", one_line(cell)))
                .collect();
            writeln!(f, "{}", text.join("   ").trim_end())?;
        }
        match &self.footer {
            Some(footer) => writeln!(f, "{footer}"),
            None => Ok(()),
        }
    }
}

/// A cell never breaks its line, and never moves a terminal's cursor.
fn one_line(cell: &str) -> String {
    cell.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_nothing_trails() {
        let table = Table {
            head: vec!["SERVICE", "PENDING"],
            rows: vec![
                vec!["notification".to_owned(), "3".to_owned()],
                vec!["user\u{1b}\n".to_owned(), String::new()],
            ],
            footer: Some("2 services".to_owned()),
        };
        assert_eq!(
            table.to_string(),
            "SERVICE        PENDING\nnotification   3\nuser\n2 services\n"
        );
    }
}
