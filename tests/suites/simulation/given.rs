//! Trials of some hundred made-up people in a recorded campaign.

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::lead::Lead;
use callwright_engine::engine::Safeguards;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::{Pace, Ran};
use callwright_engine::simulate::population::Population;
use callwright_engine::simulate::replay::Contact;
use callwright_tests::TestDb;
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::json;

const SEED: u64 = 11;

/// A Monday morning before anybody in the United States may be called.
pub fn start() -> Instant {
    "2026-07-13T09:00:00Z".parse().unwrap()
}

/// Contacts with one to five calls, some long talks and some yeses; the same every time.
pub fn contacts(count: u32) -> Vec<Contact> {
    (0..count)
        .map(|n| Contact {
            contact: n.to_string(),
            attempts: 1 + (n * 7 + n / 5) % 5,
            duration_s: 20 + (n * 37) % 280,
            subscribed: n % 9 == 0,
        })
        .collect()
}

/// How a recorded campaign is replayed.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    pub safeguards: Safeguards,
    /// Every two neighbours share one number.
    pub shared_numbers: bool,
}

/// A replay that has run to its end.
pub struct Replayed {
    pub trial: Trial,
    pub ran: Ran,
    _db: TestDb,
}

/// Replays the contacts with the shipped cadence `replay`, on SQLite.
pub async fn replay(contacts: &[Contact], how: How) -> anyhow::Result<Replayed> {
    let db = TestDb::sqlite().await?;
    if !how.safeguards.number_lock {
        without_number_index(&db).await?;
    }
    let population = Population::united_states(SEED);
    let owner = |index: u64| if how.shared_numbers { index - index % 2 } else { index };
    let mut script = Scripted::default();
    for (index, contact) in contacts.iter().enumerate() {
        let number = population.person(owner(index as u64)).number;
        script.replay(number, contact.attempts, contact.duration_s, contact.subscribed);
    }
    let setup = Setup { safeguards: how.safeguards, ..Setup::at(start(), SEED) };
    let trial = Trial::open(db.db.clone(), Library::embedded(), setup, script);
    let mut leads: Vec<Lead> = Vec::with_capacity(contacts.len());
    for index in 0..contacts.len() as u64 {
        let mut person = population.person(index);
        person.number = population.person(owner(index)).number;
        person.region = population.person(owner(index)).region;
        // The recorded people said nothing about their preferred hours.
        person.preferred_time = None;
        leads.push(people::lead(&person, &trial.engine.ids, start()));
    }
    trial.add_leads(&leads).await?;
    let campaign = campaigns::consented("replay", VoiceClass::Live, &trial.engine.ids, start())?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
    for answer in trial.enroll(campaign, "replay", &ids, &json!({"offer": {"title": "deposit"}})).await? {
        anyhow::ensure!(answer.is_ok(), "{answer:?}");
    }
    let ran = trial.run(pace(), |_| ()).await?;
    Ok(Replayed { trial, ran, _db: db })
}

/// What happens within five minutes is handled together.
pub fn pace() -> Pace {
    Pace { resolution: TimeDelta::minutes(5), batch: 500, until: start() + TimeDelta::days(60) }
}

/// The database's own last line of defence has to go as well, or it would refuse what the missing lock lets through.
async fn without_number_index(db: &TestDb) -> anyhow::Result<()> {
    let callwright_engine::store::Db::Sqlite { write, .. } = &db.db else { anyhow::bail!("made for SQLite") };
    sqlx::query("DROP INDEX attempts_number_live").execute(write).await?;
    Ok(())
}
