//! A carrier for the fleet: accepts every call, lets it ring for some seconds, and keeps books of its own that the audit reads.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{EndStatus, Fact};
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::engine::ManualClock;
use callwright_engine::id::{AttemptId, CampaignId};
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
    ReportedFact,
};
use chrono::TimeDelta;

/// One request in the books.
#[derive(Debug, Clone)]
pub struct Asked {
    pub attempt: AttemptId,
    pub campaign: CampaignId,
    pub caller: Option<String>,
    pub at: Instant,
    pub ends_at: Instant,
}

#[derive(Debug)]
pub struct Exchange {
    clock: Arc<ManualClock>,
    limits: Pacing,
    /// Seconds that a call rings at least; some ring up to four longer.
    rings_s: i64,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    asked: Vec<Asked>,
    /// Calls that have not ended, by their end.
    open: BTreeSet<(Instant, AttemptId)>,
}

impl Exchange {
    pub fn new(clock: &Arc<ManualClock>, limits: Pacing, rings_s: i64) -> Arc<Self> {
        Arc::new(Self { clock: Arc::clone(clock), limits, rings_s, books: Mutex::default() })
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.books().asked.clone()
    }

    pub fn count(&self) -> usize {
        self.books().asked.len()
    }

    /// When the next call ends.
    pub fn next_end(&self) -> Option<Instant> {
        self.books().open.first().map(|(at, _)| *at)
    }

    /// Reports of the calls that have ended by now.
    pub fn ended(&self, now: Instant) -> Vec<ReportedFact> {
        let mut books = self.books();
        let later = books.open.split_off(&(now + TimeDelta::microseconds(1), AttemptId::default()));
        let ended = std::mem::replace(&mut books.open, later);
        let report = |(at, attempt_id): (Instant, AttemptId)| ReportedFact {
            attempt_id,
            provider_call_id: Some(call_id(attempt_id)),
            key: "ended".to_owned(),
            at,
            fact: Fact::Ended { status: EndStatus::NoAnswer, talk_s: 0 },
        };
        ended.into_iter().map(report).collect()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn call_id(attempt: AttemptId) -> String {
    format!("call-{attempt}")
}

impl Provider for Exchange {
    fn name(&self) -> &'static str {
        "exchange"
    }

    fn capabilities(&self) -> Capabilities {
        let conclusive_after = TimeDelta::seconds(120);
        Capabilities { look_up: true, conclusive_after, follows_flow: true, packages: false, simulated: true }
    }

    fn limits(&self) -> Pacing {
        self.limits.clone()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move {
            let at = self.clock.now();
            let mut books = self.books();
            let place = |request: PlaceRequest| {
                let attempt = request.attempt_id;
                let ends_at = at + TimeDelta::seconds(self.rings_s + books.asked.len() as i64 % 5);
                books.open.insert((ends_at, attempt));
                let (campaign, caller) =
                    (request.campaign_id, request.from.map(callwright_engine::phone::PhoneNumber::e164));
                books.asked.push(Asked { attempt, campaign, caller, at, ends_at });
                Placement::Accepted { provider_call_id: call_id(attempt) }
            };
            requests.into_iter().map(place).collect()
        })
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        let found = LookUpResult::Found { provider_call_id: call_id(query.attempt_id), end: None };
        Box::pin(async { found })
    }

    fn hang_up<'a>(&'a self, _: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }
}
