//! The API under load while calls go on: `serve` as its users run it, a thousand mixed requests a second for some seconds, and
//! beside them a handler that does nothing, in the same process under the same load.

use anyhow::{Context as _, ensure};
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::{Pacing, VoiceClass};
use callwright_engine::domain::user::Role;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::api_key::{self, KEY_BYTES, NewKey};
use callwright_engine::store::{Db, carrier_ledger};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use reqwest::Method;
use serde_json::json;

use super::Sizes;
use super::child::Server;
use super::figure::{Figure, Goal, Sample, percentile};
use super::load::{Load, Reply, Request};
use super::place::{Place, Target};
use super::steps::START;

/// Calls a second that go on meanwhile: the peak of ten million a month.
pub const CALLS_PER_SECOND: f64 = 40.0;
pub const READ: &str = "reads";
pub const WRITE: &str = "durable writes";
const EMPTY: &str = "empty handler";
/// Until calls go on and connections are open.
const WARM_UP: u32 = 2;

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    let calls = CALLS_PER_SECOND as u64 * u64::from(sizes.seconds * 2 + 20);
    let leads = people_to_call(&place.db, calls).await?;
    let key = make_key(&place.db).await?;
    let client = reqwest::Client::builder().pool_max_idle_per_host(512).build()?;
    let mut server = Server::start(&place.url, &["--virtual-clock", START, "--rate", "1"])?;
    server.ready(&client).await?;
    let load = Load { client, url: server.url.clone(), key, rate: sizes.rate, seconds: sizes.seconds };

    let warm_up = Load { seconds: WARM_UP, rate: sizes.rate.min(100), ..load.clone() };
    warm_up.run(mix(leads.clone(), "warm-up")).await?;
    let before = asked(&place.db).await?;
    let mixed = load.run(mix(leads, "load")).await?;
    let calls = asked(&place.db).await? - before;
    let empty = load.run(|_| Request::get(EMPTY, "/healthz".to_owned())).await?;
    server.stop().await?;
    place.close().await?;
    if let Some(reply) = mixed.iter().chain(&empty).find(|reply| reply.problem.is_some()) {
        anyhow::bail!("a request of the load failed: {}", reply.problem.as_deref().unwrap_or_default());
    }
    ensure!(calls > 0, "no call was made during the load");
    Ok(figures(target, &mixed, &empty, calls))
}

fn figures(target: &Target, mixed: &[Reply], empty: &[Reply], calls: usize) -> Vec<Figure> {
    let took = |all: &[Reply], kind: &str| -> Vec<f64> {
        all.iter().filter(|reply| reply.kind == kind).map(|reply| reply.took).collect()
    };
    let mut nothing = took(empty, EMPTY);
    let mut figures = Vec::new();
    for (kind, most) in [(READ, 20.0), (WRITE, 50.0)] {
        let mut latencies = took(mixed, kind);
        for percent in [50, 99] {
            let limit = percentile(&mut nothing, percent);
            let sample = Sample { figure: percentile(&mut latencies, percent), limit: Some(limit) };
            let figure = Figure::of("api", target.name(), "ms", &[sample])
                .measure(format!("{kind}, p{percent}"))
                .over(latencies.len() as u64);
            figures.push(if percent == 99 { figure.goal(Goal::AtMost(most)) } else { figure });
        }
    }
    let meanwhile = Sample { figure: calls as f64, limit: None };
    figures.push(Figure::of("api", target.name(), "calls", &[meanwhile]).measure("asked meanwhile"));
    figures
}

/// Seven reads and three writes in ten, over all leads.
pub fn mix(leads: Vec<LeadId>, run: &'static str) -> impl Fn(u64) -> Request + Send + 'static {
    move |number| {
        // Far from one another, so that no lead is asked for twice in a row.
        let lead = leads[(number as usize * 7_919) % leads.len()];
        let write = |method: Method, path: String, body| Request {
            kind: WRITE,
            idempotency_key: (method == Method::POST).then(|| format!("{run}-{number}")),
            method,
            path,
            body: Some(body),
        };
        match number % 10 {
            0 | 5 => Request::get(READ, format!("/v1/crm/leads/{lead}")),
            1 => Request::get(READ, format!("/v1/crm/leads/{lead}/timeline?limit=25")),
            2 => write(
                Method::POST,
                "/v1/crm/leads".to_owned(),
                json!({
                    "externalId": format!("{run}-{number}"), "email": format!("{run}-{number}@example.com"),
                    "firstName": "Alice", "phone": "+12125550143", "timezone": "America/New_York", "synthetic": true,
                }),
            ),
            3 => Request::get(READ, format!("/v1/crm/leads/{lead}/why")),
            4 => Request::get(READ, "/v1/crm/leads?limit=25".to_owned()),
            6 => write(
                Method::PUT,
                format!("/v1/crm/leads/{lead}"),
                json!({ "company": format!("Company {number}"), "tags": [run] }),
            ),
            7 => Request::get(READ, "/v1/crm/campaigns?limit=10".to_owned()),
            8 => Request::get(READ, format!("/v1/crm/leads/{lead}/consents")),
            _ => write(
                Method::POST,
                "/v1/crm/events".to_owned(),
                json!({
                    "eventType": "QUALIFICATION_RESULT", "leadId": lead, "eventId": format!("{run}-{number}"),
                    "qualified": true,
                }),
            ),
        }
    }
}

/// Leads that are called one after the other from the scenario's noon on, at the pace of their campaign.
pub async fn people_to_call(db: &Db, count: u64) -> anyhow::Result<Vec<LeadId>> {
    let start: Instant = START.parse()?;
    let seed = 11;
    let trial = Trial::open(db.clone(), Library::embedded(), Setup::at(start, seed), Scripted::default());
    trial.engine.publish().await?;
    let mut people = people::leads(&Population::united_states(seed), 0..count, &trial.engine.ids, start);
    for lead in &mut people {
        lead.preferred = None;
        lead.preferred_text = None;
    }
    trial.add_leads(&people).await?;
    let mut campaign = campaigns::consented("replay", VoiceClass::Live, &trial.engine.ids, start)?;
    campaign.pacing = Pacing { calls_per_second: Some(CALLS_PER_SECOND), ..Pacing::default() };
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    trial.enroll(campaign, "replay", &ids, &json!({ "offer": { "title": "bench" } })).await?;
    Ok(ids)
}

pub async fn make_key(db: &Db) -> anyhow::Result<String> {
    let random: [u8; KEY_BYTES] = rand::random();
    let now: Instant = START.parse()?;
    let new = NewKey { id: uuid::Uuid::from_u128(rand::random()).into(), name: "bench", role: Role::Manager };
    let mut tx = db.begin().await?;
    let (_, key) = api_key::create(&mut tx, new, &random, now).await?;
    tx.commit().await?;
    Ok(key)
}

/// Calls that the carrier was asked for so far, by its own books.
async fn asked(db: &Db) -> anyhow::Result<usize> {
    let mut tx = db.begin_read().await?;
    let rows = carrier_ledger::all(&mut tx).await.context("the carrier's books")?;
    tx.rollback().await?;
    Ok(rows.len())
}
