//! `shopctl provision`: databases, users, queues.

use std::time::Duration;

use crate::error::Error;
use crate::output::{Output, Show, Table};
use crate::provision::{Journal, Options, State, Step, provision_within};
use crate::settings::Settings;

impl Show for Journal {
    fn table(&self) -> Table {
        let row = |step: &Step| {
            let why = step.error.as_ref().map(|error| format!(": {error}"));
            vec![
                step.state.as_str().to_owned(),
                step.server.to_owned(),
                format!("{}{}", step.thing, why.unwrap_or_default()),
            ]
        };
        let counts = [
            (State::Changed, "changed"),
            (State::WouldChange, "to be changed"),
            (State::Failed, "failed"),
        ];
        let counts = counts.map(|(state, what)| (self.count(state), what));
        let told: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let footer = if told.is_empty() {
            "everything is as it should be; nothing was changed".to_owned()
        } else {
            format!(
                "{}, {} unchanged",
                told.join(", "),
                self.count(State::Unchanged)
            )
        };
        Table {
            head: vec!["STATE", "SERVER", "WHAT"],
            rows: self.steps().iter().map(row).collect(),
            footer: Some(footer),
        }
    }
}

/// Does what was asked for.
pub(crate) async fn run(
    settings: &Settings,
    options: Options,
    patience: Duration,
    output: Output,
) -> Result<(), Error> {
    let journal = provision_within(patience, settings, options).await?;
    output.show(&journal)?;
    let failed = journal.steps().iter();
    let failed = failed.filter(|step| step.state == State::Failed);
    let failed: Vec<String> = failed.map(ToString::to_string).collect();
    if failed.is_empty() {
        return Ok(());
    }
    // All in the last line: it is what is left of a container that ended.
    Err(Error::Partly(format!(
        "set this right and run it again, it goes on where it stopped: {}",
        failed.join("; ")
    )))
}
