//! Registers handlers and runs them until told to stop.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::prelude::{Monitor, WorkerBuilder, WorkerBuilderExt as _};
use apalis_core::task::Task;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::backend::QueueBackend;
use super::engine::Engine;
use super::job::{Handled, Job, JobError, Run};
use super::lease::Lease;

/// A layer that panics restarts its worker; one that does so for ever must not spin.
const MOST_RESTARTS: usize = 100;

/// The workers of a process, one per kind of job.
#[derive(Debug)]
pub struct Workers {
    engine: Arc<Engine>,
    monitor: Monitor,
}

impl Workers {
    pub fn new(engine: Arc<Engine>) -> Self {
        let monitor = Monitor::new().should_restart(|worker, error| {
            tracing::error!(worker = worker.name(), %error, "a worker failed");
            worker.restarts() < MOST_RESTARTS
        });
        Self { engine, monitor }
    }

    /// Adds the worker of a kind. `context` is cloned into every call of `handler`: keep it behind an `Arc`.
    #[must_use]
    pub fn register<J, C, H, F>(mut self, context: C, handler: H) -> Self
    where
        J: Job,
        C: Clone + Send + Sync + 'static,
        H: Fn(J, C, Run) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Handled, JobError>> + Send + 'static,
    {
        let shared = Arc::clone(&self.engine.shared);
        self.monitor = self.monitor.register(move |restarts| {
            let config = J::config();
            let name = format!("{}/{}/{restarts}", shared.config.owner, J::KIND);
            let (concurrency, timeout) = (config.concurrency.max(1), config.timeout);
            // The first layer is the outermost: spans see time-outs.
            WorkerBuilder::new(name)
                .backend(QueueBackend::<J>::new(Arc::clone(&shared), config))
                .enable_tracing()
                .concurrency(concurrency)
                .timeout(timeout)
                .build(Handler { context: context.clone(), handler: handler.clone() })
        });
        self
    }

    /// Runs until `stop`, then lets handlers finish for `grace`, gives back what was not started, and writes every outcome.
    /// Handlers that need longer are stopped; that is a failed attempt of theirs.
    pub async fn run(self, stop: CancellationToken, grace: Duration) {
        let signal = async move {
            stop.cancelled().await;
            Ok(())
        };
        // The sleep must begin when the stop does, not when it is written down here.
        let monitor = self.monitor.with_terminator(async move { tokio::time::sleep(grace).await });
        if let Err(error) = monitor.run_with_signal(signal).await {
            tracing::error!(%error, "the workers ended badly");
        }
        // After the monitor: it drops workers without closing them when their time is up.
        self.engine.shutdown(grace.max(Duration::from_secs(1))).await;
    }
}

/// A handler as apalis calls it.
#[derive(Clone)]
struct Handler<C, H> {
    context: C,
    handler: H,
}

impl<J, C, H, F> Service<Task<J>> for Handler<C, H>
where
    C: Clone,
    H: Fn(J, C, Run) -> F,
    F: Future<Output = Result<Handled, JobError>> + Send + 'static,
{
    type Response = Handled;
    type Error = JobError;
    type Future = BoxFuture<'static, Result<Handled, JobError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), JobError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<J>) -> Self::Future {
        match task.data().get::<Arc<Lease>>().map(|lease| lease.run()) {
            Some(run) => (self.handler)(task.args, self.context.clone(), run).boxed(),
            None => std::future::ready(Err(JobError::give_up("it has no lease"))).boxed(),
        }
    }
}
