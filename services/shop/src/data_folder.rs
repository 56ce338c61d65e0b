//! The one folder in which a shop keeps everything: stores, broker, keys, mails.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Why a folder cannot hold a shop's data.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// The folder is not there and cannot be made.
    #[error("cannot create the data folder {}; choose another with --data", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something else is there.
    #[error("{} is not a folder; choose another with --data", path.display())]
    NotAFolder {
        /// What is there.
        path: PathBuf,
    },
    /// A file cannot be written in it.
    #[error("the data folder {} is not writable; choose another with --data, or change its owner", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process works on it.
    #[error(
        "another shop is running on the data folder {}; stop it first, or choose another folder with --data",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

/// A data folder that this process, and no other, works on until the value is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// The lock is the operating system's: it ends with the process, however the process ends.
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if it is not there (mode 0700) and locks it.
    pub fn open(path: &Path) -> Result<Self, DataFolderError> {
        if path.exists() && !path.is_dir() {
            return Err(DataFolderError::NotAFolder {
                path: path.to_owned(),
            });
        }
        let create = |source| DataFolderError::Create {
            path: path.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(create)?;
        let path = fs::canonicalize(path).map_err(create)?;
        let not_writable = |source| DataFolderError::NotWritable {
            path: path.clone(),
            source,
        };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataFolderError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        // An existing lock file opens in a folder that takes no new files: try what the stores will do.
        let probe = path.join("write-probe");
        File::create(&probe)
            .and_then(|_| fs::remove_file(&probe))
            .map_err(not_writable)?;
        Ok(Self { path, _lock: lock })
    }

    /// A file or folder in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file whole or not at all (a temporary file, synced and renamed), readable by its owner only if
    /// `secret`.
    pub fn write(&self, name: &str, content: &[u8], secret: bool) -> io::Result<PathBuf> {
        let (path, temporary) = (self.join(name), self.join(&format!("{name}.tmp")));
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(if secret { 0o600 } else { 0o644 })
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_created_private_and_locked_until_it_is_dropped() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/data");
        let folder = DataFolder::open(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(matches!(
            DataFolder::open(&path),
            Err(DataFolderError::InUse { .. })
        ));
        drop(folder);
        DataFolder::open(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_folder_s_place_is_refused_with_its_path() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        fs::write(&path, "").unwrap();
        let error = DataFolder::open(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} is not a folder; choose another with --data",
                path.display()
            )
        );
    }

    #[test]
    fn a_secret_file_is_readable_by_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        let secret = folder.write("secret", b"s", true).unwrap();
        let public = folder.write("public", b"p", false).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&secret), mode(&public)), (0o600, 0o644));
        assert_eq!(fs::read(&secret).unwrap(), b"s");
    }
}
