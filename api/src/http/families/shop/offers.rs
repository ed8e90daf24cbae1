//! Offers: make, fetch, change, list, and what one comes to for a product and a buyer.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::new_lead::Field;
use callwright_engine::domain::new_offer::prepare;
use callwright_engine::domain::offer::{Offer, PriceDrop, refund};
use callwright_engine::domain::user::Role;
use callwright_engine::id::{CampaignId, OfferId};
use callwright_engine::money::Number;
use callwright_engine::store::offer::{self as store, Edited};
use callwright_engine::store::{Tx, product, purchase};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::offer_body::{OfferBody, OfferInput, OfferInputSchema, SHOWN_ONLY};
use super::product_id;
use crate::http::amount::{Amount, RawObject};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::families::crm::lead_body::mistakes;
use crate::http::families::crm::{Listed, campaign_id, cursor, lead_id, limit};
use crate::http::state::App;

/// Makes an offer.
#[utoipa::path(post, path = "/offers", tag = "shop", request_body = OfferInputSchema, responses(
    (status = 201, description = "Made", body = OfferBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "The key is taken", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(raw): Body<RawObject>,
) -> Answer<(StatusCode, Json<OfferBody>)> {
    caller.must_be(Role::Manager)?;
    let input: OfferInput = raw.read(&SHOWN_ONLY)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let campaign = campaign_of(&mut tx, &input.campaign_id).await?;
    let offer = prepare(&input.into_new(campaign), app.engine.ids.next(now), now).map_err(mistakes)?;
    let (offer, is_new) = store::ensure(&mut tx, &offer).await?;
    if !is_new {
        return Err(ApiError::conflict("key-taken", format!("an offer `{}` exists already", offer.key)));
    }
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(offer.into())))
}

/// Which offers to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfferParams {
    /// Our id of the campaign or its key.
    pub campaign_id: Option<String>,
    pub active: Option<bool>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Offers, the most recently changed first.
#[utoipa::path(get, path = "/offers", tag = "shop", params(OfferParams), responses(
    (status = 200, description = "One page", body = Listed<OfferBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<OfferParams>,
) -> Answer<Json<Listed<OfferBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let campaign = match &params.campaign_id {
        Some(id) => Some(campaign_id(&mut tx, id).await?),
        None => None,
    };
    let page = store::page(&mut tx, campaign, params.active, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, OfferBody::from)))
}

/// One offer.
#[utoipa::path(get, path = "/offers/{offerId}", tag = "shop", params(("offerId" = String, Path, description = "Our id or its key")), responses(
    (status = 200, description = "The offer", body = OfferBody),
    (status = 404, description = "No such offer", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<OfferBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let offer = found(&mut tx, &id).await?;
    tx.rollback().await?;
    Ok(Json(offer.into()))
}

/// Changes an offer: absent fields stay, `null` empties one. Coupons that were issued keep what they promised.
#[utoipa::path(put, path = "/offers/{offerId}", tag = "shop", params(("offerId" = String, Path, description = "Our id or its key")), request_body = OfferInputSchema, responses(
    (status = 200, description = "The offer as it is now", body = OfferBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such offer", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(raw): Body<RawObject>,
) -> Answer<Json<OfferBody>> {
    caller.must_be(Role::Manager)?;
    let input: OfferInput = raw.read(&SHOWN_ONLY)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let before = found(&mut tx, &id).await?;
    if input.key.as_ref().is_some_and(|key| *key != before.key) {
        return Err(ApiError::field("/key", "the key of an offer stays as it is"));
    }
    let campaign = campaign_of(&mut tx, &input.campaign_id).await?;
    match store::update(&mut tx, before.id, &input.into_new(campaign), now).await? {
        Edited::Saved(offer) => {
            tx.commit().await?;
            Ok(Json((*offer).into()))
        }
        Edited::Refused(errors) => Err(mistakes(errors)),
        Edited::Missing => Err(ApiError::not_found("offer", &id)),
    }
}

/// For what an offer is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuoteParams {
    /// Our id of the product or yours.
    pub product_id: String,
    /// A buyer, by our id or yours: is a refund owed?
    pub lead_id: Option<String>,
}

/// What an offer comes to at this moment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuoteBody {
    /// The offer may be made now.
    pub open: bool,
    /// Why not.
    pub closed_because: Option<String>,
    pub currency: &'static str,
    #[schema(value_type = Amount)]
    pub original_price: Number,
    #[schema(value_type = Amount)]
    pub discount: Number,
    #[schema(value_type = Amount)]
    pub price: Number,
    /// For each of the lead's purchases of the product: what is owed since the price is what it is now.
    pub refunds: Vec<RefundBody>,
}

/// What is owed for one purchase, or why nothing is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundBody {
    pub purchase_id: String,
    pub eligible: bool,
    #[schema(value_type = Option<Amount>)]
    pub amount: Option<Number>,
    /// Last instant at which it may be claimed.
    pub until: Option<DateTime<Utc>>,
    /// Kebab-case, such as `refund-window-over`.
    pub reason: Option<&'static str>,
    pub message: Option<String>,
}

/// What an offer comes to for a product, and whether a buyer of it is owed a refund.
#[utoipa::path(get, path = "/offers/{offerId}/quote", tag = "shop", params(("offerId" = String, Path, description = "Our id or its key"), QuoteParams), responses(
    (status = 200, description = "The sums; nothing is promised by asking", body = QuoteBody),
    (status = 404, description = "No such offer, product or lead", body = ErrorBody),
    (status = 422, description = "The offer is in another currency than the product", body = ErrorBody),
))]
pub async fn quote(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<QuoteParams>,
) -> Answer<Json<QuoteBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let offer = found(&mut tx, &id).await?;
    let product_id = product_id(&mut tx, &params.product_id).await?;
    let product = product::find(&mut tx, product_id).await?;
    let product = product.ok_or_else(|| ApiError::not_found("product", &params.product_id))?;
    let purchases = match &params.lead_id {
        Some(lead) => {
            let lead = lead_id(&mut tx, lead).await?;
            purchase::of_products(&mut tx, &[lead], &[product_id]).await?
        }
        None => Vec::new(),
    };
    tx.rollback().await?;
    let discounted = offer.discount.apply(product.price);
    let discounted = discounted.map_err(|error| ApiError::field("productId", error.to_string()))?;
    let drop = PriceDrop { product: &product, new_price: product.price };
    let refunds = purchases.iter().map(|purchase| match refund(&offer.policy, drop, purchase, now) {
        Ok(refund) => RefundBody {
            purchase_id: purchase.id.to_string(),
            eligible: true,
            amount: Some(refund.amount.number()),
            until: refund.until,
            reason: None,
            message: None,
        },
        Err(reason) => RefundBody {
            purchase_id: purchase.id.to_string(),
            eligible: false,
            amount: None,
            until: None,
            reason: Some(reason.code()),
            message: Some(reason.to_string()),
        },
    });
    let closed_because = offer.open_at(now).err().map(|closed| closed.to_string());
    Ok(Json(QuoteBody {
        open: closed_because.is_none(),
        closed_because,
        currency: product.price.currency().code(),
        original_price: discounted.original.number(),
        discount: discounted.off.number(),
        price: discounted.to_pay.number(),
        refunds: refunds.collect(),
    }))
}

async fn campaign_of(tx: &mut Tx, field: &Field<String>) -> Answer<Field<CampaignId>> {
    Ok(match field {
        Field::Keep => Field::Keep,
        Field::Clear => Field::Clear,
        Field::Set(id) => Field::Set(campaign_id(tx, id).await?),
    })
}

pub(super) async fn found(tx: &mut Tx, id: &str) -> Answer<Offer> {
    let missing = || ApiError::not_found("offer", id);
    let own: OfferId = store::resolve(tx, id).await?.ok_or_else(missing)?;
    store::find(tx, own).await?.ok_or_else(missing)
}
