//! Disks in memory that a test can fill. Who supervises the server takes its disk away; what nobody supervises any more, whoever
//! starts next takes away.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `mount` calls them; there is no such device.
pub(super) const SOURCE: &str = "shop-test";
/// In the folder of a server; locked as long as its supervisor lives.
pub(super) const SUPERVISED: &str = "supervised";

/// Takes away the disks whose supervisors were killed, with the folders that they are in.
pub(super) fn sweep() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for disk in disks(&mounts) {
        let Some(folder) = disk.parent().filter(|folder| !is_supervised(folder)) else {
            continue;
        };
        // If it cannot be, somebody else was faster, or may and this process may not.
        let unmounted = Command::new("umount").arg("-l").arg(&disk).status();
        if unmounted.is_ok_and(|status| status.success()) && !folder.join("keep").exists() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Where they are mounted. The folders of servers have no characters that are written otherwise here.
fn disks(mounts: &str) -> impl Iterator<Item = PathBuf> {
    let disks = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (source, at, kind) = (words.next()?, words.next()?, words.next()?);
        (source == SOURCE && kind == "tmpfs").then(|| PathBuf::from(at))
    });
    disks.collect::<Vec<_>>().into_iter()
}

fn is_supervised(folder: &Path) -> bool {
    let lock = File::open(folder.join(SUPERVISED)).map(|file| file.try_lock());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use anyhow::Result;

    use super::*;
    use crate::servers::{Script, ServerProcess, Supervisor};
    use crate::wait;

    /// A server that does nothing but to have a disk.
    async fn server() -> ServerProcess {
        let supervisor = Supervisor::new("disk").unwrap();
        let folder = supervisor.folder();
        Script::new()
            .line(&format!("cd '{}'", folder.display()))
            .disk(1)
            .exec(["sleep", "1000"])
            .write(folder)
            .unwrap();
        let disk = disk_of(folder);
        let ready = Box::new(move || -> futures_util::future::BoxFuture<'static, bool> {
            let ready = disk.join("data").is_dir();
            Box::pin(async move { ready })
        });
        let server = ServerProcess::new("a server with a disk", supervisor, "TERM", ready);
        server.start().await.unwrap();
        assert!(is_mounted(&disk_of(server.folder())));
        server
    }

    fn disk_of(folder: &Path) -> PathBuf {
        folder.join("disk")
    }

    fn is_mounted(disk: &Path) -> bool {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        disks(&mounts).any(|mounted| mounted == disk)
    }

    async fn until_unmounted(folder: &Path) {
        wait::until("the disk to be taken away", || async {
            Ok((!is_mounted(&disk_of(folder))).then_some(()))
        })
        .await
        .unwrap();
    }

    /// The one process that was started with the folder's name.
    fn supervisor_of(folder: &Path) -> Result<String> {
        let folder = folder.display().to_string();
        for process in std::fs::read_dir("/proc")? {
            let process = process?;
            let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            if words
                .split(|byte| *byte == 0)
                .any(|word| word == folder.as_bytes())
            {
                return Ok(process.file_name().to_string_lossy().into_owned());
            }
        }
        anyhow::bail!("nobody supervises {folder}")
    }

    #[tokio::test]
    async fn a_test_that_fails_leaves_no_disk_in_memory_and_keeps_what_was_on_it() {
        let server = server().await;
        let folder = server.folder().to_owned();
        std::fs::write(folder.join("data").join("row"), "precious").unwrap();
        server.fill_disk().await.unwrap();
        let fails = std::thread::spawn(move || {
            let _server = server;
            panic!("on purpose");
        });
        assert!(fails.join().is_err());
        until_unmounted(&folder).await;
        let row = || std::fs::read_to_string(folder.join("data").join("row")).ok();
        wait::until("what was on it", || async { Ok(row()) })
            .await
            .unwrap();
        assert!(!disk_of(&folder).join("ballast").exists());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_disk_whose_supervisor_was_killed_is_taken_away_when_the_next_server_starts() {
        let (left_over, in_use) = (server().await, server().await);
        left_over.kill().await.unwrap();
        let supervisor = supervisor_of(left_over.folder()).unwrap();
        let killed = Command::new("kill").args(["-KILL", &supervisor]).status();
        assert!(killed.unwrap().success());
        wait::until("the supervisor to be gone", || async {
            Ok((!is_supervised(left_over.folder())).then_some(()))
        })
        .await
        .unwrap();
        let _next = server().await;
        assert!(!is_mounted(&disk_of(left_over.folder())));
        assert!(!left_over.folder().exists());
        assert!(is_mounted(&disk_of(in_use.folder())));
    }
}
