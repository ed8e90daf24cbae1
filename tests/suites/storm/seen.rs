//! The tables as they stand between two steps, and the statements of the harness's own. Reading them is no part of the system.

use std::collections::{BTreeMap, BTreeSet};

use callwright_engine::store::Db;

/// Runs a query of the harness's own on either database.
macro_rules! rows {
    ($db:expr, $sql:expr) => {
        match $db {
            callwright_engine::store::Db::Sqlite { read, .. } => sqlx::query_as($sql).fetch_all(read).await?,
            callwright_engine::store::Db::Postgres { pool, .. } => {
                sqlx::query_as($sql).fetch_all(pool).await?
            }
        }
    };
}
pub(crate) use rows;

/// A statement behind the system's back.
pub async fn execute(db: &Db, sql: &'static str) -> anyhow::Result<u64> {
    Ok(match db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await?.rows_affected(),
        Db::Postgres { pool, .. } => sqlx::query(sql).execute(pool).await?.rows_affected(),
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSeen {
    pub enrollment: String,
    pub lead: String,
    pub campaign: String,
    pub number: String,
    pub state: String,
    pub due_at: i64,
    pub intent_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentSeen {
    pub lead: String,
    pub state: String,
    pub hold: String,
    pub step: String,
    pub due_at: Option<i64>,
    pub result: String,
    pub version: String,
    pub placed: i64,
}

/// One look at everything that is checked step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub attempts: BTreeMap<String, AttemptSeen>,
    pub enrollments: BTreeMap<String, EnrollmentSeen>,
    pub paused: BTreeSet<String>,
    /// Leads that may not be called: flags, and revoked consent.
    pub shut: BTreeSet<String>,
    /// `(number, campaign or empty)`.
    pub suppressed: BTreeSet<(String, String)>,
}

const ATTEMPTS: &str = "SELECT id, coalesce(enrollment_id, ''), lead_id, campaign_id, number, state, due_at, intent_at FROM attempts";
const ENROLLMENTS: &str = "SELECT id, lead_id, state, coalesce(hold, ''), step, due_at,
            coalesce(result, ''), version, placed FROM enrollments";
const PAUSED: &str = "SELECT id FROM campaigns WHERE status <> 'active'";
const SHUT: &str = "SELECT id FROM leads WHERE do_not_call = 1 OR status = 'opted_out'
     UNION SELECT c.lead_id FROM consents c WHERE c.purpose = 'voice_contact' AND c.revoked_at IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM consents d WHERE d.lead_id = c.lead_id AND d.purpose = c.purpose AND d.revoked_at IS NULL)";
const SUPPRESSED: &str = "SELECT number, campaign_id FROM suppressions";

type AttemptRow = (String, String, String, String, String, String, i64, Option<i64>);
type EnrollmentRow = (String, String, String, String, String, Option<i64>, String, String, i64);

impl Seen {
    pub async fn look(db: &Db) -> anyhow::Result<Self> {
        let attempts: Vec<AttemptRow> = rows!(db, ATTEMPTS);
        let enrollments: Vec<EnrollmentRow> = rows!(db, ENROLLMENTS);
        let paused: Vec<(String,)> = rows!(db, PAUSED);
        let shut: Vec<(String,)> = rows!(db, SHUT);
        let suppressed: Vec<(String, String)> = rows!(db, SUPPRESSED);
        let attempt = |(id, enrollment, lead, campaign, number, state, due_at, intent_at): AttemptRow| {
            (id, AttemptSeen { enrollment, lead, campaign, number, state, due_at, intent_at })
        };
        let enrollment = |row: EnrollmentRow| {
            let (id, lead, state, hold, step, due_at, result, version, placed) = row;
            (id, EnrollmentSeen { lead, state, hold, step, due_at, result, version, placed })
        };
        Ok(Self {
            attempts: attempts.into_iter().map(attempt).collect(),
            enrollments: enrollments.into_iter().map(enrollment).collect(),
            paused: paused.into_iter().map(|(id,)| id).collect(),
            shut: shut.into_iter().map(|(id,)| id).collect(),
            suppressed: suppressed.into_iter().collect(),
        })
    }

    /// Is an enrollment due at `at`?
    pub fn is_anyone_due(&self, at: i64) -> bool {
        self.enrollments.values().any(|row| row.state == "waiting" && row.due_at.is_some_and(|due| due <= at))
    }

    /// Is a planned call due at `at`? Those of paused campaigns are not waited for.
    pub fn is_any_call_due(&self, at: i64) -> bool {
        let planned = |row: &AttemptSeen| {
            row.state == "planned" && row.due_at <= at && !self.paused.contains(&row.campaign)
        };
        self.attempts.values().any(planned)
    }

    /// Attempts of an enrollment: planned, and live ones.
    pub fn open(&self, enrollment: &str) -> (usize, usize) {
        let of = |states: &[&str]| {
            let own = self.attempts.values().filter(|attempt| attempt.enrollment == enrollment);
            own.filter(|attempt| states.contains(&attempt.state.as_str())).count()
        };
        (of(&["planned"]), of(&["dialing", "placed", "unknown"]))
    }
}

/// Children before parents.
const TABLES: &[&str] = &[
    "DELETE FROM callbacks",
    "DELETE FROM calls",
    "DELETE FROM attempts",
    "DELETE FROM enrollments",
    "DELETE FROM decisions",
    "DELETE FROM events",
    "DELETE FROM tasks",
    "DELETE FROM jobs",
    "DELETE FROM phones",
    "DELETE FROM consents",
    "DELETE FROM leads",
    "DELETE FROM campaign_days",
    "DELETE FROM pacing_counters",
    "DELETE FROM campaigns",
    "DELETE FROM suppressions",
    "DELETE FROM publications",
    "DELETE FROM cadence_heads",
    "DELETE FROM definitions",
    "DELETE FROM idempotency_keys",
];

/// Empties the database for the next run.
pub async fn wipe(db: &Db) -> anyhow::Result<()> {
    for sql in TABLES {
        execute(db, sql).await?;
    }
    Ok(())
}
