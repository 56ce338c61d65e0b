//! For administrators' programs: a client that is no service's.

use mongodb::Client;
use mongodb::options::ClientOptions;
use service_kit::settings::StoreSettings;
use store_kit::OpenError;

use crate::connect;

/// Clients to a server in any state. Commands on them have no deadline of their own but the ones given here: a server must be
/// found within `pool.wait_ms`.
pub struct Administrator {
    settings: StoreSettings,
    options: ClientOptions,
    place: connect::Place,
}

impl Administrator {
    /// Reads the settings; nothing is connected yet. The URL must name a database: where the administrator's account is kept.
    pub async fn new(settings: &StoreSettings) -> Result<Self, OpenError> {
        let (options, place) = connect::options(settings).await?;
        Ok(Self {
            settings: settings.clone(),
            options,
            place,
        })
    }

    /// A client that finds the replica set's primary.
    pub fn client(&self) -> Result<Client, OpenError> {
        connect::client(self.options.clone(), &self.settings.tls, &self.place)
    }

    /// The servers that the URL names.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.options.hosts.iter().map(ToString::to_string).collect()
    }

    /// A client that talks to one of [`Administrator::hosts`], whatever state it is in.
    pub fn direct_client(&self, host: &str) -> Result<Client, OpenError> {
        connect::client(self.directly(host), &self.settings.tls, &self.place)
    }

    /// The same as nobody: every server tells nobody how it is, also one that has no users yet.
    pub fn anonymous_client(&self, host: &str) -> Result<Client, OpenError> {
        let mut options = self.directly(host);
        options.credential = None;
        connect::client(options, &self.settings.tls, &self.place)
    }

    fn directly(&self, host: &str) -> ClientOptions {
        let mut options = self.options.clone();
        options.hosts.retain(|named| named.to_string() == host);
        options.direct_connection = Some(true);
        options.repl_set_name = None;
        options
    }

    /// The name of the replica set, if the URL has it.
    #[must_use]
    pub fn replica_set(&self) -> Option<&str> {
        self.options.repl_set_name.as_deref()
    }

    /// Where it is; never with a password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place.shown
    }
}
