//! `callwright trigger`: price drops, restocks and promotions from the command line, by the same rules as the API.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use callwright_engine::domain::offer::RefundPolicy;
use callwright_engine::domain::product::Product;
use callwright_engine::domain::trigger::{Trigger, TriggerKind, TriggerSource, TriggerState};
use callwright_engine::engine::Engine;
use callwright_engine::engine::triggers::{DryRun, NewTrigger, Raised};
use callwright_engine::id::{CampaignId, TriggerId};
use callwright_engine::money::{Money, Percent};
use callwright_engine::store::{Tx, campaign, product, trigger};
use callwright_workers::jobs::fan_out::{CHUNK, Steps};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::definitions::DefinitionsArgs;
use super::output::{self, Format};
use super::{Global, session};
use crate::enrolling;
use crate::http::families::crm::Listed;
use crate::http::families::triggers::bodies::{DryRunBody, TriggerBody};
use crate::http::moment::Moment;

/// Calls the people whom a price drop, a restock or a promotion concerns; lists, shows and cancels triggers.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright trigger price-drop --product iphone-15 --old 999.99 --new 849.99 --dry-run\n  callwright trigger price-drop --product iphone-15 --new 849.99 --campaign holiday-sale\n  callwright trigger restock --product lamp --percent 10\n  callwright trigger promo --campaign spring --percent 20 --valid-until 2026-04-30\n  callwright trigger list\n  callwright trigger cancel 01987c5e-…\n\nThe same event again, while its offer holds, is the same trigger: nobody is called twice for it."
)]
pub struct TriggerArgs {
    #[command(subcommand)]
    command: TriggerCommand,
}

#[derive(Debug, Subcommand)]
enum TriggerCommand {
    /// A product became cheaper: its verified buyers are called.
    PriceDrop(PriceDropArgs),
    /// A product can be had again: its buyers and the people who wait for it are called.
    Restock(RestockArgs),
    /// A promotion: the buyers of the campaign's products are called.
    Promo(PromoArgs),
    /// Lists triggers, the newest first.
    List {
        /// running, done, withdrawing or cancelled.
        #[arg(long, value_parser = state)]
        status: Option<TriggerState>,
        /// How many at most.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Shows a trigger, and how far it has come.
    Show {
        /// Its id.
        trigger: TriggerId,
        /// How the result is written.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Cancels a trigger: who was not called yet is taken out; calls under way finish.
    Cancel {
        /// Its id.
        trigger: TriggerId,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// Key or id; otherwise the campaign named like the cadence, or the only active one.
    #[arg(long)]
    campaign: Option<String>,
    /// When the offer ends; in two weeks, when left out.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    valid_until: Option<Moment>,
    /// Leads with this tag are not called; repeatable.
    #[arg(long, value_name = "TAG")]
    exclude_tag: Vec<String>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct PriceDropArgs {
    /// Our id or the shop's.
    #[arg(long)]
    product: String,
    /// Price before; the catalogue's, when left out.
    #[arg(long, value_name = "AMOUNT")]
    old: Option<String>,
    /// Price now.
    #[arg(long, value_name = "AMOUNT")]
    new: String,
    /// What is said to be taken off; worked out from the prices, when left out.
    #[arg(long, value_name = "NUMBER")]
    percent: Option<Percent>,
    /// Only who bought within so many days.
    #[arg(long, value_name = "DAYS")]
    window: Option<u32>,
    /// Who would get back less is not called.
    #[arg(long, value_name = "AMOUNT")]
    min_saving: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct RestockArgs {
    /// Our id or the shop's.
    #[arg(long)]
    product: String,
    /// Taken off for returning customers; nothing, when left out.
    #[arg(long, value_name = "NUMBER")]
    percent: Option<Percent>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct PromoArgs {
    /// What is taken off.
    #[arg(long, value_name = "NUMBER")]
    percent: Percent,
    /// Only this product of the campaign's.
    #[arg(long)]
    product: Option<String>,
    #[command(flatten)]
    common: Common,
}

fn state(text: &str) -> Result<TriggerState, String> {
    text.parse().map_err(|error: callwright_engine::domain::UnknownText| error.to_string())
}

pub async fn run(args: TriggerArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        TriggerCommand::PriceDrop(args) => price_drop(args, global).await,
        TriggerCommand::Restock(args) => restock(args, global).await,
        TriggerCommand::Promo(args) => promo(args, global).await,
        TriggerCommand::List { status, limit, format } => list(status, limit, format, global).await,
        TriggerCommand::Show { trigger, format } => show(trigger, format, global).await,
        TriggerCommand::Cancel { trigger } => cancel(trigger, global).await,
    }
}

async fn price_drop(args: PriceDropArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let kind = TriggerKind::PriceDrop;
    let engine = session::engine(session::database(global).await?, args.common.definitions.load()?);
    let mut tx = engine.db.begin_read().await?;
    let product = find_product(&mut tx, &args.product).await?;
    let campaign = campaign_of(&mut tx, &args.common, kind).await?;
    tx.rollback().await?;
    let price = |text: &String| Money::parse(text, product.price.currency());
    let new = NewTrigger {
        product_id: Some(product.id),
        original: args.old.as_ref().map(price).transpose()?,
        new: Some(price(&args.new)?),
        discount: args.percent,
        min_saving: args.min_saving.as_ref().map(price).transpose()?,
        policy: RefundPolicy { window_days: args.window, ..RefundPolicy::default() },
        ..base(kind, campaign, &args.common)
    };
    carry_out(&engine, &new, &args.common).await
}

async fn restock(args: RestockArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let kind = TriggerKind::Restock;
    let engine = session::engine(session::database(global).await?, args.common.definitions.load()?);
    let mut tx = engine.db.begin_read().await?;
    let product = find_product(&mut tx, &args.product).await?;
    let campaign = campaign_of(&mut tx, &args.common, kind).await?;
    tx.rollback().await?;
    let new = NewTrigger {
        product_id: Some(product.id),
        discount: args.percent,
        ..base(kind, campaign, &args.common)
    };
    carry_out(&engine, &new, &args.common).await
}

async fn promo(args: PromoArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let kind = TriggerKind::Promo;
    let engine = session::engine(session::database(global).await?, args.common.definitions.load()?);
    let mut tx = engine.db.begin_read().await?;
    let product = match &args.product {
        Some(named) => Some(find_product(&mut tx, named).await?.id),
        None => None,
    };
    let campaign = campaign_of(&mut tx, &args.common, kind).await?;
    tx.rollback().await?;
    let new = NewTrigger {
        product_id: product,
        discount: Some(args.percent),
        ..base(kind, campaign, &args.common)
    };
    carry_out(&engine, &new, &args.common).await
}

fn base(kind: TriggerKind, campaign: CampaignId, common: &Common) -> NewTrigger {
    NewTrigger {
        valid_until: common.valid_until.map(|at| at.0),
        exclude_tags: common.exclude_tag.clone(),
        ..NewTrigger::new(kind, TriggerSource::Command, campaign)
    }
}

async fn find_product(tx: &mut Tx, named: &str) -> anyhow::Result<Product> {
    let missing = || anyhow::anyhow!("product `{named}` does not exist");
    let id = product::resolve(tx, named).await?.ok_or_else(missing)?;
    product::find(tx, id).await?.ok_or_else(missing)
}

async fn campaign_of(tx: &mut Tx, common: &Common, kind: TriggerKind) -> anyhow::Result<CampaignId> {
    match &common.campaign {
        Some(named) => campaign::resolve(tx, named)
            .await?
            .ok_or_else(|| anyhow::anyhow!("campaign `{named}` does not exist")),
        None => enrolling::campaign_for(tx, kind.cadence()).await?.map_err(anyhow::Error::msg),
    }
}

async fn carry_out(engine: &Engine, new: &NewTrigger, common: &Common) -> anyhow::Result<ExitCode> {
    if common.dry_run {
        let run = engine.dry_run(new, 5).await?;
        match common.format {
            Format::Human => output::print(&foretold(&run)),
            Format::Json => output::print_json(&DryRunBody::of(run)?)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    common.definitions.offer(engine).await?;
    let raised = engine.raise(new).await?;
    let (id, is_new) = (raised.trigger().id, matches!(raised, Raised::New(_)));
    // One that was raised before may have been left half-way, by a process that died or a worker that is at it.
    let was_open = raised.trigger().finished_at.is_none();
    if was_open {
        spread(engine, raised.trigger()).await?;
    }
    let done = engine.trigger(id).await?;
    match common.format {
        Format::Json => output::print_json(&TriggerBody::of(done, !is_new))?,
        Format::Human => {
            output::print(&told(&done));
            if !is_new {
                output::note(if was_open {
                    "it was raised before, and not finished: now it is"
                } else {
                    "it was raised before: nobody more is called for it"
                });
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Here and now; workers may help, or go on if this process ends.
async fn spread(engine: &Engine, raised: &Trigger) -> anyhow::Result<()> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(raised.candidates)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} people looked at")?);
    let mut steps = Steps::on(engine);
    loop {
        let batch = steps.next(engine, raised.id, CHUNK).await?;
        bar.inc(batch.examined as u64);
        if batch.is_over {
            break;
        }
        steps.rest(engine).await;
    }
    bar.finish_and_clear();
    Ok(())
}

fn told(trigger: &Trigger) -> String {
    let skipped: Vec<String> =
        trigger.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    format!(
        "trigger {}  {}  {}\n{} people may be concerned, {} are called, left out: {}",
        trigger.id,
        trigger.kind,
        trigger.state,
        trigger.candidates,
        trigger.eligible,
        if skipped.is_empty() { "nobody".to_owned() } else { skipped.join(", ") },
    )
}

fn foretold(run: &DryRun) -> String {
    let skipped: Vec<String> =
        run.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let left_out = if skipped.is_empty() { "nobody".to_owned() } else { skipped.join(", ") };
    let mut text = format!(
        "nothing is written\n{} people may be concerned, {} would be called, left out: {left_out}\nabout {} calls",
        run.candidates, run.eligible, run.estimate.calls
    );
    if let Some(hours) = run.estimate.calling_hours {
        let _ = write!(text, ", {hours} hours of calling");
    }
    if let Some(days) = run.estimate.days {
        let _ = write!(text, ", {days} days");
    }
    if let Some(cost) = run.offers_at_most {
        let _ = write!(text, "\noffers cost {} at most", cost.written());
    }
    for sample in &run.samples {
        let _ = write!(text, "\n\n{}", sample.package.body);
    }
    text
}

async fn list(
    status: Option<TriggerState>,
    limit: u32,
    format: Format,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin_read().await?;
    let page = trigger::page(&mut tx, None, status, None, limit).await?;
    tx.rollback().await?;
    if format == Format::Json {
        let items: Vec<TriggerBody> =
            page.items.into_iter().map(|found| TriggerBody::of(found, false)).collect();
        output::print_json(&Listed { items, next: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ID", "TYPE", "STATUS", "RAISED", "CALLED", "LEFT OUT"].map(str::to_owned).to_vec()];
    rows.extend(page.items.iter().map(|found| {
        vec![
            found.id.to_string(),
            found.kind.to_string(),
            found.state.to_string(),
            found.raised_at.format("%Y-%m-%d %H:%M").to_string(),
            found.eligible.to_string(),
            found.skipped.values().sum::<u64>().to_string(),
        ]
    }));
    output::print(&output::table(&rows));
    Ok(ExitCode::SUCCESS)
}

async fn show(id: TriggerId, format: Format, global: &Global) -> anyhow::Result<ExitCode> {
    let found = session::open(global).await?.trigger(id).await?;
    match format {
        Format::Human => output::print(&told(&found)),
        Format::Json => output::print_json(&TriggerBody::of(found, false))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn cancel(id: TriggerId, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    engine.cancel_trigger(id).await?;
    let mut steps = Steps::on(&engine);
    while !steps.next(&engine, id, CHUNK).await?.is_over {
        steps.rest(&engine).await;
    }
    output::print(&told(&engine.trigger(id).await?));
    Ok(ExitCode::SUCCESS)
}
