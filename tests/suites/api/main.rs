//! The CRM API as callers see it: keys, errors, idempotency, every route, the source's own bodies.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails the test")]

mod access;
mod canary;
mod commands;
mod coupons;
mod desk;
mod errors;
mod exposition;
mod health;
mod idempotency;
mod imports;
mod ledger;
mod openapi;
mod operators;
mod persons;
mod platforms;
mod publishing;
mod registry_files;
mod routes;
mod shop;
mod source_client;
mod stops;
mod trigger_command;
mod triggers;
mod walkthrough;
