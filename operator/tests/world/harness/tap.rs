//! Sits between an operator and the API server: records every request, and makes go wrong what it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use kube::client::Body;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tower::{BoxError, Layer, Service};

use super::answers::{Answer, Orders, obedient, plain};
use super::{Asked, Fault, Verb};

/// A request, and the code of the API server's answer: none if it never got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) asked: Asked,
    pub(crate) code: Option<u16>,
}

/// Which requests go wrong, and how.
struct Plan {
    is_meant: Box<dyn Fn(&Asked) -> bool + Send>,
    fault: Fault,
    /// How many of those that are meant go well before.
    before: usize,
    /// How many go wrong then.
    times: usize,
}

#[derive(Clone)]
pub(crate) struct Tap(Arc<Inner>);

struct Inner {
    records: Mutex<Vec<Record>>,
    plans: Mutex<Vec<Plan>>,
    struck: watch::Sender<usize>,
    orders: watch::Sender<Orders>,
    crash: Notify,
    /// Requests that are under way: they are carried out and recorded, also if the operator dies meanwhile.
    under_way: Mutex<JoinSet<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tap {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            records: Mutex::default(),
            plans: Mutex::default(),
            struck: watch::Sender::new(0),
            orders: watch::Sender::default(),
            crash: Notify::new(),
            under_way: Mutex::default(),
        }))
    }

    /// How many requests there were: a place in the record.
    pub(crate) fn mark(&self) -> usize {
        lock(&self.0.records).len()
    }

    /// What was asked since.
    pub(crate) fn since(&self, mark: usize) -> Vec<Record> {
        lock(&self.0.records).iter().skip(mark).cloned().collect()
    }

    /// What was written since, or tried to.
    pub(crate) fn writes_since(&self, mark: usize) -> Vec<Asked> {
        let records = self.since(mark).into_iter().map(|record| record.asked);
        records.filter(|asked| asked.verb.writes()).collect()
    }

    /// How often each was created and deleted since, with what the names have in common in all namespaces.
    pub(crate) fn created_and_deleted_since(
        &self,
        mark: usize,
    ) -> BTreeMap<(Verb, String, String), usize> {
        let mut counts = BTreeMap::new();
        for Record { asked, code } in self.since(mark) {
            let verb = match (asked.verb, code) {
                (Verb::Create | Verb::Apply, Some(201)) => Verb::Create,
                (Verb::Delete, Some(200 | 202)) => Verb::Delete,
                _ => continue,
            };
            // What is told to people is not what is made for them.
            if asked.resource == "events" {
                continue;
            }
            let name = super::canonical::without_hashes(&asked.name);
            *counts.entry((verb, asked.resource, name)).or_default() += 1;
        }
        counts
    }

    /// Makes requests go wrong: `times` of those that are meant, after `before` of them.
    pub(crate) fn strike(
        &self,
        fault: Fault,
        before: usize,
        times: usize,
        is_meant: impl Fn(&Asked) -> bool + Send + 'static,
    ) {
        lock(&self.0.plans).push(Plan {
            is_meant: Box::new(is_meant),
            fault,
            before,
            times,
        });
    }

    /// Lets everything go well again. Returns how many requests went wrong.
    pub(crate) fn heal(&self) -> usize {
        lock(&self.0.plans).clear();
        self.release_watches();
        self.0.struck.send_replace(0)
    }

    /// How many requests went wrong.
    pub(crate) fn struck(&self) -> usize {
        *self.0.struck.borrow()
    }

    /// Watches of children bring nothing until [`Tap::heal`].
    pub(crate) fn hold_watches(&self) {
        self.0.orders.send_modify(|orders| orders.held = true);
    }

    /// Whether they are held.
    pub(crate) fn holds_watches(&self) -> bool {
        self.0.orders.borrow().held
    }

    /// They go on.
    pub(crate) fn release_watches(&self) {
        self.0.orders.send_modify(|orders| orders.held = false);
    }

    /// All watches are told that they are too old.
    pub(crate) fn expire_watches(&self) {
        self.0.orders.send_modify(|orders| orders.expired += 1);
    }

    /// Until the operator is to die.
    pub(super) async fn crashes(&self) {
        self.0.crash.notified().await;
    }

    fn fault_for(&self, asked: &Asked) -> Option<Fault> {
        let mut plans = lock(&self.0.plans);
        let plan = plans
            .iter_mut()
            .find(|plan| plan.times > 0 && (plan.is_meant)(asked))?;
        if plan.before > 0 {
            plan.before -= 1;
            return None;
        }
        plan.times -= 1;
        self.0.struck.send_modify(|struck| *struck += 1);
        Some(plan.fault)
    }

    fn record(&self, asked: Asked, code: Option<u16>) {
        lock(&self.0.records).push(Record { asked, code });
    }

    fn go_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.under_way().spawn(work);
    }

    /// Whether an answer is waited for, and so its request not recorded yet.
    pub(super) fn is_asking(&self) -> bool {
        !self.under_way().is_empty()
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        let mut under_way = lock(&self.0.under_way);
        while under_way.try_join_next().is_some() {}
        under_way
    }
}

impl<S> Layer<S> for Tap {
    type Service = Tapped<S>;

    fn layer(&self, inner: S) -> Tapped<S> {
        Tapped {
            inner,
            tap: self.clone(),
        }
    }
}

pub(crate) struct Tapped<S> {
    inner: S,
    tap: Tap,
}

impl<S, B> Service<Request<Body>> for Tapped<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = Asked::of(&request);
        let fault = self.tap.fault_for(&asked);
        let tap = self.tap.clone();
        if let Some(Fault::Before(refusal)) = fault {
            tap.record(asked, None);
            return Box::pin(async move { refusal.answer() });
        }
        let (done, answer) = oneshot::channel();
        let (working, verb, resource) = (tap.clone(), asked.verb, asked.resource.clone());
        // From now on: as soon as it is recorded somebody may order something.
        let orders = tap.0.orders.subscribe();
        let begun = *orders.borrow();
        let work = self.inner.call(request);
        tap.go_on(async move {
            let answer = work.await.map_err(Into::into);
            let code = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            working.record(asked, code);
            // Nobody waits for it if the operator died.
            let _ = done.send(answer);
        });
        Box::pin(async move {
            let answer = answer.await.map_err(BoxError::from);
            match fault {
                Some(Fault::Crash) => {
                    tap.0.crash.notify_one();
                    std::future::pending::<()>().await;
                }
                Some(Fault::After(refusal)) => return refusal.answer(),
                Some(Fault::Stale) => tap.hold_watches(),
                Some(Fault::Before(_)) | None => {}
            }
            let answer = answer??;
            Ok(if verb == Verb::Watch {
                // The platforms themselves are told of however old all else is.
                let may_be_held = resource != "shopplatforms";
                answer.map(|body| obedient(body, may_be_held, orders, begun))
            } else {
                answer.map(plain)
            })
        })
    }
}
