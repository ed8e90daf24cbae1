//! Other processes of this very program: a server, a worker, a command. They end with the value that holds them.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant as Stopwatch};

use anyhow::{Context as _, bail, ensure};
use tokio::process::{Child, Command};

/// Longest wait for a server's first answer.
const STARTS_WITHIN: Duration = Duration::from_mins(1);

/// `callwright ARGUMENTS`, on a database, without the surroundings' settings.
pub fn command(database_url: &str, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("where this program is")?);
    command.args(arguments).env("DATABASE_URL", database_url).env("RUST_LOG", "error");
    for name in ["CALLWRIGHT_DEFINITIONS", "CALLWRIGHT_MESSAGES_URL", "PORT"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// A `serve` process.
#[derive(Debug)]
pub struct Server {
    pub url: String,
    child: Child,
}

impl Server {
    /// Starts it; see [`Server::ready`].
    pub fn start(database_url: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let port = free_port()?.to_string();
        let mut command = command(database_url, &["serve", "--port", &port])?;
        command.args(arguments);
        Ok(Self { url: format!("http://127.0.0.1:{port}"), child: command.spawn()? })
    }

    /// Returns at its first answer that says it can work.
    pub async fn ready(&mut self, client: &reqwest::Client) -> anyhow::Result<()> {
        let began = Stopwatch::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended by itself with {status}; run with RUST_LOG=info to see why");
            }
            let answer = client.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(began.elapsed() < STARTS_WITHIN, "the server does not answer within a minute");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// A loopback port that nobody listens on.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// What a process holds in memory, in MB: resident now, and the most it ever did.
pub fn memory(process: u32) -> anyhow::Result<(f64, f64)> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(Path::new(&path))
        .with_context(|| format!("{path} (memory is measured on Linux only)"))?;
    let megabytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.map(|size| size / 1_024.0).with_context(|| format!("{name} in {path}"))
    };
    Ok((megabytes("VmRSS:")?, megabytes("VmHWM:")?))
}
