//! `callwright reconcile`: what came after the backup becomes known again, and the mark of a restored database goes.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use callwright_engine::engine::Engine;
use callwright_engine::engine::recover::{Adopted, HeldBack, Replayed};
use callwright_engine::provider::{CallsSince, Listing, Provider};
use callwright_engine::store::recovery::Recovery;
use chrono::TimeDelta;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::output::{self, Format};
use super::platform::PlatformArgs;
use super::{Global, running, session};
use crate::http::moment::Moment;

/// Reconciles a restored database before it dials: replays the journal of stops since the backup, asks the carrier for every
/// call since, adopts those that the backup does not know, and takes the mark away. May be run again at any time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright reconcile --carrier http://127.0.0.1:4010\n  callwright reconcile --database-url postgres://dialer@db/dialer --journal /var/lib/callwright/stops --carrier http://carrier:4010\n  callwright reconcile --since 2026-07-01T02:13:00Z --carrier http://127.0.0.1:4010\n  callwright reconcile --provider webhook --webhook-url https://voice.example.com/calls --without-listing\n\n--since is for databases that were restored by other means, or failed over to a standby that lacks the last commits.\nIt waits until the carrier's list is conclusive: about two minutes after the restore.\nExit code 1 when something is missing; nothing is dialed then, and the command may be repeated."
)]
pub struct ReconcileArgs {
    /// The stand-alone carrier whose calls are asked for; otherwise the one inside `serve`, whose books are in the database.
    #[arg(long, value_name = "URL")]
    carrier: Option<Url>,
    /// Bearer token that the carrier asks for.
    #[arg(long, env = "CALLWRIGHT_CARRIER_TOKEN", hide_env_values = true)]
    carrier_token: Option<String>,
    #[command(flatten)]
    platform: PlatformArgs,
    /// Mark the database first, as if its last commits since then were lost.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// There is no journal: opt-outs and suppressions after the backup stay unknown. Somebody may be called who asked not to be.
    #[arg(long)]
    without_journal: bool,
    /// Replay a journal with unreadable lines; each may have been somebody's stop.
    #[arg(long)]
    accept_damaged_journal: bool,
    /// The carrier cannot list its calls: everybody is treated as just called and left in peace for --hold-hours.
    #[arg(long)]
    without_listing: bool,
    /// How long nobody is called then.
    #[arg(long, value_name = "HOURS", default_value_t = 24, requires = "without_listing")]
    hold_hours: u32,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What was done; also the event that ends the recovery.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    journal: Option<Replayed>,
    looked_up: usize,
    calls: Option<Adopted>,
    held_back: Option<HeldBack>,
}

const CANNOT_LIST: &str = "this carrier cannot list its calls: compare by hand, or give --without-listing to treat everybody as just called";

/// Attempts looked up per transaction.
const BATCH: u32 = 200;

pub async fn run(args: ReconcileArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    if let Some(since) = args.since {
        engine.mark_recovering(since.0, since.0).await?;
    }
    let Some(mark) = engine.recovering().await? else {
        return nothing_to_do(&args);
    };
    let provider =
        running::provider_to_ask(&engine, &args.platform, args.carrier.clone(), args.carrier_token.clone())
            .await?;
    let bar = spinner();
    let done = reconcile(&engine, provider.as_ref(), &args, global, &bar).await;
    bar.finish_and_clear();
    let report = done?;
    engine.finish_recovery(serde_json::to_value(&report)?).await?;
    engine.db.close().await;
    match args.format {
        Format::Json => output::print_json(&json!({ "recovering": false, "done": report }))?,
        Format::Human => human(&mark, &report),
    }
    Ok(ExitCode::SUCCESS)
}

fn nothing_to_do(args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    match args.format {
        Format::Json => output::print_json(&json!({ "recovering": false }))?,
        Format::Human => output::print(
            "nothing to reconcile: the database is not marked as restored (--since TIME marks one that lost its last commits)",
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// Every step may be repeated; only when all are done is the mark taken away.
async fn reconcile(
    engine: &Arc<Engine>,
    provider: &dyn Provider,
    args: &ReconcileArgs,
    global: &Global,
    bar: &ProgressBar,
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    // Stops first: they hold even if the carrier cannot be reached tonight.
    if !args.without_journal {
        report.journal = Some(replay(engine, args, global, bar).await?);
    }
    if args.without_listing {
        report.looked_up = look_up_all(engine, provider, bar).await?;
        bar.set_message("holding everybody back");
        report.held_back = Some(engine.hold_back(TimeDelta::hours(i64::from(args.hold_hours))).await?);
        return Ok(report);
    }
    can_list_them_all(engine, provider).await?;
    wait_until_conclusive(engine, provider, bar).await?;
    report.looked_up = look_up_all(engine, provider, bar).await?;
    let listed = engine
        .listed_calls(provider, |count| bar.set_message(format!("asking for calls: {count}")))
        .await
        .context("the carrier's calls cannot be listed; nothing is dialed until they are")?;
    let listed = listed.context(CANNOT_LIST)?;
    let of = listed.len();
    let calls = engine
        .adopt_calls(provider, listed, |done| bar.set_message(format!("adopting calls: {done} of {of}")));
    report.calls = Some(calls.await?);
    Ok(report)
}

async fn look_up_all(engine: &Engine, provider: &dyn Provider, bar: &ProgressBar) -> anyhow::Result<usize> {
    bar.set_message("looking up calls under way");
    Ok(engine.reconcile_all(provider, BATCH).await?.looked_up)
}

/// Before the wait: does this provider list calls at all, and are they all calls there can be?
async fn can_list_them_all(engine: &Engine, provider: &dyn Provider) -> anyhow::Result<()> {
    let newest = CallsSince { since: engine.now().await?, after: None };
    let listing = provider.calls_since(&newest).await;
    ensure!(!matches!(listing, Ok(Listing::NotOffered)), CANNOT_LIST);
    let others = engine.other_providers(provider).await?;
    ensure!(
        others.is_empty(),
        "`{}` is asked for its calls, but {} placed calls of this database too, and may have placed more after the backup: \
         name the one that serves it with --provider or --carrier; where there were several, --without-listing treats \
         everybody as just called",
        provider.name(),
        others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

async fn replay(
    engine: &Engine,
    args: &ReconcileArgs,
    global: &Global,
    bar: &ProgressBar,
) -> anyhow::Result<Replayed> {
    let folder = session::journal_folder(global).context(
        "name the journal of stops with --journal, or say --without-journal if it is lost: whoever opted out after the backup \
         may then be called",
    )?;
    ensure!(
        folder.is_dir(),
        "there is no journal of stops at {}: name the folder that `callwright serve` wrote to with --journal, or say \
         --without-journal if nobody can have opted out since the backup",
        folder.display()
    );
    bar.set_message("replaying the journal of stops");
    let tell = |done, of| bar.set_message(format!("replaying stops: {done} of {of} numbers"));
    engine
        .replay_journal(&folder, args.accept_damaged_journal, tell)
        .await
        .context("the journal was not replayed (--accept-damaged-journal goes on without unreadable lines)")
}

async fn wait_until_conclusive(
    engine: &Engine,
    provider: &dyn Provider,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    loop {
        let left = engine.conclusive_in(provider).await?.unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        bar.set_message(format!(
            "calls asked for right before the end may still reach the carrier: {} s",
            left.as_secs() + 1
        ));
        tokio::time::sleep(left.min(Duration::from_millis(500))).await;
    }
}

fn spinner() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn human(mark: &Recovery, report: &Report) {
    let since = mark.journal_from.format("%Y-%m-%d %H:%M UTC");
    output::print(&format!("reconciled with what came after {since}; calls go out again"));
    match &report.journal {
        Some(done) => output::print(&format!(
            "stops:  {} lines in {} files; {} numbers in force, {} leads newly opted out, {} erased again, {} consents revoked, {} lifted",
            done.lines,
            done.files,
            done.suppressed,
            done.opted_out,
            done.erased,
            done.consents_revoked,
            done.lifted
        )),
        None => output::print("stops:  not replayed (--without-journal)"),
    }
    if let Some(done) = &report.calls {
        output::print(&format!(
            "calls:  {} listed, {} known, {} adopted ({} outside any enrollment, {} of nobody on file), {} enrollments held",
            done.listed, done.known, done.adopted, done.outside, done.unattributed, done.held
        ));
        if done.orphaned > 0 {
            output::print(&format!(
                "BAD     {} calls of attempts that had been proven not to be made: look at the carrier's log",
                done.orphaned
            ));
        }
    }
    if let Some(done) = &report.held_back {
        output::print(&format!(
            "calls:  not listed; {} planned calls taken back, {} enrollments left in peace",
            done.taken_back, done.enrollments
        ));
    }
}
