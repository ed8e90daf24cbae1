//! People's hands on enrollments and campaigns: pause, resume, skip, end.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::json;

use super::again::unless_deadlocked;
use super::apply::{FollowUps, wait_at};
use super::batch::distinct;
use super::changes::Changes;
use super::{Engine, EngineError, state};
use crate::clock::Instant;
use crate::decide::advance;
use crate::decide::protocol::again::next_visit;
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::CampaignStatus;
use crate::domain::enrollment::{EnrollmentState, Hold};
use crate::id::{CampaignId, EnrollmentId};
use crate::store::walk::{self, Walk};
use crate::store::{Tx, attempt, campaign, enrollment};

/// An enrollment as people see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentView {
    pub enrollment_id: EnrollmentId,
    pub lead_id: crate::id::LeadId,
    pub campaign_id: CampaignId,
    pub cadence_id: String,
    pub version: String,
    pub state: &'static str,
    pub hold: Option<String>,
    pub step: String,
    pub attempt: u32,
    pub due_at: Option<Instant>,
    pub wait_event: Option<String>,
    pub placed: u32,
    pub verdict: Option<String>,
    pub reason: Option<String>,
    pub result: Option<String>,
    pub started_at: Instant,
}

impl From<&Walk> for EnrollmentView {
    fn from(walk: &Walk) -> Self {
        let enrollment = &walk.enrollment;
        let (verdict, reason) = walk.verdict.clone().unzip();
        Self {
            enrollment_id: enrollment.id,
            lead_id: enrollment.lead_id,
            campaign_id: enrollment.campaign_id,
            cadence_id: enrollment.cadence.clone(),
            version: enrollment.version.clone(),
            state: enrollment.state.as_str(),
            hold: walk.hold.clone(),
            step: enrollment.position.step.clone(),
            attempt: enrollment.position.attempt,
            due_at: enrollment.due_at,
            wait_event: enrollment.wait_event.clone(),
            placed: enrollment.placed,
            verdict,
            reason,
            result: walk.result.clone(),
            started_at: enrollment.started_at,
        }
    }
}

impl Engine {
    pub async fn enrollment(&self, id: EnrollmentId) -> Result<EnrollmentView, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let walk = one(&mut tx, id).await?;
        tx.rollback().await?;
        Ok(EnrollmentView::from(&walk))
    }

    /// Holds an enrollment until it is resumed. A call in progress finishes; a planned one is taken back.
    pub async fn pause(&self, id: EnrollmentId) -> Result<EnrollmentView, EngineError> {
        self.by_hand(id, "enrollment.paused", |_, changes, walk, _, now| {
            let row = changes.enrollment(walk, now);
            row.state = EnrollmentState::Held.as_str();
            row.hold = Some(Hold::Paused.as_str());
            Ok(())
        })
        .await
    }

    /// Lets a held enrollment go on; what came due meanwhile is judged by the present (ENG-10).
    pub async fn resume(&self, id: EnrollmentId) -> Result<EnrollmentView, EngineError> {
        self.by_hand(id, "enrollment.resumed", |_, changes, walk, in_call, now| {
            if walk.enrollment.state != EnrollmentState::Held {
                return Err(EngineError::Conflict {
                    code: "not-held",
                    message: format!("the enrollment is {}, not held", walk.enrollment.state),
                });
            }
            let due = walk.enrollment.due_at.map_or(now, |due| due.max(now));
            if in_call {
                let row = changes.enrollment(walk, now);
                row.state = EnrollmentState::Open.as_str();
                row.hold = None;
                return Ok(());
            }
            let wait_event = walk.enrollment.wait_event.clone();
            wait_at(changes, walk, &next_visit(&walk.enrollment.position), Some(due), wait_event, now);
            let row = changes.enrollment(walk, now);
            row.state = EnrollmentState::Waiting.as_str();
            row.hold = None;
            Ok(())
        })
        .await
    }

    /// Leaves the current step behind and goes on with the next.
    pub async fn skip_step(&self, id: EnrollmentId) -> Result<EnrollmentView, EngineError> {
        unless_deadlocked("skip_step", || self.skip_step_once(id)).await
    }

    async fn skip_step_once(&self, id: EnrollmentId) -> Result<EnrollmentView, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let lead = enrollment::leads_of(&mut tx, &[id]).await?;
        self.lock_numbers_of(&mut tx, &lead).await?;
        let walk = live(&mut tx, id).await?;
        if is_in_call(&mut tx, &walk).await? {
            let message = "a call of this step is under way; its outcome decides what follows".to_owned();
            return Err(EngineError::Conflict { code: "call-in-progress", message });
        }
        let mut changes = Changes::default();
        take_back_planned(&mut tx, &mut changes, &[&walk], "skipped by hand", now).await?;
        let version = self.version(&mut tx, &walk.enrollment.version).await?;
        let moved = advance::after_step(&version.bundle.cadence, &walk.enrollment.position, now)
            .map_err(|fault| state::fault(&walk, &fault))?;
        let data = json!({"step": walk.enrollment.position.step, "reason": "by-hand"});
        changes.event(self, &walk, "step.skipped", now, data);
        let mut follow_ups = FollowUps::new();
        self.apply_move(&mut changes, &walk, moved, now, &mut follow_ups)?;
        let tally = self.finish(&mut tx, changes, follow_ups, now).await?;
        let view = EnrollmentView::from(&one(&mut tx, id).await?);
        tx.commit().await?;
        self.metrics.committed(&tally, "");
        Ok(view)
    }

    /// Ends an enrollment by hand.
    pub async fn end_enrollment(
        &self,
        id: EnrollmentId,
        reason: &str,
    ) -> Result<EnrollmentView, EngineError> {
        let reason = reason.to_owned();
        self.by_hand(id, "enrollment.ended_by_hand", move |engine, changes, walk, _, now| {
            engine.end(changes, walk, &reason, now);
            Ok(())
        })
        .await
    }

    /// Sets a campaign's status. A pause stops new dials within a second; a resume lets deferred enrollments go on at once.
    pub async fn set_campaign_status(
        &self,
        id: CampaignId,
        status: CampaignStatus,
    ) -> Result<(), EngineError> {
        unless_deadlocked("set_campaign_status", || self.set_campaign_status_once(id, status)).await
    }

    async fn set_campaign_status_once(
        &self,
        id: CampaignId,
        status: CampaignStatus,
    ) -> Result<(), EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        campaign::set_status(&mut tx, id, status, now).await?;
        if status == CampaignStatus::Active {
            enrollment::pull_forward(&mut tx, id, now).await?;
            attempt::pull_forward(&mut tx, id, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The fourth argument of `change`: a call is under way.
    async fn by_hand(
        &self,
        id: EnrollmentId,
        event: &str,
        change: impl Fn(&Self, &mut Changes, &Walk, bool, Instant) -> Result<(), EngineError>,
    ) -> Result<EnrollmentView, EngineError> {
        unless_deadlocked("by_hand", || self.by_hand_once(id, event, &change)).await
    }

    async fn by_hand_once(
        &self,
        id: EnrollmentId,
        event: &str,
        change: &impl Fn(&Self, &mut Changes, &Walk, bool, Instant) -> Result<(), EngineError>,
    ) -> Result<EnrollmentView, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let lead = enrollment::leads_of(&mut tx, &[id]).await?;
        self.lock_numbers_of(&mut tx, &lead).await?;
        let walk = live(&mut tx, id).await?;
        let mut changes = Changes::default();
        take_back_planned(&mut tx, &mut changes, &[&walk], event, now).await?;
        let in_call = is_in_call(&mut tx, &walk).await?;
        change(self, &mut changes, &walk, in_call, now)?;
        changes.event(self, &walk, event, now, json!({}));
        changes.flush(&mut tx, now).await?;
        let view = EnrollmentView::from(&one(&mut tx, id).await?);
        tx.commit().await?;
        Ok(view)
    }
}

async fn one(tx: &mut Tx, id: EnrollmentId) -> Result<Walk, EngineError> {
    walk::find(tx, id).await?.ok_or_else(|| EngineError::missing("enrollment", id))
}

async fn live(tx: &mut Tx, id: EnrollmentId) -> Result<Walk, EngineError> {
    let walk = one(tx, id).await?;
    if walk.enrollment.state == EnrollmentState::Ended {
        let message = format!("the enrollment has ended ({})", walk.result.unwrap_or_default());
        return Err(EngineError::Conflict { code: "enrollment-ended", message });
    }
    Ok(walk)
}

/// Is a call of this enrollment asked for, in progress or in doubt?
async fn is_in_call(tx: &mut Tx, walk: &Walk) -> Result<bool, EngineError> {
    /// A live attempt is never far from the lead's newest.
    const NEWEST: u32 = 50;
    let attempts = attempt::of_lead(tx, walk.lead.id, NEWEST).await?;
    let own = |found: &&attempt::Attempt| found.enrollment_id == Some(walk.enrollment.id);
    Ok(attempts.iter().filter(own).any(|found| found.state.is_live()))
}

/// Cancels the planned attempts of these enrollments. Dials under way are not touched.
pub(super) async fn take_back_planned(
    tx: &mut Tx,
    changes: &mut Changes,
    walks: &[&Walk],
    why: &str,
    now: Instant,
) -> Result<(), EngineError> {
    if walks.is_empty() {
        return Ok(());
    }
    let leads = distinct(walks.iter().map(|walk| walk.lead.id));
    let own: HashSet<EnrollmentId> = walks.iter().map(|walk| walk.enrollment.id).collect();
    for planned in attempt::planned_of_leads(tx, &leads).await? {
        if planned.enrollment_id.is_some_and(|id| own.contains(&id)) {
            changes.step(&planned, AttemptState::Cancelled, now).detail = Some(why.to_owned());
        }
    }
    Ok(())
}
