//! `callwright import`: leads, suppressed numbers, products, purchases or interests from a file.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use callwright_engine::money::Currency;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::output::{self, Format};
use super::{Global, session};
use crate::import::{self, Format as RowFormat, ImportKind, Job, Mapping, Report};

/// Imports leads, numbers that must not be called, products, purchases or interests from a CSV file or JSON lines.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// `.csv` with a header line, or `.json`/`.jsonl` with one object a line.
    file: PathBuf,
    /// What the rows are.
    #[arg(long, value_enum, default_value_t = Kind::Leads)]
    kind: Kind,
    /// What a column means that is headed otherwise; `-` leaves it out. May be given several times.
    #[arg(long, value_name = "COLUMN=FIELD")]
    map: Vec<Mapping>,
    /// Of amounts in rows that do not say, such as GBP.
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
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
  callwright import registry.csv --kind suppressions
  callwright import catalogue.csv --kind products --currency GBP
  callwright import orders.csv --kind purchases --currency GBP --map stock_code=productId --map country=-

Columns of leads: externalId, email, firstName, lastName, phone, company, segment, status, language, timezone, country,
region, preferredContactTime, doNotCall, score, tags (separated by `;`), custom.ANYTHING.
Of products: externalId, name, category, currency, price, stock, active, tags; other columns become attributes.
Of purchases: externalId, orderId, leadId, productId, quantity, unitPrice, currency, refunded, verified, purchasedAt,
deliveredAt. A customer who is not on file becomes a lead (email, firstName, lastName, phone, company, country, … are read if
there); a product that is not on file is made when there is a productName. Lines without an externalId are told apart by
order, product and place, so that importing a file again changes nothing.
Of interests: leadId, productId, kind (wish_list or back_in_stock), source.
Rows match leads on file by externalId, else email, else phone; products and purchases by externalId. An import that was cut
off goes on where it stopped when it is started again.";

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

pub async fn run(args: ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let mut file =
        File::open(&args.file).with_context(|| format!("{} cannot be opened", args.file.display()))?;
    let length = file.metadata()?.len();
    let kind = ImportKind::from(args.kind);
    let mapping = args.map.into_iter().fold(Mapping::default(), Mapping::with);
    let source = Job::name_source(&format!("file:{}", digest(&mut file)?), kind, &mapping);
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
