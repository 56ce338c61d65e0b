//! `shopctl secrets`: passwords and keys for an installation.

use std::path::Path;

use crate::error::Error;
use crate::output::{Output, Show, Table};
use crate::secrets::{Made, make};

impl Show for Made {
    fn table(&self) -> Table {
        let rows = |names: &[String], what: &str| {
            let row = |name: &String| vec![what.to_owned(), name.clone()];
            names.iter().map(row).collect::<Vec<_>>()
        };
        Table {
            rows: [rows(&self.made, "made"), rows(&self.kept, "kept")].concat(),
            ..Table::default()
        }
    }
}

/// Makes what is missing, and says what it made.
pub(crate) fn run(folder: &Path, owner: Option<u32>, output: Output) -> Result<(), Error> {
    output.show(&make(folder, owner)?)
}
