//! The manifests that people copy.

use serde::Deserialize;

use super::*;

#[tokio::test]
async fn every_example_is_taken_as_it_is_written() {
    let client = cluster::client().await;
    let api = platforms(&client, "default");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(access::path("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let mut object = Value::deserialize(document).unwrap();
            if object["kind"] != "ShopPlatform" {
                continue;
            }
            object["metadata"]["namespace"] = json!("default");
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            if let Err(error) = api
                .patch(&name, &applied().dry_run(), &Patch::Apply(object))
                .await
            {
                panic!("{}: {error}", path.display());
            }
            names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    assert_eq!(
        names,
        [
            "cloudnativepg",
            "external-back-ends",
            "extra-service",
            "minimal",
            "production"
        ]
    );
}
