//! The checks of the end, when faults have stopped and everything has had time to settle: the carrier's books, people's words,
//! and the tables against each other.

use std::collections::{BTreeMap, BTreeSet};

use callwright_engine::clock::micros;
use callwright_engine::domain::call::{CallState, Fact, StoredFact};
use callwright_engine::provider::Provider as _;
use callwright_workers::provider::simulated::audit::{Audit, Evidence};
use callwright_workers::provider::simulated::ledger::Entry;

use crate::judge::{Judge, Span};
use crate::seen::rows;
use crate::storm::Acknowledged;
use crate::world::World;

/// Everything that only the end can show.
pub async fn check(world: &World, judge: &mut Judge, told: &Acknowledged) -> anyhow::Result<()> {
    books(world, judge);
    words(world, judge, told);
    letters(judge, told);
    nothing_is_left(judge);
    calls(world, judge).await?;
    events(world, judge).await?;
    look_ups(world, judge);
    outbox(world, judge, told).await
}

/// I1, I1b and I3 by the carrier's own books.
fn books(world: &World, judge: &mut Judge) {
    let audit: Audit = world.carrier.with_ledger(|ledger| ledger.audit(&Evidence::default()));
    if audit.repeated_requests > 0 {
        judge.accuse(
            "I1",
            format!("{} requests were repeated: {:?}", audit.repeated_requests, audit.findings),
        );
    }
    if audit.double_dials > 0 {
        judge.accuse("I1b", format!("{} double dials: {:?}", audit.double_dials, audit.findings));
    }
    if audit.outside_window > 0 {
        judge.accuse("I3", format!("{} calls at night: {:?}", audit.outside_window, audit.findings));
    }
}

/// I2 and I11: nobody is asked for more than a second after a stop, a revocation or a pause was committed or acknowledged.
fn words(world: &World, judge: &mut Judge, told: &Acknowledged) {
    let asked = world.watch.lock().placed.clone();
    for (attempt, campaign, at) in asked {
        let (id, campaign, at) = (attempt.to_string(), campaign.to_string(), micros(at));
        let Some(row) = judge.seen.attempts.get(&id).cloned() else {
            judge.accuse("I1", format!("attempt {id} was asked for, and nobody knows it"));
            continue;
        };
        let forbidden = |spans: Option<&Vec<Span>>| spans.into_iter().flatten().any(|span| span.forbids(at));
        if forbidden(judge.pauses.get(&campaign)) {
            judge.accuse("I2", format!("attempt {id} was asked for while its campaign was paused"));
        }
        if forbidden(judge.shut.get(&row.lead)) {
            judge.accuse("I2", format!("attempt {id} was asked for after its lead had opted out or revoked"));
        }
        for scope in [String::new(), campaign] {
            if forbidden(judge.suppressed.get(&(row.number.clone(), scope))) {
                judge.accuse("I2", format!("attempt {id} was asked for, and its number was suppressed"));
            }
        }
        if told.stops.iter().any(|(lead, since)| *lead == row.lead && at > *since + 1_000_000) {
            judge.accuse("I2", format!("attempt {id} was asked for after its lead's stop was acknowledged"));
        }
        if told.revocations.iter().any(|(lead, since)| *lead == row.lead && at > *since + 1_000_000) {
            judge.accuse("I11", format!("attempt {id} was asked for after a revocation was acknowledged"));
        }
    }
}

/// I2 for messages: none arrives once a stop was acknowledged.
fn letters(judge: &mut Judge, told: &Acknowledged) {
    for (enrollment, at) in &told.letters {
        let Some(lead) = judge.seen.enrollments.get(enrollment).map(|row| row.lead.clone()) else { continue };
        if told.stops.iter().any(|(who, since)| *who == lead && *at > *since + 1_000_000) {
            judge.accuse("I2", format!("enrollment {enrollment} got a message after its lead's stop"));
        }
    }
}

/// I4 and the promises of liveness: once faults have stopped, everybody gets somewhere.
fn nothing_is_left(judge: &mut Judge) {
    let live: Vec<String> = judge
        .seen
        .attempts
        .iter()
        .filter(|(_, attempt)| matches!(attempt.state.as_str(), "planned" | "dialing" | "placed" | "unknown"))
        .map(|(id, attempt)| format!("attempt {id} is still {}", attempt.state))
        .collect();
    let stuck: Vec<String> = judge
        .seen
        .enrollments
        .iter()
        .filter(|(_, row)| row.state != "ended")
        .map(|(id, row)| format!("enrollment {id} is still {} {} on {}", row.state, row.hold, row.step))
        .collect();
    for what in live.into_iter().chain(stuck) {
        judge.accuse("I4", what);
    }
}

type CallRow = (String, String, Option<i64>, i64);

/// I5: each call of the books is known once, with the end the books give it, whatever order its reports came in.
async fn calls(world: &World, judge: &mut Judge) -> anyhow::Result<()> {
    let rows: Vec<CallRow> = rows!(
        &world.db,
        "SELECT attempt_id, status, ended_at, talk_s FROM calls WHERE attempt_id IS NOT NULL"
    );
    let known: BTreeMap<String, (String, Option<i64>, i64)> =
        rows.into_iter().map(|(id, status, ended, talk)| (id, (status, ended, talk))).collect();
    let entries: Vec<Entry> = world.carrier.with_ledger(|ledger| ledger.entries().to_vec());
    let mut placed: BTreeMap<String, i64> = BTreeMap::new();
    let mut called = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.accepted) {
        let id = entry.attempt_id.to_string();
        called.insert(id.clone());
        if let Some(attempt) = judge.seen.attempts.get(&id) {
            *placed.entry(attempt.enrollment.clone()).or_default() += 1;
            if attempt.state != "finished" {
                let what = format!("attempt {id} was called and is {}", attempt.state);
                judge.accuse("I5", what);
            }
        }
        let Some((_, ended_at, talk_s)) = known.get(&id) else {
            judge.accuse("I5", format!("the call of attempt {id} is not known"));
            continue;
        };
        let end = entry.end.map(|end| (micros(end.at), i64::from(end.talk_s)));
        if end != ended_at.map(|at| (at, *talk_s)) {
            judge.accuse(
                "I5",
                format!("the call of attempt {id} ended {end:?}, on file {ended_at:?} {talk_s}"),
            );
        }
    }
    for id in known.keys().filter(|id| !called.contains(*id)) {
        judge.accuse("I5", format!("attempt {id} has a call that the carrier never made"));
    }
    let counts: Vec<(String, i64)> =
        judge.seen.enrollments.iter().map(|(id, row)| (id.clone(), row.placed)).collect();
    for (id, counted) in counts {
        let made = placed.get(&id).copied().unwrap_or(0);
        if counted != made {
            judge.accuse("I5", format!("enrollment {id} counts {counted} calls of {made}"));
        }
    }
    facts(world, judge).await
}

/// I5 once more: the facts on file, shuffled and doubled, add up to the row on file.
async fn facts(world: &World, judge: &mut Judge) -> anyhow::Result<()> {
    let rows: Vec<(String, i64, String)> =
        rows!(&world.db, "SELECT attempt_id, at, fact FROM callbacks ORDER BY attempt_id, key");
    let mut by_attempt: BTreeMap<String, Vec<StoredFact>> = BTreeMap::new();
    for (attempt, at, fact) in rows {
        let fact: Fact = serde_json::from_str(&fact)?;
        let at = callwright_engine::clock::instant_from_micros(at);
        by_attempt.entry(attempt).or_default().push(StoredFact { at, fact });
    }
    for (attempt, facts) in by_attempt {
        let whole = CallState::of(&facts);
        let turned: Vec<StoredFact> = facts.iter().rev().chain(facts.iter()).cloned().collect();
        if CallState::of(&turned) != whole {
            judge.accuse("I5", format!("the facts of attempt {attempt} depend on their order"));
        }
    }
    Ok(())
}

/// I6: a change and its event are one commit, and each happened once.
async fn events(world: &World, judge: &mut Judge) -> anyhow::Result<()> {
    let orphans: Vec<(i64,)> = rows!(&world.db, "SELECT count(*) FROM events WHERE kind = 'call.orphaned'");
    if let Some((count @ 1..,)) = orphans.first() {
        judge.accuse("orphan", format!("{count} orphan calls"));
    }
    let counted: Vec<(String, String, i64)> = rows!(
        &world.db,
        "SELECT kind, coalesce(CASE WHEN kind LIKE 'enrollment%' THEN enrollment_id ELSE attempt_id END, ''), count(*)
         FROM events WHERE kind IN ('enrollment.started', 'enrollment.ended', 'CALL_PLACED', 'attempt.planned')
           AND (kind LIKE 'enrollment%' OR attempt_id IS NOT NULL)
         GROUP BY 1, 2"
    );
    let counts: BTreeMap<(String, String), i64> =
        counted.into_iter().map(|(kind, id, count)| ((kind, id), count)).collect();
    let mut expected: Vec<(&str, String)> = Vec::new();
    for id in judge.seen.enrollments.keys() {
        expected.push(("enrollment.started", id.clone()));
        expected.push(("enrollment.ended", id.clone()));
    }
    for (id, attempt) in &judge.seen.attempts {
        if attempt.enrollment.is_empty() {
            continue;
        }
        expected.push(("attempt.planned", id.clone()));
        if attempt.state == "finished" && world.carrier.with_ledger(|ledger| was_called(ledger, id)) {
            expected.push(("CALL_PLACED", id.clone()));
        }
    }
    for (kind, id) in expected {
        let count = counts.get(&(kind.to_owned(), id.clone())).copied().unwrap_or(0);
        // What has not ended is an accusation of its own.
        if count > 1 || (count == 0 && (kind != "enrollment.ended" || judge.has_ended(&id))) {
            judge.accuse("I6", format!("{count} events {kind} of {id}"));
        }
    }
    let senders: Vec<(i64,)> = rows!(
        &world.db,
        "SELECT count(*) FROM events WHERE kind = 'MESSAGE_RECEIVED' GROUP BY CAST(data AS text) HAVING count(*) > 1"
    );
    if !senders.is_empty() {
        judge.accuse("I12", "an event with the same key was recorded twice");
    }
    Ok(())
}

fn was_called(ledger: &callwright_workers::provider::simulated::ledger::Ledger, attempt: &str) -> bool {
    attempt.parse().is_ok_and(|id| ledger.calls_of(id).next().is_some())
}

/// I14: nothing is written off without a look-up that found nothing, made late enough to be conclusive.
fn look_ups(world: &World, judge: &mut Judge) {
    let absent = world.watch.lock().absent.clone();
    let conclusive = world.carrier.capabilities().conclusive_after.num_microseconds().unwrap_or(0);
    let written_off: Vec<(String, i64)> = judge
        .seen
        .attempts
        .iter()
        .filter(|(_, attempt)| attempt.state == "not_placed")
        .map(|(id, attempt)| (id.clone(), attempt.intent_at.unwrap_or(0)))
        .collect();
    for (id, intent_at) in written_off {
        let looked = id.parse().ok().and_then(|id| absent.get(&id)).map(|at| micros(*at));
        if looked.is_none_or(|at| at < intent_at + conclusive) {
            judge.accuse(
                "I14",
                format!("attempt {id} was written off, looked up {looked:?}, intent {intent_at}"),
            );
        }
    }
}

/// I6 of the outbox: what was queued has been delivered, and nothing is left in the queue.
async fn outbox(world: &World, judge: &mut Judge, told: &Acknowledged) -> anyhow::Result<()> {
    let queued: Vec<(i64,)> = rows!(&world.db, "SELECT count(*) FROM events WHERE kind = 'message.queued'");
    let left: Vec<(i64,)> =
        rows!(&world.db, "SELECT count(*) FROM jobs WHERE state NOT IN ('done', 'cancelled')");
    let (queued, left) = (queued.first().map_or(0, |row| row.0), left.first().map_or(0, |row| row.0));
    if left > 0 {
        judge.accuse("I6", format!("{left} jobs are left"));
    }
    let handled = told.messages.len() as i64;
    if handled < queued {
        judge.accuse("I6", format!("{handled} of {queued} messages were handled"));
    }
    Ok(())
}
