//! Who may talk to the API server, and how they get in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::servers::{Authority, free_port};

/// How somebody gets in.
#[derive(Clone, Debug)]
pub struct Access {
    /// A kubeconfig with all of the below, for kubectl and other programs.
    pub kubeconfig: PathBuf,
    /// `https://127.0.0.1:…`.
    pub url: String,
    /// The bearer token.
    pub token: String,
    /// The certificate of the authority that signed the API server's, as PEM.
    pub authority: String,
}

/// Who has a token.
#[derive(Clone, Copy)]
pub(super) enum User {
    /// May do everything, and is never throttled.
    Administrator,
    /// May do what Kubernetes itself allows it.
    ControllerManager,
    /// May do what Kubernetes itself allows it.
    Scheduler,
    /// Plays kubelets and a storage driver, and may do everything.
    Nodes,
}

impl User {
    const ALL: [Self; 4] = [
        Self::Administrator,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Nodes,
    ];

    /// As Kubernetes knows them.
    fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::ControllerManager => "system:kube-controller-manager",
            Self::Scheduler => "system:kube-scheduler",
            Self::Nodes => "kwok",
        }
    }

    fn groups(self) -> &'static str {
        match self {
            Self::Administrator | Self::Nodes => "system:masters",
            Self::ControllerManager | Self::Scheduler => "",
        }
    }

    /// In the names of files and tokens.
    fn slug(self) -> &'static str {
        let name = self.name();
        name.strip_prefix("system:").unwrap_or(name)
    }

    /// The name of the file with this user's kubeconfig.
    pub(super) fn kubeconfig(self) -> String {
        match self {
            Self::Administrator => "kubeconfig".to_owned(),
            other => format!("kubeconfig-{}", other.slug()),
        }
    }
}

/// Certificates, tokens and the address of an API server, in its folder.
pub(super) struct Accounts {
    folder: PathBuf,
    port: u16,
    /// One for all tokens: who can read one can read all.
    secret: String,
    authority: Authority,
    http: reqwest::Client,
}

impl Accounts {
    /// New ones: `ca.pem`, `certificate.pem`, `key.pem`, `tokens.csv`, a kubeconfig for each user, and
    /// `service-accounts.pem`, which signs the tokens of service accounts, with `service-accounts-public.pem`.
    pub(super) fn write(folder: &Path) -> Result<Self> {
        let authority = Authority::new()?;
        authority.write(folder)?;
        Authority::write_keys(folder, "service-accounts")?;
        let trusted = reqwest::Certificate::from_pem(authority.certificate().as_bytes())?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .tls_certs_only([trusted])
            .build()?;
        let accounts = Self {
            folder: folder.to_owned(),
            port: free_port()?,
            secret: format!("{:032x}", rand::random::<u128>()),
            authority,
            http,
        };
        let mut tokens = String::new();
        for user in User::ALL {
            let (token, name) = (accounts.token(user), user.name());
            writeln!(tokens, "{token},{name},{name},\"{}\"", user.groups())?;
            let kubeconfig = folder.join(user.kubeconfig());
            std::fs::write(kubeconfig, accounts.kubeconfig(user).to_string())?;
        }
        std::fs::write(folder.join("tokens.csv"), tokens)?;
        Ok(accounts)
    }

    /// How an administrator gets in.
    pub(super) fn administrator(&self) -> Access {
        Access {
            kubeconfig: self.folder.join(User::Administrator.kubeconfig()),
            url: self.url(),
            token: self.token(User::Administrator),
            authority: self.authority.certificate().to_owned(),
        }
    }

    /// The port of the API server.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// A client that trusts the authority.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A flag for another server that names one of the files.
    pub(super) fn flag(&self, flag: &str, file: &str) -> String {
        format!("{flag}={}", self.folder.join(file).display())
    }

    /// Reads what the API server has at this path.
    pub(super) async fn read(&self, path: &str) -> Result<Value> {
        self.http
            .get(format!("{}{path}", self.url()))
            .bearer_auth(self.token(User::Administrator))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
            .with_context(|| format!("{path} is not JSON"))
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn token(&self, user: User) -> String {
        format!("{}-{}", user.slug(), self.secret)
    }

    /// In JSON, which is YAML too.
    fn kubeconfig(&self, user: User) -> Value {
        let cluster =
            json!({ "server": self.url(), "certificate-authority": self.folder.join("ca.pem") });
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "test", "cluster": cluster }],
            "users": [{ "name": user.name(), "user": { "token": self.token(user) } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": user.name() } }],
            "current-context": "test",
        })
    }
}
