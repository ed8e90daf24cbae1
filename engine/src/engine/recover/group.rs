//! Which listed calls belong together, and what is on file about them: loaded once per batch, behind the locks of the numbers.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;

use super::super::batch::distinct;
use super::super::{Engine, EngineError};
use crate::domain::campaign::Campaign;
use crate::domain::enrollment::EnrollmentState;
use crate::id::{AttemptId, CampaignId, EnrollmentId, LeadId};
use crate::provider::ListedCall;
use crate::store::attempt::Attempt;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, adopt as store, attempt, campaign, number_lock};

/// A call without our tag is ours when an intent of this number is this close to it.
const NEAR: TimeDelta = TimeDelta::minutes(1);

/// Calls in the order in which they were asked for, apart by whom they were for.
pub(super) fn groups(calls: Vec<ListedCall>) -> Vec<Vec<ListedCall>> {
    let mut groups: BTreeMap<String, Vec<ListedCall>> = BTreeMap::new();
    for call in calls {
        let key = call
            .purpose
            .as_ref()
            .map_or_else(|| call.number.e164(), |purpose| purpose.enrollment_id.to_string());
        groups.entry(key).or_default().push(call);
    }
    for calls in groups.values_mut() {
        calls.sort_by(|a, b| (a.asked_at, &a.provider_call_id).cmp(&(b.asked_at, &b.provider_call_id)));
    }
    let mut groups: Vec<Vec<ListedCall>> = groups.into_values().collect();
    // A number is in one call at a time: those that are over come before the one that goes on.
    groups.sort_by_key(|calls| calls.last().map(|call| (call.end.is_none(), call.asked_at)));
    groups
}

/// Everything on file about a batch.
#[derive(Debug, Default)]
pub(super) struct OnFile {
    pub attempts: HashMap<AttemptId, Attempt>,
    /// Of calls without a tag: the attempt that number and time point to.
    near: HashMap<String, AttemptId>,
    pub walks: HashMap<EnrollmentId, Walk>,
    /// By number: who is called there, and for which campaign last.
    pub leads: HashMap<String, (LeadId, Option<CampaignId>)>,
    /// By number: the one enrollment that could have called there, when there is just one.
    only_walk: HashMap<String, EnrollmentId>,
    /// Planned and live attempts of the enrollments.
    pub open: Vec<Attempt>,
    pub keys: HashSet<(EnrollmentId, String, u32, u32)>,
    pub busy: HashSet<String>,
    pub campaigns: HashMap<CampaignId, Campaign>,
    pub any_campaign: Option<CampaignId>,
}

impl OnFile {
    pub async fn load(tx: &mut Tx, calls: &[&ListedCall]) -> Result<Self, EngineError> {
        let numbers: Vec<String> = distinct(calls.iter().map(|call| call.number.e164()));
        number_lock::lock_numbers(tx, &numbers).await?;
        let mut found = Self { near: near(tx, calls).await?, ..Self::default() };
        let mut ids: Vec<AttemptId> = calls.iter().filter_map(|call| call.attempt_id).collect();
        ids.extend(found.near.values());
        let attempts = attempt::by_ids(tx, &distinct(ids.into_iter())).await?;
        found.attempts = attempts.into_iter().map(|attempt| (attempt.id, attempt)).collect();
        for (number, lead, campaign) in store::leads_of(tx, &numbers).await? {
            found.leads.entry(number).or_insert((lead, campaign));
        }
        found.load_walks(tx, calls).await?;
        found.busy = store::busy(tx, &numbers).await?.into_iter().collect();
        found.any_campaign = store::any_campaign(tx).await?;
        let mut campaigns: Vec<CampaignId> =
            found.walks.values().map(|walk| walk.enrollment.campaign_id).collect();
        campaigns.extend(found.leads.values().filter_map(|(_, campaign)| *campaign));
        campaigns.extend(found.any_campaign);
        let campaigns = campaign::by_ids(tx, &distinct(campaigns.into_iter())).await?;
        found.campaigns = campaigns.into_iter().map(|campaign| (campaign.id, campaign)).collect();
        Ok(found)
    }

    async fn load_walks(&mut self, tx: &mut Tx, calls: &[&ListedCall]) -> Result<(), EngineError> {
        // Without a purpose the lead's own enrollments tell.
        let unknown = calls.iter().filter(|call| call.purpose.is_none() && self.attempt_of(call).is_none());
        let leads: Vec<LeadId> =
            distinct(unknown.filter_map(|call| self.leads.get(&call.number.e164()).map(|(lead, _)| *lead)));
        let mut candidates: HashMap<LeadId, Vec<EnrollmentId>> = HashMap::new();
        for walk in walk::live_of_leads(tx, &leads).await? {
            candidates.entry(walk.lead.id).or_default().push(walk.enrollment.id);
        }
        for (number, (lead, _)) in &self.leads {
            if let Some([only]) = candidates.get(lead).map(Vec::as_slice) {
                self.only_walk.insert(number.clone(), *only);
            }
        }
        let mut ids: Vec<EnrollmentId> = calls
            .iter()
            .filter_map(|call| call.purpose.as_ref())
            .map(|purpose| purpose.enrollment_id)
            .collect();
        ids.extend(self.attempts.values().filter_map(|attempt| attempt.enrollment_id));
        ids.extend(self.only_walk.values());
        let ids: Vec<EnrollmentId> = distinct(ids.into_iter());
        self.walks =
            walk::by_ids(tx, &ids).await?.into_iter().map(|walk| (walk.enrollment.id, walk)).collect();
        self.open = attempt::open_of(tx, &ids).await?;
        self.keys = store::keys_of(tx, &ids).await?.into_iter().collect();
        Ok(())
    }

    pub fn attempt_of(&self, call: &ListedCall) -> Option<&Attempt> {
        let id = call.attempt_id.or_else(|| self.near.get(&call.provider_call_id).copied())?;
        self.attempts.get(&id)
    }

    /// The enrollment that a call of this group was for.
    pub fn walk_of(&self, call: &ListedCall) -> Option<&Walk> {
        let by_attempt = self.attempt_of(call).and_then(|attempt| attempt.enrollment_id);
        let by_purpose = call.purpose.as_ref().map(|purpose| purpose.enrollment_id);
        let by_number = || self.only_walk.get(&call.number.e164()).copied();
        let id = by_attempt.or(by_purpose).or_else(|| call.purpose.is_none().then(by_number).flatten())?;
        self.walks.get(&id)
    }
}

/// Calls whose number has exactly one intent at their time.
async fn near(tx: &mut Tx, calls: &[&ListedCall]) -> Result<HashMap<String, AttemptId>, EngineError> {
    let untagged = calls.iter().filter(|call| call.attempt_id.is_none());
    let wanted: Vec<_> = untagged
        .map(|call| {
            let around = (call.asked_at - NEAR, call.asked_at + NEAR);
            (call.provider_call_id.clone(), call.number.e164(), around.0, around.1)
        })
        .collect();
    let mut found: HashMap<String, Vec<AttemptId>> = HashMap::new();
    for (key, id) in store::near(tx, &wanted).await? {
        found.entry(key).or_default().push(id);
    }
    let only = |(key, ids): (String, Vec<AttemptId>)| match ids.as_slice() {
        [only] => Some((key, *only)),
        _ => None,
    };
    Ok(found.into_iter().filter_map(only).collect())
}

/// Where a call of this walk goes when nothing says which step it was: the call step it waits at.
pub(super) async fn call_step(
    engine: &Engine,
    tx: &mut Tx,
    walk: &Walk,
    step: &str,
) -> Result<Option<String>, EngineError> {
    use crate::definitions::model::cadence::StepAction;
    let Ok(version) = engine.usable_version(tx, walk).await? else { return Ok(None) };
    let cadence = &version.bundle.cadence;
    let action = cadence.step(step).map(|index| &cadence.steps[index].action);
    Ok(match action {
        Some(StepAction::Call(call)) => Some(call.flow.clone()),
        _ => None,
    })
}

/// Has this enrollment a way to go on from a call?
pub(super) fn is_live(walk: &Walk) -> bool {
    walk.enrollment.state != EnrollmentState::Ended
}
