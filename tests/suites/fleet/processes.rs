//! The same limits with real processes: `carrier`, `serve --no-dialing` and several `worker`s on one PostgreSQL, in real time.
//!
//! `CALLWRIGHT_FLEET_SECONDS=60 CALLWRIGHT_FLEET_WORKERS=4 cargo test --release -p callwright-tests --test fleet processes -- \
//! --nocapture` dials that long and prints the table. A short run only looks that every call is made once: on a busy machine
//! requests may take longer on their way than any pacing can know.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::id::{AttemptId, CampaignId};
use callwright_engine::store::Db;
use callwright_tests::faults::process::{Process, free_port};
use callwright_tests::{Backend, TestDb};
use callwright_workers::provider::http;
use callwright_workers::provider::simulated::ledger::Entry;
use chrono::TimeDelta;
use serde::Deserialize;

use crate::books::{lines_used, most_lines, rate_used, shortest_gap, worst_second};
use crate::exchange::Asked;
use crate::report::say;
use crate::stage::{Stage, at, size};

const STARTS_AT: &str = "2026-07-15T16:00:00Z";
const RINGS: &str =
    r#"{"noAnswer": 1, "answer": 0, "busy": 0, "voicemail": 0, "failed": 0, "ringS": [2, 4]}"#;
const LINES: u32 = 6;

/// Answer of the carrier's `GET /ledger`.
#[derive(Debug, Deserialize)]
struct Ledger {
    entries: Vec<Entry>,
}

/// Campaigns by what binds them: twenty with a rate, ten with lines, ten with an interval, ten that share caller numbers.
fn pacing(index: usize) -> (&'static str, Pacing) {
    let nothing = Pacing::default();
    match index % 5 {
        0 | 1 => ("2 calls per second", Pacing { calls_per_second: Some(2.0), ..nothing }),
        2 => ("6 lines", Pacing { max_concurrent: Some(LINES), ..nothing }),
        3 => ("every 0.8 s", Pacing { min_interval_s: Some(0.8), ..nothing }),
        _ => ("a number's 2 calls per second", nothing),
    }
}

async fn set_up(db: TestDb, calls: usize) -> anyhow::Result<(Stage, HashMap<CampaignId, usize>)> {
    let mut stage = Stage::open(db, at(STARTS_AT), 0).await?;
    let mut campaigns = HashMap::new();
    for index in 0..50 {
        let change = |campaign: &mut callwright_engine::domain::campaign::Campaign| {
            campaign.pacing = pacing(index).1;
            if index % 5 == 4 {
                campaign.caller_ids = vec![format!("+1202555{:04}", 100 + index / 10)];
                campaign.caller_pacing.calls_per_second = Some(2.0);
            }
        };
        campaigns.insert(stage.campaign(&format!("campaign-{index}"), calls, change).await?, index);
    }
    Ok((stage, campaigns))
}

/// A process of the command under test.
fn command(folder: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
    command.current_dir(folder).args(arguments).env("DATABASE_URL", url);
    command.env("CALLWRIGHT_CARRIER_SECRET", "shared-by-all").env("RUST_LOG", "warn");
    command
}

/// What the carrier was asked, with what the database knows of each attempt.
async fn asked(stage: &Stage, entries: Vec<Entry>) -> anyhow::Result<Vec<Asked>> {
    const SQL: &str = "SELECT id, campaign_id, caller FROM attempts";
    let Db::Postgres { pool, .. } = &stage.db.db else { anyhow::bail!("made for PostgreSQL") };
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(SQL).fetch_all(pool).await?;
    let mut known: HashMap<AttemptId, (CampaignId, Option<String>)> = HashMap::new();
    for (id, campaign, caller) in rows {
        known.insert(id.parse()?, (campaign.parse()?, caller));
    }
    let far = at(STARTS_AT) + TimeDelta::days(1);
    let asked = entries.into_iter().map(|entry| {
        let (campaign, caller) = known[&entry.attempt_id].clone();
        let ends_at = entry.end.map_or(far, |end| end.at);
        Asked { attempt: entry.attempt_id, campaign, caller, at: entry.asked_at, ends_at }
    });
    Ok(asked.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_the_limits_of_one_database() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let seconds = size("CALLWRIGHT_FLEET_SECONDS", 2)?;
    let workers = size("CALLWRIGHT_FLEET_WORKERS", 2)?;
    let (stage, campaigns) = set_up(db, (seconds * 5 / 2).max(10)).await?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("profile.json"), RINGS)?;
    let (serve_port, carrier_port) = (free_port()?.to_string(), free_port()?.to_string());
    let serve_url = format!("http://127.0.0.1:{serve_port}");
    let carrier_url = format!("http://127.0.0.1:{carrier_port}");
    let client = http::repeatable(Duration::from_secs(30))?;
    let run = |arguments: &[&str]| command(folder.path(), &stage.db.url, arguments);

    let serve = ["serve", "--no-dialing", "--port", &serve_port, "--virtual-clock", STARTS_AT, "--rate", "1"];
    let mut serve = Process::start("serve", folder.path(), run(&serve))?;
    serve.ready(&client, &serve_url).await?;
    let carrier = ["carrier", "--shared-clock", "--profile", "profile.json", "--port", &carrier_port];
    let mut carrier = Process::start("carrier", folder.path(), run(&carrier))?;
    carrier.ready(&client, &carrier_url).await?;
    let callbacks = format!("{serve_url}/callbacks/carrier");
    let worker = ["worker", "--carrier", &carrier_url, "--callback-url", &callbacks];
    let all: Vec<Process> = (0..workers)
        .map(|_| Process::start("worker", folder.path(), run(&worker)))
        .collect::<anyhow::Result<_>>()?;
    let ledger = || async {
        let answer = client.get(format!("{carrier_url}/ledger")).send().await?.error_for_status()?;
        anyhow::Ok(answer.json::<Ledger>().await?.entries)
    };
    // From the first call on, so that starting up does not count.
    let mut looks = 0;
    while ledger().await?.len() < 50 {
        looks += 1;
        ensure!(looks < 1_200, "nothing is dialed:\n{}", all[0].tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    let asked = asked(&stage, ledger().await?).await?;
    drop(all);

    let attempts: HashSet<_> = asked.iter().map(|asked| asked.attempt).collect();
    ensure!(attempts.len() == asked.len(), "an attempt was asked for twice");
    say(format_args!("{workers} worker processes, {} calls in {seconds} s", asked.len()));
    let broken = table(&asked, &campaigns);
    let states = stage.state_counts().await?;
    say(format_args!("  attempts {states:?}"));
    ensure!(seconds < 10 || broken.is_empty(), "broken: {broken:?}");
    Ok(())
}

/// Prints the worst and the average of each kind of limit; answers what was broken.
fn table(asked: &[Asked], campaigns: &HashMap<CampaignId, usize>) -> Vec<String> {
    let mut groups: BTreeMap<(&str, String), Vec<Asked>> = BTreeMap::new();
    for asked in asked {
        let index = campaigns[&asked.campaign];
        let of = if index % 5 == 4 { asked.caller.clone().unwrap_or_default() } else { index.to_string() };
        groups.entry((pacing(index).0, of)).or_default().push(asked.clone());
    }
    let until = asked.iter().map(|asked| asked.at).max().unwrap_or_default() + TimeDelta::milliseconds(1);
    let mut kinds: BTreeMap<&str, (f64, Vec<f64>)> = BTreeMap::new();
    let mut broken = Vec::new();
    for ((kind, of), asked) in &groups {
        let (worst, used) = match *kind {
            "6 lines" => (most_lines(asked) as f64 / f64::from(LINES), lines_used(asked, LINES, until)),
            "every 0.8 s" => {
                let gap = shortest_gap(asked).map_or(f64::INFINITY, TimeDelta::as_seconds_f64);
                (0.8 / gap, rate_used(asked, 1.0 / 0.8))
            }
            _ => (worst_second(asked) as f64 / 2.0, rate_used(asked, 2.0)),
        };
        if worst > 1.0 {
            broken.push(format!("{kind} of {of}: {worst:.3} of the limit"));
        }
        let row = kinds.entry(kind).or_default();
        row.0 = row.0.max(worst);
        row.1.push(used);
    }
    for (kind, (worst, used)) in kinds {
        let least = used.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = used.iter().sum::<f64>() / used.len() as f64;
        say(format_args!(
            "  {kind:<30} worst {worst:>5.3} of the limit, used {:>5.1} % on average, {:>5.1} % at least",
            mean * 100.0,
            least * 100.0
        ));
    }
    broken
}
