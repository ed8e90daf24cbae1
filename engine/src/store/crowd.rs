//! Crowds for benchmarks: one synthetic lead copied a million times by the database itself, and its enrollment likewise. What
//! is copied was written by the product; only ids, numbers and addresses differ.

use super::db::{Db, Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};
use crate::id::{CampaignId, LeadId};

/// Copies per transaction.
const CHUNK: u64 = 50_000;

/// The id of a copy, and what is like it elsewhere: sequential, as ids made in the order of time are.
macro_rules! id {
    ($part:literal) => {
        concat!("'01900000-0000-7000-", $part, "-' || substr(CAST(1000000000000 + s.n AS TEXT), 2)")
    };
}

macro_rules! number {
    () => {
        "'+1' || CAST(212 + s.n / 8000000 AS TEXT) || CAST(2000000 + s.n % 8000000 AS TEXT)"
    };
}

const FIRST_INTENTS: &str = "SELECT a.lead_id, min(a.intent_at) FROM attempts a
     WHERE a.campaign_id = $1 AND a.intent_at IS NOT NULL GROUP BY a.lead_id";
static LEADS: Sql = Sql::new(concat!(
    "INSERT INTO leads (id, external_id, email, phone, first_name, last_name, company, segment, status, language, zone, country,
                        region, preferred_text, preferred, do_not_call, do_not_email, score, tags, custom, synthetic,
                        phone_invalid, phone_zones, phone_jurisdictions, created_at, updated_at, last_contacted_at)
     SELECT ",
    id!("8000"),
    ", 'crowd-' || s.n, 'crowd-' || s.n || '@example.com', ",
    number!(),
    ", l.first_name, l.last_name, l.company, l.segment, l.status, l.language, l.zone, l.country, l.region, l.preferred_text,
       l.preferred, l.do_not_call, l.do_not_email, l.score, l.tags, l.custom, l.synthetic, l.phone_invalid, l.phone_zones,
       l.phone_jurisdictions, l.created_at, l.updated_at, l.last_contacted_at
     FROM {series} CROSS JOIN leads l WHERE l.id = $3"
));

static PHONES: Sql = Sql::new(concat!(
    "INSERT INTO phones (lead_id, position, given, number, invalid, is_primary) SELECT ",
    id!("8000"),
    ", p.position, ",
    number!(),
    ", ",
    number!(),
    ", p.invalid, p.is_primary FROM {series} CROSS JOIN phones p WHERE p.lead_id = $3"
));

static ENROLLMENTS: Sql = Sql::new(concat!(
    "INSERT INTO enrollments (id, lead_id, due_at, due_since, campaign_id, cadence, entry_key, version, state, hold, step, visit,
                              attempt, promised, wait_event, priority, variables, placed, started_at)
     SELECT ",
    id!("8001"),
    ", ",
    id!("8000"),
    ", CAST($4 AS BIGINT) + s.n * CAST($5 AS BIGINT), CAST($4 AS BIGINT) + s.n * CAST($5 AS BIGINT), n.campaign_id, n.cadence,
       n.entry_key, n.version, n.state, n.hold, n.step, n.visit, n.attempt, n.promised, n.wait_event, n.priority, n.variables,
       n.placed, n.started_at
     FROM {series} CROSS JOIN enrollments n WHERE n.lead_id = $3"
));

static PURCHASES: Sql = Sql::new(concat!(
    "INSERT INTO purchases (id, external_id, order_id, lead_id, product_id, quantity, currency, unit_minor, refunded_minor,
                            is_verified, purchased_at, delivered_at, created_at, updated_at)
     SELECT ",
    id!("8005"),
    ", NULL, NULL, ",
    id!("8000"),
    ", p.product_id, p.quantity, p.currency, p.unit_minor, p.refunded_minor, p.is_verified, p.purchased_at, p.delivered_at,
       p.created_at, p.updated_at
     FROM {series} CROSS JOIN purchases p WHERE p.lead_id = $3"
));

/// The id of the copy with this number.
pub fn id(number: u64) -> LeadId {
    LeadId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + decimal(number)))
}

/// The digits of a number read as hexadecimal ones: that is how they stand in the id's text.
fn decimal(number: u64) -> u128 {
    let mut rest = number;
    let mut value = 0;
    for place in 0..12 {
        value |= u128::from(rest % 10) << (4 * place);
        rest /= 10;
    }
    value
}

/// When the copies of an enrollment become due.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    pub first_at: Instant,
    /// Microseconds from one to the next.
    pub apart: u64,
}

/// Copies a lead `count` times, and its one enrollment with it if `waits` is given. `progress` is told how many are there.
pub async fn fill(
    db: &Db,
    original: LeadId,
    count: u64,
    waits: Option<Waits>,
    mut progress: impl FnMut(u64),
) -> Result<(), StoreError> {
    let mut from = 0;
    while from < count {
        let until = (from + CHUNK).min(count);
        let mut tx = db.begin().await?;
        for sql in [&LEADS, &PHONES] {
            let sql = sql.on(tx.dialect());
            on_db!(&mut tx, |conn| sqlx::query(sql)
                .bind(from as i64)
                .bind(until as i64)
                .bind(original.to_string())
                .execute(conn)
                .await
                .map(|_| ()))?;
        }
        if let Some(waits) = waits {
            let sql = ENROLLMENTS.on(tx.dialect());
            on_db!(&mut tx, |conn| sqlx::query(sql)
                .bind(from as i64)
                .bind(until as i64)
                .bind(original.to_string())
                .bind(micros(waits.first_at))
                .bind(waits.apart as i64)
                .execute(conn)
                .await
                .map(|_| ()))?;
        }
        tx.commit().await?;
        progress(until);
        from = until;
    }
    Ok(())
}

/// When each lead of a campaign was first called, in microseconds.
pub async fn first_intents(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<(LeadId, i64)>, StoreError> {
    let rows: Vec<(String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(FIRST_INTENTS).bind(campaign.to_string()).fetch_all(conn).await)?;
    let read = |(lead, at): (String, i64)| match lead.parse() {
        Ok(id) => Ok((id, at)),
        Err(problem) => Err(StoreError::bad_row("attempts", "lead_id", &lead, problem)),
    };
    rows.into_iter().map(read).collect()
}

/// Copies the one purchase of a lead for each of its `count` copies.
pub async fn purchases(db: &Db, original: LeadId, count: u64) -> Result<(), StoreError> {
    let mut from = 0;
    while from < count {
        let until = (from + CHUNK).min(count);
        let mut tx = db.begin().await?;
        let sql = PURCHASES.on(tx.dialect());
        on_db!(&mut tx, |conn| sqlx::query(sql)
            .bind(from as i64)
            .bind(until as i64)
            .bind(original.to_string())
            .execute(conn)
            .await
            .map(|_| ()))?;
        tx.commit().await?;
        from = until;
    }
    Ok(())
}
