//! A trigger is spread over its people a batch per transaction: judged, promised a coupon, enrolled. How far it has come is
//! written with the batch, so that a worker that dies in the middle loses and doubles nobody.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant as Stopwatch;

use super::desk::Desk;
use super::people::{Judged, People};
use super::prepare::{Prepared, is_unprepared};
use super::words::{self, Told};
use crate::clock::Instant;
use crate::decide::eligibility::{Grounds, Skip};
use crate::decide::score::{self, ValueClass};
use crate::domain::coupon::Coupon;
use crate::domain::trigger::{Trigger, TriggerKind, TriggerState};
use crate::engine::again::unless_deadlocked;
use crate::engine::enroll::EnrollRequest;
use crate::engine::{Engine, EngineError};
use crate::id::{AttemptId, InterestId, LeadId, TriggerId};
use crate::money::Money;
use crate::store::coupon::{self, Issue, Issued};
use crate::store::trigger::{self, ResultRow};
use crate::store::walk::LeadOnFile;
use crate::store::{Tx, audience, interest, recovery};

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FanOut {
    /// People looked at.
    pub examined: usize,
    pub enrolled: usize,
    /// How long others who write waited for it: from its turn to the end of its commit.
    pub held: Duration,
    /// Nothing is left to do, here: the trigger is finished, or another worker is at it.
    pub is_over: bool,
}

/// A person who may be called.
#[derive(Debug)]
pub(super) struct Eligible<'a> {
    pub lead: &'a LeadOnFile,
    pub grounds: Grounds<'a>,
    pub worth: ValueClass,
}

/// What has become of a batch of eligible people.
#[derive(Debug, Default)]
pub(super) struct Promises {
    coupons: HashMap<LeadId, Coupon>,
    /// Nothing is left to promise them.
    spent: Vec<LeadId>,
}

impl Promises {
    pub fn coupon(&self, lead: LeadId) -> Option<&Coupon> {
        self.coupons.get(&lead)
    }

    pub fn is_spent(&self, lead: LeadId) -> bool {
        self.spent.contains(&lead)
    }
}

impl Engine {
    /// Works on a trigger for one transaction of up to `limit` people.
    pub async fn fan_out(&self, id: TriggerId, limit: u32) -> Result<FanOut, EngineError> {
        unless_deadlocked("fan_out", || self.fan_out_once(id, limit)).await
    }

    async fn fan_out_once(&self, id: TriggerId, limit: u32) -> Result<FanOut, EngineError> {
        if let Some(done) = self.fan_out_in(id, limit, Prepared::IfNeedBe).await? {
            return Ok(done);
        }
        self.prepare_fan_out(id).await?;
        let done = self.fan_out_in(id, limit, Prepared::Already).await?;
        Ok(done.unwrap_or_default())
    }

    /// `None`: nobody was looked at yet, and there is something to work out before.
    async fn fan_out_in(
        &self,
        id: TriggerId,
        limit: u32,
        prepared: Prepared,
    ) -> Result<Option<FanOut>, EngineError> {
        let mut tx = self.db.begin().await?;
        let began = Stopwatch::now();
        let now = self.time.now(&mut tx).await?;
        // Who was called after the backup is not known yet in a database that was restored.
        // Waits for whoever holds it, such as the connection of a worker that died: passed over, it would look finished.
        let taken =
            if recovery::is_marked(&mut tx).await? { None } else { trigger::lock(&mut tx, id).await? };
        let taken = taken.filter(|trigger| trigger.finished_at.is_none());
        let Some(mut taken) = taken else {
            tx.rollback().await?;
            return Ok(Some(FanOut { is_over: true, ..FanOut::default() }));
        };
        let is_new = taken.cursor.is_none() && taken.state == TriggerState::Running;
        if is_new && prepared == Prepared::IfNeedBe && is_unprepared(&mut tx, &taken, now).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let report = match taken.state {
            TriggerState::Withdrawing => self.withdraw_batch(&mut tx, &mut taken, limit, now).await?,
            _ => self.enroll_batch(&mut tx, &mut taken, limit, now).await?,
        };
        trigger::progress(&mut tx, &taken, now).await?;
        tx.commit().await?;
        Ok(Some(FanOut { held: began.elapsed(), ..report }))
    }

    async fn enroll_batch(
        &self,
        tx: &mut Tx,
        trigger: &mut Trigger,
        limit: u32,
        now: Instant,
    ) -> Result<FanOut, EngineError> {
        let desk = Desk::load(tx, trigger).await?;
        let waiting = audience::counts_waiting(trigger.kind);
        let leads = audience::chunk(tx, &desk.product_ids(), waiting, trigger.cursor, limit).await?;
        let is_over = leads.len() < limit as usize;
        let enrolled =
            if leads.is_empty() { 0 } else { self.call_people(tx, trigger, &desk, &leads, now).await? };
        trigger.cursor = leads.last().copied().or(trigger.cursor);
        if is_over {
            trigger.state = TriggerState::Done;
            trigger.finished_at = Some(now);
        }
        Ok(FanOut { examined: leads.len(), enrolled, is_over, ..FanOut::default() })
    }

    async fn call_people(
        &self,
        tx: &mut Tx,
        trigger: &mut Trigger,
        desk: &Desk,
        leads: &[LeadId],
        now: Instant,
    ) -> Result<usize, EngineError> {
        audience::take_turn(tx, trigger).await?;
        let people = People::load(tx, trigger, desk, leads, now).await?;
        let (eligible, mut rows) = sorted(people.judge(trigger, desk, now));
        let promises = self.promise(tx, trigger, desk, &eligible, now).await?;
        let cap = self.cap_of(&trigger.cadence);
        let mut requests = Vec::with_capacity(eligible.len());
        let mut told_of = Vec::new();
        for person in &eligible {
            if promises.is_spent(person.lead.id) {
                rows.push(row(person.lead.id, Skip::BudgetSpent.code()));
                continue;
            }
            let coupon = promises.coupon(person.lead.id);
            requests.push(self.request(trigger, desk, person, coupon, None, cap, now));
            told_of.push(person.grounds.interest.map(|interest| interest.id));
        }
        let known: Vec<LeadOnFile> = eligible.iter().map(|person| person.lead.clone()).collect();
        let answers = self.enroll_known(tx, &requests, known, now).await?;
        let (mut enrolled, mut unkept, mut over) = (0, Vec::new(), Vec::new());
        for ((request, answer), interest) in requests.iter().zip(answers).zip(told_of) {
            match answer {
                Ok(started) => {
                    enrolled += 1;
                    over.extend(interest);
                    rows.push(ResultRow {
                        lead_id: request.lead_id.to_string(),
                        result: ENROLLED.to_owned(),
                        enrollment_id: Some(started.enrollment_id.to_string()),
                    });
                }
                Err(refusal) => {
                    rows.push(row(request.lead_id, &refusal.reason));
                    unkept.push(promise_key(trigger.id, request.lead_id));
                }
            }
        }
        // Nobody will hear of these: what they hold of the budget is for others.
        coupon::withdraw(tx, &unkept, now).await?;
        self.end_interests(tx, trigger.kind, &over, now).await?;
        trigger::add_results(tx, trigger.id, &rows).await?;
        trigger.eligible += enrolled as u64;
        for skipped in rows.iter().filter(|row| row.enrollment_id.is_none()) {
            *trigger.skipped.entry(skipped.result.clone()).or_default() += 1;
        }
        Ok(enrolled)
    }

    /// Whoever asked to be told once is told once.
    pub(super) async fn end_interests(
        &self,
        tx: &mut Tx,
        kind: TriggerKind,
        told: &[InterestId],
        now: Instant,
    ) -> Result<(), EngineError> {
        if kind == TriggerKind::Restock && !told.is_empty() {
            interest::end_many(tx, told, now).await?;
        }
        Ok(())
    }

    /// Coupons for these people; none where the trigger gives nothing away.
    pub(super) async fn promise(
        &self,
        tx: &mut Tx,
        trigger: &Trigger,
        desk: &Desk,
        people: &[Eligible<'_>],
        now: Instant,
    ) -> Result<Promises, EngineError> {
        let Some(offer) = &desk.offer else { return Ok(Promises::default()) };
        let mut issues = Vec::with_capacity(people.len());
        for person in people {
            let Some(product) = product_of(trigger, desk, &person.grounds) else { continue };
            let most = match person.grounds.refund {
                Some(refund) => refund.amount,
                None => offer.discount.on(product.price).unwrap_or(Money::zero(product.price.currency())),
            };
            issues.push(Issue {
                issue_key: promise_key(trigger.id, person.lead.id),
                lead_id: person.lead.id,
                offer,
                product_id: Some(product.id),
                campaign_id: Some(trigger.campaign_id),
                trigger_id: Some(trigger.id.to_string()),
                most,
            });
        }
        let mut random = || self.ids.secret();
        let issued = coupon::issue_many(tx, &self.ids, &issues, &mut random, now).await?;
        let mut promises = Promises::default();
        for (issue, issued) in issues.iter().zip(issued) {
            match issued {
                Issued::New(coupon) | Issued::Known(coupon) => {
                    promises.coupons.insert(issue.lead_id, coupon);
                }
                Issued::BudgetSpent => promises.spent.push(issue.lead_id),
            }
        }
        Ok(promises)
    }

    #[expect(clippy::too_many_arguments, reason = "everything that makes one enrollment")]
    pub(super) fn request(
        &self,
        trigger: &Trigger,
        desk: &Desk,
        person: &Eligible<'_>,
        coupon: Option<&Coupon>,
        call_id: Option<AttemptId>,
        cap: u32,
        now: Instant,
    ) -> EnrollRequest {
        let zone = self.zone_of_lead(person.lead).ok();
        let told = Told {
            trigger,
            product: product_of(trigger, desk, &person.grounds),
            offer: desk.offer.as_ref(),
            coupon,
            grounds: &person.grounds,
            worth: person.worth,
            zone: zone.as_ref(),
            call_id,
            cap,
            weights: self.weights(),
            now,
        };
        EnrollRequest {
            lead_id: person.lead.id,
            campaign_id: trigger.campaign_id,
            cadence: trigger.cadence.clone(),
            // Another trigger of the same cadence is another enrollment.
            entry_key: trigger.id.to_string(),
            start_at: None,
            variables: words::variables(told),
        }
    }

    /// Calls that may be made to one person.
    pub(super) fn cap_of(&self, cadence: &str) -> u32 {
        let library = self.library.current();
        library.cadence(cadence).and_then(|cadence| cadence.limits.total).unwrap_or(score::USUAL_CAP)
    }
}

/// What a trigger's coupon for a person is issued for.
pub(super) fn promise_key(trigger: TriggerId, lead: LeadId) -> String {
    format!("{trigger}:{lead}")
}

/// What stands for somebody who is called.
pub const ENROLLED: &str = "enrolled";

fn row(lead: LeadId, result: &str) -> ResultRow {
    ResultRow { lead_id: lead.to_string(), result: result.to_owned(), enrollment_id: None }
}

/// Who may be called, and a row for everybody who may not.
fn sorted(judged: Vec<Judged<'_>>) -> (Vec<Eligible<'_>>, Vec<ResultRow>) {
    let (mut eligible, mut rows) = (Vec::with_capacity(judged.len()), Vec::new());
    for Judged { lead, answer, worth } in judged {
        match answer {
            Ok(grounds) => eligible.push(Eligible { lead, grounds, worth }),
            Err(skip) => rows.push(row(lead.id, skip.code())),
        }
    }
    (eligible, rows)
}

/// What the call is about: the trigger's product, of a promotion what they bought.
pub(super) fn product_of<'d>(
    trigger: &Trigger,
    desk: &'d Desk,
    grounds: &Grounds<'_>,
) -> Option<&'d crate::domain::product::Product> {
    let bought = grounds.purchase.map(|purchase| purchase.product_id);
    let waited = grounds.interest.map(|interest| interest.product_id);
    desk.product(trigger.product_id.or(bought).or(waited)?)
}
