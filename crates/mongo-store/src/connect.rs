//! From settings to a client.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use mongodb::Client;
use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, Tls, TlsOptions,
    WriteConcern,
};
use service_kit::settings::{StoreSettings, TlsSettings};
use store_kit::OpenError;

use crate::error::said;

/// Where a store is: never with a password.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) database: String,
    pub(crate) shown: String,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
enum WrongSettings {
    #[error("STORE_URL names no database; write mongodb://host/DATABASE?replicaSet=NAME")]
    NoDatabase,
    #[error(
        "STORE_URL has an empty appName, by which nobody's transactions are told from others'; name one or leave it out"
    )]
    NoProgram,
    #[error("STORE_URL is not a MongoDB URL: {0}")]
    Url(String),
    #[error("the certificate and the key for MongoDB cannot be read")]
    Identity(#[source] std::io::Error),
    #[error("the client for MongoDB cannot be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How often the driver looks for a changed primary.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the settings say, in the driver's words.
pub(crate) async fn options(settings: &StoreSettings) -> Result<(ClientOptions, Place), OpenError> {
    let mut options = ClientOptions::parse(url_with_user(settings))
        .await
        .map_err(|error| {
            OpenError::unusable("STORE_URL", WrongSettings::Url(said(error).to_string()))
        })?;
    if !settings.database.is_empty() {
        options.default_database = Some(settings.database.clone());
    }
    let place = place(&options)?;
    let wait = Duration::from_millis(settings.pool.wait_ms);
    let program = || format!("shop-{}", place.database);
    if options.app_name.get_or_insert_with(program).is_empty() {
        return Err(OpenError::unusable(place.shown, WrongSettings::NoProgram));
    }
    options.max_pool_size = u32::try_from(settings.pool.max).ok();
    options.connect_timeout = Some(wait);
    options.server_selection_timeout = Some(wait);
    options.heartbeat_freq = Some(HEARTBEAT);
    options.retry_reads = Some(true);
    options.retry_writes = Some(true);
    options.read_concern = Some(ReadConcern::majority());
    options.write_concern = Some(majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    let password = settings.password.expose();
    if let (false, Some(credential)) = (password.is_empty(), &mut options.credential) {
        credential.password = Some(password.to_owned());
    }
    Ok((options, place))
}

/// A client; the settings' own certificate is given to it.
pub(crate) fn client(
    mut options: ClientOptions,
    tls: &TlsSettings,
    place: &Place,
) -> Result<Client, OpenError> {
    let unusable = |error| OpenError::unusable(place.shown.clone(), error);
    // The driver reads the files while it makes the client; `_identity` lives until then.
    let _identity = encrypt(&mut options, tls).map_err(unusable)?;
    Client::with_options(options)
        .map_err(|error| unusable(WrongSettings::Client(Box::new(said(error)))))
}

/// Written on a majority of the members, and in their journals.
pub(crate) fn majority() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .build()
}

fn place(options: &ClientOptions) -> Result<Place, OpenError> {
    let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
    let hosts = hosts.join(",");
    match &options.default_database {
        Some(database) => Ok(Place {
            shown: format!("mongodb://{hosts}/{database}"),
            database: database.clone(),
        }),
        None => Err(OpenError::unusable(
            format!("mongodb://{hosts}"),
            WrongSettings::NoDatabase,
        )),
    }
}

/// The URL, with the user that the settings name: what it says about where that user is known then counts for them, unless the
/// settings name the database too, where they are known then.
fn url_with_user(settings: &StoreSettings) -> String {
    let (url, user) = (&settings.url, &settings.username);
    let Some((scheme, rest)) = url.split_once("://").filter(|_| !user.is_empty()) else {
        return url.clone();
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    let after = rest.get(authority.len()..).unwrap_or_default();
    let after = match settings.database.as_str() {
        "" => after.to_owned(),
        database => in_database(after, database),
    };
    let mut url = format!("{scheme}://");
    for byte in user.bytes() {
        // Writing into a string does not fail.
        let _ = write!(url, "%{byte:02X}");
    }
    format!("{url}@{hosts}{after}")
}

/// Path and query of a URL, with another database, where users are known.
fn in_database(after: &str, database: &str) -> String {
    let query = after.split_once('?').map_or("", |(_, query)| query);
    let is_kept = |option: &&str| !option.is_empty() && !option.starts_with("authSource=");
    let options: Vec<_> = query.split('&').filter(is_kept).collect();
    let mark = if options.is_empty() { "" } else { "?" };
    format!("/{database}{mark}{}", options.join("&"))
}

fn encrypt(
    options: &mut ClientOptions,
    tls: &TlsSettings,
) -> Result<Option<identity::File>, WrongSettings> {
    let identity = tls
        .identity()
        .map(|(certificate, key)| identity::of(certificate, key))
        .transpose()
        .map_err(WrongSettings::Identity)?;
    if tls.ca_file().is_none() && identity.is_none() {
        return Ok(None);
    }
    let mut wanted = match options.tls.take() {
        Some(Tls::Enabled(wanted)) => wanted,
        _ => TlsOptions::default(),
    };
    wanted.allow_invalid_certificates = None;
    if let Some(authorities) = tls.ca_file() {
        wanted.ca_file_path = Some(authorities.to_owned());
    }
    if let Some(identity) = &identity {
        wanted.cert_key_file_path = Some(identity.path());
    }
    options.tls = Some(Tls::Enabled(wanted));
    Ok(identity)
}

/// The driver wants certificate and key in one file; Kubernetes mounts them as two, and a secret is not copied to a disk.
mod identity {
    use std::fs;
    use std::io::{self, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::path::PathBuf;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::Path;

    /// A file in memory, gone when it is dropped.
    pub(super) struct File(fs::File);

    impl File {
        /// Where this process finds it.
        pub(super) fn path(&self) -> PathBuf {
            format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
        }
    }

    pub(super) fn of(certificate: &Path, key: &Path) -> io::Result<File> {
        let mut file = fs::File::from(memfd_create("store-identity", MemfdFlags::CLOEXEC)?);
        file.write_all(&fs::read(certificate)?)?;
        file.write_all(b"\n")?;
        file.write_all(&fs::read(key)?)?;
        Ok(File(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, user: &str) -> String {
        url_with_user(&StoreSettings {
            url: url.to_owned(),
            username: user.to_owned(),
            ..StoreSettings::default()
        })
    }

    #[test]
    fn the_user_of_the_settings_wins_over_the_one_of_the_url() {
        let url = "mongodb://a:1,b:2/user?authSource=admin";
        assert_eq!(with(url, ""), url);
        assert_eq!(
            with(url, "u@"),
            "mongodb://%75%40@a:1,b:2/user?authSource=admin"
        );
        assert_eq!(
            with("mongodb://scott:tiger@a:1/user", "ab"),
            "mongodb://%61%62@a:1/user"
        );
    }

    async fn opened(url: &str, username: &str) -> (ClientOptions, Place) {
        let settings = StoreSettings {
            url: url.to_owned(),
            username: username.to_owned(),
            database: "order".to_owned(),
            ..StoreSettings::default()
        };
        options(&settings).await.unwrap()
    }

    #[tokio::test]
    async fn the_database_of_the_settings_wins_over_the_one_of_the_url() {
        let source = |options: &ClientOptions| options.credential.clone().unwrap().source;
        let (options, place) = opened("mongodb://scott:tiger@a:1/shop?replicaSet=r", "").await;
        assert_eq!(place.shown, "mongodb://a:1/order");
        assert_eq!(
            source(&options).as_deref(),
            Some("shop"),
            "the URL's user is known where the URL says"
        );
        let (options, place) = opened("mongodb://a:1/?authSource=admin&replicaSet=r", "o").await;
        assert_eq!(place.shown, "mongodb://a:1/order");
        assert_eq!(source(&options).as_deref(), Some("order"));
        assert_eq!(options.repl_set_name.as_deref(), Some("r"));
    }
}
