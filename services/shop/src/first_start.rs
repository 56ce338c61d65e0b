//! What a shop needs before it can start, made once: the key that signs access tokens and the administrator's password.

use std::io;
use std::path::PathBuf;

use access_token::{KeyError, SigningKeys};
use rand::RngExt as _;
use rand::distr::Alphanumeric;

use crate::data_folder::DataFolder;
use crate::settings::Settings;

/// The PEM file of the key that signs access tokens.
pub(crate) const SIGNING_KEY: &str = "signing-key.pem";
/// The public half, for those who verify tokens.
pub(crate) const JWKS: &str = "jwks.json";
/// The file of the administrator's first password.
pub(crate) const ADMIN_PASSWORD: &str = "admin-password";
/// 142 bits.
const PASSWORD_LENGTH: usize = 24;

/// Why keys or a password could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// A file cannot be written or read.
    #[error("cannot write or read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A key cannot be made or used.
    #[error("the key that signs access tokens cannot be used; restore {} from a backup, or remove it to have a new one made (everybody signs in again)", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// The public keys cannot be written as JSON.
    #[error("the public keys cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Makes what a first start has to make, and points the settings to it. Says whether the administrator is the shop's own, with
/// a password in a file.
pub fn prepare(folder: &DataFolder, settings: &mut Settings) -> Result<bool, FirstStartError> {
    if settings.user.keys.signing_key == folder.join(SIGNING_KEY) {
        keys(folder)?;
    }
    let admin = &mut settings.user.bootstrap_admin;
    if !admin.password.is_empty() {
        return Ok(false);
    }
    let Some(password) = admin_password(folder)? else {
        return Ok(false);
    };
    admin.password = password.as_str().into();
    Ok(true)
}

/// Makes the signing key if there is none, and writes its public half.
fn keys(folder: &DataFolder) -> Result<(), FirstStartError> {
    let path = folder.join(SIGNING_KEY);
    let unusable = |source| FirstStartError::Key {
        path: path.clone(),
        source,
    };
    if !exists(&path)? {
        let pem = SigningKeys::generate_pem().map_err(unusable)?;
        write(folder, SIGNING_KEY, pem.as_bytes(), true)?;
    }
    let keys = SigningKeys::from_files(&path, None).map_err(unusable)?;
    write(
        folder,
        JWKS,
        &serde_json::to_vec_pretty(&keys.jwks())?,
        false,
    )
}

/// The administrator's first password, made on the first start. None if its file was removed since: the account is there and
/// has a password that is nobody's business.
fn admin_password(folder: &DataFolder) -> Result<Option<String>, FirstStartError> {
    let path = folder.join(ADMIN_PASSWORD);
    if !exists(&path)? {
        if exists(&folder.join("user.db"))? {
            return Ok(None);
        }
        let random = rand::rng().sample_iter(Alphanumeric);
        let mut password: String = random.take(PASSWORD_LENGTH).map(char::from).collect();
        password.push('\n');
        write(folder, ADMIN_PASSWORD, password.as_bytes(), true)?;
    }
    let text =
        std::fs::read_to_string(&path).map_err(|source| FirstStartError::File { path, source })?;
    Ok(Some(text.trim_end().to_owned()))
}

fn exists(path: &std::path::Path) -> Result<bool, FirstStartError> {
    path.try_exists().map_err(|source| FirstStartError::File {
        path: path.to_owned(),
        source,
    })
}

fn write(
    folder: &DataFolder,
    name: &str,
    content: &[u8],
    secret: bool,
) -> Result<(), FirstStartError> {
    folder
        .write(name, content, secret)
        .map_err(|source| FirstStartError::File {
            path: folder.join(name),
            source,
        })?;
    Ok(())
}
