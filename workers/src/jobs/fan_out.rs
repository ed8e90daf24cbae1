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
/// Of the first.
const FIRST: u32 = 20;
/// And at least: a transaction costs something of itself.
const LEAST: u32 = 5;
/// On PostgreSQL, where others share its processors only.
const AMONG_OTHERS: Pace = Pace { aim: Duration::from_millis(8), rests: 3.0 };
/// On SQLite, where everybody else who writes waits for a transaction.
const ALONE: Pace = Pace { aim: Duration::from_millis(2), rests: 2.0 };
/// The job rests between two transactions, and no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// And then lets requests pass, up to here.
const LONGEST_COURTESY: Duration = Duration::from_millis(50);
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
    pace: Pace,
    /// What the last transaction took, with the wait for its turn.
    took: Duration,
}

/// How transactions follow each other.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// What one is to take.
    aim: Duration,
    /// How long the rest after it is, in times of what it took.
    rests: f64,
}

impl Steps {
    pub const fn on(engine: &Engine) -> Self {
        let pace = if engine.db.takes_several_writers() { AMONG_OTHERS } else { ALONE };
        Self { people: FIRST, pace, took: Duration::ZERO }
    }

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
        self.people = self.pace.next_chunk(people, done.held);
        Ok(done)
    }

    /// Leaves the database to everybody else, and lets requests that are under way be answered.
    pub async fn rest(&self, engine: &Engine) {
        tokio::time::sleep(self.pace.pause_after(self.took)).await;
        // Where they never end, as under load or beside an import, it goes on among them.
        let _ = tokio::time::timeout(LONGEST_COURTESY, engine.right_of_way.clear()).await;
    }
}

pub(super) async fn run(job: FanOut, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    let mut steps = Steps::on(&engine);
    for _ in 0..MOST_CHUNKS {
        match steps.next(&engine, job.0.trigger_id, CHUNK).await {
            Ok(done) if done.is_over => return Ok(Handled::Done),
            Ok(_) => {}
            Err(error @ EngineError::Missing { .. }) => return Err(JobError::give_up(error)),
            Err(error) => return Err(JobError::retry(error)),
        }
        steps.rest(&engine).await;
    }
    let now = engine.now().await.map_err(JobError::retry)?;
    Ok(Handled::SnoozeUntil(now + REST))
}

impl Pace {
    /// How many people the next transaction takes on, after one of `people` that took so long.
    fn next_chunk(self, people: u32, took: Duration) -> u32 {
        let fits = f64::from(people) * self.aim.as_secs_f64() / took.as_secs_f64().max(1e-6);
        // One slow transaction is no reason to crawl, one quick one none to run.
        (fits as u32).clamp(people / 2, people * 2).clamp(LEAST, CHUNK)
    }

    /// The rest after a transaction that took so long, with the wait for its turn. One that takes longer than is aimed at says that
    /// others write, or that the machine is slow: so much more is everybody else's.
    fn pause_after(self, took: Duration) -> Duration {
        let times = took.as_secs_f64() / self.aim.as_secs_f64();
        took.mul_f64(times.max(1.0) * self.rests).min(LONGEST_PAUSE)
    }
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

/// Raises what the catalogue's changes ask for by rule, and sees to it that every unfinished trigger is worked on; and that none has
/// to wait for what customers are worth.
pub async fn look(engine: &Engine) -> Result<(), EngineError> {
    engine.raise_from_catalogue(CHANGES).await?;
    resume(engine).await?;
    engine.renew_customer_values().await
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
    #[case::no_fewer_than_are_worth_it(8, 800, LEAST)]
    fn transactions_stay_as_long_as_others_can_wait(
        #[case] people: u32,
        #[case] took_ms: u64,
        #[case] next: u32,
    ) {
        assert_eq!(AMONG_OTHERS.next_chunk(people, Duration::from_millis(took_ms)), next);
    }

    #[rstest]
    #[case::quick(4, 12)]
    #[case::as_aimed(8, 24)]
    #[case::twice_as_long_rests_four_times(16, 96)]
    #[case::not_for_ever(2_000, 500)]
    fn whoever_finds_the_machine_busy_rests_longer(#[case] took_ms: u64, #[case] pause_ms: u64) {
        assert_eq!(AMONG_OTHERS.pause_after(Duration::from_millis(took_ms)), Duration::from_millis(pause_ms));
    }

    #[test]
    fn where_one_writes_at_a_time_others_wait_less() {
        let took = Duration::from_millis(8);
        assert_eq!(AMONG_OTHERS.next_chunk(100, took), 100);
        assert_eq!(ALONE.next_chunk(100, took), 50);
        assert_eq!(ALONE.pause_after(ALONE.aim), ALONE.aim * 2);
        assert_eq!(ALONE.pause_after(took), took * 8);
    }
}
