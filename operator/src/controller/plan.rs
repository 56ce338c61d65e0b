//! What a pass undertakes: what the spec asks for, or the last good release in place of what was refused.

use kube::ResourceExt;

use super::Context;
use super::context::Memory;
use crate::build::BuildError;
use crate::dereference::{self, Found};
use crate::names::{Owner, TRY_AGAIN};
use crate::observed::{PlatformKey, View};
use crate::platform::Platform;
use crate::release::{self, Attempt, Release, Unreadable, digest_of_attempt, digest_of_given};
use crate::resource::{Refused, ShopPlatform};
use crate::status::Reason;
use crate::validate::{self, Invalid};

/// What a pass undertakes.
pub(super) struct Plan {
    /// For status.
    pub(super) attempt: Attempt,
    /// What is built.
    pub(super) platform: Platform,
}

/// Why there is nothing to be undertaken.
pub(super) enum Unplanned {
    /// The spec cannot be carried out.
    Invalid {
        /// In one word.
        reason: Reason,
        /// What is wrong, and what to do.
        message: String,
    },
    /// What it takes could not be read.
    NotRead {
        /// In a few words.
        what: &'static str,
        /// Why not.
        error: kube::Error,
    },
}

/// Where a plan is made of.
pub(super) struct Planning<'a> {
    pub(super) resource: &'a ShopPlatform,
    pub(super) owner: &'a Owner,
    pub(super) key: &'a PlatformKey,
    pub(super) context: &'a Context,
    pub(super) view: &'a View,
}

impl Planning<'_> {
    /// What the spec asks for, unless that was refused.
    pub(super) async fn plan(&self, memory: &mut Memory) -> Result<Plan, Unplanned> {
        let wanted = self.validated(self.resource).await?;
        let again = self.resource.annotations().get(TRY_AGAIN);
        let digest = digest_of_attempt(
            &self.resource.spec,
            &wanted.found,
            &wanted.release,
            self.owner,
            again.map(String::as_str),
        );
        let refused = self.resource.status.as_ref();
        let refused = refused.and_then(|status| status.refused.as_ref());
        let Some(refused) = refused.filter(|refused| refused.attempt == digest) else {
            return Ok(self.undertaken(wanted, digest, None, memory));
        };
        let Some(last_good) = self.last_good(memory).await? else {
            return Ok(self.undertaken(wanted, digest, None, memory));
        };
        let mut resource = self.resource.clone();
        resource.spec = last_good.put_into(&resource.spec);
        let last_good = self.validated(&resource).await?;
        Ok(self.undertaken(last_good, digest, Some(refused.clone()), memory))
    }

    async fn validated(&self, resource: &ShopPlatform) -> Result<Validated, Unplanned> {
        let sources = dereference::Sources {
            client: &self.context.client,
            secrets: &self.context.secrets,
            apis: &self.context.apis,
            view: self.view,
            now: crate::time::now(&*self.context.clock),
        };
        let found = dereference::dereference(resource, self.key, sources)
            .await
            .map_err(|error| Unplanned::NotRead {
                what: "a Secret that the spec points to",
                error,
            })?;
        let platform = validate::validate(resource, &found, &self.context.defaults)
            .map_err(|invalid| Unplanned::of(&invalid))?;
        let registry = &self.context.defaults.registry;
        let release = Release::of(&resource.spec, &platform, registry);
        Ok(Validated {
            found,
            platform,
            release,
        })
    }

    fn undertaken(
        &self,
        of: Validated,
        digest: String,
        refused: Option<Refused>,
        memory: &Memory,
    ) -> Plan {
        let given = digest_of_given(&self.resource.spec, &of.found, refused.as_ref());
        Plan {
            attempt: Attempt {
                digest,
                given,
                release: of.release,
                refused,
                not_understood: memory.not_understood.clone(),
            },
            platform: of.platform,
        }
    }

    /// The last good release, read once by each process; none if it is gone, or not to be understood: then what was refused is
    /// tried again.
    async fn last_good(&self, memory: &mut Memory) -> Result<Option<Release>, Unplanned> {
        let status = self.resource.status.as_ref();
        let Some(last_good) = status.and_then(|status| status.last_good.as_ref()) else {
            return Ok(None);
        };
        let name = &last_good.revision;
        if let Some((known, release)) = &memory.last_good
            && known == name
        {
            return Ok(Some(release.clone()));
        }
        if memory.not_understood.as_ref() == Some(name) {
            return Ok(None);
        }
        match release::read(&self.context.client, self.owner, name).await {
            Ok(release) => {
                if let Some(release) = &release {
                    memory.last_good = Some((name.clone(), release.clone()));
                }
                Ok(release)
            }
            Err(Unreadable::NotGiven(error)) => Err(Unplanned::NotRead {
                what: "the last good release",
                error,
            }),
            Err(Unreadable::NotUnderstood(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, name, "the last good release cannot be understood");
                memory.not_understood = Some(name.clone());
                Ok(None)
            }
        }
    }
}

struct Validated {
    found: Found,
    platform: Platform,
    release: Release,
}

impl Unplanned {
    fn of(invalid: &[Invalid]) -> Self {
        let messages: Vec<_> = invalid
            .iter()
            .map(|invalid| invalid.message.as_str())
            .collect();
        Self::Invalid {
            reason: invalid.first().map_or(Reason::CannotBuild, |invalid| {
                Reason::Invalid(invalid.reason)
            }),
            message: messages.join("; "),
        }
    }
}

impl From<BuildError> for Unplanned {
    fn from(error: BuildError) -> Self {
        Self::Invalid {
            reason: Reason::CannotBuild,
            message: error.to_string(),
        }
    }
}
