//! Which migrations a database has and which it lacks, and applying them: many processes may start at once, one migrates.

use std::pin::Pin;

use sqlx::migrate::{MigrateError, Migrator};

use super::db::{Db, Dialect, on_db};
use super::error::StoreError;
use super::postgres;

/// Name of our migration table; distinct, so that another library's cannot be taken for it.
const TABLE: &str = "callwright_migrations";

static SQLITE: Migrator = sqlx_macros::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx_macros::migrate!("../migrations/postgres");

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub version: i64,
    pub name: String,
}

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The newest migration it has; 0: none.
    pub applied: i64,
    /// The newest this program knows.
    pub head: i64,
    /// What would be applied, in order.
    pub pending: Vec<Step>,
}

const SQLITE_HAS_TABLE: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1";
const POSTGRES_HAS_TABLE: &str = "SELECT CASE WHEN to_regclass($1) IS NULL THEN 0 ELSE 1 END::BIGINT";
const APPLIED: &str = "SELECT version, checksum FROM callwright_migrations WHERE success ORDER BY version";

/// The newest migration this program knows.
pub fn head() -> i64 {
    SQLITE.iter().map(|step| step.version).max().unwrap_or(0)
}

/// Names of the tables that the migrations make on PostgreSQL, the migration table included.
pub fn tables() -> Vec<String> {
    let made = POSTGRES.iter().flat_map(|step| {
        let after = step.sql.as_str().split("CREATE TABLE ").skip(1);
        after.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect::<Vec<_>>()
    });
    made.chain([TABLE.to_owned()]).collect()
}

fn embedded(dialect: Dialect) -> &'static Migrator {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    }
}

fn migrator(dialect: Dialect) -> Migrator {
    let mut migrator = Migrator { migrations: embedded(dialect).migrations.clone(), ..Migrator::DEFAULT };
    migrator.dangerous_set_table_name(TABLE);
    migrator
}

impl Db {
    /// Reads where the database stands. One that a newer program has migrated, or with a step that was edited after it was
    /// applied, is an error.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let applied = self.applied().await?;
        let head = head();
        let newest = applied.last().map_or(0, |(version, _)| *version);
        if newest > head {
            return Err(StoreError::Newer { database: newest, program: head });
        }
        let mut pending = Vec::new();
        for step in embedded(self.dialect()).iter() {
            match applied.iter().find(|(version, _)| *version == step.version) {
                Some((version, checksum)) if *checksum != *step.checksum => {
                    return Err(MigrateError::VersionMismatch(*version).into());
                }
                Some(_) => {}
                None => pending.push(Step { version: step.version, name: step.description.to_string() }),
            }
        }
        Ok(Schema { applied: newest, head, pending })
    }

    async fn applied(&self) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let has_table = match self.dialect() {
            Dialect::Sqlite => SQLITE_HAS_TABLE,
            Dialect::Postgres => POSTGRES_HAS_TABLE,
        };
        // Through a pooler only a transaction is safe.
        let mut tx = self.begin_read().await?;
        let has: i64 =
            on_db!(&mut tx, |conn| sqlx::query_scalar(has_table).bind(TABLE).fetch_one(conn).await)?;
        let applied = if has == 0 {
            Vec::new()
        } else {
            on_db!(&mut tx, |conn| sqlx::query_as(APPLIED).fetch_all(conn).await)?
        };
        tx.rollback().await?;
        Ok(applied)
    }

    /// How many migrations of this program the database has not had. Those of a newer program, which may run beside this one,
    /// are none of ours.
    pub async fn missing_migrations(&self) -> Result<usize, StoreError> {
        let applied = self.applied().await?;
        let is_missing = |version: i64| applied.iter().all(|(known, _)| *known != version);
        Ok(embedded(self.dialect()).iter().filter(|step| is_missing(step.version)).count())
    }

    /// Applies missing migrations. Any number of processes may do so at the same time: on PostgreSQL an advisory lock lets
    /// one of them, on SQLite all steps are one transaction of the one writer. Through a transaction pooler nothing can be
    /// applied, because the lock belongs to a session.
    // Boxed: the compiler cannot see that what `run` borrows may cross threads.
    pub fn migrate(&self) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + '_>> {
        Box::pin(async move {
            if self.schema().await?.pending.is_empty() {
                return Ok(());
            }
            match self {
                Self::Sqlite { write, .. } => {
                    let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
                    migrator(Dialect::Sqlite).run_direct(None, &mut *tx, false).await?;
                    tx.commit().await?;
                }
                Self::Postgres { pool, begin: None, .. } => {
                    // A connection of its own: an index over millions of rows takes longer than a statement otherwise may.
                    let patient = postgres::patient(pool).await?;
                    let mut connection = patient.acquire().await?;
                    migrator(Dialect::Postgres).run_direct(None, &mut *connection, false).await?;
                    drop(connection);
                    patient.close().await;
                }
                Self::Postgres { begin: Some(_), .. } => return Err(StoreError::MigrateDirectly),
            }
            Ok(())
        })
    }

    /// Refuses a database that lacks migrations, for those who apply them as a step of their own.
    pub async fn must_be_at_head(&self) -> Result<(), StoreError> {
        let schema = self.schema().await?;
        if schema.pending.is_empty() {
            return Ok(());
        }
        Err(StoreError::Behind { database: schema.applied, program: schema.head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_by_name() {
        let tables = tables();
        assert!(
            ["leads", "attempts", "recovery", TABLE].iter().all(|name| tables.contains(&(*name).to_owned()))
        );
        assert!(tables.len() > 20, "{tables:?}");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_program_is_refused() {
        let db = Db::open("sqlite::memory:").await.unwrap();
        let Db::Sqlite { write, .. } = &db else { unreachable!() };
        let newer =
            "INSERT INTO callwright_migrations (version, description, success, checksum, execution_time)
                     VALUES (9999, 'from tomorrow', 1, x'00', 0)";
        sqlx::query(newer).execute(write).await.unwrap();
        let refused = db.migrate().await.unwrap_err();
        assert!(matches!(refused, StoreError::Newer { database: 9999, program } if program == head()));
        assert!(refused.to_string().contains("newer Callwright"), "{refused}");
    }
}
