//! Backup, disaster, restore, reconcile (NFR-4, D1, D2), with real processes of the shipped command on both databases and a
//! carrier that outlives the database; and many processes that migrate at once.

mod commands;
mod disaster;
mod migrating;
mod store_of_world;
mod world;
