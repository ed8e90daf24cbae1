//! The CRM API as callers see it: keys, errors, idempotency, every route, the source's own bodies.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails the test")]

mod access;
mod canary;
mod commands;
mod desk;
mod errors;
mod exposition;
mod health;
mod idempotency;
mod imports;
mod openapi;
mod operators;
mod publishing;
mod registry_files;
mod routes;
mod source_client;
mod stops;
mod walkthrough;
