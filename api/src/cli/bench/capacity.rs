//! Two claims of the capacity plan, in virtual time with the engine itself: workers that share one calls-per-second limit keep
//! to it whoever of them dies, and what was due during an outage drains at the limit, with every campaign getting its turns.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::domain::campaign::{Pacing, VoiceClass};
use callwright_engine::engine::{Engine, EnrollRequest, TimeSource};
use callwright_engine::id::{CampaignId, IdSource, LeadId};
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
    ReportedFact, VirtualCarrier,
};
use callwright_engine::simulate::driver::{self, Pace};
use callwright_engine::simulate::population::Population;
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use super::figure::{Figure, Goal, Sample};
use super::place::Place;
use super::steps::START;
use super::{BATCH, Sizes};

const WORKERS: [usize; 4] = [2, 4, 8, 16];
/// Calls a second that the workers share.
const SHARED: f64 = 20.0;
/// One claim in so many is its worker's last act: nobody is asked for what it claimed.
const DIES_EVERY: u32 = 25;
/// The peak of a hundred million calls a month.
const PEAK: f64 = 390.0;
/// Per cent of what is due that each campaign has.
const SHARES: [u64; 4] = [70, 20, 7, 3];

pub async fn measure(sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let (leads, runs) = if sizes.quick { (60, &WORKERS[..1]) } else { (600, &WORKERS[..]) };
    for workers in runs {
        let asked = shared_limit(*workers, leads).await?;
        let figure = |measure: String, unit, figure| {
            let sample = Sample { figure, limit: Some(SHARED) };
            Figure::of("capacity", "memory", unit, &[sample]).measure(measure).over(asked.len() as u64)
        };
        let most = most_in_a_second(&asked) as f64;
        figures.push(
            figure(format!("{workers} mortal workers: most"), "calls/s", most).goal(Goal::AtMost(SHARED)),
        );
        figures.push(figure(format!("{workers} mortal workers: mean"), "calls/s", mean(&asked)));
    }
    figures.extend(outage(if sizes.quick { 400 } else { sizes.leads.max(21_000) }).await?);
    Ok(figures)
}

/// When calls were asked for, by whom.
type Asked = Vec<(Instant, CampaignId)>;

/// Workers take turns at random on one database; some die between claim and question, and others come in their place.
async fn shared_limit(workers: usize, leads: u64) -> anyhow::Result<Asked> {
    let start: Instant = START.parse()?;
    let place = Place::in_memory().await?;
    let limits = Pacing { calls_per_second: Some(SHARED), ..Pacing::default() };
    let trial = trial(&place, start);
    let carrier = Metered { inner: &trial.carrier, limits, asked: Mutex::default(), clock: &trial };
    let ids = people_of(&trial, 0..leads, start).await?;
    enroll(&trial, "replay", &ids, start, TimeDelta::zero()).await?;
    let mut boots = 0_u64;
    let mut boot = || {
        boots += 1;
        let library = Arc::new(LibraryHandle::new(Library::embedded()));
        let ids = Arc::new(IdSource::seeded(1_000 + boots));
        let time = TimeSource::Manual(Arc::clone(&trial.clock));
        (Engine::new(place.db.clone(), library, time, ids), format!("worker-{boots}"))
    };
    let mut alive: Vec<_> = (0..workers).map(|_| boot()).collect();
    let mut draw = StdRng::seed_from_u64(workers as u64);
    let (mut claimed, mut lost) = (0, 0);
    let end = start + TimeDelta::minutes(10);
    while claimed < leads && trial.clock.now() < end {
        let turn = draw.random_range(0..alive.len());
        let (engine, owner) = &alive[turn];
        engine.plan(BATCH).await?;
        let batch = engine.claim(BATCH, &carrier, owner).await?;
        claimed += batch.requests.len() as u64;
        if !batch.requests.is_empty() && draw.random_ratio(1, DIES_EVERY) {
            lost += batch.requests.len();
            alive[turn] = boot();
        } else {
            engine.place(&carrier, batch.requests).await?;
        }
        let step = TimeDelta::milliseconds(draw.random_range(5..120));
        trial.clock.advance_to(trial.clock.now() + step);
    }
    let asked = carrier.asked();
    place.close().await?;
    let both = asked.len() + lost;
    ensure!(both as u64 == leads, "{both} of {leads} calls were claimed within ten virtual minutes");
    Ok(asked)
}

/// Six hours in which nothing ran; then everything due in them goes out.
async fn outage(leads: u64) -> anyhow::Result<Vec<Figure>> {
    let end: Instant = START.parse()?;
    let length = TimeDelta::hours(6);
    let place = Place::in_memory().await?;
    let limits = Pacing { calls_per_second: Some(PEAK), ..Pacing::default() };
    let trial = trial(&place, end - length);
    let carrier = Metered { inner: &trial.carrier, limits, asked: Mutex::default(), clock: &trial };
    let mut sizes = BTreeMap::new();
    let mut first = 0;
    for (place, share) in SHARES.iter().enumerate() {
        let count = leads * share / 100;
        let ids = people_of(&trial, first..first + count, end - length).await?;
        let campaign = enroll(&trial, &format!("campaign-{place}"), &ids, end - length, length).await?;
        sizes.insert(campaign, count);
        first += count;
    }
    trial.clock.advance_to(end);
    let pace =
        Pace { resolution: TimeDelta::milliseconds(50), batch: BATCH, until: end + TimeDelta::hours(3) };
    driver::run(&trial.engine, &carrier, &trial.clock, pace, |_| {}).await?;
    let asked = carrier.asked();
    let audit = trial.report().await?.audit;
    place.close().await?;
    ensure!(
        audit.double_dials == 0 && audit.outside_window == 0,
        "{} double dials, {} calls outside their windows",
        audit.double_dials,
        audit.outside_window
    );
    let n = asked.len() as u64;
    let figure = |measure: &str, unit, value, limit| {
        let sample = Sample { figure: value, limit };
        Figure::of("capacity", "memory", unit, &[sample]).measure(measure).over(n)
    };
    let most = most_in_a_second(&asked) as f64;
    Ok(vec![
        figure("after an outage: most", "calls/s", most, Some(PEAK)).goal(Goal::AtMost(PEAK)),
        figure("after an outage: mean", "calls/s", mean(&asked), Some(PEAK)).goal(Goal::Ratio(0.85)),
        // With equal turns a campaign that still has calls gets its share of each second.
        figure(
            "least turns of a campaign",
            "share",
            least_share(&asked, &sizes),
            Some(1.0 / SHARES.len() as f64),
        )
        .goal(Goal::Ratio(0.8)),
    ])
}

fn trial(place: &Place, start: Instant) -> Trial {
    let source = Seeded { seed: 17, profile: Profile::default() };
    Trial::open(place.db.clone(), Library::embedded(), Setup::at(start, 17), source)
}

async fn people_of(trial: &Trial, range: std::ops::Range<u64>, now: Instant) -> anyhow::Result<Vec<LeadId>> {
    trial.engine.publish().await?;
    let mut people = people::leads(&Population::united_states(17), range, &trial.engine.ids, now);
    for lead in &mut people {
        lead.preferred = None;
        lead.preferred_text = None;
    }
    trial.add_leads(&people).await?;
    Ok(people.iter().map(|lead| lead.id).collect())
}

/// In a campaign of their own, due evenly over `length`.
async fn enroll(
    trial: &Trial,
    campaign: &str,
    leads: &[LeadId],
    from: Instant,
    length: TimeDelta,
) -> anyhow::Result<CampaignId> {
    let campaign = campaigns::consented(campaign, VoiceClass::Live, &trial.engine.ids, from)?;
    let campaign_id = trial.add_campaign(&campaign).await?;
    for (chunk, ids) in leads.chunks(1_000).enumerate() {
        let request = |(place, lead_id): (usize, &LeadId)| EnrollRequest {
            lead_id: *lead_id,
            campaign_id,
            cadence: "replay".to_owned(),
            entry_key: String::new(),
            start_at: Some(from + length * (chunk * 1_000 + place) as i32 / leads.len() as i32),
            variables: json!({ "offer": { "title": "bench" } }),
        };
        let answers = trial.engine.enroll(ids.iter().enumerate().map(request).collect()).await?;
        ensure!(answers.iter().all(Result::is_ok), "everybody must be enrolled");
    }
    Ok(campaign_id)
}

/// The most calls asked for in any span of a second.
fn most_in_a_second(asked: &Asked) -> usize {
    let mut first = 0;
    let counts = asked.iter().enumerate().map(|(last, (at, _))| {
        while asked[first].0 + TimeDelta::seconds(1) <= *at {
            first += 1;
        }
        last - first + 1
    });
    counts.max().unwrap_or(0)
}

/// Calls per second from the first to the last; those of the first instant are where the time begins.
fn mean(asked: &Asked) -> f64 {
    let Some(((first, _), (last, _))) = asked.first().zip(asked.last()) else { return 0.0 };
    let after = asked.iter().filter(|(at, _)| at > first).count();
    after as f64 / (*last - *first).as_seconds_f64().max(1.0)
}

/// The smallest share of the calls that a campaign had while all of them had some left.
fn least_share(asked: &Asked, sizes: &BTreeMap<CampaignId, u64>) -> f64 {
    let mut counts: BTreeMap<CampaignId, u64> = sizes.keys().map(|campaign| (*campaign, 0)).collect();
    for (_, campaign) in asked {
        let count = counts.entry(*campaign).or_default();
        *count += 1;
        if sizes.get(campaign).is_some_and(|size| *count >= *size) {
            break;
        }
    }
    let all: u64 = counts.values().sum();
    counts.values().min().map_or(0.0, |least| *least as f64 / all.max(1) as f64)
}

/// A carrier with limits that notes when it was asked.
#[derive(Debug)]
struct Metered<'a> {
    inner: &'a dyn VirtualCarrier,
    limits: Pacing,
    asked: Mutex<Asked>,
    clock: &'a Trial,
}

impl Metered<'_> {
    fn asked(&self) -> Asked {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Provider for Metered<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn limits(&self) -> Pacing {
        self.limits.clone()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        let now = self.clock.clock.now();
        let calls = requests.iter().map(|request| (now, request.campaign_id));
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(calls);
        self.inner.place(requests)
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        self.inner.look_up(query)
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        self.inner.hang_up(provider_call_id)
    }
}

impl VirtualCarrier for Metered<'_> {
    fn due(&self, now: Instant) -> Vec<ReportedFact> {
        self.inner.due(now)
    }

    fn next_at(&self) -> Option<Instant> {
        self.inner.next_at()
    }
}
