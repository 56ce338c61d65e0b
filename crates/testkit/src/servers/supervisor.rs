//! A small shell that outlives nobody: it runs one server and takes it down when the process that asked for it is gone.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::disks;

const SCRIPT: &str = include_str!("supervise.sh");

/// A folder and the shell that runs what is started there.
///
/// The parent-death signal of the kernel would not do: it is sent when the *thread* that forked ends, and a change of
/// user clears it. The pipe closes whatever happens to us, `kill -9` included.
pub(crate) struct Supervisor {
    folder: PathBuf,
    channel: Mutex<Channel>,
}

struct Channel {
    shell: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Supervisor {
    /// A shell with a new folder whose name begins with `name`. Must be called within a tokio runtime.
    pub(crate) fn new(name: &str) -> Result<Self> {
        disks::sweep();
        let made: TempDir = tempfile::Builder::new()
            .prefix(&format!("shop-test-{name}-"))
            .permissions(enterable())
            .tempdir()
            .context("cannot make a folder for a test server")?;
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(SCRIPT)
            .arg("supervise")
            .arg(made.path())
            .arg(made.path().join(disks::SUPERVISED))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Out of reach of the terminal's Ctrl-C, so that it is there to clean up after it.
            .process_group(0)
            .spawn()
            .context("cannot start `sh` to supervise a test server")?;
        let orders = shell.stdin.take().context("no pipe to the supervisor")?;
        let answers = shell.stdout.take().context("no pipe from the supervisor")?;
        Ok(Self {
            // From here on the shell removes it.
            folder: made.keep(),
            channel: Mutex::new(Channel {
                shell,
                orders,
                answers: BufReader::new(answers).lines(),
            }),
        })
    }

    /// Where the server keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives an order of `supervise.sh` and returns its answer.
    pub(crate) async fn order(&self, order: &str) -> Result<String> {
        let mut channel = self.channel.lock().await;
        channel
            .orders
            .write_all(format!("{order}\n").as_bytes())
            .await?;
        let answer = channel.answers.next_line().await?;
        answer.with_context(|| format!("the supervisor ended instead of answering `{order}`"))
    }

    /// Kills what runs, removes the folder, and returns when both are done.
    pub(crate) async fn end(self) -> Result<()> {
        let Channel {
            mut shell,
            orders,
            answers,
        } = self.channel.into_inner();
        drop(orders);
        shell.wait().await?;
        drop(answers);
        Ok(())
    }
}

/// Root may make the folder for a server that runs as somebody else: that one must get through to what is its own.
fn enterable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o711)
}
