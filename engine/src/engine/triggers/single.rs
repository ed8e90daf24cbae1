//! One lead is called at once: the trigger, the coupon, the enrollment and the complete package of the first call are one commit,
//! and the answer carries the package.

use super::NewTrigger;
use super::desk::Desk;
use super::fan_out::{ENROLLED, Eligible};
use super::people::{Judged, People};
use super::raise::Raised;
use crate::clock::Instant;
use crate::decide::eligibility::Skip;
use crate::domain::trigger::{Trigger, TriggerState};
use crate::engine::again::unless_deadlocked;
use crate::engine::batch::Batch;
use crate::engine::dossier::{Dossiers, Setting, Whose};
use crate::engine::enroll::EnrollRefusal;
use crate::engine::{Engine, EngineError};
use crate::id::{AttemptId, EnrollmentId, LeadId};
use crate::package::Frozen;
use crate::store::trigger::ResultRow;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, audience, package, trigger};

/// A call to one lead that has been queued.
#[derive(Debug, Clone, PartialEq)]
pub struct SingleCall {
    pub trigger: Trigger,
    pub call_id: AttemptId,
    pub enrollment_id: EnrollmentId,
    pub package: Frozen,
    /// It had been queued before by the same words: nothing happened this time.
    pub repeated: bool,
}

impl Engine {
    /// Queues a call to the one lead that `new` names, or says why there is none.
    pub async fn call_one(&self, new: &NewTrigger) -> Result<Result<SingleCall, EnrollRefusal>, EngineError> {
        self.refresh_values().await?;
        unless_deadlocked("call_one", || self.call_one_once(new)).await
    }

    async fn call_one_once(
        &self,
        new: &NewTrigger,
    ) -> Result<Result<SingleCall, EnrollRefusal>, EngineError> {
        let Some(lead) = new.lead_id else {
            let message = "name the lead to call".to_owned();
            return Err(EngineError::Invalid { field: "customerId".to_owned(), message });
        };
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let checked = self.check_trigger(&mut tx, new, now).await?;
        match self.raise_in(&mut tx, new, &checked, now).await? {
            Some(Raised::New(raised)) => {
                let answer = self.queue_one(&mut tx, raised, lead, now).await?;
                if answer.is_ok() {
                    tx.commit().await?;
                } else {
                    tx.rollback().await?;
                }
                Ok(answer)
            }
            Some(Raised::Known(known)) => {
                let answer = self.queued_before(&mut tx, known, lead).await;
                tx.rollback().await?;
                answer.map(Ok)
            }
            None => {
                tx.rollback().await?;
                let message = "the same call is being queued by somebody else; ask again in a moment";
                Err(EngineError::Conflict { code: "in-progress", message: message.to_owned() })
            }
        }
    }

    async fn queue_one(
        &self,
        tx: &mut Tx,
        mut raised: Trigger,
        lead: LeadId,
        now: Instant,
    ) -> Result<Result<SingleCall, EnrollRefusal>, EngineError> {
        let desk = Desk::load(tx, &raised).await?;
        audience::take_turn(tx, &raised).await?;
        let people = People::load(tx, &raised, &desk, &[lead], now).await?;
        let Some(Judged { lead: on_file, answer, worth }) = people.judge(&raised, &desk, now).pop() else {
            return Err(EngineError::missing("lead", lead));
        };
        let grounds = match answer {
            Ok(grounds) => grounds,
            Err(skip) => return Ok(Err(refusal(&skip))),
        };
        let person = Eligible { lead: on_file, grounds, worth };
        let promises = self.promise(tx, &raised, &desk, std::slice::from_ref(&person), now).await?;
        if promises.is_spent(lead) {
            return Ok(Err(refusal(&Skip::BudgetSpent)));
        }
        let call_id = self.ids.next::<AttemptId>(now);
        let cap = self.cap_of(&raised.cadence);
        let request = self.request(&raised, &desk, &person, promises.coupon(lead), Some(call_id), cap, now);
        let answers = self.enroll_known(tx, &[request], vec![on_file.clone()], now).await?;
        let enrollment_id = match answers.into_iter().next() {
            Some(Ok(started)) => started.enrollment_id,
            Some(Err(refused)) => return Ok(Err(refused)),
            None => return Err(EngineError::missing("enrollment", lead)),
        };
        let told: Vec<_> = person.grounds.interest.map(|interest| interest.id).into_iter().collect();
        self.end_interests(tx, raised.kind, &told, now).await?;
        raised.state = TriggerState::Done;
        raised.eligible = 1;
        raised.finished_at = Some(now);
        let row = ResultRow {
            lead_id: lead.to_string(),
            result: ENROLLED.to_owned(),
            enrollment_id: Some(enrollment_id.to_string()),
        };
        trigger::add_results(tx, raised.id, &[row]).await?;
        trigger::progress(tx, &raised, now).await?;
        let walk = walk::find(tx, enrollment_id).await?;
        let walk = walk.ok_or_else(|| EngineError::missing("enrollment", enrollment_id))?;
        let package = self.freeze_first(tx, &walk, call_id, now).await?;
        Ok(Ok(SingleCall { trigger: raised, call_id, enrollment_id, package, repeated: false }))
    }

    /// The package of the first call, before it is made.
    async fn freeze_first(
        &self,
        tx: &mut Tx,
        walk: &Walk,
        call_id: AttemptId,
        now: Instant,
    ) -> Result<Frozen, EngineError> {
        let version = self.version(tx, &walk.enrollment.version).await?;
        let dossiers = Dossiers::load(tx, &[walk], &[], Whose::Triggered).await?;
        let batch = Batch::load(self, tx, std::slice::from_ref(walk), now).await?;
        let setting = Setting { engine: self, batch: &batch, now };
        let package = dossiers.preview(setting, walk, &version.bundle, call_id)?;
        let row = package::NewRow {
            call_id: call_id.to_string(),
            lead_id: walk.lead.id.to_string(),
            enrollment_id: walk.enrollment.id.to_string(),
            hash: package.hash.clone(),
            body: package.body.clone(),
        };
        package::keep(tx, &[row], now).await?;
        Ok(package)
    }

    async fn queued_before(
        &self,
        tx: &mut Tx,
        known: Trigger,
        lead: LeadId,
    ) -> Result<SingleCall, EngineError> {
        let missing = || EngineError::missing("call", known.id);
        let enrollment_id = trigger::enrollment_of(tx, known.id, lead).await?.ok_or_else(missing)?;
        let walk = walk::find(tx, enrollment_id).await?.ok_or_else(missing)?;
        let call_id = super::call_id_of(&walk.enrollment.variables).ok_or_else(missing)?;
        let kept = package::of_calls(tx, &[call_id]).await?.pop();
        let (_, package, _) = kept.ok_or_else(missing)?;
        Ok(SingleCall { trigger: known, call_id, enrollment_id, package, repeated: true })
    }
}

fn refusal(skip: &Skip) -> EnrollRefusal {
    EnrollRefusal { reason: skip.code().to_owned(), message: skip.to_string() }
}
