//! `callwright carrier`: the simulated carrier as its own HTTP server, with books of its own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use callwright_engine::store::clock::{self, VirtualClock};
use callwright_engine::store::{Db, StoreError};
use callwright_workers::provider::simulated::behaviour::Seeded;
use callwright_workers::provider::simulated::clock::ClockSetting;
use callwright_workers::provider::simulated::faults::Faults;
use callwright_workers::provider::simulated::scripted;
use callwright_workers::provider::simulated::server::{CarrierServer, ServerOptions};
use clap::Args;
use tokio::net::TcpListener;

use super::running::{profile, stop_signal};
use super::{Global, session};
use crate::http::moment::Moment;

/// Runs the simulated carrier as a server: it takes calls over HTTP, plays the callees and reports by signed callbacks.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub struct CarrierArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 4010)]
    port: u16,
    /// Signs callbacks; the API has the same one.
    #[arg(long, env = "CALLWRIGHT_CARRIER_SECRET", hide_env_values = true)]
    carrier_secret: String,
    /// Ask callers for this bearer token.
    #[arg(long, env = "CALLWRIGHT_CARRIER_TOKEN", hide_env_values = true)]
    carrier_token: Option<String>,
    /// File of the carrier's books, appended and read again at the next start; in memory only without one.
    #[arg(long, value_name = "FILE.jsonl")]
    ledger: Option<PathBuf>,
    /// The same seed makes the same callees.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// JSON file of how callees behave.
    #[arg(long, value_name = "FILE.json")]
    profile: Option<PathBuf>,
    /// JSON object of faults to inject, by rate (listed below), such as '{"timeoutAfterAccept": 0.02}'.
    #[arg(long, value_name = "JSON")]
    faults: Option<String>,
    /// Numbers with certain last digits bring certain faults (listed below), to try one out.
    #[arg(long)]
    scripted_faults: bool,
    /// Start a virtual clock at this instant.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    virtual_clock: Option<Moment>,
    /// Virtual seconds in a real one.
    #[arg(long, default_value_t = 1.0, requires = "virtual_clock")]
    rate: f64,
    /// Follow the clock that `serve` and `worker` share through the database (--database-url); nothing else is read there.
    #[arg(long, conflicts_with = "virtual_clock")]
    shared_clock: bool,
}

/// How soon a change of the shared clock is seen.
const LOOK_EVERY: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "Examples:\n  CALLWRIGHT_CARRIER_SECRET=s3cret callwright carrier --port 4010 --ledger carrier.jsonl\n  CALLWRIGHT_CARRIER_SECRET=s3cret callwright serve --dev --carrier http://127.0.0.1:4010\n  curl http://127.0.0.1:4010/audit\n\nIn virtual time, on the clock that `serve --virtual-clock` keeps in the database:\n  callwright carrier --shared-clock --database-url sqlite:callwright.db";

/// Rates of `--faults`, by what they strike.
const RATES: &str = "Faults of --faults, each a rate from 0 to 1:
  requests   refuse, tooManyRequests, timeoutBeforeAccept, timeoutAfterAccept, errorBeforeAccept, errorAfterAccept,
             resetBeforeAccept, resetAfterAccept, lateAccept, slowAnswer (together at most 1)
  callbacks  duplicateCallback, reorderCallback, lateCallback, loseCallback, earlyCallback, forgeCallback
  look-ups   failLookUp, lagLookUp, staleLookUp
and `callsPerSecond`: the carrier takes more calls than that, but rings them later; /audit counts those as `queued`.";

fn after_help() -> String {
    let table = scripted::table();
    format!(
        "{EXAMPLES}\n\n{RATES}\n\nWith --scripted-faults, by the last digits of the called number:\n{table}"
    )
}

pub async fn run(args: CarrierArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let source = Seeded { seed: args.seed, profile: profile(args.profile.as_deref())? };
    let mut faults: Faults = match &args.faults {
        Some(text) => serde_json::from_str(text).context("--faults is not an object of rates")?,
        None => Faults::default(),
    };
    faults.by_suffix |= args.scripted_faults;
    faults.check()?;
    let shared = if args.shared_clock { Some(session::database(global).await?) } else { None };
    let (clock, seen) = match (&shared, args.virtual_clock) {
        (Some(db), _) => shared_clock(db).await?,
        (None, Some(start)) => (ClockSetting::Virtual { at: start.0, rate: args.rate }, None),
        (None, None) => (ClockSetting::Real, None),
    };
    let options = ServerOptions {
        seed: args.seed,
        faults,
        clock,
        token: args.carrier_token,
        ledger: args.ledger,
        ..ServerOptions::new(source, args.carrier_secret)
    };
    let listener = TcpListener::bind((args.host.as_str(), args.port))
        .await
        .with_context(|| format!("{}:{} cannot be listened on", args.host, args.port))?;
    tracing::info!("carrier on http://{}; its books are at /ledger and /audit", listener.local_addr()?);
    let stop = stop_signal();
    let server = CarrierServer::open(options).await?;
    if let Some(db) = shared {
        tokio::spawn(follow(db, server.clone(), seen));
    }
    server.serve(listener, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// The shared clock as it stands, and the row by which a change is noticed.
async fn shared_clock(db: &Db) -> Result<(ClockSetting, Option<VirtualClock>), StoreError> {
    let mut tx = db.begin_read().await?;
    let row = clock::virtual_clock(&mut tx).await?;
    let now = clock::now(&mut tx).await?;
    tx.rollback().await?;
    let setting = row.map_or(ClockSetting::Real, |clock| ClockSetting::Virtual { at: now, rate: clock.rate });
    Ok((setting, row))
}

/// Sets the carrier's clock right whenever the shared one is set anew; ends with the process.
async fn follow(db: Db, server: CarrierServer, mut seen: Option<VirtualClock>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match shared_clock(&db).await {
            Ok((setting, row)) if row != seen => {
                server.set_clock(setting);
                seen = row;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the shared clock cannot be read"),
        }
    }
}
