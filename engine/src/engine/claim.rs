//! Claiming: the durable intent to dial. One transaction per batch: pacing, number locks, every gate again on fresh rows, the
//! intent with its fence and deadline, the event. The process whose own commit this is asks the provider, once (`place`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use super::again::unless_deadlocked;
use super::apply::{FollowUps, wait_at};
use super::batch::{Batch, distinct};
use super::changes::Changes;
use super::dossier::{self, Dossiers, Whose};
use super::pick::{Picked, PickedCall};
use super::plan::lag;
use super::records::Terms;
use super::{Engine, EngineError, package};
use crate::clock::{Instant, micros};
use crate::decide::protocol::again::next_visit;
use crate::decide::protocol::planned::{AtClaim, Planned, at_claim};
use crate::decide::verdict::{Permit, Verdict};
use crate::decide::{advance, pacing};
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::Campaign;
use crate::domain::cap::CapScope;
use crate::id::{AttemptId, CampaignId, EnrollmentId};
use crate::metrics::Tally;
use crate::package::Frozen;
use crate::phone::number::PhoneNumber;
use crate::provider::{Deadline, PlaceRequest, Provider};
use crate::store::attempt::Attempt;
use crate::store::pacing_counter::{self, Scope};
use crate::store::package as kept;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, attempt, campaign, number_lock, recovery};

/// A claimed batch: what to ask the provider, at once.
#[derive(Debug, Default)]
pub struct Claimed {
    pub requests: Vec<PlaceRequest>,
    /// Put off or stopped by a gate that had passed when the attempt was planned.
    pub turned_away: usize,
    /// When pacing allows the next one, if pacing held some back.
    pub again_at: Option<Instant>,
    /// More could go at once: the batch was full.
    pub has_more: bool,
}

/// What is to be claimed, for whom.
#[derive(Clone, Copy)]
pub(super) struct Wanting<'a> {
    /// As many at most.
    pub limit: u32,
    pub provider: &'a dyn Provider,
    /// This process's boot.
    pub owner: &'a str,
}

/// When calls are looked at again that another worker was just looking at.
const HELD: TimeDelta = TimeDelta::milliseconds(50);

impl Engine {
    /// Commits intents for up to `limit` planned attempts. `owner` names this process's boot, uniquely.
    pub async fn claim(
        &self,
        limit: u32,
        provider: &dyn Provider,
        owner: &str,
    ) -> Result<Claimed, EngineError> {
        let claim = || unless_deadlocked("claim", || self.claim_batch(limit, provider, owner));
        self.unless_unreadable(claim).await
    }

    async fn claim_batch(
        &self,
        limit: u32,
        provider: &dyn Provider,
        owner: &str,
    ) -> Result<Claimed, EngineError> {
        let mut tx = self.db.begin().await?;
        number_lock::share_all(&mut tx).await?;
        let at = self.time.now_and_speed(&mut tx).await?;
        let (claimed, tally) = self.claim_in(&mut tx, Wanting { limit, provider, owner }, at).await?;
        match tally {
            None => tx.rollback().await?,
            Some(tally) => {
                tx.commit().await?;
                self.metrics.committed(&tally, provider.name());
            }
        }
        Ok(claimed)
    }

    /// The same in a transaction that others write in, too, and that keeps bulk imports of suppressions out: nothing of it
    /// counts, and nobody may be asked, before that has committed. Answers what to count then; `None`: nothing was written.
    pub(super) async fn claim_in(
        &self,
        tx: &mut Tx,
        wanting: Wanting<'_>,
        (now, speed): (Instant, f64),
    ) -> Result<(Claimed, Option<Tally>), EngineError> {
        let Wanting { provider, owner, .. } = wanting;
        let Picked { calls: mut picked, mut again_at, has_more, limited } =
            self.pick(tx, wanting, now).await?;
        if picked.is_empty() {
            return Ok((Claimed { again_at, ..Claimed::default() }, None));
        }
        if self.safeguards.number_lock {
            let numbers: Vec<&str> = distinct(picked.iter().map(|call| call.candidate.number.as_str()));
            let free = number_lock::try_lock_numbers(tx, &numbers).await?;
            let before = picked.len();
            picked.retain(|call| free.contains(&call.candidate.number));
            if picked.len() < before {
                again_at = Some(again_at.map_or(now + HELD, |at| at.min(now + HELD)));
            }
        }
        // Behind the locks, as all that follows: whatever was taken back before they were had lies in the past by now (I11).
        let now = self.time.now(tx).await?;
        // The mark of a restored database waits for the locks, so that no intent commits beside it.
        if recovery::is_marked(tx).await? {
            return Ok((Claimed::default(), None));
        }
        let ids: Vec<AttemptId> = picked.iter().map(|call| call.candidate.id).collect();
        let attempts = attempt::lock_planned(tx, &ids).await?;
        let enrollments: Vec<EnrollmentId> =
            attempts.iter().filter_map(|attempt| attempt.enrollment_id).collect();
        let walks: HashMap<EnrollmentId, Walk> = walk::unheld_by_ids(tx, &enrollments)
            .await?
            .into_iter()
            .map(|walk| (walk.enrollment.id, walk))
            .collect();
        let loaded: Vec<Walk> = walks.values().cloned().collect();
        let busy = self.busy_accounts(tx, &loaded).await?;
        let batch = Batch::load(self, tx, &loaded, now).await?;

        let theirs: Vec<&Walk> = walks.values().collect();
        let whose = Whose::of(provider.capabilities());
        let dossiers = Dossiers::load(tx, &theirs, &ids, whose).await?;

        let mut claiming = Claiming::new(self, provider, now, speed);
        claiming.dossiers = dossiers;
        claiming.picked = picked.into_iter().map(|call| (call.candidate.id, call)).collect();
        for attempt in attempts {
            let Some(walk) = attempt.enrollment_id.and_then(|id| walks.get(&id)) else { continue };
            if walk.lead.account_id.as_ref().is_some_and(|account| busy.contains(account)) {
                again_at = Some(again_at.map_or(now + HELD, |at| at.min(now + HELD)));
                continue;
            }
            claiming.judge(tx, &batch, attempt, walk).await?;
        }
        let (claimed, tally) = claiming.write(tx, &batch, &limited, owner).await?;
        Ok((Claimed { again_at, has_more, ..claimed }, Some(tally)))
    }
}

impl Engine {
    /// Accounts of these leads in which another worker is claiming a call: caps of whole accounts would not see it yet. The
    /// others are locked until the transaction ends.
    async fn busy_accounts(&self, tx: &mut Tx, walks: &[Walk]) -> Result<HashSet<String>, EngineError> {
        let accounts: Vec<&str> = distinct(walks.iter().filter_map(|walk| walk.lead.account_id.as_deref()));
        if accounts.is_empty() || !self.safeguards.number_lock {
            return Ok(HashSet::new());
        }
        let keys: Vec<String> = accounts.iter().map(|account| account_key(account)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let free = number_lock::try_lock_numbers(tx, &keys).await?;
        let is_busy = |account: &&str| !free.contains(&account_key(account));
        Ok(accounts.into_iter().filter(is_busy).map(str::to_owned).collect())
    }
}

/// What an account is locked and remembered by; no number looks like it.
fn account_key(account: &str) -> String {
    format!("account:{account}")
}

/// Is there a cap of whole accounts on this call?
fn counts_accounts(bundle: &crate::definitions::library::Bundle, campaign: Option<&Campaign>) -> bool {
    let of_campaign = campaign.map(|campaign| campaign.caps.as_slice()).unwrap_or_default();
    bundle.cadence.caps.iter().chain(of_campaign).any(|cap| cap.per == CapScope::Account)
}

/// One batch being claimed.
struct Claiming<'a> {
    engine: &'a Engine,
    provider: &'a dyn Provider,
    now: Instant,
    /// Of the clock that `now` was read from: a permit's second is one of the wall.
    speed: f64,
    changes: Changes,
    follow_ups: FollowUps,
    /// The number that each attempt is to show, and within what time it must be asked for.
    picked: HashMap<AttemptId, PickedCall>,
    intents: Vec<attempt::NewIntent>,
    requests: Vec<PlaceRequest>,
    /// Since when each was due.
    due: Vec<(AttemptId, Instant)>,
    /// How long after the intent pacing lets a request leave.
    within: HashMap<AttemptId, TimeDelta>,
    put_off: Vec<(String, i64)>,
    /// Numbers, leads and accounts that already have an intent in this batch: the snapshot does not know them yet.
    taken: HashSet<String>,
    per_day: HashMap<CampaignId, u32>,
    turned_away: usize,
    dossiers: Dossiers,
    /// Packages to keep, of the calls that are really made.
    packages: Vec<(AttemptId, kept::NewRow)>,
}

impl<'a> Claiming<'a> {
    fn new(engine: &'a Engine, provider: &'a dyn Provider, now: Instant, speed: f64) -> Self {
        Self {
            engine,
            provider,
            now,
            speed,
            changes: Changes::default(),
            follow_ups: FollowUps::new(),
            picked: HashMap::new(),
            intents: Vec::new(),
            requests: Vec::new(),
            due: Vec::new(),
            within: HashMap::new(),
            put_off: Vec::new(),
            taken: HashSet::new(),
            per_day: HashMap::new(),
            turned_away: 0,
            dossiers: Dossiers::default(),
            packages: Vec::new(),
        }
    }

    async fn judge(
        &mut self,
        tx: &mut Tx,
        batch: &Batch,
        attempt: Attempt,
        walk: &Walk,
    ) -> Result<(), EngineError> {
        let standing = self.standing(&attempt, walk);
        if standing == AtClaim::Gone {
            self.turned_away += 1;
            let step = self.changes.step(&attempt, AttemptState::Cancelled, self.now);
            step.detail = Some(format!("the enrollment is {}", walk.enrollment.state));
            return Ok(());
        }
        let version = match self.engine.usable_version(tx, walk).await? {
            Ok(version) => version,
            Err(problem) => {
                self.turned_away += 1;
                self.changes.step(&attempt, AttemptState::Cancelled, self.now).detail = Some(problem.clone());
                self.engine.quarantine(&mut self.changes, walk, &problem, self.now);
                return Ok(());
            }
        };
        match standing {
            AtClaim::Taken => return Ok(()),
            AtClaim::Stale => {
                self.replan(&attempt, walk, "stale");
                return Ok(());
            }
            AtClaim::Gone | AtClaim::Fresh => {}
        }
        let account = walk.lead.account_id.as_deref().map(account_key);
        let campaign = batch.campaign(attempt.campaign_id);
        if account.as_ref().is_some_and(|key| self.taken.contains(key))
            && counts_accounts(&version.bundle, campaign)
        {
            // The snapshot does not know of the other call of this batch yet.
            return Ok(());
        }
        let decision = self.engine.judge(&batch.snapshot(self.engine, walk, &version)?, self.now);
        self.changes.decision(self.engine, walk, Some(attempt.id), &decision);
        match decision.verdict {
            Verdict::Proceed(permit) => self.intend(batch, attempt, walk, &version.bundle, permit),
            Verdict::Defer { until, .. } => {
                self.turned_away += 1;
                let at = attempt.valid_until.map_or(until, |end| until.min(end));
                self.put_off.push((attempt.id.to_string(), micros(at)));
            }
            Verdict::Stop { reason, .. } => {
                self.turned_away += 1;
                self.changes.step(&attempt, AttemptState::Cancelled, self.now).detail =
                    Some(reason.as_str().to_owned());
                let moved = advance::on_refused(reason);
                self.engine.apply_move(&mut self.changes, walk, moved, self.now, &mut self.follow_ups)?;
            }
        }
        Ok(())
    }

    fn standing(&self, attempt: &Attempt, walk: &Walk) -> AtClaim {
        let is_taken =
            || self.taken.contains(&attempt.number) || self.taken.contains(&walk.lead.id.to_string());
        let planned = Planned {
            enrollment: walk.enrollment.state,
            valid_until: attempt.valid_until,
            number: &attempt.number,
            called_at: walk.lead.phone.as_deref(),
            is_taken: self.engine.safeguards.number_lock && is_taken(),
        };
        at_claim(planned, self.now)
    }

    /// Takes a planned attempt back and lets `plan` look at the step again.
    fn replan(&mut self, attempt: &Attempt, walk: &Walk, why: &str) {
        self.turned_away += 1;
        self.changes.step(attempt, AttemptState::Cancelled, self.now).detail = Some(why.to_owned());
        let position = next_visit(&walk.enrollment.position);
        wait_at(&mut self.changes, walk, &position, Some(self.now), None, self.now);
    }

    fn intend(
        &mut self,
        batch: &Batch,
        attempt: Attempt,
        walk: &Walk,
        bundle: &Arc<crate::definitions::library::Bundle>,
        permit: Permit,
    ) {
        let permit = permit.at_speed(self.speed);
        let to = permit.number().e164();
        let asked = dossier::Call { id: attempt.id, attempt: attempt.attempt, flow: &attempt.flow, to: &to };
        let setting = dossier::Setting { engine: self.engine, batch, now: self.now };
        let complete = match self.dossiers.of(setting, asked, walk, bundle) {
            Ok(complete) => complete,
            // Nobody is called with half the words.
            Err(problem) => {
                self.turned_away += 1;
                let problem = problem.to_string();
                self.changes.step(&attempt, AttemptState::Cancelled, self.now).detail = Some(problem.clone());
                self.engine.quarantine(&mut self.changes, walk, &problem, self.now);
                return;
            }
        };
        self.taken.insert(attempt.number.clone());
        self.taken.insert(walk.lead.id.to_string());
        self.taken.extend(walk.lead.account_id.as_deref().map(account_key));
        *self.per_day.entry(attempt.campaign_id).or_default() += 1;
        let (caller, send_within) =
            self.picked.remove(&attempt.id).map_or((None, None), |call| (call.caller, call.send_within));
        let data = json!({
            "step": attempt.step, "attemptNumber": attempt.attempt, "flowId": attempt.flow, "from": caller,
        });
        self.changes.event(self.engine, walk, "attempt.dialing", self.now, data).attempt_id =
            Some(attempt.id);
        let campaign = batch.campaign(attempt.campaign_id);
        let terms = serde_json::to_string(&Terms::of(campaign, &permit)).ok();
        self.intents.push((attempt.id.to_string(), attempt.fence, caller.clone(), None, terms));
        self.due.push((attempt.id, attempt.due_at));
        let from = caller.as_deref().and_then(|number| PhoneNumber::e164_only(number).ok());
        let call = package::Call {
            attempt_id: attempt.id,
            flow: attempt.flow,
            step: attempt.step,
            visit: attempt.visit,
            attempt: attempt.attempt,
            from,
            to: *permit.number(),
        };
        let mut package = package::of(call, walk, campaign, bundle);
        if let Some((frozen, is_new)) = complete {
            if is_new {
                self.packages.push((package.attempt_id, row_of(walk, package.attempt_id, &frozen)));
            }
            package.complete = Some(Arc::new(frozen));
        }
        if let Some(within) = send_within {
            self.within.insert(attempt.id, within);
        }
        let send_by = permit.expires_at();
        let (intent_at, deadline) = (self.now, Deadline::NEVER);
        self.requests.push(PlaceRequest { permit, intent_at, send_by, deadline, package });
    }

    async fn write(
        mut self,
        tx: &mut Tx,
        batch: &Batch,
        limited: &[Scope],
        owner: &str,
    ) -> Result<(Claimed, Tally), EngineError> {
        attempt::defer(tx, &self.put_off, self.now).await?;
        let send_by = self.now + Permit::lifetime(self.speed);
        let provider = self.provider.name();
        let intent_at = self.set_off(tx).await?;
        let taken: HashSet<AttemptId> =
            attempt::claim(tx, &self.intents, owner, provider, intent_at, send_by)
                .await?
                .into_iter()
                .collect();
        let packages: Vec<kept::NewRow> =
            self.packages.drain(..).filter(|(id, _)| taken.contains(id)).map(|(_, row)| row).collect();
        kept::keep(tx, &packages, self.now).await?;
        let days: Vec<_> = self
            .per_day
            .iter()
            .filter_map(|(id, count)| Some((*id, batch.campaign(*id)?.zone.local(self.now).date, *count)))
            .collect();
        campaign::bump_days(tx, &days).await?;
        let counts = self.counts(limited, &taken);
        let latest =
            self.requests.iter().map(|request| pacing::counts_from(intent_at, request.send_by)).max();
        let latest = latest.unwrap_or(intent_at);
        pacing_counter::bump(tx, &counts, self.now.date_naive(), latest).await?;
        let changes = std::mem::take(&mut self.changes);
        let mut tally = self.engine.finish(tx, changes, self.follow_ups, self.now).await?;
        tally.entered(AttemptState::Dialing.as_str(), taken.len() as u64);
        let asked = self.due.iter().filter(|(id, _)| taken.contains(id));
        tally.dispatch_lags = asked.filter_map(|(_, due)| lag(Some(*due), intent_at)).collect();
        self.requests.retain(|request| taken.contains(&request.attempt_id));
        let claimed =
            Claimed { requests: self.requests, turned_away: self.turned_away, ..Claimed::default() };
        Ok((claimed, tally))
    }

    /// The instant of the intents. Where pacing gives requests little time to leave, it is as late as it can be: all gates have
    /// been asked by now, and what was free before is still free, because its counters are held.
    async fn set_off(&mut self, tx: &mut Tx) -> Result<Instant, EngineError> {
        if self.within.is_empty() {
            return Ok(self.now);
        }
        let intent_at = self.engine.time.now(tx).await?;
        for (request, intent) in self.requests.iter_mut().zip(&mut self.intents) {
            request.intent_at = intent_at;
            if let Some(within) = self.within.get(&request.attempt_id) {
                // As the permit's: it is the disk and the network that need the time, and those follow the wall.
                let length = within.num_microseconds().unwrap_or(i64::MAX) as f64 * self.speed.max(1.0);
                request.send_by = request.send_by.min(intent_at + TimeDelta::microseconds(length as i64));
                intent.3 = Some(micros(request.send_by));
            }
        }
        Ok(intent_at)
    }

    /// Intents of this batch by what has limits.
    fn counts(&self, limited: &[Scope], taken: &HashSet<AttemptId>) -> Vec<(Scope, u32)> {
        let requests: Vec<&PlaceRequest> =
            self.requests.iter().filter(|request| taken.contains(&request.attempt_id)).collect();
        let count = |scope: &Scope| {
            let counts = |request: &&&PlaceRequest| match scope {
                Scope::Campaign(id) => request.campaign_id == *id,
                Scope::Caller(number) => request.from.is_some_and(|from| from.e164() == *number),
                Scope::Provider(_) => true,
            };
            (scope.clone(), requests.iter().filter(counts).count() as u32)
        };
        limited.iter().map(count).filter(|(_, count)| *count > 0).collect()
    }
}

fn row_of(walk: &Walk, call: AttemptId, frozen: &Frozen) -> kept::NewRow {
    kept::NewRow {
        call_id: call.to_string(),
        lead_id: walk.lead.id.to_string(),
        enrollment_id: walk.enrollment.id.to_string(),
        hash: frozen.hash.clone(),
        body: frozen.body.clone(),
    }
}
