//! `start.sh`: how a server is started, readable for somebody who looks into its folder.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::disks::SOURCE;

/// A shell script, written line by line.
#[derive(Default)]
pub(crate) struct Script(String);

impl Script {
    /// `set -e`, and nothing of the caller's settings.
    pub(crate) fn new() -> Self {
        Self("set -eu\n".to_owned())
    }

    /// With an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        let _ = writeln!(self.0, "export {name}={}", quote(value));
        self
    }

    /// With a line of shell.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.0.push_str(line);
        self.0.push('\n');
        self
    }

    /// With `data` on a file system of this size, in memory: `disk`, which the supervisor takes away at the end.
    pub(crate) fn disk(self, mib: u32) -> Self {
        self.line("if ! mountpoint -q disk; then")
            .line("\tmkdir -p disk")
            .line(&format!(
                "\tif ! mount -t tmpfs -o size={mib}m,mode=711 {SOURCE} disk; then"
            ))
            .line("\t\techo 'A disk that can be filled must be mounted, which only root may: run this test as root.'")
            .line("\t\texit 1")
            .line("\tfi")
            .line("\t[ ! -d data ] || rmdir data")
            .line("\tmkdir disk/data")
            .line("\tln -s disk/data data")
            .line("fi")
    }

    /// With the program that takes the shell's place.
    pub(crate) fn exec<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: Vec<String> = words.into_iter().map(quote).collect();
        self.line(&format!("exec {}", words.join(" ")))
    }

    /// Writes it where the supervisor looks for it.
    pub(crate) fn write(self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("start.sh"), self.0)?;
        Ok(())
    }
}

/// A word for the shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
