//! `callwright worker`: dials without serving the API. Any number of them may share one PostgreSQL database.

use std::process::ExitCode;
use std::sync::Arc;

use callwright_workers::bell::Bell;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::definitions::{self, DefinitionsArgs};
use super::running::{ProviderArgs, Running, close, stop_signal};
use super::{Global, session};

/// Dials: plans, claims, places and follows up, beside a `serve --no-dialing` or other workers.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callwright worker --database-url postgres://dialer@db/dialer --carrier http://127.0.0.1:4010 \\\n      --callback-url http://127.0.0.1:8000/callbacks/carrier"
)]
pub struct WorkerArgs {
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    definitions: DefinitionsArgs,
}

pub async fn run(args: WorkerArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let told = stop_signal();
    let engine = session::engine(session::database(global).await?, args.definitions.load()?);
    args.definitions.offer(&engine).await?;
    let cancel = CancellationToken::new();
    let bell = Bell::new();
    let mut running = Running::start(&engine, &args.provider, None, bell, cancel.clone()).await?;
    if let Some(folder) = args.definitions.folder() {
        running.spawn(definitions::follow(Arc::clone(&engine), folder, Arc::default(), cancel));
    }
    tracing::info!("dialing; Ctrl-C stops after the batch in hand");
    let code = tokio::select! {
        () = told.cancelled() => ExitCode::SUCCESS,
        () = running.broken() => ExitCode::FAILURE,
    };
    tracing::info!("stopping: the batch in hand is finished first");
    running.stop().await;
    close(&engine.db).await;
    Ok(code)
}
