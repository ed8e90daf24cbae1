//! What `serve` and `worker` have in common beside dialing: how long things are kept, and an address to be watched at.

use std::net::SocketAddr;

use anyhow::Context;
use callwright_workers::jobs::{Keep, Retention};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{App, operations};

/// How long things are kept, in days or `forever`.
#[expect(clippy::struct_field_names, reason = "they are the options of the command line")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retention (days, or `forever`; calls and consents are always kept)")]
pub struct RetentionArgs {
    /// Jobs done or cancelled; failed ones stay until somebody retries or discards them.
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_JOBS", default_value_t = Retention::default().jobs)]
    keep_jobs: Keep,
    /// Answers for repeated requests (`Idempotency-Key`).
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_ANSWERS", default_value_t = Retention::default().answers)]
    keep_answers: Keep,
    /// Decisions that put a call off or refused it, once their lead is in no cadence.
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_DECISIONS", default_value_t = Retention::default().decisions)]
    keep_decisions: Keep,
    /// Events of the machine's own book-keeping (steps passed, scores), once their lead is in no cadence.
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_EVENTS", default_value_t = Retention::default().events)]
    keep_events: Keep,
    /// Variables of ended enrollments.
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_DETAILS", default_value_t = Retention::default().details)]
    keep_details: Keep,
    /// Daily counts of campaigns, and counters of numbers nobody is called from any more.
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_COUNTERS", default_value_t = Retention::default().counters)]
    keep_counters: Keep,
    /// Reports of imports, with what was wrong in their rows.
    #[arg(long, value_name = "DAYS", env = "CALLWRIGHT_KEEP_IMPORTS", default_value_t = Retention::default().imports)]
    keep_imports: Keep,
}

impl RetentionArgs {
    /// The ages, or what is wrong with them.
    pub fn ages(&self) -> anyhow::Result<Retention> {
        let ages = Retention {
            jobs: self.keep_jobs,
            answers: self.keep_answers,
            decisions: self.keep_decisions,
            events: self.keep_events,
            details: self.keep_details,
            counters: self.keep_counters,
            imports: self.keep_imports,
        };
        if let Some((name, least)) = ages.too_short() {
            anyhow::bail!("--keep-{name} must be at least {least} days");
        }
        Ok(ages)
    }
}

/// Where to be watched.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Serve /metrics, /healthz, /readyz and /livez here, without keys: an address that only those who watch can reach.
    #[arg(long, value_name = "ADDRESS:PORT", env = "CALLWRIGHT_METRICS")]
    metrics: Option<SocketAddr>,
}

impl WatchArgs {
    /// Listens, if told to; the future then serves until `stop`.
    pub async fn listen(
        &self,
        app: App,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<impl Future<Output = ()> + Send + 'static>> {
        let Some(address) = self.metrics else { return Ok(None) };
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("--metrics: {address} cannot be listened on"))?;
        tracing::info!("watch this process at http://{}/metrics", listener.local_addr()?);
        Ok(Some(async move {
            let served =
                axum::serve(listener, operations(app)).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "the metrics are no longer served");
            }
        }))
    }
}
