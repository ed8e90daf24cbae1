//! What triggers came to, per trigger and campaign, as JSON or CSV; each number can be listed as its calls (TRG-7).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use callwright_engine::clock::Instant;
use callwright_engine::money::{Money, Number};
use callwright_engine::store::analytics::{self, CallLine, Line, MoneyLine, Reached, Total};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{campaign_id, trigger_id};
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::Params;
use crate::http::families::crm::{Listed, cursor, limit};
use crate::http::moment::Moment;
use crate::http::state::App;

/// What one or several triggers came to. People are counted, but for `calls`.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    pub eligible: u64,
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Calls placed, retries included.
    pub calls: u64,
    pub called: u64,
    /// A person picked up.
    pub answered: u64,
    /// Took the offer.
    pub accepted: u64,
    /// Redeemed its coupon.
    pub redeemed: u64,
    /// Of redeemed coupons, by currency.
    pub money: Vec<MoneyBody>,
}

/// What redeemed coupons of one currency came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoneyBody {
    pub currency: String,
    /// Of the orders they were redeemed with.
    #[schema(value_type = f64)]
    pub value: Number,
    #[schema(value_type = f64)]
    pub offer_cost: Number,
    /// Value less cost.
    #[serde(rename = "return")]
    #[schema(value_type = Option<f64>)]
    pub gain: Option<Number>,
}

/// One trigger's numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerNumbers {
    pub trigger_id: String,
    pub trigger_type: &'static str,
    pub campaign_id: String,
    pub product_id: Option<String>,
    pub status: &'static str,
    pub raised_at: DateTime<Utc>,
    pub numbers: Numbers,
    /// Lists of the calls behind each number.
    pub calls: BTreeMap<&'static str, String>,
}

/// A campaign's numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignNumbers {
    pub campaign_id: String,
    /// All its triggers together; somebody whom two of them concern counts twice.
    pub total: Numbers,
    /// The newest thousand.
    pub triggers: Vec<TriggerNumbers>,
}

/// A call behind a number.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallBody {
    pub call_id: String,
    pub customer_id: String,
    pub placed_at: DateTime<Utc>,
    pub status: String,
    pub outcome: Option<String>,
    pub disposition: Option<String>,
    pub talk_seconds: i64,
    pub package_url: String,
}

/// How it is written, and since when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumberParams {
    /// `json` or `csv`.
    pub format: Option<String>,
    /// Triggers raised since then; all, when left out.
    #[param(value_type = Option<String>)]
    pub since: Option<Moment>,
}

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallParams {
    /// `called`, `answered`, `accepted` or `redeemed`.
    pub reached: Option<String>,
    /// Rows per page, 1 to 100.
    pub limit: Option<u32>,
    /// `next` of the previous page.
    pub cursor: Option<String>,
}

/// What a trigger came to.
#[utoipa::path(get, path = "/analytics/triggers/{triggerId}", tag = "triggers", params(("triggerId" = String, Path), NumberParams), responses(
    (status = 200, description = "Its numbers", body = TriggerNumbers),
    (status = 404, description = "No such trigger", body = ErrorBody),
))]
pub async fn of_trigger(
    State(app): State<App>,
    Path(text): Path<String>,
    Params(params): Params<NumberParams>,
) -> Answer<Response> {
    let id = trigger_id(&text)?;
    let mut tx = app.engine.db.begin_read().await?;
    let line = analytics::of_trigger(&mut tx, id).await?;
    tx.rollback().await?;
    let numbers = TriggerNumbers::of(line.ok_or_else(|| ApiError::not_found("trigger", &text))?);
    if is_csv(&params)? {
        return Ok(csv(&[numbers]));
    }
    Ok(Json(numbers).into_response())
}

/// What the triggers of a campaign came to.
#[utoipa::path(get, path = "/analytics/campaigns/{campaignId}", tag = "triggers", params(("campaignId" = String, Path), NumberParams), responses(
    (status = 200, description = "Its numbers, together and by trigger", body = CampaignNumbers),
    (status = 404, description = "No such campaign", body = ErrorBody),
))]
pub async fn of_campaign(
    State(app): State<App>,
    Path(text): Path<String>,
    Params(params): Params<NumberParams>,
) -> Answer<Response> {
    let is_csv = is_csv(&params)?;
    let mut tx = app.engine.db.begin_read().await?;
    let id = campaign_id(&mut tx, &text).await?;
    let since = params.since.map_or(Instant::UNIX_EPOCH, |since| since.0);
    let lines = analytics::of_campaign(&mut tx, id, since).await?;
    let total = Numbers::of_all(analytics::total_of_campaign(&mut tx, id, since).await?);
    tx.rollback().await?;
    let triggers: Vec<TriggerNumbers> = lines.into_iter().map(TriggerNumbers::of).collect();
    if is_csv {
        return Ok(csv(&triggers));
    }
    Ok(Json(CampaignNumbers { campaign_id: id.to_string(), total, triggers }).into_response())
}

/// The calls behind a number of a trigger, the newest first.
#[utoipa::path(get, path = "/analytics/triggers/{triggerId}/calls", tag = "triggers", params(("triggerId" = String, Path), CallParams), responses(
    (status = 200, description = "One page", body = Listed<CallBody>),
    (status = 404, description = "No such trigger", body = ErrorBody),
))]
pub async fn calls(
    State(app): State<App>,
    Path(text): Path<String>,
    Params(params): Params<CallParams>,
) -> Answer<Json<Listed<CallBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let reached = params.reached.as_deref().unwrap_or("called");
    let reached = Reached::find(reached)
        .ok_or_else(|| ApiError::field("reached", "use called, answered, accepted or redeemed"))?;
    let id = trigger_id(&text)?;
    app.engine.trigger(id).await?;
    let mut tx = app.engine.db.begin_read().await?;
    let page = analytics::calls(&mut tx, id, reached, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, CallBody::of)))
}

impl CallBody {
    fn of(line: CallLine) -> Self {
        Self {
            call_id: line.call_id.to_string(),
            customer_id: line.lead_id.to_string(),
            placed_at: line.placed_at,
            status: line.status,
            outcome: line.outcome,
            disposition: line.disposition,
            talk_seconds: line.talk_s,
            package_url: format!("/api/v1/calls/{}/package", line.call_id),
        }
    }
}

impl Numbers {
    fn of(line: &Line) -> Self {
        Self {
            eligible: line.trigger.eligible,
            skipped: line.trigger.skipped.clone(),
            calls: line.calls,
            called: line.called,
            answered: line.answered,
            accepted: line.accepted,
            redeemed: line.redeemed,
            money: line.money.iter().map(MoneyBody::of).collect(),
        }
    }

    fn of_all(total: Total) -> Self {
        let Total { eligible, skipped, calls, called, answered, accepted, redeemed, money } = total;
        let money = money.iter().map(MoneyBody::of).collect();
        Self { eligible, skipped, calls, called, answered, accepted, redeemed, money }
    }
}

impl TriggerNumbers {
    fn of(line: Line) -> Self {
        let numbers = Numbers::of(&line);
        let trigger = line.trigger;
        let url = |reached: Reached| {
            let name = reached.as_str();
            (name, format!("/api/v1/analytics/triggers/{}/calls?reached={name}", trigger.id))
        };
        Self {
            trigger_id: trigger.id.to_string(),
            trigger_type: trigger.kind.as_str(),
            campaign_id: trigger.campaign_id.to_string(),
            product_id: trigger.product_id.map(|id| id.to_string()),
            status: trigger.state.as_str(),
            raised_at: trigger.raised_at,
            calls: Reached::ALL.into_iter().map(url).collect(),
            numbers,
        }
    }
}

impl MoneyBody {
    fn of(line: &MoneyLine) -> Self {
        Self {
            currency: line.value.currency().to_string(),
            value: line.value.number(),
            offer_cost: line.cost.number(),
            gain: line.value.checked_sub(line.cost).ok().map(Money::number),
        }
    }
}

fn is_csv(params: &NumberParams) -> Answer<bool> {
    match params.format.as_deref() {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(ApiError::field("format", "use json or csv")),
    }
}

/// One line per trigger and currency; a trigger without redemptions has one line without money.
fn csv(triggers: &[TriggerNumbers]) -> Response {
    let mut text = String::from(
        "triggerId,triggerType,campaignId,productId,raisedAt,eligible,skipped,calls,called,answered,accepted,redeemed,currency,\
         value,offerCost,return\n",
    );
    for trigger in triggers {
        let numbers = &trigger.numbers;
        let skipped: u64 = numbers.skipped.values().sum();
        let product = trigger.product_id.as_deref().unwrap_or_default();
        let Numbers { eligible, calls, called, answered, accepted, redeemed, .. } = numbers;
        let head = format!(
            "{},{},{},{product},{},{eligible},{skipped},{calls},{called},{answered},{accepted},{redeemed}",
            trigger.trigger_id,
            trigger.trigger_type,
            trigger.campaign_id,
            trigger.raised_at.to_rfc3339()
        );
        if numbers.money.is_empty() {
            let _ = writeln!(text, "{head},,,,");
        }
        for line in &numbers.money {
            let gain = line.gain.map(|gain| gain.0.to_string()).unwrap_or_default();
            let _ = writeln!(text, "{head},{},{},{},{gain}", line.currency, line.value.0, line.offer_cost.0);
        }
    }
    ([(CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}
