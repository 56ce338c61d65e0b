//! Names and labels: what belongs to which platform.

use std::collections::BTreeMap;

/// The field manager of everything that the operator applies.
pub const FIELD_MANAGER: &str = "shopplatform-operator";
/// The label of everything that belongs to a platform; its value is the platform's name.
pub const PLATFORM_LABEL: &str = "shopplatform.io/platform";
/// The hash of what was built, on every child: it differs from the built one if the child has to be applied.
pub const BUILT_HASH: &str = "shopplatform.io/built-hash";
/// The hash of settings, on pod templates: a changed setting replaces the pods.
pub const SETTINGS_HASH: &str = "shopplatform.io/settings-hash";

/// The annotation by which people ask for new credentials, with any text that was not there before; Secrets carry the text that was
/// there when they were made.
pub const ROTATE_CREDENTIALS: &str = "shopplatform.io/rotate-credentials";
/// The component of the Job that makes databases and users.
pub const PROVISION: &str = "provision";
/// What the component of a workload's migration has after that of the workload.
pub const MIGRATE_SUFFIX: &str = "-migrate";
/// The hash of the pod template, on Deployments: a change of anything else replaces no pods, and so waits for nothing.
pub const TEMPLATE_HASH: &str = "shopplatform.io/template-hash";
/// The label of [`crate::release::Release`]s; its value is the release's hash.
pub const RELEASE_LABEL: &str = "shopplatform.io/release";
/// The annotation of a platform whose value is changed to have a refused spec tried again as it is.
pub const TRY_AGAIN: &str = "shopplatform.io/try-again";
/// The field manager of a Deployment's number of replicas on its way to an autoscaler.
pub const SCALE_MANAGER: &str = "shopplatform-operator-scale";

/// A part of a platform, such as `order` or `mongodb`: the last part of its children's names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Component(String);

impl Component {
    /// The component of that name, which the schema has checked: a DNS label.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose children they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The namespace of the platform and of all its children.
    pub namespace: String,
    /// The platform's name.
    pub name: String,
    /// The platform's uid.
    pub uid: String,
}

impl Owner {
    /// `<platform>-<rest>`.
    #[must_use]
    pub fn child(&self, rest: &str) -> String {
        format!("{}-{rest}", self.name)
    }

    /// What selects the pods of one component; never changed, for selectors cannot be.
    #[must_use]
    pub fn selector(&self, component: &Component) -> BTreeMap<String, String> {
        [
            (PLATFORM_LABEL, self.name.as_str()),
            ("app.kubernetes.io/name", component.as_str()),
            ("app.kubernetes.io/instance", self.name.as_str()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    /// The labels of a component's children, with those of [`Owner::selector`]. Without the version: a label that changes with it
    /// would change everything at every upgrade.
    #[must_use]
    pub fn labels(&self, component: &Component) -> BTreeMap<String, String> {
        let mut labels = self.selector(component);
        for (key, value) in [
            ("app.kubernetes.io/part-of", "shop-platform"),
            ("app.kubernetes.io/managed-by", FIELD_MANAGER),
        ] {
            labels.insert(key.to_owned(), value.to_owned());
        }
        labels
    }
}
