//! Backups of a live database and their restoration (NFR-4): a copy or dump, a manifest beside it, and the mark that keeps a
//! restored database from dialing. What is asked of the database is the engine's store; commands and words are `cli`'s.

mod files;
mod make;
mod manifest;
mod postgres;
mod restore;
mod sqlite;

pub use make::{Made, Progress, make};
pub use manifest::{Kind, Manifest, find};
pub use restore::{Restored, restore};
pub use sqlite::path_of;
