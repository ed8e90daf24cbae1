//! Offers: what may be promised. What a campaign may give away in all is [`super::budget`].

use sqlx_macros::FromRow;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::money::read_some;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::new_lead::FieldError;
use crate::domain::new_offer::NewOffer;
use crate::domain::offer::{Discount, Offer};
use crate::id::{CampaignId, OfferId};
use crate::money::{MoneyError, Percent};
use crate::store::bulk::bulk_row;

macro_rules! offer_row {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, o.key, o.name, o.campaign_id, o.label, o.percent_bp, o.amount_minor, o.currency, o.valid_from,
                    o.valid_until, o.coupon_hours, o.policy, o.is_active, o.created_at, o.updated_at ",
            $rest
        )
    };
}

static FIND: Sql = Sql::new(offer_row!("FROM {each} JOIN offers o ON o.id = e.value->>0 ORDER BY o.id"));
static LOCK: Sql = Sql::new(offer_row!("FROM offers o WHERE o.id = $1 {lock}"));
const BY_KEY: &str = offer_row!("FROM offers o WHERE o.key = $1");
const RESOLVE: &str = "SELECT id FROM (
         SELECT id, 0 AS place FROM offers WHERE id = $1 UNION ALL SELECT id, 1 FROM offers WHERE key = $2
     ) AS found ORDER BY place LIMIT 1";
const PAGE: &str = offer_row!(
    "FROM offers o
     WHERE (o.updated_at, o.id) < ($3, $4) AND ($1 IS NULL OR o.campaign_id = $1) AND ($2 IS NULL OR o.is_active = $2)
     ORDER BY o.updated_at DESC, o.id DESC LIMIT $5"
);
static INSERT: Sql = Sql::new(
    "INSERT INTO offers (id, key, name, campaign_id, label, percent_bp, amount_minor, currency, valid_from, valid_until,
                         coupon_hours, policy, is_active, created_at, updated_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT),
            CAST(e.value->>6 AS BIGINT), e.value->>7, CAST(e.value->>8 AS BIGINT), CAST(e.value->>9 AS BIGINT),
            CAST(e.value->>10 AS BIGINT), e.value->>11, CAST(e.value->>12 AS BIGINT), CAST(e.value->>13 AS BIGINT),
            CAST(e.value->>14 AS BIGINT)
     FROM {each} WHERE true ON CONFLICT (key) DO NOTHING",
);
static REPLACE: Sql = Sql::new(
    "UPDATE offers SET
        name = e.value->>2, campaign_id = e.value->>3, label = e.value->>4, percent_bp = CAST(e.value->>5 AS BIGINT),
        amount_minor = CAST(e.value->>6 AS BIGINT), currency = e.value->>7, valid_from = CAST(e.value->>8 AS BIGINT),
        valid_until = CAST(e.value->>9 AS BIGINT), coupon_hours = CAST(e.value->>10 AS BIGINT), policy = e.value->>11,
        is_active = CAST(e.value->>12 AS BIGINT), updated_at = CAST(e.value->>14 AS BIGINT)
     FROM {each} WHERE offers.id = e.value->>0",
);

#[derive(Debug, FromRow)]
struct OfferRow {
    id: String,
    key: String,
    name: String,
    campaign_id: Option<String>,
    label: String,
    percent_bp: Option<i64>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
    coupon_hours: Option<i64>,
    policy: String,
    is_active: i64,
    created_at: i64,
    updated_at: i64,
}

bulk_row! {
    struct OfferWrite {
        id: String,
        key: String,
        name: String,
        campaign_id: Option<String>,
        label: String,
        percent_bp: Option<i64>,
        amount_minor: Option<i64>,
        currency: Option<&'static str>,
        valid_from: Option<i64>,
        valid_until: Option<i64>,
        coupon_hours: Option<u32>,
        policy: String,
        is_active: i64,
        created_at: i64,
        updated_at: i64,
    }
}

/// What became of a change to one offer.
#[derive(Debug, Clone)]
pub enum Edited {
    Saved(Box<Offer>),
    /// Nothing was changed.
    Refused(Vec<FieldError>),
    Missing,
}

pub async fn find(tx: &mut Tx, id: OfferId) -> Result<Option<Offer>, StoreError> {
    Ok(find_many(tx, &[id]).await?.pop())
}

/// The offers that exist among these, in id order.
pub async fn find_many(tx: &mut Tx, ids: &[OfferId]) -> Result<Vec<Offer>, StoreError> {
    let (sql, keys) = (FIND.on(tx.dialect()), super::keys(ids));
    let rows: Vec<OfferRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter().map(Offer::try_from).collect()
}

pub async fn by_key(tx: &mut Tx, key: &str) -> Result<Option<Offer>, StoreError> {
    let row: Option<OfferRow> =
        on_db!(tx, |conn| sqlx::query_as(BY_KEY).bind(key).fetch_optional(conn).await)?;
    row.map(Offer::try_from).transpose()
}

/// The offer that a caller means by our id or by its key.
pub async fn resolve(tx: &mut Tx, text: &str) -> Result<Option<OfferId>, StoreError> {
    let own = text.parse::<OfferId>().map_or_else(|_| text.to_owned(), |id| id.to_string());
    let id: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(RESOLVE).bind(own).bind(text).fetch_optional(conn).await)?;
    id.map(|id| id.parse().map_err(|e| StoreError::bad_row("offers", "id", &id, e))).transpose()
}

/// Makes an offer unless there is one with this key already. Answers the one on file, and whether it is this one.
pub async fn ensure(tx: &mut Tx, offer: &Offer) -> Result<(Offer, bool), StoreError> {
    let (sql, bulk) = (INSERT.on(tx.dialect()), super::bulk(&[OfferWrite::of(offer)?])?);
    let made =
        on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|done| done.rows_affected()))?;
    let kept = by_key(tx, &offer.key).await?;
    let kept = kept.ok_or_else(|| StoreError::Missing { what: "offer", id: offer.key.clone() })?;
    Ok((kept, made > 0))
}

/// Changes one offer; what `change` does not mention stays as it is. Coupons that were issued keep what they promised.
pub async fn update(tx: &mut Tx, id: OfferId, change: &NewOffer, now: Instant) -> Result<Edited, StoreError> {
    let sql = LOCK.on(tx.dialect());
    let row: Option<OfferRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(id.to_string()).fetch_optional(conn).await)?;
    let Some(before) = row.map(Offer::try_from).transpose()? else { return Ok(Edited::Missing) };
    let offer = match change.apply(&before, now) {
        Ok(offer) => offer,
        Err(mistakes) => return Ok(Edited::Refused(mistakes)),
    };
    let (sql, bulk) = (REPLACE.on(tx.dialect()), super::bulk(&[OfferWrite::of(&offer)?])?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(Edited::Saved(Box::new(offer)))
}

/// Up to `limit` offers after `cursor`, last changed first.
pub async fn page(
    tx: &mut Tx,
    campaign: Option<CampaignId>,
    is_active: Option<bool>,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Offer>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<OfferRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(campaign.map(|id| id.to_string()))
        .bind(is_active.map(i64::from))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.updated_at, row.id.as_str()), Offer::try_from))
}

/// A discount as columns: basis points, or minor units and their currency.
pub(super) const fn columns(discount: Discount) -> (Option<i64>, Option<i64>) {
    match discount {
        Discount::Percent(percent) => (Some(percent.basis_points() as i64), None),
        Discount::Amount(amount) => (None, Some(amount.minor())),
    }
}

/// The discount of those columns; `None` when there is none in them.
pub(super) fn read_discount(
    percent_bp: Option<i64>,
    amount_minor: Option<i64>,
    currency: Option<&str>,
) -> Result<Option<Discount>, MoneyError> {
    let percent = percent_bp.and_then(|points| u16::try_from(points).ok()).and_then(Percent::of_basis_points);
    match percent {
        Some(percent) => Ok(Some(Discount::Percent(percent))),
        None => Ok(read_some(amount_minor, currency)?.map(Discount::Amount)),
    }
}

impl OfferWrite {
    fn of(offer: &Offer) -> Result<Self, StoreError> {
        let (percent_bp, amount_minor) = columns(offer.discount);
        let currency = match offer.discount {
            Discount::Percent(_) => None,
            Discount::Amount(amount) => Some(amount.currency().code()),
        };
        Ok(Self {
            id: offer.id.to_string(),
            key: offer.key.clone(),
            name: offer.name.clone(),
            campaign_id: offer.campaign_id.map(|id| id.to_string()),
            label: offer.label.clone(),
            percent_bp,
            amount_minor,
            currency,
            valid_from: offer.valid_from.map(micros),
            valid_until: offer.valid_until.map(micros),
            coupon_hours: offer.coupon_hours,
            policy: serde_json::to_string(&offer.policy)
                .map_err(|e| StoreError::bad_row("offers", "policy", offer.id, e))?,
            is_active: i64::from(offer.is_active),
            created_at: micros(offer.created_at),
            updated_at: micros(offer.updated_at),
        })
    }
}

impl TryFrom<OfferRow> for Offer {
    type Error = StoreError;

    fn try_from(row: OfferRow) -> Result<Self, StoreError> {
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("offers", column, &row.id, problem);
        let discount = read_discount(row.percent_bp, row.amount_minor, row.currency.as_deref());
        let discount = discount.map_err(|e| bad("amount_minor", &e))?;
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            campaign_id: row
                .campaign_id
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|e| bad("campaign_id", &e))?,
            discount: discount.ok_or_else(|| bad("percent_bp", &"no discount"))?,
            valid_from: row.valid_from.map(instant_from_micros),
            valid_until: row.valid_until.map(instant_from_micros),
            coupon_hours: row.coupon_hours.map(|hours| hours as u32),
            policy: serde_json::from_str(&row.policy).map_err(|e| bad("policy", &e))?,
            is_active: row.is_active != 0,
            created_at: instant_from_micros(row.created_at),
            updated_at: instant_from_micros(row.updated_at),
            key: row.key,
            name: row.name,
            label: row.label,
        })
    }
}
