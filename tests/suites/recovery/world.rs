//! One installation on either database: definitions, leads, a carrier with books of its own, and `serve`, all on one virtual
//! clock. The carrier reads it from a database of its own, as a carrier elsewhere would not share the dialer's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use callwright_tests::faults::process::{Process, free_port, run};
use callwright_tests::faults::speed::Speed;
use callwright_tests::{Backend, TestDb};
use callwright_workers::provider::http;
use serde_json::Value;
use tempfile::TempDir;

use super::store_of_world as books;

const SECRET: &str = "shared-by-both";
/// A Wednesday, noon in New York: every hour of the test is a calling hour, whenever it is run.
const STARTS_AT: &str = "2026-07-01T16:00:00Z";
/// Leads in all.
pub const LEADS: usize = 48;
/// Every so many leads is in both cadences.
const SHARED_EVERY: usize = 4;

const FILES: [(&str, &str); 5] = [
    ("definitions/flows/offer.yaml", include_str!("../../src/faults/definitions/offer.yaml")),
    ("definitions/flows/scripts/offer.yaml", include_str!("../../src/faults/definitions/offer.script.yaml")),
    ("definitions/cadences/chase.yaml", include_str!("../../src/faults/definitions/chase.yaml")),
    ("definitions/cadences/twice.yaml", include_str!("../../src/faults/definitions/twice.yaml")),
    ("profile.json", include_str!("../../src/faults/definitions/profile.json")),
];

/// The folder, the addresses, and a client for both servers.
#[derive(Debug)]
pub struct World {
    pub backend: Backend,
    pub folder: TempDir,
    pub client: reqwest::Client,
    pub serve_url: String,
    pub carrier_url: String,
    /// The dialer's database.
    pub url: String,
    serve_port: u16,
    carrier_port: u16,
    key: String,
    /// Of the clock, once `serve` was started.
    speed: OnceLock<Speed>,
    _postgres: Option<TestDb>,
}

impl World {
    /// The folder with its definitions; nothing runs yet. `None`: no PostgreSQL here.
    pub async fn open(backend: Backend) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        for (name, text) in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            fs::write(path, text)?;
        }
        fs::write(folder.path().join("leads.csv"), leads())?;
        fs::create_dir(folder.path().join("backups"))?;
        let (url, postgres) = match backend {
            Backend::Sqlite => (format!("sqlite:{}", folder.path().join("callwright.db").display()), None),
            Backend::Postgres => match TestDb::open(backend).await? {
                Some(db) => {
                    // A restore refuses while anybody is connected.
                    db.db.close().await;
                    (db.url.clone(), Some(db))
                }
                None => return Ok(None),
            },
        };
        let (serve_port, carrier_port) = (free_port()?, free_port()?);
        Ok(Some(Self {
            backend,
            client: http::repeatable(Duration::from_secs(30))?,
            serve_url: format!("http://127.0.0.1:{serve_port}"),
            carrier_url: format!("http://127.0.0.1:{carrier_port}"),
            folder,
            url,
            serve_port,
            carrier_port,
            key: String::new(),
            speed: OnceLock::new(),
            _postgres: postgres,
        }))
    }

    /// Two campaigns, an API key and the leads, everybody enrolled. `serve` has started the clock before.
    pub fn set_up(&mut self) -> anyhow::Result<()> {
        for campaign in ["chase", "twice"] {
            self.create_campaign(campaign)?;
        }
        let key = self.cli(&["key", "create", "crm"])?;
        key.trim().clone_into(&mut self.key);
        self.cli(&["import", "leads.csv"])?;
        for cadence in ["chase", "twice"] {
            self.cli(&["enroll", cadence, "--tag", cadence, "--definitions", "definitions"])?;
        }
        Ok(())
    }

    fn create_campaign(&self, key: &str) -> anyhow::Result<String> {
        let (zone, hours) = (["--zone", "America/New_York"], ["--between", "09:00-20:00"]);
        let agent = ["--company", "Acme", "--agent-name", "Ada", "--caller-id", "+12125550123"];
        let consent = ["--consent-form", "express_written", "--ai-voice", "--attested-by", "Dana Reed"];
        let mut arguments =
            vec!["campaign", "create", key, "--max-concurrent", "8", "--statement", "Web form v3"];
        arguments.extend(zone.iter().chain(&hours).chain(&agent).chain(&consent));
        self.cli(&arguments)
    }

    /// Runs a command of the product to its end.
    pub fn cli(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments);
        run(command, &self.path().join("cli.log"))
    }

    /// The same command, which must fail; answers what it said.
    pub fn refused(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command().args(arguments).output()?;
        anyhow::ensure!(output.status.code() == Some(1), "{arguments:?} ended with {}", output.status);
        Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
    }

    /// Of the clock that everybody goes by: measured once, as a clock that goes is not to be changed.
    pub fn speed(&self) -> anyhow::Result<Speed> {
        if let Some(speed) = self.speed.get() {
            return Ok(*speed);
        }
        let measured = Speed::measured(|| self.cli(&["check", "definitions"]))?;
        Ok(*self.speed.get_or_init(|| measured))
    }

    /// `serve`, by the same command line every time, as a supervisor would start it again.
    pub async fn serve(&self) -> anyhow::Result<Process> {
        let mut command = self.command();
        command.args(["serve", "--definitions", "definitions", "--carrier", &self.carrier_url]);
        command.args([
            "--port",
            &self.serve_port.to_string(),
            "--virtual-clock",
            STARTS_AT,
            "--rate",
            &self.speed()?.rate().to_string(),
        ]);
        let mut process = Process::start("serve", self.path(), command)?;
        process.ready(&self.client, &self.serve_url).await?;
        Ok(process)
    }

    /// The carrier, on a copy of the clock that `serve` has started.
    pub async fn carrier(&self) -> anyhow::Result<Process> {
        let clock = format!("sqlite:{}", self.path().join("clock.db").display());
        self.cli(&["migrate", "--database-url", &clock])?;
        books::copy_clock(&self.url, &clock).await?;
        let mut command = self.command();
        command.env("DATABASE_URL", clock);
        command.args(["carrier", "--shared-clock", "--seed", "7", "--profile", "profile.json"]);
        command.args(["--port", &self.carrier_port.to_string(), "--ledger", "carrier.jsonl"]);
        let mut process = Process::start("carrier", self.path(), command)?;
        process.ready(&self.client, &self.carrier_url).await?;
        Ok(process)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}/{path}", self.serve_url)).bearer_auth(&self.key);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.put(format!("{}/api/v1/{path}", self.serve_url)).bearer_auth(&self.key);
        request.json(body).send().await?.error_for_status()?;
        Ok(())
    }

    /// Backs up while everything goes on; answers what the command reports.
    pub fn back_up(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.cli(&["backup", "backups", "--format", "json"])?)?)
    }

    /// What a disaster leaves: an SQLite file of rubbish beside a log of nothing, or a PostgreSQL database without its rows.
    pub async fn destroy(&self) -> anyhow::Result<()> {
        match self.backend {
            Backend::Sqlite => {
                fs::write(self.path().join("callwright.db"), vec![7; 40_000])?;
                fs::write(self.path().join("callwright.db-wal"), "no log")?;
                Ok(())
            }
            Backend::Postgres => books::empty(&self.url).await,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
        command.current_dir(self.path()).env("DATABASE_URL", &self.url);
        command.env("CALLWRIGHT_JOURNAL", self.journal());
        command.env("CALLWRIGHT_CARRIER_SECRET", SECRET).env("RUST_LOG", "warn");
        command
    }

    pub fn journal(&self) -> PathBuf {
        self.path().join("stops")
    }
}

/// Number of each lead, by its external id.
pub fn numbers() -> BTreeMap<String, String> {
    (0..LEADS).map(|index| (format!("lead_{index}"), number(index))).collect()
}

fn number(index: usize) -> String {
    let code = ["212", "646", "917"][index % 3];
    format!("+1{code}2340{index:03}")
}

/// New Yorkers with distinct numbers, tagged with the cadences they go into.
fn leads() -> String {
    let mut csv = String::from("externalId,firstName,phone,timezone,tags,synthetic\n");
    for index in 0..LEADS {
        let tags = match index {
            index if index % SHARED_EVERY == 0 => "chase;twice",
            index if index % 2 == 0 => "chase",
            _ => "twice",
        };
        writeln!(csv, "lead_{index},Alice,{},America/New_York,{tags},true", number(index)).unwrap();
    }
    csv
}
