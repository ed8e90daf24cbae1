//! Spreads a trigger over the people it concerns: short transactions, one after the other, until nobody is left. What is written
//! with each of them says where to go on, so a lost, late or doubled job changes nothing.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::triggers::{FanOut as FannedOut, FanOutOrder};
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::id::{JobId, TriggerId};
use callwright_engine::store::jobs;
use callwright_engine::store::{StoreError, trigger};
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::queue::{Handled, Job, JobConfig, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// People per transaction at most.
pub const CHUNK: u32 = 500;
/// And at least: a transaction costs something of itself.
const LEAST: u32 = 20;
/// Others wait for a transaction, on SQLite whoever writes: it takes about so long, whatever the machine.
const AIM: Duration = Duration::from_millis(8);
/// The job rests between two transactions, and no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Transactions per run; what is left follows in the next.
const MOST_CHUNKS: u32 = 400;
/// Between two runs, so that other kinds of work get their turn.
const REST: TimeDelta = TimeDelta::milliseconds(100);

/// The order, as the engine wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FanOut(FanOutOrder);

impl Job for FanOut {
    const KIND: &'static str = callwright_engine::engine::triggers::FAN_OUT;

    fn config() -> JobConfig {
        JobConfig { concurrency: 2, timeout: Duration::from_mins(10), ..JobConfig::default() }
    }
}

/// One short transaction after the other, as many people in each as others can wait for.
#[derive(Debug)]
pub struct Steps {
    people: u32,
    took: Duration,
}

impl Default for Steps {
    fn default() -> Self {
        Self { people: LEAST, took: Duration::ZERO }
    }
}

impl Steps {
    /// The next transaction, of up to `most` people.
    pub async fn next(
        &mut self,
        engine: &Engine,
        trigger: TriggerId,
        most: u32,
    ) -> Result<FannedOut, EngineError> {
        let people = self.people.min(most);
        let began = Instant::now();
        let done = engine.fan_out(trigger, people).await?;
        self.took = began.elapsed();
        self.people = next_chunk(people, self.took);
        Ok(done)
    }

    /// Leaves the database to everybody else.
    pub async fn rest(&self) {
        tokio::time::sleep(pause_after(self.took)).await;
    }
}

pub(super) async fn run(job: FanOut, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    let mut steps = Steps::default();
    for _ in 0..MOST_CHUNKS {
        match steps.next(&engine, job.0.trigger_id, CHUNK).await {
            Ok(done) if done.is_over => return Ok(Handled::Done),
            Ok(_) => {}
            Err(error @ EngineError::Missing { .. }) => return Err(JobError::give_up(error)),
            Err(error) => return Err(JobError::retry(error)),
        }
        steps.rest().await;
    }
    let now = engine.now().await.map_err(JobError::retry)?;
    Ok(Handled::SnoozeUntil(now + REST))
}

/// How many people the next transaction takes on, after one of `people` that took so long.
fn next_chunk(people: u32, took: Duration) -> u32 {
    let fits = f64::from(people) * AIM.as_secs_f64() / took.as_secs_f64().max(1e-6);
    // One slow transaction is no reason to crawl, one quick one none to run.
    (fits as u32).clamp(people / 2, people * 2).clamp(LEAST, CHUNK)
}

/// As long as the transaction took: half of the time is everybody else's. One that takes longer than is aimed at says that the
/// machine is busy, or slow; then so much more is everybody else's.
fn pause_after(took: Duration) -> Duration {
    let times = took.as_secs_f64() / AIM.as_secs_f64();
    took.mul_f64(times.max(1.0)).min(LONGEST_PAUSE)
}

/// Looks every minute for price drops and restocks that a rule makes a trigger of, and for triggers whose job was lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WatchCatalogue {}

impl Job for WatchCatalogue {
    const KIND: &'static str = "watch_catalogue";

    fn config() -> JobConfig {
        JobConfig { concurrency: 1, timeout: Duration::from_mins(5), ..JobConfig::default() }
    }
}

/// Changes per transaction.
const CHANGES: u32 = 100;

impl WatchCatalogue {
    pub fn every_minute(zone: Zone) -> Result<Recurring, ScheduleError> {
        Recurring::new("watch-catalogue", "* * * * *", zone, &Self {})
    }
}

pub(super) async fn watch(_: WatchCatalogue, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    look(&engine).await.map(|()| Handled::Done).map_err(JobError::retry)
}

/// Raises what the catalogue's changes ask for by rule, and sees to it that every unfinished trigger is worked on.
pub async fn look(engine: &Engine) -> Result<(), EngineError> {
    engine.raise_from_catalogue(CHANGES).await?;
    Ok(resume(engine).await?)
}

/// Every unfinished trigger has a job: one that was given up, or came back with a backup, has none.
async fn resume(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.begin_read().await?;
    let open = trigger::open(&mut tx).await?;
    let now = engine.time.now(&mut tx).await?;
    tx.rollback().await?;
    if open.is_empty() {
        return Ok(());
    }
    let job = |trigger_id| {
        let order = FanOut(FanOutOrder { trigger_id });
        let job = order.to_job(engine.ids.next::<JobId>(now), now)?;
        Ok::<_, serde_json::Error>(job.once_per(trigger_id.to_string()))
    };
    let jobs: Vec<_> = open.into_iter().filter_map(|id| job(id).ok()).collect();
    let mut tx = engine.db.begin().await?;
    jobs::enqueue(&mut tx, &jobs, now).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_aimed(100, 8, 100)]
    #[case::slower(100, 16, 50)]
    #[case::much_slower(100, 900, 50)]
    #[case::quicker(100, 5, 160)]
    #[case::much_quicker(100, 0, 200)]
    #[case::no_more_than_a_chunk(400, 1, CHUNK)]
    #[case::no_fewer_than_are_worth_it(30, 800, LEAST)]
    fn transactions_stay_as_long_as_others_can_wait(
        #[case] people: u32,
        #[case] took_ms: u64,
        #[case] next: u32,
    ) {
        assert_eq!(next_chunk(people, Duration::from_millis(took_ms)), next);
    }

    #[rstest]
    #[case::as_long(4, 4)]
    #[case::as_aimed(8, 8)]
    #[case::twice_as_long_rests_four_times(16, 32)]
    #[case::busy(40, 200)]
    #[case::not_for_ever(2_000, 500)]
    fn whoever_finds_the_machine_busy_rests_longer(#[case] took_ms: u64, #[case] pause_ms: u64) {
        assert_eq!(pause_after(Duration::from_millis(took_ms)), Duration::from_millis(pause_ms));
    }
}
