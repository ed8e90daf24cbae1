//! The two migration folders make the same database: same steps, same tables, same columns.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use callwright_engine::store::Db;
use callwright_engine::store::lead::{self, LeadFilter};
use callwright_tests::{Backend, TestDb};

use crate::given::{ALICE, described, lead};
use crate::on_both;

fn steps(dialect: &str) -> anyhow::Result<BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(dialect);
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// `(table, column, may be null)` of everything but the migration table.
async fn columns(db: &Db) -> anyhow::Result<BTreeSet<(String, String, bool)>> {
    let rows: Vec<(String, String, bool)> =
        match db {
            Db::Sqlite { write, .. } => sqlx::query_as(
                "SELECT t.name, c.name, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
            )
            .fetch_all(write)
            .await?,
            Db::Postgres { pool, .. } => {
                sqlx::query_as(
                    "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), is_nullable = 'YES'
                 FROM information_schema.columns WHERE table_schema = 'public'",
                )
                .fetch_all(pool)
                .await?
            }
        };
    Ok(rows.into_iter().filter(|(table, ..)| table != "callwright_migrations").collect())
}

/// Index and constraint names, which errors are told by.
async fn indexes(db: &Db) -> anyhow::Result<BTreeSet<String>> {
    let names: Vec<(String,)> = match db {
        Db::Sqlite { write, .. } => {
            sqlx::query_as("SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite%'")
                .fetch_all(write)
                .await?
        }
        Db::Postgres { pool, .. } => {
            sqlx::query_as(
                "SELECT CAST(c.relname AS TEXT) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid)",
            )
            .fetch_all(pool)
            .await?
        }
    };
    Ok(names.into_iter().map(|(name,)| name).collect())
}

/// Damages rows behind the store's back.
pub async fn spoil(db: &Db, statement: &'static str) -> anyhow::Result<()> {
    match db {
        Db::Sqlite { write, .. } => sqlx::query(statement).execute(write).await.map(|_| ())?,
        Db::Postgres { pool, .. } => sqlx::query(statement).execute(pool).await.map(|_| ())?,
    }
    Ok(())
}

#[test]
fn both_folders_hold_the_same_steps() -> anyhow::Result<()> {
    let sqlite = steps("sqlite")?;
    assert_eq!(sqlite, steps("postgres")?);
    assert!(sqlite.iter().all(|name| name.as_bytes().iter().take(4).all(u8::is_ascii_digit)), "{sqlite:?}");
    Ok(())
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() -> anyhow::Result<()> {
    let Some(postgres) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let sqlite = TestDb::sqlite().await?;
    let (one, other) = (columns(&sqlite.db).await?, columns(&postgres.db).await?);
    assert!(one.len() > 100, "{} columns", one.len());
    assert_eq!(one.symmetric_difference(&other).collect::<Vec<_>>(), Vec::<&(String, String, bool)>::new());
    let (one, other) = (indexes(&sqlite.db).await?, indexes(&postgres.db).await?);
    assert_eq!(one.symmetric_difference(&other).collect::<Vec<_>>(), Vec::<&String>::new());
    Ok(())
}

on_both! {
    async fn migrating_again_changes_nothing(db) {
        let before = columns(&db.db).await?;
        db.db.migrate().await?;
        assert_eq!(columns(&db.db).await?, before);
    }

    async fn a_dropped_transaction_leaves_nothing(db) {
        let mut tx = db.db.begin().await?;
        lead(&mut tx, &described("a", ALICE)).await?;
        drop(tx);
        let mut tx = db.db.begin().await?;
        assert_eq!(lead::count(&mut tx, &LeadFilter::default()).await?, 0);
    }
}

#[tokio::test]
async fn a_url_of_another_database_is_refused_by_name() {
    let error = Db::open("mysql://root:secret@localhost/x").await.err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(error.contains("mysql") && !error.contains("secret"), "{error}");
}
