//! The whole answer about a lead, for people and machines (ENG-8): the verdict of every gate that can be asked, and of each
//! thing in the way the rule and the citation that bind. No permit: nothing is dialed by it.

use std::cmp::Reverse;

use super::inquiry::{Cause, Inquiry, causes};
use super::look::Look;
use super::{
    Check, GATES, consent, emergency_stop, first_common, frequency_cap, judge, latest_deferral, lead_status,
    legal_hours,
};
use super::{number_busy, phone, preferred_time, registry_age, suppression};
use crate::clock::Instant;
use crate::decide::snapshot::Snapshot;
use crate::decide::verdict::{Decision, Gate, Reason, Verdict};
use crate::rules::Rules;

/// What can be asked about a lead that no campaign calls: consent may rest on a campaign's basis, so only a revocation tells.
const WITHOUT_CAMPAIGN: [Check; 9] = [
    lead_status::check,
    phone::check,
    suppression::check,
    legal_hours::check,
    preferred_time::check,
    frequency_cap::check,
    number_busy::check,
    emergency_stop::check,
    registry_age::check,
];

/// May the lead be called at `now`, and if not, why? The verdict is [`super::decide`]'s. Without a campaign its gates, the
/// cadence's and, unless consent was revoked, that of consent are left out.
pub fn explain(snapshot: &Snapshot, rules: &Rules, now: Instant) -> Inquiry {
    let look = Look::call(snapshot, rules, now);
    if snapshot.campaign.is_some() {
        return told(&look, &judge(&look, &GATES), Vec::new());
    }
    let revoked = consent::check(&look.at(now)).reason == Reason::ConsentRevoked;
    let mut asked: Vec<Check> = WITHOUT_CAMPAIGN.to_vec();
    let mut left_out = vec![Gate::Campaign, Gate::CadenceHours];
    if revoked {
        asked.push(consent::check);
    } else {
        left_out.insert(0, Gate::Consent);
    }
    told(&look, &judge(&look, &asked), left_out)
}

/// The instants of `[from, until)` at which a call could begin, as stretches; at most `most` of them. Pretends, as every look
/// ahead does, that what only people clear has been cleared.
pub fn openings(
    snapshot: &Snapshot,
    rules: &Rules,
    from: Instant,
    until: Instant,
    most: usize,
) -> Vec<(Instant, Instant)> {
    let look = Look { explain: false, assume_cleared: true, ..Look::call(snapshot, rules, from) };
    let (mut found, mut at) = (Vec::new(), from);
    while found.len() < most && at < until {
        let Ok(start) = first_common(&look, &GATES, at) else { break };
        if start >= until {
            break;
        }
        let moment = look.at(start);
        let reports: Vec<_> = GATES.iter().map(|check| check(&moment)).collect();
        debug_assert!(latest_deferral(&reports).is_none(), "all gates pass at a common opening");
        let end = reports.iter().filter_map(super::content_until).min().unwrap_or(until).min(until);
        if end <= start {
            break;
        }
        found.push((start, end));
        at = end;
    }
    found
}

fn told(look: &Look<'_>, decision: &Decision, left_out: Vec<Gate>) -> Inquiry {
    let moment = look.at(decision.at);
    let mut reasons: Vec<Cause> = Vec::new();
    for cause in decision.reports.iter().flat_map(|report| causes(&moment, report.clone())) {
        if !reasons.contains(&cause) {
            reasons.push(cause);
        }
    }
    // Of equal ones the state's rule stands before the country's: it came later.
    reasons.reverse();
    reasons.sort_by_key(|cause| (cause.until.is_some(), Reverse(cause.until), cause.gate));
    let (verdict, until) = match &decision.verdict {
        Verdict::Proceed(_) => ("proceed", None),
        Verdict::Defer { until, .. } => ("defer", Some(*until)),
        Verdict::Stop { .. } => ("stop", None),
    };
    Inquiry { verdict, until, reasons, left_out }
}
