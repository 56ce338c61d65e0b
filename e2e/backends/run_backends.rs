//! `make run-backends`, as far as it is not the building: the shop as five processes on servers of its own, for people.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use testkit::servers::ReservedPort;
use testkit::wait;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::journey::walk;

const SCRIPT: &str = "../../hack/run-backends.sh";
/// What is to be there before servers are started that others name.
const NAMED: [&str; 4] = [
    "TEST_POSTGRES_URL",
    "TEST_MONGODB_URL",
    "TEST_AMQP_URL",
    "TEST_RABBITMQ_API_URL",
];

/// The gateway's port, those of the others, and 6000 above the admin ports.
fn ports(first: u16) -> impl Iterator<Item = u16> {
    (first..first + 5).flat_map(|port| [port, port + 6000])
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// The gateway's port, with all of them reserved.
fn reserved() -> (u16, Vec<ReservedPort>) {
    let mut drawn = std::iter::repeat_with(|| {
        let first = rand::random_range(10_000..25_000_u16);
        let all: Option<Vec<_>> = ports(first).map(ReservedPort::claim).collect();
        Some((first, all?))
    });
    drawn.find_map(|ports| ports).unwrap()
}

/// A folder that PostgreSQL, which does not run as root, gets through to its data.
fn folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .tempdir()
        .unwrap()
}

fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_shop")).parent().unwrap()
}

/// Reads what it prints until a line has this in it.
async fn until_it_says(child: &mut Child, words: &str) -> Result<String> {
    let output = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        said.push_str(&line);
        said.push('\n');
        if line.contains(words) {
            return Ok(said);
        }
    }
    bail!("it ended without `{words}`:\n{said}")
}

/// Asks for the same ports once more, without servers: it must be refused before it touches any.
async fn again(port: u16) -> Result<Output> {
    let mut second = Command::new(SCRIPT);
    second.env("BIN", programs());
    second.env("SHOP_PORT", port.to_string());
    second.env("SHOP_DATA", "/nowhere");
    second.envs(NAMED.map(|name| (name, "named://nowhere/x")));
    Ok(second.output().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shop_on_real_servers_for_people_works_and_leaves_nothing_when_it_is_interrupted() {
    let (temporary, data, (port, _reserved)) = (folder(), folder(), reserved());
    let mut start = Command::new(programs().join("test-servers"));
    for name in NAMED {
        start.env_remove(name);
    }
    let mut shop = start
        .args(["--", SCRIPT])
        .env("TMPDIR", temporary.path())
        .env("BIN", programs())
        .env("SHOP_PORT", port.to_string())
        .env("SHOP_DATA", data.path().join("shop"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(data.path().join("log")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .expect("cargo build --workspace --bins makes test-servers");
    let log = || std::fs::read_to_string(data.path().join("log")).unwrap_or_default();
    let said = until_it_says(&mut shop, "Ctrl-C ends it").await;
    let said = said.with_context(log).unwrap();
    assert!(
        said.contains(&format!("http://127.0.0.1:{port} ")),
        "{said}"
    );

    let gateway = format!("127.0.0.1:{port}");
    let walked = walk(&gateway, &data.path().join("shop")).await.unwrap();
    let told = String::from_utf8_lossy(&walked.stdout);
    assert!(told.contains("journey complete"), "{walked:?}");

    let refused = again(port).await.unwrap();
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && why.contains("is taken"),
        "{refused:?}"
    );

    let id = shop.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(sent.unwrap().success());
    assert_eq!(shop.wait().await.unwrap().code(), Some(130));
    // All have ended in order.
    let log = log();
    let ends = log.lines().filter(|line| line.contains("ending service="));
    assert_eq!(ends.count(), 5, "{log}");
    assert!(!log.contains("second signal"), "{log}");
    wait::until("ports and files to be gone", || async {
        let files = std::fs::read_dir(temporary.path())?.count();
        Ok((files == 0 && ports(port).all(is_free)).then_some(()))
    })
    .await
    .unwrap();
}
