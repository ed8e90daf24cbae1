//! apalis' view of the queue: a stream of jobs already claimed and decoded, which never errs and never ends.
//!
//! It must not: `None` leaves the worker hanging for ever, an error drops its running handlers without closing the backend.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ack::AckLayer;
use super::claimer::{CLOSING, Claimer, Delivery};
use super::engine::Shared;
use super::job::{Job, JobConfig};

/// Numbers claimers, so that no two of a process share an owner name, not even a restarted worker's.
static CLAIMERS: AtomicU64 = AtomicU64::new(0);

pub(super) struct QueueBackend<J> {
    shared: Arc<Shared>,
    config: JobConfig,
    slots: Arc<Semaphore>,
    total: usize,
    /// Kept, so that the stream does not end when the claimer does.
    sender: UnboundedSender<Delivery<J>>,
    deliveries: UnboundedReceiver<Delivery<J>>,
    claimer: Option<JoinHandle<()>>,
    stop: CancellationToken,
    closing: Option<BoxFuture<'static, ()>>,
}

impl<J: Job> QueueBackend<J> {
    /// Starts nothing: workers are built long before they run.
    pub fn new(shared: Arc<Shared>, config: JobConfig) -> Self {
        let total = config.concurrency.max(1) + config.prefetch;
        let (sender, deliveries) = mpsc::unbounded_channel();
        let slots = Arc::new(Semaphore::new(total));
        Self {
            shared,
            config,
            slots,
            total,
            sender,
            deliveries,
            claimer: None,
            stop: CancellationToken::new(),
            closing: None,
        }
    }

    fn start(&self, worker: &WorkerContext) -> JoinHandle<()> {
        let number = CLAIMERS.fetch_add(1, Ordering::Relaxed);
        let worker = worker.clone();
        let claimer = Claimer {
            shared: Arc::clone(&self.shared),
            config: self.config.clone(),
            owner: format!("{}/{}/{number}", self.shared.config.owner, J::KIND),
            slots: Arc::clone(&self.slots),
            total: self.total,
            deliveries: self.sender.clone(),
            // Pausing a worker does not stop its claimer by itself.
            is_paused: Box::new(move || worker.is_paused()),
            stop: self.stop.clone(),
            payload: PhantomData,
        };
        tokio::spawn(claimer.run())
    }

    /// Stops claiming, hands back what nobody started, and waits until every outcome is written.
    fn close(&mut self) -> BoxFuture<'static, ()> {
        self.stop.cancel();
        self.deliveries.close();
        while self.deliveries.try_recv().is_ok() {}
        let claimer = self.claimer.take();
        let slots = Arc::clone(&self.slots);
        let total = self.total as u32;
        async move {
            let drained = async {
                if let Some(claimer) = claimer {
                    let _ = claimer.await;
                }
                let _ = slots.acquire_many(total).await;
            };
            if tokio::time::timeout(CLOSING, drained).await.is_err() {
                tracing::warn!(kind = J::KIND, "closing with outcomes not yet written");
            }
        }
        .boxed()
    }
}

impl<J: Job> Backend for QueueBackend<J> {
    type Task = Task<J>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), Infallible>> {
        if self.claimer.is_none() && self.closing.is_none() {
            self.claimer = Some(self.start(worker));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<J>, Infallible>>> {
        match ready!(self.deliveries.poll_recv(cx)) {
            Some((payload, lease)) => {
                // apalis' tracing insists on an id; a job's own would repeat on its next run.
                let id = TaskId::from_string(lease.run_id());
                Poll::Ready(Some(Ok(TaskBuilder::new(payload).task_id(id).data(lease).build())))
            }
            None => Poll::Pending,
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        if self.closing.is_none() {
            self.closing = Some(self.close());
        }
        if let Some(closing) = &mut self.closing {
            ready!(closing.poll_unpin(cx));
            self.closing = Some(std::future::ready(()).boxed());
        }
        Poll::Ready(Ok(()))
    }
}

impl<J: Job> BackendConfig for QueueBackend<J> {
    type Args = J;
    type Id = String;
    type Kind = Ephemeral;
    type Config = JobConfig;
    type Layer = AckLayer;

    fn config(&self) -> &JobConfig {
        &self.config
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> AckLayer {
        AckLayer
    }
}

impl<J> Drop for QueueBackend<J> {
    /// A restarted worker's new backend overlaps with the old one, whose claimer must not go on. Stopped, not aborted.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
