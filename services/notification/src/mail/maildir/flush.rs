//! A folder's entries brought to the disk, once for all that changed it at the same moment.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A folder whose entries must survive a loss of power.
///
/// `fsync` brings everything to the disk that the folder has when it begins. So whoever waits while it runs shares the next one.
#[derive(Debug)]
pub(super) struct Flush {
    folder: PathBuf,
    /// Changes of the folder so far.
    changes: AtomicU64,
    /// So many of them are on disk; held while the disk is at work.
    flushed: Mutex<u64>,
}

impl Flush {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            changes: AtomicU64::new(0),
            flushed: Mutex::new(0),
        }
    }

    /// Returns when what the caller has changed in the folder is on disk. Blocks.
    pub(super) fn changed(&self) -> io::Result<()> {
        self.shared(|| File::open(&self.folder)?.sync_all())
    }

    fn shared(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let own = self.changes.fetch_add(1, Ordering::AcqRel) + 1;
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        if *flushed < own {
            let all = self.changes.load(Ordering::Acquire);
            // If this fails, whoever waits tries for itself.
            sync()?;
            *flushed = all;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    /// Ten changes, of which nine come while the first is being flushed, and the results; `first` is what becomes of that.
    fn ten(first: fn() -> io::Result<()>, syncs: &AtomicUsize) -> Vec<bool> {
        let flush = Flush::new(PathBuf::new());
        let sync = || {
            if syncs.fetch_add(1, Ordering::SeqCst) > 0 {
                return Ok(());
            }
            while flush.changes.load(Ordering::SeqCst) < 10 {
                thread::yield_now();
            }
            first()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..10)
                .map(|_| scope.spawn(|| flush.shared(sync).is_ok()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn those_who_wait_for_the_disk_share_the_next_flush() {
        let syncs = AtomicUsize::new(0);
        let done = ten(|| Ok(()), &syncs);
        assert_eq!(done, [true; 10]);
        // Or one, if all ten had changed something when the first began.
        assert!(syncs.into_inner() <= 2);
    }

    #[test]
    fn what_changes_while_a_flush_runs_needs_another_one() {
        let flush = Flush::new(PathBuf::new());
        let somebody_else = || {
            flush.changes.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        flush.shared(somebody_else).unwrap();
        assert_eq!(*flush.flushed.lock().unwrap(), 1);
    }

    #[test]
    fn a_flush_that_fails_is_told_to_one_and_tried_again_for_the_others() {
        let syncs = AtomicUsize::new(0);
        let done = ten(|| Err(io::Error::other("no disk")), &syncs);
        assert_eq!(done.iter().filter(|done| !**done).count(), 1);
        assert_eq!(syncs.into_inner(), 2);
    }
}
