//! `callwright jobs`: the queue and people's hands on it, by the same rules as the API.

use std::process::ExitCode;

use callwright_engine::engine::FailedJobs;
use callwright_engine::id::JobId;
use callwright_engine::store::jobs::JobState;
use callwright_engine::store::jobs::admin::{self, JobFilter, JobView};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Global, session};
use crate::http::families::jobs::JobBody;

/// Lists, shows, retries, discards and cancels jobs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright jobs list --state dead\n  callwright jobs show 01987c5e-…\n  callwright jobs retry 01987c5e-…\n  callwright jobs retry --all --kind deliver_message\n\nA dead job gave up: its last attempt failed, or trying again is useless. A quarantined one was held by workers that died."
)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Lists jobs, the newest first; without --state the failed ones.
    List(ListArgs),
    /// Shows a job with its payload and last error.
    Show {
        /// Its id.
        job: JobId,
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Makes failed jobs due now, with all their attempts.
    Retry(FailedArgs),
    /// Gives failed jobs up for good.
    Discard(FailedArgs),
    /// Cancels a pending job; one that runs is not interrupted.
    Cancel {
        /// Its id.
        job: JobId,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// pending, running, done, dead, quarantined, cancelled, failed (dead and quarantined) or any.
    #[arg(long, default_value = "failed", value_parser = which)]
    state: Which,
    /// Only of this kind, such as deliver_message.
    #[arg(long)]
    kind: Option<String>,
    /// Jobs per page.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The page behind this job: the last one of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<JobId>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct FailedArgs {
    /// Ids of the jobs.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    jobs: Vec<JobId>,
    /// Every failed job; of one kind, with --kind.
    #[arg(long)]
    all: bool,
    /// Only of this kind.
    #[arg(long, requires = "all")]
    kind: Option<String>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Which states.
#[derive(Debug, Clone, Copy)]
enum Which {
    Failed,
    Any,
    One(JobState),
}

fn which(text: &str) -> Result<Which, String> {
    match text {
        "failed" => Ok(Which::Failed),
        "any" => Ok(Which::Any),
        state => state.parse().map(Which::One).map_err(|error| format!("{error}; or `failed`, or `any`")),
    }
}

pub async fn run(args: JobsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        JobsCommand::List(args) => list(args, global).await.map(|()| ExitCode::SUCCESS),
        JobsCommand::Show { job, format } => show(job, format, global).await.map(|()| ExitCode::SUCCESS),
        JobsCommand::Retry(args) => change(FailedJobs::Retry, args, global).await,
        JobsCommand::Discard(args) => change(FailedJobs::Discard, args, global).await,
        JobsCommand::Cancel { job } => cancel(job, global).await,
    }
}

async fn list(args: ListArgs, global: &Global) -> anyhow::Result<()> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin_read().await?;
    let more = args.limit + 1;
    let kind = args.kind.as_deref();
    let mut jobs = match args.state {
        Which::Failed => admin::failed(&mut tx, kind, args.after, more).await?,
        Which::Any => admin::page(&mut tx, JobFilter { state: None, kind }, args.after, more).await?,
        Which::One(state) => {
            admin::page(&mut tx, JobFilter { state: Some(state), kind }, args.after, more).await?
        }
    };
    tx.rollback().await?;
    let has_more = jobs.len() > args.limit as usize;
    jobs.truncate(args.limit as usize);
    let next = jobs.last().filter(|_| has_more).map(|job| job.id);
    if args.format == Format::Json {
        let items: Vec<JobBody> = jobs.into_iter().map(JobBody::from).collect();
        return output::print_json(&json!({ "items": items, "next": next }));
    }
    output::print(&output::table(&rows(&jobs)));
    if jobs.is_empty() {
        output::note("no such jobs");
    }
    if let Some(next) = next {
        output::note(&format!("there are more: add --after {next}"));
    }
    Ok(())
}

fn rows(jobs: &[JobView]) -> Vec<Vec<String>> {
    let mut rows = vec![["ID", "KIND", "STATE", "DUE", "FAILED", "LAST ERROR"].map(str::to_owned).to_vec()];
    rows.extend(jobs.iter().map(|job| {
        let error: String = job.last_error.as_deref().unwrap_or("").chars().take(60).collect();
        vec![
            job.id.to_string(),
            job.kind.clone(),
            job.state.to_string(),
            job.run_at.format("%Y-%m-%d %H:%M:%S").to_string(),
            format!("{}/{}", job.attempts, job.max_attempts),
            error,
        ]
    }));
    rows
}

async fn show(id: JobId, format: Format, global: &Global) -> anyhow::Result<()> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin_read().await?;
    let job = admin::find(&mut tx, id).await?;
    tx.rollback().await?;
    let job = job.ok_or_else(|| no_job(id))?;
    if format == Format::Json {
        return output::print_json(&JobBody::from(job));
    }
    let when = |at: callwright_engine::clock::Instant| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let payload: Value = serde_json::from_str(&job.payload).unwrap_or(Value::String(job.payload.clone()));
    let lines = [
        ("job", job.id.to_string()),
        ("kind", job.kind.clone()),
        ("state", job.state.to_string()),
        ("due", when(job.run_at)),
        ("attempts", format!("{} failed of {}", job.attempts, job.max_attempts)),
        ("deaths", job.deaths.to_string()),
        ("last error", job.last_error.clone().unwrap_or_else(|| "none".to_owned())),
        ("created", when(job.created_at)),
        ("finished", job.finished_at.map_or_else(|| "not yet".to_owned(), when)),
        ("key", job.dedup_key.clone().unwrap_or_else(|| "none".to_owned())),
        ("payload", payload.to_string()),
    ];
    let rows: Vec<Vec<String>> =
        lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    output::print(&output::table(&rows));
    Ok(())
}

fn no_job(id: JobId) -> anyhow::Error {
    anyhow::anyhow!(
        "job {id} does not exist; finished jobs are forgotten after a while (--keep-jobs of serve)"
    )
}

async fn change(what: FailedJobs, args: FailedArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let (changed, left) = if args.all {
        let total = engine.change_failed_jobs(what, args.kind.as_deref()).await?;
        (total.changed, total.left)
    } else {
        let mut tx = engine.db.begin().await?;
        let now = engine.time.now(&mut tx).await?;
        let mut changed = 0;
        for id in &args.jobs {
            let is_done = match what {
                FailedJobs::Retry => admin::retry(&mut tx, *id, now).await?,
                FailedJobs::Discard => admin::discard(&mut tx, *id, now).await?,
            };
            if !is_done {
                let state = admin::find(&mut tx, *id).await?.ok_or_else(|| no_job(*id))?.state;
                output::note(&why_not(*id, state));
            }
            changed += u64::from(is_done);
        }
        tx.commit().await?;
        (changed, args.jobs.len() as u64 - changed)
    };
    let verb = if what == FailedJobs::Retry { "due now" } else { "given up" };
    match args.format {
        Format::Json => output::print_json(&json!({ "changed": changed, "left": left }))?,
        Format::Human if left == 0 => output::print(&format!("{changed} jobs {verb}")),
        Format::Human => output::print(&format!("{changed} jobs {verb}, {left} left as they are")),
    }
    // Named jobs that could not be changed are a failure; `--all` does what can be done.
    Ok(if left > 0 && !args.all { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn why_not(id: JobId, state: JobState) -> String {
    match state {
        JobState::Dead | JobState::Quarantined => {
            format!("job {id} stays: a newer job with the same key is waiting and will do the work")
        }
        state => format!("job {id} stays: it is {state}, it has not failed"),
    }
}

async fn cancel(id: JobId, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    if admin::cancel(&mut tx, id, now).await? {
        tx.commit().await?;
        output::print(&format!("job {id} is cancelled"));
        return Ok(ExitCode::SUCCESS);
    }
    let state = admin::find(&mut tx, id).await?.ok_or_else(|| no_job(id))?.state;
    anyhow::bail!("job {id} is {state}; only pending jobs are cancelled")
}
