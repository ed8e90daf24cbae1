//! Writing leads: new ones, edited ones and their status.

use super::rows::{LeadWrite, PhoneWrite, phone_writes};
use super::{lock_many, upsert};
use crate::clock::{Instant, micros};
use crate::domain::lead::{Lead, LeadStatus};
use crate::domain::new_lead::{FieldError, NewLead};
use crate::id::LeadId;
use crate::journal::Word;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::erase;
use crate::store::error::StoreError;

static INSERT: Sql = Sql::new(
    "INSERT INTO leads (id, external_id, email, first_name, last_name, company, segment, status, language, zone, country, region,
                        preferred_text, preferred, do_not_call, do_not_email, score, tags, custom, synthetic, phone,
                        phone_invalid, phone_zones, phone_jurisdictions, created_at, updated_at, last_contacted_at, account_id)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, e.value->>6, e.value->>7, e.value->>8,
            e.value->>9, e.value->>10, e.value->>11, e.value->>12, e.value->>13, CAST(e.value->>14 AS BIGINT),
            CAST(e.value->>15 AS BIGINT), CAST(e.value->>16 AS BIGINT), e.value->>17, e.value->>18, CAST(e.value->>19 AS BIGINT),
            e.value->>20, e.value->>21, e.value->>22, e.value->>23, CAST(e.value->>24 AS BIGINT), CAST(e.value->>25 AS BIGINT),
            CAST(e.value->>26 AS BIGINT), e.value->>27
     FROM {each} WHERE true",
);

// What calls taught us about a number (wrong person, disconnected) stays with it until another number is on file.
static REPLACE: Sql = Sql::new(
    "UPDATE leads SET
        external_id = e.value->>1, email = e.value->>2, first_name = e.value->>3, last_name = e.value->>4, company = e.value->>5,
        segment = e.value->>6, status = e.value->>7, language = e.value->>8, zone = e.value->>9, country = e.value->>10,
        region = e.value->>11, preferred_text = e.value->>12, preferred = e.value->>13,
        do_not_call = CAST(e.value->>14 AS BIGINT), do_not_email = CAST(e.value->>15 AS BIGINT),
        score = CAST(e.value->>16 AS BIGINT), tags = e.value->>17, custom = e.value->>18,
        synthetic = CAST(e.value->>19 AS BIGINT), phone = e.value->>20,
        phone_invalid = CASE WHEN leads.phone = e.value->>20 THEN coalesce(e.value->>21, leads.phone_invalid)
                             ELSE e.value->>21 END,
        phone_zones = e.value->>22, phone_jurisdictions = e.value->>23, updated_at = CAST(e.value->>25 AS BIGINT),
        account_id = e.value->>27
     FROM {each} WHERE leads.id = e.value->>0",
);

static DROP_PHONES: Sql = Sql::new("DELETE FROM phones WHERE lead_id IN (SELECT e.value->>0 FROM {each})");

static INSERT_PHONES: Sql = Sql::new(
    "INSERT INTO phones (lead_id, position, given, number, invalid, is_primary)
     SELECT e.value->>0, CAST(e.value->>1 AS BIGINT), e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT)
     FROM {each} WHERE true",
);

static SET_STATUS: Sql = Sql::new(
    "UPDATE leads SET status = $2, do_not_call = CASE WHEN $2 = 'opted_out' THEN 1 ELSE do_not_call END, updated_at = $3
     WHERE status <> 'opted_out' AND status <> $2 AND id IN (SELECT e.value->>0 FROM {each})",
);

const REINSTATE: &str = "UPDATE leads SET status = 'contacted', do_not_call = 0, updated_at = $2
     WHERE id = $1 AND (status = 'opted_out' OR do_not_call = 1)";

/// What became of a change to one lead.
#[derive(Debug, Clone)]
pub enum Edited {
    Saved(Box<Lead>),
    /// Nothing was changed.
    Refused(Vec<FieldError>),
    Missing,
}

/// Stores new leads with their numbers. A known external id or e-mail address is a constraint error.
pub async fn insert_many(tx: &mut Tx, leads: &[Lead]) -> Result<(), StoreError> {
    write(tx, &INSERT, leads).await?;
    insert_phones(tx, leads).await
}

/// Changes one lead; what `change` does not mention stays as it is.
///
/// An opted-out lead stays so whatever `change` says ([`reinstate`] is the way back); opting out itself is the engine's
/// business, because it ends enrollments and suppresses numbers.
pub async fn update(tx: &mut Tx, id: LeadId, change: &NewLead, now: Instant) -> Result<Edited, StoreError> {
    let Some(before) = lock_many(tx, &[id]).await?.pop() else { return Ok(Edited::Missing) };
    if erase::find(tx, id).await?.is_some() {
        let message = "this person was erased: nothing about them is kept any more".to_owned();
        return Ok(Edited::Refused(vec![FieldError { field: "leadId".to_owned(), message }]));
    }
    let lead = match change.apply(&before, now) {
        Ok(lead) => lead,
        Err(mistakes) => return Ok(Edited::Refused(mistakes)),
    };
    if let Some(taken) = upsert::taken_by_another(tx, &lead).await? {
        return Ok(Edited::Refused(vec![taken]));
    }
    let phones_changed = before.phones != lead.phones;
    replace_many(
        tx,
        std::slice::from_ref(&lead),
        if phones_changed { std::slice::from_ref(&lead) } else { &[] },
    )
    .await?;
    Ok(Edited::Saved(Box::new(lead)))
}

/// Sets the status of leads. Opted-out ones keep theirs. Answers how many changed.
pub async fn set_status_many(
    tx: &mut Tx,
    leads: &[LeadId],
    status: LeadStatus,
    now: Instant,
) -> Result<u64, StoreError> {
    if status == LeadStatus::OptedOut {
        for lead in leads {
            tx.noted().note(Word::OptedOut { lead: *lead });
        }
    }
    let (sql, keys) = (SET_STATUS.on(tx.dialect()), crate::store::keys(leads));
    Ok(on_db!(tx, |conn| sqlx::query(sql)
        .bind(keys)
        .bind(status.as_str())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Takes back an opt-out; answers whether there was one. Callers have checked that a manager holds evidence; suppressions
/// of the numbers are removed separately.
pub async fn reinstate(tx: &mut Tx, id: LeadId, now: Instant) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REINSTATE)
        .bind(id.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done > 0 {
        tx.noted().note(Word::Reinstated { lead: id });
    }
    Ok(done > 0)
}

/// Overwrites leads that this transaction has locked, and the numbers of those in `with_phones`.
pub(super) async fn replace_many(
    tx: &mut Tx,
    leads: &[Lead],
    with_phones: &[Lead],
) -> Result<(), StoreError> {
    write(tx, &REPLACE, leads).await?;
    if with_phones.is_empty() {
        return Ok(());
    }
    let ids: Vec<LeadId> = with_phones.iter().map(|lead| lead.id).collect();
    let (sql, keys) = (DROP_PHONES.on(tx.dialect()), crate::store::keys(&ids));
    on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|_| ()))?;
    insert_phones(tx, with_phones).await
}

async fn write(tx: &mut Tx, statement: &Sql, leads: &[Lead]) -> Result<(), StoreError> {
    if leads.is_empty() {
        return Ok(());
    }
    let rows = leads.iter().map(LeadWrite::of).collect::<Result<Vec<_>, _>>()?;
    let (sql, bulk) = (statement.on(tx.dialect()), crate::store::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

async fn insert_phones(tx: &mut Tx, leads: &[Lead]) -> Result<(), StoreError> {
    let rows: Vec<PhoneWrite> = leads.iter().flat_map(phone_writes).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (INSERT_PHONES.on(tx.dialect()), crate::store::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
