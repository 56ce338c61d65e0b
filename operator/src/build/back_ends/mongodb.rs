//! MongoDB: a replica set of one or three members with a key file and a root user.
//!
//! Only the first member makes the root user, before it listens to anybody: it cannot be made from outside, for without a user
//! nobody is let in but from the pod itself. The provision Job signs in as root and initiates the replica set.

use std::collections::BTreeMap;

use super::server::{
    Member, Port, Server, memory_limit, password_file, pod_ip, pod_name, variable,
};
use crate::build::addresses::{MONGODB, MONGODB_PORT, REPLICA_SET, members_service};
use crate::build::credentials::{MONGODB_KEY_FILE, MONGODB_ROOT};
use crate::build::pod::{self, Patience};
use crate::child::{Child, Unwritable};
use crate::names::Component;
use crate::platform::{Managed, Platform};

/// The root user.
pub(in crate::build) const ROOT: &str = "root";
/// The user of the image.
const USER: i64 = 999;
const PORT: Port = Port {
    name: "mongodb",
    number: MONGODB_PORT,
};
/// The image has a volume here: another place would be below one that goes with the container.
const DATA: &str = "/data/db";
const PREPARE: &str = concat!(
    include_str!("own_name.sh"),
    include_str!("mongodb/prepare.sh")
);

/// It may have to read a journal of many gigabytes before it listens.
const STARTUP: Patience = Patience {
    period: 5,
    timeout: 5,
    failures: 720,
};
const LIVENESS: Patience = Patience {
    period: 20,
    timeout: 10,
    failures: 6,
};
const READINESS: Patience = Patience {
    period: 10,
    timeout: 5,
    failures: 3,
};

pub(super) fn build(platform: &Platform, managed: &Managed) -> Result<Vec<Child>, Unwritable> {
    let server = Server {
        platform,
        component: Component::new(MONGODB),
        managed,
        user: USER,
        client_ports: &[PORT],
        member_ports: &[],
        data: DATA,
        root: MONGODB_ROOT,
        secret_keys: &[MONGODB_KEY_FILE],
    };
    let (keys, keys_mount) = pod::memory("keys", "/run/mongodb");
    let (tmp, tmp_mount) = pod::scratch("tmp", "/tmp");
    let mut prepare = server.prepare(PREPARE, vec![keys_mount.clone(), tmp_mount.clone()]);
    prepare.env = Some(vec![
        pod_name(),
        pod_ip(),
        variable("MEMBERS", &members_service(&platform.owner, MONGODB)),
        memory_limit(),
        variable("MONGO_INITDB_ROOT_USERNAME", ROOT),
        variable("MONGO_INITDB_ROOT_PASSWORD_FILE", &password_file()),
    ]);
    let data = format!("{DATA}/mongod");
    let arguments = [
        "mongod",
        "--config",
        "/run/mongodb/mongod.conf",
        "--dbpath",
        &data,
        "--bind_ip_all",
        "--replSet",
        REPLICA_SET,
        "--keyFile",
        "/run/mongodb/key-file",
    ];
    let mut serve = server.serve(&arguments, vec![keys_mount, tmp_mount]);
    serve.startup_probe = Some(STARTUP.tcp(PORT.name));
    serve.liveness_probe = Some(LIVENESS.tcp(PORT.name));
    serve.readiness_probe = Some(READINESS.tcp(PORT.name));
    server.children(Member {
        prepare,
        serve,
        volumes: vec![keys, tmp],
        annotations: BTreeMap::new(),
        // A primary waits 15 s for another one to take over, and then writes everything down.
        grace: 90,
        // It listens a little before it has caught up with the others.
        settled: (managed.members > 1).then_some(20),
    })
}
