//! What a trial came to, counted from its tables: by hour, day, outcome, arm and reason; and what happened to each lead. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use serde::Serialize;

use crate::clock::Instant;
use crate::decide::advance;
use crate::definitions::model::cadence::{Cadence, StepAction};
use crate::domain::outcome::Outcome;
use crate::id::{EnrollmentId, LeadId};
use crate::phone::number::PhoneNumber;
use crate::store::trial::{CallRow, NotNowRow, PersonRow, StepRow, WalkRow};
use crate::time::zone::Zone;

mod lead;

pub use lead::{LeadStory, Moment};

/// The tables of a trial.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub people: Vec<PersonRow>,
    pub calls: Vec<CallRow>,
    pub walks: Vec<WalkRow>,
    pub steps: Vec<StepRow>,
    pub not_now: Vec<NotNowRow>,
}

/// Calls, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    pub calls: u64,
    /// By a person.
    pub answered: u64,
    pub converted: u64,
}

/// One day of the called parties' calendars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    pub date: NaiveDate,
    #[serde(flatten)]
    pub calls: Calls,
}

/// One arm of one split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arm {
    pub cadence: String,
    pub split: String,
    pub arm: String,
    /// As written, in percent.
    pub share: u32,
    /// Leads that came to the split and took this arm.
    pub leads: u64,
    /// Their calls from then on.
    pub calls: u64,
    pub answered: u64,
    /// Enrollments that ended `converted`, or in one of whose calls somebody agreed.
    pub converted: u64,
    /// Answered calls among calls; nothing without calls.
    pub answer_rate: Option<f64>,
    /// Converted leads among leads.
    pub conversion_rate: Option<f64>,
}

/// Why calls were put off or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// `put off` or `refused`.
    pub what: &'static str,
    pub gate: String,
    pub reason: String,
    /// Kept decisions: one per change of a lead's verdict.
    pub times: u64,
    pub leads: u64,
}

/// What happened at one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepCount {
    pub cadence: String,
    pub step: String,
    /// Enrollments that passed it.
    pub passed: u64,
    /// Enrollments that left it out.
    pub left_out: u64,
    #[serde(flatten)]
    pub calls: Calls,
}

/// The whole trial in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// By the hour of the called party.
    pub hours: Vec<Calls>,
    /// From the first day with a call to the last, days without calls among them.
    pub days: Vec<Day>,
    /// Calls by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Calls by the label of their ending.
    pub dispositions: BTreeMap<String, u64>,
    /// Enrollments by cadence and result; `still open` where there is none yet.
    pub results: BTreeMap<String, BTreeMap<String, u64>>,
    pub arms: Vec<Arm>,
    pub reasons: Vec<Why>,
    pub steps: Vec<StepCount>,
    /// Leads by the number of calls they got.
    pub calls_per_lead: BTreeMap<u64, u64>,
}

/// The first candidate zone of every lead: where its hours are read.
pub struct Places(HashMap<LeadId, Zone>);

impl Places {
    pub fn of(people: &[PersonRow]) -> Self {
        let zone = |person: &PersonRow| {
            person.zones.first().and_then(|name| Zone::find(name).ok()).map(|zone| (person.id, zone))
        };
        Self(people.iter().filter_map(zone).collect())
    }

    pub fn zone(&self, lead: LeadId) -> Option<&Zone> {
        self.0.get(&lead)
    }

    fn hour_and_date(&self, lead: LeadId, at: Instant) -> (usize, NaiveDate) {
        use chrono::Timelike as _;
        self.zone(lead).map_or_else(
            || (at.hour() as usize, at.date_naive()),
            |zone| {
                let local = zone.local(at);
                (usize::from(local.time.minutes() / 60) % 24, local.date)
            },
        )
    }
}

impl Calls {
    fn add(&mut self, call: &CallRow) {
        let outcome = call.outcome.as_deref().and_then(|text| text.parse::<Outcome>().ok());
        self.calls += 1;
        self.answered += u64::from(outcome.is_some_and(Outcome::is_human));
        self.converted += u64::from(outcome == Some(Outcome::Converted));
    }
}

impl Story {
    /// Counts everything. `cadences` are the versions that ran.
    pub fn of<'a>(facts: &Facts, cadences: impl IntoIterator<Item = &'a Cadence>) -> Self {
        let cadences: Vec<&Cadence> = cadences.into_iter().collect();
        let places = Places::of(&facts.people);
        let walks: HashMap<EnrollmentId, &WalkRow> = facts.walks.iter().map(|walk| (walk.id, walk)).collect();
        let mut hours = vec![Calls::default(); 24];
        let mut days: BTreeMap<NaiveDate, Calls> = BTreeMap::new();
        let (mut outcomes, mut dispositions) = (BTreeMap::new(), BTreeMap::new());
        let mut per_lead: HashMap<LeadId, u64> = facts.people.iter().map(|person| (person.id, 0)).collect();
        for call in &facts.calls {
            let (hour, date) = places.hour_and_date(call.lead_id, call.at);
            hours[hour].add(call);
            days.entry(date).or_default().add(call);
            *outcomes.entry(call.outcome.clone().unwrap_or_else(|| "under way".to_owned())).or_default() += 1;
            *dispositions.entry(call.disposition.clone().unwrap_or_default()).or_default() += 1;
            *per_lead.entry(call.lead_id).or_default() += 1;
        }
        let mut results: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for walk in &facts.walks {
            let result = walk.result.clone().unwrap_or_else(|| "still open".to_owned());
            *results.entry(walk.cadence.clone()).or_default().entry(result).or_default() += 1;
        }
        let mut calls_per_lead = BTreeMap::new();
        for count in per_lead.values() {
            *calls_per_lead.entry(*count).or_default() += 1;
        }
        Self {
            hours,
            days: without_gaps(&days),
            outcomes,
            dispositions,
            results,
            arms: arms(facts, &walks, &cadences),
            reasons: reasons(&facts.not_now),
            steps: steps(facts, &walks, &cadences),
            calls_per_lead,
        }
    }
}

fn without_gaps(days: &BTreeMap<NaiveDate, Calls>) -> Vec<Day> {
    let (Some(first), Some(last)) = (days.keys().next(), days.keys().next_back()) else { return Vec::new() };
    let every = first.iter_days().take_while(|date| date <= last);
    every.map(|date| Day { date, calls: days.get(&date).copied().unwrap_or_default() }).collect()
}

fn reasons(rows: &[NotNowRow]) -> Vec<Why> {
    let mut counted: BTreeMap<(&'static str, &str, &str), (u64, BTreeSet<LeadId>)> = BTreeMap::new();
    for row in rows {
        let what = if row.verdict == "stop" { "refused" } else { "put off" };
        let key = (what, row.gate.as_deref().unwrap_or_default(), row.reason.as_str());
        let (times, leads) = counted.entry(key).or_default();
        *times += 1;
        leads.insert(row.lead_id);
    }
    let mut all: Vec<Why> = counted
        .into_iter()
        .map(|((what, gate, reason), (times, leads))| Why {
            what,
            gate: gate.to_owned(),
            reason: reason.to_owned(),
            times,
            leads: leads.len() as u64,
        })
        .collect();
    all.sort_by(|a, b| (b.what, b.leads).cmp(&(a.what, a.leads)));
    all
}

fn arms(facts: &Facts, walks: &HashMap<EnrollmentId, &WalkRow>, cadences: &[&Cadence]) -> Vec<Arm> {
    let mut all = Vec::new();
    for cadence in cadences {
        for step in &cadence.steps {
            let StepAction::Split(arms) = &step.action else { continue };
            let first = all.len();
            all.extend(arms.iter().map(|arm| Arm {
                cadence: cadence.key.clone(),
                split: step.id.clone(),
                arm: arm.arm.clone(),
                share: arm.share,
                leads: 0,
                calls: 0,
                answered: 0,
                converted: 0,
                answer_rate: None,
                conversion_rate: None,
            }));
            let own = &mut all[first..];
            // When each enrollment came to the split, and which arm it took: the engine's own choice, made again.
            let mut taken: HashMap<EnrollmentId, (usize, Instant)> = HashMap::new();
            for passed in facts.steps.iter().filter(|row| row.step == step.id && row.skipped.is_none()) {
                let is_own = walks.get(&passed.enrollment_id).is_some_and(|walk| walk.cadence == cadence.key);
                let chosen = advance::arm(arms, passed.lead_id, &cadence.key, &step.id);
                let place = chosen.and_then(|chosen| arms.iter().position(|arm| arm.arm == chosen.arm));
                if let Some(place) = place.filter(|_| is_own) {
                    taken.entry(passed.enrollment_id).or_insert((place, passed.at));
                }
            }
            let mut agreed: HashSet<EnrollmentId> = HashSet::new();
            for call in &facts.calls {
                let Some(enrollment) = call.enrollment_id else { continue };
                let Some((place, since)) = taken.get(&enrollment) else { continue };
                if call.at >= *since {
                    let mut counted = Calls::default();
                    counted.add(call);
                    own[*place].calls += counted.calls;
                    own[*place].answered += counted.answered;
                    agreed.extend((counted.converted > 0).then_some(enrollment));
                }
            }
            for (enrollment, (place, _)) in &taken {
                own[*place].leads += 1;
                let result = walks.get(enrollment).and_then(|walk| walk.result.as_deref());
                let has_converted = result == Some("converted") || agreed.contains(enrollment);
                own[*place].converted += u64::from(has_converted);
            }
            for arm in own {
                arm.answer_rate = rate(arm.answered, arm.calls);
                arm.conversion_rate = rate(arm.converted, arm.leads);
            }
        }
    }
    all
}

/// A share, if there is anything to have a share of.
pub fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn steps(facts: &Facts, walks: &HashMap<EnrollmentId, &WalkRow>, cadences: &[&Cadence]) -> Vec<StepCount> {
    let mut all: Vec<StepCount> = Vec::new();
    let mut place: HashMap<(&str, &str), usize> = HashMap::new();
    for cadence in cadences {
        for step in &cadence.steps {
            place.insert((&cadence.key, &step.id), all.len());
            all.push(StepCount {
                cadence: cadence.key.clone(),
                step: step.id.clone(),
                passed: 0,
                left_out: 0,
                calls: Calls::default(),
            });
        }
    }
    let cadence_of = |id: EnrollmentId| walks.get(&id).map(|walk| walk.cadence.as_str());
    let mut seen = BTreeSet::new();
    for row in &facts.steps {
        let found =
            cadence_of(row.enrollment_id).and_then(|cadence| place.get(&(cadence, row.step.as_str())));
        let Some(found) = found else { continue };
        if seen.insert((row.enrollment_id, row.step.as_str(), row.skipped.is_some())) {
            let slot = &mut all[*found];
            *(if row.skipped.is_some() { &mut slot.left_out } else { &mut slot.passed }) += 1;
        }
    }
    for call in &facts.calls {
        let cadence = call.enrollment_id.and_then(cadence_of);
        if let Some(found) = cadence.and_then(|cadence| place.get(&(cadence, call.step.as_str()))) {
            all[*found].calls.add(call);
        }
    }
    all.retain(|step| cadences.iter().any(|cadence| cadence.key == step.cadence));
    all
}

/// A number for people to read: all but the ends hidden.
fn redacted(phone: &str) -> String {
    PhoneNumber::e164_only(phone).map(|number| number.to_string()).unwrap_or_default()
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Places").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests;
