//! Measures the platform: the one binary and the gateway against the budgets of `docs/performance.md` (`make bench`), and the
//! gateway's instructions per request for CI (`make bench-gate`).

pub mod callgrind;
pub mod figures;
pub mod load;
pub mod measure;
pub mod open_load;
pub mod process;
pub mod report;
pub mod requests;
pub mod subjects;
pub mod upstream;
