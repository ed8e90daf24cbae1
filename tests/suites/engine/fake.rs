//! A provider that answers what the test prepared and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_engine::domain::campaign::Pacing;
use callwright_engine::engine::ManualClock;
use callwright_engine::id::AttemptId;
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use callwright_engine::store::{Db, Durability, attempt};
use chrono::TimeDelta;

/// Accepts every call unless told otherwise, and finds every call it accepted.
#[derive(Debug)]
pub struct Fake {
    look_up: bool,
    /// Database in which to look for the intent while being asked.
    witness: Option<String>,
    limits: Pacing,
    /// The clock that moves while a look-up is answered, and how far.
    slow: Option<(Arc<ManualClock>, TimeDelta)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    prepared: VecDeque<Placement>,
    found: VecDeque<LookUpResult>,
    asked: Vec<AttemptId>,
    accepted: Vec<AttemptId>,
    looked_up: Vec<AttemptId>,
    seen: Vec<String>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { look_up: true, witness: None, limits: Pacing::default(), slow: None, state: Mutex::default() }
    }
}

impl Fake {
    pub const NAME: &str = "fake";
    /// How long after an intent its look-up is conclusive.
    pub const T_REC: TimeDelta = TimeDelta::seconds(60);

    /// A provider at which no call can be found again.
    pub fn without_look_up() -> Self {
        Self { look_up: false, ..Self::default() }
    }

    /// Looks at the attempt through a connection of its own while it is asked to place the call.
    pub fn watching(url: &str) -> Self {
        Self { witness: Some(url.to_owned()), ..Self::default() }
    }

    /// A provider that takes only so many calls.
    pub fn limited(limits: Pacing) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Every look-up takes this long.
    pub fn slowly(self, clock: &Arc<ManualClock>, length: TimeDelta) -> Self {
        Self { slow: Some((Arc::clone(clock), length)), ..self }
    }

    /// The next request is answered like this; those behind it as usual.
    pub fn answering(self, placement: Placement) -> Self {
        self.state().prepared.push_back(placement);
        self
    }

    /// The next look-up is answered like this.
    pub fn finding(self, result: LookUpResult) -> Self {
        self.state().found.push_back(result);
        self
    }

    /// Every attempt this provider was asked for, in order.
    pub fn asked(&self) -> Vec<AttemptId> {
        self.state().asked.clone()
    }

    pub fn looked_up(&self) -> usize {
        self.state().looked_up.len()
    }

    /// States in which the witness saw the attempts.
    pub fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    pub fn call_id(attempt: AttemptId) -> String {
        format!("call-{attempt}")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place_one(&self, attempt: AttemptId) -> Placement {
        let mut state = self.state();
        state.asked.push(attempt);
        let accept = Placement::Accepted { provider_call_id: Self::call_id(attempt) };
        let placement = state.prepared.pop_front().unwrap_or(accept);
        if matches!(placement, Placement::Accepted { .. }) {
            state.accepted.push(attempt);
        }
        placement
    }

    async fn watch(&self, requests: &[PlaceRequest]) {
        let Some(url) = &self.witness else { return };
        let db = Db::connect(url, Durability::Off).await.expect("a second connection");
        let mut tx = db.begin_read().await.expect("a transaction");
        let ids: Vec<AttemptId> = requests.iter().map(|request| request.attempt_id).collect();
        let attempts = attempt::by_ids(&mut tx, &ids).await.expect("the attempts");
        self.state().seen.extend(attempts.iter().map(|attempt| attempt.state.to_string()));
    }
}

impl Provider for Fake {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: self.look_up,
            conclusive_after: Self::T_REC,
            follows_flow: true,
            packages: false,
            simulated: true,
        }
    }

    fn limits(&self) -> Pacing {
        self.limits.clone()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move {
            self.watch(&requests).await;
            requests.iter().map(|request| self.place_one(request.attempt_id)).collect()
        })
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async move {
            if let Some((clock, length)) = &self.slow {
                clock.advance_to(clock.now() + *length);
            }
            let mut state = self.state();
            state.looked_up.push(query.attempt_id);
            let known = state.accepted.contains(&query.attempt_id);
            state.found.pop_front().unwrap_or(if known {
                LookUpResult::Found { provider_call_id: Self::call_id(query.attempt_id), end: None }
            } else {
                LookUpResult::Absent
            })
        })
    }

    fn hang_up<'a>(&'a self, _: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }
}
