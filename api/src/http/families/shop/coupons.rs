//! Coupons: issue by hand, list, revoke, redeem, report (TRG-5). Triggers issue their own.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::coupon::{Coupon, Given};
use callwright_engine::domain::offer::{Discount, Offer};
use callwright_engine::domain::product::Product;
use callwright_engine::domain::user::Role;
use callwright_engine::engine::{RedeemRequest, Redeemed};
use callwright_engine::id::CouponId;
use callwright_engine::money::{Currency, Money};
use callwright_engine::store::coupon::{self as store, CouponFilter, Issue, Issued};
use callwright_engine::store::{Tx, product};
use serde::Deserialize;
use utoipa::IntoParams;

use super::coupon_body::{CouponBody, CouponInput, CouponReport, CouponReports, RedeemInput, RedeemedBody};
use super::{offers, one_of, product_id};
use crate::http::amount::RawObject;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, BodyOrNothing, Params};
use crate::http::families::crm::{Listed, campaign_id, cursor, lead_id, limit};
use crate::http::state::App;

const LONGEST_PURPOSE: usize = 64;

/// Issues a coupon for a lead; the same offer, lead, product and purpose again give the same coupon.
#[utoipa::path(post, path = "/coupons", tag = "shop", request_body = CouponInput, responses(
    (status = 201, description = "Issued", body = CouponBody),
    (status = 200, description = "Issued before; as it is now", body = CouponBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such lead, offer or product", body = ErrorBody),
    (status = 409, description = "The offer is not open, or its campaign's budget does not reach", body = ErrorBody),
))]
pub async fn issue(
    State(app): State<App>,
    caller: Caller,
    Body(raw): Body<RawObject>,
) -> Answer<(StatusCode, Json<CouponBody>)> {
    caller.must_be(Role::Manager)?;
    let input: CouponInput = raw.read(&[])?;
    let purpose = input.purpose.as_deref().unwrap_or_default();
    if purpose.chars().count() > LONGEST_PURPOSE {
        return Err(ApiError::field("/purpose", format!("is longer than {LONGEST_PURPOSE} characters")));
    }
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let lead_id = lead_id(&mut tx, &input.lead_id).await?;
    let offer = offers::found(&mut tx, &input.offer_id).await?;
    let product = sold(&mut tx, &input).await?;
    let product_id = product.as_ref().map(|product| product.id);
    let place = product_id.map(|id| id.to_string()).unwrap_or_default();
    let issue_key = format!("{}/{lead_id}/{place}/{purpose}", offer.id);
    if let Err(closed) = offer.open_at(now)
        && store::by_issue_keys(&mut tx, &[&issue_key]).await?.is_empty()
    {
        return Err(ApiError::conflict("offer-closed", closed.to_string()));
    }
    let most = most(&input, &offer, product.as_ref())?;
    let campaign_id = offer.campaign_id;
    let order = Issue { issue_key, lead_id, offer: &offer, product_id, campaign_id, trigger_id: None, most };
    let issued = store::issue_many(&mut tx, &app.engine.ids, &[order], &mut rand::random, now).await?;
    tx.commit().await?;
    match issued.into_iter().next() {
        Some(Issued::New(coupon)) => Ok((StatusCode::CREATED, Json(coupon.into()))),
        Some(Issued::Known(coupon)) => Ok((StatusCode::OK, Json(coupon.into()))),
        Some(Issued::BudgetSpent) => {
            let message = "the budget of the offer's campaign does not reach for this coupon";
            Err(ApiError::conflict("budget-spent", message))
        }
        None => Err(ApiError::internal("no answer to an issue")),
    }
}

async fn sold(tx: &mut Tx, input: &CouponInput) -> Answer<Option<Product>> {
    let Some(text) = &input.product_id else { return Ok(None) };
    let id = product_id(tx, text).await?;
    Ok(product::find(tx, id).await?)
}

/// What the coupon can cost: as said, else the discount of the product's price or the offer's own amount; nothing: not known.
fn most(input: &CouponInput, offer: &Offer, product: Option<&Product>) -> Answer<Money> {
    let currency = input.currency.as_deref().map(Currency::find).transpose();
    let currency = currency.map_err(|error| ApiError::field("/currency", error.to_string()))?;
    let currency =
        currency.or_else(|| product.map(|product| product.price.currency())).or(match offer.discount {
            Discount::Amount(amount) => Some(amount.currency()),
            Discount::Percent(_) => None,
        });
    let currency = currency
        .ok_or_else(|| ApiError::field("/currency", "a coupon without a product needs its currency"))?;
    if let Some(most) = input.most {
        let most = most.of(currency).map_err(|error| ApiError::field("/most", error.to_string()))?;
        return if most.is_negative() {
            Err(ApiError::field("/most", "cannot be negative"))
        } else {
            Ok(most)
        };
    }
    match (product, offer.discount) {
        (Some(product), discount) => {
            discount.on(product.price).map_err(|error| ApiError::field("/offerId", error.to_string()))
        }
        (None, Discount::Amount(amount)) => Ok(amount),
        (None, Discount::Percent(_)) => Ok(Money::zero(currency)),
    }
}

/// Which coupons.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CouponParams {
    /// Our id of the lead or yours.
    pub lead_id: Option<String>,
    /// Our id of the offer or its key.
    pub offer_id: Option<String>,
    /// Our id of the product or yours.
    pub product_id: Option<String>,
    /// Our id of the campaign or its key.
    pub campaign_id: Option<String>,
    pub trigger_id: Option<String>,
    /// `issued`, `redeemed`, `expired` or `revoked`.
    pub state: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

impl CouponParams {
    async fn filter(&self, tx: &mut Tx) -> Answer<CouponFilter> {
        let mut filter = CouponFilter {
            state: one_of("state", self.state.as_ref())?,
            trigger_id: self.trigger_id.clone(),
            ..CouponFilter::default()
        };
        if let Some(id) = &self.lead_id {
            filter.lead_id = Some(lead_id(tx, id).await?);
        }
        if let Some(id) = &self.offer_id {
            filter.offer_id = Some(offers::found(tx, id).await?.id);
        }
        if let Some(id) = &self.product_id {
            filter.product_id = Some(product_id(tx, id).await?);
        }
        if let Some(id) = &self.campaign_id {
            filter.campaign_id = Some(campaign_id(tx, id).await?);
        }
        Ok(filter)
    }
}

/// Coupons, the latest first. A manager's business, because their codes are shown.
#[utoipa::path(get, path = "/coupons", tag = "shop", params(CouponParams), responses(
    (status = 200, description = "One page", body = Listed<CouponBody>),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such lead, offer, product or campaign", body = ErrorBody),
))]
pub async fn page(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CouponParams>,
) -> Answer<Json<Listed<CouponBody>>> {
    caller.must_be(Role::Manager)?;
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let filter = params.filter(&mut tx).await?;
    let page = store::page(&mut tx, &filter, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, CouponBody::from)))
}

/// How many coupons were issued and redeemed, and what they cost, per campaign, offer and currency.
#[utoipa::path(get, path = "/coupons/report", tag = "shop", params(CouponParams), responses(
    (status = 200, description = "Counts and sums", body = CouponReports),
    (status = 404, description = "No such lead, offer, product or campaign", body = ErrorBody),
))]
pub async fn report(
    State(app): State<App>,
    Params(params): Params<CouponParams>,
) -> Answer<Json<CouponReports>> {
    let mut tx = app.engine.db.begin_read().await?;
    let filter = params.filter(&mut tx).await?;
    let lines = store::report(&mut tx, &filter).await?;
    tx.rollback().await?;
    Ok(Json(CouponReports { items: lines.into_iter().map(CouponReport::from).collect() }))
}

/// One coupon, by our id.
#[utoipa::path(get, path = "/coupons/{coupon}", tag = "shop", params(("coupon" = String, Path, description = "Our id; a code is only ever redeemed")), responses(
    (status = 200, description = "The coupon", body = CouponBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such coupon", body = ErrorBody),
))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<CouponBody>> {
    caller.must_be(Role::Manager)?;
    let parsed = coupon_id(&id)?;
    let mut tx = app.engine.db.begin_read().await?;
    let coupon = found(&mut tx, parsed).await?;
    tx.rollback().await?;
    Ok(Json(coupon.into()))
}

/// Takes back a coupon that was not used, and what was reserved for it.
#[utoipa::path(delete, path = "/coupons/{coupon}", tag = "shop", params(("coupon" = String, Path, description = "Our id")), responses(
    (status = 200, description = "Revoked", body = CouponBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such coupon", body = ErrorBody),
    (status = 409, description = "It was redeemed, or ended otherwise", body = ErrorBody),
))]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<CouponBody>> {
    caller.must_be(Role::Manager)?;
    let parsed = coupon_id(&id)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let revoked = store::revoke(&mut tx, parsed, now).await?;
    let coupon = found(&mut tx, parsed).await?;
    if !revoked {
        return Err(ApiError::conflict("coupon-over", format!("the coupon is {} already", coupon.state)));
    }
    tx.commit().await?;
    Ok(Json(coupon.into()))
}

/// Redeems a coupon, once: of many tries at the same time one succeeds. The same order again gets the same answer.
///
/// Codes that do not exist are counted: 100 a minute per key, and 5 a minute per `client` that the shop names; then 429.
#[utoipa::path(post, path = "/coupons/{coupon}/redeem", tag = "shop", params(("coupon" = String, Path, description = "The code, with or without its label and dashes")), request_body = RedeemInput, responses(
    (status = 200, description = "Redeemed", body = RedeemedBody),
    (status = 404, description = "No such coupon, or no such lead", body = ErrorBody),
    (status = 409, description = "Redeemed already, expired, revoked, or another lead's: `details.reason`", body = ErrorBody),
    (status = 422, description = "The code is mistyped, or fields are wrong", body = ErrorBody),
    (status = 429, description = "Too many codes that do not exist; `Retry-After` says when to go on", body = ErrorBody),
))]
pub async fn redeem(
    State(app): State<App>,
    caller: Caller,
    Path(code): Path<String>,
    BodyOrNothing(raw): BodyOrNothing<RawObject>,
) -> Answer<Json<RedeemedBody>> {
    let input: RedeemInput = raw.read(&[])?;
    // First: a code that cannot be one costs no look into the database.
    let given = Given::parse(&code).map_err(|error| ApiError::field("coupon", error.to_string()))?;
    let request = redeem_request(&app, &caller, given, input).await?;
    match app.engine.redeem(request).await? {
        Redeemed::Done { coupon, repeated } => {
            app.ring();
            let value = coupon.value.unwrap_or(Money::zero(coupon.currency)).number();
            Ok(Json(RedeemedBody { coupon: (*coupon).into(), value, repeated }))
        }
        Redeemed::Refused(refused) => Err(ApiError::conflict(refused.code(), refused.to_string())),
        Redeemed::Unknown => Err(ApiError::not_found("coupon", &code)),
        Redeemed::Wait(wait) => {
            let seconds = wait.num_milliseconds().max(1) as u64;
            let message = "too many codes that do not exist; try again later";
            Err(ApiError::rate_limited(message, seconds.div_ceil(1_000)))
        }
    }
}

async fn redeem_request(
    app: &App,
    caller: &Caller,
    given: Given,
    input: RedeemInput,
) -> Answer<RedeemRequest> {
    let currency = input.currency.as_deref().map(Currency::find).transpose();
    let currency = currency.map_err(|error| ApiError::field("/currency", error.to_string()))?;
    if input.amount.is_some_and(|amount| amount.0.is_sign_negative()) {
        return Err(ApiError::field("/amount", "cannot be negative"));
    }
    let lead_id = match &input.lead_id {
        Some(text) => {
            let mut tx = app.engine.db.begin_read().await?;
            let id = lead_id(&mut tx, text).await?;
            tx.rollback().await?;
            Some(id)
        }
        None => None,
    };
    Ok(RedeemRequest {
        given,
        order_id: input.order_id.filter(|id| !id.trim().is_empty()),
        amount: input.amount,
        currency,
        lead_id,
        key: caller.principal.clone(),
        client: input.client.filter(|client| !client.is_empty()),
    })
}

fn coupon_id(id: &str) -> Answer<CouponId> {
    id.parse().map_err(|_| ApiError::not_found("coupon", id))
}

async fn found(tx: &mut Tx, id: CouponId) -> Answer<Coupon> {
    store::find(tx, id).await?.ok_or_else(|| ApiError::not_found("coupon", &id.to_string()))
}
