//! Running the program.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a run of the program came to.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the program on the data folder of a shop, with none of this process's variables.
pub fn shopctl(data: &Path, arguments: &[&str]) -> Run {
    let mut command = program(arguments);
    command.arg("--data").arg(data);
    run(command)
}

/// The program with these arguments and no variables.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopctl"));
    command.args(arguments).env_clear();
    command
}

/// Runs it to its end.
pub fn run(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// Its result, if it succeeded.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}
