//! Statements that stand where no test finds them, and those that read more than they look for.

use std::path::Path;

use anyhow::{Context, Result};

/// The ways into the driver.
const CALLS: [&str; 5] = [
    "query(",
    "query_as(",
    "query_scalar(",
    "raw_sql(",
    "execute(",
];
/// What follows where a statement is spelled out or put together.
const SPELLED: [&str; 5] = ["\"", "&format!", "format!", "AssertSqlSafe", "concat!"];

/// Where the sources in a folder give the driver a statement that is not a named constant, as `file:line`. Statements that
/// are collected in one list are prepared and explained by tests; one that is spelled out where it is used would be neither.
pub fn spelled_out_in(folder: impl AsRef<Path>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let folder = folder.as_ref();
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(spelled_out_in(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path)?;
            let lines = lines_that_spell_out(&text);
            found.extend(lines.map(|line| format!("{}:{line}", path.display())));
        }
    }
    found.sort();
    Ok(found)
}

/// Line numbers, from 1.
fn lines_that_spell_out(text: &str) -> impl Iterator<Item = usize> {
    let calls = CALLS.iter().flat_map(|call| text.match_indices(call));
    calls.filter_map(|(at, call)| {
        let (before, rest) = text.split_at_checked(at + call.len())?;
        let argument = rest.trim_start();
        let spelled = SPELLED.iter().any(|start| argument.starts_with(start));
        spelled.then(|| before.lines().count())
    })
}

/// Statements by name, each with steps of its plan.
pub type Steps = Vec<(&'static str, Vec<String>)>;

/// The statements with steps that read a table or an index from end to end, as `explain` gives them.
pub async fn whole_scans(
    statements: &[(&'static str, &'static str)],
    explain: impl AsyncFn(&'static str) -> Vec<String>,
) -> Steps {
    let mut whole = Vec::new();
    for (name, sql) in statements {
        let scans = explain(sql).await;
        if !scans.is_empty() {
            whole.push((*name, scans));
        }
    }
    whole
}

/// The steps that a test expects.
#[must_use]
pub fn steps(expected: &[(&'static str, &[&str])]) -> Steps {
    let owned = expected.iter().map(|(name, steps)| {
        let steps = steps.iter().map(|step| (*step).to_owned());
        (*name, steps.collect())
    });
    owned.collect()
}

#[cfg(test)]
mod tests {
    use super::lines_that_spell_out;

    #[test]
    fn a_statement_that_is_spelled_out_is_found_and_a_named_one_is_not() {
        let text = "sqlx::query(statements::CLAIM)\n    .execute(connection);\nsqlx::query_as(\n    \"SELECT 1\")";
        assert_eq!(lines_that_spell_out(text).collect::<Vec<_>>(), [3]);
    }
}
