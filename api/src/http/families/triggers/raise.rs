//! Raising triggers: one customer at once, or everybody whom an event concerns. Whoever raises the same event again gets the same
//! trigger.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use callwright_engine::domain::product::Product;
use callwright_engine::domain::trigger::{TriggerKind, TriggerSource};
use callwright_engine::domain::user::Role;
use callwright_engine::engine::EnrollRefusal;
use callwright_engine::engine::triggers::{NewTrigger, Raised, SingleCall};
use callwright_engine::id::{CampaignId, TriggerId};
use callwright_engine::money::{Money, Number, Percent};
use callwright_engine::store::{Tx, lead, product};
use callwright_workers::jobs::fan_out::Steps;
use serde_json::value::RawValue;

use super::bodies::{
    DryRunBody, DryRunParams, PriceDropInput, PromoInput, RestockInput, TriggerBody, TriggerCallBody,
    TriggerCallInput,
};
use super::{campaign_id, product_id};
use crate::enrolling;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::state::App;

/// People who are looked at before the answer goes out; the others follow in the background.
const AT_ONCE: u32 = 500;
/// Packages that a dry run shows.
const SAMPLES: usize = 5;

/// Queues a call to one customer and answers with its complete package.
#[utoipa::path(post, path = "/campaigns/trigger-call", tag = "triggers", params(DryRunParams), request_body = TriggerCallInput, responses(
    (status = 201, description = "Queued", body = TriggerCallBody),
    (status = 200, description = "It was queued before, or only tried out", body = TriggerCallBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such customer, product or campaign", body = ErrorBody),
    (status = 409, description = "Not to be called; `details.reason` says why: no-purchase, already-offered, opted-out, …", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn trigger_call(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<DryRunParams>,
    Body(input): Body<TriggerCallInput>,
) -> Answer<Response> {
    // Whoever names prices and percentages gives coupons away.
    caller.must_be(Role::Manager)?;
    let kind: TriggerKind = input
        .trigger_type
        .parse()
        .map_err(|_| ApiError::field("/triggerType", "use price_drop, restock or promo"))?;
    let mut tx = app.engine.db.begin_read().await?;
    let customer = lead::resolve(&mut tx, &input.customer_id).await?;
    let customer = customer.ok_or_else(|| ApiError::not_found("customer", &input.customer_id))?;
    let product = find_product(&mut tx, &input.product_id).await?;
    let cadence = input.cadence_id.as_deref().unwrap_or(kind.cadence());
    let campaign = campaign_of(&mut tx, input.campaign_id.as_deref(), cadence).await?;
    tx.rollback().await?;
    let new = NewTrigger {
        product_id: Some(product.id),
        lead_id: Some(customer),
        original: price("/originalPrice", input.original_price, &product)?,
        new: price("/newPrice", input.new_price, &product)?,
        discount: percent(input.discount_percent)?,
        valid_until: input.valid_until.map(|at| at.0),
        cadence: input.cadence_id,
        ..NewTrigger::new(kind, TriggerSource::Api, campaign)
    };
    if params.dry_run {
        return dry_run(&app, &new).await;
    }
    let answer = app.engine.call_one(&new).await?;
    let call = answer.map_err(|EnrollRefusal { reason, message }| ApiError::conflict(&reason, message))?;
    app.ring();
    let status = if call.repeated { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(call_body(call)?)).into_response())
}

fn call_body(call: SingleCall) -> Answer<TriggerCallBody> {
    Ok(TriggerCallBody {
        success: true,
        call_id: call.call_id.to_string(),
        trigger_id: call.trigger.id.to_string(),
        enrollment_id: call.enrollment_id.to_string(),
        status: "queued",
        repeated: call.repeated,
        call_data: RawValue::from_string(call.package.body).map_err(ApiError::internal)?,
    })
}

/// Calls every verified buyer of a product that became cheaper, once per drop.
#[utoipa::path(post, path = "/campaigns/price-drop", tag = "triggers", params(DryRunParams), request_body = PriceDropInput, responses(
    (status = 202, description = "Raised; calls follow in the background", body = TriggerBody),
    (status = 200, description = "It was raised before, or only tried out", body = TriggerBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such product or campaign", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn price_drop(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<DryRunParams>,
    Body(input): Body<PriceDropInput>,
) -> Answer<Response> {
    caller.must_be(Role::Manager)?;
    let kind = TriggerKind::PriceDrop;
    let mut tx = app.engine.db.begin_read().await?;
    let product = find_product(&mut tx, &input.product_id).await?;
    let cadence = input.cadence_id.as_deref().unwrap_or(kind.cadence());
    let campaign = campaign_of(&mut tx, input.campaign_id.as_deref(), cadence).await?;
    tx.rollback().await?;
    let base = NewTrigger::new(kind, TriggerSource::Api, campaign);
    let mut policy = base.policy.clone();
    policy.window_days = input.window_days;
    let new = NewTrigger {
        product_id: Some(product.id),
        original: price("/oldPrice", input.old_price, &product)?,
        new: price("/newPrice", Some(input.new_price), &product)?,
        discount: percent(input.discount_percent)?,
        valid_until: input.valid_until.map(|at| at.0),
        min_saving: price("/minSaving", input.min_saving, &product)?,
        exclude_tags: input.exclude_tags,
        cadence: input.cadence_id,
        policy,
        ..base
    };
    raise(&app, &new, params.dry_run).await
}

/// Calls the buyers of a product that can be had again, and the people who wait for it.
#[utoipa::path(post, path = "/campaigns/restock", tag = "triggers", params(DryRunParams), request_body = RestockInput, responses(
    (status = 202, description = "Raised; calls follow in the background", body = TriggerBody),
    (status = 200, description = "It was raised before, or only tried out", body = TriggerBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such product or campaign", body = ErrorBody),
))]
pub async fn restock(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<DryRunParams>,
    Body(input): Body<RestockInput>,
) -> Answer<Response> {
    caller.must_be(Role::Manager)?;
    let kind = TriggerKind::Restock;
    let mut tx = app.engine.db.begin_read().await?;
    let product = find_product(&mut tx, &input.product_id).await?;
    let cadence = input.cadence_id.as_deref().unwrap_or(kind.cadence());
    let campaign = campaign_of(&mut tx, input.campaign_id.as_deref(), cadence).await?;
    tx.rollback().await?;
    let new = NewTrigger {
        product_id: Some(product.id),
        discount: percent(input.discount_percent)?,
        valid_until: input.valid_until.map(|at| at.0),
        exclude_tags: input.exclude_tags,
        cadence: input.cadence_id,
        ..NewTrigger::new(kind, TriggerSource::Api, campaign)
    };
    raise(&app, &new, params.dry_run).await
}

/// Calls the buyers of a campaign's products about a promotion.
#[utoipa::path(post, path = "/campaigns/promo", tag = "triggers", params(DryRunParams), request_body = PromoInput, responses(
    (status = 202, description = "Raised; calls follow in the background", body = TriggerBody),
    (status = 200, description = "It was raised before, or only tried out", body = TriggerBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such campaign", body = ErrorBody),
    (status = 422, description = "Fields are wrong; the campaign has no products", body = ErrorBody),
))]
pub async fn promo(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<DryRunParams>,
    Body(input): Body<PromoInput>,
) -> Answer<Response> {
    caller.must_be(Role::Manager)?;
    let kind = TriggerKind::Promo;
    let mut tx = app.engine.db.begin_read().await?;
    let product = match &input.product_id {
        Some(named) => Some(product_id(&mut tx, named).await?),
        None => None,
    };
    let cadence = input.cadence_id.as_deref().unwrap_or(kind.cadence());
    let campaign = campaign_of(&mut tx, input.campaign_id.as_deref(), cadence).await?;
    tx.rollback().await?;
    let new = NewTrigger {
        product_id: product,
        discount: percent(Some(input.discount_percent))?,
        valid_until: input.valid_until.map(|at| at.0),
        exclude_tags: input.exclude_tags,
        cadence: input.cadence_id,
        ..NewTrigger::new(kind, TriggerSource::Api, campaign)
    };
    raise(&app, &new, params.dry_run).await
}

async fn raise(app: &App, new: &NewTrigger, only_try: bool) -> Answer<Response> {
    if only_try {
        return dry_run(app, new).await;
    }
    let raised = app.engine.raise(new).await?;
    let (id, is_new) = (raised.trigger().id, matches!(raised, Raised::New(_)));
    if is_new {
        spread_at_once(app, id).await?;
        app.ring();
    }
    let status = if is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let body = TriggerBody::of(app.engine.trigger(id).await?, !is_new);
    Ok((status, Json(body)).into_response())
}

/// Small ones are done when the answer goes out.
async fn spread_at_once(app: &App, id: TriggerId) -> Answer<()> {
    let (mut steps, mut left) = (Steps::on(&app.engine), AT_ONCE);
    while left > 0 {
        let done = steps.next(&app.engine, id, left).await?;
        if done.is_over {
            break;
        }
        left = left.saturating_sub(done.examined as u32);
    }
    Ok(())
}

async fn dry_run(app: &App, new: &NewTrigger) -> Answer<Response> {
    let run = app.engine.dry_run(new, SAMPLES).await?;
    Ok(Json(DryRunBody::of(run).map_err(ApiError::internal)?).into_response())
}

async fn find_product(tx: &mut Tx, named: &str) -> Answer<Product> {
    let id = product_id(tx, named).await?;
    product::find(tx, id).await?.ok_or_else(|| ApiError::not_found("product", named))
}

async fn campaign_of(tx: &mut Tx, named: Option<&str>, cadence: &str) -> Answer<CampaignId> {
    match named {
        Some(named) => campaign_id(tx, named).await,
        None => enrolling::campaign_for(tx, cadence)
            .await?
            .map_err(|message| ApiError::conflict("campaign-unclear", message)),
    }
}

fn price(pointer: &str, given: Option<Number>, product: &Product) -> Answer<Option<Money>> {
    let of = |number: Number| number.of(product.price.currency());
    let price = given.map(of).transpose().map_err(|problem| ApiError::field(pointer, problem.to_string()))?;
    if price.is_some_and(Money::is_negative) {
        return Err(ApiError::field(pointer, "a price is not below zero"));
    }
    Ok(price)
}

fn percent(given: Option<Number>) -> Answer<Option<Percent>> {
    given
        .map(|number| Percent::exactly(number.0))
        .transpose()
        .map_err(|problem| ApiError::field("/discountPercent", problem.to_string()))
}
