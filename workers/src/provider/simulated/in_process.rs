//! The simulated carrier inside the dialer's own process: calls are played in memory when they are accepted, and their facts
//! are handed out as the caller's clock reaches them. No task, timer or socket per call.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{EndStatus, Fact};
use callwright_engine::flow::session::Conversation;
use callwright_engine::id::AttemptId;
use callwright_engine::provider::{
    Answer, CallPurpose, CallsSince, Capabilities, FoundEnd, ListedCall, Listing, LookUp, LookUpResult,
    PlaceRequest, Placement, Provider, ProviderError, ReportedFact, VirtualCarrier,
};

use chrono::TimeDelta;

use super::behaviour::BehaviourSource;
use super::callee::{self, Answerer};
use super::faults::{Faults, Fired, PlacementFault};
use super::ledger::{Asked, Ending, Entry, Ledger};
use super::pending::Pending;
use super::played::{Played, play};
use super::queue::{Queue, Turn};

/// Tells the carrier what time it is: the same clock that drives the engine.
pub type Now = Arc<dyn Fn() -> Instant + Send + Sync>;

/// A carrier without a network. Cheap enough for a hundred thousand calls in seconds.
pub struct SimulatedCarrier {
    now: Now,
    seed: u64,
    source: Box<dyn BehaviourSource>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    ledger: Ledger,
    /// Calls waiting for their turn.
    turns: Queue,
    queue: Pending,
    /// Callbacks that were lost, until a look-up asks for them.
    lost: HashMap<AttemptId, Vec<ReportedFact>>,
    /// Calls ended by us before their time: what they would still have reported did not happen.
    hung_up: HashSet<String>,
    fired: Fired,
    /// Entries from here on were never saved,
    saved: usize,
    /// and these earlier ones have changed since.
    amended: HashSet<String>,
}

/// What of the books is to be saved.
#[derive(Debug)]
pub struct Changed {
    pub entries: Vec<Entry>,
    length: usize,
    amended: HashSet<String>,
}

/// What is known about one request before the books are opened.
struct Taken {
    asked: Asked,
    fault: PlacementFault,
    played: Option<Played>,
    starts_at: Instant,
    queued: bool,
}

impl SimulatedCarrier {
    /// How long after an intent this carrier's look-up is conclusive; well beyond its latest accept.
    pub const CONCLUSIVE_AFTER: TimeDelta = TimeDelta::seconds(120);

    pub fn new(now: Now, seed: u64, source: impl BehaviourSource + 'static, faults: Faults) -> Self {
        let state = Mutex::new(State { faults, ..State::default() });
        Self { now, seed, source: Box::new(source), state }
    }

    /// Other faults from here on; calls under way go on as they began.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Facts whose time has come, in the order of their delivery.
    pub fn due(&self, now: Instant) -> Vec<ReportedFact> {
        let mut state = self.state();
        let mut due = Vec::new();
        while let Some(fact) = state.queue.pop_due(now) {
            let is_moot = !state.hung_up.is_empty()
                && fact.key != HUNG_UP
                && fact.provider_call_id.as_ref().is_some_and(|call| state.hung_up.contains(call));
            if !is_moot {
                due.push(fact);
            }
        }
        due
    }

    /// When the next fact will be due.
    pub fn next_at(&self) -> Option<Instant> {
        self.state().queue.next_at()
    }

    /// Takes facts back that could not be recorded: they are due again at `now`.
    pub fn deliver_again(&self, now: Instant, facts: Vec<ReportedFact>) {
        let mut state = self.state();
        for fact in facts {
            state.queue.push(now, fact);
        }
    }

    /// Runs `read` on the books.
    pub fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.state().ledger)
    }

    /// What changed in the books since [`SimulatedCarrier::saved`].
    pub fn changed(&self) -> Changed {
        let state = self.state();
        let entries = state.ledger.entries();
        let (old, new) = entries.split_at(state.saved.min(entries.len()));
        let amended = old.iter().filter(|entry| state.amended.contains(&entry.call_id));
        let amended = if state.amended.is_empty() { Vec::new() } else { amended.cloned().collect() };
        let all = amended.into_iter().chain(new.iter().cloned()).collect();
        Changed { entries: all, length: entries.len(), amended: state.amended.clone() }
    }

    /// These changes are on disk.
    pub fn saved(&self, changed: &Changed) {
        let mut state = self.state();
        state.saved = changed.length;
        // A call hung up again meanwhile would end no differently.
        state.amended.retain(|call_id| !changed.amended.contains(call_id));
    }

    /// How often each fault has fired.
    pub fn fired(&self) -> Fired {
        self.state().fired.clone()
    }

    /// Goes on with the books of a process that died. Its open calls died with it: they are reported as failed now.
    pub fn restore(&self, entries: Vec<Entry>) {
        let now = (self.now)();
        let mut state = self.state();
        state.ledger = Ledger::reload(entries);
        state.saved = state.ledger.entries().len();
        let open: Vec<String> = state
            .ledger
            .entries()
            .iter()
            .filter(|entry| entry.accepted && entry.end.is_none_or(|end| end.at > now))
            .map(|entry| entry.call_id.clone())
            .collect();
        for call_id in open {
            state.cut_off(&call_id, now, EndStatus::Failed);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the books as they were after some whole entry: still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that needs no lock: the draw, the fault, the whole conversation.
    fn take(&self, request: &PlaceRequest, now: Instant) -> Taken {
        let asked = Asked {
            attempt_id: request.attempt_id,
            enrollment_id: request.permit.enrollment_id(),
            number: *request.permit.number(),
            step: request.step.clone(),
            visit: request.visit,
            attempt: request.attempt,
            callback_url: None,
        };
        self.take_with(asked, now, request.max_duration_s, |answerer| callee::converse(request, answerer))
    }

    fn take_with(
        &self,
        asked: Asked,
        now: Instant,
        max_duration_s: u32,
        converse: impl FnOnce(Answerer) -> Conversation,
    ) -> Taken {
        let (fault, wanted, turn) = {
            let mut state = self.state();
            let fault = state.faults.placement(self.seed, &asked.key(), now);
            let wanted = now + TimeDelta::seconds(i64::from(fault.delay_s()));
            let rate = state.faults.calls_per_second;
            let turn = if fault.calls() { state.turns.turn(wanted, rate) } else { Turn::At(wanted) };
            (fault, wanted, turn)
        };
        let Turn::At(starts_at) = turn else {
            let fault = PlacementFault::TooManyRequests { retry_after_s: FULL_FOR_S };
            return Taken { asked, fault, played: None, starts_at: wanted, queued: false };
        };
        let played = fault.calls().then(|| {
            let behaviour = self.source.of(&asked.key());
            play(behaviour, starts_at, max_duration_s, converse)
        });
        Taken { asked, fault, played, starts_at, queued: starts_at > wanted }
    }

    fn enter(&self, state: &mut State, taken: Taken, now: Instant) -> Placement {
        let Taken { asked, fault, played, starts_at, queued } = taken;
        if let Some(name) = fault.name() {
            state.count(name);
        }
        if queued {
            state.count("queued");
        }
        let entry = state.ledger.book(&asked, now, played.is_some());
        entry.end = played.as_ref().map(|played| played.ending);
        entry.starts_at = (starts_at > now).then_some(starts_at);
        entry.queued = queued;
        let call_id = entry.call_id.clone();
        let report = |at, key: &str, fact| ReportedFact {
            attempt_id: asked.attempt_id,
            provider_call_id: Some(call_id.clone()),
            key: key.to_owned(),
            at,
            fact,
        };
        if played.is_some() && starts_at <= now && state.faults.is_early(self.seed, &asked.key()) {
            state.count("earlyCallback");
            // Due at once: whoever asks next gets it, perhaps before this request is answered.
            state.queue.push(now, report(now, "ringing", Fact::Ringing));
        }
        for (at, key, fact) in played.into_iter().flat_map(|played| played.facts) {
            self.send(state, &asked, report(at, key, fact));
        }
        match fault {
            PlacementFault::None => Placement::Accepted { provider_call_id: call_id },
            PlacementFault::Refuse => {
                Placement::Refused { reason: "simulated rate limit".to_owned(), retry: true }
            }
            PlacementFault::TooManyRequests { retry_after_s } => Placement::Busy {
                reason: "simulated 429".to_owned(),
                after: TimeDelta::seconds(i64::from(retry_after_s)),
            },
            fault => Placement::Unknown { reason: format!("simulated {}", fault.name().unwrap_or_default()) },
        }
    }

    fn send(&self, state: &mut State, asked: &Asked, fact: ReportedFact) {
        let fault = state.faults.callback(self.seed, &asked.key(), &fact.key);
        for name in &fault.names {
            state.count(name);
        }
        if fault.lost {
            state.lost.entry(asked.attempt_id).or_default().push(fact);
            return;
        }
        // What was refused for its signature comes again with the right one: in one process, only later.
        let refused_s = if fault.forged { Faults::FORGED_AGAIN_S } else { 0 };
        let Some((last, earlier)) = fault.delays_s.split_last() else { return };
        for delay_s in earlier {
            state.queue.push(fact.at + TimeDelta::seconds(i64::from(*delay_s + refused_s)), fact.clone());
        }
        state.queue.push(fact.at + TimeDelta::seconds(i64::from(*last + refused_s)), fact);
    }

    fn place_all(&self, requests: &[PlaceRequest]) -> Vec<Placement> {
        let now = (self.now)();
        let taken: Vec<Option<Taken>> = requests
            .iter()
            .map(|request| (now <= request.send_by).then(|| self.take(request, now)))
            .collect();
        let mut state = self.state();
        let place = |taken: Option<Taken>| match taken {
            Some(taken) => self.enter(&mut state, taken, now),
            None => Placement::NotSent { reason: "the permit had expired".to_owned() },
        };
        taken.into_iter().map(place).collect()
    }

    fn find(&self, attempt: AttemptId) -> LookUpResult {
        let now = (self.now)();
        let mut state = self.state();
        let faults = state.faults;
        let calls: Vec<Entry> = state.ledger.calls_of(attempt).cloned().collect();
        let fault =
            calls.first().map(|entry| faults.look_up(self.seed, &entry.key(), now)).unwrap_or_default();
        if fault.fails {
            state.count("failLookUp");
            return LookUpResult::Failed { reason: "simulated 503".to_owned() };
        }
        let mut found = None;
        for entry in &calls {
            match listing(&faults, self.seed, entry, fault.stale_s, now) {
                Entered::Shown => {
                    found = found.or_else(|| Some(entry.call_id.clone()));
                }
                Entered::NotYet => {}
                Entered::Hidden(name) => state.count(name),
            }
        }
        let Some(provider_call_id) = found else { return LookUpResult::Absent };
        for fact in state.lost.remove(&attempt).unwrap_or_default() {
            state.queue.push(fact.at.max(now), fact);
        }
        // Its end comes as a fact like any other: nothing is ever given up inside one process.
        LookUpResult::Found { provider_call_id, end: None }
    }
}

/// An entry as the list has it: a call that was played to its end in memory goes on until then.
fn listed(entry: &Entry, now: Instant) -> ListedCall {
    let end = entry.end.filter(|end| end.at <= now);
    ListedCall {
        provider_call_id: entry.call_id.clone(),
        attempt_id: Some(entry.attempt_id),
        number: entry.number,
        asked_at: entry.asked_at,
        purpose: entry.enrollment_id.map(|enrollment_id| CallPurpose {
            enrollment_id,
            step: entry.step.to_string(),
            visit: entry.visit,
            attempt: entry.attempt,
        }),
        end: end.map(|end| FoundEnd { at: end.at, status: end.status, talk_s: i64::from(end.talk_s) }),
    }
}

/// Key of the fact that reports a call we ended ourselves.
const HUNG_UP: &str = "hung-up";

/// How long a full queue asks to be left alone.
const FULL_FOR_S: u32 = 3_600;

/// Does the carrier's list show a call?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    Shown,
    /// It has not begun.
    NotYet,
    /// It has, but the list is behind: the name of the fault.
    Hidden(&'static str),
}

/// How a call stands in a list that is `stale_s` old and, for some calls, behind.
pub(super) fn listing(faults: &Faults, seed: u64, entry: &Entry, stale_s: u32, now: Instant) -> Entered {
    let begins = entry.starts_at();
    // A queued call is on the list while it waits; one that has not been taken yet is not.
    if now < begins && !entry.queued {
        return Entered::NotYet;
    }
    let known = if entry.queued { entry.asked_at } else { begins };
    if now < known + TimeDelta::seconds(i64::from(faults.listed_after_s(seed, &entry.key()))) {
        return Entered::Hidden("lagLookUp");
    }
    if now < known + TimeDelta::seconds(i64::from(stale_s)) {
        return Entered::Hidden("staleLookUp");
    }
    Entered::Shown
}

impl State {
    fn count(&mut self, fault: &'static str) {
        *self.fired.entry(fault).or_default() += 1;
    }

    /// Ends a call at `now`; what it would still have reported is withheld.
    fn cut_off(&mut self, call_id: &str, now: Instant, status: EndStatus) {
        let Some(entry) = self.ledger.by_call_id(call_id) else { return };
        let is_over = entry.end.is_some_and(|end| end.at <= now);
        if is_over || !entry.accepted {
            return;
        }
        entry.end = Some(Ending { at: now, status, talk_s: 0, converted: false });
        let fact = ReportedFact {
            attempt_id: entry.attempt_id,
            provider_call_id: Some(entry.call_id.clone()),
            key: HUNG_UP.to_owned(),
            at: now,
            fact: Fact::Ended { status, talk_s: 0 },
        };
        self.lost.remove(&fact.attempt_id);
        self.hung_up.insert(call_id.to_owned());
        self.amended.insert(call_id.to_owned());
        self.queue.push(now, fact);
    }
}

impl std::fmt::Debug for SimulatedCarrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedCarrier").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl VirtualCarrier for SimulatedCarrier {
    fn due(&self, now: Instant) -> Vec<ReportedFact> {
        self.due(now)
    }

    fn next_at(&self) -> Option<Instant> {
        self.next_at()
    }
}

impl Provider for SimulatedCarrier {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: true,
            conclusive_after: Self::CONCLUSIVE_AFTER,
            follows_flow: true,
            packages: false,
            simulated: true,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move { self.place_all(&requests) })
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async move { self.find(query.attempt_id) })
    }

    fn calls_since<'a>(&'a self, query: &'a CallsSince) -> Answer<'a, Result<Listing, ProviderError>> {
        Box::pin(async move {
            let now = (self.now)();
            let state = self.state();
            let (entries, _) = state.ledger.calls_since(query.since, 0, usize::MAX);
            Ok(Listing::Page {
                calls: entries.into_iter().map(|entry| listed(entry, now)).collect(),
                next: None,
            })
        })
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let now = (self.now)();
            self.state().cut_off(provider_call_id, now, EndStatus::Canceled);
            Ok(())
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
