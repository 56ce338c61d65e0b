//! The figures of the gate that are checked in, and the comparison with them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// How far a figure may be from the one checked in: better is refused too, so that what was won is written down and kept.
pub const TOLERANCE: f64 = 0.03;
/// How far two runs may be from each other; past that the comparison would say nothing.
pub const SPREAD: f64 = 0.01;

/// What one request costs at the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Instructions outside the kernel.
    pub instructions: f64,
    /// Calls of the allocator.
    pub allocations: f64,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// What compiled the measured gateway: another compiler makes other instructions.
    pub compiler: String,
    /// Per route.
    pub routes: BTreeMap<String, Cost>,
}

impl Figures {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is malformed", path.display()))
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// How far `measured` is from `expected`, as a part of it; negative if it is less.
#[must_use]
pub fn deviation(measured: f64, expected: f64) -> f64 {
    if expected == 0.0 {
        return if measured == 0.0 { 0.0 } else { f64::INFINITY };
    }
    measured / expected - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("figures.json");
        let cost = Cost {
            instructions: 61_234.0,
            allocations: 42.5,
        };
        let figures = Figures {
            compiler: "rustc 1".to_owned(),
            routes: BTreeMap::from([("public".to_owned(), cost)]),
        };
        figures.write(&file).unwrap();
        assert_eq!(Figures::read(&file).unwrap(), figures);
    }

    #[test]
    fn a_deviation_is_relative_to_what_was_expected() {
        assert!((deviation(97.0, 100.0) + 0.03).abs() < 1e-9);
        assert!((deviation(103.0, 100.0) - 0.03).abs() < 1e-9);
        assert!(deviation(0.0, 0.0).abs() < 1e-9);
        assert_eq!(deviation(1.0, 0.0).to_string(), "inf");
    }
}
