//! How late is a call? Through the real dial loop on an idle system: from the instant at which it is due to the instant at
//! which the provider is asked; and timers of one second in a cadence, from their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use callwright_engine::clock::{Instant, micros};
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::engine::{Engine, EnrollRequest};
use callwright_engine::id::{EnrollmentId, LeadId};
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use callwright_engine::simulate::population::Population;
use callwright_engine::store::clock::{self, VirtualClock};
use callwright_engine::store::{campaign, lead, walk};
use callwright_workers::bell::Bell;
use callwright_workers::dialer::{self, Options};
use callwright_workers::trial::{campaigns, people};
use chrono::{TimeDelta, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::figure::{Figure, Goal, Sample, percentile};
use super::place::{Place, Target};
use super::{Sizes, steps};
use crate::cli::session;

const CALL: &str = "bench-call";
const TIMER: &str = "bench-timer";
const FILES: [(&str, &str); 4] = [
    (
        "cadences/bench-call.yaml",
        "cadence: bench-call\ntitle: One call\nsteps:\n  - { id: call, call: bench }\n",
    ),
    (
        "cadences/bench-timer.yaml",
        "cadence: bench-timer\ntitle: One call a second later\nsteps:\n  - { id: pause, wait: 1 second }\n  - { id: call, call: bench }\n",
    ),
    (
        "flows/bench.yaml",
        "flow: bench\ntitle: Says one thing\nsteps:\n  greet: { say: greeting, end: done }\nvoicemail: { end: voicemail_left }\n",
    ),
    (
        "flows/bench.script.yaml",
        "script: bench\nlanguages:\n  en:\n    texts: { greeting: \"Hello, goodbye.\" }\n",
    ),
];
/// Between two that are due: long enough that the system is idle again.
const APART: TimeDelta = TimeDelta::microseconds(23_700);

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let calls = if sizes.quick { 20 } else { 400 };
    let mut figures = Vec::new();
    for (cadence, measure) in [(CALL, "due to asked"), (TIMER, "1 s timer late")] {
        let place = Place::open(target).await?;
        let mut late = sample(&place, cadence, calls).await?;
        place.close().await?;
        for (percent, most) in [(50, 2.0), (99, 7.0)] {
            let sample = Sample { figure: percentile(&mut late, percent), limit: None };
            let figure = Figure::of("latency", target.name(), "ms", &[sample]);
            let figure = figure.measure(format!("{measure}, p{percent}")).over(calls);
            // Of timers only the worst counts: nobody waits for one.
            let has_goal = cadence == CALL || percent == 99;
            figures.push(if has_goal { figure.goal(Goal::AtMost(most)) } else { figure });
        }
    }
    Ok(figures)
}

/// How late each call was, in milliseconds.
async fn sample(place: &Place, cadence: &str, calls: u64) -> anyhow::Result<Vec<f64>> {
    let (library, problems) = Library::from_files(FILES);
    ensure!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    let engine = session::engine(place.db.clone(), library);
    engine.publish().await?;
    let noon = noon(&engine).await?;
    let leads = prepare(&engine, calls).await?;
    let provider = Arc::new(Watching { noon, asked: Mutex::default() });
    let cancel = CancellationToken::new();
    let dialing = tokio::spawn(dialer::run(
        Arc::clone(&engine),
        Arc::clone(&provider) as Arc<dyn Provider>,
        Options::new("bench".to_owned()),
        Bell::new(),
        cancel.clone(),
    ));
    let _stop = cancel.clone().drop_guard();
    let first_at = noon.now() + TimeDelta::milliseconds(1_000);
    let enrolled = enroll(&engine, cadence, &leads, first_at).await?;
    let last_at = first_at + APART * i32::try_from(calls)? + TimeDelta::seconds(3);
    while provider.count() < leads.1.len() && noon.now() < last_at {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cancel.cancel();
    dialing.await?;
    let asked = provider.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure!(asked.len() == enrolled.len(), "{} of {} calls were asked for", asked.len(), enrolled.len());
    let mut tx = engine.db.begin_read().await?;
    let walks = walk::by_ids(&mut tx, &enrolled).await?;
    tx.rollback().await?;
    let late = walks.iter().filter_map(|walk| {
        let asked_at = asked.get(&walk.enrollment.id)?;
        Some((*asked_at - micros(walk.enrollment.position.due_since)) as f64 / 1e3)
    });
    Ok(late.collect())
}

/// The engine's clock is set to an hour at which people may be called, whatever the hour is.
async fn noon(engine: &Engine) -> anyhow::Result<VirtualClock> {
    let noon = VirtualClock { virtual_at: steps::START.parse()?, real_at: Utc::now(), rate: 1.0 };
    let mut tx = engine.db.begin().await?;
    clock::set_virtual_clock(&mut tx, noon).await?;
    tx.commit().await?;
    Ok(noon)
}

/// The same clock, read without the database: both are this machine's.
trait Shown {
    fn now(&self) -> Instant;
}

impl Shown for VirtualClock {
    fn now(&self) -> Instant {
        self.virtual_at + (Utc::now() - self.real_at)
    }
}

type Prepared = (callwright_engine::id::CampaignId, Vec<LeadId>);

async fn prepare(engine: &Engine, calls: u64) -> anyhow::Result<Prepared> {
    let start: Instant = steps::START.parse()?;
    let mut people = people::leads(&Population::united_states(5), 0..calls, &engine.ids, start);
    for lead in &mut people {
        lead.preferred = None;
        lead.preferred_text = None;
    }
    let agreed = campaigns::consented("bench", VoiceClass::Live, &engine.ids, start)?;
    let mut tx = engine.db.begin().await?;
    campaign::create(&mut tx, &agreed).await?;
    lead::insert_many(&mut tx, &people).await?;
    tx.commit().await?;
    Ok((agreed.id, people.iter().map(|lead| lead.id).collect()))
}

async fn enroll(
    engine: &Engine,
    cadence: &str,
    (campaign_id, leads): &Prepared,
    first_at: Instant,
) -> anyhow::Result<Vec<EnrollmentId>> {
    let request = |(place, lead_id): (usize, &LeadId)| EnrollRequest {
        lead_id: *lead_id,
        campaign_id: *campaign_id,
        cadence: cadence.to_owned(),
        entry_key: String::new(),
        start_at: Some(first_at + APART * place as i32),
        variables: json!({}),
    };
    let answers = engine.enroll(leads.iter().enumerate().map(request).collect()).await?;
    let enrolled = answers.into_iter().map(|answer| {
        answer.map(|enrolled| enrolled.enrollment_id).map_err(|refusal| anyhow::anyhow!(refusal.message))
    });
    enrolled.collect()
}

/// A provider that accepts every call and notes when it was asked.
#[derive(Debug)]
struct Watching {
    noon: VirtualClock,
    /// Microseconds.
    asked: Mutex<HashMap<EnrollmentId, i64>>,
}

impl Watching {
    fn count(&self) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Provider for Watching {
    fn name(&self) -> &'static str {
        "watching"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: true,
            conclusive_after: TimeDelta::minutes(2),
            follows_flow: true,
            packages: false,
            simulated: true,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        let now = micros(self.noon.now());
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        for id in requests.iter().filter_map(|request| request.enrollment_id) {
            asked.insert(id, now);
        }
        let accept =
            |request: PlaceRequest| Placement::Accepted { provider_call_id: request.attempt_id.to_string() };
        Box::pin(async move { requests.into_iter().map(accept).collect() })
    }

    fn look_up<'a>(&'a self, _: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async { LookUpResult::Absent })
    }

    fn hang_up<'a>(&'a self, _: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }
}
