//! Connections to services that speak HTTP/1.1: one request at a time on each.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use service_kit::Lifecycle;

use super::connection::Busy;
use super::tasks::Tasks;
use super::{Attempt, SendError, connect_timeout};
use crate::body::Upload;
use crate::settings::PoolSettings;

/// How long an idle connection is kept: less than servers usually do, so that it is us who close it.
const IDLE: Duration = Duration::from_secs(4);

pub(super) struct Http1 {
    client: Client<HttpConnector, Upload>,
    busy: Arc<AtomicUsize>,
}

impl Http1 {
    pub(super) fn new(settings: PoolSettings, lifecycle: &Lifecycle) -> Self {
        let busy = Arc::new(AtomicUsize::new(0));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect_timeout(settings)));
        // A request that a connection closed before it was written is sent on another one by the client itself.
        let client = Client::builder(Tasks::new(lifecycle, Arc::clone(&busy)))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.max_connections)
            .set_host(false)
            .build(connector);
        Self { client, busy }
    }

    pub(super) async fn send(
        &self,
        request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Busy), Attempt> {
        let busy = Busy::new(&self.busy, None);
        match self.client.request(request).await {
            Ok(response) => Ok((response, busy)),
            Err(error) if error.is_connect() => {
                Err(Attempt::Failed(SendError::Unavailable(Some(error.into()))))
            }
            Err(error) => Err(Attempt::Failed(SendError::Broken(error.into()))),
        }
    }
}
