//! After the storm: faults stop, everybody gets time, and the verdict is given.

use callwright_engine::clock::{Instant, instant_from_micros};
use callwright_engine::id::EnrollmentId;
use callwright_workers::provider::simulated::faults::Faults;
use chrono::TimeDelta;

use super::{Storm, Story};
use crate::gate::Rates;
use crate::people::Act;
use crate::seen::execute;
use crate::verdict;

/// Rounds that everybody gets.
const ROUNDS: usize = 1_500;

impl Storm {
    /// Faults stop; everybody gets time, and people put right what they have paused or broken.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        self.say("the storm is over");
        self.rates = Rates::default();
        self.calm = true;
        self.add_fired();
        self.world.carrier.set_faults(Faults::default());
        if self.poisoned {
            execute(
                &self.world.db,
                "UPDATE leads SET phone_zones = '[\"America/Phoenix\"]', status = CASE WHEN status = 'haunted' THEN 'cold' ELSE status END
                 WHERE phone_zones = 'nowhere' OR status = 'haunted'",
            )
            .await?;
        }
        while !self.stopped.is_empty() {
            self.stopped.iter().for_each(|stopped| stopped.operation.gate.calm());
            self.wake(0).await?;
        }
        for act in std::mem::take(&mut self.acts) {
            self.acted(act).await?;
        }
        for campaign in self.world.campaigns.clone() {
            self.acted(Act::ResumeCampaign(campaign)).await?;
        }
        for round in 0..ROUNDS {
            if self.round(round).await? || self.is_noticed() {
                return Ok(());
            }
        }
        self.judge.accuse("I4", "it never comes to rest");
        Ok(())
    }

    /// One round of calm; true when nothing is left to do.
    pub(super) async fn round(&mut self, round: usize) -> anyhow::Result<bool> {
        let held: Vec<EnrollmentId> = self
            .judge
            .seen
            .enrollments
            .iter()
            .filter(|(_, row)| row.state == "held")
            .filter_map(|(id, _)| id.parse().ok())
            .collect();
        for enrollment in held {
            self.acted(Act::Resume(enrollment)).await?;
        }
        let index = round % self.world.workers.len();
        self.world.workers[index].verb = 0;
        while self.world.carrier.next_at().is_some_and(|at| at <= self.world.now()) {
            self.deliver(index).await?;
        }
        for _ in 0..4 {
            self.dial(index).await?;
        }
        self.steps += 4;
        let mut jobs_left = self.jobs_left().await?;
        while jobs_left > 0 && self.clerks_turns(&mut jobs_left).await? {}
        if !self.jobs.is_empty() || !self.finishes.is_empty() {
            // Of jobs that somebody else has answered for meanwhile.
            self.clerks_turns(&mut jobs_left).await?;
        }
        let live = |state: &str| matches!(state, "planned" | "dialing" | "placed" | "unknown");
        let waiting = self.judge.seen.enrollments.values().any(|row| row.state != "ended")
            || self.judge.seen.attempts.values().any(|attempt| live(&attempt.state))
            || self.world.carrier.next_at().is_some()
            || !self.jobs.is_empty()
            || !self.finishes.is_empty();
        if !waiting && jobs_left == 0 {
            return Ok(true);
        }
        let now = self.world.now();
        let next = [self.next_instant().await?, self.next_job().await?].into_iter().flatten().min();
        let next = next.unwrap_or(now + TimeDelta::minutes(10));
        // What is due and cannot be done (a row that waits for another) is looked at again a little later.
        self.world.clock.advance_to(next.min(now + TimeDelta::hours(12)).max(now + TimeDelta::seconds(20)));
        Ok(false)
    }

    /// When the next job is to run; one may wait for months, until the hours of two zones meet.
    async fn next_job(&self) -> anyhow::Result<Option<Instant>> {
        let next: Vec<(Option<i64>,)> =
            crate::seen::rows!(&self.world.db, "SELECT min(run_at) FROM jobs WHERE state = 'pending'");
        Ok(next.first().and_then(|row| row.0).map(instant_from_micros))
    }

    /// The clerk takes, runs and answers for what is due; false when that changed nothing.
    pub(super) async fn clerks_turns(&mut self, left: &mut i64) -> anyhow::Result<bool> {
        for _ in 0..10 {
            self.clerk().await?;
        }
        let before = std::mem::replace(left, self.jobs_left().await?);
        Ok(*left < before)
    }

    pub(super) async fn jobs_left(&self) -> anyhow::Result<i64> {
        let left: Vec<(i64,)> = crate::seen::rows!(
            &self.world.db,
            "SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')"
        );
        Ok(left.first().map_or(0, |row| row.0))
    }

    pub(super) fn add_fired(&self) {
        for (fault, times) in self.world.carrier.fired() {
            self.tally.add(fault, times);
        }
    }

    pub(super) async fn end(mut self) -> anyhow::Result<Story> {
        self.look().await?;
        verdict::check(&self.world, &mut self.judge, &self.told).await?;
        let tables = format!("{:?}", self.judge.seen);
        self.say(&tables);
        Ok(self.story())
    }
}
