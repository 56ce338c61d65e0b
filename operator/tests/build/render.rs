//! What `operator render` prints.

use operator::render::{documents, yaml};
use operator::validate::Defaults;
use serde_json::{Value, json};

use crate::platforms::children;

fn render(manifest: &str) -> anyhow::Result<String> {
    yaml(documents(manifest)?, "shop", &Defaults::new(None))
}

fn manifest(spec: &Value) -> String {
    json!({
        "apiVersion": "shopplatform.io/v1alpha1",
        "kind": "ShopPlatform",
        "metadata": {"name": "demo", "uid": "0b5e7a3c-uid"},
        "spec": spec,
    })
    .to_string()
}

#[test]
fn what_is_rendered_is_what_would_be_applied() {
    let spec = json!({"version": "0.1.0", "profile": "Production"});
    let rendered = documents(&render(&manifest(&spec)).unwrap()).unwrap();
    let applied: Vec<_> = children(spec)
        .into_iter()
        .map(|child| child.object)
        .collect();
    assert_eq!(rendered, applied);
}

#[test]
fn every_example_is_rendered_without_what_its_secrets_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut rendered = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = render(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert!(text.contains("kind: Deployment"), "{}", path.display());
            assert!(!text.contains("CHANGE-ME"), "{}", path.display());
            rendered += 1;
        }
    }
    assert!(rendered > 0, "there are no examples in {folder}");
}

#[test]
fn a_misspelt_field_is_named() {
    let error = render(&manifest(
        &json!({"images": {"tga": "0.2.0"}, "gatway": {}}),
    ))
    .unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "ShopPlatform demo: there is no field spec.gatway, no field spec.images.tga"
    );
}

#[test]
fn what_is_drawn_at_random_is_named() {
    let text = render(&manifest(&json!({}))).unwrap();
    let drawn = "---\n# created once, with what is drawn at random for password, key-file\napiVersion: v1\nkind: Secret\n";
    assert!(text.contains(drawn), "{text}");
}

#[test]
fn a_secret_that_is_not_given_is_asked_for() {
    let spec =
        json!({"postgres": {"mode": "External", "external": {"secretRef": {"name": "database"}}}});
    let error = render(&manifest(&spec)).unwrap_err().to_string();
    assert_eq!(
        error,
        "demo cannot be carried out:\n\
         SecretMissing: postgres.external.secretRef: there is no Secret `database` in the namespace `shop`: \
         create it, or name another one\n\
         Secrets are looked for in what --file names"
    );
}

#[test]
fn manifests_without_a_platform_are_refused() {
    let error = render("kind: Namespace\n---\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no ShopPlatform of shopplatform.io/v1alpha1 in it"
    );
}
