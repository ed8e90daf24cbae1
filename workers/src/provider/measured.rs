//! A provider whose requests are timed and counted by their answers.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::domain::campaign::Pacing;
use callwright_engine::metrics::{Metrics, Request};
use callwright_engine::provider::{
    Answer, CallsSince, Capabilities, Listing, LookUp, LookUpResult, PlaceRequest, Placement, Provider,
    ProviderError,
};
use tokio::time::Instant;

use crate::heartbeat::Heartbeat;

/// Another provider, watched.
#[derive(Debug)]
pub struct Measured {
    inner: Arc<dyn Provider>,
    metrics: Arc<Metrics>,
    /// Beats with every answer: a hundred look-ups in a row are slow, not stuck.
    heartbeat: Arc<Heartbeat>,
}

impl Measured {
    pub fn new(inner: Arc<dyn Provider>, metrics: Arc<Metrics>, heartbeat: Arc<Heartbeat>) -> Self {
        Self { inner, metrics, heartbeat }
    }

    fn note(&self, op: &'static str, code: &'static str, took: Duration) {
        self.heartbeat.beat();
        let request = Request { provider: self.inner.name().to_owned(), op, code };
        self.metrics.provider_request_seconds.get_or_create(&request).observe(took.as_secs_f64());
    }
}

impl Provider for Measured {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn limits(&self) -> Pacing {
        self.inner.limits()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move {
            let began = Instant::now();
            let placements = self.inner.place(requests).await;
            let took = began.elapsed();
            for placement in &placements {
                let code = match placement {
                    Placement::Accepted { .. } => "accepted",
                    Placement::Refused { retry: true, .. } => "refused_for_now",
                    Placement::Refused { retry: false, .. } => "refused",
                    Placement::Busy { .. } => "busy",
                    Placement::Unknown { .. } => "unknown",
                    Placement::NotSent { .. } => "not_sent",
                };
                self.note("place", code, took);
            }
            placements
        })
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async move {
            let began = Instant::now();
            let result = self.inner.look_up(query).await;
            let code = match &result {
                LookUpResult::Found { .. } => "found",
                LookUpResult::Absent => "absent",
                LookUpResult::Failed { .. } => "failed",
            };
            self.note("look_up", code, began.elapsed());
            result
        })
    }

    fn calls_since<'a>(&'a self, query: &'a CallsSince) -> Answer<'a, Result<Listing, ProviderError>> {
        Box::pin(async move {
            let began = Instant::now();
            let page = self.inner.calls_since(query).await;
            self.note("calls_since", if page.is_ok() { "done" } else { "failed" }, began.elapsed());
            page
        })
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let began = Instant::now();
            let result = self.inner.hang_up(provider_call_id).await;
            self.note("hang_up", if result.is_ok() { "done" } else { "failed" }, began.elapsed());
            result
        })
    }
}
