//! Each route does what it says, on a way through the whole family.

use axum::http::StatusCode;
use serde_json::json;

use crate::desk::{Desk, alice};

#[tokio::test]
async fn a_lead_is_created_then_updated_by_its_ids() {
    let desk = Desk::open().await;
    let created = desk.post("/api/v1/crm/leads", alice()).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let mut again = alice();
    again["company"] = json!("Johnson & Co");
    let updated = desk.post("/api/v1/crm/leads", again).await;
    assert_eq!(updated.status, StatusCode::OK);
    assert_eq!(updated.body["leadId"], created.body["leadId"]);
    assert_eq!(updated.body["company"], "Johnson & Co");
    let without_email = desk.post("/api/v1/crm/leads", json!({"firstName": "Bo"})).await;
    assert_eq!(without_email.pointers(), ["/email"]);
}

#[tokio::test]
async fn leads_are_listed_filtered_and_paged() {
    let desk = Desk::open().await;
    for n in 0..5 {
        let segment = if n % 2 == 0 { "agencies" } else { "enterprise" };
        let lead = json!({"externalId": format!("lead_{n}"), "email": format!("p{n}@example.com"), "segment": segment});
        desk.post("/api/v1/crm/leads", lead).await.ok();
    }
    let first = desk.get("/api/v1/crm/leads?segment=agencies&limit=2").await.ok();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let second = desk.get(&format!("/api/v1/crm/leads?segment=agencies&limit=2&cursor={next}")).await.ok();
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &json!(null)));
    let found = desk.get("/api/v1/crm/leads?search=p3@").await.ok();
    assert_eq!(found["items"][0]["externalId"], "lead_3");
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name_and_null_empties() {
    let desk = Desk::open().await.with_lead().await;
    let changed =
        desk.put("/api/v1/crm/leads/lead_123", json!({"company": null, "tags": ["vip"]})).await.ok();
    assert_eq!(
        (&changed["company"], &changed["tags"], &changed["firstName"]),
        (&json!(null), &json!(["vip"]), &json!("Alice"))
    );
    // A fetched lead can be sent back whole.
    let fetched = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    let sent_back = desk.put("/api/v1/crm/leads/lead_123", fetched.clone()).await.ok();
    assert_eq!(sent_back["phones"], fetched["phones"]);
}

#[tokio::test]
async fn do_not_call_opts_out_with_everything_that_follows() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    let enrolled =
        desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-lead"})).await.ok();
    let lead = desk.put("/api/v1/crm/leads/lead_123", json!({"doNotCall": true})).await.ok();
    assert_eq!((&lead["status"], &lead["doNotCall"]), (&json!("opted_out"), &json!(true)));
    let enrollment = format!("/api/v1/crm/enrollments/{}", enrolled["enrollmentId"].as_str().unwrap());
    let ended = desk.get(&enrollment).await.ok();
    assert_eq!((&ended["state"], &ended["result"]), (&json!("ended"), &json!("opted_out")));
    let suppressed = desk.get("/api/v1/crm/suppressions").await.ok();
    assert_eq!(
        (&suppressed["items"][0]["phone"], &suppressed["items"][0]["source"]),
        (&json!("+12124567890"), &json!("opt_out"))
    );
    let events = desk.get("/api/v1/crm/events?eventType=OPTOUT_REQUESTED").await.ok();
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
    // Sent again it changes nothing; taking it back by a field is refused.
    desk.put("/api/v1/crm/leads/lead_123", json!({"status": "opted_out"})).await.ok();
    for undo in [json!({"status": "cold"}), json!({"doNotCall": false})] {
        assert_eq!(desk.put("/api/v1/crm/leads/lead_123", undo).await.status, StatusCode::CONFLICT);
    }
    let refused =
        desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-lead"})).await;
    assert_eq!(refused.body["error"]["details"]["reason"], "opted-out");
}

#[tokio::test]
async fn enrolling_finds_its_campaign_and_refuses_a_second_time() {
    let desk = Desk::open().await.with_lead().await;
    let body = json!({"leadId": "lead_123", "cadenceId": "new-lead", "startDate": "2026-07-06"});
    let unclear = desk.post("/api/v1/crm/cadences", body.clone()).await;
    assert_eq!(unclear.body["error"]["details"]["reason"], "campaign-unclear");
    let desk = desk.with_campaign().await;
    let enrolled = desk.post("/api/v1/crm/cadences", body.clone()).await;
    assert_eq!(enrolled.status, StatusCode::CREATED);
    assert_eq!(enrolled.body["dueAt"], "2026-07-06T00:00:00Z");
    let twice = desk.post("/api/v1/crm/cadences", body).await;
    assert_eq!(
        (twice.status, &twice.body["error"]["details"]["reason"]),
        (StatusCode::CONFLICT, &json!("already-enrolled"))
    );
}

#[tokio::test]
async fn an_enrollment_is_paused_resumed_skipped_and_ended() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    let enrolled =
        desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-lead"})).await.ok();
    let path = format!("/api/v1/crm/enrollments/{}", enrolled["enrollmentId"].as_str().unwrap());
    let shown = desk.get(&path).await.ok();
    assert_eq!((&shown["state"], &shown["cadenceId"]), (&json!("waiting"), &json!("new-lead")));
    let paused = desk.post(&format!("{path}/pause"), json!({})).await.ok();
    assert_eq!((&paused["state"], &paused["hold"]), (&json!("held"), &json!("paused")));
    assert_eq!(desk.post(&format!("{path}/resume"), json!({})).await.ok()["state"], "waiting");
    assert_eq!(desk.post(&format!("{path}/resume"), json!({})).await.status, StatusCode::CONFLICT);
    let skipped = desk.post(&format!("{path}/skip"), json!({})).await.ok();
    assert_ne!(skipped["step"], shown["step"]);
    assert_eq!(desk.delete(&path).await.ok()["state"], "ended");
    assert_eq!(desk.delete(&path).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn many_leads_are_enrolled_by_ids_or_by_a_filter() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    for n in 0..3 {
        let lead = json!({"externalId": format!("lead_{n}"), "email": format!("p{n}@example.com"), "tags": ["webinar"]});
        desk.post("/api/v1/crm/leads", lead).await.ok();
    }
    let by_ids = json!({"cadenceId": "new-lead", "leadIds": ["lead_123", "lead_0", "lead_none"]});
    let report = desk.post("/api/v1/crm/cadences/bulk", by_ids).await.ok();
    assert_eq!((&report["enrolled"], &report["refused"]), (&json!(2), &json!({"unknown-lead": 1})));
    let by_filter = json!({"cadenceId": "new-lead", "filter": {"tag": "webinar"}});
    let report = desk.post("/api/v1/crm/cadences/bulk", by_filter).await.ok();
    assert_eq!((&report["enrolled"], &report["refused"]), (&json!(2), &json!({"already-enrolled": 1})));
    let neither = desk.post("/api/v1/crm/cadences/bulk", json!({"cadenceId": "new-lead"})).await;
    assert_eq!(neither.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn cadences_and_schemas_are_shown() {
    let desk = Desk::open().await;
    let cadences = desk.get("/api/v1/crm/cadences").await.ok();
    let names: Vec<_> =
        cadences["items"].as_array().unwrap().iter().map(|each| each["cadenceId"].clone()).collect();
    assert!(names.contains(&json!("new-lead")), "{names:?}");
    for kind in ["flow", "script", "cadence", "rules", "holidays", "flow.schema.json"] {
        let schema = desk.get(&format!("/v1/schemas/{kind}")).await.ok();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}

#[tokio::test]
async fn a_campaign_is_made_changed_paused_and_ended() {
    let desk = Desk::open().await.with_campaign().await;
    let path = "/api/v1/crm/campaigns/campaign_new_lead";
    let shown = desk.get(path).await.ok();
    assert_eq!((&shown["status"], &shown["consentBasis"]["attestedBy"]), (&json!("active"), &json!("tests")));
    let changed =
        desk.put(path, json!({"limits": {"callsPerSecond": 2.5}, "agentNumber": "+12125550123"})).await.ok();
    assert_eq!((&changed["limits"]["callsPerSecond"], &changed["name"]), (&json!(2.5), &json!("New leads")));
    assert_eq!(desk.post(&format!("{path}/pause"), json!({})).await.ok()["status"], "paused");
    assert_eq!(desk.get("/api/v1/crm/campaigns?status=active").await.ok()["items"], json!([]));
    assert_eq!(desk.post(&format!("{path}/resume"), json!({})).await.ok()["status"], "active");
    assert_eq!(desk.delete(path).await.ok()["status"], "ended");
    assert_eq!(desk.post(&format!("{path}/resume"), json!({})).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn consents_are_granted_listed_and_revoked() {
    let desk = Desk::open().await.with_lead().await;
    let path = "/api/v1/crm/leads/lead_123/consents";
    let granted =
        desk.post(path, json!({"purpose": "voice_contact", "form": "express", "evidence": "form 17"})).await;
    assert_eq!((granted.status, &granted.body["source"]), (StatusCode::CREATED, &json!("tests")));
    let id = granted.body["consentId"].as_str().unwrap();
    assert_eq!(desk.delete(&format!("{path}/{id}")).await.status, StatusCode::NO_CONTENT);
    let listed = desk.get(path).await.ok();
    assert_eq!(listed["items"][0]["revokedAt"], "2026-07-01T16:00:00Z");
    let of_lead = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    assert_eq!(of_lead["consents"].as_array().unwrap().len(), 1);
    let future = json!({"purpose": "sms", "form": "oral", "grantedAt": "2027-01-01"});
    assert_eq!(desk.post(path, future).await.pointers(), ["/grantedAt"]);
}

#[tokio::test]
async fn numbers_are_suppressed_and_lifted() {
    let desk = Desk::open().await;
    let path = "/api/v1/crm/suppressions";
    let added = desk
        .post(path, json!({"phones": ["+12124567890", "(212) 456-7890"], "country": "US", "reason": "asked"}))
        .await;
    assert_eq!((added.status, &added.body["suppressed"]), (StatusCode::CREATED, &json!(1)));
    let wrong = desk.post(path, json!({"phones": ["+12124567891", "nonsense"], "reason": "asked"})).await;
    assert_eq!(wrong.pointers(), ["/phones/1"]);
    let listed = desk.get(path).await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let id = listed["items"][0]["suppressionId"].as_str().unwrap();
    assert_eq!(desk.delete(&format!("{path}/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(desk.delete(&format!("{path}/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_timeline_and_the_reasons_of_a_lead_are_told() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    desk.post("/api/v1/crm/cadences", json!({"leadId": "lead_123", "cadenceId": "new-lead"})).await.ok();
    desk.post("/api/v1/crm/events", json!({"eventType": "CALL_ANSWERED", "leadId": "lead_123"})).await.ok();
    let timeline = desk.get("/api/v1/crm/leads/lead_123/timeline").await.ok();
    let kinds: Vec<_> = timeline["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["eventType"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"CALL_ANSWERED") && kinds.contains(&"enrollment.started"), "{kinds:?}");
    // Four in the morning in New York.
    let why = desk.get("/api/v1/crm/leads/lead_123/why?at=2026-07-02T08:00:00Z").await.ok();
    assert_eq!(why["enrollments"][0]["verdictNow"], "defer");
    assert!(!why.to_string().contains("+12124567890"), "a full number is never shown in an explanation");
}
