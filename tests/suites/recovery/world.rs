//! One installation on either database, with what a disaster needs beside it: backups, a journal of stops, a way to destroy the
//! database. The carrier reads the clock from a database of its own, as a carrier elsewhere would not share the dialer's.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use callwright_tests::faults::process::Process;
use callwright_tests::faults::world::{EXCHANGE, Plan, World as Installation, number};
use callwright_tests::{Backend, TestDb};
use serde_json::Value;
use tempfile::TempDir;

use super::store_of_world as books;

/// Leads in all.
pub const LEADS: usize = 48;
/// Where virtual time passes at its fastest.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// The installation, and where its data is kept.
#[derive(Debug)]
pub struct World {
    installation: Installation,
    backend: Backend,
    /// Holds the database, when it is a file, and the journal of stops.
    data: TempDir,
    _postgres: Option<TestDb>,
}

impl Deref for World {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        &self.installation
    }
}

impl World {
    /// The folder with its definitions; nothing runs yet. `None`: no PostgreSQL here.
    pub async fn open(backend: Backend) -> anyhow::Result<Option<Self>> {
        let data = tempfile::tempdir()?;
        let file = |name: &str| format!("sqlite:{}", data.path().join(name).display());
        let (database_url, postgres) = match backend {
            Backend::Sqlite => (file("callwright.db"), None),
            Backend::Postgres => match TestDb::open(backend).await? {
                Some(db) => {
                    // A restore refuses while anybody is connected.
                    db.db.close().await;
                    (db.url.clone(), Some(db))
                }
                None => return Ok(None),
            },
        };
        let installation = Installation::new(Plan {
            binary: PathBuf::from(env!("CARGO_BIN_EXE_callwright-under-test")),
            database_url,
            dialers_database_url: None,
            carriers_database_url: Some(file("clock.db")),
            environment: vec![("CALLWRIGHT_JOURNAL", journal(data.path()).display().to_string())],
            host: "127.0.0.1".to_owned(),
            leads: LEADS,
            sharing_numbers: false,
            max_concurrent: 8,
            evening: false,
            faults: "{}",
            seed: 7,
        })?;
        fs::create_dir(installation.path().join("backups"))?;
        Ok(Some(Self { installation, backend, data, _postgres: postgres }))
    }

    /// As everybody but the carrier reaches the database.
    pub fn url(&self) -> &str {
        &self.installation.plan.database_url
    }

    /// Two campaigns, an API key and the leads, everybody enrolled. `serve` has started the clock before.
    pub fn set_up(&mut self) -> anyhow::Result<()> {
        self.installation.set_up()?;
        self.installation.enroll_all();
        Ok(())
    }

    /// A command of the product that must fail; answers what it said.
    pub fn refused(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command().args(arguments).output()?;
        anyhow::ensure!(output.status.code() == Some(1), "{arguments:?} ended with {}", output.status);
        Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
    }

    /// API and dialing, ready to answer.
    pub async fn serving(&self) -> anyhow::Result<Process> {
        let mut process = self.serve(&[])?;
        process.ready(&self.client, &self.api_url).await?;
        Ok(process)
    }

    /// The carrier, on a copy of the clock that `serve` has started.
    pub async fn carrier_elsewhere(&self) -> anyhow::Result<Process> {
        if let Some(clock) = &self.plan.carriers_database_url {
            self.cli(&["migrate", "--database-url", clock])?;
            books::copy_clock(self.url(), clock).await?;
        }
        self.carrier().await
    }

    /// What `serve` says of itself once it is ready: it answers a little before, while its loops are still starting.
    pub async fn ready(&self) -> anyhow::Result<Value> {
        let (began, patience) = (Instant::now(), self.speed.stretched(READY_WITHIN));
        loop {
            let answer = self.client.get(format!("{}/readyz", self.api_url)).send().await?;
            if answer.status().is_success() {
                return Ok(answer.json().await?);
            }
            let said = answer.text().await?;
            anyhow::ensure!(began.elapsed() < patience, "not ready: {said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.put(format!("{}/api/v1/{path}", self.api_url)).bearer_auth(&self.key);
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
                fs::write(self.data.path().join("callwright.db"), vec![7; 40_000])?;
                fs::write(self.data.path().join("callwright.db-wal"), "no log")?;
                Ok(())
            }
            Backend::Postgres => books::empty(self.url()).await,
        }
    }

    pub fn journal(&self) -> PathBuf {
        journal(self.data.path())
    }
}

fn journal(data: &Path) -> PathBuf {
    data.join("stops")
}

/// Number of each lead, by its external id.
pub fn numbers() -> BTreeMap<String, String> {
    (0..LEADS).map(|index| (format!("lead_{index}"), number(EXCHANGE, index))).collect()
}
