//! One conformance suite for both databases: the same schema, and every store function on SQLite and on PostgreSQL.
//! The jobs table has a suite of its own (`queue`).

mod campaigns;
mod given;
mod keys;
mod leads;
mod locks;
mod schema;
mod suppressions;
mod upserts;
mod walks;

/// Declares tests that run on SQLite always and on PostgreSQL where there is one. `$db` is a fresh database.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn on(backend: callwright_tests::Backend) -> anyhow::Result<()> {
                let Some($db) = callwright_tests::TestDb::open(backend).await? else { return Ok(()) };
                $body
                Ok(())
            }

            #[tokio::test]
            async fn sqlite() -> anyhow::Result<()> {
                on(callwright_tests::Backend::Sqlite).await
            }

            #[tokio::test]
            async fn postgres() -> anyhow::Result<()> {
                on(callwright_tests::Backend::Postgres).await
            }
        }
    )+};
}
pub(crate) use on_both;
