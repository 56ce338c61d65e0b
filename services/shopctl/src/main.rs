//! The administrator's command line: see `shopctl --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shopctl::main()
}
