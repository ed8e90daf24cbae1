//! Six hours down, with people due all the time: afterwards the backlog is dialed as fast as the limits allow and no faster, inside
//! calling hours, the longest due first; what is not worth doing any more is left out and says so (ENG-10).
//!
//! `CALLWRIGHT_FLEET_OVERDUE=100000 cargo test --release -p callwright-tests --test fleet downtime -- --nocapture` for as many.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, ensure};
use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::domain::priority::Priority;
use callwright_engine::engine::Why;
use callwright_engine::id::LeadId;
use chrono::{TimeDelta, Timelike as _};

use crate::books::{rate_used, worst_second};
use crate::exchange::Exchange;
use crate::on_both;
use crate::report::say;
use crate::stage::{Stage, at, size};

/// Rows that one look plans, and how long it takes at most.
const BATCH: usize = 500;
const LOOK_S: f64 = 0.02;
/// Half past nine in Washington.
const DOWN: &str = "2026-07-15T13:30:00Z";
/// Half past three: calling hours end at six.
const UP: &str = "2026-07-15T19:30:00Z";

async fn why(stage: &Stage, lead: LeadId) -> anyhow::Result<Why> {
    Ok(stage.serve.why(lead, None).await?)
}

/// Hour and minute in Washington.
fn local(at: Instant) -> (u32, u32) {
    let local = at - TimeDelta::hours(4);
    (local.hour(), local.minute())
}

on_both! {
    async fn six_hours_of_overdue_calls_are_dialed_as_the_limits_allow(db) {
        let overdue = size("CALLWRIGHT_FLEET_OVERDUE", 160)?;
        let mut stage = Stage::open(db, at(DOWN), 2).await?;
        stage.poll = std::time::Duration::from_mins(10);
        // Due one after the other while everything is down: half of them with a call that is worth making for three hours only.
        let campaign = stage.campaign("calls", 0, |_| {}).await?;
        let (short, long) = (stage.leads(overdue / 2).await?, stage.leads(overdue / 2).await?);
        let step = TimeDelta::hours(6) / i32::try_from(overdue / 2)?;
        let due_at = |nth: usize| at(DOWN) + step * i32::try_from(nth).unwrap_or(i32::MAX);
        stage.enroll_at(campaign, &short, "once", due_at).await?;
        stage.enroll_at(campaign, &long, "whenever", due_at).await?;
        let urgent = stage.campaign("urgent", 0, |campaign| campaign.priority = Priority::High).await?;
        let pressing = stage.leads(5).await?;
        stage.enroll_at(urgent, &pressing, "whenever", |_| at(UP) - TimeDelta::minutes(1)).await?;
        stage.clock.advance_to(at(UP));

        // Not as many as can be dialed before the evening.
        let rate = overdue as f64 * 0.6 / 9_000.0;
        let rate = if rate < 1.0 { rate } else { rate.floor() };
        let limits = Pacing { calls_per_second: Some(rate), ..Pacing::default() };
        let exchange = Exchange::new(&stage.clock, limits, 4);
        stage.dial(&exchange, TimeDelta::hours(30)).await?;

        let asked = exchange.asked();
        let evening: Vec<_> = asked.iter().filter(|asked| asked.at < at("2026-07-16T00:00:00Z")).cloned().collect();
        ensure!(asked.iter().all(|asked| (9..18).contains(&local(asked.at).0)), "a call outside calling hours");
        ensure!(evening.len() < asked.len(), "the night was not met");
        let most = worst_second(&asked);
        ensure!(most <= rate.max(1.0) as usize, "{most} calls in a second of {rate}");
        let used = rate_used(&evening, rate);
        ensure!((0.85..=1.0).contains(&used), "{used} of the rate used in the evening");

        // What was urgent went first, once a backlog of so many batches had been planned; then the longest due of what was still
        // worth it.
        let batches = overdue.div_ceil(BATCH) as f64;
        let meanwhile = (rate * batches * LOOK_S).floor() as usize;
        let (first, evening): (Vec<_>, Vec<_>) = evening.into_iter().partition(|asked| asked.campaign == urgent);
        let last = asked.iter().rposition(|asked| asked.campaign == urgent);
        ensure!(first.len() == 5 && last.is_some_and(|last| last < 5 + meanwhile), "the last urgent one came after {last:?} others");
        let nths: HashMap<LeadId, usize> =
            [&short, &long].into_iter().flat_map(|leads| leads.iter().enumerate()).map(|(nth, lead)| (*lead, nth)).collect();
        let nth = |lead: &LeadId| nths.get(lead).copied();
        let order: Vec<_> = stage.leads_of(&evening).await?.iter().map(nth).collect();
        // Of a hundred requests the stage makes one too late to be sent: such a one comes again later.
        let turned = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
        ensure!(turned <= order.len() / 50, "{turned} of {} not in the order in which they fell due", order.len());

        // Everyone was called once, or was left out with a reason.
        let called: HashSet<LeadId> = stage.leads_of(&asked).await?.into_iter().collect();
        ensure!(called.len() == asked.len(), "somebody was called twice");
        ensure!(long.iter().chain(&pressing).all(|lead| called.contains(lead)), "somebody was forgotten");
        let (early, late) = short.split_at(short.len() / 2);
        ensure!(early.iter().all(|lead| !called.contains(lead)), "a call that was not worth making any more");
        let told = why(&stage, early[0]).await?.text();
        ensure!(told.contains("Steps left out") && told.contains("call: too-late"), "{told}");
        for lead in late.iter().filter(|lead| !called.contains(lead)).take(20) {
            let told = why(&stage, *lead).await?;
            ensure!(told.skipped.iter().any(|left_out| left_out.reason == "too-late"), "{}", told.text());
        }
        let told = why(&stage, *called.iter().next().context("a call")?).await?.text();
        ensure!(told.contains("call try 1"), "{told}");
        say(format_args!(
            "{overdue} overdue: {} in the evening ({:.1} % of the rate), {} the next day, {} left out",
            evening.len() + 5, used * 100.0, asked.len() - evening.len() - 5, overdue + 5 - asked.len(),
        ));
    }
}
