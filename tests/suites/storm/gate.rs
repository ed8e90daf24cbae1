//! Where an operation can be stopped: at the edges of its transactions and at its questions to the outside. One gate per
//! operation; it draws there whether to go on, to fall asleep or to die, and how a commit ends.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_engine::store::edge::{Edge, Fate, Pause};
use chrono::TimeDelta;
use tokio::sync::Notify;

use crate::dice::Dice;

/// How often each fault has fired, over the whole run.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    pub fn note(&self, fault: impl Into<String>) {
        self.add(fault, 1);
    }

    pub fn add(&self, fault: impl Into<String>, times: u64) {
        *self.lock().entry(fault.into()).or_default() += times;
    }

    pub fn read(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A boundary inside an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    Begin,
    Commit,
    Committed,
    /// Before the provider is asked to place calls,
    Asking,
    /// and before its answer is written down.
    Asked,
    LookingUp,
    LookedUp,
}

impl Boundary {
    /// At a question to the provider.
    pub const fn is_outside(self) -> bool {
        matches!(self, Self::Asking | Self::Asked | Self::LookingUp | Self::LookedUp)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Committed => "committed",
            Self::Asking => "asking",
            Self::Asked => "asked",
            Self::LookingUp => "looking-up",
            Self::LookedUp => "looked-up",
        }
    }
}

/// What becomes of an operation at a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Die,
    Sleep(TimeDelta),
}

/// Rates per boundary, `0..1`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    pub kill: f64,
    pub sleep: f64,
    pub not_applied: f64,
    pub answer_lost: f64,
}

/// The gate of one operation.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    parked: Notify,
    go_on: Notify,
    tally: Tally,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    rates: Rates,
    parked: Option<(Boundary, Order)>,
    writes: u64,
}

impl Gate {
    pub fn new(dice: Dice, rates: Rates, tally: Tally) -> Arc<Self> {
        let state = Mutex::new(State { dice, rates, parked: None, writes: 0 });
        Arc::new(Self { state, parked: Notify::new(), go_on: Notify::new(), tally })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the operation has been stopped somewhere.
    pub async fn stopped(&self) -> (Boundary, Order) {
        loop {
            self.parked.notified().await;
            if let Some(order) = self.state().parked {
                return order;
            }
        }
    }

    /// Lets a sleeping operation go on.
    pub fn wake(&self) {
        self.state().parked = None;
        self.go_on.notify_one();
    }

    /// From here on nothing goes wrong any more.
    pub fn calm(&self) {
        self.state().rates = Rates::default();
    }

    /// Transactions of this operation whose changes were kept.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Passes a boundary, or stops there.
    pub async fn reach(&self, boundary: Boundary) {
        let order = self.order(boundary);
        let Some(order) = order else { return };
        self.state().parked = Some((boundary, order));
        self.parked.notify_one();
        self.go_on.notified().await;
    }

    fn order(&self, boundary: Boundary) -> Option<Order> {
        let mut state = self.state();
        let rates = state.rates;
        // Transactions are many and questions few; both are to be met.
        let often = if boundary.is_outside() { 6.0 } else { 1.0 };
        if state.dice.chance(rates.kill * often) {
            self.tally.note(format!("kill at {}", boundary.name()));
            return Some(Order::Die);
        }
        // A connection is held there, on which everybody else would wait.
        if boundary != Boundary::Commit && state.dice.chance(rates.sleep * often) {
            self.tally.note(format!("sleep at {}", boundary.name()));
            let length = match state.dice.below(4) {
                0 => TimeDelta::milliseconds(state.dice.between(1, 900)),
                1 => TimeDelta::seconds(state.dice.between(1, 120)),
                2 => TimeDelta::minutes(state.dice.between(2, 90)),
                _ => TimeDelta::minutes(state.dice.between(90, 840)),
            };
            return Some(Order::Sleep(length));
        }
        None
    }

    fn fate(&self) -> Fate {
        let mut state = self.state();
        let rates = state.rates;
        if state.dice.chance(rates.not_applied) {
            self.tally.note("commit not applied");
            return Fate::NotApplied;
        }
        state.writes += 1;
        if state.dice.chance(rates.answer_lost) {
            self.tally.note("commit answer lost");
            return Fate::AnswerLost;
        }
        Fate::Applied
    }
}

impl Edge for Gate {
    fn begins(&self, _: bool) -> Pause<'_> {
        Box::pin(self.reach(Boundary::Begin))
    }

    fn commits(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        Box::pin(async move {
            self.reach(Boundary::Commit).await;
            self.fate()
        })
    }

    fn committed(&self) -> Pause<'_> {
        Box::pin(self.reach(Boundary::Committed))
    }
}
