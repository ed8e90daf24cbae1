//! Preflight: what would become of a list of leads if it were enrolled and called, by the real gates, without writing anything.
//!
//! Leads pass in batches with a fixed number of queries each; what is kept is counts, a few samples per reason and a histogram,
//! so that memory does not grow with the list.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DurationRound as _, TimeDelta};
use serde::Serialize;
use serde_json::Value;

use super::batch::Batch;
use super::enroll::{EnrollRequest, Entry};
use super::versions::Version;
use super::{Engine, EngineError, package};
use crate::clock::Instant;
use crate::decide::gate::explain::{explain, openings};
use crate::decide::gate::inquiry::Cause;
use crate::decide::snapshot::{ConsentFact, Snapshot};
use crate::decide::verdict::{Gate, Reason, Verdict};
use crate::domain::campaign::Campaign;
use crate::domain::lead::Lead;
use crate::domain::new_lead::{FieldError, NewLead, prepare};
use crate::id::{CampaignId, LeadId};
use crate::store::walk::{self, LeadOnFile};
use crate::store::{Tx, campaign, lead};
use crate::time::zone::tzdb_version;

/// Leads per batch.
pub const BATCH: u32 = 500;
/// Leads shown per reason.
const SAMPLES: usize = 5;
const HOURS: usize = 24;
/// Stretches of one lead's day looked at: more openings and closings than any rule makes.
const MOST_OPENINGS: usize = 12;

/// What to look at.
#[derive(Debug, Clone)]
pub struct PreflightQuery {
    pub cadence: String,
    pub campaign_id: CampaignId,
    /// The instant of the first call; `None`: now.
    pub at: Option<Instant>,
    /// What the trigger would hand in.
    pub variables: Value,
}

/// A lead as a list describes it, with the consents it brings along.
#[derive(Debug, Clone)]
pub struct Described {
    pub lead: NewLead,
    pub consents: Vec<ConsentFact>,
}

/// What came of the look.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preflight {
    pub at: Instant,
    pub cadence: String,
    pub campaign: String,
    pub version: String,
    pub tzdata: &'static str,
    pub rules: String,
    /// Leads looked at.
    pub leads: u64,
    /// Of those, not on file yet.
    pub unknown: u64,
    pub proceed: u64,
    pub defer: u64,
    pub stop: u64,
    /// Would not be enrolled at all.
    pub refused: u64,
    /// Rows that describe no lead.
    pub unreadable: u64,
    /// Why leads would wait, stop or be refused, the most frequent first.
    pub reasons: Vec<Counted>,
    /// The 24 hours from `at` on.
    pub hours: Vec<Hour>,
    /// Calls that the campaign's pacing allows in an hour; `null`: it sets no limit.
    pub calls_per_hour: Option<u64>,
    /// Calls that it allows a day.
    pub calls_per_day: Option<u64>,
}

/// Leads with one verdict for one reason.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// `defer`, `stop` or `refuse`.
    pub verdict: &'static str,
    /// `null` for what enrolling refuses.
    pub gate: Option<Gate>,
    pub code: String,
    pub leads: u64,
    pub samples: Vec<Sample>,
}

/// One of the leads that are counted.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Ours; `null` for a lead that is not on file.
    pub lead_id: Option<LeadId>,
    pub external_id: Option<String>,
    pub until: Option<Instant>,
    pub rule: Option<String>,
    pub citation: Option<String>,
    pub detail: String,
}

/// An hour of the histogram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hour {
    pub from: Instant,
    /// Leads that may be called at some time in it.
    pub open: u64,
    /// Of those, leads that could not be called before.
    pub opening: u64,
}

/// Verdict, the gate that gave it and its code.
type Judged = (&'static str, Option<Gate>, String);

/// A look under way.
#[derive(Debug)]
pub struct Preflighting<'e> {
    engine: &'e Engine,
    query: PreflightQuery,
    now: Instant,
    version: Arc<Version>,
    campaign: Campaign,
    found: Preflight,
    counts: BTreeMap<Judged, (u64, Vec<Sample>)>,
}

impl Engine {
    /// Begins a look at leads for a cadence and a campaign; both must exist.
    pub async fn preflight(&self, query: PreflightQuery) -> Result<Preflighting<'_>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let version = self.foreseen(&mut tx, &query.cadence).await?;
        let version = version.ok_or_else(|| EngineError::missing("cadence", &query.cadence))?;
        let campaign = campaign::find(&mut tx, query.campaign_id).await?;
        let campaign = campaign.ok_or_else(|| EngineError::missing("campaign", query.campaign_id))?;
        tx.rollback().await?;
        let at = query.at.unwrap_or(now);
        let hour = |hour: usize| Hour { from: start_of(at, hour), open: 0, opening: 0 };
        let found = Preflight {
            at,
            cadence: query.cadence.clone(),
            campaign: campaign.key.clone(),
            version: version.bundle.hash.clone(),
            tzdata: tzdb_version(),
            rules: self.rules.version().to_owned(),
            leads: 0,
            unknown: 0,
            proceed: 0,
            defer: 0,
            stop: 0,
            refused: 0,
            unreadable: 0,
            reasons: Vec::new(),
            hours: (0..HOURS).map(hour).collect(),
            calls_per_hour: per_hour(&campaign),
            calls_per_day: campaign.pacing.max_per_day.map(u64::from),
        };
        Ok(Preflighting { engine: self, query, now, version, campaign, found, counts: BTreeMap::new() })
    }
}

/// The first hour begins at the instant asked about, the others on the hour.
fn start_of(at: Instant, hour: usize) -> Instant {
    if hour == 0 {
        return at;
    }
    let whole = at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at);
    whole + TimeDelta::hours(hour as i64)
}

fn per_hour(campaign: &Campaign) -> Option<u64> {
    let pacing = &campaign.pacing;
    let by_rate = pacing.calls_per_second.map(|rate| (rate * 3_600.0) as u64);
    let by_interval = pacing.min_interval_s.filter(|s| *s > 0.0).map(|s| (3_600.0 / s) as u64);
    [by_rate, by_interval].into_iter().flatten().min()
}

impl Preflighting<'_> {
    /// Looks at leads on file.
    pub async fn on_file(&mut self, ids: &[LeadId]) -> Result<(), EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let leads = walk::leads(&mut tx, ids).await?;
        let known = leads.into_iter().map(|lead| (lead, true, Vec::new())).collect();
        self.judge(&mut tx, known).await?;
        tx.rollback().await?;
        Ok(())
    }

    /// Looks at leads as a list describes them. Those that match one on file are judged by what is on file; answers the
    /// mistakes of rows that describe no lead, by their place.
    pub async fn described(
        &mut self,
        rows: &[Described],
    ) -> Result<Vec<(usize, Vec<FieldError>)>, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let (mut mistakes, mut prepared) = (Vec::new(), Vec::new());
        for (place, row) in rows.iter().enumerate() {
            match prepare(&row.lead, self.engine.ids.next(self.now), self.now) {
                Ok(lead) => prepared.push((place, lead)),
                Err(errors) => mistakes.push((place, errors)),
            }
        }
        self.found.unreadable += mistakes.len() as u64;
        let described: Vec<Lead> = prepared.iter().map(|(_, lead)| lead.clone()).collect();
        let matches = lead::known(&mut tx, &described).await?;
        let ids: Vec<LeadId> = matches.iter().copied().flatten().collect();
        let on_file: BTreeMap<LeadId, LeadOnFile> =
            walk::leads(&mut tx, &ids).await?.into_iter().map(|lead| (lead.id, lead)).collect();
        let mut leads = Vec::with_capacity(prepared.len());
        for ((place, lead), known) in prepared.iter().zip(matches) {
            let consents = rows[*place].consents.clone();
            match known.and_then(|id| on_file.get(&id)) {
                Some(known) => leads.push((known.clone(), true, consents)),
                None => leads.push((LeadOnFile::of(lead)?, false, consents)),
            }
        }
        self.judge(&mut tx, leads).await?;
        tx.rollback().await?;
        Ok(mistakes)
    }

    /// Rows that could not even be read as leads.
    pub fn unreadable(&mut self, rows: u64) {
        self.found.unreadable += rows;
    }

    /// Leads looked at so far.
    pub fn so_far(&self) -> u64 {
        self.found.leads
    }

    /// The result.
    pub fn finish(mut self) -> Preflight {
        let counted = self.counts.into_iter().map(|((verdict, gate, code), (leads, samples))| Counted {
            verdict,
            gate,
            code,
            leads,
            samples,
        });
        self.found.reasons = counted.collect();
        self.found.reasons.sort_by_key(|counted| std::cmp::Reverse(counted.leads));
        self.found
    }

    async fn judge(
        &mut self,
        tx: &mut Tx,
        leads: Vec<(LeadOnFile, bool, Vec<ConsentFact>)>,
    ) -> Result<(), EngineError> {
        let requests: Vec<EnrollRequest> = leads.iter().map(|(lead, ..)| self.request(lead.id)).collect();
        // As described, on file or not.
        let described = leads.iter().map(|(lead, ..)| lead.clone()).collect();
        let versions = [(self.query.cadence.clone(), Some(Arc::clone(&self.version)))].into();
        let entry = Entry::load(tx, &requests, described, versions).await?;
        let (bundle, campaign) = (Arc::clone(&self.version.bundle), self.campaign.clone());
        let walks: Vec<walk::Walk> = leads
            .iter()
            .map(|(lead, ..)| package::stand_in(lead.clone(), Some(&bundle), Some(&campaign)))
            .collect();
        let batch = Batch::load(self.engine, tx, &walks, self.found.at).await?;
        for ((walk, request), (lead, is_known, consents)) in walks.iter().zip(&requests).zip(&leads) {
            self.found.leads += 1;
            self.found.unknown += u64::from(!is_known);
            let shown = |detail: String| Sample {
                lead_id: is_known.then_some(lead.id),
                external_id: lead.external_id.clone(),
                until: None,
                rule: None,
                citation: None,
                detail,
            };
            if let Err(refusal) = entry.admit(self.engine, request, self.now) {
                self.found.refused += 1;
                self.count("refuse", None, refusal.reason, || shown(refusal.message));
                continue;
            }
            let mut snapshot = batch.snapshot(self.engine, walk, &self.version)?;
            snapshot.consents.extend(consents.iter().cloned());
            if self.found.at != self.now {
                snapshot = snapshot.as_of(self.found.at);
            }
            self.weigh(&snapshot, shown);
        }
        Ok(())
    }

    fn request(&self, lead_id: LeadId) -> EnrollRequest {
        EnrollRequest {
            lead_id,
            campaign_id: self.query.campaign_id,
            cadence: self.query.cadence.clone(),
            entry_key: String::new(),
            start_at: None,
            variables: self.query.variables.clone(),
        }
    }

    fn weigh(&mut self, snapshot: &Snapshot, shown: impl Fn(String) -> Sample) {
        let (engine, at) = (self.engine, self.found.at);
        let decision = engine.judge(snapshot, at);
        let (verdict, gate, reason): (_, Gate, Reason) = match decision.verdict {
            Verdict::Proceed(_) => {
                self.found.proceed += 1;
                return self.mark(snapshot);
            }
            Verdict::Defer { gate, reason, .. } => {
                self.found.defer += 1;
                self.mark(snapshot);
                ("defer", gate, reason)
            }
            Verdict::Stop { gate, reason } => {
                self.found.stop += 1;
                ("stop", gate, reason)
            }
        };
        self.count(verdict, Some(gate), reason.as_str().to_owned(), || {
            let causes = explain(snapshot, &engine.rules, at).reasons;
            let cause: Option<&Cause> =
                causes.iter().find(|cause| (cause.gate, cause.code) == (gate, reason));
            let mut sample = shown(cause.map(|cause| cause.detail.clone()).unwrap_or_default());
            if let Some(cause) = cause {
                (sample.until, sample.rule, sample.citation) =
                    (cause.until, cause.rule.clone(), cause.citation.clone());
            }
            sample
        });
    }

    /// Puts a lead's openings into the histogram.
    fn mark(&mut self, snapshot: &Snapshot) {
        let from = self.found.at;
        let until = start_of(from, HOURS);
        let open = openings(snapshot, &self.engine.rules, from, until, MOST_OPENINGS);
        let mut is_first = true;
        for hour in 0..HOURS {
            let (start, end) = (start_of(from, hour), start_of(from, hour + 1));
            if !open.iter().any(|(opens, closes)| *opens < end && *closes > start) {
                continue;
            }
            self.found.hours[hour].open += 1;
            self.found.hours[hour].opening += u64::from(is_first);
            is_first = false;
        }
    }

    fn count(
        &mut self,
        verdict: &'static str,
        gate: Option<Gate>,
        code: String,
        sample: impl FnOnce() -> Sample,
    ) {
        let (leads, samples) = self.counts.entry((verdict, gate, code)).or_default();
        *leads += 1;
        if samples.len() < SAMPLES {
            samples.push(sample());
        }
    }
}
