//! Claiming, as `engine::pick` and `engine::claim` do it: what pacing lets go, under locks, through every gate again, as intents
//! of one transaction. Between its first read and its commit others go on, which is what the locks are for.

use std::collections::BTreeMap;
use std::sync::Arc;

use callwright_core::clock::Instant;
use callwright_core::decide::abandonment::Abandonment;
use callwright_core::decide::advance::{self, Move};
use callwright_core::decide::gate;
use callwright_core::decide::pacing::{self, Lane, Load, Pick, Picking, Shared, Waiting, Wanted};
use callwright_core::decide::protocol::again::next_visit;
use callwright_core::decide::protocol::planned::{AtClaim, Planned, at_claim};
use callwright_core::decide::snapshot::{CampaignFacts, Snapshot};
use callwright_core::decide::verdict::{Permit, Verdict};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::campaign::Pacing;
use callwright_core::domain::priority::Priority;
use chrono::{Days, TimeDelta};

use super::bug::Bug;
use super::fault::Fault;
use super::place::ground;
use super::plan::shifted;
use super::rows::{Attempt, Counter, Held};
use super::setup::CALLERS;
use super::worker::{Phase, Request};
use super::world::{Commit, Step, World};

/// Intents of one transaction at most.
const BATCH: usize = 4;

/// Of every call of a run.
const PRIORITY: Priority = Priority::Medium;
/// When calls are looked at again that another worker was just looking at.
const HELD: TimeDelta = TimeDelta::milliseconds(50);

/// A call that pacing lets go.
#[derive(Debug, Clone, Copy)]
struct PickedCall {
    attempt: usize,
    /// Index of the number to show.
    caller: Option<usize>,
    send_within: Option<TimeDelta>,
}

/// An intent to be written.
#[derive(Debug, Clone, Copy)]
struct Intended {
    attempt: usize,
    /// The fence it must have.
    fence: u32,
    caller: Option<usize>,
    /// End of its permit.
    expires_at: Instant,
    send_within: Option<TimeDelta>,
}

impl Intended {
    /// Until when its request may leave, if its intent is of `intent_at`.
    fn send_by(&self, intent_at: Instant) -> Instant {
        self.send_within.map_or(self.expires_at, |within| self.expires_at.min(intent_at + within))
    }
}

/// What a claim has decided and will write.
#[derive(Debug, Clone, Default)]
pub struct ClaimRead {
    now: Option<Instant>,
    began_at: Option<Instant>,
    intents: Vec<Intended>,
    put_off: Vec<(usize, Instant)>,
    gone: Vec<usize>,
    stale: Vec<usize>,
    stopped: Vec<(usize, Move)>,
}

impl World {
    pub fn claim(&mut self, worker: usize) {
        if self.is_down() {
            return self.rest(worker);
        }
        let now = self.instant_of(worker);
        let has_limits = self.has_limits();
        let is_shared = has_limits && !self.has(Bug::PacingPerWorker) && !self.has(Bug::BlindClaim);
        if is_shared && self.db.held.iter().any(|held| held.counts) {
            return self.next(worker, Phase::Claim, 2, 5);
        }
        let mut picked = self.pick(worker, now);
        if picked.is_empty() {
            return self.find_doubts(worker);
        }
        // Whatever somebody else holds is passed over.
        let before = picked.len();
        if !self.has(Bug::BlindClaim) {
            picked.retain(|call| !self.db.is_attempt_held(call.attempt));
        }
        if !self.has(Bug::NoNumberLock) && !self.has(Bug::BlindClaim) {
            picked.retain(|call| !self.db.is_number_held(self.db.attempts[call.attempt].number));
        }
        if picked.len() < before {
            self.workers[worker].again_at = Some(self.now + HELD);
        }
        if picked.is_empty() {
            return self.find_doubts(worker);
        }
        let owner = self.owner(worker);
        let attempts: Vec<usize> = picked.iter().map(|call| call.attempt).collect();
        let numbers = attempts.iter().map(|attempt| self.db.attempts[*attempt].number);
        let numbers = if self.has(Bug::NoNumberLock) { Vec::new() } else { numbers.collect() };
        self.db.held.push(Held { owner, attempts, numbers, counts: has_limits });
        let mut read = ClaimRead { now: Some(now), began_at: Some(self.now), ..ClaimRead::default() };
        for call in picked {
            self.judge_planned(&mut read, call, worker, now);
        }
        let is_slow = self.strikes(Fault::SlowCommit);
        let longest = if is_slow { 3_000 } else { 25 };
        if is_slow {
            self.hurry(longest);
        }
        self.next(worker, Phase::CommitClaim(read), 2, longest);
    }

    /// The instant that a claim decides by: the database's.
    fn instant_of(&self, worker: usize) -> Instant {
        if self.has(Bug::WorkerClock) {
            return shifted(self.now, self.setting.skews[worker]);
        }
        self.now
    }

    /// The instant for which the gates are asked: that of the claim.
    fn asked_for(&self, worker: usize, now: Instant) -> Instant {
        if self.has(Bug::StaleInstant) { self.workers[worker].woke_at } else { now }
    }

    fn judge_planned(&mut self, read: &mut ClaimRead, call: PickedCall, worker: usize, now: Instant) {
        let PickedCall { attempt, caller, send_within } = call;
        let row = &self.db.attempts[attempt];
        let enrollment = &self.db.enrollments[row.enrollment];
        let is_taken = read.intents.iter().any(|other| {
            let other = &self.db.attempts[other.attempt];
            other.number == row.number || other.lead == row.lead
        });
        let planned_for = ground_number(row.number);
        let called_at = ground_number(self.db.number_of(row.lead));
        let planned = Planned {
            enrollment: enrollment.state,
            valid_until: row.valid_until,
            number: &planned_for,
            called_at: Some(&called_at),
            is_taken: is_taken && !self.has(Bug::NoBatchMemory),
        };
        let standing = at_claim(planned, now);
        match standing {
            AtClaim::Gone => return read.gone.push(attempt),
            AtClaim::Taken => return,
            AtClaim::Stale if !self.has(Bug::StalePlanPlaced) => return read.stale.push(attempt),
            AtClaim::Stale | AtClaim::Fresh => {}
        }
        let (fence, valid_until) = (row.fence, row.valid_until);
        let asked_for = self.asked_for(worker, now);
        let snapshot = self.snapshot(row.enrollment, Some(attempt), asked_for);
        match self.judge_again(&snapshot, attempt, asked_for) {
            Ok(expires_at) => {
                let expires_at = expires_at + (now - asked_for);
                read.intents.push(Intended { attempt, fence, caller, expires_at, send_within });
            }
            Err(Verdict::Defer { until, .. }) => {
                read.put_off.push((attempt, valid_until.map_or(until, |end| until.min(end))));
            }
            Err(Verdict::Stop { reason, .. }) => read.stopped.push((attempt, advance::on_refused(reason))),
            Err(Verdict::Proceed(_)) => {}
        }
    }

    /// Every gate on fresh rows; answers until when the permit lasts.
    fn judge_again(&self, snapshot: &Snapshot, attempt: usize, now: Instant) -> Result<Instant, Verdict> {
        if self.has(Bug::GatesOnlyAtPlanning) {
            return Ok(now + Permit::LIFETIME);
        }
        let shift = self.wrong_by(attempt, now);
        let verdict = if self.has(Bug::WindowOnlyAtPlanning) {
            gate::decide_without_windows(snapshot, self.rules, now).verdict
        } else {
            self.judge(snapshot, shifted(now, shift)).verdict
        };
        match verdict {
            Verdict::Proceed(permit) => Ok(shifted(permit.at_speed(1.0).expires_at(), -shift)),
            Verdict::Defer { until, gate, reason } => {
                Err(Verdict::Defer { until: shifted(until, -shift), gate, reason })
            }
            stop @ Verdict::Stop { .. } => Err(stop),
        }
    }

    /// Milliseconds by which a seeded bug misreads the wall clock of the campaign.
    fn wrong_by(&self, attempt: usize, now: Instant) -> i64 {
        let then = if self.has(Bug::YesterdaysOffset) {
            now - TimeDelta::hours(24)
        } else if self.has(Bug::FixedOffset) {
            self.setting.starts_at - TimeDelta::days(120)
        } else {
            return 0;
        };
        let schedule = self.db.campaigns[self.db.attempts[attempt].campaign].schedule;
        let zone = &ground().schedules[schedule].zone;
        let offset = |at: Instant| {
            let local = zone.local(at);
            let naive = local.date.and_hms_opt(0, 0, 0).map_or(0, |day| day.and_utc().timestamp_millis());
            naive + i64::from(local.time.minutes()) * 60_000
                - at.timestamp_millis().div_euclid(60_000) * 60_000
        };
        offset(then) - offset(now)
    }

    pub fn commit_claim(&mut self, worker: usize, read: ClaimRead) {
        let owner = self.owner(worker);
        let is_held = self.db.held.iter().any(|held| held.owner == owner);
        let fate = if is_held { self.commit_fate() } else { Commit::Failed };
        self.db.release(owner);
        let requests = if fate == Commit::Failed { Vec::new() } else { self.write_claim(worker, &read) };
        self.trace.step(self.now, "claimed", worker, || {
            format!("{:?} {fate:?}", read.intents.iter().map(|intended| intended.attempt).collect::<Vec<_>>())
        });
        if fate != Commit::Failed {
            self.committed();
        }
        if fate != Commit::Applied {
            if self.has(Bug::SendWithoutCommit) && !read.intents.is_empty() {
                let requests = self.requests(&read, self.now);
                return self.next(worker, Phase::Send(requests, Vec::new()), 1, 3);
            }
            return self.rest(worker);
        }
        self.workers[worker].is_busy = true;
        if requests.is_empty() {
            return self.next(worker, Phase::Doubts, 1, 3);
        }
        self.next(worker, Phase::SecondLook(requests), 1, 3);
    }

    fn requests(&self, read: &ClaimRead, intent_at: Instant) -> Vec<Request> {
        let began_at = read.began_at.unwrap_or(self.now);
        let request = |intended: &Intended| Request {
            attempt: intended.attempt,
            intent_at,
            send_by: intended.send_by(intent_at),
            began_at,
        };
        read.intents.iter().map(request).collect()
    }

    /// Writes what was decided, by compare-and-set; answers what may be sent.
    fn write_claim(&mut self, worker: usize, read: &ClaimRead) -> Vec<Request> {
        let now = read.now.unwrap_or(self.now);
        for (attempt, until) in &read.put_off {
            if self.db.attempts[*attempt].state == AttemptState::Planned {
                let row = self.db.attempt(*attempt);
                (row.due_at, row.checked_at) = (*until, Some(now));
            }
        }
        for attempt in &read.gone {
            self.cancel(*attempt);
        }
        for attempt in &read.stale {
            let enrollment = self.db.attempts[*attempt].enrollment;
            self.cancel(*attempt);
            let position = next_visit(&self.db.enrollments[enrollment].position);
            self.wait_at(enrollment, position, Some(now), None);
        }
        for (attempt, moved) in &read.stopped {
            let enrollment = self.db.attempts[*attempt].enrollment;
            self.cancel(*attempt);
            self.apply_move(enrollment, moved.clone());
        }
        let owner = self.owner(worker);
        // As late as it can be where pacing gives requests little time to leave.
        let has_little_time = read.intents.iter().any(|intended| intended.send_within.is_some());
        let intent_at = if has_little_time { self.instant_of(worker) } else { now };
        let mut taken = Vec::new();
        for intended in &read.intents {
            let Intended { attempt, fence, caller, .. } = intended;
            let row = &self.db.attempts[*attempt];
            let is_mine = row.state == AttemptState::Planned && row.fence == *fence;
            if !is_mine && !self.has(Bug::BlindClaim) {
                continue;
            }
            let commit = self.db.commits + 1;
            let row = self.db.attempt(*attempt);
            row.state = AttemptState::Dialing;
            row.fence += 1;
            row.owner = Some(owner);
            row.intent_at = Some(intent_at);
            row.send_by = intended.send_by(intent_at);
            row.caller = *caller;
            row.events.dialing += 1;
            row.claimed_in = commit;
            taken.push(*attempt);
            self.count_intent(*attempt, now, pacing::counts_from(intent_at, intended.send_by(intent_at)));
        }
        let mut requests = self.requests(read, intent_at);
        requests.retain(|request| taken.contains(&request.attempt));
        requests
    }

    fn count_intent(&mut self, attempt: usize, now: Instant, counts_from: Instant) {
        let (campaign, caller) = (self.db.attempts[attempt].campaign, self.db.attempts[attempt].caller);
        let day = self.campaign_day(campaign, now);
        let row = &mut self.db.campaigns[campaign];
        let used = row.days.entry(day).or_default();
        *used += 1;
        row.facts = Arc::new(CampaignFacts {
            campaign: row.facts.campaign.clone(),
            intents_today: *used,
            abandonment: Abandonment::default(),
        });
        let counters = caller.map(|caller| &mut self.db.callers[caller]);
        for counter in counters.into_iter().chain(std::iter::once(&mut self.db.provider)) {
            *counter.days.entry(now.date_naive()).or_default() += 1;
            counter.last_intent = Some(counts_from);
        }
    }

    pub fn cancel(&mut self, attempt: usize) {
        let fence = self.db.attempts[attempt].fence;
        self.db.step(attempt, AttemptState::Planned, fence, AttemptState::Cancelled, self.now);
    }

    fn has_limits(&self) -> bool {
        let has = |limits: &Pacing| *limits != Pacing::default();
        has(&self.setting.provider_limits)
            || self.db.campaigns.iter().any(|row| {
                has(&row.campaign().pacing)
                    || has(&row.campaign().caller_pacing)
                    || row.campaign().caller_ids.len() > 1
            })
    }

    /// What pacing lets go, with the number each is to show.
    fn pick(&mut self, worker: usize, now: Instant) -> Vec<PickedCall> {
        let is_due = |row: &Attempt| row.state == AttemptState::Planned && row.due_at <= now;
        if !self.db.attempts.iter().any(is_due) {
            return Vec::new();
        }
        let lanes: Vec<Lane> =
            (0..self.db.campaigns.len()).map(|index| self.lane(worker, index, now)).collect();
        let load = |counter: &Counter, is_ours: &dyn Fn(&Attempt) -> bool| {
            let intents_today = counter.days.get(&now.date_naive()).copied().unwrap_or(0);
            let load = self.load(worker, is_ours);
            Load { intents_today, last_intent: counter.last_intent, ..load }
        };
        let caller = |(index, counter): (usize, &Counter)| {
            (CALLERS[index].to_owned(), load(counter, &|row| row.caller == Some(index)))
        };
        let callers: BTreeMap<String, Load> = self.db.callers.iter().enumerate().map(caller).collect();
        let shared = Shared {
            provider_limits: self.setting.provider_limits.clone(),
            provider: load(&self.db.provider, &|_| true),
            callers,
            leeway: self.workers[worker].pace.leeway(),
        };
        let mut picking =
            Picking::new(&lanes, &shared, BATCH.min(self.workers[worker].pace.batch() as usize), now);
        while let Some(wanted) = picking.wanted() {
            let offered: Vec<Waiting> = wanted.iter().flat_map(|wanted| self.candidates(wanted)).collect();
            picking.offer(&offered);
        }
        let picked = picking.finish();
        // As long from now as pacing said, by whatever clock a seeded bug reads.
        self.workers[worker].again_at = picked.again_at.map(|at| self.now + (at - now));
        let shown = |number: &String| CALLERS.iter().position(|known| known == number);
        let call = |pick: Pick| PickedCall {
            attempt: pick.index,
            caller: pick.caller.as_ref().and_then(shown),
            send_within: pick.send_within,
        };
        picked.picks.into_iter().map(call).collect()
    }

    /// What is due of a campaign and priority, the longest due first.
    fn candidates(&self, wanted: &Wanted) -> Vec<Waiting> {
        if wanted.priority != PRIORITY {
            return Vec::new();
        }
        let is_wanted = |(_, row): &(usize, &Attempt)| {
            row.state == AttemptState::Planned
                && self.db.campaigns[row.campaign].campaign().id == wanted.campaign
                && row.due_at <= wanted.until
                && wanted.after.is_none_or(|after| row.due_at > after)
        };
        let waiting = |(index, row): (usize, &Attempt)| Waiting {
            index,
            campaign: wanted.campaign,
            due_at: row.due_at,
        };
        let mut due: Vec<Waiting> =
            self.db.attempts.iter().enumerate().filter(is_wanted).map(waiting).collect();
        due.sort_unstable_by_key(|call| (call.due_at, call.index));
        due.truncate(wanted.most as usize);
        due
    }

    fn lane(&self, worker: usize, index: usize, now: Instant) -> Lane {
        let row = &self.db.campaigns[index];
        let day = self.campaign_day(index, now);
        let intents_today = row.days.get(&day).copied().unwrap_or(0);
        let day_ends = Some(row.campaign().zone.instant_of(day + Days::new(1), 0));
        Lane {
            campaign: row.campaign().id,
            limits: row.campaign().pacing.clone(),
            load: Load { intents_today, day_ends, ..self.load(worker, &|attempt| attempt.campaign == index) },
            callers: row.campaign().caller_ids.clone(),
            caller_limits: row.campaign().caller_pacing.clone(),
            oldest: [None, self.oldest(index, now), None],
            is_closed: gate::campaign_is_closed(row.campaign(), now),
        }
    }

    /// Since when the longest waiting call of a campaign is due.
    fn oldest(&self, campaign: usize, now: Instant) -> Option<Instant> {
        let due = self.db.attempts.iter().filter(|row| {
            row.state == AttemptState::Planned && row.campaign == campaign && row.due_at <= now
        });
        due.map(|row| row.due_at).min()
    }

    /// What is under way; a seeded bug sees only what its own worker did.
    fn load(&self, worker: usize, is_ours: &dyn Fn(&Attempt) -> bool) -> Load {
        let mut load = Load::default();
        for row in &self.db.attempts {
            let is_mine = row.owner.is_some_and(|(owner, _)| owner == worker);
            let (Some(at), true) = (row.intent_at, is_ours(row)) else { continue };
            if self.has(Bug::PacingPerWorker) && !is_mine {
                continue;
            }
            let is_forgotten = self.has(Bug::LinesIgnoreUnknown) && row.state == AttemptState::Unknown;
            load.live += u32::from(row.state.is_live() && !is_forgotten);
            load.latest.push(at);
            let counts_from = pacing::counts_from(at, row.send_by);
            load.last_intent = load.last_intent.max(Some(counts_from));
            if at > self.now - pacing::LOOK_BACK {
                load.recent.push(counts_from);
            }
        }
        load.latest.sort_unstable_by(|a, b| b.cmp(a));
        load.latest.truncate(pacing::REMEMBERED as usize);
        load
    }

    /// Seeded bug: asks again for what a former self of this worker had claimed.
    pub fn take_over(&mut self, worker: usize, former: (usize, u32)) {
        let owned = |index: &usize| {
            let row = &self.db.attempts[*index];
            row.state == AttemptState::Dialing && row.owner == Some(former)
        };
        let attempts: Vec<usize> = (0..self.db.attempts.len()).filter(owned).collect();
        let now = self.now;
        let request = |attempt| Request { attempt, intent_at: now, send_by: now, began_at: now };
        let requests = attempts.into_iter().map(request).collect();
        let token = self.workers[worker].token;
        self.workers[worker].phase = Phase::Send(requests, Vec::new());
        self.after(TimeDelta::zero(), Step::Worker { worker, token });
    }
}

/// A number as text, to be compared.
fn ground_number((place, number): (usize, usize)) -> String {
    format!("{place}/{number}")
}
