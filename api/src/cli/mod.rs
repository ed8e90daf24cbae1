//! The command line: one file per subcommand, each with an example in its help. Exit codes: 0 done, 1 failed or problems
//! found, 2 wrong usage.

mod backup;
mod bench;
mod call;
mod campaign;
mod carrier;
mod check;
mod consent;
mod definitions;
mod demo;
mod doctor;
mod enroll;
mod erase;
mod export;
mod graph;
mod import;
mod init;
mod jobs;
mod key;
mod lsp;
mod migrate;
mod new;
mod operations;
mod opt_in;
pub mod output;
mod platform;
mod preflight;
mod publish;
mod reconcile;
mod registry;
mod render;
mod restore;
mod rules;
mod running;
mod schema;
mod serve;
mod session;
mod simulate;
mod starters;
mod status;
mod stop;
mod test;
mod trigger;
mod user;
mod why;
mod worker;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

/// A durable outbound dialer: call flows and cadences as YAML, an engine that never calls twice, at night, or after a stop.
#[derive(Debug, Parser)]
#[command(name = "callwright", version, propagate_version = true, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Settings of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// `sqlite:PATH` or `postgres://USER@HOST/NAME`.
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:callwright.db"
    )]
    pub database_url: String,
    /// Folder of the journal of stops: opt-outs, suppressions and revoked consents, kept outside the database so that a
    /// restore cannot forget them. `PATH.stops` beside an SQLite file, when left out; none for PostgreSQL, or with `off`.
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "CALLWRIGHT_JOURNAL",
        value_name = "FOLDER"
    )]
    pub journal: Option<PathBuf>,
    /// The PostgreSQL server's own address, for migrations and backups, where --database-url leads through a transaction pooler
    /// (`…?pooler=transaction`).
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "CALLWRIGHT_MIGRATION_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub migration_url: Option<String>,
    /// How log lines on standard error look. What is logged: RUST_LOG, such as `info` or `callwright_engine=debug`.
    #[arg(long, global = true, help_heading = "Global options", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    New(new::NewArgs),
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Diff(publish::diff::DiffArgs),
    Plan(publish::plan::PlanArgs),
    Apply(publish::apply::ApplyArgs),
    Withdraw(publish::withdraw::WithdrawArgs),
    History(publish::history::HistoryArgs),
    Schema(schema::SchemaArgs),
    Lsp(lsp::LspArgs),
    Render(render::RenderArgs),
    Graph(graph::GraphArgs),
    Simulate(simulate::SimulateArgs),
    Call(Box<call::CallArgs>),
    Bench(bench::BenchArgs),
    Serve(serve::ServeArgs),
    Worker(worker::WorkerArgs),
    Carrier(carrier::CarrierArgs),
    Migrate(migrate::MigrateArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Reconcile(reconcile::ReconcileArgs),
    Key(key::KeyArgs),
    User(user::UserArgs),
    Campaign(campaign::CampaignArgs),
    Import(Box<import::ImportArgs>),
    Consent(consent::ConsentArgs),
    Preflight(Box<preflight::PreflightArgs>),
    Registry(registry::RegistryArgs),
    Stop(stop::StopArgs),
    Resume(stop::ResumeArgs),
    OptIn(opt_in::OptInArgs),
    Erase(erase::EraseArgs),
    Enroll(enroll::EnrollArgs),
    Export(export::ExportArgs),
    Trigger(Box<trigger::TriggerArgs>),
    Why(why::WhyArgs),
    Status(status::StatusArgs),
    Jobs(jobs::JobsArgs),
    Doctor(doctor::DoctorArgs),
}

/// Parses the command line, runs the command and says how it went.
pub fn main() -> ExitCode {
    let cli = Cli::read();
    log_to_stderr(cli.global.log_format, cli.command.serves());
    // reqwest and sqlx share one TLS provider; a second installation is refused and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.command.run(&cli.global)) {
        Ok(code) => code,
        Err(error) => {
            output::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(format: LogFormat, serves: bool) {
    let default = if serves { "info,sqlx=warn,apalis_core=error" } else { "warn,apalis_core=error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Human => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// Reads an argument that is a JSON object. (`Value` alone would take any text for a JSON string.)
fn json_object(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("must be a JSON object, such as {\"offer\": {\"percent\": 10}}".to_owned())
    }
}

impl Cli {
    /// The command line; ends the process where it cannot be read, or asks for help. Only the command that is named first is
    /// made: making all of them would be much of what a process does at its start.
    fn read() -> Self {
        let mut cli = Self::command();
        let first = std::env::args_os().nth(1);
        let names_a_command = first.and_then(|first| cli.find_subcommand(first).map(drop)).is_some();
        if !names_a_command {
            // Help lists them all.
            cli.build();
        }
        let matches = cli.try_get_matches_from_mut(std::env::args_os()).unwrap_or_else(|error| error.exit());
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut cli).exit())
    }
}

impl Command {
    const fn serves(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Worker(_) | Self::Carrier(_))
    }

    async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        match self {
            Self::Demo(args) => demo::run(args).await.map(|()| ExitCode::SUCCESS),
            Self::Init(args) => init::run(args),
            Self::New(args) => new::run(args),
            Self::Check(args) => check::run(&args),
            Self::Test(args) => test::run(&args).await,
            Self::Diff(args) => publish::diff::run(args, global).await,
            Self::Plan(args) => publish::plan::run(args, global).await,
            Self::Apply(args) => publish::apply::run(args, global).await,
            Self::Withdraw(args) => publish::withdraw::run(args, global).await,
            Self::History(args) => publish::history::run(args, global).await,
            Self::Schema(args) => schema::run(&args),
            Self::Lsp(args) => lsp::run(&args),
            Self::Render(args) => render::run(args, global).await,
            Self::Graph(args) => graph::run(&args),
            Self::Simulate(args) => simulate::run(args, global).await.map(|()| ExitCode::SUCCESS),
            Self::Bench(args) => Box::pin(bench::run(args)).await,
            Self::Call(args) => call::run(*args, global).await,
            Self::Serve(args) => serve::run(args, global).await,
            Self::Worker(args) => worker::run(args, global).await,
            Self::Carrier(args) => carrier::run(args, global).await,
            Self::Migrate(args) => migrate::run(args, global).await,
            Self::Backup(args) => backup::run(args, global).await,
            Self::Restore(args) => restore::run(args).await,
            Self::Reconcile(args) => reconcile::run(args, global).await,
            Self::Key(args) => key::run(args, global).await,
            Self::User(args) => user::run(args, global).await,
            Self::Campaign(args) => campaign::run(args, global).await,
            Self::Import(args) => import::run(*args, global).await,
            Self::Consent(args) => consent::run(args, global).await,
            Self::Preflight(args) => preflight::run(*args, global).await,
            Self::Registry(args) => registry::run(args, global).await,
            Self::Stop(args) => stop::stop(args, global).await,
            Self::Resume(args) => stop::resume(args, global).await,
            Self::OptIn(args) => opt_in::run(args, global).await,
            Self::Erase(args) => erase::run(args, global).await,
            Self::Enroll(args) => enroll::run(args, global).await,
            Self::Export(args) => export::run(args, global).await,
            Self::Trigger(args) => trigger::run(*args, global).await,
            Self::Why(args) => why::run(args, global).await,
            Self::Status(args) => status::run(args, global).await,
            Self::Jobs(args) => jobs::run(args, global).await,
            Self::Doctor(args) => doctor::run(args, global).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    fn whole() -> clap::Command {
        let mut cli = Cli::command();
        cli.build();
        cli
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_says_what_it_is() {
        let mut commands: Vec<clap::Command> = vec![whole()];
        while let Some(command) = commands.pop() {
            for argument in command
                .get_arguments()
                .filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
            {
                let has_help = argument.get_help().is_some();
                assert!(has_help, "`{}` of `{}` has no help", argument.get_id(), command.get_name());
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in whole().get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("callwright "), "`{}` has no example in its help", command.get_name());
        }
    }
}
