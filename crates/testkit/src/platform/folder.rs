//! What the processes of one platform share: keys, passwords, mails and logs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tempfile::TempDir;

/// Removed at the end, but kept when the test fails. Until all has started it is kept, too: what cannot be started ends as an
/// error, which the test panics with only after this is gone.
pub(super) struct Folder {
    made: Option<TempDir>,
    path: PathBuf,
    kept: AtomicBool,
}

pub(super) const SIGNING_KEY: &str = "signing-key.pem";
pub(super) const ADMIN_PASSWORD: &str = "admin-password";
pub(super) const MAIL: &str = "mail";
pub(super) const LOGS: &str = "logs";

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

impl Folder {
    /// With a new signing key and a new password of the administrator.
    pub(super) fn new() -> Result<Self> {
        let made = tempfile::Builder::new()
            .prefix("shop-test-platform-")
            .tempdir()?;
        let path = made.path().to_owned();
        let seed: [u8; 32] = rand::random();
        let key = pem::Pem::new("PRIVATE KEY", [&PKCS8[..], &seed[..]].concat());
        std::fs::write(path.join(SIGNING_KEY), pem::encode(&key))?;
        let password = format!("{:032x}", rand::random::<u128>());
        std::fs::write(path.join(ADMIN_PASSWORD), password)?;
        std::fs::create_dir(path.join(LOGS))?;
        Ok(Self {
            made: Some(made),
            path,
            kept: AtomicBool::new(true),
        })
    }

    /// Whether it is to stay also if nobody panics.
    pub(super) fn keep(&self, kept: bool) {
        self.kept.store(kept, Ordering::SeqCst);
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Where one process writes what it has to say.
    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.path.join(LOGS).join(format!("{process}.log"))
    }
}

impl Drop for Folder {
    #[expect(clippy::print_stderr, reason = "a failing test must show what it kept")]
    fn drop(&mut self) {
        if (std::thread::panicking() || self.kept.load(Ordering::SeqCst))
            && let Some(made) = self.made.take()
        {
            eprintln!("kept the logs and the mails: {}", made.keep().display());
        }
    }
}
