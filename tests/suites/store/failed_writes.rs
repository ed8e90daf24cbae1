//! SQLite after a write that failed for want of room: it has rolled back by itself, and the next transaction must begin anew.

use anyhow::{Context as _, bail, ensure};
use callwright_engine::store::{Db, Tx};
use callwright_tests::TestDb;
use sqlx::AssertSqlSafe;

/// One row of two megabytes, without a statement journal: SQLite gives up the whole transaction.
const TOO_LARGE: &str = "INSERT INTO schedules (name, expression, zone, next_run_at) VALUES (hex(randomblob(1000000)), '', '', 0)";

#[tokio::test]
async fn a_transaction_that_found_the_disk_full_is_the_only_one_that_fails() -> anyhow::Result<()> {
    let test = TestDb::sqlite().await?;
    let Db::Sqlite { write, .. } = &test.db else { bail!("not SQLite") };
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(write).await?;
    let limit = format!("PRAGMA max_page_count = {pages}");
    sqlx::query(AssertSqlSafe(limit)).execute(write).await?;

    let mut tx = test.db.begin().await?;
    let Tx::Sqlite(inner) = &mut tx else { bail!("not SQLite") };
    let failed = sqlx::query(TOO_LARGE).execute(&mut **inner).await;
    ensure!(failed.is_err_and(|error| error.to_string().contains("full")), "there was room after all");
    drop(tx);

    let next = test.db.begin().await.context("the next transaction")?;
    next.commit().await?;
    Ok(())
}
