//! The consent ledger, caps, preflight and records over HTTP and from the command line.

use std::path::Path;
use std::process::{Command, Output};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::desk::Desk;

const LEDGER: &str = "/api/v1/crm/leads/lead_123/consents";

#[tokio::test]
async fn a_consent_keeps_everything_that_proves_it() {
    let desk = Desk::open().await.with_lead().await;
    let given = json!({
        "purpose": "ai_voice", "form": "express_written", "grantedAt": "2026-03-01T10:00:00Z", "wording": "Yes, call me",
        "channel": "web", "number": "+12124567890", "seller": "Acme", "language": "en",
        "evidenceUrl": "https://forms.example/7731", "evidenceSha256": "AB".repeat(32), "source": "landing page",
    });
    let kept = desk.post(LEDGER, given).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.body);
    assert_eq!(
        (&kept.body["channel"], &kept.body["evidenceSha256"]),
        (&json!("web"), &json!("ab".repeat(32)))
    );
    assert!(kept.body["recordedAt"].is_string() && kept.body["recordedBy"].is_string());
    let wrong = json!({
        "purpose": "sms", "form": "oral", "grantedAt": "2031-01-01T00:00:00Z", "number": "12", "evidenceUrl": "on paper",
        "evidenceSha256": "123",
    });
    let refused = desk.post(LEDGER, wrong).await;
    assert_eq!(refused.pointers(), ["/grantedAt", "/number", "/evidenceUrl", "/evidenceSha256"]);
    let all = desk.get(LEDGER).await.ok();
    assert_eq!(
        (all["items"].as_array().map(Vec::len), all["revocations"].as_array().map(Vec::len)),
        (Some(1), Some(0))
    );
}

#[tokio::test]
async fn a_revocation_says_by_when_the_law_wanted_it() {
    let desk = Desk::open().await.with_lead().await;
    let granted = json!({"purpose": "ai_voice", "form": "express", "grantedAt": "2026-03-01T10:00:00Z"});
    desk.post(LEDGER, granted).await.ok();
    let said = json!({"purpose": "ai_voice", "channel": "email", "words": "no robots please"});
    let taken = desk.post("/api/v1/crm/leads/lead_123/revoke", said).await.ok();
    // Ten business days from a Wednesday, over Independence Day, which is observed on the Friday.
    assert_eq!(
        (&taken["dueOn"], &taken["honoredAt"]),
        (&json!("2026-07-16"), &json!("2026-07-01T16:00:00Z"))
    );
    assert_eq!(taken["citation"], "47 CFR 64.1200(a)(10)");
    let lead = desk.get("/api/v1/crm/leads/lead_123").await.ok();
    assert_eq!(
        (&lead["status"], &lead["consents"][0]["revokedAt"]),
        (&json!("cold"), &json!("2026-07-01T16:00:00Z"))
    );
    let everything =
        desk.post("/api/v1/crm/leads/lead_123/revoke", json!({"words": "STOP", "channel": "sms"})).await.ok();
    assert_eq!(everything["purpose"], json!(null));
    assert_eq!(desk.get("/api/v1/crm/leads/lead_123").await.ok()["status"], "opted_out");
    let why = desk.get("/api/v1/crm/leads/lead_123/why").await.ok();
    assert_eq!((&why["verdict"], why["revocations"].as_array().map(Vec::len)), (&json!("stop"), Some(2)));
    let later = json!({"purpose": "sms", "receivedAt": "2031-01-01T00:00:00Z"});
    assert_eq!(desk.post("/api/v1/crm/leads/lead_123/revoke", later).await.pointers(), ["/receivedAt"]);
}

#[tokio::test]
async fn consents_come_with_leads_of_a_file_and_once_only() {
    let desk = Desk::open().await;
    let file = "email,accountId,consentPurpose,consentForm,consentAt,consentWording\n\
                a@example.com,elm-5,voice_contact;ai_voice,express_written,2026-03-01T10:00:00Z,Yes\n\
                b@example.com,,voice_contact,express_written,,Yes\n";
    for _ in 0..2 {
        let request =
            Request::post("/api/v1/crm/leads/import").header("authorization", format!("Bearer {}", desk.key));
        let request = request.header("content-type", "text/csv").body(Body::from(file)).unwrap();
        let report = desk.request(request).await.ok();
        assert_eq!(
            (&report["rejected"], &report["errors"][0]["field"]),
            (&json!(1), &json!("consentAt")),
            "{report}"
        );
    }
    let lead = desk.get("/api/v1/crm/leads?search=a@").await.ok()["items"][0].clone();
    assert_eq!(lead["accountId"], "elm-5");
    let ledger =
        desk.get(&format!("/api/v1/crm/leads/{}/consents", lead["leadId"].as_str().unwrap())).await.ok();
    let mut purposes: Vec<_> =
        ledger["items"].as_array().unwrap().iter().map(|item| item["purpose"].as_str().unwrap()).collect();
    purposes.sort_unstable();
    assert_eq!(purposes, ["ai_voice", "voice_contact"]);
}

#[tokio::test]
async fn a_campaigns_caps_are_read_checked_and_shown() {
    let desk = Desk::open().await;
    let caps = json!([{"calls": 3, "within": "24 hours", "per": "account"}, {"calls": 1, "each": "day"}]);
    let made = desk.post("/api/v1/crm/campaigns", json!({"key": "spring", "caps": caps})).await.ok();
    assert_eq!((&made["caps"][0]["per"], &made["caps"][1]["each"]), (&json!("account"), &json!("day")));
    let wrong = json!({"caps": [{"calls": 0, "each": "day"}, {"calls": 2, "within": "60 days"}]});
    let refused = desk.put("/api/v1/crm/campaigns/spring", wrong).await;
    assert_eq!(refused.pointers(), ["/caps/0/calls", "/caps/1/within"]);
}

#[tokio::test]
async fn a_preflight_and_the_records_are_for_those_who_may_see_them() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    let asked = json!({"cadenceId": "new-lead", "leadIds": ["lead_123"], "leads": [{"phone": "+13034441234"}, {"score": 1}]});
    let found = desk.post("/api/v1/crm/preflight", asked).await.ok();
    assert_eq!((&found["leads"], &found["unknown"], &found["unreadable"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(found["hours"].as_array().map(Vec::len), Some(24));
    assert_eq!(
        desk.get("/api/v1/crm/leads").await.ok()["items"].as_array().map(Vec::len),
        Some(1),
        "nothing is written"
    );
    let unknown =
        desk.post("/api/v1/crm/preflight", json!({"cadenceId": "nonsense", "campaignId": "new-lead"})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    desk.post("/api/v1/crm/leads/lead_123/revoke", json!({"purpose": "sms"})).await.ok();
    let page = desk.get("/api/v1/crm/records?from=2026-01-01&to=2027-01-01&limit=1").await.ok();
    assert_eq!((&page["items"][0]["record"], &page["items"][0]["purpose"]), (&json!("stop"), &json!("sms")));
    let wrong = desk.get("/api/v1/crm/records?from=2026-01-01&kind=nonsense").await;
    assert_eq!(wrong.pointers(), ["kind"]);
}

fn callwright(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("DATABASE_URL", "sqlite:dialer.db")
        .env_remove("CALLWRIGHT_DEFINITIONS");
    command.output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = callwright(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_commands_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("leads.csv"), "externalId,phone\nalice,+12024561111\n").unwrap();
    std::fs::write(folder.join("more.csv"), "externalId,phone,consentPurpose,consentForm,consentAt\nbob,+13034441234,ai_voice,express_written,2026-03-01\n").unwrap();
    std::fs::write(folder.join("form.txt"), "Yes, call me").unwrap();
    done(folder, &["import", "leads.csv"]);
    done(folder, &["campaign", "create", "new-lead", "--cap", "3/24h/account", "--cap", "1/day/lead"]);
    let shown: Value = serde_json::from_str(&done(folder, &["campaign", "show", "new-lead"])).unwrap();
    assert_eq!(shown["caps"].as_array().map(Vec::len), Some(2));
    let add = [
        "consent",
        "add",
        "alice",
        "voice_contact,ai_voice",
        "--form",
        "express_written",
        "--channel",
        "web",
    ];
    done(
        folder,
        &[
            &add[..],
            &["--wording", "Yes, call me", "--evidence-file", "form.txt", "--granted-at", "2026-03-01"],
        ]
        .concat(),
    );
    done(folder, &["consent", "revoke", "alice", "--purpose", "ai_voice", "--words", "no robots"]);
    let list: Value =
        serde_json::from_str(&done(folder, &["consent", "list", "alice", "--format", "json"])).unwrap();
    assert_eq!(
        (list["items"].as_array().map(Vec::len), &list["revocations"][0]["words"]),
        (Some(2), &json!("no robots"))
    );
    assert!(done(folder, &["consent", "list", "alice"]).contains("took back ai_voice"));
    let look =
        ["preflight", "new-lead", "--leads", "more.csv", "--at", "2026-12-02T16:00:00Z", "--format", "json"];
    let found: Value = serde_json::from_str(done(folder, &look).lines().last().unwrap()).unwrap();
    assert_eq!(
        (&found["leads"], &found["unknown"], &found["proceed"]),
        (&json!(1), &json!(1), &json!(1)),
        "{found}"
    );
    assert!(done(folder, &["preflight", "new-lead"]).contains("1 leads for `new-lead`"));
    let table = done(folder, &["export", "records", "--from", "2026-01-01"]);
    let kinds: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(kinds, ["consent", "consent", "stop"]);
    let lines =
        done(folder, &["export", "records", "--from", "2026-01-01", "--format", "jsonl", "--only", "stop"]);
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    for line in done(folder, &["export", "records", "--from", "2026-01-01", "--format", "jsonl"]).lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for field in record.as_object().unwrap().keys() {
            assert!(header.contains(&field.as_str()), "`{field}` has no column");
        }
    }
    assert_eq!(lines.lines().count(), 1);
    let refused = callwright(folder, &["campaign", "create", "other", "--cap", "3/century/lead"]);
    assert_eq!(refused.status.code(), Some(2));
}
