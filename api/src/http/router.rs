//! Every route on one screen. The path of each stands at its handler, where the OpenAPI document reads it too.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::BODY_BYTES;
use super::families::crm::{
    cadences, campaigns, consents, enrollments, events, imports, leads, opt_in, person, records, suppressions,
};
use super::families::shop::{campaign_shop, coupons, interests, offers, products, purchases};
use super::families::triggers::{analytics, calls, raise, rules, show};
use super::families::{definitions, emergency_stops, jobs};
use super::openapi::Document;
use super::state::App;
use super::{auth, callbacks, health, idempotency, observe, right_of_way, schemas};

/// The CRM family, below `/crm`.
fn crm(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(leads::create, leads::page))
        .routes(routes!(leads::show, leads::change))
        .routes(routes!(leads::timeline))
        .routes(routes!(leads::why))
        .routes(routes!(opt_in::opt_in))
        .routes(routes!(person::export))
        .routes(routes!(person::erase))
        .routes(routes!(consents::grant, consents::list))
        .routes(routes!(consents::revoke))
        .routes(routes!(consents::take_back))
        .routes(routes!(records::page))
        .routes(routes!(records::preflight))
        .routes(routes!(events::log, events::page))
        .routes(routes!(cadences::enroll, cadences::list))
        .routes(routes!(cadences::enroll_many))
        .routes(routes!(enrollments::show, enrollments::end))
        .routes(routes!(enrollments::pause))
        .routes(routes!(enrollments::resume))
        .routes(routes!(enrollments::skip))
        .routes(routes!(campaigns::create, campaigns::page))
        .routes(routes!(campaigns::show, campaigns::change, campaigns::end))
        .routes(routes!(campaigns::pause))
        .routes(routes!(campaigns::resume))
        .routes(routes!(suppressions::add, suppressions::page))
        .routes(routes!(suppressions::remove))
        .routes(routes!(suppressions::export))
        .routes(routes!(suppressions::registries))
        .merge(shop())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .merge(OpenApiRouter::new().routes(routes!(imports::leads)).layer(DefaultBodyLimit::disable()))
        .layer(from_fn_with_state(app.clone(), auth::require))
}

/// The shop family, also below `/crm`.
fn shop() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(products::create, products::page))
        .routes(routes!(products::show, products::change, products::remove))
        .routes(routes!(products::prices))
        .routes(routes!(products::stocks))
        .routes(routes!(purchases::create, purchases::page))
        .routes(routes!(purchases::show, purchases::change, purchases::remove))
        .routes(routes!(interests::add, interests::page))
        .routes(routes!(interests::show, interests::end))
        .routes(routes!(campaign_shop::products, campaign_shop::set_products))
        .routes(routes!(campaign_shop::show_budget, campaign_shop::set_budget, campaign_shop::remove_budget))
        .routes(routes!(offers::create, offers::page))
        .routes(routes!(offers::show, offers::change))
        .routes(routes!(offers::quote))
        .routes(routes!(coupons::issue, coupons::page))
        .routes(routes!(coupons::report))
        .routes(routes!(coupons::show, coupons::revoke))
        .routes(routes!(coupons::redeem))
}

/// Where shops redeem coupons, without `/crm`.
fn redeeming(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(coupons::redeem))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), auth::require))
}

/// What needs no key.
fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::livez))
        .routes(routes!(callbacks::carrier))
        .routes(routes!(callbacks::omnidim))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

fn family(app: &App) -> OpenApiRouter<App> {
    let definitions = OpenApiRouter::new()
        .routes(routes!(schemas::show))
        .routes(routes!(definitions::status))
        .routes(routes!(definitions::plan))
        .routes(routes!(definitions::apply))
        .routes(routes!(definitions::withdraw))
        .routes(routes!(definitions::versions))
        .routes(routes!(definitions::publication))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), auth::require));
    OpenApiRouter::new()
        .nest("/crm", crm(app))
        .merge(definitions)
        .merge(queue(app))
        .merge(stops(app))
        .merge(redeeming(app))
        .merge(triggers(app))
}

/// Events of the shop, the calls they raise and what these came to.
fn triggers(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(raise::trigger_call))
        .routes(routes!(raise::price_drop))
        .routes(routes!(raise::restock))
        .routes(routes!(raise::promo))
        .routes(routes!(show::page))
        .routes(routes!(show::show, show::cancel))
        .routes(routes!(rules::set, rules::list))
        .routes(routes!(rules::remove))
        .routes(routes!(calls::package))
        .routes(routes!(analytics::of_trigger))
        .routes(routes!(analytics::calls))
        .routes(routes!(analytics::of_campaign))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), auth::require))
}

/// The jobs of the queue.
fn queue(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(jobs::page))
        .routes(routes!(jobs::queues))
        .routes(routes!(jobs::retry_failed))
        .routes(routes!(jobs::discard_failed))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::discard))
        .routes(routes!(jobs::cancel))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), auth::require))
}

/// Stops of everybody's calls at once.
fn stops(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(emergency_stops::stop, emergency_stops::list))
        .routes(routes!(emergency_stops::resume))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), auth::require))
}

/// What this process counts: for whoever has a key.
fn counted(app: &App) -> OpenApiRouter<App> {
    let metrics = OpenApiRouter::new().routes(routes!(observe::metrics));
    metrics.layer(from_fn_with_state(app.clone(), auth::require))
}

/// For those who watch the process, at an address of its own: no keys, and nothing else.
pub fn operations(app: App) -> Router {
    Router::new()
        .route("/metrics", get(observe::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/livez", get(health::livez))
        .fallback(nothing_here)
        .with_state(app)
}

/// The whole service, and its description.
pub fn router(app: App) -> Router {
    let (router, document) = described(&app);
    let document = Arc::new(document);
    router
        .nest("/api", family(&app).split_for_parts().0)
        .nest("/v1", family(&app).split_for_parts().0)
        .route("/openapi.json", get(move || async move { Json(Arc::clone(&document)) }))
        .fallback(nothing_here)
        .layer(from_fn(in_our_shape))
        .layer(CatchPanicLayer::custom(|_| ApiError::internal("a handler panicked").into_response()))
        .layer(from_fn_with_state(app.clone(), right_of_way::first))
        .layer(from_fn_with_state(app.clone(), observe::measure))
        .with_state(app)
}

/// The OpenAPI document.
pub fn document(app: &App) -> OpenApi {
    described(app).1
}

fn described(app: &App) -> (Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .nest("/api/v1", family(app))
        .merge(counted(app))
        .merge(public())
        .split_for_parts()
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::of_status(
        StatusCode::NOT_FOUND,
        format!("there is nothing at {}; /openapi.json lists every route", uri.path()),
    )
}

/// Refusals of the framework itself have plain texts or none: 405 and 413 get the one error body as well.
async fn in_our_shape(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let response = next.run(request).await;
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = response.headers().get(axum::http::header::ALLOW).cloned();
            let mut answer =
                ApiError::of_status(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
                    .into_response();
            if let Some(allowed) = allowed {
                answer.headers_mut().insert(axum::http::header::ALLOW, allowed);
            }
            answer
        }
        _ => response,
    }
}
