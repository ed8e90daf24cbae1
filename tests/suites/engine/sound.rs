//! The check that runs after every verb (I4): each enrollment has a timer, one open attempt, a named hold or a result.

use anyhow::ensure;
use callwright_engine::store::Db;

const ENROLLMENTS: &str = "SELECT n.id, n.state, n.step,
        CAST(CASE WHEN n.due_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS timed, coalesce(n.hold, '') AS hold, coalesce(n.result, '') AS result,
        (SELECT count(*) FROM attempts a WHERE a.enrollment_id = n.id AND a.state = 'planned') AS planned,
        (SELECT count(*) FROM attempts a WHERE a.enrollment_id = n.id AND a.state IN ('dialing', 'placed', 'unknown')) AS live
     FROM enrollments n";

type Row = (String, String, String, i64, String, String, i64, i64);

/// Fails with the first enrollment that is in no sound state.
pub async fn check(db: &Db) -> anyhow::Result<()> {
    for row in rows(db).await? {
        let (id, state, step, timed, hold, result, planned, live) = &row;
        let is_sound = match state.as_str() {
            "waiting" => *timed == 1 && planned + live == 0,
            "open" => *timed == 0 && planned + live == 1,
            // A call in progress finishes while its enrollment is held or has ended.
            "held" => !hold.is_empty() && *planned == 0 && *live <= 1,
            "ended" => !result.is_empty() && *planned == 0 && *live <= 1,
            _ => false,
        };
        ensure!(is_sound, "enrollment {id} at {step} is not sound: {row:?}");
    }
    Ok(())
}

async fn rows(db: &Db) -> anyhow::Result<Vec<Row>> {
    Ok(match db {
        Db::Sqlite { read, .. } => sqlx::query_as(ENROLLMENTS).fetch_all(read).await?,
        Db::Postgres { pool, .. } => sqlx::query_as(ENROLLMENTS).fetch_all(pool).await?,
    })
}
