//! The in-process carrier's books in the database, so that an audit spans restarts. The stand-alone carrier has its journal.

use std::sync::Arc;

use callwright_engine::clock::{instant_from_micros, micros};
use callwright_engine::domain::call::EndStatus;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::carrier_ledger::{self, Row};
use callwright_engine::store::{Db, StoreError};

use super::in_process::SimulatedCarrier;
use super::ledger::{Ending, Entry};

/// Rows per transaction.
const BATCH: usize = 5_000;

/// Writes what changed in the books since the last time. Books that could not be written stay to be written.
pub async fn save(db: &Db, carrier: &SimulatedCarrier) -> Result<usize, StoreError> {
    let changed = carrier.changed();
    for batch in changed.entries.chunks(BATCH) {
        let rows: Vec<Row> = batch.iter().map(to_row).collect();
        let mut tx = db.begin().await?;
        carrier_ledger::save(&mut tx, &rows).await?;
        tx.commit().await?;
    }
    carrier.saved(&changed);
    Ok(changed.entries.len())
}

/// The books as they were last written, for [`SimulatedCarrier::restore`].
pub async fn load(db: &Db) -> Result<Vec<Entry>, StoreError> {
    let mut tx = db.begin_read().await?;
    let rows = carrier_ledger::all(&mut tx).await?;
    tx.rollback().await?;
    rows.into_iter().map(to_entry).collect()
}

fn to_row(entry: &Entry) -> Row {
    Row {
        call_id: entry.call_id.clone(),
        attempt_id: entry.attempt_id.to_string(),
        enrollment_id: entry.enrollment_id.map(|id| id.to_string()),
        number: entry.number.e164(),
        step: entry.step.to_string(),
        visit: i64::from(entry.visit),
        attempt: i64::from(entry.attempt),
        asked_at: micros(entry.asked_at),
        accepted: i64::from(entry.accepted),
        status: entry.end.map(|end| end.status.as_str().to_owned()),
        ended_at: entry.end.map(|end| micros(end.at)),
        talk_s: entry.end.map(|end| i64::from(end.talk_s)),
        converted: entry.end.map(|end| i64::from(end.converted)),
    }
}

fn to_entry(row: Row) -> Result<Entry, StoreError> {
    let bad = |column, problem: &dyn std::fmt::Display| {
        StoreError::bad_row("carrier_ledger", column, &row.call_id, problem)
    };
    let enrollment_id = row.enrollment_id.as_deref().map(str::parse).transpose();
    Ok(Entry {
        attempt_id: row.attempt_id.parse().map_err(|e| bad("attempt_id", &e))?,
        enrollment_id: enrollment_id.map_err(|e| bad("enrollment_id", &e))?,
        number: PhoneNumber::e164_only(&row.number).map_err(|e| bad("number", &e))?,
        step: Arc::from(row.step.as_str()),
        visit: u32::try_from(row.visit).map_err(|e| bad("visit", &e))?,
        attempt: u32::try_from(row.attempt).map_err(|e| bad("attempt", &e))?,
        asked_at: instant_from_micros(row.asked_at),
        accepted: row.accepted != 0,
        // Of no interest once it has ended, and a call in progress dies with its carrier.
        starts_at: None,
        queued: false,
        end: ending(&row).map_err(|problem| bad("status", &problem))?,
        callback_url: None,
        call_id: row.call_id,
    })
}

fn ending(row: &Row) -> Result<Option<Ending>, String> {
    let (Some(status), Some(ended_at)) = (&row.status, row.ended_at) else { return Ok(None) };
    Ok(Some(Ending {
        at: instant_from_micros(ended_at),
        status: status.parse::<EndStatus>().map_err(|error| error.to_string())?,
        talk_s: row.talk_s.unwrap_or_default().unsigned_abs() as u32,
        converted: row.converted == Some(1),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::in_process::tests::{Desk, noon};
    use super::super::profile::Profile;
    use super::super::{behaviour::Seeded, faults::Faults};
    use super::*;

    #[tokio::test]
    async fn books_come_back_from_the_database_as_they_were() {
        let db = Db::open("sqlite::memory:").await.unwrap();
        let source = Seeded { seed: 4, profile: Profile::default() };
        let desk = Desk::new(source, Faults { refuse: 0.2, ..Faults::default() });
        for attempt in 0..50 {
            desk.place(desk.asked(attempt));
        }
        assert_eq!(save(&db, &desk.carrier).await.unwrap(), 50);
        assert_eq!(save(&db, &desk.carrier).await.unwrap(), 0, "nothing changed since");
        desk.place(desk.asked(50));
        desk.carrier.restore(desk.carrier.with_ledger(|ledger| ledger.entries().to_vec()));
        assert!(save(&db, &desk.carrier).await.unwrap() > 0);

        let mut kept = desk.carrier.with_ledger(|ledger| ledger.entries().to_vec());
        kept.sort_by(|a, b| (a.asked_at, &a.call_id).cmp(&(b.asked_at, &b.call_id)));
        assert_eq!(load(&db).await.unwrap(), kept);
        assert!(kept.iter().all(|entry| entry.asked_at == noon()));
    }
}
