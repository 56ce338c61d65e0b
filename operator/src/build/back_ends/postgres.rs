//! PostgreSQL: one server.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ExecAction, Lifecycle, LifecycleHandler, Probe};

use super::server::{Member, Port, Server, password_file, variable};
use crate::build::addresses::{POSTGRES, POSTGRES_PORT};
use crate::build::credentials::POSTGRES_ROOT;
use crate::build::pod::{self, Patience};
use crate::child::{Child, Unwritable};
use crate::names::Component;
use crate::platform::{Managed, Platform};

/// The root user, also of `CloudNativePG`.
pub(in crate::build) const ROOT: &str = "postgres";
/// Each replica of a service has up to 20, and twice as many while it is replaced.
pub(super) const MAX_CONNECTIONS: &str = "400";
/// The user of the image.
const USER: i64 = 999;
const PORT: Port = Port {
    name: "postgres",
    number: POSTGRES_PORT,
};
/// The image has a volume here: another place would be below one that goes with the container.
const DATA: &str = "/var/lib/postgresql/data";
const PREPARE: &str = include_str!("postgres/prepare.sh");

/// It may have to read a long log before it listens.
const STARTUP: Patience = Patience {
    period: 2,
    timeout: 5,
    failures: 1800,
};
const LIVENESS: Patience = Patience {
    period: 20,
    timeout: 10,
    failures: 6,
};
const READINESS: Patience = Patience {
    period: 5,
    timeout: 5,
    failures: 3,
};

pub(super) fn build(platform: &Platform, managed: &Managed) -> Result<Vec<Child>, Unwritable> {
    let server = Server {
        platform,
        component: Component::new(POSTGRES),
        managed,
        user: USER,
        client_ports: &[PORT],
        member_ports: &[],
        data: DATA,
        root: POSTGRES_ROOT,
        secret_keys: &[],
    };
    let (socket, socket_mount) = pod::scratch("socket", "/var/run/postgresql");
    let (tmp, tmp_mount) = pod::scratch("tmp", "/tmp");
    let mounts = vec![socket_mount, tmp_mount];
    let mut prepare = server.prepare(PREPARE, mounts.clone());
    prepare.env = Some(vec![
        variable("POSTGRES_USER", ROOT),
        variable("POSTGRES_PASSWORD_FILE", &password_file()),
        // Order by bytes does not change with the image's C library, which would break indexes.
        variable(
            "POSTGRES_INITDB_ARGS",
            "--encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth-host=scram-sha-256",
        ),
    ]);
    let connections = format!("max_connections={MAX_CONNECTIONS}");
    let mut serve = server.serve(&["postgres", "-c", &connections], mounts);
    serve.env = Some(vec![variable("PGDATA", &format!("{DATA}/pgdata"))]);
    serve.startup_probe = Some(STARTUP.tcp(PORT.name));
    // Not whether it takes connections: while it recovers it does not, and would do so for ever if it was killed for that.
    serve.liveness_probe = Some(LIVENESS.tcp(PORT.name));
    serve.readiness_probe = Some(accepts());
    serve.lifecycle = Some(ends_fast());
    server.children(Member {
        prepare,
        serve,
        volumes: vec![socket, tmp],
        annotations: BTreeMap::new(),
        // To write down what is in memory.
        grace: 120,
        settled: None,
    })
}

/// Whether it takes connections: a small program asks, without signing in.
fn accepts() -> Probe {
    READINESS.exec(&[
        "pg_isready",
        "--quiet",
        "--host=127.0.0.1",
        "--username=postgres",
    ])
}

/// Told to end as an image usually is, it waits until all clients have gone.
fn ends_fast() -> Lifecycle {
    let command = ["bash", "-c", "kill -INT 1"].map(str::to_owned);
    Lifecycle {
        pre_stop: Some(LifecycleHandler {
            exec: Some(ExecAction {
                command: Some(command.to_vec()),
            }),
            ..LifecycleHandler::default()
        }),
        ..Lifecycle::default()
    }
}
