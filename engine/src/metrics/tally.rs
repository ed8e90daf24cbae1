//! What one transaction did, to be counted once it is committed: what was rolled back never happened.

use std::collections::BTreeMap;

/// Counts of one transaction.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "count it when the transaction is committed"]
pub struct Tally {
    /// Attempts by the state they entered.
    pub states: BTreeMap<&'static str, u64>,
    /// Attempts that ended, by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Kept decisions by verdict and reason.
    pub blocked: BTreeMap<(&'static str, &'static str), u64>,
    pub orphans: u64,
    /// Calls in which a person was left alone.
    pub abandoned: u64,
    pub quarantined: u64,
    /// Seconds.
    pub plan_lags: Vec<f64>,
    /// Seconds.
    pub dispatch_lags: Vec<f64>,
}

impl Tally {
    pub fn entered(&mut self, state: &'static str, count: u64) {
        if count > 0 {
            *self.states.entry(state).or_default() += count;
        }
    }

    pub fn ended(&mut self, outcome: &'static str) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub fn blocked(&mut self, verdict: &'static str, reason: &'static str) {
        *self.blocked.entry((verdict, reason)).or_default() += 1;
    }
}
