//! The limit of complete calls: the very rows that a run left behind, taken out and written again into the same tables with the
//! same indexes, in batches of which each commits its intents before the rest.

use std::fmt::Write as _;

use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::store::db::{Db, Sql, Tx, on_db, render};
use crate::store::error::StoreError;
use crate::store::packed;

/// A table and what a call writes there: text columns, then numbers.
struct Table {
    name: &'static str,
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
    /// Which rows, in which order.
    which: &'static str,
}

const INTENTS: Table = Table {
    name: "attempts",
    texts: &[
        "id",
        "enrollment_id",
        "lead_id",
        "campaign_id",
        "number",
        "flow",
        "version",
        "step",
        "state",
        "owner",
        "provider",
        "provider_call_id",
        "outcome",
        "disposition",
    ],
    numbers: &[
        "visit",
        "attempt",
        "priority",
        "due_at",
        "fence",
        "intent_at",
        "send_by",
        "checked_at",
        "created_at",
        "finished_at",
    ],
    which: "WHERE intent_at IS NOT NULL ORDER BY intent_at, id",
};
/// Place of `intent_at` in a row of [`INTENTS`].
const INTENT_AT: usize = 19;

const REST: [Table; 4] = [
    Table {
        name: "decisions",
        texts: &[
            "id",
            "lead_id",
            "enrollment_id",
            "attempt_id",
            "step",
            "verdict",
            "gate",
            "reason",
            "reports",
            "tzdb",
        ],
        numbers: &["at", "until"],
        which: "ORDER BY id",
    },
    Table {
        name: "events",
        texts: &[
            "id",
            "kind",
            "lead_id",
            "enrollment_id",
            "attempt_id",
            "campaign_id",
            "version",
            "data",
            "dedupe",
        ],
        numbers: &["at", "recorded_at"],
        which: "WHERE kind <> 'enrollment.started' ORDER BY id",
    },
    Table {
        name: "calls",
        texts: &[
            "id",
            "attempt_id",
            "lead_id",
            "campaign_id",
            "direction",
            "provider",
            "provider_call_id",
            "status",
            "answered_by",
            "flow",
            "version",
            "outcome",
            "disposition",
            "conversation",
        ],
        numbers: &["placed_at", "answered_at", "ended_at", "talk_s", "recorded"],
        which: "ORDER BY id",
    },
    Table {
        name: "callbacks",
        texts: &["attempt_id", "key", "fact"],
        numbers: &["at", "received_at"],
        which: "ORDER BY received_at, attempt_id",
    },
];

const EMPTY: [&str; 5] = [
    "DELETE FROM callbacks",
    "DELETE FROM calls",
    "DELETE FROM decisions",
    "DELETE FROM events WHERE kind <> 'enrollment.started'",
    "DELETE FROM attempts",
];

static SETTLE: Sql = Sql::new(
    "UPDATE attempts SET state = e.value->>8, provider_call_id = e.value->>11, outcome = e.value->>12, disposition = e.value->>13,
            finished_at = CAST(e.value->>23 AS BIGINT)
     FROM {each} WHERE attempts.id = e.value->>0",
);
static ADVANCE: Sql = Sql::new(
    "UPDATE enrollments SET visit = visit, step = step, placed = placed, due_at = due_at, state = state, checked_at = 0
     FROM {each} WHERE enrollments.id = e.value->>1",
);
static LEADS: Sql = Sql::new(
    "UPDATE leads SET last_contacted_at = 0, updated_at = 0 FROM {each} WHERE leads.id = e.value->>2",
);

type Row = Vec<Value>;

/// What a run wrote, taken out of its tables, in batches.
pub struct Recorded {
    batches: Vec<Batch>,
}

struct Batch {
    intents: Vec<Row>,
    rest: [Vec<Row>; 4],
}

impl Recorded {
    /// Reads everything that the calls of a run have written, and deletes it.
    pub async fn take(db: &Db, batch: usize) -> Result<Self, StoreError> {
        let mut tx = db.begin().await?;
        let intents = read(&mut tx, &INTENTS).await?;
        let mut groups: Vec<Vec<Row>> = Vec::new();
        for row in intents {
            // A number is dialed once at a time: what was dialed later comes later.
            match groups.last_mut() {
                Some(last) if last.len() < batch && last[0][INTENT_AT] == row[INTENT_AT] => last.push(row),
                _ => groups.push(vec![row]),
            }
        }
        let count = groups.len().max(1);
        let mut batches: Vec<Batch> =
            groups.into_iter().map(|intents| Batch { intents, rest: Default::default() }).collect();
        for (place, table) in REST.iter().enumerate() {
            let mut rows = read(&mut tx, table).await?;
            let share = rows.len().div_ceil(count);
            for batch in batches.iter_mut().rev() {
                batch.rest[place] = rows.split_off(rows.len().saturating_sub(share));
            }
        }
        for sql in EMPTY {
            on_db!(&mut tx, |conn| sqlx::query(sql).execute(conn).await.map(|_| ()))?;
        }
        tx.commit().await?;
        Ok(Self { batches })
    }

    /// Writes it all again by hand. The time this takes is the limit.
    pub async fn write(&self, db: &Db) -> Result<(), StoreError> {
        for batch in &self.batches {
            let intents = crate::store::bulk(&batch.intents)?;
            let mut tx = db.begin().await?;
            insert(&mut tx, &INTENTS, "'dialing'", intents.clone()).await?;
            tx.commit().await?;
            let mut tx = db.begin().await?;
            for sql in [&SETTLE, &ADVANCE, &LEADS] {
                let sql = sql.on(tx.dialect());
                let rows = intents.clone();
                on_db!(&mut tx, |conn| sqlx::query(sql).bind(rows).execute(conn).await.map(|_| ()))?;
            }
            for (table, rows) in REST.iter().zip(&batch.rest) {
                insert(&mut tx, table, "", crate::store::bulk(rows)?).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }
}

async fn read(tx: &mut Tx, table: &Table) -> Result<Vec<Row>, StoreError> {
    let columns = [table.texts, table.numbers].concat().join(", ");
    let text = format!(
        "SELECT {{collect}} FROM (SELECT {{pack}}({columns}) AS r FROM {} {}) AS packed",
        table.name, table.which
    );
    let sql = render(&text, tx.dialect());
    let rows: String = on_db!(tx, |conn| sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await)?;
    packed::rows(table.name, &rows)
}

/// `state`: SQL to write instead of a stored state, if any.
async fn insert(tx: &mut Tx, table: &Table, state: &str, rows: String) -> Result<(), StoreError> {
    let mut values = String::new();
    for (place, column) in table.texts.iter().enumerate() {
        let separator = if place == 0 { "" } else { ", " };
        if *column == "state" && !state.is_empty() {
            let _ = write!(values, "{separator}{state}");
        } else {
            let _ = write!(values, "{separator}e.value->>{place}");
        }
    }
    for (place, _) in table.numbers.iter().enumerate() {
        let _ = write!(values, ", CAST(e.value->>{} AS BIGINT)", place + table.texts.len());
    }
    let columns = [table.texts, table.numbers].concat().join(", ");
    let text = format!("INSERT INTO {} ({columns}) SELECT {values} FROM {{each}} WHERE true", table.name);
    let sql = render(&text, tx.dialect());
    on_db!(tx, |conn| sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(conn).await.map(|_| ()))?;
    Ok(())
}
