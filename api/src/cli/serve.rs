//! `callwright serve`: the API and the workers in one process.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use callwright_engine::engine::Engine;
use callwright_engine::store::api_key;
use callwright_workers::bell::Bell;
use callwright_workers::jobs::Retention;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::definitions::{self, DefinitionsArgs};
use super::operations::{RetentionArgs, WatchArgs};
use super::rules::{self, RulesArgs};
use super::running::{
    self, ProviderArgs, Running, close, is_loopback, set_virtual_clock, stop_signal, virtual_clock,
};
use super::session::Migrations;
use super::{Global, session};
use crate::http::moment::Moment;
use crate::http::{Access, App, router};

/// Serves the API and dials, in one process.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright serve --dev\n  callwright serve --host 0.0.0.0 --port 8000 --definitions my-outreach\n  callwright serve --dev --virtual-clock 2026-07-01T12:00:00Z --rate 600\n  callwright serve --metrics 127.0.0.1:9464 --keep-decisions 365\n  callwright serve --rules our-rules --rules-profile strict\n  callwright serve --provider webhook --webhook-url https://voice.example.com/calls --public-url https://dialer.example.com\n\nWithout --dev every request needs a key: callwright key create NAME"
)]
pub struct ServeArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8000, env = "PORT")]
    port: u16,
    /// Let requests in without a key. Only on a loopback address and with a simulated carrier.
    #[arg(long)]
    dev: bool,
    /// Answer requests only; dialing is left to `callwright worker` processes.
    #[arg(long)]
    no_dialing: bool,
    /// A type of event that may be posted beside the CRM's and those that cadences wait for; may be repeated.
    #[arg(long = "event-type", value_name = "TYPE")]
    event_types: Vec<String>,
    /// Start a virtual clock at this instant; it is kept in the database and shared with `worker` and `carrier`. One that
    /// has passed this instant goes on.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    virtual_clock: Option<Moment>,
    /// Virtual seconds in a real one. A call must be asked for within one virtual second of its permit: beyond about 50 it may
    /// not be in time, and is tried again.
    #[arg(long, default_value_t = 1.0, requires = "virtual_clock")]
    rate: f64,
    /// Do not apply missing migrations; refuse to start without them.
    #[arg(long)]
    no_migrate: bool,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    retention: RetentionArgs,
}

/// How long a key may still be let in after it was revoked.
const KEYS_KNOWN_FOR: Duration = Duration::from_secs(1);

pub async fn run(args: ServeArgs, global: &Global) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !args.dev || is_loopback(&args.host),
        "--dev lets everyone in, so it only serves on a loopback address such as 127.0.0.1, not on {}",
        args.host
    );
    anyhow::ensure!(
        !(args.dev && args.provider.platform.is_real()),
        "--dev lets everyone in, so it goes with simulated calls only; leave --dev out, and make a key: callwright key create NAME"
    );
    let platform = args.provider.platform.open()?;
    let told = stop_signal();
    let migrations = if args.no_migrate { Migrations::Demand } else { Migrations::Apply };
    let db = session::database_with(global, migrations).await?;
    session::prove_journal(global)?;
    let engine = session::engine_under(db, args.definitions.load()?, args.rules.load()?);
    rules::announce(&engine.rules);
    engine.publish().await?;
    if let Some(start) = args.virtual_clock {
        set_virtual_clock(&engine, start, args.rate).await?;
    }
    let listener = TcpListener::bind((args.host.as_str(), args.port))
        .await
        .with_context(|| format!("{}:{} cannot be listened on", args.host, args.port))?;
    let address = listener.local_addr()?;
    let cancel = CancellationToken::new();
    let bell = Bell::new();
    let ages = args.retention.ages()?;
    args.provider.apply(&engine, Some(&format!("http://{address}")))?;
    let mut running = start(&args, &engine, &format!("http://{address}"), &bell, &cancel, ages).await?;
    let problems = Arc::default();
    if let Some(folder) = args.definitions.folder() {
        running.spawn(definitions::follow(
            Arc::clone(&engine),
            folder,
            Arc::clone(&problems),
            cancel.clone(),
        ));
    }
    greet(&args, &engine, &address.to_string()).await?;
    running::say_if_recovering(&engine, &args.provider, global).await;
    let access = if args.dev { Access::Open } else { Access::Keys };
    let mut app = App::new(Arc::clone(&engine), access, bell)
        .with_event_types(args.event_types)
        .with_keys_known_for(KEYS_KNOWN_FOR)
        .with_problems(problems)
        .with_heartbeat(running.heartbeat());
    if let Some(secret) = &args.provider.carrier_secret {
        app = app.with_carrier_secret(secret.as_bytes());
    }
    if let Some(platform) = &platform {
        app = platform.heard_by(app);
    }
    let draining = Arc::new(AtomicBool::new(false));
    let app = app.with_draining(Arc::clone(&draining));
    running.watch(&engine);
    // Watched until the very end: a process that drains is one to look at.
    let watched = CancellationToken::new();
    let watching = args.watch.listen(app.clone(), watched.clone()).await?.map(tokio::spawn);
    let closing = CancellationToken::new();
    let serving =
        axum::serve(listener, router(app)).with_graceful_shutdown(closing.clone().cancelled_owned());
    let mut serving = tokio::spawn(serving.into_future());
    let code = tokio::select! {
        () = told.cancelled() => ExitCode::SUCCESS,
        () = running.broken() => ExitCode::FAILURE,
        ended = &mut serving => {
            ended??;
            ExitCode::FAILURE
        }
    };
    tracing::info!("stopping: requests and batches in hand are finished first");
    draining.store(true, Ordering::Relaxed);
    // Requests and callbacks are answered all the while: whoever spreads them sees the flag and goes elsewhere.
    tokio::join!(running.stop(), tokio::time::sleep(LINGERS));
    closing.cancel();
    if !serving.is_finished() && tokio::time::timeout(LONGEST_ANSWER, &mut serving).await.is_err() {
        tracing::warn!("requests still unanswered after {} s are given up", LONGEST_ANSWER.as_secs());
    }
    watched.cancel();
    if let Some(watching) = watching {
        watching.await?;
    }
    close(&engine.db).await;
    Ok(code)
}

/// New requests are taken for this long at least after the signal: they were sent before anybody could know, and on a busy machine
/// wait to be read.
const LINGERS: Duration = Duration::from_secs(1);
/// A request in hand may take this long once nothing else is left to do.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

async fn start(
    args: &ServeArgs,
    engine: &Arc<Engine>,
    own_url: &str,
    bell: &Bell,
    cancel: &CancellationToken,
    ages: Retention,
) -> anyhow::Result<Running> {
    if args.no_dialing {
        return Ok(Running::idle(engine, bell.clone(), cancel.clone()));
    }
    let callbacks = Some(format!("{own_url}/callbacks/carrier"));
    Running::start(engine, &args.provider, ages, callbacks, bell.clone(), cancel.clone()).await
}

/// The first lines of the log: where, on which clock, and how to get in.
async fn greet(args: &ServeArgs, engine: &Engine, address: &str) -> anyhow::Result<()> {
    let cadences = engine.library.current().cadences().count();
    tracing::info!(
        "serving on http://{address}, {cadences} cadences loaded; the API is described at /openapi.json"
    );
    if let Some(clock) = virtual_clock(engine).await? {
        let now = engine.now().await?;
        tracing::warn!(
            "on a virtual clock: {} at {} times real time",
            now.format("%Y-%m-%d %H:%M UTC"),
            clock.rate
        );
    }
    if args.dev {
        tracing::warn!("--dev: requests need no key");
        return Ok(());
    }
    let mut tx = engine.db.begin_read().await?;
    let has_key = api_key::list(&mut tx).await?.iter().any(|key| key.revoked_at.is_none());
    tx.rollback().await?;
    if !has_key {
        tracing::warn!(
            "no API key exists yet, so every request will be refused; make one: callwright key create NAME"
        );
    }
    Ok(())
}
