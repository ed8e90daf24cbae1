//! The limits that benchmarks compare with: the same work as hand-written set-based SQL with nothing decided, checked or
//! explained. Steps have tables of their own (`limit_…`), made and dropped by the benchmark; [`calls`] writes the rows of a
//! finished run once more, [`enroll`] starts enrollments, [`fan_out`] those of a trigger.

pub mod calls;
pub mod enroll;
pub mod fan_out;

use super::db::{Db, Sql, Tx, on_db};
use super::error::StoreError;

const TABLES: &[&str] = &[
    "DROP TABLE IF EXISTS limit_walks",
    "DROP TABLE IF EXISTS limit_events",
    "CREATE TABLE limit_walks (id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, step BIGINT NOT NULL, due_at BIGINT)",
    "CREATE INDEX limit_walks_due ON limit_walks (due_at) WHERE state = 'waiting'",
    "CREATE TABLE limit_events (id TEXT NOT NULL PRIMARY KEY, walk_id TEXT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, data TEXT NOT NULL)",
];

static FILL: Sql = Sql::new(
    "INSERT INTO limit_walks (id, state, step, due_at) SELECT e.value->>0, 'waiting', 0, 0 FROM {each} WHERE true",
);

static ADVANCE: Sql = Sql::new(
    "UPDATE limit_walks SET step = step + 1, state = CASE WHEN step + 1 >= $2 THEN 'ended' ELSE 'waiting' END
     FROM (SELECT id FROM limit_walks WHERE state = 'waiting' AND due_at <= 0 ORDER BY due_at LIMIT $1 {skip}) AS d
     WHERE limit_walks.id = d.id RETURNING limit_walks.id",
);

static EVENTS: Sql = Sql::new(
    "INSERT INTO limit_events (id, walk_id, kind, at, data)
     SELECT e.value->>0, e.value->>0, 'step.passed', 0, '{\"step\":\"one\"}' FROM {each} WHERE true",
);

/// Makes the tables anew with `count` due rows.
pub async fn prepare(db: &Db, count: u64) -> Result<(), StoreError> {
    clear(db).await?;
    let mut tx = db.begin().await?;
    let ids: Vec<[String; 1]> = (0..count).map(|n| [format!("{n:036}")]).collect();
    let sql = FILL.on(tx.dialect());
    for chunk in ids.chunks(5_000) {
        let bulk = super::bulk(chunk)?;
        on_db!(&mut tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}

/// Claims and advances one batch of due rows with one event each, in one transaction. Answers how many.
pub async fn step(db: &Db, batch: u32, steps: u32, round: &mut u64) -> Result<usize, StoreError> {
    let mut tx = db.begin().await?;
    let sql = ADVANCE.on(tx.dialect());
    let ids: Vec<String> = on_db!(&mut tx, |conn| sqlx::query_scalar(sql)
        .bind(i64::from(batch))
        .bind(i64::from(steps))
        .fetch_all(conn)
        .await)?;
    if ids.is_empty() {
        tx.rollback().await?;
        return Ok(0);
    }
    *round += 1;
    let events: Vec<[String; 1]> = ids.iter().map(|id| [format!("{round:08}{id}")]).collect();
    run(&mut tx, &EVENTS, super::bulk(&events)?).await?;
    tx.commit().await?;
    Ok(ids.len())
}

/// Drops the tables and makes them empty again.
pub async fn clear(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    for sql in TABLES.iter().copied() {
        on_db!(&mut tx, |conn| sqlx::query(sql).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}

async fn run(tx: &mut Tx, sql: &Sql, bulk: String) -> Result<(), StoreError> {
    let sql = sql.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
