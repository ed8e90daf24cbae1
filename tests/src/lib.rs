//! What the test suites share: databases to run on, and real processes with faults around them. The suites themselves are in `tests/suites`, one binary each.

pub mod database;
pub mod faults;
pub mod pooler;
pub mod postgres;

pub use database::{Backend, TestDb};

/// Declares tests that run on SQLite always and on PostgreSQL where there is one. `$db` is a fresh database.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn on(backend: $crate::Backend) -> anyhow::Result<()> {
                let Some($db) = $crate::TestDb::open(backend).await? else { return Ok(()) };
                $body
                Ok(())
            }

            #[tokio::test]
            async fn sqlite() -> anyhow::Result<()> {
                on($crate::Backend::Sqlite).await
            }

            #[tokio::test]
            async fn postgres() -> anyhow::Result<()> {
                on($crate::Backend::Postgres).await
            }
        }
    )+};
}
