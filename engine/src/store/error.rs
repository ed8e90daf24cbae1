//! What can go wrong in the store, in the words of the domain.

/// Why a store function did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open a database with scheme `{0}`: use sqlite:PATH or postgres://USER@HOST/NAME")]
    Url(String),
    #[error("`pooler={0}` is not known: write `pooler=transaction`, or leave it out for a direct connection")]
    Pooler(String),
    #[error(
        "the database is not up to date, and migrations do not go through a transaction pooler: set CALLWRIGHT_MIGRATION_URL to \
         the server's own address, or run `callwright migrate --database-url` with it once"
    )]
    MigrateDirectly,
    /// A uniqueness or reference rule of a table was broken, by constraint name.
    #[error("`{constraint}` does not allow that")]
    Constraint { constraint: String },
    /// A row that cannot be understood: never a panic, always this.
    #[error("{table}.{column} of `{id}` cannot be read: {problem}")]
    BadRow { table: &'static str, column: &'static str, id: String, problem: String },
    #[error("{what} `{id}` does not exist")]
    Missing { what: &'static str, id: String },
    #[error("database: {0}")]
    Database(sqlx::Error),
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error
            && (database.is_unique_violation() || database.is_foreign_key_violation())
        {
            // PostgreSQL names the constraint; SQLite names the columns in its message.
            let constraint =
                database.constraint().map_or_else(|| database.message().to_owned(), str::to_owned);
            return Self::Constraint { constraint };
        }
        Self::Database(error)
    }
}

impl StoreError {
    pub fn bad_row(
        table: &'static str,
        column: &'static str,
        id: impl ToString,
        problem: impl ToString,
    ) -> Self {
        Self::BadRow { table, column, id: id.to_string(), problem: problem.to_string() }
    }

    /// The database sacrificed this transaction to let others go on; nothing of it is kept, and it may be tried again.
    /// PostgreSQL: 40P01 `deadlock_detected`, 40001 `serialization_failure`.
    pub fn is_deadlock(&self) -> bool {
        let Self::Database(sqlx::Error::Database(database)) = self else { return false };
        database.code().is_some_and(|code| code == "40P01" || code == "40001")
    }

    /// Is this the named rule? Works for both databases' ways to name it.
    pub fn breaks(&self, constraint: &str, columns: &str) -> bool {
        matches!(self, Self::Constraint { constraint: found } if found == constraint || found.contains(columns))
    }
}
