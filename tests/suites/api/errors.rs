//! Every error has one shape, a documented code, and points at what is wrong.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::desk::{Desk, alice, campaign};

#[tokio::test]
async fn a_misspelt_field_is_pointed_at_with_a_suggestion() {
    let desk = Desk::open().await;
    let reply = desk.post("/api/v1/crm/leads", json!({"email": "a@example.com", "fristName": "A"})).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR"));
    assert_eq!(reply.body["success"], false);
    let field = &reply.body["error"]["details"]["fields"][0];
    assert_eq!(field["pointer"], "/fristName");
    assert_eq!(field["help"], "did you mean `firstName`?");
}

#[tokio::test]
async fn all_wrong_fields_of_a_lead_are_named_at_once() {
    let desk = Desk::open().await;
    let body = json!({"email": "nonsense", "segment": "giants", "timezone": "Mars/Base", "preferredContactTime": "half past soon", "score": 130});
    let reply = desk.post("/api/v1/crm/leads", body).await;
    let mut pointers = reply.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/email", "/preferredContactTime", "/score", "/segment", "/timezone"]);
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_a_bad_request() {
    let desk = Desk::open().await;
    let request = |body: &'static str| {
        let request =
            Request::post("/api/v1/crm/leads").header("authorization", format!("Bearer {}", desk.key));
        request.header("content-type", "application/json").body(Body::from(body)).unwrap()
    };
    for body in ["", "{", "[1]", "{} {}"] {
        let reply = desk.request(request(body)).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"), "{body}");
    }
}

#[tokio::test]
async fn bodies_beyond_one_megabyte_are_refused() {
    let desk = Desk::open().await;
    let reply = desk.post("/api/v1/crm/leads", json!({"email": "a".repeat(1_100_000)})).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::PAYLOAD_TOO_LARGE, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn unknown_things_are_not_found() {
    let desk = Desk::open().await.with_lead().await;
    for path in [
        "/api/v1/crm/leads/lead_999",
        "/api/v1/crm/leads/lead_999/timeline",
        "/api/v1/crm/leads/lead_999/why",
        "/api/v1/crm/campaigns/none",
        "/api/v1/crm/enrollments/none",
        "/api/v1/crm/nothing",
        "/api/v1/schemas/poem",
        "/elsewhere",
    ] {
        let reply = desk.get(path).await;
        assert_eq!((reply.status, reply.code()), (StatusCode::NOT_FOUND, "NOT_FOUND"), "{path}");
    }
    let unknown_campaign =
        json!({"eventType": "CALL_PLACED", "leadId": "lead_123", "campaignId": "campaign_none"});
    let reply = desk.post("/api/v1/crm/events", unknown_campaign).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(reply.body["error"]["message"].as_str().unwrap().contains("campaign_none"));
    let reply = desk.delete("/api/v1/crm/suppressions/none").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_method_says_so_in_the_same_shape() {
    let desk = Desk::open().await;
    let reply = desk.send(Method::PATCH, "/api/v1/crm/leads", None).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::METHOD_NOT_ALLOWED, "VALIDATION_ERROR"));
    assert!(reply.headers.contains_key("allow"));
}

#[tokio::test]
async fn an_unknown_event_type_or_cadence_gets_a_suggestion() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    let event = json!({"eventType": "CALL_ANSWRED", "leadId": "lead_123"});
    let reply = desk.post("/api/v1/crm/events", event).await;
    assert_eq!(reply.body["error"]["details"]["fields"][0]["help"], "did you mean `CALL_ANSWERED`?");
    let reply =
        desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-laed"})).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.body["error"]["details"]["help"], "did you mean `new-lead`?");
}

#[tokio::test]
async fn a_taken_key_is_a_conflict() {
    let desk = Desk::open().await.with_campaign().await;
    let reply = desk.post("/api/v1/crm/campaigns", campaign()).await;
    assert_eq!((reply.status, reply.code()), (StatusCode::CONFLICT, "CONFLICT"));
    assert_eq!(reply.body["error"]["details"]["reason"], "key-taken");
}

#[tokio::test]
async fn a_page_out_of_range_is_refused() {
    let desk = Desk::open().await;
    for (query, pointer) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
        ("status=warm", "status"),
        ("sort=name", "sort"),
    ] {
        let reply = desk.get(&format!("/api/v1/crm/leads?{query}")).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", reply.body);
        assert!(
            reply.body["error"]["message"].as_str().unwrap().contains(pointer),
            "{query}: {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn an_email_that_another_lead_has_is_refused() {
    let desk = Desk::open().await.with_lead().await;
    let mut other = alice();
    other["externalId"] = json!("lead_124");
    other["email"] = json!("bob@example.com");
    desk.post("/api/v1/crm/leads", other).await.ok();
    let reply = desk.put("/api/v1/crm/leads/lead_124", json!({"email": "alice@example.com"})).await;
    assert_eq!(reply.pointers(), ["/email"]);
}
