//! Images of ours.

use super::Defaults;
use crate::platform::Image;
use crate::resource::{ImagesSpec, ShopPlatformSpec};

/// Where images of ours are.
pub(super) struct Images<'a> {
    spec: &'a ImagesSpec,
    registry: &'a str,
    tag: String,
}

impl<'a> Images<'a> {
    /// As the spec says, or the operator.
    pub(super) fn of(spec: &'a ShopPlatformSpec, operator: &'a Defaults, version: &str) -> Self {
        let spec = &spec.images;
        Self {
            spec,
            registry: spec.registry.as_deref().unwrap_or(&operator.registry),
            tag: spec.tag.clone().unwrap_or_else(|| version.to_owned()),
        }
    }

    /// The image of a component.
    pub(super) fn of_component(&self, component: &str) -> Image {
        let given = self.spec.overrides.get(component).cloned();
        Image(given.unwrap_or_else(|| format!("{}/{component}:{}", self.registry, self.tag)))
    }
}
