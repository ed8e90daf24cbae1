//! The commands of operators as people and scripts run them, and a server that is watched at an address of its own.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use callwright_engine::id::{IdSource, JobId};
use callwright_engine::store::Db;
use callwright_engine::store::jobs::{self, Claim, Finish, NewJob, Outcome};
use callwright_tests::faults::process::{Process, free_port};
use callwright_workers::provider::http;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::exposition::Exposition;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("DATABASE_URL", "sqlite:dialer.db")
        .env_remove("CALLWRIGHT_DEFINITIONS");
    command
}

fn callwright(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// Two jobs that died and one that waits.
async fn with_jobs(folder: &Path) -> Vec<JobId> {
    let db = Db::open(&format!("sqlite:{}", folder.join("dialer.db").display())).await.unwrap();
    let ids = IdSource::seeded(3);
    let mut tx = db.begin().await.unwrap();
    let now = jobs::read_clock(&mut tx).await.unwrap().now;
    let job = |kind, at| NewJob::new(ids.next(now), kind, &json!({"enrollmentId": "e-1"}), at).unwrap();
    let all = [
        job("deliver_message", now),
        job("deliver_message", now),
        job("call_endpoint", now + TimeDelta::hours(1)),
    ];
    jobs::enqueue(&mut tx, &all, now).await.unwrap();
    let claim = Claim { kind: "deliver_message", limit: 9, owner: "test", now, lease_until: now };
    let dead = Outcome::Dead { error: "the receiver answered 410 Gone".to_owned() };
    let claimed = jobs::claim(&mut tx, claim).await.unwrap();
    let finishes: Vec<Finish> =
        claimed.iter().map(|job| Finish { id: job.id, fence: job.fence, outcome: dead.clone() }).collect();
    jobs::finish_many(&mut tx, &finishes, now).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    all.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn failed_jobs_are_seen_retried_and_given_up_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ids: Vec<String> = with_jobs(folder).await.iter().map(ToString::to_string).collect();

    let status = callwright(folder, &["status"]);
    assert_eq!(status.status.code(), Some(1), "failed jobs want somebody's hands: {}", said(&status));
    assert!(said(&status).contains("410 Gone") && said(&status).contains(&ids[0]), "{}", said(&status));
    let status = parsed(&callwright(folder, &["status", "--format", "json"]));
    assert_eq!(
        (&status["due"], &status["orphans"], &status["failures"][1]["jobId"]),
        (&json!(0), &json!(0), &json!(ids[0]))
    );

    let listed = parsed(&callwright(folder, &["jobs", "list", "--limit", "1", "--format", "json"]));
    assert_eq!((&listed["items"][0]["jobId"], &listed["next"]), (&json!(ids[1]), &json!(ids[1])));
    let next = callwright(folder, &["jobs", "list", "--after", &ids[1]]);
    assert!(said(&next).contains(&ids[0]) && !said(&next).contains(&ids[1]), "{}", said(&next));
    let shown = parsed(&callwright(folder, &["jobs", "show", &ids[0], "--format", "json"]));
    assert_eq!((&shown["state"], &shown["payload"]["enrollmentId"]), (&json!("dead"), &json!("e-1")));

    let refused = callwright(folder, &["jobs", "retry", &ids[2]]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("it is pending, it has not failed"), "{}", said(&refused));
    let retried = parsed(&callwright(folder, &["jobs", "retry", &ids[0], "--format", "json"]));
    assert_eq!((&retried["changed"], &retried["left"]), (&json!(1), &json!(0)));
    let none = callwright(folder, &["jobs", "discard", "--all", "--kind", "call_endpoint"]);
    assert!(said(&none).contains("0 jobs given up"), "{}", said(&none));
    let rest = callwright(folder, &["jobs", "discard", "--all"]);
    assert!(said(&rest).contains("1 jobs given up"), "{}", said(&rest));
    assert!(callwright(folder, &["jobs", "cancel", &ids[2]]).status.success());

    let status = callwright(folder, &["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    let usage = callwright(folder, &["jobs", "retry"]);
    assert_eq!(usage.status.code(), Some(2), "{}", said(&usage));
}

#[test]
fn an_age_that_would_do_harm_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = callwright(folder.path(), &["serve", "--port", "0", "--keep-events", "5"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--keep-events must be at least 31 days"), "{}", said(&refused));
    let nonsense = callwright(folder.path(), &["serve", "--keep-jobs", "soon"]);
    assert_eq!(nonsense.status.code(), Some(2));
}

#[tokio::test]
async fn a_server_is_watched_at_an_address_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (port, watched) = (free_port().unwrap().to_string(), free_port().unwrap());
    let address = format!("127.0.0.1:{watched}");
    let arguments = ["--log-format", "json", "serve", "--port", &port, "--metrics", &address];
    let mut process = Process::start("serve", folder.path(), command(folder.path(), &arguments)).unwrap();
    let client = http::repeatable(Duration::from_secs(5)).unwrap();
    let url = format!("http://{address}");
    process.ready(&client, &url).await.unwrap();
    let text = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let seen = Exposition::read(&text).unwrap_or_else(|error| panic!("{error:#} in\n{text}"));
    assert!(seen.kinds.len() > 15, "{}", seen.kinds.len());
    let ready = client.get(format!("{url}/readyz")).send().await.unwrap();
    assert!(ready.status().is_success(), "{}", ready.text().await.unwrap());
    // The loop is started before this is served; its first beat may come a moment later.
    let mut live = Value::Null;
    for _ in 0..500 {
        let answer = client.get(format!("{url}/livez")).send().await.unwrap();
        live = answer.json().await.unwrap();
        if live["dialLoop"] == "moving" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(live["dialLoop"], "moving", "{live}");
    let closed = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.unwrap();
    assert_eq!(closed.status().as_u16(), 401, "at the API's own address it needs a key");
    let log = process.tail();
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

#[test]
fn a_platform_that_calls_real_people_is_not_started_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let secret = ("CALLWRIGHT_WEBHOOK_SECRET", "sixteen-or-more-characters");
    let start = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = command(folder.path(), arguments).envs(environment.iter().copied()).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        said(&output)
    };
    let webhook = ["serve", "--port", "0", "--provider", "webhook"];
    let at = |url: &'static str| [&webhook[..], &["--webhook-url", url]].concat();
    assert!(start(&webhook, &[secret]).contains("--webhook-url"));
    let unsigned = start(&at("https://voice.example.com"), &[("CALLWRIGHT_WEBHOOK_SECRET", "short")]);
    assert!(unsigned.contains("at least 16 characters"), "{unsigned}");
    let clear = start(&at("http://voice.example.com"), &[secret]);
    assert!(clear.contains("https://"), "{clear}");
    let dev = start(&[&at("http://127.0.0.1:9")[..], &["--dev"]].concat(), &[secret]);
    assert!(dev.contains("--dev lets everyone in"), "{dev}");
    let both =
        start(&[&at("http://127.0.0.1:9")[..], &["--carrier", "http://127.0.0.1:9"]].concat(), &[secret]);
    assert!(both.contains("--carrier is for simulated calls"), "{both}");
    let virtual_time = [&at("http://127.0.0.1:9")[..], &["--virtual-clock", "2026-07-01T12:00:00Z"]].concat();
    let virtual_time = start(&virtual_time, &[secret]);
    assert!(virtual_time.contains("virtual clock"), "{virtual_time}");
    let worker = ["worker", "--provider", "webhook", "--webhook-url", "http://127.0.0.1:9"];
    let lost = start(&worker, &[secret]);
    assert!(lost.contains("--public-url"), "{lost}");
    let omnidim = ["serve", "--port", "0", "--provider", "omnidim", "--omnidim-agent", "7"];
    assert!(start(&omnidim, &[]).contains("CALLWRIGHT_OMNIDIM_KEY"));
    let open =
        start(&omnidim, &[("CALLWRIGHT_OMNIDIM_KEY", "k"), ("CALLWRIGHT_OMNIDIM_CALLBACK_TOKEN", "t")]);
    assert!(open.contains("CALLWRIGHT_OMNIDIM_CALLBACK_TOKEN"), "{open}");
}
