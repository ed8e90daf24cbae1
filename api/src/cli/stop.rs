//! `callwright stop` and `callwright resume`: all new calls of a scope, at once, until somebody lets them go on.

use std::process::ExitCode;

use anyhow::Context;
use callwright_engine::domain::emergency::{EmergencyStop, Scope, ScopeKind};
use callwright_engine::engine::Engine;
use callwright_engine::store::{campaign, emergency_stop};
use clap::Args;

use super::output::{self, Format};
use super::{Global, session};
use crate::http::families::emergency_stops::EmergencyStopBody;

/// Stops new calls at once: everywhere, to a place, of a campaign, or from a caller number. It holds for every process, survives
/// restarts and restores, and ends only with `callwright resume`. Calls that people are talking in go on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright stop --everywhere --reason \"wrong script is live\"\n  callwright stop --jurisdiction US-FL --reason \"hurricane\" --by dana@example.com\n  callwright stop --campaign spring --reason \"complaints\"\n  callwright stop --caller +12125550123 --reason \"flagged as spam\"\n  callwright stop --list\n\n`callwright resume` lets calls go on; `callwright status` shows what is stopped."
)]
pub struct StopArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Why; kept, and shown to whoever asks why nobody is called.
    #[arg(long, required_unless_present = "list")]
    reason: Option<String>,
    /// Who stops. [default: the user of this machine]
    #[arg(long)]
    by: Option<String>,
    /// Show the stops in force instead.
    #[arg(long, conflicts_with_all = ["reason", "by"])]
    list: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Which calls.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub struct ScopeArgs {
    /// All calls.
    #[arg(long)]
    everywhere: bool,
    /// Calls to whoever may be there: a country such as `IN`, a state such as `US-FL`.
    #[arg(long, value_name = "PLACE")]
    jurisdiction: Option<String>,
    /// Calls of a campaign, by key or id.
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Calls that show this number (E.164).
    #[arg(long, value_name = "NUMBER")]
    caller: Option<String>,
}

/// Lets stopped calls go on: a manager's act, with a reason. Every other rule still holds.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright resume --everywhere --reason \"script corrected\" --by dana@example.com\n  callwright resume --jurisdiction US-FL --reason \"storm has passed\" --by dana@example.com"
)]
pub struct ResumeArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Why calls may go on; kept.
    #[arg(long)]
    reason: String,
    /// Manager who lets them: e-mail address of a user with that role.
    #[arg(long, value_name = "EMAIL")]
    by: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl ScopeArgs {
    async fn read(&self, engine: &Engine) -> anyhow::Result<Scope> {
        if self.everywhere {
            return Ok(Scope::Everywhere);
        }
        if let Some(place) = &self.jurisdiction {
            return Scope::parse(ScopeKind::Jurisdiction, place).map_err(anyhow::Error::msg);
        }
        if let Some(number) = &self.caller {
            return Scope::parse(ScopeKind::Caller, number).map_err(anyhow::Error::msg);
        }
        let Some(key) = &self.campaign else {
            anyhow::bail!("say which calls: --everywhere, --jurisdiction, --campaign or --caller");
        };
        let mut tx = engine.db.begin_read().await?;
        let id = campaign::resolve(&mut tx, key).await?;
        tx.rollback().await?;
        Ok(Scope::Campaign(id.with_context(|| format!("campaign `{key}` does not exist"))?))
    }
}

pub async fn stop(args: StopArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    if args.list {
        list(&engine, args.format).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let scope = args.scope.read(&engine).await?;
    let by = args.by.unwrap_or_else(whoever);
    let stop = engine.stop_calls(scope, &args.reason.unwrap_or_default(), &by).await?;
    show(&stop, args.format)?;
    Ok(ExitCode::SUCCESS)
}

pub async fn resume(args: ResumeArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let by = session::manager(&engine, &args.by).await?;
    let scope = args.scope.read(&engine).await?;
    let mut tx = engine.db.begin_read().await?;
    let stop = emergency_stop::of_scope(&mut tx, &scope).await?;
    tx.rollback().await?;
    let stop = stop.with_context(|| {
        format!("calls {scope} are not stopped by a stop of exactly that scope; `callwright stop --list` shows what is")
    })?;
    let lifted = engine.resume_calls(stop.id, &args.reason, &by).await?;
    show(&lifted, args.format)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn whoever() -> String {
    std::env::var("USER")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "the command line".to_owned())
}

fn show(stop: &EmergencyStop, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::print_json(&EmergencyStopBody::from(stop.clone()));
    }
    let what = if stop.lifted.is_some() { "may go on" } else { "are stopped" };
    output::print(&format!("calls {} {what} ({})", stop.scope, stop.id));
    Ok(())
}

async fn list(engine: &Engine, format: Format) -> anyhow::Result<()> {
    let stops = engine.emergency_stops().await?;
    if format == Format::Json {
        let bodies: Vec<EmergencyStopBody> = stops.into_iter().map(EmergencyStopBody::from).collect();
        return output::print_json(&bodies);
    }
    if stops.is_empty() {
        output::print("nothing is stopped");
        return Ok(());
    }
    let mut rows = vec![["CALLS", "SINCE", "BY", "REASON"].map(str::to_owned).to_vec()];
    rows.extend(stops.into_iter().map(|stop| {
        let since = stop.stopped_at.format("%Y-%m-%d %H:%M UTC").to_string();
        vec![stop.scope.to_string(), since, stop.stopped_by, stop.reason]
    }));
    output::print(&output::table(&rows));
    Ok(())
}
