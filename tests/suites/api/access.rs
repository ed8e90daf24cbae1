//! Who gets in, and what each role may do.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use callwright_api::http::Access;
use callwright_engine::domain::user::Role;
use callwright_engine::store::api_key;
use serde_json::json;

use crate::desk::{Desk, campaign, make_key, noon};

const LEADS: &str = "/api/v1/crm/leads";

async fn with_header(desk: &Desk, header: Option<&str>) -> StatusCode {
    let mut request = Request::builder().uri(LEADS);
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    desk.request(request.body(Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn a_request_without_a_valid_key_is_turned_away() {
    let desk = Desk::open().await;
    let good = format!("Bearer {}", desk.key);
    let forged = format!("{}0", &good[..good.len() - 1]);
    for header in [
        None,
        Some("Bearer "),
        Some("Bearer cw_nonsense"),
        Some("Basic abc"),
        Some(desk.key.as_str()),
        Some(forged.as_str()),
    ] {
        assert_eq!(with_header(&desk, header).await, StatusCode::UNAUTHORIZED, "{header:?}");
    }
    assert_eq!(with_header(&desk, Some(&good)).await, StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_key_stops_working_at_once() {
    let desk = Desk::open().await;
    let good = format!("Bearer {}", desk.key);
    assert_eq!(with_header(&desk, Some(&good)).await, StatusCode::OK);
    let mut tx = desk.engine.db.begin().await.unwrap();
    let id = api_key::list(&mut tx).await.unwrap()[0].id;
    assert!(api_key::revoke(&mut tx, id, noon()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(with_header(&desk, Some(&good)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_agents_key_reads_and_logs_but_changes_no_campaign() {
    let mut desk = Desk::open().await.with_lead().await.with_campaign().await;
    desk.key = make_key(&desk.engine, "agent", Role::Agent).await;
    desk.get("/api/v1/crm/leads/lead_123").await.ok();
    for path in ["/api/v1/crm/campaigns", "/api/v1/crm/campaigns/campaign_new_lead/resume"] {
        let refused = desk.post(path, campaign()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{path}");
    }
    // What is given away in a call is not theirs to say.
    let trigger =
        json!({"customerId": "lead_123", "productId": "p", "triggerType": "promo", "discountPercent": 100});
    let refused = desk.post("/api/v1/campaigns/trigger-call", trigger).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"));
    // Stopping is always allowed.
    desk.post("/api/v1/crm/campaigns/campaign_new_lead/pause", json!({})).await.ok();
}

#[tokio::test]
async fn development_needs_no_key() {
    let desk = Desk::with_access(Access::Open).await;
    assert_eq!(with_header(&desk, None).await, StatusCode::OK);
}

#[tokio::test]
async fn health_is_public_and_callbacks_need_a_signature() {
    let desk = Desk::open().await;
    for path in ["/healthz", "/readyz", "/livez", "/openapi.json"] {
        let reply = desk.request(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
    }
    let unsigned = desk.post("/callbacks/carrier", json!({"event": "ringing"})).await;
    assert_eq!((unsigned.status, unsigned.code()), (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"));
}
