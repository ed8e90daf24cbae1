//! Open-loop load: requests go out at their own times, however late the answers to earlier ones are, and a latency counts from
//! the time at which the request was to go out. A server that stalls is seen to stall (no coordinated omission).

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// One request of a load.
#[derive(Debug, Clone)]
pub struct Request {
    /// Under which name its latency is counted.
    pub kind: &'static str,
    pub method: Method,
    /// From `/` on.
    pub path: String,
    pub body: Option<Value>,
    pub idempotency_key: Option<String>,
}

impl Request {
    pub fn get(kind: &'static str, path: String) -> Self {
        Self { kind, method: Method::GET, path, body: None, idempotency_key: None }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub kind: &'static str,
    /// From the time it was to go out to the last byte of the answer, in milliseconds.
    pub took: f64,
    /// `None`: a success; otherwise what was wrong.
    pub problem: Option<String>,
}

/// Whom to ask, and how often.
#[derive(Debug, Clone)]
pub struct Load {
    pub client: reqwest::Client,
    pub url: String,
    pub key: String,
    /// Requests per second.
    pub rate: u32,
    pub seconds: u32,
}

impl Load {
    /// Sends what `make` makes of the numbers from 0 on, and waits for every answer.
    pub async fn run(&self, make: impl Fn(u64) -> Request + Send + 'static) -> anyhow::Result<Vec<Reply>> {
        let total = u64::from(self.rate) * u64::from(self.seconds);
        let apart = Duration::from_secs(1) / self.rate;
        let (sender, mut replies) = mpsc::unbounded_channel();
        let (load, handle) = (Arc::new(self.clone()), Handle::current());
        // A thread of its own keeps the times: the runtime's timer is a millisecond or two late.
        let pace = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            for number in 0..total {
                let at = began + apart * number as u32;
                wait_until(at);
                if sender.is_closed() {
                    return;
                }
                let (load, sender, request) = (Arc::clone(&load), sender.clone(), make(number));
                handle.spawn(async move {
                    // Nobody listens any more when the run was broken off.
                    let _ = sender.send(load.send(request, at).await);
                });
            }
        });
        let mut all = Vec::with_capacity(total as usize);
        while let Some(reply) = replies.recv().await {
            all.push(reply);
        }
        pace.await?;
        Ok(all)
    }

    async fn send(&self, request: Request, at: Instant) -> Reply {
        let kind = request.kind;
        let problem = self.ask(request).await.err().map(|error| format!("{error:#}"));
        Reply { kind, took: at.elapsed().as_secs_f64() * 1e3, problem }
    }

    async fn ask(&self, request: Request) -> anyhow::Result<()> {
        let url = format!("{}{}", self.url, request.path);
        let mut asked = self.client.request(request.method, url).bearer_auth(&self.key);
        if let Some(key) = request.idempotency_key {
            asked = asked.header("idempotency-key", key);
        }
        if let Some(body) = request.body {
            asked = asked.json(&body);
        }
        let answer = asked.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread for blocking work, where nobody else waits")]
fn wait_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
}
