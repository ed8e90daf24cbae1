//! What a decision costs in memory, per lead: all gates; a text of a script rendered; a call's package put together. Nothing is
//! read or written meanwhile; the people, their enrollments and the definitions are those of a trial.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use anyhow::{Context as _, ensure};
use callwright_engine::clock::Instant;
use callwright_engine::decide::abandonment::Abandonment;
use callwright_engine::decide::gate;
use callwright_engine::decide::snapshot::{
    CampaignFacts, Intent, LeadFacts, OfferFact, PhoneFacts, PurchaseFact, Snapshot,
};
use callwright_engine::definitions::context;
use callwright_engine::definitions::library::{Bundle, Library};
use callwright_engine::definitions::template::RenderLimits;
use callwright_engine::domain::campaign::{Campaign, VoiceClass};
use callwright_engine::engine::package;
use callwright_engine::id::{AttemptId, EnrollmentId, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::rules::{Jurisdiction, Rules};
use callwright_engine::simulate::population::Population;
use callwright_engine::store::walk::{self, Walk};
use callwright_engine::time::zone::Zone;
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::figure::{Figure, Goal, Sample};
use super::place::Place;
use super::{Sizes, steps};

/// The shipped cadence with the most gates of its own: hours, holidays, caps, a gap.
const CADENCE: &str = "new-lead";
const LEADS: u64 = 500;

pub async fn measure(sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let ground = Ground::prepare().await?;
    let rounds = if sizes.quick { 2 } else { 200 };
    let figure = |measure: &str, most: f64, work: &dyn Fn() -> anyhow::Result<u64>| {
        let samples: anyhow::Result<Vec<Sample>> = (0..sizes.runs).map(|_| timed(rounds, work)).collect();
        let figure = Figure::of("gates", "memory", "µs", &samples?).measure(measure).over(LEADS * rounds);
        anyhow::Ok(figure.goal(Goal::AtMost(most)))
    };
    Ok(vec![
        figure("all gates of a lead", 2.0, &|| Ok(ground.gates()))?,
        figure("a text rendered", 5.0, &|| ground.texts())?,
        figure("a package built", 20.0, &|| ground.packages())?,
    ])
}

const TICKS: Duration = Duration::from_millis(40);

/// Microseconds per piece of work; `work` says how many pieces it did.
fn timed(rounds: u64, work: &dyn Fn() -> anyhow::Result<u64>) -> anyhow::Result<Sample> {
    let (watch, busy) = (Stopwatch::now(), busy());
    let mut pieces = 0;
    for _ in 0..rounds {
        pieces += work()?;
    }
    // The kernel counts in ticks of some milliseconds: for little work the wall is the better clock.
    let took = busy.and_then(|before| self::busy()?.checked_sub(before)).filter(|took| *took > TICKS);
    let took = took.unwrap_or(watch.elapsed());
    Ok(Sample { figure: took.as_secs_f64() * 1e6 / pieces as f64, limit: None })
}

/// Time that this thread has had a core: what others take of it meanwhile is not what the work costs. Linux only.
fn busy() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// A trial's people with everything loaded.
struct Ground {
    now: Instant,
    campaign: Campaign,
    bundle: Arc<Bundle>,
    flow: String,
    walks: Vec<Walk>,
    snapshots: Vec<Snapshot>,
    variables: Value,
}

impl Ground {
    async fn prepare() -> anyhow::Result<Self> {
        let now: Instant = steps::START.parse()?;
        let place = Place::in_memory().await?;
        let setup = Setup::at(now, 3);
        let trial = Trial::open(place.db.clone(), Library::embedded(), setup, Scripted::default());
        trial.engine.publish().await?;
        let people = people::leads(&Population::united_states(3), 0..LEADS, &trial.engine.ids, now);
        trial.add_leads(&people).await?;
        let campaign = campaigns::consented(CADENCE, VoiceClass::Artificial, &trial.engine.ids, now)?;
        trial.add_campaign(&campaign).await?;
        let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
        let answers = trial.enroll(campaign.id, CADENCE, &ids, &json!({})).await?;
        let enrolled: Vec<EnrollmentId> =
            answers.into_iter().flatten().map(|enrolled| enrolled.enrollment_id).collect();
        let mut tx = trial.engine.db.begin().await?;
        let walks = walk::by_ids(&mut tx, &enrolled).await?;
        tx.rollback().await?;
        place.close().await?;
        ensure!(walks.len() as u64 == LEADS, "only {} of {LEADS} leads were enrolled", walks.len());
        let bundle = trial.engine.library.current().bundle(CADENCE).context("a shipped cadence")?;
        let hours = bundle.cadence.hours.clone().map(Arc::new);
        let facts = Arc::new(CampaignFacts {
            campaign: campaign.clone(),
            intents_today: 120,
            abandonment: Abandonment::default(),
        });
        let snapshot = |walk: &Walk| {
            anyhow::Ok(Snapshot {
                lead: LeadFacts {
                    id: walk.lead.id,
                    status: walk.lead.status,
                    do_not_call: walk.lead.do_not_call,
                    preferred: walk
                        .lead
                        .preferred
                        .as_deref()
                        .map(serde_json::from_str)
                        .transpose()?
                        .map(Arc::new),
                },
                phone: phone(walk)?,
                suppressions: Vec::new(),
                consents: Vec::new(),
                campaign: Some(Arc::clone(&facts)),
                intents: [30, 52]
                    .map(|hours| Intent {
                        at: now - TimeDelta::hours(hours),
                        campaign_id: campaign.id,
                        to_lead: true,
                        to_number: true,
                    })
                    .to_vec(),
                placed: 2,
                number_busy: false,
                erased_at: None,
                purchase: PurchaseFact::NotNeeded,
                offer: OfferFact::NotPromised,
                enrollment_id: Some(walk.enrollment.id),
                cadence_hours: hours.clone(),
                cadence_limits: bundle.cadence.limits,
                cadence_caps: Arc::default(),
                account: None,
                promised: false,
                emergency_stops: Arc::default(),
                registries: Arc::default(),
            })
        };
        let snapshots = walks.iter().map(snapshot).collect::<anyhow::Result<Vec<_>>>()?;
        let flow = bundle.flows.keys().next().context("a flow of the cadence")?.clone();
        let variables = context::sample();
        Ok(Self { now, campaign, bundle, flow, walks, snapshots, variables })
    }

    fn gates(&self) -> u64 {
        for snapshot in &self.snapshots {
            black_box(gate::decide(black_box(snapshot), Rules::embedded(), self.now));
        }
        self.snapshots.len() as u64
    }

    /// Every text of the flow's script in English, for a lead whose variables are ready.
    fn texts(&self) -> anyhow::Result<u64> {
        let script = self.bundle.flows.get(&self.flow).and_then(|flow| self.bundle.scripts.get(&flow.script));
        let (language, words) =
            script.and_then(|script| script.language_for("en")).context("English words")?;
        let context = context::in_language(&context::value(&self.variables), language);
        for text in words.texts.values() {
            black_box(text.render(black_box(&context), RenderLimits::default())?);
        }
        Ok(words.texts.len() as u64)
    }

    fn packages(&self) -> anyhow::Result<u64> {
        for walk in &self.walks {
            let position = &walk.enrollment.position;
            let call = package::Call {
                attempt_id: AttemptId::default(),
                flow: self.flow.clone(),
                step: position.step.clone(),
                visit: position.visit,
                attempt: position.attempt,
                from: None,
                to: PhoneNumber::e164_only(walk.lead.phone.as_deref().unwrap_or_default())?,
            };
            black_box(package::of(call, black_box(walk), Some(&self.campaign), &self.bundle));
        }
        Ok(self.walks.len() as u64)
    }
}

fn phone(walk: &Walk) -> anyhow::Result<PhoneFacts> {
    let names: Vec<String> = serde_json::from_str(&walk.lead.phone_zones)?;
    let zones = names.iter().map(|name| Zone::find(name)).collect::<Result<Arc<[Zone]>, _>>()?;
    let jurisdictions: Vec<Jurisdiction> = serde_json::from_str(&walk.lead.phone_jurisdictions)?;
    let number = walk.lead.phone.as_deref().context("a lead with a number")?;
    Ok(PhoneFacts::Callable {
        number: PhoneNumber::e164_only(number)?,
        zones,
        jurisdictions: jurisdictions.into(),
    })
}
