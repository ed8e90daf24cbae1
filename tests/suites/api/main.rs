//! The CRM API as callers see it: keys, errors, idempotency, every route, the source's own bodies.

mod access;
mod desk;
mod errors;
mod idempotency;
mod imports;
mod openapi;
mod routes;
mod source_client;
