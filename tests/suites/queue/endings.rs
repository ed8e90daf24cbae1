//! How jobs end: every outcome, and why a stale one changes nothing.

use callwright_engine::store::jobs::{JobState, Outcome, Written};
use chrono::TimeDelta;

use crate::db::{TestDb, after, ids, noon, on_both};

on_both! {
    done_is_done,
    a_failed_attempt_returns_after_its_pause,
    the_last_failure_leaves_it_dead,
    snoozing_costs_no_attempt,
    handing_back_changes_nothing,
    a_stale_fence_changes_nothing,
    an_outcome_counts_once,
    a_job_returning_to_a_pending_twin_is_superseded,
    of_two_returning_twins_one_stays,
    error_texts_with_nul_are_stored,
}

fn retry(seconds: i64) -> Outcome {
    Outcome::Retry { after: TimeDelta::seconds(seconds), error: "503 from the endpoint".to_owned() }
}

async fn done_is_done(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    let written = db.finish(&job, Outcome::Done, after(5)).await;
    assert_eq!(written, Written { applied: 1, fenced: vec![] });
    let seen = db.find(job.id).await;
    assert_eq!((seen.state, seen.finished_at, seen.attempts), (JobState::Done, Some(after(5)), 0));
    assert!(db.claim(1, after(9999)).await.is_empty());
}

async fn a_failed_attempt_returns_after_its_pause(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    db.finish(&job, retry(30), after(5)).await;
    assert!(db.claim(1, after(34)).await.is_empty());
    let again = db.claim(1, after(35)).await.remove(0);
    assert_eq!((again.id, again.attempts, again.fence), (job.id, 1, 2));
    assert_eq!(db.find(job.id).await.last_error.as_deref(), Some("503 from the endpoint"));
}

async fn the_last_failure_leaves_it_dead(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    db.finish(&job, Outcome::Dead { error: "410 gone".to_owned() }, after(5)).await;
    let seen = db.find(job.id).await;
    assert_eq!((seen.state, seen.attempts), (JobState::Dead, 1));
    assert_eq!(seen.last_error.as_deref(), Some("410 gone"));
}

async fn snoozing_costs_no_attempt(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    db.finish(&job, Outcome::Snooze { until: after(600) }, after(5)).await;
    assert!(db.claim(1, after(599)).await.is_empty());
    assert_eq!(db.claim(1, after(600)).await[0].attempts, 0);
}

async fn handing_back_changes_nothing(db: TestDb) {
    db.enqueue(&[db.job(1, after(-7))], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    db.finish(&job, Outcome::HandedBack, after(5)).await;
    let seen = db.find(job.id).await;
    assert_eq!((seen.state, seen.run_at, seen.attempts), (JobState::Pending, after(-7), 0));
}

async fn a_stale_fence_changes_nothing(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let stale = db.claim(1, noon()).await.remove(0);
    db.finish(&stale, Outcome::HandedBack, noon()).await;
    let current = db.claim_as("worker-2", 1, noon()).await.remove(0);

    for outcome in [Outcome::Done, retry(1), Outcome::HandedBack, Outcome::Snooze { until: after(9) }] {
        let written = db.finish(&stale, outcome, noon()).await;
        assert_eq!(written, Written { applied: 0, fenced: vec![stale.id] });
    }
    let seen = db.find(current.id).await;
    assert_eq!((seen.state, seen.attempts), (JobState::Running, 0));
    assert_eq!(db.finish(&current, Outcome::Done, noon()).await.applied, 1);
}

async fn an_outcome_counts_once(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    assert_eq!(db.finish(&job, retry(0), noon()).await.applied, 1);
    assert_eq!(db.finish(&job, retry(0), noon()).await.applied, 0);
    assert_eq!(db.find(job.id).await.attempts, 1);
}

async fn a_job_returning_to_a_pending_twin_is_superseded(db: TestDb) {
    db.enqueue(&[db.job(1, noon()).once_per("a")], noon()).await;
    let running = db.claim(1, noon()).await.remove(0);
    let twin = db.job(2, noon()).once_per("a");
    db.enqueue(std::slice::from_ref(&twin), noon()).await;

    assert_eq!(db.finish(&running, retry(1), noon()).await.applied, 1);

    let seen = db.find(running.id).await;
    assert_eq!(seen.state, JobState::Cancelled);
    assert!(seen.last_error.unwrap().contains("superseded"));
    assert_eq!(ids(&db.claim(5, after(60)).await), [twin.id]);
}

async fn of_two_returning_twins_one_stays(db: TestDb) {
    db.enqueue(&[db.job(1, noon()).once_per("a")], noon()).await;
    let first = db.claim(1, noon()).await.remove(0);
    db.enqueue(&[db.job(2, noon()).once_per("a"), db.job(3, noon())], noon()).await;
    let more = db.claim(2, noon()).await;
    let endings = [(&first, retry(0)), (&more[0], retry(0)), (&more[1], retry(0))];

    assert_eq!(db.finish_all(&endings, noon()).await.applied, 3);

    let mut twins = Vec::new();
    for job in [&first, &more[0], &more[1]] {
        let seen = db.find(job.id).await;
        if seen.dedup_key.is_some() {
            twins.push(seen.state);
        } else {
            assert_eq!(seen.state, JobState::Pending);
        }
    }
    twins.sort();
    assert_eq!(twins, [JobState::Pending, JobState::Cancelled]);
}

async fn error_texts_with_nul_are_stored(db: TestDb) {
    db.enqueue(&[db.job(1, noon())], noon()).await;
    let job = db.claim(1, noon()).await.remove(0);
    db.finish(&job, Outcome::Dead { error: "binary \0 answer".to_owned() }, noon()).await;
    assert_eq!(db.find(job.id).await.last_error.as_deref(), Some("binary  answer"));
}
