//! Taking jobs back from owners that fell silent, and setting aside those that seem to kill them (I9).

use super::finish::{FinalRow, ReturnRow, write_final, write_return_rows};
use super::model::BackOff;
use crate::clock::{Instant, micros};
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

/// When a job that outlives its workers is given another, and when it is not.
#[derive(Debug, Clone, Copy)]
pub struct ReapPolicy {
    /// Deaths after which a job is quarantined.
    pub quarantine_after: u32,
    /// Pause after each death: bystanders come back soon, a killer ever later.
    pub back_off: BackOff,
    /// At most so many jobs in one transaction.
    pub limit: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reaped {
    pub returned: usize,
    pub quarantined: usize,
}

pub(super) static EXPIRED: Sql = Sql::new(
    "SELECT id, fence, deaths FROM jobs WHERE lease_until IS NOT NULL AND lease_until < $1
     ORDER BY lease_until LIMIT $2 {skip}",
);

/// Takes back every job whose lease ended before `real` (the database's real clock); due times follow `now`.
pub async fn reap(
    tx: &mut Tx,
    policy: ReapPolicy,
    real: Instant,
    now: Instant,
) -> Result<Reaped, StoreError> {
    let sql = EXPIRED.on(tx.dialect());
    let expired: Vec<(String, i64, i64)> = on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(micros(real))
        .bind(i64::from(policy.limit))
        .fetch_all(conn)
        .await)?;
    let mut finals = Vec::new();
    let mut returns = Vec::new();
    for (id, fence, before) in expired {
        let deaths = before + 1;
        let error = Some(format!("its worker stopped answering while holding it ({deaths}×)"));
        if deaths >= i64::from(policy.quarantine_after) {
            finals.push(FinalRow { id, fence, state: "quarantined", failures: 0, deaths, error });
        } else {
            let run_at = Some(micros(now + policy.back_off.exact(deaths as u32)));
            returns.push(ReturnRow { id, fence, run_at, failures: 0, deaths: Some(deaths), error });
        }
    }
    let quarantined = if finals.is_empty() { 0 } else { write_final(tx, &finals, now).await?.len() };
    let returned = write_return_rows(tx, &returns, now).await?.len();
    Ok(Reaped { returned, quarantined })
}
