//! Handlers under real workers: every way a run can end, stops of both kinds, leases kept and lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::id::JobId;
use callwright_engine::store::Tx;
use callwright_engine::store::jobs::admin::{self, JobView};
use callwright_engine::store::jobs::{self, BackOff, JobState, NewJob, ReapPolicy};
use callwright_workers::queue::{
    Engine, Handled, Hints, Job, JobConfig, JobError, OnLostLease, QueueConfig, Run, Workers,
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::db::{KIND, TestDb, on_both};

on_both! {
    a_hint_starts_a_job_and_its_end_is_written,
    a_handler_that_fails_is_tried_again_until_it_succeeds,
    giving_up_leaves_the_job_dead_after_one_attempt,
    a_panic_fails_its_own_job_only,
    a_payload_nobody_can_read_is_dead_at_once,
    a_handler_that_takes_too_long_has_failed,
    snoozing_costs_no_attempt,
    a_graceful_stop_finishes_what_runs_and_hands_back_the_rest,
    a_forced_stop_counts_as_a_failed_attempt,
    leases_are_renewed_while_handlers_run,
    a_handler_whose_job_was_taken_away_changes_nothing,
    a_handler_that_lost_its_lease_is_stopped,
    an_outcome_is_kept_while_the_database_does_not_answer,
}

#[derive(Debug, Serialize, Deserialize)]
struct Probe {
    n: u32,
}

impl Job for Probe {
    const KIND: &'static str = KIND;

    fn config() -> JobConfig {
        JobConfig {
            concurrency: 2,
            prefetch: 8,
            timeout: Duration::from_secs(20),
            back_off: BackOff::new(TimeDelta::milliseconds(1), TimeDelta::milliseconds(4)),
            max_attempts: 3,
            on_lost_lease: OnLostLease::Stop,
        }
    }
}

/// As [`Probe`], but one that may not be stopped, and may not take long.
#[derive(Debug, Serialize, Deserialize)]
struct Careful {
    n: u32,
}

impl Job for Careful {
    const KIND: &'static str = "careful";

    fn config() -> JobConfig {
        JobConfig { on_lost_lease: OnLostLease::LetFinish, prefetch: 0, ..Probe::config() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Hasty {}

impl Job for Hasty {
    const KIND: &'static str = "hasty";

    fn config() -> JobConfig {
        JobConfig { timeout: Duration::from_millis(20), max_attempts: 1, ..Probe::config() }
    }
}

/// Short, so that a test can outlast it; long enough for a loaded machine to renew it in time.
const LEASE_KEPT: Duration = Duration::from_millis(1_200);

type Answer = Pin<Box<dyn Future<Output = Result<Handled, JobError>> + Send>>;
type Script = Arc<dyn Fn(u32, Run) -> Answer + Send + Sync>;

fn script<F>(handler: impl Fn(u32, Run) -> F + Send + Sync + 'static) -> Script
where
    F: Future<Output = Result<Handled, JobError>> + Send + 'static,
{
    Arc::new(move |n, run| Box::pin(handler(n, run)))
}

/// Workers of one process on a test's database.
struct Process {
    engine: Arc<Engine>,
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Process {
    fn start(db: &TestDb, script: Script) -> Self {
        Self::with(db, script, Duration::from_secs(30), Duration::from_secs(10))
    }

    fn with(db: &TestDb, script: Script, lease: Duration, grace: Duration) -> Self {
        let mut config = QueueConfig::new(format!("test-{}", uuid::Uuid::new_v4().simple()));
        config.lease = lease;
        config.poll = Duration::from_millis(10);
        let engine = Engine::start(db.db.clone(), Hints::new(), config);
        let workers = Workers::new(Arc::clone(&engine))
            .register(Arc::clone(&script), |job: Probe, script: Script, run| script(job.n, run))
            .register(Arc::clone(&script), |job: Careful, script: Script, run| script(job.n, run))
            .register(script, |_: Hasty, script: Script, run| script(0, run));
        let stop = CancellationToken::new();
        let run = tokio::spawn(workers.run(stop.clone(), grace));
        Self { engine, stop, run }
    }

    async fn stop(self) -> Arc<Engine> {
        self.stop.cancel();
        self.run.await.unwrap();
        assert_eq!(self.engine.held(), 0, "a stopped process holds nothing");
        self.engine
    }
}

/// Waits for what this process itself will do.
async fn until(mut wanted: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if wanted() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came about");
}

impl TestDb {
    /// Enqueues one job and answers with its id. Due at once by the database's clock.
    async fn add<J: Job>(&self, job: &J) -> JobId {
        let now = self.clock_now().await;
        let job = job.to_job(self.ids.next(now), now).unwrap();
        self.enqueue(std::slice::from_ref(&job), now).await;
        job.id
    }

    async fn clock_now(&self) -> Instant {
        self.in_tx(async |tx| jobs::read_clock(tx).await.unwrap()).await.now
    }

    async fn wait_for(&self, id: JobId, state: JobState) -> JobView {
        self.wait_until(id, |job| job.state == state).await
    }

    async fn wait_until(&self, id: JobId, wanted: impl Fn(&JobView) -> bool) -> JobView {
        for _ in 0..2_000 {
            let job = self.find(id).await;
            if wanted(&job) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("still waiting: {:?}", self.find(id).await);
    }

    /// What another process would do once this one's leases ended.
    async fn reap_all(&self) {
        let back_off = BackOff::new(TimeDelta::hours(1), TimeDelta::hours(1));
        let policy = ReapPolicy { quarantine_after: 9, back_off, limit: 100 };
        self.in_tx(async |tx| {
            let clock = jobs::read_clock(tx).await.unwrap();
            let end = clock.real + TimeDelta::hours(1);
            jobs::reap(tx, policy, end, clock.now).await.unwrap();
        })
        .await;
    }
}

async fn a_hint_starts_a_job_and_its_end_is_written(db: TestDb) {
    let mut config = QueueConfig::new("hinted");
    config.poll = Duration::from_hours(1);
    let metrics = Arc::clone(&config.metrics);
    let engine = Engine::start(db.db.clone(), Hints::new(), config);
    let workers = Workers::new(Arc::clone(&engine)).register((), async |_: Probe, (), _| Ok(Handled::Done));
    let stop = CancellationToken::new();
    let run = tokio::spawn(workers.run(stop.clone(), Duration::from_secs(5)));

    let id = db.add(&Probe { n: 1 }).await;
    engine.hints().ring(Probe::KIND);
    db.wait_for(id, JobState::Done).await;

    stop.cancel();
    run.await.unwrap();
    assert_eq!(engine.counters().done, 1);
    let text = metrics.text();
    assert!(text.contains("dialer_jobs_completed_total{queue=\"probe\",result=\"done\"} 1\n"), "{text}");
}

async fn a_handler_that_fails_is_tried_again_until_it_succeeds(db: TestDb) {
    let handler = script(async |_, run: Run| match run.failures {
        0 => Err(JobError::retry("the endpoint answered 503")),
        1 => Err(JobError::retry_after("429", TimeDelta::milliseconds(2))),
        _ => Ok(Handled::Done),
    });
    let id = db.add(&Probe { n: 1 }).await;
    let process = Process::start(&db, handler);
    let job = db.wait_for(id, JobState::Done).await;
    assert_eq!((job.attempts, job.last_error.as_deref()), (2, Some("429")));
    let counters = process.stop().await.counters();
    assert_eq!((counters.claimed, counters.retried, counters.done), (3, 2, 1));
}

async fn giving_up_leaves_the_job_dead_after_one_attempt(db: TestDb) {
    let id = db.add(&Probe { n: 1 }).await;
    let process = Process::start(&db, script(async |_, _| Err(JobError::give_up("410 gone"))));
    let job = db.wait_for(id, JobState::Dead).await;
    assert_eq!((job.attempts, job.last_error.as_deref()), (1, Some("410 gone")));
    process.stop().await;
}

async fn a_panic_fails_its_own_job_only(db: TestDb) {
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(db.add(&Probe { n }).await);
    }
    let process = Process::start(
        &db,
        script(async |n, _| {
            assert!(n != 2, "number two is odd");
            Ok(Handled::Done)
        }),
    );
    let failed = db.wait_for(ids[2], JobState::Dead).await;
    assert_eq!(failed.attempts, 3);
    assert!(failed.last_error.unwrap().contains("panicked"));
    for id in ids.iter().filter(|id| **id != ids[2]) {
        assert_eq!(db.wait_for(*id, JobState::Done).await.attempts, 0);
    }
    process.stop().await;
}

async fn a_payload_nobody_can_read_is_dead_at_once(db: TestDb) {
    let now = db.clock_now().await;
    let job = NewJob::new(db.ids.next(now), KIND, &"not a probe", now).unwrap();
    db.enqueue(std::slice::from_ref(&job), now).await;
    let good = db.add(&Probe { n: 1 }).await;
    let process = Process::start(&db, script(async |_, _| Ok(Handled::Done)));
    let dead = db.wait_for(job.id, JobState::Dead).await;
    assert!(dead.last_error.unwrap().contains("payload cannot be read"));
    db.wait_for(good, JobState::Done).await;
    process.stop().await;
}

async fn a_handler_that_takes_too_long_has_failed(db: TestDb) {
    let id = db.add(&Hasty {}).await;
    let process = Process::start(&db, script(async |_, _| std::future::pending().await));
    let job = db.wait_for(id, JobState::Dead).await;
    assert!(job.last_error.unwrap().contains("timed out"));
    process.stop().await;
}

async fn snoozing_costs_no_attempt(db: TestDb) {
    let until = db.clock_now().await + TimeDelta::hours(1);
    let id = db.add(&Probe { n: 1 }).await;
    let process = Process::start(&db, script(move |_, _| async move { Ok(Handled::SnoozeUntil(until)) }));
    let job = db.wait_until(id, |job| job.run_at == until).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 0));
    assert_eq!(process.stop().await.counters().snoozed, 1);
}

async fn a_graceful_stop_finishes_what_runs_and_hands_back_the_rest(db: TestDb) {
    let mut ids = Vec::new();
    for n in 0..8 {
        ids.push(db.add(&Probe { n }).await);
    }
    let (running, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let handler = {
        let (running, gate) = (Arc::clone(&running), Arc::clone(&gate));
        script(move |_, _| {
            let (running, gate) = (Arc::clone(&running), Arc::clone(&gate));
            async move {
                running.fetch_add(1, Ordering::SeqCst);
                gate.notified().await;
                Ok(Handled::Done)
            }
        })
    };
    let process = Process::start(&db, handler);
    until(|| running.load(Ordering::SeqCst) == 2 && process.engine.held() == 8).await;
    process.stop.cancel();
    gate.notify_one();
    gate.notify_one();
    let counters = process.stop().await.counters();

    assert_eq!((counters.done, counters.handed_back), (2, 6));
    assert_eq!(running.load(Ordering::SeqCst), 2, "nothing starts after the stop");
    for id in ids {
        let job = db.find(id).await;
        assert!(matches!(job.state, JobState::Done | JobState::Pending), "{:?}", job.state);
        assert_eq!(job.attempts, 0);
    }
}

async fn a_forced_stop_counts_as_a_failed_attempt(db: TestDb) {
    let id = db.add(&Probe { n: 1 }).await;
    let started = Arc::new(Notify::new());
    let handler = {
        let started = Arc::clone(&started);
        script(move |_, _| {
            started.notify_one();
            std::future::pending()
        })
    };
    let process = Process::with(&db, handler, Duration::from_secs(30), Duration::from_millis(20));
    started.notified().await;
    process.stop().await;
    let job = db.find(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 1));
    assert!(job.last_error.unwrap().contains("stopped before it ended"));
}

async fn leases_are_renewed_while_handlers_run(db: TestDb) {
    let id = db.add(&Probe { n: 1 }).await;
    let gate = Arc::new(Notify::new());
    let handler = {
        let gate = Arc::clone(&gate);
        script(move |_, _| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok(Handled::Done)
            }
        })
    };
    let process = Process::with(&db, handler, LEASE_KEPT, Duration::from_secs(10));
    db.wait_for(id, JobState::Running).await;
    // Longer than a lease, in steps: what is watched is the row, not the clock.
    let end = std::time::Instant::now() + LEASE_KEPT * 3 / 2;
    while std::time::Instant::now() < end {
        assert_eq!(db.find(id).await.state, JobState::Running);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gate.notify_one();
    let job = db.wait_for(id, JobState::Done).await;
    assert_eq!(job.deaths, 0);
    let counters = process.stop().await.counters();
    assert_eq!((counters.claimed, counters.fenced, counters.reaped), (1, 0, 0));
}

async fn a_handler_whose_job_was_taken_away_changes_nothing(db: TestDb) {
    let id = db.add(&Careful { n: 1 }).await;
    let gate = Arc::new(Notify::new());
    let handler = {
        let gate = Arc::clone(&gate);
        script(move |_, _| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok(Handled::Done)
            }
        })
    };
    let process = Process::start(&db, handler);
    db.wait_for(id, JobState::Running).await;
    db.reap_all().await;
    gate.notify_one();
    let engine = process.stop().await;
    assert_eq!((engine.counters().fenced, engine.counters().done), (1, 0));
    let job = db.find(id).await;
    assert_eq!((job.state, job.deaths, job.attempts), (JobState::Pending, 1, 0));
}

async fn a_handler_that_lost_its_lease_is_stopped(db: TestDb) {
    struct Flag(Arc<AtomicUsize>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let id = db.add(&Probe { n: 1 }).await;
    let (started, stopped) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (started, stopped) = (Arc::clone(&started), Arc::clone(&stopped));
        script(move |_, _| {
            let (started, flag) = (Arc::clone(&started), Flag(Arc::clone(&stopped)));
            async move {
                let _flag = flag;
                started.notify_one();
                std::future::pending().await
            }
        })
    };
    let process = Process::with(&db, handler, Duration::from_secs(1), Duration::from_secs(10));
    // Claimed is not started: a handler that had not begun would never be called.
    started.notified().await;
    db.reap_all().await;
    until(|| stopped.load(Ordering::SeqCst) == 1).await;
    let engine = process.stop().await;
    assert_eq!(engine.counters().fenced, 1);
    let job = db.find(id).await;
    assert_eq!((job.state, job.deaths), (JobState::Pending, 1));
    assert!(db.in_tx(async |tx| admin::failed(tx, None, None, 1).await.unwrap()).await.is_empty());
}

async fn an_outcome_is_kept_while_the_database_does_not_answer(db: TestDb) {
    let id = db.add(&Careful { n: 1 }).await;
    let (started, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (started, gate) = (Arc::clone(&started), Arc::clone(&gate));
        script(move |_, _| {
            let (started, gate) = (Arc::clone(&started), Arc::clone(&gate));
            async move {
                started.notify_one();
                gate.notified().await;
                Ok(Handled::Done)
            }
        })
    };
    let process = Process::with(&db, handler, LEASE_KEPT, Duration::from_secs(10));
    started.notified().await;

    // On SQLite the transaction alone keeps every other writer waiting.
    let mut blocking = db.db.begin().await.unwrap();
    if let Tx::Postgres(tx) = &mut blocking {
        sqlx::query("LOCK TABLE jobs IN EXCLUSIVE MODE").execute(&mut **tx).await.unwrap();
    }
    gate.notify_one();
    let end = std::time::Instant::now() + LEASE_KEPT * 3 / 2;
    until(|| std::time::Instant::now() > end).await;
    assert_eq!(process.engine.held(), 1, "not written, not forgotten");
    blocking.rollback().await.unwrap();

    let job = db.wait_for(id, JobState::Done).await;
    assert_eq!((job.deaths, job.attempts), (0, 0));
    let counters = process.stop().await.counters();
    assert_eq!((counters.claimed, counters.done, counters.fenced), (1, 1, 0));
}
