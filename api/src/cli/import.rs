//! `callwright import`: leads, suppressed numbers or registries, products, purchases or interests from a file.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use callwright_engine::clock::Instant;
use callwright_engine::domain::registry::Registry;
use callwright_engine::domain::suppression::Source;
use callwright_engine::engine::Engine;
use callwright_engine::money::Currency;
use chrono::{NaiveDate, NaiveTime};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::output::{self, Format};
use super::{Global, session};
use crate::import::registry::{Change, Load};
use crate::import::{self, Format as RowFormat, ImportKind, Job, Mapping, Report};

/// Imports leads, products, purchases, interests, or numbers that must not be called: single entries from a CSV file or JSON
/// lines, or a registry's list of millions from its own text file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// `.csv` with a header line, or `.json`/`.jsonl` with one object a line.
    file: PathBuf,
    /// What the rows are.
    #[arg(long, value_enum, default_value_t = Kind::Leads)]
    kind: Kind,
    /// What a column means that is headed otherwise; `-` leaves it out. May be given several times.
    #[arg(long, value_name = "COLUMN=FIELD", conflicts_with = "registry")]
    map: Vec<Mapping>,
    /// Of amounts in rows that do not say, such as GBP.
    #[arg(long, value_name = "CODE", conflicts_with = "registry")]
    currency: Option<Currency>,
    /// The file is a list of this registry: `us-dnc`, `ca-dncl`, `gb-tps`, `gb-ctps`, or a name of your own.
    #[arg(long, value_name = "NAME", help_heading = "Registries")]
    registry: Option<String>,
    /// Where the registry comes from. [default: `national_registry` for the known ones, `internal` for others]
    #[arg(long, value_name = "SOURCE", requires = "registry", help_heading = "Registries", value_parser = source)]
    source: Option<Source>,
    /// Two letters: where calls need the registry, and whose numbers have no country code. Known ones have their own.
    #[arg(long, value_name = "COUNTRY", requires = "registry", help_heading = "Registries")]
    country: Option<String>,
    /// The file covers only these area codes, and replaces only their list.
    #[arg(long, value_name = "CODES", value_delimiter = ',', requires = "registry", help_heading = "Registries",
        value_parser = clap::value_parser!(u16).range(200..=999))]
    area_codes: Vec<u16>,
    /// The file is no full list but changes to the last one; `marked`: each row has an A (added) or D (deleted).
    #[arg(long, value_enum, requires = "registry", help_heading = "Registries")]
    change: Option<ChangeArg>,
    /// Day on which the registry handed the data out; its age counts from then. [default: now]
    #[arg(long, value_name = "DATE", requires = "registry", help_heading = "Registries", value_parser = day)]
    as_of: Option<Instant>,
    /// Days after which the data may not be relied on any more; never more than the law's.
    #[arg(long, value_name = "DAYS", requires = "registry", help_heading = "Registries", value_parser = clap::value_parser!(u32).range(1..=366))]
    max_age_days: Option<u32>,
    /// Take a full list that has less than half of the numbers of the one before.
    #[arg(long, requires = "registry", help_heading = "Registries")]
    allow_fewer: bool,
    /// Write every row that was refused into this file: line, what is wrong.
    #[arg(long, value_name = "FILE.csv", requires = "registry", help_heading = "Registries")]
    rejected: Option<PathBuf>,
    /// Import the file even if it was imported before.
    #[arg(long)]
    again: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  callwright import leads.csv
  callwright import blocked.csv --kind suppressions
  callwright import full.txt --kind suppressions --registry us-dnc --as-of 2026-11-20
  callwright import 415.txt --kind suppressions --registry us-dnc --area-codes 415,628
  callwright import changes.txt --kind suppressions --registry us-dnc --change marked
  callwright import litigators.csv --kind suppressions --registry litigators --source litigator
  callwright import catalogue.csv --kind products --currency GBP
  callwright import orders.csv --kind purchases --currency GBP --map stock_code=productId --map country=-

Columns of leads: externalId, email, firstName, lastName, phone, company, segment, status, language, timezone, country,
region, preferredContactTime, doNotCall, score, tags (separated by `;`), accountId, custom.ANYTHING;
and of a consent that comes along: consentPurpose (several with `;`), consentForm, consentAt, consentWording, consentChannel,
consentEvidence, consentUrl, consentSha256, consentSource, consentSeller, consentNumber.
Of products: externalId, name, category, currency, price, stock, active, tags; other columns become attributes.
Of purchases: externalId, orderId, leadId, productId, quantity, unitPrice, currency, refunded, verified, purchasedAt,
deliveredAt. A customer who is not on file becomes a lead (email, firstName, lastName, phone, company, country, … are read if
there); a product that is not on file is made when there is a productName. Lines without an externalId are told apart by
order, product and place, so that importing a file again changes nothing.
Of interests: leadId, productId, kind (wish_list or back_in_stock), source.
Rows match leads on file by externalId, else email, else phone; products and purchases by externalId. An import that was cut
off goes on where it stopped when it is started again.

A registry's file has one number a line, or area code and number, without a heading. A full list replaces the full list
before it: both hold until the new one has been read to its end. From a registry's first import on, calls to its country are
put off when its data is too old (31 days for us-dnc and ca-dncl). `callwright registry list` shows the ages.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Leads,
    Suppressions,
    Products,
    Purchases,
    Interests,
}

impl From<Kind> for ImportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Leads => Self::Leads,
            Kind::Suppressions => Self::Suppressions,
            Kind::Products => Self::Products,
            Kind::Purchases => Self::Purchases,
            Kind::Interests => Self::Interests,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ChangeArg {
    Adds,
    Deletes,
    Marked,
}

fn source(text: &str) -> Result<Source, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// Midnight (UTC) of a day.
fn day(text: &str) -> Result<Instant, String> {
    let day: NaiveDate = text.parse().map_err(|_| format!("`{text}` is no date: write 2026-11-20"))?;
    Ok(day.and_time(NaiveTime::MIN).and_utc())
}

pub async fn run(args: ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let load = load(&args)?;
    let engine = session::open(global).await?;
    let mut file =
        File::open(&args.file).with_context(|| format!("{} cannot be opened", args.file.display()))?;
    let length = file.metadata()?.len();
    let digest = format!("file:{}", digest(&mut file)?);
    if let Some(load) = load {
        return registry(&args, &engine, load, file, length, &digest).await;
    }
    let kind = ImportKind::from(args.kind);
    let mapping = args.map.into_iter().fold(Mapping::default(), Mapping::with);
    let source = Job::name_source(&digest, kind, &mapping);
    let format = RowFormat::of_name(&args.file.to_string_lossy());
    let job = Job { kind, format, source, again: args.again, mapping, currency: args.currency };
    let bar = bar(length)?;
    let counted = bar.wrap_read(file);
    let report = import::run(&engine, job, counted, |so_far| {
        bar.set_message(format!("{} rows, {} rejected", so_far.rows_read, so_far.rejected));
    })
    .await
    .with_context(|| format!("{} was not read to its end", args.file.display()))?;
    bar.finish_and_clear();
    match args.format {
        Format::Human => human(&args.file, &report),
        Format::Json => output::print_json(&report)?,
    }
    Ok(if report.rejected > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the arguments say of a registry's list.
fn load(args: &ImportArgs) -> anyhow::Result<Option<Load>> {
    let Some(key) = &args.registry else { return Ok(None) };
    anyhow::ensure!(
        args.kind == Kind::Suppressions,
        "--registry is for numbers that are not called: add --kind suppressions"
    );
    let registry = Registry::new(key, args.source, args.country.as_deref(), args.max_age_days)?;
    let change = match args.change {
        None => Change::Full,
        Some(ChangeArg::Adds) => Change::Adds,
        Some(ChangeArg::Deletes) => Change::Deletes,
        Some(ChangeArg::Marked) => Change::Marked,
    };
    let country = args.country.clone().or_else(|| registry.country.clone());
    Ok(Some(Load {
        country: country.map(|country| country.to_ascii_uppercase()),
        registry,
        area_codes: args.area_codes.clone(),
        change,
        data_at: args.as_of,
        allow_fewer: args.allow_fewer,
    }))
}

async fn registry(
    args: &ImportArgs,
    engine: &Arc<Engine>,
    load: Load,
    file: File,
    length: u64,
    digest: &str,
) -> anyhow::Result<ExitCode> {
    let mut rejected = match &args.rejected {
        Some(path) => {
            let writer = csv::Writer::from_path(path);
            Some(writer.with_context(|| format!("{} cannot be written", path.display()))?)
        }
        None => None,
    };
    let bar = bar(length)?;
    let counted = bar.wrap_read(file);
    let mut unwritten = None;
    let report =
        import::registry::run(engine, load.source(digest), args.again, load, counted, |so_far, mistakes| {
            bar.set_message(format!("{} rows, {} rejected", so_far.rows_read, so_far.rejected));
            if let Some(writer) = &mut rejected {
                let mut rows = mistakes.iter().map(|row| writer.serialize((row.line, &row.message)));
                unwritten = unwritten.take().or(rows.find_map(Result::err));
            }
        })
        .await
        .with_context(|| format!("{} was not read to its end", args.file.display()))?;
    bar.finish_and_clear();
    if let Some(mut writer) = rejected {
        writer.flush()?;
        unwritten.map_or(Ok(()), Err).context("not every refused row could be written (--rejected)")?;
    }
    match args.format {
        Format::Human => human(&args.file, &report),
        Format::Json => output::print_json(&report)?,
    }
    Ok(if report.rejected > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Of the content: a renamed file is the same source, a changed one is not.
fn digest(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    file.rewind()?;
    Ok(hex::encode(hash.finalize()))
}

fn bar(length: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {percent}%  {msg}  {eta} left")?;
    Ok(ProgressBar::new(length).with_style(style))
}

fn human(file: &Path, report: &Report) {
    for error in &report.errors {
        let field = error.field.as_deref().map(|field| format!(" {field}:")).unwrap_or_default();
        output::print(&format!("{}:{}:{field} {}", file.display(), error.line, error.message));
    }
    let kept = report.errors.len() as u64;
    if report.rejected > kept && kept > 0 {
        output::print(&format!("… and more; {kept} mistakes are shown"));
    }
    if report.repeated {
        output::print("this file was imported before; --again imports it once more");
    }
    output::print(&format!(
        "{} rows: {} created, {} updated, {} rejected",
        report.rows_read, report.created, report.updated, report.rejected
    ));
}
