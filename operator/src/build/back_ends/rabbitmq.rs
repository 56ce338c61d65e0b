//! RabbitMQ: a cluster of one or three nodes with the management plug-in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, EnvVar, ExecAction, Lifecycle, LifecycleHandler, Volume,
    VolumeMount,
};
use serde_json::json;

use super::server::{Member, Port, Server, memory_limit, pod_ip, pod_name, variable};
use crate::build::addresses::{
    AMQP_PORT, RABBITMQ, RABBITMQ_MANAGEMENT_PORT, members, members_service,
};
use crate::build::credentials::{ERLANG_COOKIE, RABBITMQ_ROOT};
use crate::build::pod::{self, Patience, metadata};
use crate::child::{Child, Kind, Unwritable, hash_of};
use crate::names::{Component, SETTINGS_HASH};
use crate::platform::{Managed, Platform};

/// The root user, as `rabbitmq/prepare.sh` has it.
pub(in crate::build) const ROOT: &str = "root";
/// The user of the image.
const USER: i64 = 999;
const AMQP: Port = Port {
    name: "amqp",
    number: AMQP_PORT,
};
const MANAGEMENT: Port = Port {
    name: "management",
    number: RABBITMQ_MANAGEMENT_PORT,
};
/// Where nodes ask for each other's port.
const EPMD: Port = Port {
    name: "epmd",
    number: 4369,
};
/// Where nodes talk to each other.
const DISTRIBUTION: Port = Port {
    name: "distribution",
    number: 25_672,
};
/// The image has a volume here: another place would be below one that goes with the container.
const DATA: &str = "/var/lib/rabbitmq";
const SETTINGS_FOLDER: &str = "/etc/shop/settings";
const RUN_FOLDER: &str = "/run/rabbitmq";
const PREPARE: &str = concat!(
    include_str!("own_name.sh"),
    include_str!("rabbitmq/prepare.sh")
);
const PLUGINS_FILE: &str = "enabled_plugins";
const SETTINGS_FILE: &str = "shop.conf";
const PLUGINS: &str = "[rabbitmq_management,rabbitmq_prometheus].\n";
/// A node that leaves waits so long for the others to have a majority of each queue without it, and then so long again to hand
/// over what it leads.
const LEAVING_SECONDS: i64 = 50;

/// It loads its code, finds the other nodes, and waits for their tables.
const STARTUP: Patience = Patience {
    period: 5,
    timeout: 5,
    failures: 120,
};
/// A node that is in a minority closes its ports to clients until it sees the others again, and must not be killed for it: what
/// is asked is the port for other nodes, which is open as long as the node lives.
const LIVENESS: Patience = Patience {
    period: 30,
    timeout: 10,
    failures: 6,
};
/// Its last step of starting is to listen. Asking `rabbitmq-diagnostics` costs seconds of a processor each time.
const READINESS: Patience = Patience {
    period: 10,
    timeout: 5,
    failures: 3,
};

pub(super) fn build(platform: &Platform, managed: &Managed) -> Result<Vec<Child>, Unwritable> {
    let component = Component::new(RABBITMQ);
    let settings = BTreeMap::from([
        (SETTINGS_FILE.to_owned(), settings(platform, managed)),
        (PLUGINS_FILE.to_owned(), PLUGINS.to_owned()),
    ]);
    let server = Server {
        platform,
        component: component.clone(),
        managed,
        user: USER,
        client_ports: &[AMQP, MANAGEMENT],
        member_ports: &[EPMD, DISTRIBUTION],
        data: DATA,
        root: RABBITMQ_ROOT,
        secret_keys: &[ERLANG_COOKIE],
    };
    let (settings_volume, settings_mount) = settings_volume(&server.name());
    let (run, run_mount) = pod::memory("run", RUN_FOLDER);
    let (log, log_mount) = pod::scratch("log", "/var/log/rabbitmq");
    let (tmp, tmp_mount) = pod::scratch("tmp", "/tmp");
    let mut prepare = server.prepare(PREPARE, vec![settings_mount.clone(), run_mount.clone()]);
    prepare.env = Some(vec![
        pod_name(),
        pod_ip(),
        memory_limit(),
        node_name(platform),
    ]);
    let mounts = vec![settings_mount, run_mount, log_mount, tmp_mount];
    let mut serve = server.serve(&["rabbitmq-server"], mounts);
    serve.env = Some(environment(platform));
    serve.startup_probe = Some(STARTUP.tcp(AMQP.name));
    serve.liveness_probe = Some(LIVENESS.tcp(DISTRIBUTION.name));
    serve.readiness_probe = Some(READINESS.tcp(AMQP.name));
    serve.lifecycle = (managed.members > 1).then(leaves_in_order);
    let hash = hash_of(&json!(settings));
    let mut children = server.children(Member {
        prepare,
        serve,
        volumes: vec![settings_volume, run, log, tmp],
        annotations: BTreeMap::from([(SETTINGS_HASH.to_owned(), hash)]),
        grace: if managed.members > 1 { 150 } else { 60 },
        settled: None,
    })?;
    let map = ConfigMap {
        metadata: metadata(&platform.owner, &component, server.name()),
        data: Some(settings),
        ..ConfigMap::default()
    };
    children.push(Child::applied(Kind::ConfigMap, &map)?);
    Ok(children)
}

/// See <https://www.rabbitmq.com/docs/configure>.
fn settings(platform: &Platform, managed: &Managed) -> String {
    let mut settings = format!(
        "cluster_name = {}\n\
         log.console = true\n\
         listeners.tcp.default = {AMQP_PORT}\n\
         management.tcp.port = {RABBITMQ_MANAGEMENT_PORT}\n\
         vm_memory_high_watermark.relative = 0.6\n\
         disk_free_limit.absolute = 256MB\n\
         queue_leader_locator = balanced\n",
        platform.owner.name
    );
    if managed.members > 1 {
        several_nodes(&mut settings, platform, managed);
    }
    settings
}

fn several_nodes(settings: &mut String, platform: &Platform, managed: &Managed) {
    let count = managed.members;
    settings.push_str("cluster_formation.peer_discovery_backend = classic_config\n");
    let hosts = members(&platform.owner, RABBITMQ, managed);
    for (number, host) in (1..).zip(hosts) {
        // Writing into a string does not fail.
        let _ = writeln!(
            settings,
            "cluster_formation.classic_config.nodes.{number} = rabbit@{host}"
        );
    }
    // A node that finds no other one would at last go on alone, with a cluster of its own: it is started anew before.
    let _ = write!(
        settings,
        "cluster_formation.target_cluster_size_hint = {count}\n\
         cluster_formation.discovery_retry_limit = 1800\n\
         cluster_formation.discovery_retry_interval = 2000\n\
         cluster_partition_handling = pause_minority\n\
         quorum_queue.continuous_membership_reconciliation.enabled = true\n\
         quorum_queue.continuous_membership_reconciliation.target_group_size = {count}\n"
    );
}

/// See <https://www.rabbitmq.com/docs/configure#supported-environment-variables>.
fn environment(platform: &Platform) -> Vec<EnvVar> {
    let conf = format!("{RUN_FOLDER}/conf.d");
    let plugins = format!("{SETTINGS_FOLDER}/{PLUGINS_FILE}");
    let mut environment = vec![pod_name(), node_name(platform)];
    environment.extend(
        [
            ("RABBITMQ_USE_LONGNAME", "true"),
            ("RABBITMQ_CONFIG_FILES", conf.as_str()),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", plugins.as_str()),
            ("RABBITMQ_LOGS", "-"),
            // The cookie is there, for the node and for commands in its pod.
            ("HOME", RUN_FOLDER),
            // Schedulers that wait for work without sleeping use up what the pod is allowed.
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+sbwt none +sbwtdcpu none +sbwtdio none",
            ),
        ]
        .map(|(name, value)| variable(name, value)),
    );
    environment
}

/// What a node is called stands in its data: the name of its pod, whatever address that has.
fn node_name(platform: &Platform) -> EnvVar {
    let service = members_service(&platform.owner, RABBITMQ);
    variable(
        "RABBITMQ_NODENAME",
        &format!("rabbit@$(POD_NAME).{service}"),
    )
}

fn settings_volume(map: &str) -> (Volume, VolumeMount) {
    let volume = Volume {
        name: "settings".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: map.to_owned(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let mount = VolumeMount {
        name: "settings".to_owned(),
        mount_path: SETTINGS_FOLDER.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    (volume, mount)
}

/// While nodes are replaced one after the other, the next one goes only when the one before has caught up.
fn leaves_in_order() -> Lifecycle {
    let script = format!(
        "rabbitmq-upgrade --timeout {LEAVING_SECONDS} await_online_quorum_plus_one; \
         rabbitmq-upgrade --timeout {LEAVING_SECONDS} drain"
    );
    let command = ["bash", "-c", &script].map(str::to_owned);
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
