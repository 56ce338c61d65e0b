//! The whole shop as one process: see `shop --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::report(shop::cli::run())
}
