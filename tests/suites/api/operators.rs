//! What operators look at: metrics that add up, jobs by hand, and lists that one broken row does not take away.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use callwright_engine::domain::user::Role;
use callwright_engine::id::JobId;
use callwright_engine::store::Db;
use callwright_engine::store::jobs::{self, Claim, Finish, NewJob, Outcome};
use callwright_workers::heartbeat::Heartbeat;
use callwright_workers::watch::Watch;
use chrono::TimeDelta;
use serde_json::json;
use tower::ServiceExt;

use crate::desk::{Desk, alice, make_key, noon};
use crate::exposition::Exposition;
use crate::walkthrough::Walkthrough;

async fn metrics(desk: &Desk) -> (String, Exposition) {
    let request = Request::get("/metrics").header("authorization", format!("Bearer {}", desk.key));
    let response = desk.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
    let read = Exposition::read(&text).unwrap_or_else(|error| panic!("{error:#} in\n{text}"));
    (text, read)
}

#[tokio::test]
async fn a_calls_whole_way_is_counted_once_at_each_place() {
    let walk = Walkthrough::open().await;
    walk.call_and_opt_out().await;
    let desk = &walk.desk;
    Watch::new(Arc::clone(&desk.engine), Arc::new(Heartbeat::default())).look().await.unwrap();
    let (text, seen) = metrics(desk).await;
    for (name, labels, expected) in [
        ("dialer_attempts_total", [("state", "planned")].as_slice(), 1.0),
        ("dialer_attempts_total", &[("state", "dialing")], 1.0),
        ("dialer_attempts_total", &[("state", "placed")], 1.0),
        ("dialer_calls_total", &[("provider", "carrier"), ("outcome", "opted_out")], 1.0),
        ("dialer_dispatch_lag_seconds_count", &[], 1.0),
        ("dialer_plan_lag_seconds_count", &[], 1.0),
        ("dialer_webhook_in_total", &[("event", "ringing"), ("result", "ok")], 1.0),
        ("dialer_webhook_in_total", &[("event", "ringing"), ("result", "dup")], 1.0),
        ("dialer_webhook_in_total", &[("event", "none"), ("result", "badsig")], 1.0),
        ("dialer_webhook_in_total", &[("event", "none"), ("result", "unreadable")], 1.0),
        ("dialer_provider_request_seconds_count", &[("op", "place"), ("code", "accepted")], 1.0),
        ("dialer_orphan_calls_total", &[], 0.0),
        ("dialer_attempts_inflight", &[], 0.0),
        ("dialer_attempt_unknown_total", &[], 0.0),
    ] {
        assert!(
            (seen.value(name, labels) - expected).abs() < 1e-9,
            "{name} {labels:?} is not {expected} in\n{text}"
        );
    }
    assert!(seen.value("dialer_definitions_loaded", &[("kind", "cadence")]) > 3.0);
    assert!(seen.value("dialer_db_pool_wait_seconds_count", &[("pool", "write")]) > 0.0);
    let answered = [("method", "POST"), ("route", "/callbacks/carrier"), ("status", "200")];
    assert!(seen.value("http_server_request_duration_seconds_count", &answered) > 2.0, "{text}");
    promtool(&text);
}

/// Prometheus' own linter, where it is installed.
fn promtool(text: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}\n{text}");
}

#[tokio::test]
async fn metrics_need_a_key_and_any_will_do() {
    let mut desk = Desk::open().await;
    let reply = desk.request(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    desk.key = make_key(&desk.engine, "prometheus", Role::Agent).await;
    metrics(&desk).await;
}

#[tokio::test]
async fn labels_of_requests_are_patterns_whatever_callers_send() {
    let desk = Desk::open().await.with_lead().await;
    desk.get("/api/v1/crm/leads/lead_123").await.ok();
    desk.get("/api/v1/crm/leads?search=alice@example.com").await.ok();
    desk.get("/alice@example.com").await;
    let odd = Request::builder().method("ALICE").uri("/api/v1/crm/leads").body(Body::empty()).unwrap();
    desk.request(odd).await;
    let (text, seen) = metrics(&desk).await;
    let of = |method, route, status| {
        let labels = [("method", method), ("route", route), ("status", status)];
        seen.value("http_server_request_duration_seconds_count", &labels)
    };
    assert!(of("GET", "/api/v1/crm/leads/{leadId}", "200") > 0.0, "{text}");
    assert!(of("GET", "none", "404") > 0.0, "{text}");
    assert!(!text.to_lowercase().contains("alice") && !text.contains("lead_123"), "{text}");
}

/// Ids of jobs that died, the oldest first.
async fn dead_jobs(desk: &Desk, kind: &'static str, count: usize) -> Vec<JobId> {
    let mut tx = desk.engine.db.begin().await.unwrap();
    let new: Vec<NewJob> = (0..count)
        .map(|n| {
            NewJob::new(desk.engine.ids.next(noon()), kind, &json!({"enrollmentId": n}), noon()).unwrap()
        })
        .collect();
    jobs::enqueue(&mut tx, &new, noon()).await.unwrap();
    let claim =
        Claim { kind, limit: 100, owner: "test", now: noon(), lease_until: noon() + TimeDelta::minutes(1) };
    let finishes: Vec<Finish> = jobs::claim(&mut tx, claim)
        .await
        .unwrap()
        .iter()
        .map(|job| Finish {
            id: job.id,
            fence: job.fence,
            outcome: Outcome::Dead { error: "410 Gone".to_owned() },
        })
        .collect();
    jobs::finish_many(&mut tx, &finishes, noon()).await.unwrap();
    tx.commit().await.unwrap();
    new.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn failed_jobs_are_listed_by_pages_with_their_errors() {
    let desk = Desk::open().await;
    let mut ids = dead_jobs(&desk, "deliver_message", 3).await;
    dead_jobs(&desk, "call_endpoint", 1).await;
    ids.reverse();
    let first = desk.get("/api/v1/jobs?state=dead&kind=deliver_message&limit=2").await.ok();
    let next = first["next"].as_str().unwrap();
    let second =
        desk.get(&format!("/api/v1/jobs?state=dead&kind=deliver_message&limit=2&cursor={next}")).await.ok();
    let items =
        [first["items"].as_array().unwrap().clone(), second["items"].as_array().unwrap().clone()].concat();
    let listed: Vec<String> = items.iter().map(|job| job["jobId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(
        (&items[0]["lastError"], &items[0]["payload"]["enrollmentId"]),
        (&json!("410 Gone"), &json!(2))
    );
    assert_eq!(second["next"], json!(null));
    let queues = desk.get("/api/v1/jobs/queues").await.ok();
    assert_eq!((&queues[1]["kind"], &queues[1]["failed"]), (&json!("deliver_message"), &json!(3)));
    let reply = desk.get("/api/v1/jobs?state=broken").await;
    assert_eq!(reply.pointers(), ["state"]);
}

#[tokio::test]
async fn a_failed_job_is_retried_or_given_up_by_hand_once() {
    let desk = Desk::open().await;
    let ids = dead_jobs(&desk, "deliver_message", 2).await;
    let retried = desk.post(&format!("/api/v1/jobs/{}/retry", ids[0]), json!({})).await.ok();
    assert_eq!((&retried["state"], &retried["attempts"]), (&json!("pending"), &json!(0)));
    let again = desk.post(&format!("/api/v1/jobs/{}/retry", ids[0]), json!({})).await;
    assert_eq!(
        (again.status, &again.body["error"]["details"]["reason"]),
        (StatusCode::CONFLICT, &json!("not-failed"))
    );
    let cancelled = desk.post(&format!("/api/v1/jobs/{}/cancel", ids[0]), json!({})).await.ok();
    assert_eq!(cancelled["state"], "cancelled");
    let discarded = desk.post(&format!("/api/v1/jobs/{}/discard", ids[1]), json!({})).await.ok();
    assert_eq!(discarded["state"], "cancelled");
    let nothing = desk.post("/api/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057/retry", json!({})).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn all_failed_jobs_of_a_kind_are_retried_at_once_and_only_these() {
    let desk = Desk::open().await;
    dead_jobs(&desk, "deliver_message", 3).await;
    dead_jobs(&desk, "call_endpoint", 2).await;
    let reply = desk.post("/api/v1/jobs/retry", json!({})).await;
    assert_eq!(reply.pointers(), ["/kind"], "everything is not retried by mistake");
    let some = desk.post("/api/v1/jobs/retry", json!({"kind": "deliver_message"})).await.ok();
    assert_eq!((&some["changed"], &some["left"]), (&json!(3), &json!(0)));
    let rest = desk.post("/api/v1/jobs/discard", json!({"all": true})).await.ok();
    assert_eq!(rest["changed"], 2);
    let left = desk.get("/api/v1/jobs?state=dead").await.ok();
    assert_eq!(left["items"], json!([]));
}

#[tokio::test]
async fn jobs_are_for_managers() {
    let mut desk = Desk::open().await;
    let id = dead_jobs(&desk, "deliver_message", 1).await[0];
    desk.key = make_key(&desk.engine, "agent", Role::Agent).await;
    for path in ["/api/v1/jobs".to_owned(), "/api/v1/jobs/queues".to_owned(), format!("/api/v1/jobs/{id}")] {
        assert_eq!(desk.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in [
        format!("/api/v1/jobs/{id}/retry"),
        format!("/api/v1/jobs/{id}/discard"),
        format!("/api/v1/jobs/{id}/cancel"),
    ] {
        assert_eq!(desk.post(&path, json!({})).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let all = desk.post("/api/v1/jobs/retry", json!({"all": true})).await;
    assert_eq!(all.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_take_a_list_away() {
    let desk = Desk::open().await.with_lead().await.with_campaign().await;
    for n in 0..3 {
        let mut lead = alice();
        lead["externalId"] = json!(format!("other_{n}"));
        lead["email"] = json!(format!("other{n}@example.com"));
        desk.post("/api/v1/crm/leads", lead).await.ok();
        desk.post(
            "/api/v1/crm/suppressions",
            json!({"phones": [format!("+1212456789{n}")], "reason": "test"}),
        )
        .await
        .ok();
    }
    let Db::Sqlite { write, .. } = &desk.engine.db else { unreachable!() };
    for spoil in [
        "UPDATE leads SET status = 'purple' WHERE external_id = 'other_1'",
        "UPDATE suppressions SET source = 'rumour' WHERE number = '+12124567891'",
        "UPDATE campaigns SET pacing = '{'",
    ] {
        assert_eq!(sqlx::query(spoil).execute(write).await.unwrap().rows_affected(), 1, "{spoil}");
    }
    for (path, expected) in
        [("/api/v1/crm/leads", 3), ("/api/v1/crm/suppressions", 2), ("/api/v1/crm/campaigns", 0)]
    {
        let (mut found, mut next) = (0, Some(String::new()));
        while let Some(cursor) = next {
            let cursor = if cursor.is_empty() { cursor } else { format!("&cursor={cursor}") };
            let page = desk.get(&format!("{path}?limit=1{cursor}")).await.ok();
            found += page["items"].as_array().unwrap().len();
            next = page["next"].as_str().map(str::to_owned);
        }
        assert_eq!(found, expected, "{path}");
    }
}

const PAGE: &str = include_str!("../../../api/docs/operations.md");

#[tokio::test]
async fn the_page_explains_every_metric_and_no_other() {
    let desk = Desk::open().await;
    let known = desk.engine.metrics.names();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: Vec<&str> =
        rows.filter(|name| name.starts_with("dialer_") || name.starts_with("http_server_")).collect();
    for name in &explained {
        assert!(known.iter().any(|known| known == name), "{name} is explained and not there");
    }
    for name in known {
        assert!(explained.contains(&name.as_str()), "{name} is not explained in operations.md");
    }
}

#[tokio::test]
async fn alerts_ask_for_metrics_that_exist() {
    let desk = Desk::open().await;
    let known = desk.engine.metrics.names();
    let rules = PAGE.split("```yaml\ngroups:").nth(1).unwrap().split("```").next().unwrap();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut count = 0;
    for word in rules.split(|c| !is_word(c)).filter(|word| word.starts_with("dialer_")) {
        let family = word.strip_suffix("_bucket").unwrap_or(word);
        assert!(known.iter().any(|known| known == family), "{word}");
        count += 1;
    }
    assert!(count > 12, "{count}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    std::fs::write(&file, format!("groups:{rules}")).unwrap();
    // Where it is not installed, the names above are what is checked.
    if let Ok(output) = Command::new("promtool").args(["check", "rules"]).arg(&file).output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
