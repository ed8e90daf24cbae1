//! The same key and request: one effect, one answer. Another request under the key: refused (I12).

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::desk::Desk;

const EVENTS: &str = "/api/v1/crm/events";
const KEY: (&str, &str) = ("idempotency-key", "order-17");

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_has_one_effect() {
    let desk = Desk::open().await.with_lead().await;
    let body = json!({"eventType": "TRIAL_SIGNUP_OFFERED", "leadId": "lead_123", "agentAccepted": true});
    let first = desk.send_with(Method::POST, EVENTS, Some(&body), &[KEY]).await.ok();
    let again = desk.send_with(Method::POST, EVENTS, Some(&body), &[KEY]).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.ok(), first);
    // The same route by its other address is the same request.
    let alias = desk.send_with(Method::POST, "/v1/crm/events", Some(&body), &[KEY]).await.ok();
    assert_eq!(alias, first);
    let events = desk.get("/api/v1/crm/events?eventType=TRIAL_SIGNUP_OFFERED").await.ok();
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let desk = Desk::open().await.with_lead().await;
    let body = json!({"eventType": "CALL_ANSWERED", "leadId": "lead_123"});
    desk.send_with(Method::POST, EVENTS, Some(&body), &[KEY]).await.ok();
    let other = json!({"eventType": "CALL_NO_ANSWER", "leadId": "lead_123"});
    let reply = desk.send_with(Method::POST, EVENTS, Some(&other), &[KEY]).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_MISMATCH"));
}

#[tokio::test]
async fn a_refusal_is_an_answer_too() {
    let desk = Desk::open().await;
    let body = json!({"eventType": "CALL_ANSWERED", "leadId": "lead_123"});
    let first = desk.send_with(Method::POST, EVENTS, Some(&body), &[KEY]).await;
    let again = desk.send_with(Method::POST, EVENTS, Some(&body), &[KEY]).await;
    assert_eq!((first.status, &first.body), (StatusCode::NOT_FOUND, &again.body));
}

#[tokio::test]
async fn an_event_id_makes_a_repeat_harmless_without_the_header() {
    let desk = Desk::open().await.with_lead().await;
    let body = json!({"eventType": "CALL_ANSWERED", "leadId": "lead_123", "eventId": "crm-981"});
    let first = desk.post(EVENTS, body.clone()).await.ok();
    let again = desk.post(EVENTS, body).await.ok();
    assert_eq!((&first["repeated"], &again["repeated"]), (&json!(false), &json!(true)));
    assert_eq!(first["eventId"], again["eventId"]);
}
