//! Triggers as the shop's systems raise them: the source's own bodies, the package in the answer, progress, analytics.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::desk::{Desk, campaign};

/// Alice bought two things, and the campaign that offers refunds.
pub async fn shop() -> Desk {
    let desk = Desk::open().await.with_lead().await;
    let mut sale = campaign();
    sale["key"] = json!("holiday-sale");
    sale["name"] = json!("iPhone 15 Pro Holiday Sale");
    sale["agentName"] = json!("Rachel");
    desk.post("/api/v1/crm/campaigns", sale).await.ok();
    for (key, name, price) in [("iphone", "iPhone 15 Pro", 999.99), ("shoe", "Nike Air Max", 129.99)] {
        let product = json!({"externalId": key, "name": name, "currency": "USD", "price": price});
        desk.post("/api/v1/crm/products", product).await.ok();
        let bought = json!({"leadId": "lead_123", "productId": key, "purchasedAt": "2026-06-30T12:00:00Z"});
        desk.post("/api/v1/crm/purchases", bought).await.ok();
    }
    desk
}

pub fn call() -> Value {
    json!({
        "campaignId": "holiday-sale", "customerId": "lead_123", "productId": "iphone", "triggerType": "price_drop",
        "discountPercent": 15, "newPrice": 849.99, "originalPrice": 999.99,
    })
}

fn price_drop() -> Value {
    json!({
        "productId": "iphone", "oldPrice": 999.99, "newPrice": 849.99, "discountPercent": 15, "campaignId": "holiday-sale",
    })
}

#[tokio::test]
async fn a_call_is_queued_and_answered_with_its_package() {
    let desk = shop().await;
    let queued = desk.post("/api/campaigns/trigger-call", call()).await;
    assert_eq!(queued.status, StatusCode::CREATED, "{}", queued.body);
    let package = &queued.body["callData"];
    assert_eq!(package["customer_name"], "Alice Johnson");
    assert_eq!((&package["savings_amount"], &package["priority"]), (&json!(150.0), &json!("high")));
    assert_eq!(package["purchase_history"].as_array().map(Vec::len), Some(2));
    assert_eq!(package["call_id"], queued.body["callId"]);
    let id = queued.body["callId"].as_str().unwrap();
    let fetched = desk.get(&format!("/api/v1/calls/{id}/package")).await;
    assert!(fetched.headers.contains_key("etag") && fetched.headers.contains_key("callwright-frozen-at"));
    assert_eq!(&fetched.ok(), package);
    // By another address and without an idempotency key it is still the same call.
    let again = desk.post("/api/v1/campaigns/trigger-call", call()).await;
    assert_eq!((again.status, &again.body["callId"]), (StatusCode::OK, &queued.body["callId"]));
    let missing = desk.get("/api/v1/calls/nothing/package").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_may_not_be_called_is_refused_with_the_reason() {
    let desk = shop().await;
    let bo = json!({"externalId": "lead_9", "email": "bo@example.com", "phone": "+12124567891"});
    desk.post("/api/v1/crm/leads", bo).await.ok();
    let with = |field: &str, value: Value| {
        let mut body = call();
        body[field] = value;
        body
    };
    let stranger = desk.post("/api/campaigns/trigger-call", with("customerId", json!("lead_9"))).await;
    assert_eq!(
        (stranger.status, &stranger.body["error"]["details"]["reason"]),
        (StatusCode::CONFLICT, &json!("no-purchase"))
    );
    for (field, value) in [("customerId", "x"), ("productId", "x"), ("campaignId", "x")] {
        let unknown = desk.post("/api/campaigns/trigger-call", with(field, json!(value))).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{field}");
    }
    let dearer = desk.post("/api/campaigns/trigger-call", with("newPrice", json!(1_000))).await;
    assert_eq!(dearer.pointers(), ["/newPrice"]);
    let odd = desk.post("/api/campaigns/trigger-call", with("triggerType", json!("birthday"))).await;
    assert_eq!(odd.pointers(), ["/triggerType"]);
    let fine = desk.post("/api/campaigns/trigger-call", with("newPrice", json!(849.999))).await;
    assert_eq!(fine.pointers(), ["/newPrice"]);
}

#[tokio::test]
async fn a_price_drop_is_raised_once_shown_listed_and_cancelled() {
    let desk = shop().await;
    let dry = desk.post("/api/campaigns/price-drop?dryRun=true", price_drop()).await.ok();
    assert_eq!((&dry["eligible"], dry["samples"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    assert_eq!(dry["offersAtMost"], json!(150.0));
    assert_eq!(desk.get("/api/v1/triggers").await.ok()["items"], json!([]));

    let raised = desk.post("/api/campaigns/price-drop", price_drop()).await;
    assert_eq!(raised.status, StatusCode::ACCEPTED, "{}", raised.body);
    assert_eq!((&raised.body["eligible"], &raised.body["status"]), (&json!(1), &json!("done")));
    let again = desk.post("/api/campaigns/price-drop", price_drop()).await;
    assert_eq!((again.status, &again.body["repeated"]), (StatusCode::OK, &json!(true)));
    assert_eq!(again.body["triggerId"], raised.body["triggerId"]);

    let path = raised.body["progressUrl"].as_str().unwrap();
    let shown = desk.get(path).await.ok();
    assert_eq!((&shown["newPrice"], &shown["discountPercent"]), (&json!(849.99), &json!(15)));
    let listed = desk.get("/api/triggers?status=done&campaignId=holiday-sale").await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let product = desk.get("/api/v1/crm/products/iphone").await.ok();
    assert_eq!(product["price"], json!(849.99));

    let cancelled = desk.delete(path).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (StatusCode::ACCEPTED, &json!("withdrawing")));
    let id = shown["triggerId"].as_str().unwrap().parse().unwrap();
    while !desk.engine.fan_out(id, 10).await.unwrap().is_over {}
    assert_eq!(desk.get(path).await.ok()["status"], "cancelled");
}

#[tokio::test]
async fn restocks_and_promotions_take_the_sources_bodies() {
    let desk = shop().await;
    let restock =
        desk.post("/api/campaigns/restock", json!({"productId": "shoe", "campaignId": "holiday-sale"})).await;
    assert_eq!((restock.status, &restock.body["eligible"]), (StatusCode::ACCEPTED, &json!(1)));
    let promo = json!({"campaignId": "holiday-sale", "discountPercent": 20, "validUntil": "2026-07-31"});
    let nothing = desk.post("/api/campaigns/promo", promo.clone()).await;
    assert_eq!(nothing.pointers(), ["/campaignId"]);
    let products = json!({"productIds": ["shoe"]});
    desk.put("/api/v1/crm/campaigns/holiday-sale/products", products).await.ok();
    let raised = desk.post("/api/campaigns/promo", promo).await;
    assert_eq!(
        (raised.status, &raised.body["eligible"]),
        (StatusCode::ACCEPTED, &json!(1)),
        "{}",
        raised.body
    );
}

#[tokio::test]
async fn rules_of_the_catalogue_are_set_listed_and_removed() {
    let desk = shop().await;
    let rule = json!({"triggerType": "price_drop", "campaignId": "holiday-sale", "productId": "iphone", "minDropPercent": 5});
    let set = desk.post("/api/v1/trigger-rules", rule).await;
    assert_eq!(set.status, StatusCode::CREATED);
    desk.put("/api/v1/crm/products/iphone", json!({"price": 899.99})).await.ok();
    let raised = desk.engine.raise_from_catalogue(10).await.unwrap();
    assert_eq!(raised.len(), 1);
    let listed = desk.get("/api/v1/trigger-rules").await.ok();
    assert_eq!(listed["items"][0]["minDropPercent"], json!(5));
    let path = format!("/api/v1/trigger-rules/{}", set.body["ruleId"].as_str().unwrap());
    assert_eq!(desk.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(desk.delete(&path).await.status, StatusCode::NOT_FOUND);
    let promo = json!({"triggerType": "promo", "campaignId": "holiday-sale"});
    assert_eq!(desk.post("/api/v1/trigger-rules", promo).await.pointers(), ["/triggerType"]);
}

#[tokio::test]
async fn what_it_came_to_is_told_as_json_and_csv() {
    let desk = shop().await;
    let raised = desk.post("/api/campaigns/price-drop", price_drop()).await.ok();
    let id = raised["triggerId"].as_str().unwrap();
    let numbers = desk.get(&format!("/api/v1/analytics/triggers/{id}")).await.ok();
    assert_eq!((&numbers["numbers"]["eligible"], &numbers["numbers"]["called"]), (&json!(1), &json!(0)));
    let calls = numbers["calls"]["answered"].as_str().unwrap();
    assert_eq!(desk.get(calls).await.ok()["items"], json!([]));
    let campaign = desk.get("/api/v1/analytics/campaigns/holiday-sale").await.ok();
    assert_eq!(
        (&campaign["total"]["eligible"], &campaign["triggers"][0]["triggerId"]),
        (&json!(1), &json!(id))
    );
    let csv = desk.get("/api/v1/analytics/campaigns/holiday-sale?format=csv").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let odd = desk.get(&format!("/api/v1/analytics/triggers/{id}?format=xml")).await;
    assert_eq!(odd.pointers(), ["format"]);
}

#[tokio::test]
async fn the_schema_of_packages_is_published_and_does_not_drift() {
    let desk = shop().await;
    let schema = desk.get("/api/v1/schemas/package.schema.json").await.ok();
    assert_eq!(schema["$id"], "https://callwright.dev/schema/package.schema.json");
    insta::assert_json_snapshot!(schema);
    let queued = desk.post("/api/campaigns/trigger-call", call()).await.ok();
    let known = schema["properties"].as_object().unwrap();
    let fields = queued["callData"].as_object().unwrap();
    assert!(fields.keys().all(|field| known.contains_key(field)), "{fields:?}");
    let required = schema["required"].as_array().unwrap();
    assert!(required.iter().all(|field| fields.contains_key(field.as_str().unwrap())), "{required:?}");
}
