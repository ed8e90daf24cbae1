//! What others notice while a trigger is spread over its people: API reads, durable writes and calls of another campaign, beside the
//! same on the same server a moment before.

use std::collections::HashMap;

use anyhow::ensure;
use callwright_engine::clock::{Instant, micros};
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::{Pacing, VoiceClass};
use callwright_engine::engine::EnrollRequest;
use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::simulate::population::Population;
use callwright_engine::store::{Db, clock, crowd as rows};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::api::{self, READ, WRITE};
use super::child::Server;
use super::figure::{Figure, Goal, Sample, percentile};
use super::load::{Load, Reply};
use super::place::{Place, Target};
use super::steps::START;
use super::{Sizes, crowd};

/// Calls of the other campaign: one after the other.
const APART: TimeDelta = TimeDelta::milliseconds(50);
/// Until the server runs, and how long it runs at most beside the two loads.
const MARGIN: TimeDelta = TimeDelta::seconds(90);
/// Requests a second: a working day's, not a storm.
const RATE: u32 = 100;
/// Calls of the trigger's own campaign, which is paced like any other.
const SALE_PER_SECOND: f64 = 2.0;
const MOST_TIMES: f64 = 2.0;

/// One load and the calls meanwhile.
struct Phase {
    replies: Vec<Reply>,
    /// Milliseconds.
    lags: Vec<f64>,
}

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    let start: Instant = START.parse()?;
    crowd::buyers(&place.db, sizes.enrolled, start).await?;
    let (calls, leads) = others(&place.db, sizes.seconds, start).await?;
    let key = api::make_key(&place.db).await?;
    let client = reqwest::Client::builder().pool_max_idle_per_host(512).build()?;
    let mut server = Server::start(&place.url, &["--virtual-clock", START, "--rate", "1"])?;
    server.ready(&client).await?;
    let rate = sizes.rate.min(RATE);
    let load = Load { client, url: server.url.clone(), key, rate, seconds: sizes.seconds };
    let warm_up = Load { seconds: 2, ..load.clone() };
    warm_up.run(api::mix(leads.clone(), "warm-up")).await?;
    let mut idle = phase(&place.db, &load, calls, &leads, "idle").await?;
    let raised = raise(&load).await?;
    let mut busy = phase(&place.db, &load, calls, &leads, "busy").await?;
    let seen = trigger(&load, &raised).await?;
    server.stop().await?;
    place.close().await?;
    let is_over = seen["status"] != "running";
    ensure!(
        sizes.quick || !is_over,
        "the trigger was over before the load: take more people, or fewer seconds"
    );
    let mut figures = figures(target, &mut idle, &mut busy);
    let spread = seen["eligible"].as_u64().unwrap_or_default();
    let meanwhile = Sample { figure: spread as f64, limit: None };
    figures.push(Figure::of("beside", target.name(), "people", &[meanwhile]).measure("enrolled meanwhile"));
    Ok(figures)
}

fn figures(target: &Target, idle: &mut Phase, busy: &mut Phase) -> Vec<Figure> {
    let took = |phase: &Phase, kind: &str| -> Vec<f64> {
        phase.replies.iter().filter(|reply| reply.kind == kind).map(|reply| reply.took).collect()
    };
    let mut figures = Vec::new();
    let mut add = |measure: &str, idle: &mut Vec<f64>, busy: &mut Vec<f64>| {
        let sample = Sample { figure: percentile(busy, 99), limit: Some(percentile(idle, 99)) };
        let figure = Figure::of("beside", target.name(), "ms", &[sample]).measure(measure);
        figures.push(figure.over(busy.len() as u64).goal(Goal::TimesAtMost(MOST_TIMES)));
    };
    add("reads, p99", &mut took(idle, READ), &mut took(busy, READ));
    add("writes, p99", &mut took(idle, WRITE), &mut took(busy, WRITE));
    add("due to asked, p99", &mut idle.lags, &mut busy.lags);
    figures
}

async fn phase(
    db: &Db,
    load: &Load,
    calls: CampaignId,
    leads: &[LeadId],
    name: &'static str,
) -> anyhow::Result<Phase> {
    let from = now(db).await?;
    let replies = load.run(api::mix(leads.to_vec(), name)).await?;
    let until = now(db).await?;
    if let Some(problem) = replies.iter().find_map(|reply| reply.problem.as_deref()) {
        anyhow::bail!("a request of the load failed: {problem}");
    }
    let mut tx = db.begin_read().await?;
    let asked: HashMap<LeadId, i64> = rows::first_intents(&mut tx, calls).await?.into_iter().collect();
    tx.rollback().await?;
    let start: Instant = START.parse()?;
    let lag = |(lead, place): (&LeadId, i32)| {
        let due = start + APART * place;
        // Whoever was not called yet is late by now.
        let asked = asked.get(lead).copied().unwrap_or_else(|| micros(until));
        (from..until).contains(&due).then_some((asked - micros(due)) as f64 / 1e3)
    };
    let lags: Vec<f64> = leads.iter().zip(0..).filter_map(lag).collect();
    ensure!(!lags.is_empty(), "no call was due during the load");
    Ok(Phase { replies, lags })
}

async fn now(db: &Db) -> anyhow::Result<Instant> {
    let mut tx = db.begin_read().await?;
    let now = clock::now(&mut tx).await?;
    tx.rollback().await?;
    Ok(now)
}

/// Leads of another campaign, due one after the other for as long as the server runs.
async fn others(db: &Db, seconds: u32, start: Instant) -> anyhow::Result<(CampaignId, Vec<LeadId>)> {
    let length = MARGIN + TimeDelta::seconds(i64::from(seconds) * 2);
    let count = (length.num_milliseconds() / APART.num_milliseconds()) as u64;
    let trial = Trial::open(db.clone(), Library::embedded(), Setup::at(start, 11), Scripted::default());
    trial.engine.publish().await?;
    let mut people = people::leads(&Population::united_states(11), 0..count, &trial.engine.ids, start);
    for lead in &mut people {
        lead.preferred = None;
        lead.preferred_text = None;
    }
    trial.add_leads(&people).await?;
    let calls = campaigns::consented("replay", VoiceClass::Live, &trial.engine.ids, start)?;
    let calls = trial.add_campaign(&calls).await?;
    let mut sale = campaigns::consented("sale", VoiceClass::Live, &trial.engine.ids, start)?;
    sale.pacing = Pacing { calls_per_second: Some(SALE_PER_SECOND), ..Pacing::default() };
    trial.add_campaign(&sale).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    let requests = ids.iter().zip(0..).map(|(lead, place)| EnrollRequest {
        lead_id: *lead,
        campaign_id: calls,
        cadence: "replay".to_owned(),
        entry_key: String::new(),
        start_at: Some(start + APART * place),
        variables: json!({ "offer": { "title": "bench" } }),
    });
    for answer in trial.engine.enroll(requests.collect()).await? {
        answer.map_err(|refusal| anyhow::anyhow!(refusal.message))?;
    }
    Ok((calls, ids))
}

async fn raise(load: &Load) -> anyhow::Result<String> {
    let body = json!({
        "productId": "bench", "oldPrice": 999.99, "newPrice": 849.99, "discountPercent": 15, "campaignId": "sale",
    });
    let url = format!("{}/api/campaigns/price-drop", load.url);
    let answer = load.client.post(url).bearer_auth(&load.key).json(&body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{status}: {text}");
    let raised: Value = serde_json::from_str(&text)?;
    Ok(raised["triggerId"].as_str().unwrap_or_default().to_owned())
}

async fn trigger(load: &Load, id: &str) -> anyhow::Result<Value> {
    let url = format!("{}/api/v1/triggers/{id}", load.url);
    Ok(load.client.get(url).bearer_auth(&load.key).send().await?.error_for_status()?.json().await?)
}
