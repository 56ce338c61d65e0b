//! What all reconciliations share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use contracts::Clock;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::turns::Turns;
use crate::apply::Applied;
use crate::dereference::{Apis, Secrets};
use crate::events::Teller;
use crate::metrics::Queue;
use crate::observed::{Cluster, PlatformKey};
use crate::readiness::Readiness;
use crate::release::Release;
use crate::resource::ShopPlatformStatus;
use crate::validate::Defaults;

/// What all reconciliations share.
pub struct Context {
    /// Who asks the API server.
    pub client: Client,
    /// What the cluster has.
    pub cluster: Cluster,
    /// What the Secrets of people have.
    pub secrets: Secrets,
    /// Which of the kinds are there that not every cluster has.
    pub apis: Apis,
    /// What this operator knows.
    pub defaults: Defaults,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Which operator it is.
    pub identity: String,
    /// Which platform is rolled out after an upgrade of the operator.
    pub turns: Arc<Turns>,
    /// The one namespace that it works in; none: all.
    pub namespace: Option<String>,
    /// Who tells what happened.
    pub teller: Teller,
    /// Whether all is known.
    pub readiness: Readiness,
    /// Platforms to be looked at.
    pub(super) queue: Queue,
    /// A right without which it is not known what there is.
    missing_right: OnceLock<String>,
    broken: CancellationToken,
    /// What was applied, and how often in a row it failed, by platform.
    memories: Mutex<HashMap<PlatformKey, Memory>>,
}

/// What is remembered of a platform between its reconciliations.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The uid that it is about.
    pub uid: String,
    /// How each child was marked after its last apply; none before the first pass.
    pub applied: Option<Applied>,
    /// What is tried, by its digest, and since when.
    pub tried: Option<(String, Timestamp)>,
    /// Failures in a row.
    pub failures: u32,
    /// The last good release and its name, if it was asked for.
    pub last_good: Option<(String, Release)>,
    /// The last good release, if it is not as this operator writes it: there is no going back to that.
    pub not_understood: Option<String>,
    /// What was told of a resource that cannot be read, and whose status therefore is not known either.
    pub told: Option<ShopPlatformStatus>,
}

impl Memory {
    /// Since when what the spec says is tried, as far as this process knows: now, if it is another one than before.
    pub fn tried_since(&mut self, digest: &str, now: Timestamp) -> Timestamp {
        let since = match self.tried.take() {
            Some((tried, since)) if tried == digest => since,
            _ => now,
        };
        self.tried = Some((digest.to_owned(), since));
        since
    }
}

impl Context {
    /// A context without memories.
    #[must_use]
    pub fn new(
        client: Client,
        defaults: Defaults,
        identity: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            teller: Teller::new(client.clone(), &identity),
            readiness: Readiness::default(),
            queue: Queue::default(),
            missing_right: OnceLock::new(),
            broken: CancellationToken::new(),
            client,
            cluster: Cluster::default(),
            secrets: Secrets::default(),
            apis: Apis::default(),
            defaults,
            clock,
            identity,
            turns: Arc::default(),
            namespace: None,
            memories: Mutex::default(),
        }
    }

    /// The same for platforms of one namespace only, if one is given.
    #[must_use]
    pub fn only_in(mut self, namespace: Option<String>) -> Self {
        self.namespace = namespace;
        self
    }

    /// The same, with `/readyz` told of it.
    #[must_use]
    pub fn reporting_to(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// The right that was missing, in the words of the API server, if the controller ended for that.
    #[must_use]
    pub fn missing_right(&self) -> Option<&str> {
        self.missing_right.get().map(String::as_str)
    }

    /// It may not be seen what there is.
    pub(super) fn lacks(&self, right: String) {
        drop(self.missing_right.set(right));
        self.broken.cancel();
    }

    /// Cancelled when a right is missing.
    pub(super) fn broken(&self) -> &CancellationToken {
        &self.broken
    }

    /// What is remembered of a platform; nothing if it is about an older one of the same name.
    pub(super) fn recall(&self, platform: &PlatformKey, uid: &str) -> Memory {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories
            .get(platform)
            .filter(|memory| memory.uid == uid)
            .cloned()
            .unwrap_or_else(|| Memory {
                uid: uid.to_owned(),
                ..Memory::default()
            })
    }

    /// Remembers.
    pub(super) fn remember(&self, platform: PlatformKey, memory: Memory) {
        self.memories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(platform, memory);
    }

    /// Forgets a platform that is gone.
    pub(super) fn forget(&self, platform: &PlatformKey) {
        self.queue.remove(platform);
        self.turns.end(platform);
        self.memories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(platform);
    }
}
