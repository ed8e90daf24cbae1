//! Seeing and erasing a person over HTTP and by the command line: a manager's acts, and what is left afterwards.

use std::path::Path;
use std::process::{Command, Output};

use axum::http::StatusCode;
use callwright_engine::domain::user::Role;
use serde_json::{Value, json};

use crate::desk::{Desk, make_key};

const LEAD: &str = "/api/v1/crm/leads/lead_123";

#[tokio::test]
async fn a_person_is_exported_and_erased_by_a_manager() {
    let mut desk = Desk::open().await.with_lead().await;
    let manager = desk.key.clone();
    let (export, erase) = (format!("{LEAD}/export"), format!("{LEAD}/erase"));
    desk.key = make_key(&desk.engine, "agent", Role::Agent).await;
    assert_eq!(desk.get(&export).await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.post(&erase, json!({"reason": "asked"})).await.status, StatusCode::FORBIDDEN);
    desk.key = manager;
    let document = desk.get(&export).await.ok();
    assert_eq!(document["lead"]["externalId"], "lead_123");
    assert_eq!(document["phones"].as_array().unwrap().len(), 1);
    assert_eq!(desk.post(&erase, json!({"reason": " "})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let dry = desk.post(&erase, json!({"reason": "asked", "dryRun": true})).await.ok();
    assert_eq!((&dry["numbers"], &dry["repeated"]), (&json!(1), &json!(false)));
    let id = desk.get(LEAD).await.ok()["leadId"].clone();
    let own = format!("/api/v1/crm/leads/{}", id.as_str().unwrap());

    let erased = desk.post(&erase, json!({"reason": "asked by letter"})).await.ok();
    assert_eq!(
        (&erased["leadId"], &erased["by"], &erased["keptUntil"]),
        (&id, &json!("tests"), &Value::Null)
    );
    assert_eq!(desk.get(LEAD).await.status, StatusCode::NOT_FOUND, "their own id is gone");
    let left = desk.get(&own).await.ok();
    assert_eq!(
        (&left["status"], &left["email"], &left["phones"]),
        (&json!("opted_out"), &Value::Null, &json!([]))
    );
    let again = desk.post(&format!("{own}/erase"), json!({"reason": "asked"})).await.ok();
    assert_eq!(again["repeated"], json!(true));
    let refused = desk.put(&own, json!({"firstName": "Back"})).await;
    assert_eq!(refused.pointers(), ["/leadId"]);
    let audit = desk.get(&format!("{own}/timeline")).await.ok().to_string();
    assert!(audit.contains("lead.exported") && audit.contains("lead.erased"), "{audit}");
}

fn callwright(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
        .args(arguments)
        .current_dir(folder)
        .env("DATABASE_URL", "sqlite:dialer.db")
        .output()
        .unwrap()
}

#[test]
fn the_commands_export_and_erase() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let csv = "externalId,firstName,email,phone\nzeb-1,Zebulon,zebulon@quagmire.example,+12024561111\n";
    std::fs::write(folder.join("leads.csv"), csv).unwrap();
    let imported = callwright(folder, &["import", "leads.csv"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let out = callwright(folder, &["export", "person", "zeb-1", "--out", "zeb.json", "--by", "dana"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("zeb.json")).unwrap()).unwrap();
    assert_eq!(document["lead"]["firstName"], "Zebulon");
    let dry = callwright(folder, &["erase", "zeb-1", "--reason", "asked", "--dry-run"]);
    assert!(String::from_utf8_lossy(&dry.stdout).contains("would be erased"));
    let erased =
        callwright(folder, &["erase", "zeb-1", "--reason", "asked", "--by", "dana", "--format", "json"]);
    let erased: Value = serde_json::from_slice(&erased.stdout).unwrap();
    assert_eq!((&erased["by"], &erased["numbers"]), (&json!("dana"), &json!(1)));
    assert!(
        !callwright(folder, &["erase", "zeb-1", "--reason", "asked"]).status.success(),
        "that id is gone"
    );
    let why =
        callwright(folder, &["why", "+12024561111", "--at", "2027-01-13T17:00:00Z", "--format", "json"]);
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    let answer: Value = serde_json::from_str(why.lines().last().unwrap()).unwrap();
    assert_eq!(answer["verdict"], "stop");
    assert!(answer["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "erased"), "{why}");
}
