//! Processes of the command under test: started, waited for, killed. Each ends with the value that holds it.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// A process that is killed when it goes out of scope.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Longest wait for a process to answer its first request.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// Lines of a log shown when its process failed.
const TAIL: usize = 40;

impl Process {
    /// Starts `callwright ARGUMENTS`; its log is appended to `NAME.log` in `folder`.
    pub fn start(name: &'static str, folder: &Path, mut command: Command) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { name, child, log })
    }

    /// Returns once the process answers at `url`.
    pub async fn ready(&mut self, client: &reqwest::Client, url: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended by itself with {status}:\n{}", self.name, self.tail());
            }
            let answer = client.get(format!("{url}/healthz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(began.elapsed() < STARTS_WITHIN, "{} does not answer:\n{}", self.name, self.tail());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL, and proof that nothing gentler ended it.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(status.signal() == Some(9), "{} ended with {status} instead:\n{}", self.name, self.tail());
        Ok(())
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error only says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and answers what it printed.
pub fn run(mut command: Command, errors: &Path) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(File::create(errors)?).output()?;
    let printed = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        let errors = std::fs::read_to_string(errors).unwrap_or_default();
        bail!("{command:?} ended with {}:\n{printed}{errors}", output.status);
    }
    Ok(printed)
}

/// A loopback port that nobody listens on.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
