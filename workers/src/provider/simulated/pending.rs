//! Facts on their way to the engine, earliest first.

use std::collections::BTreeMap;

use callwright_engine::clock::Instant;
use callwright_engine::provider::ReportedFact;

/// A queue by instant; facts of one instant keep the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Pending {
    facts: BTreeMap<(Instant, u64), ReportedFact>,
    pushed: u64,
}

impl Pending {
    pub fn push(&mut self, at: Instant, fact: ReportedFact) {
        self.pushed += 1;
        self.facts.insert((at, self.pushed), fact);
    }

    pub fn next_at(&self) -> Option<Instant> {
        self.facts.first_key_value().map(|((at, _), _)| *at)
    }

    /// The earliest fact, if its time has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<ReportedFact> {
        let first = self.facts.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
