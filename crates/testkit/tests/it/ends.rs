//! `test-servers` and `control-plane` leave nothing behind, however they end.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use testkit::wait;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The program with a folder of its own for temporary files, where nothing may be left.
struct Started {
    folder: TempDir,
    child: Child,
    output: Vec<String>,
}

/// Starts `test-servers` and reads until a line has this in it. With PostgreSQL alone it is fast.
async fn start(all: bool, command: &[&str], until: &str) -> Started {
    let mut start = Command::new(env!("CARGO_BIN_EXE_test-servers"));
    for name in [
        "POSTGRES_URL",
        "MONGODB_URL",
        "AMQP_URL",
        "RABBITMQ_API_URL",
    ] {
        start.env_remove(format!("TEST_{name}"));
    }
    if !all {
        start
            .env("TEST_MONGODB_URL", "mongodb://named")
            .env("TEST_AMQP_URL", "amqp://named")
            .env("TEST_RABBITMQ_API_URL", "http://named");
    }
    if !command.is_empty() {
        start.arg("--").args(command);
    }
    started(start, until).await
}

/// Starts the program and reads what it, or its command, prints until a line has this in it.
async fn started(mut program: Command, until: &str) -> Started {
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .tempdir()
        .unwrap();
    let mut child = program
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut output = Vec::new();
    while output
        .last()
        .is_none_or(|line: &String| !line.contains(until))
    {
        output.push(lines.next_line().await.unwrap().expect("more output"));
    }
    Started {
        folder,
        child,
        output,
    }
}

impl Started {
    fn signal(&self, signal: &str) {
        signal_to(self.child.id().unwrap(), signal);
    }

    async fn code(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }

    /// Waits until no process and no file is left.
    async fn until_nothing_is_left(&self) {
        let left = wait::until("everything to be gone", || async {
            let left = (processes_of(self.folder.path()), files(self.folder.path()));
            Ok((left == (Vec::new(), Vec::new())).then_some(()))
        });
        left.await.unwrap_or_else(|error| {
            panic!(
                "{error}: {:?} {:?}",
                processes_of(self.folder.path()),
                files(self.folder.path())
            )
        });
    }
}

fn signal_to(pid: u32, signal: &str) {
    let sent = std::process::Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{sent}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).unwrap();
    found.map(|entry| entry.unwrap().path()).collect()
}

/// Which processes work in a folder or were started with its name.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| {
        let place = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        place.to_string_lossy().starts_with(name) || words(&entry.path()).contains(name)
    })
    .map(|entry| format!("{} {}", entry.path().display(), words(&entry.path())))
    .collect()
}

fn words(process: &Path) -> String {
    let bytes = std::fs::read(process.join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

#[tokio::test]
async fn killed_it_takes_all_three_servers_with_it() {
    let mut started = start(true, &[], "# The servers run").await;
    let named: Vec<&str> = started
        .output
        .iter()
        .filter_map(|line| line.strip_prefix("export "))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    let all = [
        "TEST_POSTGRES_URL",
        "TEST_MONGODB_URL",
        "TEST_AMQP_URL",
        "TEST_RABBITMQ_API_URL",
    ];
    assert_eq!(named, all);
    assert_eq!(files(started.folder.path()).len(), 3);
    let running = processes_of(started.folder.path()).join("\n");
    for server in ["postgres", "mongod", "beam"] {
        assert!(running.contains(server), "{running}");
    }

    started.signal("KILL");
    assert_eq!(started.code().await, None);
    started.until_nothing_is_left().await;
}

#[tokio::test]
async fn killed_it_takes_the_control_plane_with_it() {
    let program = Command::new(env!("CARGO_BIN_EXE_control-plane"));
    let mut started = started(program, "# The servers run").await;
    let kubeconfig = started.output.first().unwrap();
    assert!(
        kubeconfig.starts_with("export KUBECONFIG='/"),
        "{kubeconfig}"
    );
    assert_eq!(files(started.folder.path()).len(), 5);
    let running = processes_of(started.folder.path()).join("\n");
    for server in [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok",
    ] {
        assert!(running.contains(&format!("/{server} --")), "{running}");
    }

    started.signal("KILL");
    assert_eq!(started.code().await, None);
    started.until_nothing_is_left().await;
}

#[tokio::test]
async fn a_command_finds_the_control_plane_and_its_manifests_by_kubectl() {
    let manifest = super::kubernetes::manifest("widgets.yaml");
    let mut program = Command::new(env!("CARGO_BIN_EXE_control-plane"));
    program.arg("--apply").arg(manifest);
    program.args(["--", "kubectl", "get", "--output=name", "nodes,crd"]);
    let mut started = started(program, "customresourcedefinition").await;
    assert_eq!(
        started.output,
        [
            "node/node-1",
            "node/node-2",
            "node/node-3",
            "customresourcedefinition.apiextensions.k8s.io/widgets.test.shopplatform.io",
        ]
    );
    assert_eq!(started.code().await, Some(0));
    started.until_nothing_is_left().await;
}

#[tokio::test]
async fn killed_it_takes_the_command_and_its_children_with_it() {
    let command = "(exec sleep 1000) & echo child $!; wait";
    let mut started = start(false, &["sh", "-c", command], "child").await;
    let child = started.output.last().unwrap().replace("child ", "/proc/");
    let child = PathBuf::from(child);
    wait::until("the command's child to run", || async {
        Ok((words(&child) == "sleep 1000 ").then_some(()))
    })
    .await
    .unwrap();

    started.signal("KILL");
    started.code().await;
    started.until_nothing_is_left().await;
    wait::until("the command's child to be gone", || async {
        Ok(words(&child).is_empty().then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn interrupted_or_terminated_it_ends_the_command_first_and_removes_everything() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let command = "trap 'echo \"$TEST_POSTGRES_URL\" >told; exit' INT TERM; echo ready; while :; do sleep 0.1; done";
        let told = tempfile::tempdir().unwrap();
        let command = command.replace("told", &told.path().join("told").display().to_string());
        let mut started = start(false, &["sh", "-c", &command], "ready").await;
        started.signal(signal);
        assert_eq!(started.code().await, Some(code));
        let url = std::fs::read_to_string(told.path().join("told")).unwrap();
        assert!(url.starts_with("postgres://postgres@127.0.0.1:"), "{url}");
        started.until_nothing_is_left().await;
    }
}

#[tokio::test]
async fn the_exit_code_of_the_command_is_passed_on_and_what_is_named_is_left_alone() {
    let command = r#"echo "$TEST_MONGODB_URL $TEST_AMQP_URL"; exit 7"#;
    let mut started = start(false, &["sh", "-c", command], "mongodb").await;
    assert_eq!(started.output, ["mongodb://named amqp://named"]);
    assert_eq!(started.code().await, Some(7));
    started.until_nothing_is_left().await;

    let mut started = start(false, &["sh", "-c", "echo x; kill -9 $$"], "x").await;
    assert_eq!(started.code().await, Some(137));
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_test-servers"))
        .args(["--", "no-such-program"])
        .env("TMPDIR", folder.path())
        .envs(
            [
                "POSTGRES_URL",
                "MONGODB_URL",
                "AMQP_URL",
                "RABBITMQ_API_URL",
            ]
            .map(|name| (format!("TEST_{name}"), "x://named")),
        )
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("cannot start no-such-program"), "{said}");
    assert_eq!(ended.status.code(), Some(1));
    wait::until("the folder to be empty", || async {
        Ok(files(folder.path()).is_empty().then_some(()))
    })
    .await
    .unwrap();
}
