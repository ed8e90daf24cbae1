//! A demo-like trial in which everything goes wrong now and then: nothing gets stuck, and the carrier's books stay clean.

use std::collections::BTreeMap;

use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::lead::Lead;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::Db;
use callwright_tests::TestDb;
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::provider::simulated::faults::Faults;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::json;

use crate::given::{pace, start};

/// Two campaigns of made-up people in the United States and India.
async fn trial(db: &TestDb, seed: u64, faults: Faults) -> anyhow::Result<Trial> {
    let profile = Profile { answer: 0.45, opt_out: 0.05, ..Profile::default() };
    let setup = Setup { faults, ..Setup::at(start(), seed) };
    let trial = Trial::open(db.db.clone(), Library::embedded(), setup, Seeded { seed, profile });
    let population = Population::united_states(seed).with_india(5);
    let leads: Vec<Lead> = people::leads(&population, 0..240, &trial.engine.ids, start());
    trial.add_leads(&leads).await?;
    for (offset, cadence) in ["new-lead", "qualification"].into_iter().enumerate() {
        let campaign = campaigns::consented(cadence, VoiceClass::Artificial, &trial.engine.ids, start())?;
        let campaign = trial.add_campaign(&campaign).await?;
        let ids: Vec<LeadId> = leads.iter().skip(offset).step_by(2).map(|lead| lead.id).collect();
        for answer in trial.enroll(campaign, cadence, &ids, &json!({})).await? {
            anyhow::ensure!(answer.is_ok(), "{answer:?}");
        }
    }
    Ok(trial)
}

fn patient() -> Pace {
    Pace { resolution: TimeDelta::seconds(60), ..pace() }
}

/// Attempts by state, those that never ended among them.
async fn attempts(db: &Db) -> anyhow::Result<BTreeMap<String, i64>> {
    let Db::Sqlite { read, .. } = db else { anyhow::bail!("made for SQLite") };
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM attempts GROUP BY state").fetch_all(read).await?;
    Ok(rows.into_iter().collect())
}

async fn orphans(db: &Db) -> anyhow::Result<i64> {
    let Db::Sqlite { read, .. } = db else { anyhow::bail!("made for SQLite") };
    Ok(sqlx::query_scalar("SELECT count(*) FROM events WHERE kind = 'call.orphaned'").fetch_one(read).await?)
}

#[tokio::test]
async fn with_every_fault_nothing_gets_stuck_and_nobody_is_called_twice() -> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    // Few attempts are looked up, so that what happens to look-ups must be frequent to happen at all; and they are looked up by
    // the minute, when a list that is behind has caught up.
    let faults =
        Faults { fail_look_up: 0.3, lag_look_up: 0.0, stale_look_up: 0.0, ..Faults::everything(0.02) };
    let trial = trial(&db, 21, faults).await?;
    let ran = trial.run(patient(), |_| ()).await?;
    let report = trial.report().await?;
    assert!(ran.finished, "still waiting: {:?}", report.summary.open);
    assert_eq!(report.summary.open, BTreeMap::new());
    let states = attempts(&db.db).await?;
    for live in ["planned", "dialing", "placed", "unknown"] {
        assert_eq!(states.get(live), None, "{states:?}");
    }
    assert!(report.audit.is_clean(), "{}: {:?}", report.audit, report.audit.findings);
    assert_eq!(orphans(&db.db).await?, 0);
    assert_eq!(report.summary.attempts, report.audit.calls, "every call of the carrier is known here");
    let fired = trial.carrier.fired();
    for fault in faults.declared() {
        assert!(fired.get(fault).is_some_and(|times| *times > 0), "{fault} never happened: {fired:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trial_with_faults_repeats_from_its_seed() -> anyhow::Result<()> {
    let mut stories = Vec::new();
    for _ in 0..2 {
        let db = TestDb::sqlite().await?;
        let trial = trial(&db, 5, Faults::everything(0.05)).await?;
        let until = start() + TimeDelta::days(4);
        let ran = trial.run(Pace { until, ..patient() }, |_| ()).await?;
        let report = trial.report().await?;
        stories.push((ran, report.summary, report.audit, report.hours));
    }
    assert_eq!(stories[0], stories[1]);
    Ok(())
}

/// Calls that a carrier of one call a second had to queue during a morning of 40 people.
async fn queued(calls_per_second: Option<f64>) -> anyhow::Result<(u64, u64)> {
    let db = TestDb::sqlite().await?;
    let faults = Faults { calls_per_second: 1.0, ..Faults::default() };
    let setup = Setup { faults, ..Setup::at(start(), 3) };
    let source = Seeded { seed: 3, profile: Profile::default() };
    let trial = Trial::open(db.db.clone(), Library::embedded(), setup, source);
    let people = people::leads(&Population::united_states(3), 0..40, &trial.engine.ids, start());
    trial.add_leads(&people).await?;
    let mut campaign = campaigns::consented("new-lead", VoiceClass::Artificial, &trial.engine.ids, start())?;
    campaign.pacing.calls_per_second = calls_per_second;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    trial.enroll(campaign, "new-lead", &ids, &json!({})).await?;
    let until = start() + TimeDelta::hours(9);
    trial.run(Pace { until, resolution: TimeDelta::milliseconds(100), ..pace() }, |_| ()).await?;
    let audit = trial.report().await?.audit;
    Ok((audit.calls, audit.queued))
}

#[tokio::test]
async fn pacing_below_the_carriers_rate_keeps_its_queue_empty() -> anyhow::Result<()> {
    let (calls, waited) = queued(Some(0.9)).await?;
    assert!(calls > 20, "{calls} calls");
    assert_eq!(waited, 0);
    let (_, waited) = queued(None).await?;
    assert!(waited > 0, "without pacing the carrier queues");
    Ok(())
}
