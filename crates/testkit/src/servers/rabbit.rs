//! A RabbitMQ of one's own.

use std::fmt::Write as _;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::certificates::Authority;
use super::host::Host;
use super::installed;
use super::ports::ReservedPort;
use super::process::ServerProcess;
use super::script::Script;
use super::supervisor::Supervisor;

/// How a RabbitMQ of a test is set up.
#[derive(Clone, Default)]
pub struct RabbitOptions {
    /// Listens on a further port with TLS, with a certificate of this authority.
    pub tls: Option<Authority>,
    /// Lines for `rabbitmq.conf`, such as `disk_free_limit.absolute = 1TB` to have it block all publishers.
    pub settings: Vec<String>,
}

/// A running RabbitMQ with its management API and the administrator `guest`, password `guest`.
pub struct Rabbit {
    process: ServerProcess,
    host: Host,
    ports: Ports,
}

struct Ports {
    amqp: ReservedPort,
    amqps: ReservedPort,
    api: ReservedPort,
    distribution: ReservedPort,
}

impl Rabbit {
    /// A plain one.
    pub async fn start() -> Result<Self> {
        Self::start_with(&RabbitOptions::default()).await
    }

    /// One that is set up as told.
    pub async fn start_with(options: &RabbitOptions) -> Result<Self> {
        let program = installed::rabbitmq()?;
        let host = Host::chosen()?;
        let ports = Ports {
            amqp: ReservedPort::draw()?,
            amqps: ReservedPort::draw()?,
            api: ReservedPort::draw()?,
            distribution: ReservedPort::draw()?,
        };
        let supervisor = Supervisor::new("rabbitmq")?;
        let folder = supervisor.folder();
        if let Some(authority) = &options.tls {
            authority.write(folder)?;
        }
        let folder_name = folder.display().to_string();
        std::fs::write(
            folder.join("rabbitmq.conf"),
            settings(host, &ports, options, &folder_name),
        )?;
        std::fs::write(folder.join("enabled_plugins"), "[rabbitmq_management].\n")?;
        script(&program.display().to_string(), &ports, &folder_name).write(folder)?;

        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()?;
        let (amqp, api) = (ports.amqp.number(), ports.api.number());
        let ready = Box::new(move || -> futures_util::future::BoxFuture<'static, bool> {
            let http = http.clone();
            Box::pin(async move { speaks_amqp(amqp).await && answers(&http, host, api).await })
        });
        let process = ServerProcess::new("RabbitMQ", supervisor, "TERM", ready);
        process.start().await?;
        Ok(Self {
            process,
            host,
            ports,
        })
    }

    /// Its AMQP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp.number()
    }

    /// The virtual host `/`, as administrator.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}:{}/%2f", self.host, self.port())
    }

    /// The same over TLS; the client is to trust `ca.pem` in the server's folder.
    #[must_use]
    pub fn tls_url(&self) -> String {
        let port = self.ports.amqps.number();
        format!("amqps://guest:guest@localhost:{port}/%2f")
    }

    /// The management API, as administrator, without `/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!(
            "http://guest:guest@{}:{}",
            self.host,
            self.ports.api.number()
        )
    }

    /// Runs `rabbitmqctl` with these arguments, such as `set_vm_memory_high_watermark absolute 1MB` to have it block all
    /// publishers; returns what it says.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        let program = installed::rabbitmq()?.with_file_name("rabbitmqctl");
        // Without the machine's epmd, like the server itself; see `script`.
        let erlang = format!(
            "-start_epmd false -dist_listen false -erl_epmd_port {}",
            self.ports.distribution.number()
        );
        let output = tokio::process::Command::new(program)
            .args(arguments)
            .env("HOME", self.folder())
            .env("LANG", "C.UTF-8")
            .env("RABBITMQ_NODENAME", "test@localhost")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CTL_ERL_ARGS", erlang)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if !output.status.success() {
            bail!("rabbitmqctl {}: {said}", arguments.join(" "));
        }
        Ok(said)
    }

    /// Kills it and removes its data.
    pub async fn remove(self) -> Result<()> {
        self.process.remove().await
    }
}

impl Deref for Rabbit {
    type Target = ServerProcess;

    fn deref(&self) -> &ServerProcess {
        &self.process
    }
}

fn settings(host: Host, ports: &Ports, options: &RabbitOptions, folder: &str) -> String {
    let [amqp, amqps, api] = [&ports.amqp, &ports.amqps, &ports.api].map(ReservedPort::number);
    let mut text = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
         management.tcp.ip = {host}\n\
         management.tcp.port = {api}\n\
         management.rates_mode = none\n\
         collect_statistics_interval = 1000\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n\
         vm_memory_high_watermark.absolute = 1GB\n\
         disk_free_limit.absolute = 50MB\n"
    );
    if let Some(address) = host.beyond() {
        let _ = write!(
            text,
            "listeners.tcp.2 = {address}:{amqp}\n\
             loopback_users = none\n"
        );
    }
    if options.tls.is_some() {
        let _ = write!(
            text,
            "listeners.ssl.1 = 127.0.0.1:{amqps}\n\
             ssl_options.cacertfile = {folder}/ca.pem\n\
             ssl_options.certfile = {folder}/certificate.pem\n\
             ssl_options.keyfile = {folder}/key.pem\n\
             ssl_options.verify = verify_none\n\
             ssl_options.fail_if_no_peer_cert = false\n"
        );
    }
    for line in &options.settings {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// Everything it would keep or look for elsewhere on the machine is put into its folder.
fn script(program: &str, ports: &Ports, folder: &str) -> Script {
    // `-erl_epmd_port` has it listen for other nodes on that port without asking the machine's epmd, a daemon that would
    // outlive it. One scheduler and no busy waiting: a test needs little, and shares two cores with a build.
    let distribution = ports.distribution.number();
    let erlang = format!(
        "-start_epmd false -erl_epmd_port {distribution} -sname test@localhost +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
    );
    Script::new()
        .variable("HOME", folder)
        .variable("RABBITMQ_NODENAME", "test@localhost")
        .variable("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .variable("RABBITMQ_CONFIG_FILE", &format!("{folder}/rabbitmq.conf"))
        .variable(
            "RABBITMQ_ADVANCED_CONFIG_FILE",
            &format!("{folder}/advanced.config"),
        )
        .variable(
            "RABBITMQ_ENABLED_PLUGINS_FILE",
            &format!("{folder}/enabled_plugins"),
        )
        .variable(
            "RABBITMQ_GENERATED_CONFIG_DIR",
            &format!("{folder}/generated"),
        )
        .variable("RABBITMQ_MNESIA_BASE", &format!("{folder}/mnesia"))
        .variable("RABBITMQ_LOG_BASE", &format!("{folder}/logs"))
        .variable("RABBITMQ_PID_FILE", &format!("{folder}/pid"))
        .variable("RABBITMQ_DIST_PORT", &distribution.to_string())
        .variable("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", &erlang)
        .line(&format!("cd '{folder}'"))
        .exec([program])
}

/// Whether the first frame comes when one says the protocol's name: it listens before it is ready.
async fn speaks_amqp(port: u16) -> bool {
    let greeting = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.read_u8().await
    };
    matches!(
        tokio::time::timeout(Duration::from_secs(5), greeting).await,
        Ok(Ok(1))
    )
}

async fn answers(http: &reqwest::Client, host: Host, port: u16) -> bool {
    let overview = http
        .get(format!("http://{host}:{port}/api/overview"))
        .basic_auth("guest", Some("guest"))
        .send();
    overview
        .await
        .is_ok_and(|reply| reply.status().is_success())
}
