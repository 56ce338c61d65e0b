//! Passwords and keys for an installation without an operator: made once, each in a file of whoever needs it.
//!
//! ```text
//! mongodb/admin-password  key              the administrator, and the key of the replica set's members
//! postgres/admin-password                  the administrator
//! rabbitmq/admin-password conf.d/admin.conf  the administrator, also as RabbitMQ reads it
//! user/signing-key.pem admin-password      what signs access tokens, and the shop's first administrator
//! SERVICE/store-password broker-password   each service's own users
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use access_token::{KeyError, SigningKeys};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::settings::Service;

/// 192 bits, in letters that need no quoting anywhere.
const PASSWORD_BYTES: usize = 24;
/// What mongod takes at most is 1024 letters; 6 to 1024 of base64.
const MEMBER_KEY_BYTES: usize = 564;

/// Why secrets could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A file or folder cannot be made.
    #[error("cannot write {}; does the folder exist, and may this user write to it?", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No key can be made.
    #[error("cannot make the key that signs access tokens")]
    Key(#[from] KeyError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// What was made, and what had been there; paths in the folder.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Files that are new.
    pub made: Vec<String>,
    /// Files that were left as they are.
    pub kept: Vec<String>,
}

/// Makes what is missing; what is there stays as it is. Files of the four services belong to `owner` afterwards, if one is
/// named.
pub fn make(folder: &Path, owner: Option<u32>) -> Result<Made, SecretsError> {
    let mut writer = Writer {
        folder,
        made: Made::default(),
    };
    writer.write("mongodb/admin-password", 0o600, password)?;
    writer.write("mongodb/key", 0o600, || {
        Ok(STANDARD.encode(random::<MEMBER_KEY_BYTES>()?))
    })?;
    writer.write("postgres/admin-password", 0o600, password)?;
    writer.write("rabbitmq/admin-password", 0o600, password)?;
    let broker_admin = writer.read("rabbitmq/admin-password")?;
    // RabbitMQ's own user reads it, whatever number that has.
    writer.write("rabbitmq/conf.d/admin.conf", 0o644, || {
        Ok(format!(
            "default_user = admin\ndefault_pass = {broker_admin}\n"
        ))
    })?;
    writer.write("user/signing-key.pem", 0o600, || {
        Ok(SigningKeys::generate_pem()?)
    })?;
    writer.write("user/admin-password", 0o600, password)?;
    for service in Service::ALL {
        for name in ["store-password", "broker-password"] {
            writer.write(&format!("{service}/{name}"), 0o600, password)?;
        }
        if let Some(owner) = owner {
            give(&folder.join(service.as_str()), owner)?;
        }
    }
    Ok(writer.made)
}

struct Writer<'a> {
    folder: &'a Path,
    made: Made,
}

impl Writer<'_> {
    /// Makes one file, whole or not at all.
    fn write(
        &mut self,
        name: &str,
        mode: u32,
        content: impl FnOnce() -> Result<String, SecretsError>,
    ) -> Result<(), SecretsError> {
        let path = self.folder.join(name);
        let failed = |source| SecretsError::Write {
            path: path.clone(),
            source,
        };
        if path.try_exists().map_err(failed)? {
            self.made.kept.push(name.to_owned());
            return Ok(());
        }
        let content = content()?;
        let parent = path.parent().unwrap_or(self.folder);
        let temporary = path.with_extension("new");
        let written = fs::create_dir_all(parent)
            .and_then(|()| create(&temporary, mode))
            .and_then(|mut file| {
                file.write_all(content.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| File::open(parent)?.sync_all());
        written.map_err(failed)?;
        self.made.made.push(name.to_owned());
        Ok(())
    }

    fn read(&self, name: &str) -> Result<String, SecretsError> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(|source| SecretsError::Write { path, source })
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true).mode(mode);
    options.open(path)
}

/// Gives a folder and the files in it to a user.
fn give(folder: &Path, owner: u32) -> Result<(), SecretsError> {
    let entries = || -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            chown(entry?.path(), Some(owner), Some(owner))?;
        }
        chown(folder, Some(owner), Some(owner))
    };
    entries().map_err(|source| SecretsError::Write {
        path: folder.to_owned(),
        source,
    })
}

fn password() -> Result<String, SecretsError> {
    let bytes = random::<PASSWORD_BYTES>()?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

fn random<const N: usize>() -> Result<[u8; N], SecretsError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SecretsError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ALL: usize = 7 + 2 * Service::ALL.len();

    #[test]
    fn secrets_are_made_once_and_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = make(folder.path(), None).unwrap();
        assert_eq!((first.made.len(), first.kept.len()), (ALL, 0));
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let password = read("order/store-password");
        assert_eq!(password.len(), 32);
        assert_ne!(password, read("order/broker-password"));
        assert_eq!(
            read("rabbitmq/conf.d/admin.conf"),
            format!(
                "default_user = admin\ndefault_pass = {}\n",
                read("rabbitmq/admin-password")
            )
        );
        let mode = |name: &str| {
            let path = folder.path().join(name);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("user/signing-key.pem"), 0o600);
        assert_eq!(mode("rabbitmq/conf.d/admin.conf"), 0o644);

        let second = make(folder.path(), None).unwrap();
        assert_eq!((second.made.len(), second.kept.len()), (0, ALL));
        assert_eq!(read("order/store-password"), password);
    }

    #[test]
    fn a_key_that_was_made_signs_tokens_and_one_of_the_members_is_as_mongod_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), None).unwrap();
        let key = folder.path().join("user/signing-key.pem");
        SigningKeys::from_files(&key, None).unwrap();
        let key = fs::read_to_string(folder.path().join("mongodb/key")).unwrap();
        assert_eq!(key.len(), 752);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = make(&file, None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot write {}/mongodb", file.display())),
            "{error}"
        );
    }
}
