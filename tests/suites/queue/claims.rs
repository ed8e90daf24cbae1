//! Enqueueing, de-duplication, the order of claims, leases and what becomes of lost ones.

use callwright_engine::domain::priority::Priority;
use callwright_engine::store::jobs::{self, BackOff, JobState, Outcome, ReapPolicy, Reaped};
use chrono::TimeDelta;

use crate::db::{ME, TestDb, after, ids, noon, on_both};

on_both! {
    a_job_is_enqueued_or_not_with_its_transaction,
    claims_what_is_due_in_order_of_priority_and_age,
    a_low_job_that_waited_goes_before_a_fresh_high_one,
    two_owners_never_hold_one_job,
    a_second_wake_up_is_dropped_while_the_first_is_pending,
    a_wake_up_during_a_run_is_kept,
    a_sooner_wake_up_brings_a_waiting_job_forward_but_not_one_that_backs_off,
    a_renewed_lease_is_not_reaped_and_an_ended_one_is,
    a_job_that_outlives_its_workers_is_quarantined_and_others_proceed,
    a_suspect_is_claimed_alone_and_cleared_by_any_answer,
    what_was_claimed_without_knowing_is_given_back,
}

const POLICY: ReapPolicy = ReapPolicy {
    quarantine_after: 3,
    back_off: BackOff::new(TimeDelta::seconds(1), TimeDelta::minutes(1)),
    limit: 100,
};

async fn reap(db: &TestDb, at: i64) -> Reaped {
    db.in_tx(async |tx| jobs::reap(tx, POLICY, after(at), after(at)).await.unwrap()).await
}

async fn a_job_is_enqueued_or_not_with_its_transaction(db: TestDb) {
    let mut tx = db.db.begin().await.unwrap();
    assert_eq!(jobs::enqueue(&mut tx, &[db.job(1, noon())], noon()).await.unwrap().len(), 1);
    tx.rollback().await.unwrap();
    assert!(db.claim(10, noon()).await.is_empty());
}

async fn claims_what_is_due_in_order_of_priority_and_age(db: TestDb) {
    let low = db.job(1, after(-4)).priority(Priority::Low);
    let old = db.job(2, after(-3));
    let young = db.job(3, after(-2));
    let high = db.job(4, after(-1)).priority(Priority::High);
    let later = db.job(5, after(1)).priority(Priority::High);
    let expected = [high.id, old.id, young.id, low.id];
    db.enqueue(&[low, young, old, later, high], noon()).await;

    let first = db.claim(3, noon()).await;
    let rest = db.claim(3, noon()).await;

    assert_eq!(ids(&first), expected[..3]);
    assert_eq!(ids(&rest), expected[3..]);
    assert!(first.iter().all(|job| job.fence == 1 && job.attempts == 0));
}

async fn a_low_job_that_waited_goes_before_a_fresh_high_one(db: TestDb) {
    let waited = db.job(1, after(-121)).priority(Priority::Low);
    let fresh = db.job(2, noon()).priority(Priority::High);
    let impatient = db.job(3, after(-119)).priority(Priority::Low);
    let expected = [waited.id, fresh.id, impatient.id];
    db.enqueue(&[fresh, impatient, waited], noon()).await;
    assert_eq!(ids(&db.claim(3, noon()).await), expected);
}

async fn two_owners_never_hold_one_job(db: TestDb) {
    let jobs: Vec<_> = (0..40).map(|n| db.job(n, noon())).collect();
    db.enqueue(&jobs, noon()).await;
    let (one, two) = tokio::join!(db.claim_as("a", 25, noon()), db.claim_as("b", 25, noon()));
    let mut all = [ids(&one), ids(&two), ids(&db.claim(40, noon()).await)].concat();
    all.sort();
    let mut expected: Vec<_> = jobs.iter().map(|job| job.id).collect();
    expected.sort();
    assert_eq!(all, expected);
}

async fn a_second_wake_up_is_dropped_while_the_first_is_pending(db: TestDb) {
    let jobs =
        [db.job(1, noon()).once_per("a"), db.job(2, noon()).once_per("a"), db.job(3, noon()).once_per("b")];
    assert_eq!(db.enqueue(&jobs, noon()).await, [jobs[0].id, jobs[2].id]);
    let again = [db.job(4, noon()).once_per("a"), db.job(5, noon()).once_per("c"), db.job(6, noon())];
    assert_eq!(db.enqueue(&again, noon()).await, [again[1].id, again[2].id]);
}

async fn a_wake_up_during_a_run_is_kept(db: TestDb) {
    db.enqueue(&[db.job(1, noon()).once_per("a")], noon()).await;
    let running = db.claim(1, noon()).await;
    let during = db.job(2, noon()).once_per("a");
    assert_eq!(db.enqueue(std::slice::from_ref(&during), noon()).await, [during.id]);
    db.finish(&running[0], Outcome::Done, noon()).await;
    assert_eq!(ids(&db.claim(2, noon()).await), [during.id]);
}

async fn a_sooner_wake_up_brings_a_waiting_job_forward_but_not_one_that_backs_off(db: TestDb) {
    let waiting = db.job(1, after(3600)).once_per("snoozed");
    let failing = db.job(2, noon()).once_per("failing");
    db.enqueue(&[waiting.clone(), failing.clone()], noon()).await;
    let claimed = db.claim(1, noon()).await;
    let retry = Outcome::Retry { after: TimeDelta::hours(1), error: "503".to_owned() };
    db.finish(&claimed[0], retry, noon()).await;

    let sooner = [db.job(3, after(5)).once_per("snoozed"), db.job(4, after(5)).once_per("failing")];
    assert!(db.enqueue(&sooner, noon()).await.is_empty());
    assert_eq!(db.find(waiting.id).await.run_at, after(5));
    assert_eq!(db.find(failing.id).await.run_at, after(3600));
}

async fn a_renewed_lease_is_not_reaped_and_an_ended_one_is(db: TestDb) {
    db.enqueue(&[db.job(1, noon()), db.job(2, noon())], noon()).await;
    let held = db.claim(2, noon()).await;
    let (kept, lost) = (&held[0], &held[1]);
    let asked = [(kept.id, kept.fence), (lost.id, lost.fence - 1)];
    let renewed = db.in_tx(async |tx| jobs::renew(tx, &asked, after(60)).await.unwrap()).await;
    assert_eq!(renewed, [kept.id], "a lease is renewed only by its own fence");

    assert_eq!(reap(&db, 30).await, Reaped::default(), "leases last until their end");
    assert_eq!(reap(&db, 31).await, Reaped { returned: 1, quarantined: 0 });
    assert_eq!(db.find(kept.id).await.state, JobState::Running);
    let returned = db.find(lost.id).await;
    assert_eq!((returned.state, returned.deaths, returned.attempts), (JobState::Pending, 1, 0));
    assert_eq!(returned.run_at, after(32), "it pauses first");
}

async fn a_job_that_outlives_its_workers_is_quarantined_and_others_proceed(db: TestDb) {
    let killer = db.job(1, noon());
    db.enqueue(std::slice::from_ref(&killer), noon()).await;
    let mut at = 0;
    for death in 1..=3 {
        at += 100;
        let owner = format!("worker-{death}");
        assert_eq!(ids(&db.claim_as(&owner, 5, after(at)).await), [killer.id]);
        at += 100;
        let reaped = reap(&db, at).await;
        assert_eq!(reaped, Reaped { returned: usize::from(death < 3), quarantined: usize::from(death == 3) });
    }
    let other = db.job(2, noon());
    db.enqueue(std::slice::from_ref(&other), noon()).await;
    assert_eq!(ids(&db.claim(5, after(1000)).await), [other.id]);
    let seen = db.find(killer.id).await;
    assert_eq!((seen.state, seen.deaths, seen.attempts), (JobState::Quarantined, 3, 0));
    assert!(seen.last_error.unwrap().contains("3×"));
}

async fn a_suspect_is_claimed_alone_and_cleared_by_any_answer(db: TestDb) {
    let suspect = db.job(1, noon());
    db.enqueue(std::slice::from_ref(&suspect), noon()).await;
    db.claim(1, noon()).await;
    reap(&db, 40).await;
    let innocent = [db.job(2, after(50)), db.job(3, after(51))];
    db.enqueue(&innocent, after(50)).await;

    let alone = db.claim(10, after(60)).await;
    assert_eq!(ids(&alone), [suspect.id]);
    assert_eq!(ids(&db.claim(10, after(60)).await), [innocent[0].id, innocent[1].id]);
    let retry = Outcome::Retry { after: TimeDelta::seconds(1), error: "alive".to_owned() };
    db.finish(&alone[0], retry, after(60)).await;
    assert_eq!(db.find(suspect.id).await.deaths, 0);
}

async fn what_was_claimed_without_knowing_is_given_back(db: TestDb) {
    db.enqueue(&[db.job(1, noon()), db.job(2, noon()), db.job(3, noon())], noon()).await;
    let known = db.claim(1, noon()).await;
    let unknown = db.claim(1, noon()).await;
    let others = db.claim_as("worker-2/probe/0", 1, noon()).await;

    let held = [(known[0].id, known[0].fence)];
    let released = db.in_tx(async |tx| jobs::release_orphans(tx, ME, &held, noon()).await.unwrap()).await;

    assert_eq!(released, 1);
    assert_eq!(db.find(unknown[0].id).await.state, JobState::Pending);
    assert_eq!(db.find(known[0].id).await.state, JobState::Running);
    assert_eq!(db.find(others[0].id).await.state, JobState::Running);
    let again = db.claim(5, noon()).await;
    assert_eq!((again[0].fence, again[0].attempts), (2, 0));
}
