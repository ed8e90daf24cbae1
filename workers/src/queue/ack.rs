//! The outermost layer of every worker: runs each handler in a task of its own and settles its job by what came out.
//!
//! apalis polls all handlers of all workers in one task, where one that blocks delays the others and one that panics takes
//! its neighbours along. Here it cannot. The spawn lies outside the time-out layer, so that a time-out really stops the handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use callwright_engine::store::jobs::Outcome;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::task::{JoinError, JoinHandle};
use tower::{Layer, Service};

use super::job::{Handled, JobError};
use super::lease::Lease;

#[derive(Debug, Clone, Copy)]
pub(super) struct AckLayer;

#[derive(Debug, Clone)]
pub(super) struct AckService<S> {
    inner: S,
}

impl<S> Layer<S> for AckLayer {
    type Service = AckService<S>;

    fn layer(&self, inner: S) -> AckService<S> {
        AckService { inner }
    }
}

impl<S, J> Service<Task<J>> for AckService<S>
where
    // The bound makes the compiler refuse a handler that answers anything else.
    S: Service<Task<J>, Response = Handled>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = Handled;
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<Handled, BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<J>) -> Self::Future {
        let Some(lease) = task.data().get::<Arc<Lease>>().cloned() else {
            return std::future::ready(Err("a task without a lease did not come from the queue".into()))
                .boxed();
        };
        if !lease.is_current() {
            // It waited here for so long that it may be another's by now; the write is refused if it is.
            lease.settle(Outcome::HandedBack);
            return std::future::ready(Ok(Handled::Done)).boxed();
        }
        let handler = self.inner.call(task);
        let running = tokio::spawn(async move { handler.await.map_err(Into::into) });
        lease.started(running.abort_handle());
        let running = StopOnDrop(running);
        async move {
            let result = running.await;
            lease.settle(outcome_of(&lease, &result));
            result.unwrap_or_else(|error| Err(error.into()))
        }
        .boxed()
    }
}

fn outcome_of(lease: &Lease, result: &Result<Result<Handled, BoxDynError>, JoinError>) -> Outcome {
    match result {
        Ok(Ok(handled)) => lease.outcome_of(Ok(*handled)),
        Ok(Err(error)) => match error.downcast_ref::<JobError>() {
            Some(error) => lease.outcome_of(Err(error)),
            // A layer's error; the time-out's is "request timed out".
            None => lease.failure(error.to_string()),
        },
        Err(error) if error.is_panic() => lease.failure(format!("its handler panicked: {error}")),
        Err(_) => lease.failure("stopped because its lease ended"),
    }
}

/// A handler's task, stopped with whoever waits for it: a plain handle would let it run on after a forced stop.
struct StopOnDrop<T>(JoinHandle<T>);

impl<T> Future for StopOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx)
    }
}

impl<T> Drop for StopOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
