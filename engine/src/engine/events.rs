//! Events that come from outside (CRM-3): recorded once, they change the lead, and cadences react to them.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::again::unless_deadlocked;
use super::apply::FollowUps;
use super::batch::distinct;
use super::changes::Changes;
use super::control::take_back_planned;
use super::opt_out::{OptOut, Said};
use super::{Engine, EngineError, context};
use crate::clock::{Instant, micros};
use crate::decide::advance::{self, Move, Next};
use crate::domain::campaign::Campaign;
use crate::domain::consent::{Channel, Purpose};
use crate::domain::enrollment::EnrollmentState;
use crate::domain::event::{Event, kinds};
use crate::domain::lead::{LeadStatus, Segment};
use crate::domain::revocation::Revocation;
use crate::flow::revocation::{self, Revoked};
use crate::id::{CampaignId, EnrollmentId, EventId, LeadId, RevocationId};
use crate::metrics::Tally;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, attempt, campaign, consent, event};

/// An event someone posts.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub kind: String,
    pub lead_id: LeadId,
    pub campaign_id: Option<CampaignId>,
    /// `None`: now.
    pub at: Option<Instant>,
    pub data: Value,
    /// The sender's own id; the same one again is the same event.
    pub dedupe: Option<String>,
}

/// The answer to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReceipt {
    pub event_id: EventId,
    /// It was known already: nothing happened this time.
    pub repeated: bool,
}

/// Something that happened to a lead, for cadences to react to.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub lead_id: LeadId,
    pub kind: String,
    pub at: Instant,
    pub data: Value,
}

impl Engine {
    /// Records events, changes their leads and lets cadences react, in one transaction.
    pub async fn log_events(&self, events: Vec<NewEvent>) -> Result<Vec<EventReceipt>, EngineError> {
        unless_deadlocked("log_events", || self.log_events_once(events.clone())).await
    }

    async fn log_events_once(&self, events: Vec<NewEvent>) -> Result<Vec<EventReceipt>, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let (receipts, tally) = self.log_events_in(&mut tx, events, now).await?;
        tx.commit().await?;
        self.metrics.committed(&tally, "");
        Ok(receipts)
    }

    /// The same within a transaction that does more; what it counted is told to the metrics after the commit.
    pub(super) async fn log_events_in(
        &self,
        tx: &mut Tx,
        events: Vec<NewEvent>,
        now: Instant,
    ) -> Result<(Vec<EventReceipt>, Tally), EngineError> {
        let asks_to_stop =
            |event: &&NewEvent| event.kind == kinds::OPTOUT_REQUESTED || taken_back(event).is_some();
        let opting_out = distinct(events.iter().filter(asks_to_stop).map(|event| event.lead_id));
        self.lock_numbers_of(tx, &opting_out).await?;
        let keys: Vec<&str> = events.iter().filter_map(|event| event.dedupe.as_deref()).collect();
        let mut known: HashMap<String, EventId> =
            event::known(tx, &keys).await?.into_iter().map(|(id, key)| (key, id)).collect();
        let mut changes = Changes::default();
        let mut happened = Vec::new();
        let mut outside = Vec::new();
        let (mut opt_outs, mut revocations) = (Vec::new(), Vec::new());
        let mut receipts = Vec::with_capacity(events.len());
        for new in events {
            if let Some(event_id) = new.dedupe.as_ref().and_then(|key| known.get(key)) {
                receipts.push(EventReceipt { event_id: *event_id, repeated: true });
                continue;
            }
            let event_id = self.ids.next::<EventId>(now);
            if let Some(key) = &new.dedupe {
                known.insert(key.clone(), event_id);
            }
            receipts.push(EventReceipt { event_id, repeated: false });
            let at = new.at.unwrap_or(now);
            match new.kind.as_str() {
                kinds::CALL_PLACED => outside.push((new.lead_id, new.campaign_id, at)),
                kinds::OPTOUT_REQUESTED => opt_outs.push(OptOut {
                    lead_id: new.lead_id,
                    reason: text(&new.data, "reason").unwrap_or("asked by event").to_owned(),
                    source: text(&new.data, "source").unwrap_or("api").to_owned(),
                    attempt_id: None,
                    at,
                    event: Some((event_id, new.dedupe.clone())),
                    said: Said::through(channel(&new.data)),
                }),
                kinds::REPLY_RECEIVED | kinds::MESSAGE_RECEIVED => match taken_back(&new) {
                    Some(Revoked { purpose: None, .. }) => opt_outs.push(stopped_by(&new, at)),
                    Some(Revoked { purpose: Some(purpose), .. }) => {
                        revocations.push(self.purpose_stopped_by(&new, purpose, at, now));
                    }
                    None => {}
                },
                _ => {}
            }
            happened.push(Happened {
                lead_id: new.lead_id,
                kind: new.kind.clone(),
                at,
                data: new.data.clone(),
            });
            // An opt-out writes its own event, with everything it entails.
            if new.kind != kinds::OPTOUT_REQUESTED {
                changes.events.push(outside_event(event_id, new, at));
            }
        }
        self.count_outside_calls(tx, outside, now).await?;
        let leads = distinct(happened.iter().map(|event| event.lead_id));
        let walks = walk::live_of_leads(tx, &leads).await?;
        let mut follow_ups = FollowUps::new();
        self.react(tx, &mut changes, &walks, &happened, BTreeMap::new(), now, &mut follow_ups).await?;
        let tally = self.finish(tx, changes, follow_ups, now).await?;
        self.opt_out_in(tx, opt_outs, now).await?;
        consent::take_back(tx, &revocations).await?;
        let revoked: Vec<Event> = revocations.iter().map(|taken| self.revoked_event(taken, now)).collect();
        event::append(tx, &revoked, now).await?;
        Ok((receipts, tally))
    }

    fn purpose_stopped_by(&self, new: &NewEvent, purpose: Purpose, at: Instant, now: Instant) -> Revocation {
        let said = said(&new.data);
        Revocation {
            id: self.ids.next::<RevocationId>(now),
            lead_id: new.lead_id,
            number: None,
            purpose: Some(purpose),
            channel: said.channel,
            words: said.words,
            language: said.language,
            received_at: at,
            due_on: self.due_on(at),
            honored_at: now,
            source: "message".to_owned(),
            recorded_by: None,
            attempt_id: None,
        }
    }

    /// Changes leads by what happened, then lets every live enrollment of them react: exit rules first, then event waits,
    /// then the move its own call led to (`own`).
    #[expect(clippy::too_many_arguments, reason = "the one place where outcomes and outside events meet")]
    pub(super) async fn react(
        &self,
        tx: &mut Tx,
        changes: &mut Changes,
        walks: &[Walk],
        happened: &[Happened],
        mut own: BTreeMap<EnrollmentId, Move>,
        now: Instant,
        follow_ups: &mut FollowUps,
    ) -> Result<(), EngineError> {
        for event in happened {
            change_lead(changes, event);
        }
        let campaigns = self.campaigns_of(tx, walks).await?;
        let mut by_lead: HashMap<LeadId, Vec<&Happened>> = HashMap::new();
        for event in happened {
            by_lead.entry(event.lead_id).or_default().push(event);
        }
        let (mut overtaken, mut quarantined) = (Vec::new(), Vec::new());
        for walk in walks {
            let campaign = campaigns.get(&walk.enrollment.campaign_id);
            let happened = by_lead.get(&walk.lead.id).map_or(&[][..], Vec::as_slice);
            match self.reaction(tx, walk, campaign, happened, now).await? {
                Ok(Some(moved)) => {
                    overtaken.push(walk);
                    self.apply_move(changes, walk, moved, now, follow_ups)?;
                }
                Ok(None) => {
                    if let Some(moved) = own.remove(&walk.enrollment.id) {
                        self.apply_move(changes, walk, moved, now, follow_ups)?;
                    }
                }
                Err(problem) => {
                    quarantined.push(walk);
                    // What its own call came to holds all the same, so that whoever lets it go on does not call again.
                    let own = own.remove(&walk.enrollment.id);
                    let is_over = own.as_ref().is_some_and(|own| matches!(own.next, Next::Ended { .. }));
                    if let Some(own) = own {
                        self.apply_move(changes, walk, own, now, follow_ups)?;
                    }
                    if is_over {
                        tracing::error!(enrollment = %walk.enrollment.id, problem, "ended by its call; an exit rule is faulty");
                    } else {
                        self.quarantine(changes, walk, &problem, now);
                    }
                }
            }
        }
        // Calls that were only planned must not go out any more: these cadences go elsewhere, or nowhere.
        take_back_planned(tx, changes, &quarantined, "the enrollment was quarantined", now).await?;
        take_back_planned(tx, changes, &overtaken, "overtaken by an event", now).await
    }

    /// The first move that one of the events of its lead calls for. The inner error says why this enrollment cannot go on.
    async fn reaction(
        &self,
        tx: &mut Tx,
        walk: &Walk,
        campaign: Option<&Campaign>,
        happened: &[&Happened],
        now: Instant,
    ) -> Result<Result<Option<Move>, String>, EngineError> {
        let version = match self.usable_version(tx, walk).await? {
            Ok(version) => version,
            Err(problem) => return Ok(Err(problem)),
        };
        let state = match self.walk_state(walk) {
            Ok(state) => state,
            Err(problem) => return Ok(Err(problem.to_string())),
        };
        for event in happened {
            let variables =
                || context::with_event(context::variables(walk, campaign), &event.kind, &event.data);
            match advance::on_event(&version.bundle.cadence, &state, &event.kind, &variables, now) {
                Ok(Some(moved)) if may_interrupt(walk, &moved) => return Ok(Ok(Some(moved))),
                Ok(_) => {}
                Err(fault) => return Ok(Err(fault.to_string())),
            }
        }
        Ok(Ok(None))
    }

    async fn campaigns_of(
        &self,
        tx: &mut Tx,
        walks: &[Walk],
    ) -> Result<HashMap<CampaignId, Campaign>, EngineError> {
        let ids = distinct(walks.iter().map(|walk| walk.enrollment.campaign_id));
        Ok(campaign::by_ids(tx, &ids).await?.into_iter().map(|found| (found.id, found)).collect())
    }

    /// An outside dialer's calls count in caps like our own. Without a campaign they count under the lead's latest one.
    async fn count_outside_calls(
        &self,
        tx: &mut Tx,
        calls: Vec<(LeadId, Option<CampaignId>, Instant)>,
        now: Instant,
    ) -> Result<(), EngineError> {
        let mut rows = Vec::with_capacity(calls.len());
        for (lead, campaign, at) in calls {
            let campaign = match campaign {
                Some(campaign) => Some(campaign),
                None => walk::all_of_lead(tx, lead).await?.pop().map(|walk| walk.enrollment.campaign_id),
            };
            // A lead that no campaign knows has no cadence whose caps could count the call.
            let Some(campaign) = campaign else { continue };
            let id = self.ids.next::<crate::id::AttemptId>(now);
            rows.push((id.to_string(), lead.to_string(), campaign.to_string(), micros(at)));
        }
        Ok(attempt::insert_outside(tx, &rows).await?)
    }
}

/// An open call is not cut short by an event wait; an exit rule ends the enrollment whatever it is doing.
fn may_interrupt(walk: &Walk, moved: &Move) -> bool {
    walk.enrollment.state == EnrollmentState::Waiting || matches!(moved.next, Next::Ended { .. })
}

fn outside_event(id: EventId, new: NewEvent, at: Instant) -> Event {
    Event {
        id,
        kind: new.kind,
        lead_id: Some(new.lead_id),
        enrollment_id: None,
        attempt_id: None,
        campaign_id: new.campaign_id,
        at,
        version: None,
        data: new.data,
        dedupe: new.dedupe,
    }
}

/// The vocabulary's column "lead status": one place for calls of ours and events of others.
fn change_lead(changes: &mut Changes, event: &Happened) {
    let accepted = |field: &str| event.data.get(field).and_then(Value::as_bool).unwrap_or(false);
    let status = match event.kind.as_str() {
        kinds::CALL_ANSWERED | kinds::CALLBACK_REQUESTED | kinds::QUALIFICATION_RESULT => {
            Some(LeadStatus::Contacted)
        }
        kinds::TRIAL_SIGNUP_OFFERED if accepted("agentAccepted") => Some(LeadStatus::Trial),
        kinds::UPGRADE_OFFERED if accepted("accepted") => Some(LeadStatus::Customer),
        kinds::OFFER_ACCEPTED => Some(LeadStatus::Customer),
        _ => None,
    };
    if let Some(status) = status {
        let change = changes.lead(event.lead_id);
        // A conversion in the same batch outranks a mere contact.
        if change.status.is_none() || status != LeadStatus::Contacted {
            change.status = Some(status.as_str());
        }
    }
    match event.kind.as_str() {
        kinds::CALL_ANSWERED => changes.lead(event.lead_id).last_contacted_at = Some(micros(event.at)),
        kinds::WRONG_NUMBER => changes.lead(event.lead_id).phone_invalid = Some("wrong-number".to_owned()),
        kinds::QUALIFICATION_RESULT => {
            let change = changes.lead(event.lead_id);
            change.score =
                event.data.get("leadScore").and_then(Value::as_i64).map(|score| score.clamp(0, 100));
            change.segment =
                text(&event.data, "segment").filter(|s| s.parse::<Segment>().is_ok()).map(str::to_owned);
        }
        _ => {}
    }
}

/// What a message takes back, by the words in it.
fn taken_back(event: &NewEvent) -> Option<Revoked> {
    let is_written = [kinds::REPLY_RECEIVED, kinds::MESSAGE_RECEIVED].contains(&event.kind.as_str());
    let words = text(&event.data, "text").filter(|_| is_written)?;
    revocation::of(words, text(&event.data, "language"))
}

fn said(data: &Value) -> Said {
    let owned = |field| text(data, field).map(str::to_owned);
    Said { words: owned("text"), language: owned("language"), ..Said::through(channel(data)) }
}

/// How it came; what is no channel known here came through the other system.
fn channel(data: &Value) -> Channel {
    text(data, "channel").and_then(|name| name.parse().ok()).unwrap_or(Channel::System)
}

fn text<'a>(data: &'a Value, field: &str) -> Option<&'a str> {
    data.get(field).and_then(Value::as_str)
}

/// A message that says stop opts its sender out; the message stays an event of its own.
fn stopped_by(new: &NewEvent, at: Instant) -> OptOut {
    let words = text(&new.data, "text").unwrap_or_default();
    OptOut {
        lead_id: new.lead_id,
        reason: format!("wrote: {}", words.chars().take(200).collect::<String>()),
        source: "message".to_owned(),
        attempt_id: None,
        at,
        event: None,
        said: said(&new.data),
    }
}
