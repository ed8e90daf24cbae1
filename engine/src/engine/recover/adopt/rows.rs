//! The rows of adopted calls: attempts, calls, events and facts, and the calls that belong to no enrollment on file.

use chrono::TimeDelta;
use serde_json::json;

use super::super::group::OnFile;
use super::{Adopting, Owner, Told};
use crate::clock::micros;
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, EndStatus, Fact, StoredFact};
use crate::domain::event::{Event, kinds};
use crate::domain::outcome::Outcome;
use crate::domain::suppression::{Source, Suppression};
use crate::flow::session::Conversation;
use crate::id::{AttemptId, CallId, EventId, SuppressionId};
use crate::provider::ListedCall;
use crate::provider::ReportedFact;
use crate::store::{adopt as store, call as calls};

/// A number that was called and belongs to nobody on file is left in peace this long, should its lead come back.
const PEACE: TimeDelta = TimeDelta::hours(24);

impl Adopting<'_> {
    /// A call of no enrollment on file: it counts for the lead of its number, or lets the number rest when nobody has it.
    pub(super) fn outside(&mut self, on_file: &mut OnFile, call: &ListedCall) {
        let number = call.number.e164();
        let owner = on_file.leads.get(&number).and_then(|(lead, campaign)| {
            Some(Owner { lead: *lead, campaign: campaign.or(on_file.any_campaign)? })
        });
        let Some(owner) = owner else {
            // Without our tag it is somebody else's call through the same account.
            if call.attempt_id.is_some() {
                self.report.unattributed += 1;
                self.rest.push(self.peace(call));
            }
            return;
        };
        let id = call.attempt_id.unwrap_or_else(|| self.engine.ids.next(self.now));
        let told = super::ends_here(on_file, call, call.end.is_none());
        let row = self.bare_row(id, &owner, call, told.as_ref());
        self.new.push(row);
        self.report.outside += 1;
        self.count(on_file, &owner, call);
        self.call_row(id, &owner, call, ("", ""));
        self.changes.events.push(Event {
            id: self.engine.ids.next::<EventId>(call.asked_at),
            kind: kinds::CALL_PLACED.to_owned(),
            lead_id: Some(owner.lead),
            enrollment_id: None,
            attempt_id: Some(id),
            campaign_id: Some(owner.campaign),
            at: call.asked_at,
            version: None,
            data: json!({"callId": call.provider_call_id, "recovered": true}),
            dedupe: None,
        });
        match told {
            Some(told) => self.ended_row(id, call, &told),
            None => self.follow(id, call),
        }
    }

    fn peace(&self, call: &ListedCall) -> Suppression {
        Suppression {
            id: self.engine.ids.next::<SuppressionId>(self.now),
            number: call.number,
            source: Source::Internal,
            campaign_id: None,
            reason: "called after the backup that was restored; for whom is not on file".to_owned(),
            added_by: "backup".to_owned(),
            created_at: self.now,
            expires_at: Some(call.asked_at + PEACE),
        }
    }

    /// The row of a call that belongs to nothing but its lead.
    pub(super) fn bare_row(
        &self,
        id: AttemptId,
        owner: &Owner,
        call: &ListedCall,
        told: Option<&Told>,
    ) -> store::NewRow {
        store::NewRow {
            id: id.to_string(),
            enrollment_id: None,
            lead_id: owner.lead.to_string(),
            campaign_id: owner.campaign.to_string(),
            number: call.number.e164(),
            flow: String::new(),
            version: String::new(),
            step: String::new(),
            visit: 0,
            attempt: 0,
            state: state_of(told).as_str(),
            intent_at: micros(call.asked_at),
            provider: self.provider.to_owned(),
            provider_call_id: call.provider_call_id.clone(),
            outcome: told.map(|told| told.outcome.as_str()),
            disposition: told.map(|told| told.disposition.clone()),
            finished_at: told.map(|_| micros(self.now)),
            created_at: micros(call.asked_at),
        }
    }

    pub(super) fn count(&mut self, on_file: &OnFile, owner: &Owner, call: &ListedCall) {
        self.report.adopted += 1;
        if let Some(campaign) = on_file.campaigns.get(&owner.campaign) {
            self.days.push((owner.campaign, campaign.zone.local(call.asked_at).date, 1));
        }
    }

    pub(super) fn call_row(
        &mut self,
        id: AttemptId,
        owner: &Owner,
        call: &ListedCall,
        (flow, version): (&str, &str),
    ) {
        self.changes.calls.push(calls::NewRow {
            id: self.engine.ids.next::<CallId>(call.asked_at).to_string(),
            attempt_id: id.to_string(),
            lead_id: owner.lead.to_string(),
            campaign_id: owner.campaign.to_string(),
            provider: self.provider.to_owned(),
            provider_call_id: call.provider_call_id.clone(),
            placed_at: micros(call.asked_at),
            flow: flow.to_owned(),
            version: version.to_owned(),
        });
    }

    pub(super) fn ended_row(&mut self, id: AttemptId, call: &ListedCall, told: &Told) {
        self.changes.call_states.push(calls::Change {
            attempt_id: id.to_string(),
            status: told.outcome.call_status(),
            answered_at: None,
            ended_at: call.end.map(|end| micros(end.at)),
            talk_s: call.end.map_or(0, |end| end.talk_s),
            answered_by: None,
            outcome: Some(told.outcome.as_str()),
            disposition: Some(told.disposition.clone()),
            recorded: 0,
            conversation: None,
        });
    }

    /// Its end, if the list has it, is a fact like that of a callback; and callbacks may have come before it was on file.
    pub(super) fn follow(&mut self, attempt_id: AttemptId, call: &ListedCall) {
        self.followed.push(attempt_id);
        self.facts.extend(end_facts(&ListedCall { attempt_id: Some(attempt_id), ..call.clone() }));
    }
}

/// The end of a call as the provider's own report would have put it.
pub(super) fn end_facts(call: &ListedCall) -> Vec<ReportedFact> {
    let (Some(end), Some(attempt_id)) = (call.end, call.attempt_id) else { return Vec::new() };
    // What was said is gone with the old database, but for stops, which are in the journal.
    let unsaid = (end.status == EndStatus::Completed).then(|| ReportedFact::nothing_said(attempt_id, end.at));
    let ended = ReportedFact {
        attempt_id,
        provider_call_id: Some(call.provider_call_id.clone()),
        key: "ended".to_owned(),
        at: end.at,
        fact: Fact::Ended { status: end.status, talk_s: end.talk_s },
    };
    unsaid.into_iter().chain([ended]).collect()
}

pub(super) const fn state_of(told: Option<&Told>) -> AttemptState {
    if told.is_some() { AttemptState::Finished } else { AttemptState::Placed }
}

/// The outcome of a call of which only its end is known.
pub(super) fn told(call: &ListedCall) -> Told {
    let mut facts = Vec::new();
    if let Some(end) = call.end {
        facts.push(StoredFact { at: end.at, fact: Fact::Ended { status: end.status, talk_s: end.talk_s } });
        facts.push(StoredFact {
            at: end.at,
            fact: Fact::Conversation { conversation: Box::<Conversation>::default() },
        });
    }
    let (outcome, disposition) = CallState::of(&facts)
        .outcome()
        .unwrap_or_else(|| (Outcome::Failed, Outcome::Failed.as_str().to_owned()));
    Told { outcome, disposition }
}
