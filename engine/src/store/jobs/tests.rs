//! The arithmetic of attempts and pauses, and how SQLite means to run the statements.
//! What the statements do is shown on both databases by the `queue` suite.

use chrono::TimeDelta;
use proptest::prelude::*;
use rstest::rstest;

use super::model::{BackOff, Outcome, error_text};
use super::{admin, claim, finish, reap};
use crate::store::db::{Db, Dialect, Durability, Sql};

const BACK_OFF: BackOff = BackOff::new(TimeDelta::seconds(10), TimeDelta::hours(1));

#[rstest]
#[case(1, 10)]
#[case(2, 20)]
#[case(5, 160)]
#[case(9, 2_560)]
#[case(10, 3_600)]
#[case(4_000_000_000, 3_600)]
fn back_off_doubles_up_to_its_limit(#[case] failures: u32, #[case] seconds: i64) {
    assert_eq!(BACK_OFF.exact(failures), TimeDelta::seconds(seconds));
}

#[test]
fn the_last_allowed_failure_is_the_end() {
    let retry = Outcome::after_failure(1, 3, BACK_OFF, 1.0, "no answer");
    assert_eq!(retry, Outcome::Retry { after: TimeDelta::seconds(20), error: "no answer".to_owned() });
    let dead = Outcome::after_failure(2, 3, BACK_OFF, 1.0, "no answer");
    assert_eq!(dead, Outcome::Dead { error: "no answer".to_owned() });
}

#[test]
fn error_texts_can_be_stored_by_both_databases() {
    assert_eq!(error_text("a\0b"), "ab");
    assert_eq!(error_text(&"é".repeat(5_000)).chars().count(), 2_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_pause_lies_in_the_upper_half_of_its_step(failures in 1_u32..100, jitter in 0.0_f64..1.0) {
        let exact = BACK_OFF.exact(failures);
        let delay = BACK_OFF.delay(failures, jitter);
        prop_assert!(delay <= exact && delay >= exact / 2, "{delay} for {exact}");
    }
}

/// What SQLite reads for a statement when its statistics were taken while the queue held nothing but finished jobs.
async fn plan_after_analyze_of_an_idle_queue(sql: &Sql) -> String {
    let db = Db::connect("sqlite::memory:", Durability::Off).await.unwrap();
    db.migrate().await.unwrap();
    let Db::Sqlite { write, .. } = &db else { unreachable!() };
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO jobs (id, kind, payload, state, priority, run_at, fence, attempts, max_attempts, deaths, created_at, finished_at)
        SELECT 'job-' || i, 'k' || (i % 4), '{}', 'done', i % 3, i, 1, 0, 10, 0, i, i FROM n";
    sqlx::query(fill).execute(write).await.unwrap();
    sqlx::query("ANALYZE").execute(write).await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.on(Dialect::Sqlite)));
    let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(write).await.unwrap();
    rows.into_iter().map(|(.., detail)| detail).collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case::claim(&claim::CLAIM, "USING INDEX jobs_due (kind=? AND priority=? AND run_at<?)")]
#[case::renew(&claim::RENEW, "SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (id=?)")]
#[case::finish(&finish::FINAL, "SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (id=?)")]
#[case::give_back(&finish::RETURN, "SEARCH j USING INDEX sqlite_autoindex_jobs_1 (id=?)")]
#[case::reap(&reap::EXPIRED, "SEARCH jobs USING INDEX jobs_lease (lease_until>? AND lease_until<?)")]
#[case::depth(&admin::DEPTH, "SCAN jobs USING COVERING INDEX jobs_due")]
#[tokio::test]
async fn no_statement_reads_the_whole_table(#[case] sql: &Sql, #[case] expected: &str) {
    let plan = plan_after_analyze_of_an_idle_queue(sql).await;
    assert!(plan.contains(expected), "{plan}");
    // Walking all leases to find one row by id is the mistake that the index's odd predicate prevents.
    assert!(!plan.contains("SCAN jobs USING INDEX jobs_lease"), "{plan}");
    for line in plan.lines() {
        assert!(!["SCAN jobs", "SCAN j", "SCAN p"].contains(&line), "{line} in\n{plan}");
    }
}
