//! Emergency stops, opt-ins and suppressions over HTTP: who may do what, and what is kept of it.

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use callwright_engine::domain::registry::Registry;
use callwright_engine::domain::user::Role;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::registry;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::desk::{Desk, make_key, noon};

const STOPS: &str = "/api/v1/emergency-stops";
const SUPPRESSIONS: &str = "/api/v1/crm/suppressions";
const NUMBER: &str = "+12124567890";

/// The same desk, by somebody else's key.
async fn as_agent(desk: &Desk, method: Method, path: &str, body: Option<&Value>) -> StatusCode {
    let key = make_key(&desk.engine, "agent", Role::Agent).await;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    desk.request(request.body(body).unwrap()).await.status
}

async fn text(desk: &Desk, path: &str) -> String {
    let request = Request::get(path).header("authorization", format!("Bearer {}", desk.key));
    let response = desk.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

/// A list with one number.
async fn listed(desk: &Desk) {
    let mut tx = desk.engine.db.begin().await.unwrap();
    let vendor = Registry::new("litigators", None, None, None).unwrap();
    let list = registry::declare(&mut tx, &vendor, None, noon()).await.unwrap();
    let number = PhoneNumber::e164_only(NUMBER).unwrap();
    registry::add(&mut tx, std::slice::from_ref(&list), &[(number, 0)]).await.unwrap();
    registry::complete(&mut tx, &list, noon()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn anybody_may_stop_and_a_manager_lets_calls_go_on() {
    let desk = Desk::open().await;
    let body = json!({"scope": "jurisdiction", "target": "us-fl", "reason": "storm"});
    assert_eq!(as_agent(&desk, Method::POST, STOPS, Some(&body)).await, StatusCode::CREATED);
    let stops = desk.get(STOPS).await.ok();
    let stop = &stops["items"][0];
    assert_eq!(
        (&stop["target"], &stop["stoppedBy"], &stop["liftedAt"]),
        (&json!("US-FL"), &json!("agent"), &Value::Null)
    );
    let path = format!("{STOPS}/{}", stop["stopId"].as_str().unwrap());
    assert_eq!(
        as_agent(&desk, Method::DELETE, &format!("{path}?reason=over"), None).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(desk.send(Method::DELETE, &path, None).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let lifted = desk.send(Method::DELETE, &format!("{path}?reason=over"), None).await.ok();
    assert_eq!((&lifted["liftedBy"], &lifted["liftedReason"]), (&json!("tests"), &json!("over")));
    assert_eq!(
        desk.send(Method::DELETE, &format!("{path}?reason=over"), None).await.status,
        StatusCode::CONFLICT
    );
    assert!(desk.get(STOPS).await.ok()["items"].as_array().unwrap().is_empty());
    assert_eq!(desk.get(&format!("{STOPS}?all=true")).await.ok()["items"].as_array().unwrap().len(), 1);
    let kinds = desk.get("/api/v1/crm/events").await.ok()["items"].clone();
    let kinds: Vec<_> = kinds.as_array().unwrap().iter().map(|event| event["eventType"].clone()).collect();
    assert!(
        kinds.contains(&json!("emergency.stopped")) && kinds.contains(&json!("emergency.lifted")),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn a_stop_says_what_it_cannot_mean() {
    let desk = Desk::open().await;
    for (body, status) in [
        (json!({"scope": "everywhere", "reason": ""}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"scope": "everywhere", "target": "US", "reason": "x"}), StatusCode::UNPROCESSABLE_ENTITY),
        (
            json!({"scope": "jurisdiction", "target": "Florida", "reason": "x"}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (json!({"scope": "caller", "target": "2125550100", "reason": "x"}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"scope": "campaign", "target": "none", "reason": "x"}), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(desk.post(STOPS, body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn an_opt_out_is_taken_back_by_a_manager_with_evidence() {
    let desk = Desk::open().await.with_lead().await;
    let path = "/api/v1/crm/leads/lead_123/opt-in";
    let evidence = json!({"evidence": "signed form 4711"});
    assert_eq!(desk.post(path, evidence.clone()).await.code(), "not-opted-out");
    let stop =
        json!({"eventType": "OPTOUT_REQUESTED", "leadId": "lead_123", "reason": "REMOVE", "source": "sms"});
    desk.post("/api/v1/crm/events", stop).await.ok();
    assert_eq!(as_agent(&desk, Method::POST, path, Some(&evidence)).await, StatusCode::FORBIDDEN);
    assert_eq!(desk.post(path, json!({"evidence": " "})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.post(path, evidence).await.ok()["lifted"], json!(1));
    assert_eq!(desk.get("/api/v1/crm/leads/lead_123").await.ok()["doNotCall"], json!(false));
}

#[tokio::test]
async fn one_number_is_looked_up_in_entries_and_lists() {
    let desk = Desk::open().await;
    desk.post(SUPPRESSIONS, json!({"phone": NUMBER, "reason": "asked by mail"})).await.ok();
    listed(&desk).await;
    let found = desk.get(&format!("{SUPPRESSIONS}?number=%2B12124567890")).await.ok();
    let items = found["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["addedBy"], &items[0]["reason"]),
        (2, &json!("tests"), &json!("asked by mail"))
    );
    assert_eq!((&items[1]["registry"], &items[1]["suppressionId"]), (&json!("litigators"), &Value::Null));
    let registries = desk.get(&format!("{SUPPRESSIONS}/registries")).await.ok();
    assert_eq!(
        (&registries["items"][0]["registry"], &registries["items"][0]["isStale"]),
        (&json!("litigators"), &json!(false))
    );
}

#[tokio::test]
async fn an_export_has_every_row_and_is_for_managers() {
    let desk = Desk::open().await;
    let phones: Vec<String> = (0..1_500).map(|n| format!("+1212456{n:04}")).collect();
    desk.post(SUPPRESSIONS, json!({"phones": phones, "reason": "asked, \"by mail\""})).await.ok();
    listed(&desk).await;
    let csv = text(&desk, &format!("{SUPPRESSIONS}/export")).await;
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows[0].starts_with("phone,source,registry,"), "{}", rows[0]);
    assert!(
        rows.len() == 1_501 && rows[1].contains(",\"asked, \"\"by mail\"\"\",tests,2026-07-01T"),
        "{}",
        rows[1]
    );
    let lines = text(&desk, &format!("{SUPPRESSIONS}/export?format=json&lists=true")).await;
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        (lines.lines().count(), &last["registry"], &last["phone"]),
        (1_501, &json!("litigators"), &json!(NUMBER))
    );
    assert_eq!(
        as_agent(&desk, Method::GET, &format!("{SUPPRESSIONS}/export"), None).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        desk.get(&format!("{SUPPRESSIONS}/export?format=xml")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}
