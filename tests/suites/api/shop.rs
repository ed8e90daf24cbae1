//! Products, purchases, interests, offers and budgets as shops and people send them.

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use callwright_engine::domain::user::Role;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::desk::{Desk, make_key};

const PRODUCTS: &str = "/api/v1/crm/products";
const PURCHASES: &str = "/api/v1/crm/purchases";

pub fn phone() -> Value {
    json!({"externalId": "iphone-15", "name": "iPhone 15 Pro", "category": "phones", "currency": "USD", "price": 999.99, "stock": 5})
}

impl Desk {
    /// The product `iphone-15` at 999.99 dollars.
    pub async fn with_product(self) -> Self {
        self.post(PRODUCTS, phone()).await.ok();
        self
    }

    /// The bytes of an answer, as they went over the wire.
    async fn text(&self, method: Method, path: &str, body: &'static str) -> String {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        let response = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    }
}

#[tokio::test]
async fn amounts_go_over_the_wire_digit_by_digit() {
    let desk = Desk::open().await;
    let sent = r#"{"name": "Yacht", "currency": "usd", "price": 9999999999999.99}"#;
    let body = desk.text(Method::POST, PRODUCTS, sent).await;
    assert!(body.contains(r#""currency":"USD","price":9999999999999.99,"#), "{body}");
    let body =
        desk.text(Method::POST, PRODUCTS, r#"{"name": "Pen", "currency": "KWD", "price": "1.5"}"#).await;
    assert!(body.contains(r#""price":1.500,"#), "{body}");
    let refused = desk.post(PRODUCTS, json!({"name": "Pen", "currency": "JPY", "price": 1.5})).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/price"]));
}

#[tokio::test]
async fn a_product_is_one_by_the_shops_id_and_every_price_is_kept() {
    let desk = Desk::open().await;
    assert_eq!(desk.post(PRODUCTS, phone()).await.status, StatusCode::CREATED);
    let again = desk.post(PRODUCTS, json!({"externalId": "iphone-15", "price": 849.99, "stock": 0})).await;
    assert_eq!(again.status, StatusCode::OK);
    let product = again.ok();
    assert_eq!((&product["name"], &product["available"]), (&json!("iPhone 15 Pro"), &json!(false)));
    let prices = desk.get(&format!("{PRODUCTS}/iphone-15/prices")).await.ok();
    let steps: Vec<_> = prices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (&each["oldPrice"], &each["newPrice"]))
        .collect();
    assert_eq!(steps, [(&json!(999.99), &json!(849.99)), (&Value::Null, &json!(999.99))]);
    let stock = desk.get(&format!("{PRODUCTS}/{}/stock", product["productId"].as_str().unwrap())).await.ok();
    assert_eq!(stock["items"][0]["newStock"], 0);
    let listed = desk.get(&format!("{PRODUCTS}?category=phones&available=false&search=iphone")).await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_fetched_product_can_be_sent_back_changed() {
    let desk = Desk::open().await.with_product().await;
    let path = format!("{PRODUCTS}/iphone-15");
    let mut product = desk.get(&path).await.ok();
    product["stock"] = Value::Null;
    product["attributes"] = json!({"colour": "blue"});
    let changed = desk.put(&path, product).await.ok();
    assert_eq!((&changed["stock"], &changed["attributes"]["colour"]), (&Value::Null, &json!("blue")));
    assert_eq!(changed["price"], json!(999.99));
    let wrong = desk.put(&path, json!({"prize": 1, "price": 2})).await;
    assert_eq!(wrong.pointers(), ["/prize"]);
    assert!(wrong.body.to_string().contains("did you mean `price`?"), "{}", wrong.body);
}

#[tokio::test]
async fn only_managers_change_the_catalogue() {
    let mut desk = Desk::open().await.with_product().await;
    desk.key = make_key(&desk.engine, "agent", Role::Agent).await;
    assert_eq!(
        desk.put(&format!("{PRODUCTS}/iphone-15"), json!({"price": 1})).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(desk.get(&format!("{PRODUCTS}/iphone-15")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_purchase_is_recorded_once_and_given_back_in_parts() {
    let desk = Desk::open().await.with_lead().await.with_product().await;
    let line = json!({
        "externalId": "o1-1", "orderId": "o1", "customerId": "lead_123", "productId": "iphone-15", "quantity": 2,
        "unitPrice": 949.5, "purchasedAt": "2026-06-20T10:00:00",
    });
    let first = desk.post(PURCHASES, line.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.ok()["total"], json!(1899.0));
    assert_eq!(desk.post(PURCHASES, line).await.status, StatusCode::OK);
    let back = desk.put(&format!("{PURCHASES}/o1-1"), json!({"refunded": 949.5})).await.ok();
    assert_eq!((&back["refunded"], &back["quantity"]), (&json!(949.5), &json!(2)));
    let wrong = desk.put(&format!("{PURCHASES}/o1-1"), json!({"refunded": 2000, "quantity": -1})).await;
    assert_eq!(wrong.pointers(), ["/quantity", "/refunded"]);
    let listed = desk.get(&format!("{PURCHASES}?leadId=lead_123&productId=iphone-15&orderId=o1")).await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let unknown = desk.post(PURCHASES, json!({"leadId": "nobody", "productId": "nothing"})).await;
    assert_eq!(unknown.pointers(), ["/leadId", "/productId"]);
    assert_eq!(desk.delete(&format!("{PRODUCTS}/iphone-15")).await.status, StatusCode::CONFLICT);
    assert_eq!(desk.delete(&format!("{PURCHASES}/o1-1")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(desk.delete(&format!("{PRODUCTS}/iphone-15")).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_interest_is_said_once_and_taken_back() {
    let desk = Desk::open().await.with_lead().await.with_product().await;
    let path = "/api/v1/crm/interests";
    let said = json!({"leadId": "lead_123", "productId": "iphone-15", "kind": "wish_list"});
    let first = desk.post(path, said.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let interest = first.ok();
    assert_eq!(desk.post(path, said).await.status, StatusCode::OK);
    let one = format!("{path}/{}", interest["interestId"].as_str().unwrap());
    assert_eq!(desk.get(&one).await.ok()["waiting"], true);
    assert_eq!(desk.delete(&one).await.ok()["waiting"], false);
    let waiting = desk.get(&format!("{path}?productId=iphone-15&waiting=true")).await.ok();
    assert!(waiting["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_offer_says_what_it_comes_to_and_who_is_owed() {
    let desk = Desk::open().await.with_lead().await.with_product().await;
    let line = json!({"externalId": "l1", "leadId": "lead_123", "productId": "iphone-15", "purchasedAt": "2026-06-20"});
    desk.post(PURCHASES, line).await.ok();
    desk.put(&format!("{PRODUCTS}/iphone-15"), json!({"price": 849.99})).await.ok();
    let offer = json!({"key": "spring", "label": "price_drop", "percent": 12.5, "policy": {"windowDays": 15, "cap": 100, "capCurrency": "USD"}});
    let made = desk.post("/api/v1/crm/offers", offer.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.ok()["label"], "PRICE_DROP");
    assert_eq!(desk.post("/api/v1/crm/offers", offer).await.status, StatusCode::CONFLICT);
    let path = "/api/v1/crm/offers/spring";
    let quote = desk.get(&format!("{path}/quote?productId=iphone-15&leadId=lead_123")).await.ok();
    assert_eq!((&quote["discount"], &quote["price"]), (&json!(106.25), &json!(743.74)));
    assert_eq!(
        (&quote["refunds"][0]["eligible"], &quote["refunds"][0]["amount"]),
        (&json!(true), &json!(100.0))
    );
    desk.put(path, json!({"policy": {"windowDays": 7}, "validUntil": "2026-06-30"})).await.ok();
    let quote = desk.get(&format!("{path}/quote?productId=iphone-15&leadId=lead_123")).await.ok();
    assert_eq!(
        (&quote["open"], &quote["refunds"][0]["reason"]),
        (&json!(false), &json!("refund-window-over"))
    );
    let wrong = desk.post("/api/v1/crm/offers", json!({"key": "x", "percent": 101, "amount": 5})).await;
    assert_eq!(wrong.pointers(), ["/amount"]);
}

#[tokio::test]
async fn a_campaign_has_products_and_a_budget() {
    let desk = Desk::open().await.with_campaign().await.with_product().await;
    let path = "/api/v1/crm/campaigns/campaign_new_lead";
    let wrong = desk.put(&format!("{path}/products"), json!({"productIds": ["iphone-15", "nothing"]})).await;
    assert_eq!(wrong.pointers(), ["/productIds/1"]);
    desk.put(&format!("{path}/products"), json!({"productIds": ["iphone-15"]})).await.ok();
    assert_eq!(desk.get(&format!("{path}/products")).await.ok()["productIds"].as_array().unwrap().len(), 1);
    assert_eq!(desk.get(&format!("{path}/budget")).await.status, StatusCode::NOT_FOUND);
    let budget = desk.put(&format!("{path}/budget"), json!({"total": 500.5, "currency": "USD"})).await.ok();
    assert_eq!((&budget["left"], &budget["spent"]), (&json!(500.5), &json!(0.0)));
    assert_eq!(desk.put(&format!("{path}/budget"), budget).await.status, StatusCode::OK);
    assert_eq!(desk.delete(&format!("{path}/budget")).await.status, StatusCode::NO_CONTENT);
}
