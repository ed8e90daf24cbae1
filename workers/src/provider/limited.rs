//! A provider that takes only so many calls: its account's limits, whoever places the calls.

use std::sync::Arc;

use callwright_engine::domain::campaign::Pacing;
use callwright_engine::provider::{
    Answer, CallsSince, Capabilities, Listing, LookUp, LookUpResult, PlaceRequest, Placement, Provider,
    ProviderError,
};

/// Another provider with limits; pacing keeps to them before anything is asked.
#[derive(Debug)]
pub struct Limited {
    inner: Arc<dyn Provider>,
    limits: Pacing,
}

impl Limited {
    pub fn new(inner: Arc<dyn Provider>, limits: Pacing) -> Self {
        Self { inner, limits }
    }
}

impl Provider for Limited {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn limits(&self) -> Pacing {
        self.limits.clone()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        self.inner.place(requests)
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        self.inner.look_up(query)
    }

    fn calls_since<'a>(&'a self, query: &'a CallsSince) -> Answer<'a, Result<Listing, ProviderError>> {
        self.inner.calls_since(query)
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        self.inner.hang_up(provider_call_id)
    }
}
