//! Nothing personal leaves by the side doors: logs, metrics, and answers to requests that failed (NFR-5).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use callwright_engine::store::Db;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::walkthrough::{CANARIES, Walkthrough};

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn found(text: &str) -> Vec<&'static str> {
    let lower = text.to_lowercase();
    CANARIES.into_iter().filter(|canary| lower.contains(&canary.to_lowercase())).collect()
}

#[tokio::test]
async fn a_persons_data_and_secrets_stay_out_of_logs_and_metrics() {
    let log = Kept::default();
    // Everything we say at all, and what libraries say about what they were asked.
    let filter = EnvFilter::new(
        "debug,callwright_engine=trace,callwright_workers=trace,callwright_api=trace,sqlx=debug",
    );
    let lines = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(log.clone()).finish();
    // With one subscriber alone, tracing asks the thread that comes to a span first whether anybody listens, and keeps its "no"
    // for all: a request of another test would silence ours. Two make it ask everybody.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(lines);

    let walk = Walkthrough::open().await;
    walk.call_and_opt_out().await;
    walk.failures().await;
    // Rows that cannot be read are told by their ids.
    let Db::Sqlite { write, .. } = &walk.desk.engine.db else { unreachable!() };
    for spoil in ["UPDATE leads SET preferred = 'Zuzanna'", "UPDATE phones SET number = '415-930-1234'"] {
        sqlx::query(spoil).execute(write).await.unwrap();
        walk.desk.get("/api/v1/crm/leads/lead_7").await;
        walk.desk.get("/api/v1/crm/leads").await;
        walk.desk.get("/api/v1/crm/leads/lead_7/why").await;
    }

    let text = log.text();
    assert!(
        text.contains("\"attempt_id\"") && text.contains("\"trace_id\"") && text.contains("\"error_id\""),
        "{text}"
    );
    let leaking: Vec<&str> = text.lines().filter(|line| !found(line).is_empty()).collect();
    assert!(leaking.is_empty(), "{} lines:\n{}", leaking.len(), leaking.join("\n"));
    let metrics = walk.desk.engine.metrics.text();
    assert!(found(&metrics).is_empty(), "{:?} in\n{metrics}", found(&metrics));
}

#[tokio::test]
async fn answers_to_failures_show_what_the_caller_sent_and_nothing_that_is_on_file() {
    let walk = Walkthrough::open().await;
    walk.call_and_opt_out().await;
    for reply in walk.failures().await {
        if reply.status.is_success() {
            continue;
        }
        let body = reply.body.to_string();
        assert_eq!(reply.body["success"], false, "{body}");
        for secret in ["cw_", "canary-token", "Kanarek & Co", "sqlite", "SELECT"] {
            assert!(!body.contains(secret), "{secret} in {body}");
        }
    }
}
