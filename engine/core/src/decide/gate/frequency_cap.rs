//! Protects people from being called too often (GATE-8): the caps of cadence, campaign and law, over all cadences and campaigns,
//! counted by intents. "Per day" is any 24 hours and "per week" any 7 days, which is never looser than a calendar day in
//! whatever zone. A call back at the time the person asked for passes the gap, and nothing else. Where the law is unknown
//! the other gates stop; here only known caps count.

use chrono::TimeDelta;

use super::further_caps;
use super::look::Moment;
use crate::clock::Instant;
use crate::decide::verdict::{Gate, GateReport, Reason};

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let limits = &moment.snapshot.cadence_limits;
    if limits.total.is_some_and(|total| moment.snapshot.placed >= total) {
        let words = moment.facts(|| format!("{} calls placed by this enrollment", moment.snapshot.placed));
        return GateReport::stop(Gate::FrequencyCap, Reason::CapTotal).because(words);
    }
    let gap = limits.gap.filter(|_| !moment.snapshot.promised);
    let own = [
        limits.per_day.map(|calls| (Reason::CapPerDay, calls, TimeDelta::days(1))),
        limits.per_week.map(|calls| (Reason::CapPerWeek, calls, TimeDelta::days(7))),
        gap.map(|gap| (Reason::CapGap, 1, gap)),
    ];
    let legal = moment.legal().filter_map(|rule| rule.as_ref().ok()).flat_map(|rule| &rule.caps);
    let legal = legal.map(|cap| (Reason::LegalCap, cap.calls, TimeDelta::hours(i64::from(cap.hours))));
    let mut binding: Option<(Instant, Reason, u32, TimeDelta)> = None;
    for (reason, calls, length) in own.into_iter().flatten().chain(legal) {
        match used_up(moment, calls, length) {
            Use::Never => return GateReport::stop(Gate::FrequencyCap, reason),
            Use::Until(until) if binding.is_none_or(|(known, ..)| until > known) => {
                binding = Some((until, reason, calls, length));
            }
            Use::Until(_) | Use::Free => {}
        }
    }
    if let Some((until, cap)) = further_caps::binding(moment)
        && binding.is_none_or(|(known, ..)| until > known)
    {
        return GateReport::defer(Gate::FrequencyCap, Reason::CapReached, until)
            .because(moment.facts(|| cap.to_string()));
    }
    match binding {
        None => GateReport::pass(Gate::FrequencyCap),
        Some((until, reason, calls, length)) => GateReport::defer(Gate::FrequencyCap, reason, until)
            .because(moment.facts(|| format!("at most {calls} in {} h", length.num_minutes() as f64 / 60.0))),
    }
}

/// Whether a cap allows one more call.
pub(super) enum Use {
    Free,
    Until(Instant),
    Never,
}

/// How `calls` within `length` stand.
pub(super) fn used_up(moment: &Moment<'_>, calls: u32, length: TimeDelta) -> Use {
    let Some(index) = calls.checked_sub(1) else { return Use::Never };
    // Newest first: when the one that many calls ago is out of the span, there is room for one more.
    match moment.snapshot.intents.get(index as usize).map(|intent| intent.at + length) {
        Some(until) if until > moment.now => Use::Until(until),
        _ => Use::Free,
    }
}
