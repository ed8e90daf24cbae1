//! One conformance suite for both databases: the same schema, and every store function on SQLite and on PostgreSQL.
//! The jobs table has a suite of its own (`queue`).

mod campaigns;
mod failed_writes;
mod given;
mod keys;
mod leads;
mod locks;
mod registries;
mod schema;
mod suppressions;
mod upserts;
mod walks;

use callwright_tests::on_both;
