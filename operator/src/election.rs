//! Which of several operators works: the one that holds a Lease, as client-go's leader election does it.
//!
//! Clocks are not compared: who waits takes the lease over when it saw nothing change in it for as long as it is given for, by its own
//! clock. Who holds it stops before that, when it could not renew it for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::Clock;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::readiness::Readiness;
use crate::time;

/// For how long a lease is given: so long nobody works after its holder died.
const LEASE: Duration = Duration::from_secs(15);
/// For how long a holder that cannot renew goes on: less than [`LEASE`], for it is to have stopped before another begins.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often it is renewed.
const PERIOD: Duration = Duration::from_secs(2);
/// How often those who wait look at it: one that is given back is taken within this time.
const LOOK: Duration = Duration::from_secs(1);

/// A candidate.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    clock: Arc<dyn Clock>,
    readiness: Readiness,
}

/// What somebody who waits saw, and when it last changed.
struct Seen {
    lease: Option<LeaseSpec>,
    since: Instant,
}

impl Election {
    /// A candidate with this identity, which nobody else has, for the lease of this name.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: &str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            clock,
            readiness: Readiness::default(),
        }
    }

    /// The same, with `/readyz` told whether the API server answers.
    #[must_use]
    pub fn reporting_to(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Waits until the lease is ours: true; or until `end`: false.
    pub async fn win(&self, end: &CancellationToken) -> bool {
        let mut seen = Seen {
            lease: None,
            since: Instant::now(),
        };
        loop {
            let taken = self.try_to_take(&mut seen).await;
            self.readiness.asked(answered(&taken));
            match taken {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the lease could not be read or taken"),
            }
            tokio::select! {
                () = end.cancelled() => return false,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Keeps the lease until `end`, then gives it back; or returns earlier if it is lost: false.
    pub async fn keep(&self, end: &CancellationToken) -> bool {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = end.cancelled() => return true,
                () = tokio::time::sleep(PERIOD) => {}
            }
            let left = RENEW_DEADLINE.saturating_sub(renewed.elapsed());
            let renewed_now = tokio::time::timeout(left, self.renew()).await;
            if let Ok(answer) = &renewed_now {
                self.readiness.asked(answered(answer));
            }
            match renewed_now {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) | Err(_) => return false,
                Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed"),
            }
            if renewed.elapsed() >= RENEW_DEADLINE {
                return false;
            }
        }
    }

    /// Gives the lease back, so that nobody has to wait for its end.
    pub async fn give_back(&self) -> Result<(), kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            return Ok(());
        };
        if self.is_ours(&lease) {
            let spec = lease.spec.get_or_insert_default();
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            self.api
                .replace(&self.name, &PostParams::default(), &lease)
                .await?;
        }
        Ok(())
    }

    async fn try_to_take(&self, seen: &mut Seen) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.spec(0)),
            };
            return taken(self.api.create(&PostParams::default(), &lease).await);
        };
        if lease.spec != seen.lease {
            *seen = Seen {
                lease: lease.spec.clone(),
                since: Instant::now(),
            };
        }
        let spec = lease.spec.clone().unwrap_or_default();
        let held = spec
            .holder_identity
            .as_deref()
            .is_some_and(|holder| !holder.is_empty() && holder != self.identity);
        let given_for = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
        if held && seen.since.elapsed() < Duration::from_secs(given_for) {
            return Ok(false);
        }
        lease.spec = Some(self.spec(spec.lease_transitions.unwrap_or(0).saturating_add(1)));
        taken(
            self.api
                .replace(&self.name, &PostParams::default(), &lease)
                .await,
        )
    }

    /// False if it is not ours any more.
    async fn renew(&self) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            return Ok(false);
        };
        if !self.is_ours(&lease) {
            return Ok(false);
        }
        lease.spec.get_or_insert_default().renew_time = Some(MicroTime(time::now(&*self.clock)));
        match self
            .api
            .replace(&self.name, &PostParams::default(), &lease)
            .await
        {
            Ok(_) => Ok(true),
            // Somebody wrote in between: whether it is still ours shows the next time.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_deref())
            == Some(self.identity.as_str())
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(time::now(&*self.clock));
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

fn answered(answer: &Result<bool, kube::Error>) -> Result<(), String> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// A conflict means that another one was faster.
fn taken(result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
