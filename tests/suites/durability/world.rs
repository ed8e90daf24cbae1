//! One installation as a user would set it up: a folder with definitions and leads, a SQLite database, a carrier of its own
//! and `serve`, both on the clock that the database keeps.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use callwright_workers::provider::http;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{Process, free_port, run};

const SECRET: &str = "shared-by-both";
/// A Wednesday, noon in New York: every hour of the test is a calling hour, whenever it is run.
const STARTS_AT: &str = "2026-07-01T16:00:00Z";
/// Virtual seconds in a real one.
const RATE: &str = "40";
/// Leads in all.
pub const LEADS: usize = 120;
/// Every so many leads is in both cadences, so that two enrollments want one number.
pub const SHARED_EVERY: usize = 4;

const FILES: [(&str, &str); 5] = [
    ("definitions/flows/offer.yaml", include_str!("definitions/offer.yaml")),
    ("definitions/flows/scripts/offer.yaml", include_str!("definitions/offer.script.yaml")),
    ("definitions/cadences/chase.yaml", include_str!("definitions/chase.yaml")),
    ("definitions/cadences/twice.yaml", include_str!("definitions/twice.yaml")),
    ("profile.json", include_str!("definitions/profile.json")),
];

/// The folder, the addresses, and a client for both servers.
#[derive(Debug)]
pub struct World {
    pub folder: TempDir,
    pub client: reqwest::Client,
    pub serve_url: String,
    pub carrier_url: String,
    serve_port: u16,
    carrier_port: u16,
    /// For requests to the API.
    key: String,
}

impl World {
    /// The folder with its definitions; nothing runs yet.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            fs::write(path, text)?;
        }
        fs::write(folder.path().join("leads.csv"), leads())?;
        let (serve_port, carrier_port) = (free_port()?, free_port()?);
        Ok(Self {
            client: http::repeatable(Duration::from_secs(5))?,
            serve_url: format!("http://127.0.0.1:{serve_port}"),
            carrier_url: format!("http://127.0.0.1:{carrier_port}"),
            folder,
            serve_port,
            carrier_port,
            key: String::new(),
        })
    }

    /// Two campaigns, an API key and the leads. `serve` has started the clock before: consent attested at the hour of the
    /// wall would lie in its future.
    pub fn set_up(&mut self) -> anyhow::Result<()> {
        for campaign in ["chase", "twice"] {
            self.create_campaign(campaign)?;
        }
        let key = self.cli(&["key", "create", "crm"])?;
        key.trim().clone_into(&mut self.key);
        self.cli(&["import", "leads.csv"])?;
        Ok(())
    }

    fn create_campaign(&self, key: &str) -> anyhow::Result<String> {
        self.cli(&[
            "campaign",
            "create",
            key,
            "--company",
            "Acme",
            "--agent-name",
            "Ada",
            "--zone",
            "America/New_York",
            "--between",
            "09:00-20:00",
            "--caller-id",
            "+12125550123",
            "--max-concurrent",
            "12",
            "--consent-form",
            "express_written",
            "--ai-voice",
            "--attested-by",
            "Dana Reed",
            "--statement",
            "Web form v3, box ticked",
        ])
    }

    /// Puts every lead into a cadence by its tag.
    pub fn enroll_all(&self) -> anyhow::Result<()> {
        self.cli(&["enroll", "chase", "--tag", "chase", "--definitions", "definitions"])?;
        self.cli(&["enroll", "twice", "--tag", "twice", "--definitions", "definitions"])?;
        Ok(())
    }

    /// Once more, where everybody was through; those who opted out are refused, and the command says so by its exit code.
    pub fn enroll_again(&self) {
        for cadence in ["chase", "twice"] {
            let _ = self.cli(&["enroll", cadence, "--tag", cadence, "--definitions", "definitions"]);
        }
    }

    /// Runs a command of the product to its end.
    pub fn cli(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments);
        run(command, &self.folder.path().join("cli.log"))
    }

    /// `serve`, by the same command line every time, as a supervisor would start it again.
    pub async fn serve(&self) -> anyhow::Result<Process> {
        let mut command = self.command();
        command.args(["serve", "--definitions", "definitions", "--carrier", &self.carrier_url]);
        command.args(["--port", &self.serve_port.to_string(), "--virtual-clock", STARTS_AT, "--rate", RATE]);
        let mut process = Process::start("serve", self.path(), command)?;
        process.ready(&self.client, &self.serve_url).await?;
        Ok(process)
    }

    /// The carrier, on the clock that `serve` keeps in the database.
    pub async fn carrier(&self) -> anyhow::Result<Process> {
        let mut command = self.command();
        command.args(["carrier", "--shared-clock", "--seed", "7", "--profile", "profile.json"]);
        command.args(["--port", &self.carrier_port.to_string(), "--ledger", "carrier.jsonl"]);
        let mut process = Process::start("carrier", self.path(), command)?;
        process.ready(&self.client, &self.carrier_url).await?;
        Ok(process)
    }

    /// An answer of the API.
    pub async fn api(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}/api/v1/{path}", self.serve_url)).bearer_auth(&self.key);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub fn database_url(&self) -> String {
        format!("sqlite:{}", self.path().join("callwright.db").display())
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
        command.current_dir(self.path()).env("DATABASE_URL", self.database_url());
        command.env("CALLWRIGHT_CARRIER_SECRET", SECRET).env("RUST_LOG", "warn");
        command
    }
}

/// New Yorkers with distinct numbers, tagged with the cadences they go into.
fn leads() -> String {
    let mut csv = String::from("externalId,firstName,phone,timezone,tags,synthetic\n");
    for index in 0..LEADS {
        let code = ["212", "646", "917"][index % 3];
        let tags = match index {
            index if index % SHARED_EVERY == 0 => "chase;twice",
            index if index % 2 == 0 => "chase",
            _ => "twice",
        };
        let phone = format!("+1{code}2340{index:03}");
        writeln!(csv, "lead_{index},Alice,{phone},America/New_York,{tags},true").unwrap();
    }
    csv
}
