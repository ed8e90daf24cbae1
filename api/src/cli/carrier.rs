//! `callwright carrier`: the simulated carrier as its own HTTP server, with books of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use callwright_workers::provider::simulated::behaviour::Seeded;
use callwright_workers::provider::simulated::clock::ClockSetting;
use callwright_workers::provider::simulated::faults::Faults;
use callwright_workers::provider::simulated::server::{ServerOptions, serve};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::running::{profile, told_to_stop};
use crate::http::moment::Moment;

/// Runs the simulated carrier as a server: it takes calls over HTTP, plays the callees and reports by signed callbacks.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  CALLWRIGHT_CARRIER_SECRET=s3cret callwright carrier --port 4010 --ledger carrier.jsonl\n  CALLWRIGHT_CARRIER_SECRET=s3cret callwright serve --dev --carrier http://127.0.0.1:4010\n  curl http://127.0.0.1:4010/audit"
)]
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
    /// JSON object of faults to inject, by rate: refuse, timeoutAfterAccept, duplicateCallback, loseCallback, …
    #[arg(long, value_name = "JSON")]
    faults: Option<String>,
    /// Start a virtual clock at this instant.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    virtual_clock: Option<Moment>,
    /// Virtual seconds in a real one.
    #[arg(long, default_value_t = 1.0, requires = "virtual_clock")]
    rate: f64,
}

pub async fn run(args: CarrierArgs) -> anyhow::Result<ExitCode> {
    let source = Seeded { seed: args.seed, profile: profile(args.profile.as_deref())? };
    let faults: Faults = match &args.faults {
        Some(text) => serde_json::from_str(text).context("--faults is not an object of rates")?,
        None => Faults::default(),
    };
    faults.check()?;
    let clock = match args.virtual_clock {
        Some(start) => ClockSetting::Virtual { at: start.0, rate: args.rate },
        None => ClockSetting::Real,
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
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        told.cancel();
    });
    serve(listener, options, stop).await?;
    Ok(ExitCode::SUCCESS)
}
