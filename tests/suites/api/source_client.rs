//! What the CRM's own sample client sends, word for word: naive timestamps, bare objects, its ids (CRM-6).

use serde_json::{Value, json};

use crate::desk::Desk;

#[tokio::test]
async fn the_sample_client_works_unchanged() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    // datetime.now().isoformat() has no offset.
    let placed = json!({
        "eventType": "CALL_PLACED", "leadId": "lead_123", "timestamp": "2026-07-01T15:59:30.123456", "campaignId": "campaign_new_lead",
    });
    desk.post("/api/v1/crm/events", placed).await.ok();
    let offered = json!({
        "eventType": "TRIAL_SIGNUP_OFFERED", "leadId": "lead_123", "timestamp": "2026-07-01T15:59:50.123456", "agentAccepted": true,
    });
    desk.post("/api/v1/crm/events", offered).await.ok();
    let updates = json!({"status": "trial", "lastContactedAt": "2026-07-01T15:59:59.5"});
    let updated = desk.put("/api/v1/crm/leads/lead_123", updates).await.ok();
    assert_eq!(updated["status"], "trial");
    assert_eq!(updated["lastContactedAt"], "2026-07-01T15:59:59.500Z");
    let fetched = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    assert_eq!(fetched, updated);
}

#[tokio::test]
async fn a_lead_shows_every_field_of_the_source() {
    let desk = Desk::open().await.with_lead().await;
    let lead = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    for field in [
        "leadId",
        "email",
        "firstName",
        "lastName",
        "phone",
        "company",
        "segment",
        "status",
        "createdAt",
        "lastContactedAt",
        "preferredContactTime",
        "doNotCall",
        "doNotEmail",
    ] {
        assert!(lead.get(field).is_some(), "{field} is missing");
    }
    assert_eq!(lead["phone"], "+12124567890");
    assert_eq!(lead["preferredContactTime"], "9am-5pm EST");
    let by_our_id = desk.get(&format!("/api/crm/leads/{}", lead["leadId"].as_str().unwrap())).await.ok();
    assert_eq!(by_our_id["externalId"], "lead_123");
}

#[tokio::test]
async fn every_documented_payload_is_accepted() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    let (lead, campaign, at) = ("lead_123", "campaign_new_lead", "2026-07-01T15:00:00Z");
    let payloads: [Value; 7] = [
        json!({"eventType": "CALL_PLACED", "leadId": lead, "campaignId": campaign, "timestamp": at, "agentId": "a1", "flowId": "new-lead"}),
        json!({"eventType": "CALL_ANSWERED", "leadId": lead, "campaignId": campaign, "timestamp": at, "callDuration": 45, "flowNodesTraversed": ["node1", "node2"]}),
        json!({"eventType": "CALL_NO_ANSWER", "leadId": lead, "campaignId": campaign, "timestamp": at, "attemptNumber": 2}),
        json!({"eventType": "TRIAL_SIGNUP_OFFERED", "leadId": lead, "campaignId": campaign, "timestamp": at, "agentAccepted": false}),
        json!({"eventType": "QUALIFICATION_RESULT", "leadId": lead, "painPoints": ["slow"], "segment": "agencies", "leadScore": 80, "nextAction": "demo", "timestamp": at}),
        json!({"eventType": "UPGRADE_OFFERED", "leadId": lead, "currentPlan": "pro", "proposedPlan": "team", "discount": "20%", "accepted": false, "timestamp": at}),
        json!({"eventType": "OPTOUT_REQUESTED", "leadId": lead, "reason": "said STOP", "source": "call"}),
    ];
    for payload in payloads {
        let logged = desk.post("/api/v1/crm/events", payload.clone()).await.ok();
        assert_eq!(logged["eventType"], payload["eventType"]);
    }
    let lead = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    assert_eq!(
        (&lead["status"], &lead["doNotCall"], &lead["score"]),
        (&json!("opted_out"), &json!(true), &json!(80))
    );
}
