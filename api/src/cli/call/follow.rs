//! Watching one enrollment until its call is over, telling what happens.

use std::collections::HashSet;
use std::time::Duration;

use callwright_engine::engine::Engine;
use callwright_engine::id::{EnrollmentId, EventId, LeadId};
use callwright_engine::store::event_read;
use chrono::TimeDelta;

use super::super::output;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A call that would have to wait longer is not waited for.
const WORTH_WAITING: TimeDelta = TimeDelta::seconds(60);

/// Whether a call was placed. What is not over in time is ended, so that nothing rings later unexpectedly.
pub async fn until_over(
    engine: &Engine,
    lead: LeadId,
    enrollment: EnrollmentId,
    longest: Duration,
) -> anyhow::Result<bool> {
    let mut told = HashSet::new();
    let deadline = tokio::time::Instant::now() + longest;
    loop {
        tell(engine, lead, enrollment, &mut told).await?;
        let view = engine.enrollment(enrollment).await?;
        if view.state == "ended" {
            tell(engine, lead, enrollment, &mut told).await?;
            let placed = view.placed > 0;
            if !placed {
                explain(engine, lead).await?;
            }
            return Ok(placed);
        }
        let is_far = match view.due_at {
            Some(due) => due - engine.now().await? > WORTH_WAITING,
            None => false,
        };
        if is_far || tokio::time::Instant::now() > deadline {
            explain(engine, lead).await?;
            engine.end_enrollment(enrollment, "test_call_over").await?;
            return Ok(view.placed > 0);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn tell(
    engine: &Engine,
    lead: LeadId,
    enrollment: EnrollmentId,
    told: &mut HashSet<EventId>,
) -> anyhow::Result<()> {
    let mut tx = engine.db.begin_read().await?;
    let page = event_read::timeline(&mut tx, lead, None, 100).await?;
    tx.rollback().await?;
    for recorded in page.items.iter().rev() {
        let event = &recorded.event;
        if event.enrollment_id == Some(enrollment) && told.insert(event.id) {
            output::print(&format!("{}  {:<24} {}", event.at.format("%H:%M:%S"), event.kind, event.data));
        }
    }
    Ok(())
}

async fn explain(engine: &Engine, lead: LeadId) -> anyhow::Result<()> {
    let why = engine.why(lead, None).await?;
    output::note(&why.text());
    Ok(())
}
