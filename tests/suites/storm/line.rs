//! The provider as one operation reaches it: the simulated carrier behind the operation's gate, with a record of every question
//! that the system under test cannot touch. Some of the seeded bugs are broken lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::engine::ManualClock;
use callwright_engine::id::{AttemptId, CampaignId};
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use callwright_workers::provider::simulated::in_process::SimulatedCarrier;
use chrono::TimeDelta;

use crate::bugs::Bug;
use crate::gate::{Boundary, Gate};

/// What was asked of the provider, and when.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Asked>);

#[derive(Debug, Default)]
pub struct Asked {
    /// Every request that reached the carrier in time to be considered.
    pub placed: Vec<(AttemptId, CampaignId, Instant)>,
    /// The latest look-up that found nothing, by attempt.
    pub absent: BTreeMap<AttemptId, Instant>,
}

impl Watch {
    pub fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One operation's way to the carrier.
#[derive(Debug)]
pub struct Line {
    pub gate: Arc<Gate>,
    pub carrier: Arc<SimulatedCarrier>,
    pub clock: Arc<ManualClock>,
    pub watch: Arc<Watch>,
    pub bug: Option<Bug>,
}

impl Line {
    async fn ask(&self, mut requests: Vec<PlaceRequest>) -> Vec<Placement> {
        self.gate.reach(Boundary::Asking).await;
        let now = self.clock.now();
        if self.bug == Some(Bug::StaleRequests) {
            for request in &mut requests {
                request.send_by = request.send_by.max(now + TimeDelta::seconds(1));
            }
        }
        let in_time: Vec<_> = requests.iter().filter(|request| now <= request.send_by).collect();
        let asked = in_time.iter().map(|request| (request.attempt_id, request.campaign_id, now));
        self.watch.lock().placed.extend(asked);
        let mut answers = self.carrier.place(requests.clone()).await;
        if self.bug == Some(Bug::AskedTwice) {
            answers = self.carrier.place(requests.clone()).await;
        }
        if self.bug == Some(Bug::AskedAgainAfterTimeout) {
            for (answer, request) in answers.iter_mut().zip(&requests) {
                if matches!(answer, Placement::Unknown { .. })
                    && let Some(second) = self.carrier.place(vec![request.clone()]).await.pop()
                {
                    *answer = second;
                }
            }
        }
        self.gate.reach(Boundary::Asked).await;
        answers
    }

    async fn find(&self, query: &LookUp) -> LookUpResult {
        self.gate.reach(Boundary::LookingUp).await;
        let mut found = self.carrier.look_up(query).await;
        if self.bug == Some(Bug::BlindLookUp) {
            found = LookUpResult::Absent;
        } else if found == LookUpResult::Absent {
            self.watch.lock().absent.insert(query.attempt_id, self.clock.now());
        }
        self.gate.reach(Boundary::LookedUp).await;
        found
    }
}

impl Provider for Line {
    fn name(&self) -> &str {
        self.carrier.name()
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = self.carrier.capabilities();
        if self.bug == Some(Bug::HurriedLookUp) {
            return Capabilities { conclusive_after: TimeDelta::seconds(5), ..capabilities };
        }
        capabilities
    }

    fn limits(&self) -> Pacing {
        Pacing { calls_per_second: Some(2.0), max_concurrent: Some(4), ..Pacing::default() }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(self.ask(requests))
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(self.find(query))
    }

    fn hang_up<'a>(&'a self, call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        self.carrier.hang_up(call_id)
    }
}
