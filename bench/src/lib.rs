//! Measures the platform against the budgets of `docs/performance.md`: the one binary, the gateway, and the five services on real
//! servers (`make bench`); the same without a broker for minutes (`make bench-outage`); and the gateway's instructions per request
//! for CI (`make bench-gate`).

pub mod callgrind;
pub mod figures;
pub mod load;
pub mod measure;
pub mod open_load;
pub mod process;
pub mod real_shop;
pub mod report;
pub mod requests;
pub mod subjects;
pub mod upstream;
