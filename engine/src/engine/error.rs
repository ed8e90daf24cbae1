//! Errors of the shell. Refusals and deferrals are results, not errors.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A pinned version cannot be compiled by this build.
    #[error("cadence version {version} cannot be used: {problem}")]
    Version { version: String, problem: String },
    #[error("{what} `{id}` does not exist")]
    Missing { what: &'static str, id: String },
    /// The state does not allow what was asked.
    #[error("{message}")]
    Conflict { code: &'static str, message: String },
    #[error("{field}: {message}")]
    Invalid { field: String, message: String },
    /// The journal of stops cannot be read back.
    #[error("the journal of stops: {0}")]
    Journal(String),
    #[error("provider: {0}")]
    Provider(#[from] crate::provider::ProviderError),
}

impl EngineError {
    pub(crate) fn missing(what: &'static str, id: impl ToString) -> Self {
        Self::Missing { what, id: id.to_string() }
    }
}
