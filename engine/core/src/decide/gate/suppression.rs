//! Protects numbers on do-not-call lists: opt-outs, internal and national registries, campaign lists, litigators. The
//! person's and the law's rule (GATE-2). An entry stops until it expires or someone lifts it; an entry of one campaign
//! counts everywhere when it is not known which campaign calls. No entries means that none were found for the number.
//!
//! The number of an erased person stops for good, whoever has it now, until a manager opts it in with evidence.

use super::look::Moment;
use crate::decide::snapshot::SuppressionFact;
use crate::decide::verdict::{Gate, GateReport, Reason};

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    if let Some(since) = moment.snapshot.erased_at {
        let facts =
            moment.facts(|| format!("the person at this number was erased on {}", since.date_naive()));
        return GateReport::stop(Gate::Suppression, Reason::Erased).because(facts);
    }
    let Some(entry) = moment.snapshot.suppressions.iter().find(|entry| is_active(moment, entry)) else {
        return GateReport::pass(Gate::Suppression);
    };
    let facts = moment.facts(|| {
        let added = entry.created_at.date_naive();
        let expiry = entry.expires_at.map(|at| format!(", expires {}", at.date_naive())).unwrap_or_default();
        format!("{} entry of {added}{expiry}: {}", entry.source, entry.reason)
    });
    GateReport::stop(Gate::Suppression, Reason::Suppressed).because(facts)
}

fn is_active(moment: &Moment<'_>, entry: &SuppressionFact) -> bool {
    let campaign = moment.snapshot.campaign.as_ref().map(|facts| facts.campaign.id);
    let is_ours = entry.campaign_id.is_none() || campaign.is_none() || entry.campaign_id == campaign;
    // At the instant of the decision, also in a search ahead: waiting for an entry to expire is for people to decide.
    is_ours && entry.expires_at.is_none_or(|end| end > moment.look.decided_at)
}
