//! Coupons: issuing them in sets, finding, ending and counting them.

mod end;
mod issue;
mod page;
mod report;
mod rows;

pub use end::{expire, lock_by_code, redeem, revoke, withdraw};
pub use issue::{Issue, Issued, issue_many};
pub use page::{CouponFilter, page};
pub use report::{ReportLine, report};

use self::rows::{CouponRow, coupon_row};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::domain::coupon::{Code, Coupon};
use crate::id::CouponId;

static FIND: Sql = Sql::new(coupon_row!("FROM {each} JOIN coupons c ON c.id = e.value->>0 ORDER BY c.id"));
static BY_KEYS: Sql =
    Sql::new(coupon_row!("FROM {each} JOIN coupons c ON c.issue_key = e.value->>0 ORDER BY c.id"));
const BY_CODE: &str = coupon_row!("FROM coupons c WHERE c.code = $1");

pub async fn find(tx: &mut Tx, id: CouponId) -> Result<Option<Coupon>, StoreError> {
    Ok(find_many(tx, &[id]).await?.pop())
}

/// The coupons that exist among these, in id order.
pub async fn find_many(tx: &mut Tx, ids: &[CouponId]) -> Result<Vec<Coupon>, StoreError> {
    let (sql, keys) = (FIND.on(tx.dialect()), super::keys(ids));
    let rows: Vec<CouponRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter().map(Coupon::try_from).collect()
}

pub async fn by_code(tx: &mut Tx, code: Code) -> Result<Option<Coupon>, StoreError> {
    let row: Option<CouponRow> =
        on_db!(tx, |conn| sqlx::query_as(BY_CODE).bind(code.plain()).fetch_optional(conn).await)?;
    row.map(Coupon::try_from).transpose()
}

/// The coupons that were issued for these, in id order.
pub async fn by_issue_keys(tx: &mut Tx, keys: &[&str]) -> Result<Vec<Coupon>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let bulk = super::bulk(&keys.iter().map(|key| [key]).collect::<Vec<_>>())?;
    let sql = BY_KEYS.on(tx.dialect());
    let rows: Vec<CouponRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter().map(Coupon::try_from).collect()
}
