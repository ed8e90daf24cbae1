//! May this number be called now? Every gate answers, and together they give one verdict.
//!
//! One file per gate: what it protects, whose rule it is, what it needs, what happens when that is missing. Nothing here
//! reads a clock or a database; what a gate may know is in [`Snapshot`]. What happens next in a cadence is `advance`'s.

mod abandon_guard;
mod cadence_hours;
mod campaign;
mod consent;
mod emergency_stop;
pub mod explain;
mod frequency_cap;
mod further_caps;
pub mod inquiry;
mod lead_status;
mod legal_hours;
mod look;
mod number_busy;
mod phone;
mod preferred_time;
mod purchase;
mod registry_age;
mod suppression;

use chrono::TimeDelta;

pub use self::campaign::is_closed as campaign_is_closed;
pub use self::emergency_stop::is_stopped as caller_is_stopped;
use self::look::{Look, Moment};
use super::snapshot::{PhoneFacts, Snapshot};
use super::verdict::{Answer, Decision, Gate, GateReport, Permit, Reason, Verdict};
use crate::clock::Instant;
use crate::domain::consent::Purpose;
use crate::rules::Rules;

/// A call that is asked for now may ring this much later: windows must be open for longer than that (I3).
pub const GUARD: TimeDelta = TimeDelta::seconds(60);

/// Jumps from opening to opening before a search gives up: more than two months of daily windows that never meet.
const MOST_ROUNDS: usize = 64;

type Check = fn(&Moment<'_>) -> GateReport;

/// In the order in which people read the explanation. The order never changes a verdict.
const GATES: [Check; 14] = [
    lead_status::check,
    phone::check,
    suppression::check,
    consent::check,
    campaign::check,
    legal_hours::check,
    cadence_hours::check,
    preferred_time::check,
    frequency_cap::check,
    number_busy::check,
    emergency_stop::check,
    registry_age::check,
    purchase::check,
    abandon_guard::check,
];

/// Gates of a message to the number: what protects a line from ringing does not apply.
const MESSAGE_GATES: [Check; 11] = [
    lead_status::check,
    phone::check,
    suppression::check,
    consent::check,
    campaign::check,
    legal_hours::check,
    cadence_hours::check,
    preferred_time::check,
    emergency_stop::check,
    registry_age::check,
    purchase::check,
];

const GATES_WITHOUT_WINDOWS: [Check; 11] = [
    lead_status::check,
    phone::check,
    suppression::check,
    consent::check,
    campaign::check,
    frequency_cap::check,
    number_busy::check,
    emergency_stop::check,
    registry_age::check,
    purchase::check,
    abandon_guard::check,
];

/// Runs every gate over `snapshot` at `now`. A stop outweighs a deferral, a deferral outweighs proceeding.
///
/// The only maker of permits for calls. The same arguments always give the same decision.
pub fn decide(snapshot: &Snapshot, rules: &Rules, now: Instant) -> Decision {
    judge(&Look::call(snapshot, rules, now), &GATES)
}

/// Like [`decide`], blind to hours: for tests that must show what missing window gates would do. Never in the product.
pub fn decide_without_windows(snapshot: &Snapshot, rules: &Rules, now: Instant) -> Decision {
    let look = Look { windows: false, ..Look::call(snapshot, rules, now) };
    judge(&look, &GATES_WITHOUT_WINDOWS)
}

/// May a message of `purpose` ([`Purpose::Sms`] or [`Purpose::Email`]) go to the lead now? Hours hold for messages too;
/// frequency caps and a busy line do not.
pub fn decide_contact(snapshot: &Snapshot, rules: &Rules, purpose: Purpose, now: Instant) -> Decision {
    let look = Look { message: Some(purpose), ..Look::call(snapshot, rules, now) };
    judge(&look, &MESSAGE_GATES)
}

fn judge(look: &Look<'_>, gates: &[Check]) -> Decision {
    let moment = look.at(look.decided_at);
    let reports: Vec<GateReport> = gates.iter().map(|check| check(&moment)).collect();
    let verdict = verdict(look, gates, &reports);
    Decision { verdict, reports, at: look.decided_at }
}

fn verdict(look: &Look<'_>, gates: &[Check], reports: &[GateReport]) -> Verdict {
    if let Some((gate, reason)) = stop_of(reports) {
        return Verdict::Stop { gate, reason };
    }
    let Some((until, gate, reason)) = latest_deferral(reports) else {
        return permit(look, reports)
            .map_or(Verdict::Stop { gate: Gate::Phone, reason: Reason::NoPhone }, Verdict::Proceed);
    };
    match first_common(look, gates, until) {
        Ok(until) => Verdict::Defer { until, gate, reason },
        Err((gate, reason)) => Verdict::Stop { gate, reason },
    }
}

/// The first instant, from `at` on, at which all gates pass: jumps to the latest opening until none defers any more.
fn first_common(look: &Look<'_>, gates: &[Check], mut at: Instant) -> Result<Instant, (Gate, Reason)> {
    let ahead = Look { explain: false, assume_cleared: true, ..*look };
    let mut binding = Gate::LegalHours;
    for _ in 0..MOST_ROUNDS {
        let moment = ahead.at(at);
        let reports: Vec<GateReport> = gates.iter().map(|check| check(&moment)).collect();
        if let Some(stop) = stop_of(&reports) {
            return Err(stop);
        }
        let Some((until, gate, _)) = latest_deferral(&reports) else { return Ok(at) };
        (at, binding) = (until, gate);
    }
    Err((binding, Reason::NoCommonWindow))
}

fn stop_of(reports: &[GateReport]) -> Option<(Gate, Reason)> {
    let stops = reports.iter().filter(|report| report.answer == Answer::Stop);
    stops.map(|report| (report.gate, report.reason)).min()
}

/// The deferral that lasts longest; of equal ones the first in the order of gates.
fn latest_deferral(reports: &[GateReport]) -> Option<(Instant, Gate, Reason)> {
    let deferrals = reports.iter().filter_map(|report| match report.answer {
        Answer::Defer { until } => Some((until, report.gate, report.reason)),
        _ => None,
    });
    deferrals.max_by_key(|(until, gate, _)| (*until, std::cmp::Reverse(*gate)))
}

/// Valid for a second, and never closer than [`GUARD`] to the end of anything that let it pass.
fn permit(look: &Look<'_>, reports: &[GateReport]) -> Option<Permit> {
    let PhoneFacts::Callable { number, .. } = &look.snapshot.phone else { return None };
    let now = look.decided_at;
    let content_until = reports.iter().filter_map(content_until).min();
    let life_ends = now + Permit::LIFETIME;
    Some(Permit {
        lead_id: look.snapshot.lead.id,
        enrollment_id: look.snapshot.enrollment_id,
        number: *number,
        issued_at: now,
        expires_at: content_until.map_or(life_ends, |until| until.min(life_ends)),
        content_until,
        record: consent::is_granted(look.snapshot, Purpose::Recording, now),
        relied_on: consent::relied_on(look.snapshot, look.voice, now),
    })
}

/// Until when a call may begin as far as a gate that passes goes; `None`: it does not know an end.
fn content_until(report: &GateReport) -> Option<Instant> {
    match report.answer {
        Answer::Pass { until } => until.map(|end| end - GUARD),
        Answer::Defer { .. } | Answer::Stop => None,
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
