//! One installation as a user would set it up: a folder with definitions and leads, a database, a carrier of its own and the
//! command's processes, all on the clock that the database keeps.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use callwright_workers::provider::http;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{Process, free_port, run};
use super::speed::Speed;

const SECRET: &str = "shared-by-both";
/// A Wednesday, noon in New York: the next eight hours are calling hours.
const NOON: &str = "2026-07-01T16:00:00Z";
/// Twelve minutes before calling hours end: most of the work is left for the next morning.
const EVENING: &str = "2026-07-01T23:48:00Z";
/// Every so many leads is in both cadences, so that two enrollments want one number.
pub const SHARED_EVERY: usize = 4;
/// Of the leads' numbers.
pub const EXCHANGE: u32 = 234;
/// Every so many leads has the number of the one before.
const SAME_NUMBER_EVERY: usize = 10;

const FILES: [(&str, &str); 5] = [
    ("definitions/flows/offer.yaml", include_str!("definitions/offer.yaml")),
    ("definitions/flows/scripts/offer.yaml", include_str!("definitions/offer.script.yaml")),
    ("definitions/cadences/chase.yaml", include_str!("definitions/chase.yaml")),
    ("definitions/cadences/twice.yaml", include_str!("definitions/twice.yaml")),
    ("profile.json", include_str!("definitions/profile.json")),
];

/// What an installation is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The command under test.
    pub binary: PathBuf,
    /// As the API, the carrier and the checks reach it.
    pub database_url: String,
    /// As dialing processes reach it, when that is another way.
    pub dialers_database_url: Option<String>,
    /// Where the carrier reads the clock, when it is not to depend on the dialer's database.
    pub carriers_database_url: Option<String>,
    /// What every command finds in its environment beside the database and the carrier's secret.
    pub environment: Vec<(&'static str, String)>,
    /// Where the API and the carrier listen.
    pub host: String,
    pub leads: usize,
    /// Some leads have the number of another.
    pub sharing_numbers: bool,
    /// Of each campaign.
    pub max_concurrent: usize,
    /// Begins shortly before calling hours end.
    pub evening: bool,
    /// The carrier's faults, as JSON.
    pub faults: &'static str,
    pub seed: u64,
}

/// The folder, the addresses, and a client for both servers.
#[derive(Debug)]
pub struct World {
    pub folder: TempDir,
    pub client: reqwest::Client,
    /// Where callers and the carrier reach the API.
    pub api_url: String,
    pub carrier_url: String,
    /// Where dialing processes reach the carrier.
    pub dialers_carrier_url: String,
    pub plan: Plan,
    api_port: u16,
    carrier_port: u16,
    /// For requests to the API.
    pub key: String,
    /// Of the clock that everybody goes by.
    pub speed: Speed,
}

impl World {
    /// The folder with its definitions; nothing runs yet.
    pub fn new(plan: Plan) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            fs::write(path, text)?;
        }
        fs::write(folder.path().join("leads.csv"), leads(&plan)?)?;
        let (api_port, carrier_port) = (free_port()?, free_port()?);
        let carrier_url = format!("http://{}:{carrier_port}", plan.host);
        let speed = Speed::measured(|| {
            let mut check = Command::new(&plan.binary);
            check.current_dir(folder.path()).args(["check", "definitions"]);
            run(check, &folder.path().join("check.log"))
        })?;
        Ok(Self {
            client: http::repeatable(Duration::from_secs(30))?,
            api_url: format!("http://{}:{api_port}", plan.host),
            dialers_carrier_url: carrier_url.clone(),
            carrier_url,
            folder,
            plan,
            api_port,
            carrier_port,
            key: String::new(),
            speed,
        })
    }

    /// Two campaigns, an API key and the leads. A process of the API has started the clock before: consent attested at the hour
    /// of the wall would lie in its future.
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
        let mut arguments = vec!["campaign", "create", key];
        arguments.extend(["--company", "Acme", "--agent-name", "Ada", "--zone", "America/New_York"]);
        arguments.extend(["--between", "09:00-20:00", "--caller-id", "+12125550123"]);
        let max_concurrent = self.plan.max_concurrent.to_string();
        arguments.extend(["--max-concurrent", &max_concurrent]);
        arguments.extend(["--consent-form", "express_written", "--ai-voice", "--attested-by", "Dana Reed"]);
        arguments.extend(["--statement", "Web form v3, box ticked"]);
        self.cli(&arguments)
    }

    /// Puts every lead into a cadence by its tag. Those who opted out or are on their way are refused, which the command says
    /// by its exit code.
    pub fn enroll_all(&self) {
        for cadence in ["chase", "twice"] {
            let _ = self.cli(&["enroll", cadence, "--tag", cadence, "--definitions", "definitions"]);
        }
    }

    /// Runs a command of the product to its end.
    pub fn cli(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments);
        run(command, &self.path().join("cli.log"))
    }

    /// The product's command in this installation, without arguments yet.
    pub fn command(&self) -> Command {
        self.wrapped(&[], &self.plan.database_url)
    }

    /// API and dialing in one process, by the same command line every time, as a supervisor would start it again.
    pub fn serve(&self, wrapped_in: &[String]) -> anyhow::Result<Process> {
        let mut command = self.wrapped(wrapped_in, self.dialers_database_url());
        command.args(["serve", "--definitions", "definitions", "--carrier", &self.dialers_carrier_url]);
        self.clock_and_port(&mut command);
        Process::start("serve", self.path(), command)
    }

    /// The API alone.
    pub fn api(&self, wrapped_in: &[String]) -> anyhow::Result<Process> {
        let mut command = self.wrapped(wrapped_in, &self.plan.database_url);
        command.args(["serve", "--no-dialing", "--definitions", "definitions"]);
        self.clock_and_port(&mut command);
        Process::start("api", self.path(), command)
    }

    fn clock_and_port(&self, command: &mut Command) {
        let start = if self.plan.evening { EVENING } else { NOON };
        command.args(["--host", &self.plan.host, "--port", &self.api_port.to_string()]);
        command.args(["--virtual-clock", start, "--rate", &self.speed.rate().to_string()]);
    }

    /// A process that only dials.
    pub fn worker(&self, name: &str, wrapped_in: &[String]) -> anyhow::Result<Process> {
        let mut command = self.wrapped(wrapped_in, self.dialers_database_url());
        command.args(["worker", "--definitions", "definitions", "--carrier", &self.dialers_carrier_url]);
        command.args(["--callback-url", &format!("{}/callbacks/carrier", self.api_url)]);
        Process::start(name, self.path(), command)
    }

    /// The carrier, on the clock that the API keeps in the database.
    pub async fn carrier(&self) -> anyhow::Result<Process> {
        let database_url = self.plan.carriers_database_url.as_ref().unwrap_or(&self.plan.database_url);
        let mut command = self.wrapped(&[], database_url);
        command.args(["carrier", "--shared-clock", "--profile", "profile.json", "--ledger", "carrier.jsonl"]);
        command.args(["--host", &self.plan.host, "--port", &self.carrier_port.to_string()]);
        command.args(["--seed", &self.plan.seed.to_string(), "--faults", self.plan.faults]);
        let mut process = Process::start("carrier", self.path(), command)?;
        process.ready(&self.client, &self.carrier_url).await?;
        Ok(process)
    }

    /// An answer of the API.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}/api/v1/{path}", self.api_url)).bearer_auth(&self.key);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn dialers_database_url(&self) -> &str {
        self.plan.dialers_database_url.as_deref().unwrap_or(&self.plan.database_url)
    }

    fn wrapped(&self, wrapped_in: &[String], database_url: &str) -> Command {
        let mut command = match wrapped_in.split_first() {
            None => Command::new(&self.plan.binary),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.plan.binary);
                command
            }
        };
        command.current_dir(self.path()).env("DATABASE_URL", database_url);
        command.env("CALLWRIGHT_CARRIER_SECRET", SECRET).env("RUST_LOG", "warn");
        command.envs(self.plan.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The command under test: the one named, else one that stands beside this program.
pub fn binary(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        return Ok(fs::canonicalize(path)?);
    }
    let own = std::env::current_exe()?;
    let beside = own.parent().context("this program has no folder")?;
    ["callwright", "callwright-under-test"]
        .iter()
        .map(|name| beside.join(name))
        .find(|path| path.exists())
        .with_context(|| {
            format!("no `callwright` in {}: build it, or name one with --binary", beside.display())
        })
}

/// A New Yorker's number; `exchange` keeps groups of them apart.
pub fn number(exchange: u32, index: usize) -> String {
    let code = ["212", "646", "917"][index % 3];
    format!("+1{code}{exchange}{index:04}")
}

/// New Yorkers, tagged with the cadences they go into.
fn leads(plan: &Plan) -> anyhow::Result<String> {
    let mut csv = String::from("externalId,firstName,phone,timezone,tags,synthetic\n");
    for index in 0..plan.leads {
        let tags = match index {
            index if index % SHARED_EVERY == 0 => "chase;twice",
            index if index % 2 == 0 => "chase",
            _ => "twice",
        };
        let shares = plan.sharing_numbers && index % SAME_NUMBER_EVERY == SAME_NUMBER_EVERY - 1;
        let owner = if shares { index - 1 } else { index };
        writeln!(csv, "lead_{index},Alice,{},America/New_York,{tags},true", number(EXCHANGE, owner))?;
    }
    Ok(csv)
}
