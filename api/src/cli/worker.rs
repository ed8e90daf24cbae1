//! `callwright worker`: dials without serving the API. Any number of them may share one PostgreSQL database.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callwright_workers::bell::Bell;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::definitions::{self, DefinitionsArgs};
use super::operations::{RetentionArgs, WatchArgs};
use super::rules::{self, RulesArgs};
use super::running::{self, ProviderArgs, Running, close, stop_signal};
use super::session::Migrations;
use super::{Global, session};
use crate::http::{Access, App};

/// Dials: plans, claims, places and follows up, beside a `serve --no-dialing` or other workers.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callwright worker --database-url postgres://dialer@db/dialer --carrier http://127.0.0.1:4010 \\\n      --callback-url http://127.0.0.1:8000/callbacks/carrier --metrics 0.0.0.0:9464"
)]
pub struct WorkerArgs {
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

pub async fn run(args: WorkerArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let told = stop_signal();
    let migrations = if args.no_migrate { Migrations::Demand } else { Migrations::Apply };
    let db = session::database_with(global, migrations).await?;
    session::prove_journal(global)?;
    let engine = session::engine_under(db, args.definitions.load()?, args.rules.load()?);
    rules::announce(&engine.rules);
    args.definitions.offer(&engine).await?;
    let cancel = CancellationToken::new();
    let bell = Bell::new();
    let ages = args.retention.ages()?;
    args.provider.apply(&engine, None)?;
    let mut running =
        Running::start(&engine, &args.provider, ages, None, bell.clone(), cancel.clone()).await?;
    running.watch(&engine);
    let draining = Arc::new(AtomicBool::new(false));
    let app = App::new(Arc::clone(&engine), Access::Keys, bell)
        .with_heartbeat(running.heartbeat())
        .with_draining(Arc::clone(&draining));
    // Watched until the very end: a process that drains is one to look at.
    let watched = CancellationToken::new();
    let watching = args.watch.listen(app, watched.clone()).await?.map(tokio::spawn);
    if let Some(folder) = args.definitions.folder() {
        running.spawn(definitions::follow(Arc::clone(&engine), folder, Arc::default(), cancel));
    }
    running::say_if_recovering(&engine, &args.provider, global).await;
    tracing::info!("dialing; Ctrl-C stops after the batch in hand");
    let code = tokio::select! {
        () = told.cancelled() => ExitCode::SUCCESS,
        () = running.broken() => ExitCode::FAILURE,
    };
    tracing::info!("stopping: the batch in hand is finished first");
    draining.store(true, Ordering::Relaxed);
    running.stop().await;
    watched.cancel();
    if let Some(watching) = watching {
        watching.await?;
    }
    close(&engine.db).await;
    Ok(code)
}
