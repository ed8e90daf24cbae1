//! Versions over the API: plan, apply, withdraw, and what is wrong with the files.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use callwright_api::http::state::FileProblems;
use callwright_api::http::{Access, App, router};
use callwright_engine::domain::user::Role;
use callwright_workers::bell::Bell;
use serde_json::{Value, json};

use crate::desk::{Desk, make_key};

const PLAN: &str = "/api/v1/definitions/plan";
const APPLY: &str = "/api/v1/definitions/apply";
const VERSIONS: &str = "/api/v1/definitions/new-lead/versions";

async fn running() -> Desk {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-lead"})).await.ok();
    desk
}

#[tokio::test]
async fn versions_say_who_is_on_them() {
    let desk = running().await;
    let versions = desk.get(VERSIONS).await.ok();
    assert_eq!(
        (versions["versions"].as_array().unwrap().len(), &versions["versions"][0]["running"]),
        (1, &json!(1))
    );
    assert_eq!(versions["publications"][0]["kind"], "files");
    assert_eq!(desk.get("/api/v1/definitions/no-such/versions").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_plan_is_applied_by_its_token_once() {
    let desk = running().await;
    let plan = desk.post(PLAN, json!({"cadenceId": "new-lead", "mode": "follow"})).await.ok();
    let body = json!({"token": plan["token"]});
    let key = [("idempotency-key", "publish-1")];
    let first = desk.send_with(Method::POST, APPLY, Some(&body), &key).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
    let again = desk.send_with(Method::POST, APPLY, Some(&body), &key).await;
    assert_eq!(again.body["publicationId"], first.body["publicationId"]);
    let id = first.body["publicationId"].as_str().unwrap();
    assert_eq!(desk.get(&format!("/api/v1/publications/{id}")).await.ok()["state"], "done");
    let count = |body: &Value| body["publications"].as_array().unwrap().len();
    assert_eq!(count(&desk.get(VERSIONS).await.ok()), 2);
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong() {
    let desk = running().await;
    let unknown = desk.post(PLAN, json!({"cadenceId": "no-such", "mode": "pin"})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let ended = desk.post(PLAN, json!({"cadenceId": "new-lead", "mode": "end"})).await;
    assert_eq!((ended.status, ended.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/mode"]));
    let mapped = desk.post(PLAN, json!({"cadenceId": "new-lead", "mode": "follow", "map": {"a": "b"}})).await;
    assert_eq!(mapped.pointers(), ["/map"]);
    let token = desk.post(APPLY, json!({"token": "p1+nonsense"})).await;
    assert_eq!(token.pointers(), ["/token"]);
}

#[tokio::test]
async fn the_only_version_can_be_withdrawn_and_nobody_enrolls_any_more() {
    let desk = running().await;
    let version = desk.get(VERSIONS).await.ok()["head"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/definitions/{}/withdraw", &version[..12]);
    let nowhere = desk.post(&path, json!({"running": "follow"})).await;
    assert_eq!((nowhere.status, nowhere.code()), (StatusCode::CONFLICT, "CONFLICT"));
    let done = desk.post(&path, json!({"running": "pin"})).await;
    assert_eq!((done.status, &done.body["version"]), (StatusCode::ACCEPTED, &json!(null)));
    let lead = json!({"externalId": "lead_2", "email": "b@example.com", "phone": "+12124567891"});
    desk.post("/api/v1/crm/leads", lead).await.ok();
    let refused =
        desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_2", "cadenceId": "new-lead"})).await;
    assert_eq!(refused.body["error"]["details"]["reason"], "cadence-withdrawn");
}

#[tokio::test]
async fn an_agent_may_look_but_not_publish() {
    let mut desk = running().await;
    let plan = desk.post(PLAN, json!({"cadenceId": "new-lead", "mode": "pin"})).await.ok();
    desk.key = make_key(&desk.engine, "agent", Role::Agent).await;
    assert_eq!(desk.post(APPLY, json!({"token": plan["token"]})).await.status, StatusCode::FORBIDDEN);
    let withdraw = desk.post("/api/v1/definitions/abcdef/withdraw", json!({"running": "pin"})).await;
    assert_eq!(withdraw.status, StatusCode::FORBIDDEN);
    desk.get(VERSIONS).await.ok();
}

#[tokio::test]
async fn problems_of_the_files_are_shown_with_what_is_published() {
    let mut desk = Desk::open().await;
    let problems = Arc::new(FileProblems::default());
    let app = App::new(Arc::clone(&desk.engine), Access::Keys, Bell::new());
    desk.app = router(app.with_problems(Arc::clone(&problems)));
    let before = desk.get("/api/v1/definitions").await.ok();
    assert_eq!(before["problems"], json!([]));
    let new_lead =
        before["cadences"].as_array().unwrap().iter().find(|c| c["cadenceId"] == "new-lead").unwrap();
    assert_eq!(new_lead["published"], new_lead["files"]);
    problems.set(json!([{"code": "unknown-target", "file": "cadences/new-lead.yaml"}]));
    assert_eq!(desk.get("/api/v1/definitions").await.ok()["problems"][0]["code"], "unknown-target");
}
