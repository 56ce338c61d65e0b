//! Makes databases, users and queues on the servers: `shopctl provision`, with a file of settings (`docs/shopctl.md`).
//!
//! Passwords, and URLs that may hold some, are files of Secrets that variables name. A server that others run is left out unless
//! its Secret has an administrator's URI.

mod config;

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, EnvVar, Volume, VolumeMount,
};
use serde_json::json;

use self::config::Config;
use super::{WAIT_SECONDS, Work, job, short_hash};
use crate::build::access;
use crate::build::addresses::PROVISION;
use crate::build::pod::{self, metadata};
use crate::child::{Child, Kind, Unwritable};
use crate::names::Component;
use crate::platform::Platform;
use crate::resource::{Need, ResourceList, Resources};

const SECRETS: &str = "secrets";
const SETTINGS: &str = "settings";
const SETTINGS_FOLDER: &str = "/etc/shopctl";
const SETTINGS_FILE: &str = "config.yaml";

/// The Job and its settings; none if there is no server to provision.
pub(super) fn build(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let Some(config) = Config::of(platform) else {
        return Ok(Vec::new());
    };
    let settings = settings(platform, &config)?;
    let job = job(platform, work(platform, &config, &settings.key.name))?;
    Ok(vec![settings, job])
}

fn settings(platform: &Platform, config: &Config) -> Result<Child, Unwritable> {
    // JSON is YAML.
    let text = format!("{:#}\n", config.settings());
    let hash = short_hash(&json!(text));
    let name = platform.owner.child(&format!("{PROVISION}-{hash}"));
    let map = ConfigMap {
        metadata: metadata(&platform.owner, &Component::new(PROVISION), name),
        data: Some([(SETTINGS_FILE.to_owned(), text)].into()),
        immutable: Some(true),
        ..ConfigMap::default()
    };
    Child::applied(Kind::ConfigMap, &map)
}

fn work(platform: &Platform, config: &Config, map: &str) -> Work {
    let file = format!("{SETTINGS_FOLDER}/{SETTINGS_FILE}");
    let mut arguments = vec!["provision", "--config", &file, "--wait", WAIT_SECONDS];
    if config.has_replica_set() {
        arguments.push("--initiate-replica-set");
    }
    let variables = config.variables().map(|(name, path)| EnvVar {
        name: name.to_owned(),
        value: Some(path),
        value_from: None,
    });
    let mounts = [(SETTINGS, SETTINGS_FOLDER), (SECRETS, config::FOLDER)];
    let mounts = mounts.map(|(name, path)| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    });
    let servers = [Need::Mongodb, Need::Postgres, Need::Rabbitmq].into_iter();
    let content = servers
        .filter_map(|need| access::external(platform, need))
        .map(|external| external.content_hash.as_str());
    Work {
        component: Component::new(PROVISION),
        account: None,
        container: Container {
            name: PROVISION.to_owned(),
            image: Some(platform.shopctl_image.0.clone()),
            args: Some(arguments.into_iter().map(str::to_owned).collect()),
            env: Some(variables.collect()),
            resources: Some(pod::resources(&resources())),
            volume_mounts: Some(mounts.to_vec()),
            ..Container::default()
        },
        volumes: vec![
            Volume {
                name: SETTINGS.to_owned(),
                config_map: Some(ConfigMapVolumeSource {
                    name: map.to_owned(),
                    ..ConfigMapVolumeSource::default()
                }),
                ..Volume::default()
            },
            pod::secret_files(SECRETS, config.files()),
        ],
        content: json!(content.collect::<Vec<_>>()),
    }
}

fn resources() -> Resources {
    let list = |cpu: &str, memory: &str| ResourceList {
        cpu: Some(cpu.to_owned()),
        memory: Some(memory.to_owned()),
    };
    Resources {
        requests: list("50m", "64Mi"),
        limits: ResourceList {
            cpu: None,
            ..list("", "256Mi")
        },
    }
}
