//! Processes of the command under test: started, waited for, stopped, killed. Each ends with the value that holds it.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// A process that is killed when it goes out of scope.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Longest wait for a process to answer its first request.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// How often an awaited process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Lines of a log shown when its process failed.
const TAIL: usize = 40;

impl Process {
    /// Starts a command; its log is appended to `NAME.log` in `folder`.
    pub fn start(name: &str, folder: &Path, mut command: Command) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    pub fn name(&self) -> &str {
        &self.name
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
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Returns once it handles SIGTERM: before, the signal ends it as it ends any program.
    pub async fn listens_for_signals(&mut self) -> anyhow::Result<()> {
        const SIGTERM: u64 = 1 << (15 - 1);
        let began = Instant::now();
        loop {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught =
                caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
            if caught & SIGTERM != 0 {
                return Ok(());
            }
            ensure!(began.elapsed() < STARTS_WITHIN, "{} does not get going:\n{}", self.name, self.tail());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end; `None` when it goes on longer than that.
    pub async fn ends_within(&mut self, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let began = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(Some(status)),
                None if began.elapsed() > patience => return Ok(None),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// SIGKILL, and proof that nothing gentler ended it.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(status.signal() == Some(9), "{} ended with {status} instead:\n{}", self.name, self.tail());
        Ok(())
    }

    /// Sends it a signal by name: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "signal", name, &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status()?;
        ensure!(status.success(), "{} cannot be sent SIG{name}", self.name);
        Ok(())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL for what a tracer runs: a tracer that is killed itself lets it go on.
    fn kill_traced(&self) {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let _ = Command::new("sh")
                .args(["-c", "kill -s KILL \"$1\"", "kill", child])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Everything it has logged so far, earlier processes of its name included.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.kill_traced();
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
