//! A worker's rounds: plan, claim, second look, place, record, look up, sleep. Every boundary is a step of its own, at which it
//! may be killed or stop for hours.

use callwright_core::answer::Placement;
use callwright_core::clock::Instant;
use callwright_core::decide::pacing::Pace;
use chrono::TimeDelta;

use super::bug::Bug;
use super::claim::ClaimRead;
use super::fault::Fault;
use super::looking::LookUps;
use super::record::Reported;
use super::rows::Owner;
use super::world::{Step, World};

/// A request that only this process may send.
#[derive(Debug, Clone)]
pub struct Request {
    pub attempt: usize,
    pub intent_at: Instant,
    pub send_by: Instant,
    /// By the process's own steady clock: when it began to claim.
    pub began_at: Instant,
}

/// What a worker does at its next boundary.
#[derive(Debug, Clone, Default)]
pub enum Phase {
    #[default]
    Plan,
    Claim,
    CommitClaim(ClaimRead),
    SecondLook(Vec<Request>),
    Send(Vec<Request>, Vec<(usize, Placement)>),
    Answers(Vec<(usize, Placement)>),
    Doubts,
    LookUps(LookUps),
    WriteLookUps(LookUps),
    WriteEnds(Vec<Reported>),
}

#[derive(Debug)]
pub struct Worker {
    pub boot: u32,
    pub token: u32,
    pub phase: Phase,
    /// Until when it sleeps, if it does.
    pub asleep_until: Option<Instant>,
    pub is_paused: bool,
    pub is_dead: bool,
    /// Did this round do anything?
    pub is_busy: bool,
    /// When pacing lets the next call go.
    pub again_at: Option<Instant>,
    pub woke_at: Instant,
    /// What it lately could do in time.
    pub pace: Pace,
}

/// The database drops a connection that is silent inside a transaction after this long.
const ABORTED_AFTER: TimeDelta = TimeDelta::seconds(30);
/// Nobody sleeps longer than this over work that somebody else may have left.
const POLL: TimeDelta = TimeDelta::milliseconds(500);
/// What pacing says of a full line; the end of a call is announced besides, so that looking less often is enough here.
const FULL_LINE: TimeDelta = TimeDelta::seconds(1);
const LINE_POLL: TimeDelta = TimeDelta::seconds(20);

impl Worker {
    pub fn new(now: Instant) -> Self {
        Self {
            boot: 0,
            token: 0,
            phase: Phase::Plan,
            asleep_until: None,
            is_paused: false,
            is_dead: false,
            is_busy: false,
            again_at: None,
            woke_at: now,
            pace: Pace::default(),
        }
    }
}

impl World {
    pub fn owner(&self, worker: usize) -> Owner {
        (worker, self.workers[worker].boot)
    }

    pub fn worker_step(&mut self, worker: usize, token: u32) {
        if self.workers[worker].token != token || self.workers[worker].is_dead {
            return;
        }
        let was_asleep = self.workers[worker].asleep_until.take().is_some();
        let was_paused = std::mem::take(&mut self.workers[worker].is_paused);
        if !was_paused && self.is_struck(worker) {
            return;
        }
        if was_asleep {
            self.workers[worker].woke_at = self.now;
        }
        let phase = std::mem::take(&mut self.workers[worker].phase);
        match phase {
            Phase::Plan => self.plan(worker),
            Phase::Claim => self.claim(worker),
            Phase::CommitClaim(read) => self.commit_claim(worker, read),
            Phase::SecondLook(requests) => self.second_look(worker, requests),
            Phase::Send(requests, kept_back) => self.send(worker, requests, kept_back),
            Phase::Answers(answers) => self.record_answers(worker, answers),
            Phase::Doubts => self.find_doubts(worker),
            Phase::LookUps(look_ups) => self.look_up(worker, look_ups),
            Phase::WriteLookUps(look_ups) => self.write_look_ups(worker, look_ups),
            Phase::WriteEnds(facts) => self.write_ends(worker, facts),
        }
    }

    /// Kills or pauses the worker at a boundary.
    fn is_struck(&mut self, worker: usize) -> bool {
        if self.strikes(Fault::Kill) {
            let owner = self.owner(worker);
            self.trace.step(self.now, "killed", worker, String::new);
            let found_dead = self.ms(5, 4_000);
            self.after(found_dead, Step::Abort { owner });
            let back = self.ms(500, 600_000);
            self.after(back, Step::Restart { worker });
            let struck = &mut self.workers[worker];
            struck.is_dead = true;
            struck.phase = Phase::Plan;
            return true;
        }
        if self.strikes(Fault::Pause) {
            let longest = if self.rng.times.chance(150) { 14 * 3_600_000 } else { 90_000 };
            let length = self.ms(1_000, longest);
            self.trace.step(self.now, "paused", worker, || format!("for {} s", length.num_seconds()));
            let owner = self.owner(worker);
            if length > ABORTED_AFTER {
                self.after(ABORTED_AFTER, Step::Abort { owner });
            }
            self.workers[worker].is_paused = true;
            self.wake(worker, length);
            return true;
        }
        false
    }

    pub fn restart(&mut self, worker: usize) {
        if !self.workers[worker].is_dead {
            return;
        }
        let former = self.owner(worker);
        self.db.release(former);
        let boot = former.1 + 1;
        let token = self.workers[worker].token + 1;
        self.workers[worker] = Worker { boot, token, ..Worker::new(self.now) };
        self.trace.step(self.now, "restarted", worker, String::new);
        if self.has(Bug::RepostOnTakeover) {
            self.take_over(worker, former);
            return;
        }
        self.after(TimeDelta::zero(), Step::Worker { worker, token });
    }

    /// Goes on with `phase` after a while.
    pub fn next(&mut self, worker: usize, phase: Phase, low_ms: i64, high_ms: i64) {
        self.workers[worker].phase = phase;
        let length = self.ms(low_ms, high_ms);
        self.wake(worker, length);
    }

    /// Schedules the worker's next boundary; whatever was scheduled before is void.
    pub fn wake(&mut self, worker: usize, after: TimeDelta) {
        self.workers[worker].token += 1;
        let token = self.workers[worker].token;
        self.after(after, Step::Worker { worker, token });
    }

    /// An error ends the round: what was in memory is dropped, and the next round begins after a rest.
    pub fn rest(&mut self, worker: usize) {
        let owner = self.owner(worker);
        self.db.release(owner);
        let length = self.ms(100, 5_000).max(self.down_until - self.now);
        self.workers[worker].phase = Phase::Plan;
        self.wake(worker, length);
    }

    /// The round is over: another at once if there was something to do, else sleep until something is due.
    pub fn end_round(&mut self, worker: usize) {
        if std::mem::take(&mut self.workers[worker].is_busy) {
            return self.next(worker, Phase::Plan, 1, 4);
        }
        let wake_at = self.wake_at(worker);
        self.workers[worker].phase = Phase::Plan;
        self.workers[worker].asleep_until = Some(wake_at);
        self.wake(worker, wake_at - self.now);
    }

    fn wake_at(&mut self, worker: usize) -> Instant {
        let mut lag = self.ms(0, 20);
        if self.strikes(Fault::HintLost) {
            lag += POLL;
        }
        if self.has(Bug::OversleepsNewWork) {
            lag += TimeDelta::minutes(45);
        }
        let again_at = self.workers[worker].again_at.take();
        let now = self.now;
        let is_overdue = self.timers().any(|due| due <= now);
        // Held back by pacing, or taken by somebody else: worth a look when that is over.
        let held_back = is_overdue.then(|| {
            let again_at = again_at.map_or(now + POLL, |again_at| again_at.max(now));
            if again_at - now == FULL_LINE { now + LINE_POLL } else { again_at }
        });
        let timer = self.timers().filter(|due| *due > now).chain(held_back).min();
        let doubt = self.next_doubt().map(|at| at + TimeDelta::milliseconds(1));
        let next = [timer, doubt].into_iter().flatten().min();
        next.map_or(self.now + TimeDelta::hours(2), |next| next.max(self.now + POLL) + lag)
    }

    /// Something was committed: sleepers that would miss it wake earlier.
    pub fn ring(&mut self) {
        if self.has(Bug::OversleepsNewWork) || self.workers.iter().all(|worker| worker.asleep_until.is_none())
        {
            return;
        }
        let next = [self.next_timer(), self.next_doubt()].into_iter().flatten().min();
        let Some(next) = next else { return };
        for worker in 0..self.workers.len() {
            let Some(until) = self.workers[worker].asleep_until else { continue };
            if next.max(self.now + TimeDelta::milliseconds(40)) < until {
                let lag =
                    if self.strikes(Fault::HintLost) { POLL } else { TimeDelta::zero() } + self.ms(1, 30);
                let at = (next.max(self.now) + lag).min(until);
                self.workers[worker].asleep_until = Some(at);
                self.wake(worker, at - self.now);
            }
        }
    }
}
