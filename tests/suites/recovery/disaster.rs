//! The whole way: a backup under load, calls and opt-outs after it, the end of the database, a restore, and calls again. The
//! carrier's own books say whether anybody was called twice or against their word. The same way without one of the two halves
//! of reconciling shows that the books notice.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use callwright_tests::Backend;
use callwright_tests::faults::process::Process;
use callwright_workers::provider::simulated::audit::{Audit, SuppressedFrom};
use callwright_workers::provider::simulated::ledger::Entry;
use callwright_workers::provider::simulated::server::AuditRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::store_of_world::{self as books, Books};
use super::world::{World, numbers};

/// Calls before the backup, and after it.
const BEFORE: usize = 10;
const AFTER: usize = 16;
/// Leads who opt out after the backup.
const OPT_OUTS: usize = 8;
/// Where virtual time passes at its fastest.
const WITHIN: Duration = Duration::from_mins(2);

/// Half of reconciling that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    Journal,
    Adoption,
}

/// What the end of the story looks like.
#[derive(Debug)]
struct Outcome {
    audit: Audit,
    report: Value,
    /// Calls that the carrier made and the database does not know.
    lost: usize,
}

#[derive(Debug, Deserialize)]
struct Ledger {
    entries: Vec<Entry>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_sqlite_database_calls_nobody_twice_and_nobody_who_opted_out() -> anyhow::Result<()> {
    let outcome = story(Backend::Sqlite, Without::Nothing).await?;
    nothing_went_wrong(outcome.context("SQLite is always there")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_postgres_database_calls_nobody_twice_and_nobody_who_opted_out() -> anyhow::Result<()> {
    let Some(outcome) = story(Backend::Postgres, Without::Nothing).await? else { return Ok(()) };
    nothing_went_wrong(outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_journal_people_who_opted_out_are_called() -> anyhow::Result<()> {
    let outcome = story(Backend::Sqlite, Without::Journal).await?.context("SQLite is always there")?;
    ensure!(outcome.audit.suppressed_dials > 0, "nobody noticed: {}", outcome.audit);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_adoption_people_are_called_twice() -> anyhow::Result<()> {
    let outcome = story(Backend::Sqlite, Without::Adoption).await?.context("SQLite is always there")?;
    let twice = outcome.audit.double_dials + outcome.audit.repeated_requests;
    ensure!(twice > 0, "nobody noticed: {}", outcome.audit);
    ensure!(outcome.lost > 0, "every call is on file all the same");
    Ok(())
}

fn nothing_went_wrong(outcome: Outcome) -> anyhow::Result<()> {
    let Outcome { audit, report, lost } = outcome;
    ensure!(audit.is_clean(), "the carrier's books: {audit}\n{:?}\n{report}", audit.findings);
    ensure!((audit.open, lost) == (0, 0), "{} calls open, {lost} not on file", audit.open);
    let done = &report["done"];
    ensure!(done["calls"]["adopted"].as_u64() > Some(0), "nothing was adopted: {report}");
    ensure!(done["calls"]["orphaned"] == 0 && done["calls"]["held"] == 0, "{report}");
    ensure!(done["journal"]["optedOut"].as_u64() >= Some(OPT_OUTS as u64), "{report}");
    Ok(())
}

async fn story(backend: Backend, without: Without) -> anyhow::Result<Option<Outcome>> {
    let Some(mut world) = World::open(backend).await? else { return Ok(None) };
    let serve = world.serving().await?;
    let carrier = world.carrier_elsewhere().await?;
    world.set_up()?;
    calls_reach(&world, BEFORE, &serve).await?;
    let backup = world.back_up()?;
    let at_backup = ledger(&world).await?.len();
    let told = opt_outs(&world, at_backup).await?;
    calls_reach(&world, at_backup + AFTER, &serve).await?;
    let evidence = evidence(&world, &told).await?;
    serve.kill()?;
    world.destroy().await?;
    if backend == Backend::Sqlite {
        let refused = world.refused(&["restore", "backups", "--into", world.url()])?;
        ensure!(refused.contains("--replace"), "{refused}");
    }
    let file = backup["backup"].as_str().context("the backup's name")?.to_owned();
    world.cli(&["restore", &file, "--into", world.url(), "--replace"])?;

    let serve = world.serving().await?;
    let report = come_back(&world, without, &backup).await?;
    finish(&world, &serve, &carrier).await?;
    let books = Books::open(world.url()).await?;
    if without == Without::Nothing {
        let events = books.events().await?;
        let ends = ["recovery.started", "recovery.finished"].map(|kind| events.get(kind).copied());
        ensure!(ends == [Some(1), Some(1)], "{events:?}");
        ensure!(!events.contains_key("enrollment.quarantined"), "{events:?}");
        ensure!(!events.contains_key("call.orphaned"), "{events:?}");
    }
    let known: HashSet<String> = books.calls().await?;
    let entries = ledger(&world).await?;
    let lost = entries.iter().filter(|entry| entry.accepted && !known.contains(&entry.call_id)).count();
    books.close().await;
    let body = AuditRequest { suppressions: evidence, ..AuditRequest::default() };
    let request = world.client.post(format!("{}/audit", world.carrier_url)).json(&body);
    let audit: Audit = request.send().await?.error_for_status()?.json().await?;
    Ok(Some(Outcome { audit, report, lost }))
}

/// The restored database waits: it says so everywhere, calls nobody, and goes on when it has been reconciled.
async fn come_back(world: &World, without: Without, backup: &Value) -> anyhow::Result<Value> {
    let ready = world.ready().await?;
    let checks = ready["checks"].as_array().context("checks")?;
    let says_so = |check: &Value| check["detail"].as_str().is_some_and(|text| text.starts_with("recovering"));
    ensure!(checks.iter().any(says_so), "{ready}");
    let why = world.cli(&["why", "lead_0"])?;
    ensure!(why.contains("callwright reconcile"), "{why}");
    let doctor = world.refused(&["doctor", "--format", "json"])?;
    ensure!(doctor.contains("not reconciled"), "{doctor}");
    let before = ledger(world).await?;

    let mut arguments = vec!["reconcile", "--carrier", &world.carrier_url, "--format", "json"];
    match without {
        Without::Nothing => {}
        Without::Journal => arguments.push("--without-journal"),
        Without::Adoption => {
            // Somebody takes the mark away by hand.
            books::execute(world.url(), "DELETE FROM recovery").await?;
            return Ok(Value::Null);
        }
    }
    let report: Value = serde_json::from_str(&world.cli(&arguments)?)?;
    ensure!(report["recovering"] == false, "{report}");
    if without == Without::Nothing {
        // `serve` has been up all the while: what the carrier listed is what it had before, so nothing was asked for meanwhile.
        let manifest = backup["manifest"].as_str().context("a manifest")?;
        let manifest: Value = serde_json::from_str(&std::fs::read_to_string(world.path().join(manifest))?)?;
        let since = serde_json::from_value::<chrono::DateTime<chrono::Utc>>(manifest["engineAt"].clone())?;
        let since = since - chrono::TimeDelta::hours(1);
        let made = before.iter().filter(|entry| entry.accepted && entry.asked_at >= since).count();
        ensure!(
            report["done"]["calls"]["listed"] == made,
            "calls went out before it was reconciled: {report}"
        );
    }
    let again = world.cli(&["reconcile", "--carrier", &world.carrier_url])?;
    ensure!(again.contains("nothing to reconcile"), "{again}");
    Ok(report)
}

/// People whom nobody has called yet say stop, by the API.
async fn opt_outs(world: &World, already: usize) -> anyhow::Result<Vec<String>> {
    let called: HashSet<String> =
        ledger(world).await?.iter().take(already).map(|entry| entry.number.e164()).collect();
    let fresh = numbers().into_iter().filter(|(_, number)| !called.contains(number));
    let mut told = Vec::new();
    for (lead, number) in fresh.take(OPT_OUTS) {
        world.put(&format!("crm/leads/{lead}"), &json!({ "doNotCall": true })).await?;
        told.push(number);
    }
    ensure!(told.len() == OPT_OUTS, "only {} people were left to say stop", told.len());
    Ok(told)
}

/// Who must not be called, read before the disaster: all opt-outs that were acknowledged, those in calls included.
async fn evidence(world: &World, told: &[String]) -> anyhow::Result<Vec<SuppressedFrom>> {
    let books = Books::open(world.url()).await?;
    let suppressed = books.suppressed(world.speed).await?;
    books.close().await;
    let known: HashSet<String> = suppressed.iter().map(|entry| entry.number.e164()).collect();
    ensure!(
        told.iter().all(|number| known.contains(number)),
        "an opt-out was acknowledged and is not on file"
    );
    Ok(suppressed)
}

async fn ledger(world: &World) -> anyhow::Result<Vec<Entry>> {
    let request = world.client.get(format!("{}/ledger", world.carrier_url));
    let ledger: Ledger = request.send().await?.error_for_status()?.json().await?;
    Ok(ledger.entries)
}

async fn calls_reach(world: &World, count: usize, serve: &Process) -> anyhow::Result<()> {
    let (began, patience) = (Instant::now(), world.speed.stretched(WITHIN));
    while ledger(world).await?.len() < count {
        ensure!(began.elapsed() < patience, "not {count} calls:\n{}", serve.tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until no enrollment is open and no attempt under way.
async fn finish(world: &World, serve: &Process, carrier: &Process) -> anyhow::Result<()> {
    let (began, patience) = (Instant::now(), world.speed.stretched(WITHIN));
    loop {
        let books = Books::open(world.url()).await?;
        let left = books.unfinished().await?;
        if left == (0, 0) {
            books.close().await;
            return Ok(());
        }
        if began.elapsed() > patience {
            let attempts = books.counts("SELECT state, count(*) FROM attempts GROUP BY state").await?;
            let walks = books.counts("SELECT state || ' ' || coalesce(hold, '') || ' ' || coalesce(reason, ''), count(*) FROM enrollments GROUP BY 1").await?;
            anyhow::bail!(
                "stuck: {attempts:?} {walks:?}\nserve:\n{}\ncarrier:\n{}",
                serve.tail(),
                carrier.tail()
            );
        }
        books.close().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
