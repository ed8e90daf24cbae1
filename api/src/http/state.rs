//! What every handler may reach: the engine, the dial loop's bell, and how callers are let in.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use callwright_engine::engine::Engine;
use callwright_workers::bell::Bell;
use callwright_workers::heartbeat::Heartbeat;
use callwright_workers::provider::carrier_http::HttpCarrier;
use callwright_workers::provider::omnidim::Omnidim;
use serde_json::Value;

use super::health::Probe;
use super::known_keys::KnownKeys;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A bearer API key on every route that is not public.
    Keys,
    /// Anyone, as a manager of everything. Only `serve --dev` grants it: on loopback and with the simulated carrier.
    Open,
}

/// Shared by all requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    pub engine: Arc<Engine>,
    pub access: Access,
    /// Event types beyond the CRM's vocabulary and those that cadences wait for.
    pub event_types: Arc<BTreeSet<String>>,
    /// Key of the signatures on carrier callbacks; without one they are refused.
    pub carrier_secret: Option<Arc<[u8]>>,
    /// Whose calls they are about.
    pub carrier_name: &'static str,
    /// OmniDimension, where it places the calls.
    pub omnidim: Option<Arc<Omnidim>>,
    /// What is wrong with the definition files, as they were last read.
    pub problems: Arc<FileProblems>,
    draining: Arc<AtomicBool>,
    /// Keys that need not be looked up again for a moment.
    pub known_keys: Arc<KnownKeys>,
    /// Signs of life of this process's dial loop.
    pub heartbeat: Arc<Heartbeat>,
    /// What the database said to the last probe.
    pub probe: Arc<Probe>,
    bell: Bell,
}

/// Problems of the definition files, as JSON; whoever reads the files keeps them current.
#[derive(Debug)]
pub struct FileProblems(RwLock<Value>);

impl Default for FileProblems {
    fn default() -> Self {
        Self(RwLock::new(Value::Array(Vec::new())))
    }
}

impl FileProblems {
    pub fn current(&self) -> Value {
        self.0.read().map(|problems| problems.clone()).unwrap_or_default()
    }

    pub fn set(&self, problems: Value) {
        if let Ok(mut kept) = self.0.write() {
            *kept = problems;
        }
    }
}

impl App {
    /// `bell` wakes the dial loop, of this process and of others.
    pub fn new(engine: Arc<Engine>, access: Access, bell: Bell) -> Self {
        Self {
            engine,
            access,
            event_types: Arc::default(),
            carrier_secret: None,
            carrier_name: HttpCarrier::NAME,
            omnidim: None,
            problems: Arc::default(),
            known_keys: Arc::default(),
            draining: Arc::default(),
            heartbeat: Arc::default(),
            probe: Arc::default(),
            bell,
        }
    }

    #[must_use]
    pub fn with_event_types(mut self, types: impl IntoIterator<Item = String>) -> Self {
        self.event_types = Arc::new(types.into_iter().collect());
        self
    }

    #[must_use]
    pub fn with_problems(mut self, problems: Arc<FileProblems>) -> Self {
        self.problems = problems;
        self
    }

    /// Keys pass for this long after they were looked up: so long a revoked one may still be let in.
    #[must_use]
    pub fn with_keys_known_for(mut self, keep: Duration) -> Self {
        self.known_keys = Arc::new(KnownKeys::keeping(keep));
        self
    }

    /// The dial loop beside this API.
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: Arc<Heartbeat>) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    #[must_use]
    pub fn with_carrier_secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.carrier_secret = Some(secret.into().into());
        self
    }

    /// The signed callbacks are about this provider's calls.
    #[must_use]
    pub fn with_carrier_name(mut self, name: &'static str) -> Self {
        self.carrier_name = name;
        self
    }

    #[must_use]
    pub fn with_omnidim(mut self, omnidim: Arc<Omnidim>) -> Self {
        self.omnidim = Some(omnidim);
        self
    }

    /// Shares the flag that is raised when this process has been told to stop.
    #[must_use]
    pub fn with_draining(mut self, draining: Arc<AtomicBool>) -> Self {
        self.draining = draining;
        self
    }

    /// This process is about to stop: it still answers, and should be sent nothing new.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Something may have become due: dial loops look at once instead of at their next poll.
    pub fn ring(&self) {
        self.bell.ring();
    }
}
