//! Open files: each connection is one, and stores and mails need some too. Without a bound below the system's, a thousand idle
//! clients would keep a process with the usual limit of 1024 from opening anything.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many of these connections one port may have at a time, once the process's limit is as high as it may be.
pub(super) fn places(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it cannot be raised it stays as it is.
    let _ = setrlimit(Resource::Nofile, raised);
    bounded(wanted, getrlimit(Resource::Nofile).current)
}

/// Half of the files at most: the rest is for what connections make necessary, and for the stores.
fn bounded(wanted: usize, files: Option<u64>) -> usize {
    let files = files.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    });
    wanted.min(files / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_at_most_half_of_the_files() {
        assert_eq!(bounded(10_000, Some(1024)), 512);
        assert_eq!(bounded(10_000, Some(1_048_576)), 10_000);
        assert_eq!(bounded(10_000, None), 10_000);
        assert_eq!(bounded(0, Some(0)), 1, "none would serve nobody");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_may_open_as_many_files_as_the_system_allows() {
        places(1);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
