//! `shopctl doctor`: what is wrong.

use std::path::Path;

use crate::doctor::{Findings, Verdict, examine};
use crate::error::Error;
use crate::output::{Output, Show, Table};
use crate::settings::Settings;

impl Show for Findings {
    fn table(&self) -> Table {
        let row = |check: &crate::doctor::Check| {
            vec![
                check.verdict.as_str().to_owned(),
                check.place.clone(),
                check.subject.clone(),
                check.finding.clone(),
            ]
        };
        Table {
            head: vec!["", "PLACE", "CHECK", "FINDING"],
            rows: self.checks().iter().map(row).collect(),
            footer: Some(format!(
                "{} ok, {} to look at, {} failed",
                self.count(Verdict::Ok),
                self.count(Verdict::Warn),
                self.count(Verdict::Fail)
            )),
        }
    }
}

/// Does what was asked for.
pub(crate) async fn run(
    settings: &Settings,
    data: Option<&Path>,
    output: Output,
) -> Result<(), Error> {
    let findings = examine(settings, data).await?;
    output.show(&findings)?;
    match findings.count(Verdict::Fail) {
        0 => Ok(()),
        1 => Err(Error::Partly("1 check failed".to_owned())),
        failed => Err(Error::Partly(format!("{failed} checks failed"))),
    }
}
