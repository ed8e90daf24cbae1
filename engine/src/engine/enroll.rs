//! Enrolling leads in cadences: entry conditions, re-entry rule, the pinned version, one statement per batch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::batch::distinct;
use super::versions::Version;
use super::{Engine, EngineError, context};
use crate::clock::{Instant, micros};
use crate::decide::advance;
use crate::domain::campaign::{Campaign, CampaignStatus};
use crate::domain::enrollment::{Enrollment, EnrollmentState, Position};
use crate::domain::event::Event;
use crate::domain::lead::LeadStatus;
use crate::domain::priority::Priority;
use crate::id::{CampaignId, EnrollmentId, EventId, LeadId};
use crate::store::walk::{self, LeadOnFile, Walk};
use crate::store::{Tx, campaign, enrollment, event};

/// One lead to enroll.
#[derive(Debug, Clone)]
pub struct EnrollRequest {
    pub lead_id: LeadId,
    pub campaign_id: CampaignId,
    pub cadence: String,
    /// Separates enrollments of one lead in one cadence (an offer, a cart); empty: one at a time.
    pub entry_key: String,
    /// When the first step becomes due; `None`: now.
    pub start_at: Option<Instant>,
    /// What the trigger hands in: `offer`, `product`, …
    pub variables: Value,
}

/// A started enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    pub enrollment_id: EnrollmentId,
    pub due_at: Instant,
    pub version: String,
}

/// Why a lead was not enrolled. A result, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollRefusal {
    /// Kebab-case: `unknown-cadence`, `already-enrolled`, `opted-out`, …
    pub reason: String,
    pub message: String,
}

/// A cadence that another one leads to.
#[derive(Debug, Clone)]
pub(super) struct FollowUp {
    lead_id: LeadId,
    campaign_id: CampaignId,
    cadence: String,
    variables: Value,
    at: Instant,
}

impl FollowUp {
    pub fn of(walk: &Walk, cadence: String, now: Instant) -> Self {
        Self {
            lead_id: walk.lead.id,
            campaign_id: walk.enrollment.campaign_id,
            cadence,
            variables: walk.enrollment.variables.clone(),
            at: now,
        }
    }
}

fn refused(reason: &str, message: impl Into<String>) -> EnrollRefusal {
    EnrollRefusal { reason: reason.to_owned(), message: message.into() }
}

fn already(cadence: &str) -> EnrollRefusal {
    refused("already-enrolled", format!("the lead is already in cadence `{cadence}`"))
}

impl Engine {
    /// Enrolls leads, in order, in one transaction. Each request is answered on its own.
    pub async fn enroll(
        &self,
        requests: Vec<EnrollRequest>,
    ) -> Result<Vec<Result<Enrolled, EnrollRefusal>>, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let answers = self.enroll_in(&mut tx, &requests, now).await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// Follow-up cadences start in the campaign that carries the cadence's name, else in the one they come from.
    pub(super) async fn follow_up(
        &self,
        tx: &mut Tx,
        follow_ups: Vec<FollowUp>,
        now: Instant,
    ) -> Result<(), EngineError> {
        let mut own: HashMap<String, Option<CampaignId>> = HashMap::new();
        let mut requests = Vec::with_capacity(follow_ups.len());
        for follow_up in follow_ups {
            if !own.contains_key(&follow_up.cadence) {
                own.insert(follow_up.cadence.clone(), campaign::resolve(tx, &follow_up.cadence).await?);
            }
            let campaign_id = own.get(&follow_up.cadence).copied().flatten().unwrap_or(follow_up.campaign_id);
            requests.push(EnrollRequest {
                lead_id: follow_up.lead_id,
                campaign_id,
                cadence: follow_up.cadence,
                entry_key: String::new(),
                start_at: Some(follow_up.at),
                variables: follow_up.variables,
            });
        }
        let answers = self.enroll_in(tx, &requests, now).await?;
        for (request, answer) in requests.iter().zip(answers) {
            if let Err(refusal) = answer {
                tracing::info!(lead = %request.lead_id, cadence = request.cadence, reason = refusal.reason, "follow-up cadence refused");
            }
        }
        Ok(())
    }

    async fn enroll_in(
        &self,
        tx: &mut Tx,
        requests: &[EnrollRequest],
        now: Instant,
    ) -> Result<Vec<Result<Enrolled, EnrollRefusal>>, EngineError> {
        let leads = distinct(requests.iter().map(|request| request.lead_id));
        let leads = walk::leads(tx, &leads).await?;
        self.enroll_known(tx, requests, leads, now).await
    }

    /// The same for whoever has read the leads in this transaction.
    pub(super) async fn enroll_known(
        &self,
        tx: &mut Tx,
        requests: &[EnrollRequest],
        leads: Vec<LeadOnFile>,
        now: Instant,
    ) -> Result<Vec<Result<Enrolled, EnrollRefusal>>, EngineError> {
        let mut versions = BTreeMap::new();
        for request in requests {
            if !versions.contains_key(&request.cadence) {
                versions.insert(request.cadence.clone(), self.newest(tx, &request.cadence, now).await?);
            }
        }
        let entry = Entry::load(tx, requests, leads, versions).await?;
        let mut rows = Vec::new();
        let mut answers: Vec<Result<Enrolled, EnrollRefusal>> = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(entry.admit(self, request, now).map(|(row, enrolled)| {
                rows.push(row);
                enrolled
            }));
        }
        let started: HashSet<EnrollmentId> = match rows.as_slice() {
            [] => HashSet::new(),
            rows => enrollment::insert_many(tx, rows).await?.into_iter().collect(),
        };
        let mut events = Vec::with_capacity(started.len());
        for (request, answer) in requests.iter().zip(answers.iter_mut()) {
            match answer {
                Ok(enrolled) if started.contains(&enrolled.enrollment_id) => {
                    events.push(self.enrollment_started(request, enrolled, now));
                }
                // Another request of this batch, or another process, was first.
                Ok(_) => *answer = Err(already(&request.cadence)),
                Err(_) => {}
            }
        }
        event::append(tx, &events, now).await?;
        Ok(answers)
    }

    fn enrollment_started(&self, request: &EnrollRequest, enrolled: &Enrolled, now: Instant) -> Event {
        Event {
            id: self.ids.next::<EventId>(now),
            kind: "enrollment.started".to_owned(),
            lead_id: Some(request.lead_id),
            enrollment_id: Some(enrolled.enrollment_id),
            attempt_id: None,
            campaign_id: Some(request.campaign_id),
            at: now,
            version: Some(enrolled.version.clone()),
            data: json!({"cadenceId": request.cadence, "dueAt": enrolled.due_at, "entryKey": request.entry_key}),
            dedupe: None,
        }
    }
}

/// What admission looks at, loaded once per batch.
pub(super) struct Entry {
    leads: HashMap<LeadId, LeadOnFile>,
    campaigns: HashMap<CampaignId, Campaign>,
    versions: BTreeMap<String, Option<Arc<Version>>>,
    previous: HashMap<(LeadId, String, String), enrollment::Previous>,
}

impl Entry {
    /// `versions`: what new enrollments get, by cadence; `None`: every version is withdrawn.
    pub(super) async fn load(
        tx: &mut Tx,
        requests: &[EnrollRequest],
        leads: Vec<LeadOnFile>,
        versions: BTreeMap<String, Option<Arc<Version>>>,
    ) -> Result<Self, EngineError> {
        let campaigns = distinct(requests.iter().map(|request| request.campaign_id));
        let keys: Vec<(String, &str, &str)> = requests
            .iter()
            .map(|request| {
                (request.lead_id.to_string(), request.cadence.as_str(), request.entry_key.as_str())
            })
            .collect();
        let previous = enrollment::previous(tx, &keys).await?;
        Ok(Self {
            leads: leads.into_iter().map(|lead| (lead.id, lead)).collect(),
            campaigns: campaign::by_ids(tx, &campaigns)
                .await?
                .into_iter()
                .map(|found| (found.id, found))
                .collect(),
            versions,
            previous: previous
                .into_iter()
                .map(|found| ((found.lead_id, found.cadence.clone(), found.entry_key.clone()), found))
                .collect(),
        })
    }

    /// The row of an enrollment that may begin, and what to tell of it; nothing is written.
    pub(super) fn admit(
        &self,
        engine: &Engine,
        request: &EnrollRequest,
        now: Instant,
    ) -> Result<(enrollment::NewRow, Enrolled), EnrollRefusal> {
        let Some(Some(version)) = self.versions.get(&request.cadence) else {
            if engine.library.current().bundle(&request.cadence).is_some() {
                let message = format!("every version of cadence `{}` is withdrawn", request.cadence);
                return Err(refused("cadence-withdrawn", message));
            }
            return Err(refused("unknown-cadence", format!("there is no cadence `{}`", request.cadence)));
        };
        let cadence = &version.bundle.cadence;
        let Some(lead) = self.leads.get(&request.lead_id) else {
            return Err(refused("unknown-lead", "the lead does not exist"));
        };
        let Some(campaign) = self.campaigns.get(&request.campaign_id) else {
            return Err(refused("unknown-campaign", "the campaign does not exist"));
        };
        if campaign.status == CampaignStatus::Ended {
            return Err(refused("campaign-over", format!("campaign `{}` has ended", campaign.key)));
        }
        if lead.status == LeadStatus::OptedOut {
            return Err(refused("opted-out", "the lead has opted out"));
        }
        if let Some((name, _)) = cadence
            .variables
            .iter()
            .find(|(name, required)| **required && request.variables.get(name).is_none())
        {
            let message = format!("cadence `{}` needs the variable `{name}`", cadence.key);
            return Err(refused("variable-missing", message));
        }
        let Some(first) = cadence.steps.first() else {
            return Err(refused("empty-cadence", format!("cadence `{}` has no steps", cadence.key)));
        };
        let key = (request.lead_id, request.cadence.clone(), request.entry_key.clone());
        let previous = self.previous.get(&key);
        if previous.is_some_and(|previous| previous.is_live) {
            return Err(already(&request.cadence));
        }
        let variables = || {
            let walk = prospective(request, version, lead, &first.id, now);
            context::variables(&walk, Some(campaign))
        };
        advance::may_enter(cadence, previous.map(|previous| previous.started_at), &variables, now)
            .map_err(|refusal| refused(refusal.reason, refusal.message))?;
        let id = engine.ids.next::<EnrollmentId>(now);
        let due_at = request.start_at.unwrap_or(now).max(now);
        let row = enrollment::NewRow {
            id: id.to_string(),
            lead_id: request.lead_id.to_string(),
            campaign_id: request.campaign_id.to_string(),
            cadence: request.cadence.clone(),
            entry_key: request.entry_key.clone(),
            version: version.bundle.hash.clone(),
            step: first.id.clone(),
            due_at: micros(due_at),
            // Where a trigger has scored it, that; else the more urgent of the two: `high` sorts first.
            priority: scored(&request.variables).unwrap_or(cadence.priority.min(campaign.priority)).rank(),
            variables: request.variables.to_string(),
            started_at: micros(now),
        };
        Ok((row, Enrolled { enrollment_id: id, due_at, version: version.bundle.hash.clone() }))
    }
}

/// The priority that a trigger has worked out.
fn scored(variables: &Value) -> Option<Priority> {
    variables.pointer("/trigger/priority")?.as_str()?.parse().ok()
}

/// The enrollment as it would be, for entry conditions to look at.
fn prospective(
    request: &EnrollRequest,
    version: &Version,
    lead: &LeadOnFile,
    step: &str,
    now: Instant,
) -> Walk {
    let position = Position { step: step.to_owned(), visit: 1, attempt: 1, due_since: now, promised: false };
    Walk {
        enrollment: Enrollment {
            id: EnrollmentId::default(),
            lead_id: request.lead_id,
            campaign_id: request.campaign_id,
            cadence: request.cadence.clone(),
            version: version.bundle.hash.clone(),
            state: EnrollmentState::Waiting,
            position,
            due_at: None,
            wait_event: None,
            priority: version.bundle.cadence.priority,
            variables: request.variables.clone(),
            placed: 0,
            started_at: now,
        },
        lead: lead.clone(),
        verdict: None,
        hold: None,
        result: None,
        entry_key: request.entry_key.clone(),
    }
}
