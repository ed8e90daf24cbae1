//! The OpenAPI document: what utoipa cannot read off the handlers. Paths come from the routes themselves.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// Title, tags, and the one way to authenticate.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Callwright",
        description = "Durable outbound dialing: leads, cadences, events and the reasons for every call. Times without an \
                       offset are UTC. `/api/X`, `/api/v1/X` and `/v1/X` are the same. Every POST takes an `Idempotency-Key`.",
    ),
    tags(
        (name = "leads", description = "People we may call; our id or yours wherever a lead id is asked for"),
        (name = "events", description = "What happened, from outside and from calls"),
        (name = "cadences", description = "Enrolling leads, and steering enrollments"),
        (name = "campaigns", description = "Schedules, limits, consent basis, caller ids"),
        (name = "suppressions", description = "Numbers that must not be called"),
        (name = "emergency stops", description = "All new calls of a scope, at once, until a manager lets them go on"),
        (name = "definitions", description = "Schemas of the YAML files, and their published versions"),
        (name = "jobs", description = "The queue: what waits, what failed and why, and hands on it"),
        (name = "callbacks", description = "What carriers report; signed"),
        (name = "health", description = "For those who watch the process"),
    ),
    security(("bearer" = [])),
    modifiers(&Bearer),
)]
pub struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}
