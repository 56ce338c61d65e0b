//! What platforms become, without a cluster: every child as YAML, for people who want to see it before, and for tools that check
//! manifests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use serde::Deserialize as _;
use serde_json::Value;

use crate::build::build;
use crate::child::{Child, Kind, Writing};
use crate::dereference::{Found, SecretContent, SecretKey, key_of, secrets_of};
use crate::resource::{GROUP, ShopPlatform, VERSION};
use crate::validate::{Defaults, Reason, validate};

/// What a platform is called by its children that is in no cluster.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// What is rendered.
#[derive(Clone, Debug, clap::Args)]
pub struct RenderArgs {
    /// A file with platforms, or with Secrets that they point to; may be said several times. Other objects are passed over
    #[arg(long = "file", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The namespace of what names none
    #[arg(long, default_value = "default")]
    pub namespace: String,
    /// Registry and folder of the images, if a platform does not say it
    #[arg(long, env = "SHOP_OPERATOR_REGISTRY")]
    pub registry: Option<String>,
}

/// The children of all platforms in these files, as YAML.
pub fn render(args: &RenderArgs) -> anyhow::Result<String> {
    let mut objects = Vec::new();
    for file in &args.files {
        let read = || {
            let text = std::fs::read_to_string(file)?;
            documents(&text)
        };
        let read = read().with_context(|| format!("{} cannot be read", file.display()))?;
        objects.extend(read);
    }
    yaml(
        objects,
        &args.namespace,
        &Defaults::new(args.registry.clone()),
    )
}

/// The objects of a stream of YAML documents.
pub fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let objects: Result<Vec<_>, _> = serde_yaml::Deserializer::from_str(text)
        .map(Value::deserialize)
        .collect();
    Ok(objects?)
}

/// The children of all platforms among these objects, as YAML, for a new platform in a cluster that has every API. Secrets that a
/// platform points to have to be among the objects too; what is in them is not in the children.
pub fn yaml(objects: Vec<Value>, namespace: &str, operator: &Defaults) -> anyhow::Result<String> {
    let api = format!("{GROUP}/{VERSION}");
    let mut platforms = Vec::new();
    let mut secrets = BTreeMap::new();
    for object in objects {
        let text = |path| object.pointer(path).and_then(Value::as_str);
        let name = text("/metadata/name")
            .unwrap_or("without a name")
            .to_owned();
        match (text("/apiVersion"), text("/kind")) {
            (Some(version), Some("ShopPlatform")) if version == api => {
                let platform = strictly(object);
                let mut platform: ShopPlatform =
                    platform.with_context(|| format!("ShopPlatform {name}"))?;
                place(&mut platform.metadata, namespace);
                platforms.push(platform);
            }
            (Some("v1"), Some("Secret")) => {
                let secret = serde_json::from_value(object);
                let mut secret: Secret = secret.with_context(|| format!("Secret {name}"))?;
                place(&mut secret.metadata, namespace);
                secrets.insert(key_of(&secret.metadata), content(secret));
            }
            _ => {}
        }
    }
    if platforms.is_empty() {
        bail!("there is no ShopPlatform of {api} in it");
    }
    let mut text = String::new();
    for platform in &platforms {
        for child in children(platform, &secrets, operator)? {
            text.push_str(&document(&child)?);
        }
    }
    Ok(text)
}

/// A platform none of whose fields is misspelt: the API server drops or refuses what the definition does not have.
fn strictly(object: Value) -> anyhow::Result<ShopPlatform> {
    let mut unknown = Vec::new();
    let platform = serde_ignored::deserialize(object, |path| {
        let path = path.to_string();
        // What every object has, and the type leaves to the API's machinery.
        if !matches!(path.as_str(), "apiVersion" | "kind") {
            unknown.push(path);
        }
    })?;
    if unknown.is_empty() {
        Ok(platform)
    } else {
        bail!("there is no field {}", unknown.join(", no field "))
    }
}

/// Where it would be.
fn place(metadata: &mut ObjectMeta, namespace: &str) {
    metadata
        .namespace
        .get_or_insert_with(|| namespace.to_owned());
    metadata.uid.get_or_insert_with(|| NO_UID.to_owned());
}

/// What the API server would keep of it.
fn content(secret: Secret) -> SecretContent {
    let mut data = secret.data.unwrap_or_default();
    let texts = secret.string_data.unwrap_or_default().into_iter();
    data.extend(texts.map(|(key, text)| (key, ByteString(text.into_bytes()))));
    SecretContent::of(&data)
}

fn children(
    platform: &ShopPlatform,
    secrets: &BTreeMap<SecretKey, SecretContent>,
    operator: &Defaults,
) -> anyhow::Result<Vec<Child>> {
    let namespace = platform.namespace().unwrap_or_default();
    let found = Found {
        secrets: secrets_of(&platform.spec)
            .into_iter()
            .map(|name| {
                let content = secrets.get(&(namespace.clone(), name.clone())).cloned();
                (name, content)
            })
            .collect(),
        apis: Kind::ALL.into(),
        ..Found::default()
    };
    let name = platform.name_any();
    let platform = validate(platform, &found, operator).map_err(|findings| {
        let mut text = format!("{name} cannot be carried out:");
        for finding in &findings {
            let (reason, message) = (finding.reason.as_str(), &finding.message);
            text = format!("{text}\n{reason}: {message}");
        }
        let mut reasons = findings.iter().map(|finding| finding.reason);
        if reasons.any(|reason| reason == Reason::SecretMissing) {
            text.push_str("\nSecrets are looked for in what --file names");
        }
        anyhow::Error::msg(text)
    })?;
    build(&platform).with_context(|| format!("{name} cannot be built"))
}

/// One child, with what is not in the object itself as a comment.
fn document(child: &Child) -> anyhow::Result<String> {
    let comment = match &child.writing {
        Writing::Apply => String::new(),
        Writing::After(others) => {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            format!("# waits for {}\n", others.join(", "))
        }
        Writing::CreateOnce(drawn) => {
            let keys: Vec<_> = drawn.iter().map(|(key, _)| key.as_str()).collect();
            format!(
                "# created once, with what is drawn at random for {}\n",
                keys.join(", ")
            )
        }
    };
    let object = serde_yaml::to_string(&child.object)?;
    Ok(format!("---\n{comment}{object}"))
}
