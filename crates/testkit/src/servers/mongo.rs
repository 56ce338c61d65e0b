//! A MongoDB replica set of one's own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use tokio::sync::Mutex;

use super::certificates::Authority;
use super::host::{Host, PASSWORD};
use super::installed;
use super::ports::ReservedPort;
use super::process::ServerProcess;
use super::script::Script;
use super::supervisor::Supervisor;
use crate::wait;

/// The administrator of a replica set that asks who one is.
const USER: &str = "root";

/// How a MongoDB of a test is set up.
#[derive(Clone)]
pub struct MongoOptions {
    /// Members of the replica set: one, or three so that one may be missing.
    pub members: usize,
    /// Members know each other by a key file, and clients must name a user: the URL has the administrator.
    pub authentication: bool,
    /// Offers TLS as well, with a certificate of this authority.
    pub tls: Option<Authority>,
    /// One server that is no replica set, and so has no transactions.
    pub stand_alone: bool,
    /// Members of a replica set that nobody has initiated; it may take no writes yet. With `authentication` only the first one
    /// knows the administrator, as in a cluster that was just started: the others have nothing yet.
    pub not_initiated: bool,
    /// Each member has a disk of its own of so many MiB, that a test can fill: [`ServerProcess::fill_disk`].
    pub disk_mib: Option<u32>,
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self {
            members: 1,
            authentication: false,
            tls: None,
            stand_alone: false,
            not_initiated: false,
            disk_mib: None,
        }
    }
}

/// A running replica set `rs0`. A client that comes through a proxy must say `directConnection=true`, else it finds the members
/// and talks to them; transactions work with that too.
pub struct Mongo {
    members: Vec<Member>,
    authentication: bool,
}

struct Member {
    process: ServerProcess,
    host: Host,
    port: ReservedPort,
    /// Connects to this member only.
    client: Client,
}

impl Mongo {
    /// A replica set of one.
    pub async fn start() -> Result<Self> {
        Self::start_with(&MongoOptions::default()).await
    }

    /// One that is set up as told.
    pub async fn start_with(options: &MongoOptions) -> Result<Self> {
        let mut members = Vec::new();
        if options.not_initiated && options.authentication {
            members.push(Member::launch_with_administrator(options).await?);
        }
        while members.len() < options.members {
            members.push(Member::launch(options).await?);
        }
        let set = Self {
            members,
            authentication: options.authentication,
        };
        for member in &set.members {
            member.until_it_answers().await?;
        }
        if options.not_initiated {
            return Ok(set);
        }
        if !options.stand_alone {
            set.initiate().await?;
        }
        for member in &set.members {
            member.process.until_ready().await?;
        }
        let primary = set.primary().await?;
        if options.authentication {
            set.get(primary)?.make_administrator().await?;
        }
        Ok(set)
    }

    /// The whole set.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.members.iter().map(Member::address).collect();
        let (login, source) = if self.authentication {
            (format!("{USER}:{PASSWORD}@"), "&authSource=admin")
        } else {
            (String::new(), "")
        };
        format!(
            "mongodb://{login}{}/?replicaSet=rs0{source}",
            hosts.join(",")
        )
    }

    /// The same over TLS, where the servers' certificates must be the authority's.
    #[must_use]
    pub fn tls_url(&self) -> String {
        let authority = self
            .members
            .first()
            .map(|member| member.process.folder().join("ca.pem"))
            .unwrap_or_default();
        format!("{}&tls=true&tlsCAFile={}", self.url(), authority.display())
    }

    /// The port of a member on 127.0.0.1.
    pub fn port(&self, member: usize) -> Result<u16> {
        Ok(self.get(member)?.port.number())
    }

    /// The process of a member.
    pub fn member(&self, member: usize) -> Result<&ServerProcess> {
        Ok(&self.get(member)?.process)
    }

    /// Waits until some member is primary and takes writes; returns its number.
    pub async fn primary(&self) -> Result<usize> {
        wait::until("a primary", || async {
            for (number, member) in self.members.iter().enumerate() {
                if member
                    .hello()
                    .await
                    .is_some_and(|hello| is_true(&hello, "isWritablePrimary"))
                {
                    return Ok(Some(number));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Makes the primary step down, as for maintenance: for so long it is not elected again. Returns its number.
    pub async fn step_down(&self, how_long: Duration) -> Result<usize> {
        let seconds = i64::try_from(how_long.as_secs())?;
        let refused = Mutex::new(None);
        // It may have been the primary only just before, or have no secondary that has all.
        let stepped_down = wait::until("the primary to step down", || async {
            let primary = self.primary().await?;
            let admin = self.get(primary)?.client.database("admin");
            let command = admin.run_command(doc! { "replSetStepDown": seconds });
            Ok(match command.await {
                Ok(_) => Some(primary),
                Err(error) => {
                    *refused.lock().await = Some(error);
                    None
                }
            })
        });
        let stepped_down = stepped_down.await;
        stepped_down.with_context(|| format!("refused: {:?}", refused.into_inner()))
    }

    /// Waits until another member than this one is primary.
    pub async fn another_primary(&self, before: usize) -> Result<usize> {
        wait::until("another primary", || async {
            let now = self.primary().await?;
            Ok((now != before).then_some(now))
        })
        .await
    }

    /// Kills all members and removes their data.
    pub async fn remove(self) -> Result<()> {
        for member in self.members {
            member.process.remove().await?;
        }
        Ok(())
    }

    fn get(&self, member: usize) -> Result<&Member> {
        self.members
            .get(member)
            .with_context(|| format!("the replica set has {} members", self.members.len()))
    }

    async fn initiate(&self) -> Result<()> {
        let hosts: Vec<Bson> = (0_i32..)
            .zip(&self.members)
            .map(|(id, member)| doc! { "_id": id, "host": member.address() }.into())
            .collect();
        // Ten seconds, the default, is long for a test in which the primary dies.
        let settings = doc! { "electionTimeoutMillis": 5000 };
        let set = doc! { "_id": "rs0", "members": hosts, "settings": settings };
        self.get(0)?
            .client
            .database("admin")
            .run_command(doc! { "replSetInitiate": set })
            .await
            .context("cannot initiate the replica set")?;
        Ok(())
    }
}

impl Member {
    async fn launch(options: &MongoOptions) -> Result<Self> {
        let program = installed::mongod()?;
        let host = Host::chosen()?;
        let port = ReservedPort::draw()?;
        let supervisor = Supervisor::new("mongod")?;
        let folder = supervisor.folder();
        std::fs::create_dir(folder.join("data"))?;
        if let Some(authority) = &options.tls {
            authority.write(folder)?;
        }
        if options.authentication {
            // The same in all members, and as secret as the password above.
            std::fs::write(folder.join("keyfile"), "dGhyb3ctYXdheQ==\n")?;
        }
        script(
            &program.display().to_string(),
            (host, port.number()),
            options,
            folder,
        )
        .write(folder)?;

        let client = direct_client(port.number()).await?;
        let asked = client.clone();
        let ready = Box::new(move || -> futures_util::future::BoxFuture<'static, bool> {
            let client = asked.clone();
            Box::pin(async move {
                hello(&client).await.is_some_and(|hello| {
                    is_true(&hello, "isWritablePrimary") || is_true(&hello, "secondary")
                })
            })
        });
        let process = ServerProcess::new("MongoDB", supervisor, "TERM", ready);
        process.launch().await?;
        Ok(Self {
            process,
            host,
            port,
            client,
        })
    }

    /// As the images of MongoDB do it: the administrator is made while it stands alone, then it is to belong to a set.
    async fn launch_with_administrator(options: &MongoOptions) -> Result<Self> {
        let alone = MongoOptions {
            stand_alone: true,
            ..options.clone()
        };
        let member = Self::launch(&alone).await?;
        member.process.until_ready().await?;
        member.make_administrator().await?;
        member.process.stop().await?;
        let program = installed::mongod()?.display().to_string();
        let folder = member.process.folder();
        let at = (member.host, member.port.number());
        script(&program, at, options, folder).write(folder)?;
        member.process.launch().await?;
        Ok(member)
    }

    /// Until there is a user, one who comes from the same machine may make one.
    async fn make_administrator(&self) -> Result<()> {
        self.client
            .database("admin")
            .run_command(doc! { "createUser": USER, "pwd": PASSWORD, "roles": ["root"] })
            .await
            .context("cannot make the administrator")?;
        Ok(())
    }

    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port.number())
    }

    async fn hello(&self) -> Option<Document> {
        hello(&self.client).await
    }

    async fn until_it_answers(&self) -> Result<()> {
        wait::until("mongod to answer", || async {
            Ok(self.hello().await.map(drop))
        })
        .await
        .with_context(|| self.process.log())
    }
}

fn script(
    program: &str,
    (host, port): (Host, u16),
    options: &MongoOptions,
    folder: &Path,
) -> Script {
    let port = port.to_string();
    let addresses = host
        .listening()
        .into_iter()
        .map(|address| address.to_string());
    let addresses = addresses.collect::<Vec<_>>().join(",");
    let mut words = vec![program, "--port", &port];
    words.extend([
        "--dbpath",
        "data",
        "--bind_ip",
        &addresses,
        "--nounixsocket",
    ]);
    words.extend(["--wiredTigerCacheSizeGB", "0.25"]);
    if !options.stand_alone {
        words.extend(["--replSet", "rs0", "--oplogSize", "64"]);
    }
    words.extend([
        "--setParameter",
        "diagnosticDataCollectionEnabled=false",
        "--quiet",
    ]);
    if options.authentication {
        words.extend(["--keyFile", "keyfile"]);
    }
    if options.tls.is_some() {
        words.extend([
            "--tlsMode",
            "preferTLS",
            "--tlsCertificateKeyFile",
            "both.pem",
        ]);
        words.extend([
            "--tlsCAFile",
            "ca.pem",
            "--tlsAllowConnectionsWithoutCertificates",
        ]);
    }
    let mut script = Script::new().line(&format!("cd '{}'", folder.display()));
    if let Some(mib) = options.disk_mib {
        // Writes everything down every second, and not only every minute: so soon it notices that there is no room.
        words.extend(["--syncdelay", "1"]);
        script = script.disk(mib);
    }
    script
        .line("[ ! -e keyfile ] || chmod 600 keyfile")
        .exec(words)
}

async fn direct_client(port: u16) -> Result<Client> {
    let mut options =
        ClientOptions::parse(format!("mongodb://127.0.0.1:{port}/?directConnection=true")).await?;
    options.server_selection_timeout = Some(Duration::from_secs(1));
    options.connect_timeout = Some(Duration::from_secs(1));
    Ok(Client::with_options(options)?)
}

async fn hello(client: &Client) -> Option<Document> {
    let admin = client.database("admin");
    admin.run_command(doc! { "hello": 1 }).await.ok()
}

fn is_true(document: &Document, field: &str) -> bool {
    document.get_bool(field).unwrap_or(false)
}
