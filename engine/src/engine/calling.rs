//! What a deployment says about its calls: where platforms find its API, and who is called first.

use std::sync::OnceLock;

use super::Engine;
use crate::decide::score::Weights;

/// What a deployment says about its calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calling {
    /// Where platforms find this API; empty: packages name paths only.
    pub public_url: String,
    /// Of the formula that says who is called first.
    pub weights: Weights,
}

/// Said once, before anybody is called.
#[derive(Debug, Default)]
pub(super) struct Said(OnceLock<Calling>);

impl Engine {
    /// Says how this deployment calls. The first word counts.
    pub fn set_calling(&self, calling: Calling) {
        if self.calling.0.set(calling).is_err() {
            tracing::warn!("how calls are made was said already; the first word stays");
        }
    }

    pub(super) fn weights(&self) -> &Weights {
        &self.calling.0.get_or_init(Calling::default).weights
    }

    pub(super) fn public_url(&self) -> &str {
        self.calling.0.get_or_init(Calling::default).public_url.trim_end_matches('/')
    }
}
