//! Fan-out: a price drop spread over everybody who bought the product, in the batches of the job, beside INSERT … SELECT of the
//! same rows; and the memory of this process meanwhile, which must not grow with the number of people. What others notice of it:
//! `beside`.

use std::time::Instant as Stopwatch;

use anyhow::{Context as _, ensure};
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::trigger::{TriggerKind, TriggerSource};
use callwright_engine::engine::triggers::NewTrigger;
use callwright_engine::id::ProductId;
use callwright_engine::money::{Currency, Money};
use callwright_engine::store::limit::fan_out::{self as limit, FanningOut};
use callwright_engine::store::{audience, wipe};
use callwright_workers::jobs::fan_out::CHUNK;
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns};

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{Sizes, child, crowd, steps};

/// What a trigger hands in for one buyer, as long as it really is.
const VARIABLES: &str = r#"{"product":{"id":"01900000-0000-7000-8000-000000000001","name":"iPhone 15 Pro","oldPrice":"999.99","newPrice":"849.99","currency":"USD","sku":"bench","category":null,"url":null,"purchasedAt":"2026-03-01"},"offer":{"id":"01900000-0000-7000-8000-000000000002","type":"price_drop","title":"price drop","percent":15,"savings":"150.00","coupon":"PRICE_DROP-15-7K3Q-9XZM-TC4","expiresAt":"2026-03-16T17:00:00Z","currency":"USD"},"trigger":{"id":"01900000-0000-7000-8000-000000000003","type":"price_drop","at":"2026-03-02T17:00:00Z","worth":"vip","priority":"high","points":90,"refund":true,"refundAmount":"150.00"}}"#;

/// Memory in MB after the first tenth of the people, and the most it ever was.
#[derive(Debug, Clone, Copy)]
struct Memory {
    early: f64,
    most: f64,
}

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    let start: Instant = steps::START.parse()?;
    let product = crowd::buyers(&place.db, sizes.enrolled, start).await?;
    let (mut samples, mut memory) = (Vec::new(), Vec::new());
    for run in 0..sizes.runs {
        let (sample, used) = sample(&place, product, sizes.enrolled, start, run).await?;
        samples.push(sample);
        memory.push(Sample { figure: used.most, limit: Some(used.early) });
    }
    place.close().await?;
    let spread = Figure::of("triggers", target.name(), "people/s", &samples).over(sizes.enrolled);
    let used = Figure::of("triggers", target.name(), "MB", &memory).over(sizes.enrolled);
    let used = used.measure("memory at most, beside that after a tenth").goal(Goal::AtMost(200.0));
    Ok(vec![spread.goal(Goal::Ratio(0.33)), used])
}

async fn sample(
    place: &Place,
    product: ProductId,
    people: u64,
    start: Instant,
    run: u32,
) -> anyhow::Result<(Sample, Memory)> {
    let db = &place.db;
    let setup = Setup::at(start, u64::from(run));
    let trial = Trial::open(db.clone(), Library::embedded(), setup, Scripted::default());
    trial.engine.publish().await?;
    let campaign =
        campaigns::consented(&format!("triggers-{run}"), VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let usd = |minor| Money::of_minor(minor, Currency::USD);
    let new = NewTrigger {
        product_id: Some(product),
        original: Some(usd(99_999)?),
        // Each run is a deeper drop, which is another event.
        new: Some(usd(84_999 - i64::from(run) * 1_000)?),
        ..NewTrigger::new(TriggerKind::PriceDrop, TriggerSource::Api, campaign)
    };
    // Once a day, whoever triggers what.
    let mut tx = db.begin().await?;
    let values = audience::work_out_values(&mut tx, start).await?;
    audience::keep_values(&mut tx, &values).await?;
    tx.commit().await?;

    let watch = Stopwatch::now();
    let id = trial.engine.raise(&new).await?.trigger().id;
    let (mut examined, mut early) = (0, None);
    loop {
        let batch = trial.engine.fan_out(id, CHUNK).await?;
        examined += batch.examined as u64;
        if early.is_none() && examined * 10 >= people {
            early = Some(child::memory(std::process::id())?.1);
        }
        if batch.is_over {
            break;
        }
    }
    let engine = watch.elapsed().as_secs_f64();
    let most = child::memory(std::process::id())?.1;
    let done = trial.engine.trigger(id).await?;
    ensure!(done.eligible == people, "{} of {people} were enrolled: {:?}", done.eligible, done.skipped);
    wipe::walks(db).await?;

    let library = trial.engine.library.current();
    let bundle = library.bundle(&done.cadence).context("the cadence of the trigger")?;
    let out = FanningOut {
        trigger: id,
        offer: done.offer_id.context("the offer of the trigger")?,
        product,
        campaign,
        version: &bundle.hash,
        variables: VARIABLES,
        at: start,
    };
    let watch = Stopwatch::now();
    limit::all(db, &out, CHUNK).await?;
    let by_hand = watch.elapsed().as_secs_f64();
    wipe::walks(db).await?;
    let rate = |seconds: f64| people as f64 / seconds;
    let sample = Sample { figure: rate(engine), limit: Some(rate(by_hand)) };
    Ok((sample, Memory { early: early.unwrap_or(most), most }))
}
