//! What SQLite and PostgreSQL have in common: statements that both understand, and rows of texts and numbers.

use anyhow::{Context as _, Result, bail};

/// A statement, and what becomes of each of its rows.
pub(in crate::checker) struct Query<T> {
    pub(super) sql: &'static str,
    pub(super) take: fn(&mut T, Row) -> Result<()>,
}

/// One value.
pub(super) enum Cell {
    Null,
    Number(i64),
    Text(String),
}

/// One row, taken cell by cell in the order of its statement.
pub(in crate::checker) struct Row(std::vec::IntoIter<Cell>);

impl Row {
    pub(super) fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    pub(super) fn text(&mut self) -> Result<String> {
        self.optional_text()?.context("NULL where a text must be")
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.next()? {
            Cell::Text(text) => Ok(Some(text)),
            Cell::Null => Ok(None),
            Cell::Number(number) => bail!("{number} where a text must be"),
        }
    }

    pub(super) fn number(&mut self) -> Result<i64> {
        match self.next()? {
            Cell::Number(number) => Ok(number),
            Cell::Null => bail!("NULL where a number must be"),
            Cell::Text(text) => bail!("`{text}` where a number must be"),
        }
    }

    /// What SQL calls a truth: a number that is not nought.
    pub(super) fn truth(&mut self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    fn next(&mut self) -> Result<Cell> {
        self.0.next().context("the statement has too few columns")
    }
}
