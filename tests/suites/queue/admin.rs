//! People's hands on the queue, monitoring's eyes, retention, and the clocks.

use callwright_engine::store::clock::{self, VirtualClock};
use callwright_engine::store::jobs::admin::{self, Depth};
use callwright_engine::store::jobs::{self, JobState, Outcome};
use chrono::TimeDelta;

use crate::db::{KIND, TestDb, after, ids, noon, on_both};

on_both! {
    only_pending_jobs_can_be_cancelled,
    a_pending_job_can_be_cancelled_by_its_key,
    a_dead_job_can_be_retried_with_all_its_attempts,
    a_dead_job_is_not_retried_beside_a_pending_twin,
    a_discarded_job_leaves_the_list_of_failures,
    failures_are_paged_newest_first,
    jobs_of_any_state_are_found_by_state_and_kind,
    of_failed_twins_only_the_newest_is_retried,
    failed_jobs_are_given_up_together,
    a_failed_job_is_found_by_whom_it_is_about,
    two_that_prune_at_once_remove_each_row_once,
    depth_counts_what_waits_and_since_when,
    retention_forgets_what_ended_and_keeps_failures,
    the_virtual_clock_moves_due_times_and_not_leases,
}

async fn dead(db: &TestDb, n: u32, key: Option<&str>) -> callwright_engine::id::JobId {
    let mut job = db.job(n, noon());
    job.dedup_key = key.map(str::to_owned);
    db.enqueue(std::slice::from_ref(&job), noon()).await;
    let claimed = db.claim(1, noon()).await.remove(0);
    db.finish(&claimed, Outcome::Dead { error: "broken".to_owned() }, noon()).await;
    job.id
}

async fn only_pending_jobs_can_be_cancelled(db: TestDb) {
    let jobs = [db.job(1, noon()), db.job(2, noon())];
    db.enqueue(&jobs, noon()).await;
    let running = db.claim(1, noon()).await.remove(0);
    let cancel = async |id| db.in_tx(async |tx| admin::cancel(tx, id, noon()).await.unwrap()).await;
    assert!(cancel(jobs[1].id).await);
    assert!(!cancel(jobs[1].id).await, "it is cancelled already");
    assert!(!cancel(running.id).await, "it is running");
    assert!(db.claim(5, noon()).await.is_empty());
}

async fn a_pending_job_can_be_cancelled_by_its_key(db: TestDb) {
    let job = db.job(1, after(60)).once_per("lead-7");
    db.enqueue(std::slice::from_ref(&job), noon()).await;
    let cancel = async |key: &'static str| {
        db.in_tx(async |tx| admin::cancel_by_key(tx, KIND, key, noon()).await.unwrap()).await
    };
    assert!(!cancel("lead-8").await);
    assert!(cancel("lead-7").await);
    assert_eq!(db.find(job.id).await.state, JobState::Cancelled);
}

async fn a_dead_job_can_be_retried_with_all_its_attempts(db: TestDb) {
    let id = dead(&db, 1, None).await;
    let retry = async || db.in_tx(async |tx| admin::retry(tx, id, after(9)).await.unwrap()).await;
    assert!(retry().await);
    assert!(!retry().await, "it is pending now");
    let again = db.claim(1, after(9)).await;
    assert_eq!((again[0].id, again[0].attempts), (id, 0));
}

async fn a_dead_job_is_not_retried_beside_a_pending_twin(db: TestDb) {
    let id = dead(&db, 1, Some("a")).await;
    db.enqueue(&[db.job(2, noon()).once_per("a")], noon()).await;
    assert!(!db.in_tx(async |tx| admin::retry(tx, id, noon()).await.unwrap()).await);
}

async fn a_discarded_job_leaves_the_list_of_failures(db: TestDb) {
    let id = dead(&db, 1, None).await;
    assert!(db.in_tx(async |tx| admin::discard(tx, id, noon()).await.unwrap()).await);
    assert!(db.in_tx(async |tx| admin::failed(tx, None, None, 10).await.unwrap()).await.is_empty());
    assert_eq!(db.find(id).await.state, JobState::Cancelled);
}

async fn failures_are_paged_newest_first(db: TestDb) {
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.push(dead(&db, n, None).await);
    }
    expected.sort();
    expected.reverse();
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let page =
            db.in_tx(async |tx| admin::failed(tx, Some(KIND), seen.last().copied(), 2).await.unwrap()).await;
        assert!(!page.is_empty());
        seen.extend(page.iter().map(|job| job.id));
    }
    assert_eq!(seen, expected);
    assert!(db.in_tx(async |tx| admin::failed(tx, Some("other"), None, 2).await.unwrap()).await.is_empty());
}

async fn jobs_of_any_state_are_found_by_state_and_kind(db: TestDb) {
    let failed = dead(&db, 1, None).await;
    let jobs = [db.job(2, noon()), db.job(3, noon()), db.job(4, after(60))];
    db.enqueue(&jobs, noon()).await;
    let running = db.claim(2, noon()).await;
    db.finish(&running[0], Outcome::Done, noon()).await;
    let of = async |state: Option<JobState>| {
        let filter = admin::JobFilter { state, kind: Some(KIND) };
        let page = db.in_tx(async |tx| admin::page(tx, filter, None, 10).await.unwrap()).await;
        page.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(of(Some(JobState::Dead)).await, [failed]);
    assert_eq!(of(Some(JobState::Done)).await, [running[0].id]);
    assert_eq!(of(Some(JobState::Running)).await, [running[1].id]);
    assert_eq!(of(Some(JobState::Pending)).await, [jobs[2].id]);
    assert_eq!(of(Some(JobState::Quarantined)).await, []);
    let mut all = vec![failed, jobs[0].id, jobs[1].id, jobs[2].id];
    all.reverse();
    assert_eq!(of(None).await, all, "the newest first");
    let filter = admin::JobFilter { state: None, kind: Some(KIND) };
    let rest = db.in_tx(async |tx| admin::page(tx, filter, Some(all[1]), 10).await.unwrap()).await;
    assert_eq!(rest.iter().map(|job| job.id).collect::<Vec<_>>(), all[2..]);
    let other = admin::JobFilter { state: None, kind: Some("other") };
    assert!(db.in_tx(async |tx| admin::page(tx, other, None, 10).await.unwrap()).await.is_empty());
}

async fn of_failed_twins_only_the_newest_is_retried(db: TestDb) {
    let older = dead(&db, 1, Some("a")).await;
    let newer = dead(&db, 2, Some("a")).await;
    let single = dead(&db, 3, None).await;
    let beside = dead(&db, 4, Some("b")).await;
    db.enqueue(&[db.job(5, after(60)).once_per("b")], noon()).await;
    let ids = db.in_tx(async |tx| admin::failed_ids(tx, Some(KIND), None, 10).await.unwrap()).await;
    assert_eq!(ids, [older, newer, single, beside]);
    assert_eq!(db.in_tx(async |tx| admin::retry_many(tx, &ids, after(9)).await.unwrap()).await, 2);
    for (id, state) in [
        (older, JobState::Dead),
        (newer, JobState::Pending),
        (single, JobState::Pending),
        (beside, JobState::Dead),
    ] {
        assert_eq!(db.find(id).await.state, state);
    }
    assert_eq!(db.find(newer).await.run_at, after(9));
}

async fn failed_jobs_are_given_up_together(db: TestDb) {
    let ids = [dead(&db, 1, None).await, dead(&db, 2, None).await];
    let waiting = db.job(3, after(60));
    db.enqueue(std::slice::from_ref(&waiting), noon()).await;
    let all = [ids[0], ids[1], waiting.id];
    assert_eq!(db.in_tx(async |tx| admin::discard_many(tx, &all, noon()).await.unwrap()).await, 2);
    assert_eq!(db.find(waiting.id).await.state, JobState::Pending);
}

async fn a_failed_job_is_found_by_whom_it_is_about(db: TestDb) {
    let about = dead(&db, 4_711, None).await;
    dead(&db, 12, None).await;
    let found = async |text: &str| {
        let ids = [text.to_owned(), "nobody".to_owned()];
        let jobs = db.in_tx(async |tx| admin::failed_about(tx, &ids, 5).await.unwrap()).await;
        jobs.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(found("4711").await, [about]);
    assert!(found("815").await.is_empty());
}

async fn two_that_prune_at_once_remove_each_row_once(db: TestDb) {
    let jobs: Vec<_> = (0..40).map(|n| db.job(n, noon())).collect();
    db.enqueue(&jobs, noon()).await;
    for job in db.claim(40, noon()).await {
        db.finish(&job, Outcome::Done, after(10)).await;
    }
    let prune = async || {
        let mut removed = 0;
        for _ in 0..10 {
            removed += db.in_tx(async |tx| admin::prune(tx, after(3_600), 7).await.unwrap()).await;
        }
        removed
    };
    let (one, other) = tokio::join!(prune(), prune());
    assert_eq!(one + other, 40);
}

async fn depth_counts_what_waits_and_since_when(db: TestDb) {
    dead(&db, 1, None).await;
    db.enqueue(&[db.job(2, after(-30))], noon()).await;
    db.claim(1, noon()).await;
    db.enqueue(&[db.job(3, after(-20)), db.job(4, after(-10)), db.job(5, after(60))], noon()).await;
    let depth = db.in_tx(async |tx| admin::depth(tx, noon()).await.unwrap()).await;
    let expected = Depth {
        kind: KIND.to_owned(),
        due: 2,
        waiting: 1,
        running: 1,
        failed: 1,
        quarantined: 0,
        oldest_due_at: Some(after(-20)),
    };
    assert_eq!(depth, [expected]);
}

async fn retention_forgets_what_ended_and_keeps_failures(db: TestDb) {
    let failed = dead(&db, 1, None).await;
    db.enqueue(&[db.job(2, noon()), db.job(3, noon()), db.job(4, noon())], noon()).await;
    for job in db.claim(2, noon()).await {
        db.finish(&job, Outcome::Done, after(10)).await;
    }
    let prune =
        async |at, limit| db.in_tx(async |tx| admin::prune(tx, after(at), limit).await.unwrap()).await;
    assert_eq!(prune(10, 10).await, 0, "they ended at that instant, not before");
    assert_eq!(prune(3600, 1).await, 1);
    assert_eq!(prune(3600, 10).await, 1);
    assert_eq!(db.find(failed).await.state, JobState::Dead);
    assert_eq!(ids(&db.claim(5, noon()).await).len(), 1, "the pending one is still there");
}

async fn the_virtual_clock_moves_due_times_and_not_leases(db: TestDb) {
    let read = async || db.in_tx(async |tx| jobs::read_clock(tx).await.unwrap()).await;
    let real = read().await;
    assert_eq!(real.now, real.real);
    let shared = VirtualClock { virtual_at: noon(), real_at: real.real, rate: 1000.0 };
    db.in_tx(async |tx| clock::set_virtual_clock(tx, shared).await.unwrap()).await;

    let both = read().await;
    let passed = both.real - real.real;
    let drift = (both.now - noon()) - passed * 1000;
    assert!(drift.abs() < TimeDelta::milliseconds(1), "{drift}");
}
