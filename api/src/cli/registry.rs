//! `callwright registry`: which registries are in use, how old their data is, and taking them into and out of use.

use std::process::ExitCode;

use callwright_engine::clock::Instant;
use callwright_engine::domain::event::Event;
use callwright_engine::domain::registry::{Registry, RegistryList};
use callwright_engine::domain::suppression::Source;
use callwright_engine::engine::Engine;
use callwright_engine::id::EventId;
use callwright_engine::store::{event, registry as store};
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{self, Format};
use super::{Global, session};
use crate::http::families::crm::suppressions::RegistryBody;

/// Shows registries of numbers that are not called and the age of their data; declares one as needed, or takes it out of use.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright registry list\n  callwright registry require us-dnc\n  callwright registry withdraw eu-test --reason \"imported by mistake\" --by dana@example.com\n\n`callwright import FILE --kind suppressions --registry NAME` loads one. Exit code of `list`: 1 when one is too old."
)]
pub struct RegistryArgs {
    #[command(subcommand)]
    command: RegistryCommand,
}

#[derive(Debug, Subcommand)]
enum RegistryCommand {
    /// Lists registries with their age.
    List {
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Puts calls to the registry's country off until it has been loaded.
    Require {
        /// `us-dnc`, `ca-dncl`, `gb-tps`, `gb-ctps`, or a name of your own.
        name: String,
        /// Two letters: where calls need it. Known registries have their own.
        #[arg(long)]
        country: Option<String>,
        /// Days after which its data may not be relied on any more; never more than the law's.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=366))]
        max_age_days: Option<u32>,
    },
    /// Takes a registry out of use: nobody is kept from being called by it any more. A manager's act.
    Withdraw {
        /// Its name.
        name: String,
        /// Why; kept as an event.
        #[arg(long)]
        reason: String,
        /// Manager: e-mail address of a user with that role.
        #[arg(long, value_name = "EMAIL")]
        by: String,
    },
}

pub async fn run(args: RegistryArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    match args.command {
        RegistryCommand::List { format } => return list(&engine, format).await,
        RegistryCommand::Require { name, country, max_age_days } => {
            let source = country.is_some().then_some(Source::NationalRegistry);
            let registry = Registry::new(&name, source, country.as_deref(), max_age_days)?;
            anyhow::ensure!(
                registry.country.is_some(),
                "nobody needs `{name}`: only a registry with a country (--country) can be required"
            );
            require(&engine, &registry).await?;
        }
        RegistryCommand::Withdraw { name, reason, by } => {
            let by = session::manager(&engine, &by).await?;
            withdraw(&engine, &name, &reason, &by).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(engine: &Engine, format: Format) -> anyhow::Result<ExitCode> {
    let mut tx = engine.db.begin_read().await?;
    let now = engine.time.now(&mut tx).await?;
    let lists = store::lists(&mut tx).await?;
    tx.rollback().await?;
    let is_stale = lists.iter().any(|list| is_stale(list, now));
    if format == Format::Json {
        let bodies: Vec<RegistryBody> = lists.iter().map(|list| RegistryBody::of(list, now)).collect();
        output::print_json(&bodies)?;
    } else if lists.is_empty() {
        output::print(
            "no registry is in use; `callwright import FILE --kind suppressions --registry us-dnc` loads one",
        );
    } else {
        let mut rows = vec![
            ["REGISTRY", "SOURCE", "NEEDED IN", "NUMBERS", "DATA OF", "AGE"].map(str::to_owned).to_vec(),
        ];
        rows.extend(lists.iter().map(|list| {
            let of = list.data_at.map_or_else(|| "never loaded".to_owned(), |at| at.date_naive().to_string());
            vec![
                list.name(),
                list.registry.source.to_string(),
                list.registry.country.clone().unwrap_or_else(|| "-".to_owned()),
                list.numbers.to_string(),
                of,
                age(list, now),
            ]
        }));
        output::print(&output::table(&rows));
    }
    Ok(if is_stale { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Needed somewhere, and too old or never loaded.
pub fn is_stale(list: &RegistryList, now: Instant) -> bool {
    list.registry.max_age_days.is_some()
        && list.registry.country.is_some()
        && list.fresh_until().is_none_or(|end| end <= now)
}

fn age(list: &RegistryList, now: Instant) -> String {
    let Some(at) = list.data_at else { return "-".to_owned() };
    let days = (now - at).num_days();
    match list.registry.max_age_days {
        Some(most) if is_stale(list, now) => format!("{days} days, TOO OLD (at most {most})"),
        Some(most) => format!("{days} of {most} days"),
        None => format!("{days} days"),
    }
}

async fn require(engine: &Engine, registry: &Registry) -> anyhow::Result<()> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let known = store::lists(&mut tx).await?;
    if known.iter().any(|list| list.registry.key == registry.key) {
        tx.rollback().await?;
        output::print(&format!("{} is in use already", registry.key));
        return Ok(());
    }
    store::declare(&mut tx, registry, None, now).await?;
    tx.commit().await?;
    output::print(&format!(
        "{} is in use: calls to {} are put off until it has been loaded",
        registry.key,
        registry.country.as_deref().unwrap_or_default()
    ));
    Ok(())
}

async fn withdraw(engine: &Engine, name: &str, reason: &str, by: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!reason.trim().is_empty(), "say why (--reason); it is kept");
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    anyhow::ensure!(store::withdraw(&mut tx, name).await?, "no registry `{name}` is in use");
    let event = Event {
        id: engine.ids.next::<EventId>(now),
        kind: "registry.withdrawn".to_owned(),
        lead_id: None,
        enrollment_id: None,
        attempt_id: None,
        campaign_id: None,
        at: now,
        version: None,
        data: json!({"registry": name, "by": by, "reason": reason}),
        dedupe: None,
    };
    event::append(&mut tx, &[event], now).await?;
    tx.commit().await?;
    crate::import::registry::sweep(engine).await?;
    output::print(&format!("{name} is not in use any more"));
    Ok(())
}
