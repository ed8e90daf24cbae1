//! May a bare number be called at an instant, and by which rule not? For people who ask about a number that is no lead's.
//!
//! The gates that need a lead, a campaign or a cadence are left out and named; the others are the very gates of a call.
//! An inquiry gives no permit: nothing is dialed by it.

use std::cmp::Reverse;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::Serialize;

use super::frequency_cap::{Use, used_up};
use super::look::{Look, Moment, dates};
use super::{
    Check, GUARD, emergency_stop, frequency_cap, latest_deferral, legal_hours, phone, registry_age, stop_of,
    suppression,
};
use crate::clock::Instant;
use crate::decide::snapshot::{
    Intent, LeadFacts, OfferFact, PhoneFacts, PurchaseFact, Snapshot, SuppressionFact,
};
use crate::decide::verdict::{Answer, Gate, GateReport, Reason};
use crate::definitions::model::cadence::Limits;
use crate::domain::campaign::VoiceClass;
use crate::domain::emergency::EmergencyStop;
use crate::domain::lead::LeadStatus;
use crate::domain::registry::RegistryList;
use crate::domain::revocation;
use crate::id::{CampaignId, LeadId};
use crate::rules::{ConsentForm, Jurisdiction, Rule, Rules};
use crate::time::window::Position;

/// Rounds from opening to opening before a search gives up, as in a decision.
const MOST_ROUNDS: usize = super::MOST_ROUNDS;

/// What is known of the number.
#[derive(Debug, Clone)]
pub struct NumberFacts {
    pub phone: PhoneFacts,
    /// `None`: it is not known whether the number is suppressed, and the gate is left out.
    pub suppressions: Option<Vec<SuppressionFact>>,
    /// Instants at which it was called before, in any order.
    pub attempts: Vec<Instant>,
    /// In force; asked only where suppressions are known.
    pub emergency_stops: Arc<[EmergencyStop]>,
    /// In use; asked only where suppressions are known.
    pub registries: Arc<[RegistryList]>,
    /// Since when it is that of an erased person; asked only where suppressions are known.
    pub erased_at: Option<Instant>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inquiry {
    /// `proceed`, `defer` or `stop`: as far as the gates that were asked can tell.
    pub verdict: &'static str,
    /// For `defer`: the first instant at which all of them pass.
    pub until: Option<Instant>,
    /// What stands against a call, the longest-lasting first.
    pub reasons: Vec<Cause>,
    /// Gates that were not asked.
    pub left_out: Vec<Gate>,
}

/// One thing that stands against a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    pub gate: Gate,
    pub code: Reason,
    /// Id of the calling rule, where one binds.
    pub rule: Option<String>,
    pub citation: Option<String>,
    /// When this alone no longer stands against a call; none: not by waiting.
    pub until: Option<Instant>,
    /// In words.
    pub detail: String,
}

const ASKED: [Check; 6] = [
    phone::check,
    suppression::check,
    legal_hours::check,
    frequency_cap::check,
    emergency_stop::check,
    registry_age::check,
];

/// May the number be called at `now` by a voice of one of these classes? Of several, all have to be allowed: for people who
/// do not say whose voice it would be.
pub fn inquire(facts: &NumberFacts, voices: &[VoiceClass], rules: &Rules, now: Instant) -> Inquiry {
    let snapshot = snapshot(facts);
    // Without a number there is nothing to ask the law about.
    let asked = if matches!(facts.phone, PhoneFacts::Callable { .. }) { &ASKED[..] } else { &ASKED[..1] };
    let looks: Vec<Look<'_>> =
        voices.iter().map(|voice| Look { voice: *voice, ..Look::call(&snapshot, rules, now) }).collect();
    let moments: Vec<Moment<'_>> = looks.iter().map(|look| look.at(now)).collect();
    let mut reasons = Vec::new();
    for moment in &moments {
        for cause in asked.iter().flat_map(|check| causes(moment, check(moment))) {
            if !reasons.contains(&cause) {
                reasons.push(cause);
            }
        }
    }
    // Of equal ones the state's rule stands before the country's: it came later.
    reasons.reverse();
    reasons.sort_by_key(|cause| (cause.until.is_some(), Reverse(cause.until), cause.gate));
    let (verdict, until) = match first_open(&looks, now) {
        Some(at) if at == now => ("proceed", None),
        Some(at) => ("defer", Some(at)),
        None => ("stop", None),
    };
    Inquiry { verdict, until, reasons, left_out: left_out(facts) }
}

/// One number, asked about at many instants.
#[derive(Debug)]
pub struct Standing(Snapshot);

impl Standing {
    pub fn of(facts: &NumberFacts) -> Self {
        Self(snapshot(facts))
    }

    /// Would [`inquire`] answer `proceed` for this voice? Without the reasons.
    pub fn may_be_called(&self, voice: VoiceClass, rules: &Rules, now: Instant) -> bool {
        let look = Look { voice, explain: false, ..Look::call(&self.0, rules, now) };
        let moment = look.at(now);
        ASKED.iter().all(|check| matches!(check(&moment).answer, Answer::Pass { .. }))
    }
}

fn left_out(facts: &NumberFacts) -> Vec<Gate> {
    let asked = [Gate::Phone, Gate::LegalHours, Gate::FrequencyCap];
    let on_file = [Gate::Suppression, Gate::EmergencyStop, Gate::RegistryAge];
    let is_asked =
        |gate: &Gate| asked.contains(gate) || (on_file.contains(gate) && facts.suppressions.is_some());
    Gate::ALL.iter().copied().filter(|gate| !is_asked(gate)).collect()
}

/// A lead of nobody: the gates that are asked do not look at it.
fn snapshot(facts: &NumberFacts) -> Snapshot {
    let nobody = CampaignId(uuid::Uuid::nil());
    let mut intents: Vec<Intent> = facts
        .attempts
        .iter()
        .map(|at| Intent { at: *at, campaign_id: nobody, to_lead: false, to_number: true })
        .collect();
    intents.sort_unstable_by_key(|intent| Reverse(intent.at));
    Snapshot {
        lead: LeadFacts {
            id: LeadId(uuid::Uuid::nil()),
            status: LeadStatus::Cold,
            do_not_call: false,
            preferred: None,
        },
        phone: facts.phone.clone(),
        suppressions: facts.suppressions.clone().unwrap_or_default(),
        consents: Vec::new(),
        campaign: None,
        intents,
        placed: 0,
        number_busy: false,
        purchase: PurchaseFact::NotNeeded,
        offer: OfferFact::NotPromised,
        enrollment_id: None,
        cadence_hours: None,
        cadence_limits: Limits::default(),
        cadence_caps: Arc::default(),
        account: None,
        promised: false,
        emergency_stops: Arc::clone(&facts.emergency_stops),
        registries: Arc::clone(&facts.registries),
        erased_at: facts.erased_at,
    }
}

/// The first instant from `now` on at which every gate passes for every voice.
fn first_open(looks: &[Look<'_>], now: Instant) -> Option<Instant> {
    let mut at = now;
    for _ in 0..MOST_ROUNDS {
        let mut latest: Option<Instant> = None;
        for look in looks {
            let ahead = Look { explain: false, ..*look };
            let moment = ahead.at(at);
            let reports: Vec<GateReport> = ASKED.iter().map(|check| check(&moment)).collect();
            if stop_of(&reports).is_some() {
                return None;
            }
            latest = latest.max(latest_deferral(&reports).map(|(until, ..)| until));
        }
        match latest {
            None => return Some(at),
            Some(until) => at = until,
        }
    }
    None
}

/// What a report holds against the call; hours and legal caps rule by rule.
pub(super) fn causes(moment: &Moment<'_>, report: GateReport) -> Vec<Cause> {
    let until = match report.answer {
        Answer::Pass { .. } => return Vec::new(),
        Answer::Defer { until } => Some(until),
        Answer::Stop => None,
    };
    let by_rule = match report.reason {
        Reason::OutsideLegalHours | Reason::NoCommonWindow => of_hours(moment),
        Reason::LegalCap => of_caps(moment),
        Reason::ConsentMissing | Reason::AiVoiceConsentMissing => of_consent(moment, &report),
        _ => Vec::new(),
    };
    if by_rule.is_empty() {
        let (gate, code) = (report.gate, report.reason);
        let citation = by_right(moment, code);
        return vec![Cause { gate, code, rule: None, citation, until, detail: report.facts }];
    }
    by_rule
}

/// The rules that ask for the strongest consent of all that bind.
fn of_consent(moment: &Moment<'_>, report: &GateReport) -> Vec<Cause> {
    let asking: Vec<(&Rule, ConsentForm)> =
        in_force(moment).into_iter().filter_map(|(_, rule)| Some((rule, rule.consent?.form))).collect();
    let strongest = asking.iter().map(|(_, form)| *form).max().filter(|form| *form > ConsentForm::None);
    let binding = asking.iter().filter(|(_, form)| Some(*form) == strongest);
    binding.map(|(rule, _)| cited(report.gate, report.reason, rule, None, report.facts.clone())).collect()
}

/// Where the law says that a person's own word holds, whatever the rule files say of hours and caps.
fn by_right(moment: &Moment<'_>, code: Reason) -> Option<String> {
    let PhoneFacts::Callable { jurisdictions, .. } = &moment.snapshot.phone else { return None };
    let is_us = jurisdictions.iter().any(|place| place.country_code() == "US");
    (is_us && matches!(code, Reason::ConsentRevoked | Reason::OptedOut))
        .then(|| revocation::CITATION.to_owned())
}

fn of_hours(moment: &Moment<'_>) -> Vec<Cause> {
    let zones = moment.zones();
    let cause = |(place, rule): (Jurisdiction, &Rule)| {
        let hours = rule.hours.as_ref()?;
        let holidays = moment.look.rules.holidays(place);
        let until = match hours.position(zones, &holidays, moment.now, GUARD) {
            Position::Inside { .. } => return None,
            Position::Outside { opens } => Some(opens),
            Position::Never => None,
        };
        let code = if until.is_some() { Reason::OutsideLegalHours } else { Reason::NoCommonWindow };
        Some(cited(Gate::LegalHours, code, rule, until, format!("calls are allowed {hours}")))
    };
    if zones.is_empty() { Vec::new() } else { in_force(moment).into_iter().filter_map(cause).collect() }
}

fn of_caps(moment: &Moment<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (_, rule) in in_force(moment) {
        for cap in &rule.caps {
            let until = match used_up(moment, cap.calls, TimeDelta::hours(i64::from(cap.hours))) {
                Use::Free => continue,
                Use::Until(until) => Some(until),
                Use::Never => None,
            };
            let words = format!("at most {} calls in {} hours", cap.calls, cap.hours);
            causes.push(cited(Gate::FrequencyCap, Reason::LegalCap, rule, until, words));
        }
    }
    causes
}

/// Rules that bind where the person may be, on each date it may be there; each once.
fn in_force<'m>(moment: &'m Moment<'_>) -> Vec<(Jurisdiction, &'m Rule)> {
    let PhoneFacts::Callable { zones, jurisdictions, .. } = &moment.snapshot.phone else { return Vec::new() };
    let (first, other) = dates(zones, moment.now);
    let mut found: Vec<(Jurisdiction, &Rule)> = Vec::new();
    for on in std::iter::once(first).chain(other) {
        for (place, rule) in moment.look.rules.in_force(jurisdictions, moment.look.voice, on) {
            if found.iter().all(|(_, known)| known.id != rule.id) {
                found.push((place, rule));
            }
        }
    }
    found
}

fn cited(gate: Gate, code: Reason, rule: &Rule, until: Option<Instant>, detail: String) -> Cause {
    let (rule_id, citation) = (Some(rule.id.clone()), Some(rule.citation.clone()));
    Cause { gate, code, rule: rule_id, citation, until, detail }
}

impl NumberFacts {
    /// What the number itself says: where it may ring, or why it cannot be called.
    pub fn of(number: Result<crate::phone::number::PhoneNumber, crate::phone::reason::PhoneError>) -> Self {
        let phone = match number {
            Ok(number) => {
                let place = crate::phone::zones::LeadPlace::default();
                let found = crate::phone::zones::candidates(number, &place);
                PhoneFacts::Callable {
                    number,
                    zones: Arc::from(found.zones),
                    jurisdictions: Arc::from(found.jurisdictions),
                }
            }
            Err(error) => PhoneFacts::Invalid(error.to_string()),
        };
        Self {
            phone,
            suppressions: None,
            attempts: Vec::new(),
            emergency_stops: Arc::default(),
            registries: Arc::default(),
            erased_at: None,
        }
    }

    /// Names of every zone in which it may ring; for a toll-free number those of its whole plan.
    pub fn zones(&self) -> Vec<&'static str> {
        match &self.phone {
            PhoneFacts::Callable { number, zones, .. }
                if zones.is_empty() && number.us_area_code().is_some() =>
            {
                crate::phone::zones::north_american_zones()
                    .iter()
                    .map(crate::time::zone::Zone::name)
                    .collect()
            }
            PhoneFacts::Callable { zones, .. } => zones.iter().map(crate::time::zone::Zone::name).collect(),
            PhoneFacts::None | PhoneFacts::Invalid(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
