//! What the database says of itself: migrations, the mark of a restore, clocks, backups, settings, soundness, keys.

use callwright_engine::clock::Instant;
use callwright_engine::domain::emergency::EmergencyStop;
use callwright_engine::domain::registry::RegistryList;
use callwright_engine::engine::TimeSource;
use callwright_engine::store::backup::{self, PostgresHealth};
use callwright_engine::store::{Db, StoreError, api_key, clock, emergency_stop, recovery, registry};
use chrono::{TimeDelta, Utc};

use super::super::registry::is_stale;
use super::{Finding, State, finding};

/// A worker whose clock is further off does not claim.
const MOST_SKEW_S: f64 = 2.0;
/// A daily backup, and some time to make it.
const BACKUP_EVERY: TimeDelta = TimeDelta::hours(26);
/// A transaction open for longer keeps old rows from going away.
const LONGEST_TRANSACTION: TimeDelta = TimeDelta::minutes(5);
/// Transactions that the oldest session may lag behind.
const OLDEST_XMIN: i64 = 10_000_000;

pub(super) async fn all(db: &Db, deep: bool) -> anyhow::Result<Vec<Finding>> {
    let mut findings = vec![finding("database", State::Fine, "reachable")];
    let schema = match db.schema().await {
        Ok(schema) => schema,
        Err(error) => {
            findings.push(finding("migrations", State::Bad, error.to_string()));
            return Ok(findings);
        }
    };
    if let Some(first) = schema.pending.first() {
        let message = format!(
            "at {} of {}, {:04} {} is missing; `callwright migrate` applies it, and so does the next `serve`",
            schema.applied, schema.head, first.version, first.name
        );
        // The rest asks tables that may not be there yet.
        findings.push(finding("migrations", State::Warning, message));
        return Ok(findings);
    }
    findings.push(finding("migrations", State::Fine, format!("all applied (schema {})", schema.head)));
    let seen = look(db).await?;
    findings.push(seen.recovering());
    findings.extend(seen.clocks());
    findings.push(seen.backed_up());
    findings.push(seen.registries());
    findings.extend(seen.stopped());
    findings.push(match seen.keys {
        0 => finding("API keys", State::Warning, "none; `callwright key create NAME` makes one"),
        count => finding("API keys", State::Fine, format!("{count} in force")),
    });
    if let Some(health) = backup::postgres_health(db).await? {
        findings.extend(settings(&health, seen.database_now));
    }
    if deep && matches!(db, Db::Sqlite { .. }) {
        findings.push(sound(backup::sqlite_problems_live(db).await?));
    }
    Ok(findings)
}

/// What one reading transaction saw.
struct Seen {
    database_now: Instant,
    virtual_rate: Option<f64>,
    mark: Option<recovery::Recovery>,
    backup: Option<backup::Made>,
    keys: usize,
    /// By the engine's clock.
    now: Instant,
    lists: Vec<RegistryList>,
    stops: Vec<EmergencyStop>,
}

async fn look(db: &Db) -> Result<Seen, StoreError> {
    let mut tx = db.begin_read().await?;
    let seen = Seen {
        database_now: clock::database_now(&mut tx).await?,
        virtual_rate: clock::virtual_clock(&mut tx).await?.map(|clock| clock.rate),
        mark: recovery::current(&mut tx).await?,
        backup: backup::latest(&mut tx).await?,
        keys: api_key::list(&mut tx).await?.iter().filter(|key| key.revoked_at.is_none()).count(),
        now: TimeSource::Database.now(&mut tx).await?,
        lists: registry::lists(&mut tx).await?,
        stops: emergency_stop::in_force(&mut tx).await?,
    };
    tx.rollback().await?;
    Ok(seen)
}

impl Seen {
    fn recovering(&self) -> Finding {
        match &self.mark {
            None => finding("recovery", State::Fine, "not restored, or reconciled since"),
            Some(mark) => {
                let since = mark.journal_from.format("%Y-%m-%d %H:%M UTC");
                let message = format!(
                    "restored to {since} and not reconciled: nobody is called; run `callwright reconcile`"
                );
                finding("recovery", State::Bad, message)
            }
        }
    }

    fn clocks(&self) -> Vec<Finding> {
        let skew = (Utc::now() - self.database_now).as_seconds_f64().abs();
        let message = format!("{skew:.1} s from the database's");
        let mut findings = vec![if skew < MOST_SKEW_S {
            finding("clock", State::Fine, message)
        } else {
            finding("clock", State::Bad, format!("{message}; set this machine's clock"))
        }];
        if let Some(rate) = self.virtual_rate {
            let message = format!("virtual, at {rate} times real time: no real carrier will be used");
            findings.push(finding("clock", State::Warning, message));
        }
        findings
    }

    fn registries(&self) -> Finding {
        let stale: Vec<String> =
            self.lists.iter().filter(|list| is_stale(list, self.now)).map(RegistryList::name).collect();
        if !stale.is_empty() {
            let message = format!(
                "too old or never loaded, so that calls are put off: {}; `callwright import FILE --kind suppressions --registry NAME`",
                stale.join(", ")
            );
            return finding("registries", State::Bad, message);
        }
        let oldest = self.lists.iter().filter_map(|list| list.data_at).min();
        let message = match oldest {
            Some(at) => format!("{} lists, the oldest of {}", self.lists.len(), at.date_naive()),
            None => "none in use".to_owned(),
        };
        finding("registries", State::Fine, message)
    }

    /// Not wrong, and never to be forgotten.
    fn stopped(&self) -> Option<Finding> {
        let stops: Vec<String> =
            self.stops.iter().map(|stop| format!("{}: {}", stop.scope, stop.reason)).collect();
        let message = format!("calls are stopped {}; `callwright resume` lets them go on", stops.join("; "));
        (!stops.is_empty()).then(|| finding("stops", State::Warning, message))
    }

    fn backed_up(&self) -> Finding {
        let Some(made) = &self.backup else {
            let message = "none was made yet; `callwright backup FOLDER --keep 14`, daily";
            return finding("backup", State::Warning, message);
        };
        let age = self.database_now - made.taken_at;
        let message = format!("{} h old: {}", age.num_hours(), made.file);
        if age <= BACKUP_EVERY {
            finding("backup", State::Fine, message)
        } else {
            finding("backup", State::Warning, format!("{message}; a daily one is due"))
        }
    }
}

fn sound(problems: Vec<String>) -> Finding {
    match problems.first() {
        None => finding("integrity", State::Fine, "every page of the database is sound"),
        Some(first) => {
            let message = format!("{first} ({} problems); restore the newest backup", problems.len());
            finding("integrity", State::Bad, message)
        }
    }
}

/// Settings of PostgreSQL on which durability and speed rest.
fn settings(health: &PostgresHealth, now: Instant) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wrong = |state, message: String| findings.push(finding("settings", state, message));
    for (name, is_on) in [("fsync", health.fsync), ("full_page_writes", health.full_page_writes)] {
        if !is_on {
            wrong(State::Bad, format!("{name} is off: a power cut may destroy the database"));
        }
    }
    if health.synchronous_commit == "off" {
        wrong(
            State::Bad,
            "synchronous_commit is off: a crash takes the last commits along, and with them who was called"
                .to_owned(),
        );
    }
    if health.idle_in_transaction_ms == 0 {
        wrong(
            State::Warning,
            "idle_in_transaction_session_timeout is 0: a forgotten session holds locks for ever; set it to 30s".to_owned(),
        );
    }
    if health.oldest_xmin_age > OLDEST_XMIN {
        let message = format!(
            "a session sees the state of {} transactions ago: old rows cannot be removed, and claims get slow",
            health.oldest_xmin_age
        );
        wrong(State::Warning, message);
    }
    if let Some(began) = health.oldest_transaction_at.filter(|began| now - *began > LONGEST_TRANSACTION) {
        let minutes = (now - began).num_minutes();
        wrong(
            State::Warning,
            format!("a transaction has been open for {minutes} min: look at pg_stat_activity"),
        );
    }
    if findings.is_empty() {
        findings.push(finding("settings", State::Fine, "commits outlive a power cut; no old transaction"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> PostgresHealth {
        PostgresHealth {
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            idle_in_transaction_ms: 30_000,
            oldest_xmin_age: 3,
            oldest_transaction_at: None,
        }
    }

    fn worst(health: &PostgresHealth) -> Option<State> {
        let now = "2026-07-01T12:00:00Z".parse().unwrap();
        let states: Vec<State> = settings(health, now).iter().map(|found| found.state).collect();
        [State::Bad, State::Warning, State::Fine].into_iter().find(|state| states.contains(state))
    }

    #[test]
    fn settings_that_lose_commits_are_bad() {
        assert_eq!(worst(&healthy()), Some(State::Fine));
        assert_eq!(worst(&PostgresHealth { fsync: false, ..healthy() }), Some(State::Bad));
        assert_eq!(
            worst(&PostgresHealth { synchronous_commit: "off".to_owned(), ..healthy() }),
            Some(State::Bad)
        );
        assert_eq!(worst(&PostgresHealth { idle_in_transaction_ms: 0, ..healthy() }), Some(State::Warning));
        let began = "2026-07-01T11:50:00Z".parse().ok();
        assert_eq!(
            worst(&PostgresHealth { oldest_transaction_at: began, ..healthy() }),
            Some(State::Warning)
        );
    }

    #[test]
    fn two_seconds_are_too_far() {
        let seen = |off: i64| Seen {
            database_now: Utc::now() - TimeDelta::milliseconds(off),
            virtual_rate: None,
            mark: None,
            backup: None,
            keys: 1,
            now: Utc::now(),
            lists: Vec::new(),
            stops: Vec::new(),
        };
        assert_eq!(seen(500).clocks()[0].state, State::Fine);
        assert_eq!(seen(2_100).clocks()[0].state, State::Bad);
    }
}
