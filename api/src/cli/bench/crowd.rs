//! A database with many who wait: what `backlog`, `memory` and `start` are measured on.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::product::ChangeSource;
use callwright_engine::engine::EnrollRequest;
use callwright_engine::id::{LeadId, ProductId};
use callwright_engine::simulate::population::Population;
use callwright_engine::store::crowd::{self, Waits};
use callwright_engine::store::{Db, product, purchase};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::steps;

/// Index of the person who is copied, beyond those that scenarios use.
const ORIGINAL: u64 = 1 << 40;
/// How far from one another those who wait become due: a million of them over eleven days.
const APART: TimeDelta = TimeDelta::seconds(1);

/// Writes one lead through the engine, enrolled in the cadence of `steps` a year after `start`, and copies both.
pub async fn wait(db: &Db, count: u64, start: Instant) -> anyhow::Result<()> {
    let (trial, original) = original(db, start).await?;
    let campaign = campaigns::consented("crowd", VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let first_at = start + TimeDelta::days(365);
    let request = EnrollRequest {
        lead_id: original,
        campaign_id: campaign,
        cadence: "bench-steps".to_owned(),
        entry_key: String::new(),
        start_at: Some(first_at),
        variables: json!({}),
    };
    let answers = trial.engine.enroll(vec![request]).await?;
    anyhow::ensure!(
        answers.iter().all(Result::is_ok),
        "the crowd's first lead was not enrolled: {answers:?}"
    );
    copy(db, original, count, Some(Waits { first_at, apart: APART.num_microseconds().unwrap_or(1) as u64 }))
        .await
}

/// Only leads, nobody enrolled.
pub async fn leads(db: &Db, count: u64, start: Instant) -> anyhow::Result<()> {
    let (_, original) = original(db, start).await?;
    copy(db, original, count, None).await
}

/// Leads who all bought the same product for 999.99 the day before; answers with the product.
pub async fn buyers(db: &Db, count: u64, start: Instant) -> anyhow::Result<ProductId> {
    let (trial, original) = original(db, start).await?;
    let number = |text: &str| serde_json::from_str(text).map(Some);
    let phone = NewProduct {
        external_id: "bench".into(),
        name: Some("iPhone 15 Pro".to_owned()),
        currency: Some("USD".to_owned()),
        price: number("999.99")?,
        ..NewProduct::default()
    };
    let bought = NewPurchase {
        lead_id: Some(original.to_string()),
        product_id: Some("bench".to_owned()),
        unit_price: number("999.99")?,
        purchased_at: Some(start - TimeDelta::days(1)),
        ..NewPurchase::default()
    };
    let mut tx = db.begin().await?;
    product::upsert_many(&mut tx, &trial.engine.ids, &[phone], ChangeSource::Import, start).await?;
    purchase::upsert_many(&mut tx, &trial.engine.ids, &[bought], start).await?;
    let product = product::resolve(&mut tx, "bench").await?.context("the product of the benchmark")?;
    tx.commit().await?;
    // The one who is copied counts as well.
    copy(db, original, count - 1, None).await?;
    crowd::purchases(db, original, count - 1).await?;
    Ok(product)
}

async fn original(db: &Db, start: Instant) -> anyhow::Result<(Trial, LeadId)> {
    let seed = u64::MAX;
    let trial = Trial::open(db.clone(), steps::library()?, Setup::at(start, seed), Scripted::default());
    trial.engine.publish().await?;
    let population = Population::united_states(seed);
    let people = people::leads(&population, [ORIGINAL], &trial.engine.ids, start);
    trial.add_leads(&people).await?;
    Ok((trial, people[0].id))
}

async fn copy(db: &Db, original: LeadId, count: u64, waits: Option<Waits>) -> anyhow::Result<()> {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(count) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} leads written")?);
    crowd::fill(db, original, count, waits, |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    Ok(())
}
