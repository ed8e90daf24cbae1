//! Coupons over HTTP: issued by hand, redeemed by shops, guessed by strangers.

use axum::http::StatusCode;
use callwright_api::http::Access;
use serde_json::{Value, json};

use crate::desk::Desk;

const COUPONS: &str = "/api/v1/crm/coupons";

async fn ready() -> Desk {
    let desk = Desk::open().await.with_lead().await.with_campaign().await.with_product().await;
    let campaign = "/api/v1/crm/campaigns/campaign_new_lead";
    desk.put(&format!("{campaign}/budget"), json!({"total": 200, "currency": "USD"})).await.ok();
    let offer =
        json!({"key": "spring", "label": "PRICE_DROP", "percent": 15, "campaignId": "campaign_new_lead"});
    desk.post("/api/v1/crm/offers", offer).await.ok();
    desk
}

fn order() -> Value {
    json!({"leadId": "lead_123", "offerId": "spring", "productId": "iphone-15"})
}

fn code(coupon: &Value) -> String {
    coupon["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_coupon_is_issued_once_and_redeemed_once() {
    let desk = ready().await;
    let first = desk.post(COUPONS, order()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let coupon = first.ok();
    assert!(code(&coupon).starts_with("PRICE_DROP-15-"), "{coupon}");
    assert_eq!(coupon["most"], json!(150.0));
    assert_eq!(desk.post(COUPONS, order()).await.ok()["couponId"], coupon["couponId"]);
    let redeem = format!("/api/coupons/{}/redeem", code(&coupon));
    let done = desk.post(&redeem, json!({"orderId": "o1", "amount": 200})).await.ok();
    assert_eq!((&done["value"], &done["repeated"]), (&json!(30.0), &json!(false)));
    assert_eq!(desk.post(&redeem, json!({"orderId": "o1"})).await.ok()["repeated"], true);
    let again =
        desk.post(&redeem.to_lowercase().replace("/api/", "/api/v1/"), json!({"orderId": "o2"})).await;
    assert_eq!(
        (again.status, &again.body["error"]["details"]["reason"]),
        (StatusCode::CONFLICT, &json!("coupon-redeemed"))
    );
    let report = desk.get(&format!("{COUPONS}/report?offerId=spring")).await.ok();
    let line = &report["items"][0];
    assert_eq!(
        (&line["issued"], &line["redeemed"], &line["value"], &line["orderValue"]),
        (&json!(1), &json!(1), &json!(30.0), &json!(200.0))
    );
    let told = desk.get("/api/v1/crm/leads/lead_123/timeline").await.ok();
    assert_eq!(told["items"][0]["eventType"], "COUPON_REDEEMED");
}

#[tokio::test]
async fn nothing_need_be_said_to_redeem() {
    let desk = ready().await;
    let coupon = desk.post(COUPONS, order()).await.ok();
    let path = format!("{COUPONS}/{}/redeem", code(&coupon));
    let done = desk.send(axum::http::Method::POST, &path, None).await.ok();
    assert_eq!(done["value"], json!(150.0));
}

#[tokio::test]
async fn a_budget_that_does_not_reach_is_said() {
    let desk = ready().await;
    desk.post(COUPONS, order()).await.ok();
    let mut second = order();
    second["purpose"] = json!("another call");
    let refused = desk.post(COUPONS, second).await;
    assert_eq!(
        (refused.status, &refused.body["error"]["details"]["reason"]),
        (StatusCode::CONFLICT, &json!("budget-spent"))
    );
}

#[tokio::test]
async fn a_revoked_coupon_is_refused_and_its_reservation_free() {
    let desk = ready().await;
    let coupon = desk.post(COUPONS, order()).await.ok();
    let path = format!("{COUPONS}/{}", coupon["couponId"].as_str().unwrap());
    assert_eq!(desk.delete(&path).await.ok()["state"], "revoked");
    assert_eq!(desk.delete(&path).await.status, StatusCode::CONFLICT);
    assert_eq!(desk.get(&path).await.ok()["state"], "revoked");
    let refused = desk.post(&format!("/api/coupons/{}/redeem", code(&coupon)), json!({})).await;
    assert_eq!(refused.body["error"]["details"]["reason"], "coupon-revoked");
    let budget = desk.get("/api/v1/crm/campaigns/campaign_new_lead/budget").await.ok();
    assert_eq!(budget["left"], json!(200.0));
}

#[tokio::test]
async fn a_closed_offer_issues_nothing() {
    let desk = ready().await;
    desk.put("/api/v1/crm/offers/spring", json!({"active": false})).await.ok();
    let refused = desk.post(COUPONS, order()).await;
    assert_eq!(refused.body["error"]["details"]["reason"], "offer-closed");
}

#[tokio::test]
async fn a_guesser_is_told_to_wait() {
    let desk = Desk::open().await;
    let guess = json!({"client": "203.0.113.7"});
    let path = "/api/coupons/00000000000/redeem";
    for _ in 0..5 {
        assert_eq!(desk.post(path, guess.clone()).await.status, StatusCode::NOT_FOUND);
    }
    let refused =
        desk.send_with(axum::http::Method::POST, path, Some(&guess), &[("idempotency-key", "k")]).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
    assert_eq!(refused.headers["retry-after"], "12");
    assert_eq!(desk.post(path, json!({"client": "203.0.113.8"})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refusal_to_wait_is_not_kept_for_repeats() {
    let desk = Desk::open().await;
    let body = json!({"client": "a"});
    let path = "/api/coupons/00000000000/redeem";
    for _ in 0..5 {
        desk.post(path, body.clone()).await;
    }
    let keyed = [("idempotency-key", "k")];
    for _ in 0..2 {
        let refused = desk.send_with(axum::http::Method::POST, path, Some(&body), &keyed).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(!refused.headers.contains_key("idempotency-replayed"));
    }
}

#[tokio::test]
async fn a_mistyped_code_costs_no_look_into_the_database() {
    let desk = Desk::with_access(Access::Open).await;
    desk.engine.db.close().await;
    let mistyped = desk.post("/api/coupons/PRICE_DROP-15-00000000001/redeem", json!({})).await;
    assert_eq!((mistyped.status, mistyped.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["coupon"]));
    let well_typed = desk.post("/api/coupons/00000000000/redeem", json!({})).await;
    assert_eq!(well_typed.status, StatusCode::INTERNAL_SERVER_ERROR, "this one would have been looked up");
}
