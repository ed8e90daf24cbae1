//! A world to test in: database, clock, engine, one campaign; people and enrollments with sensible defaults.

use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::definitions::render;
use callwright_engine::domain::campaign::{Campaign, VoiceClass};
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::new_lead::{NewLead, prepare};
use callwright_engine::engine::{
    Claimed, Engine, EnrollRefusal, EnrollRequest, Enrolled, EventReceipt, ManualClock, NewEvent,
    PlaceReport, PlanReport, ReconcileReport, RecordReport, TimeSource,
};
use callwright_engine::id::{AttemptId, CampaignId, EnrollmentId, IdSource, LeadId};
use callwright_engine::provider::{PlaceRequest, ReportedFact};
use callwright_engine::store::attempt::Attempt;
use callwright_engine::store::event_read::Recorded;
use callwright_engine::store::walk::Walk;
use callwright_engine::store::{attempt, campaign, event_read, lead, walk};
use callwright_tests::TestDb;
use callwright_workers::trial::campaigns;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sound;

/// Two numbers of Washington, D.C.: one zone, no state law beside the federal one.
pub const ALICE: &str = "+12024561111";
pub const BOB: &str = "+12024561414";

const FLOW: &str = include_str!("definitions/hello.flow.yaml");
const SCRIPT: &str = include_str!("definitions/hello.script.yaml");
const COMMON: &str = include_str!("../../../flows/scripts/common.yaml");

/// Calls with retries, then ends.
pub const WELCOME: &str = r"
cadence: welcome
title: One call with retries
enter: { again_after: 30 days }
hours: { days: mon-fri, between: 09:00-18:00, zone: lead, holidays: skip }
limits: { per_day: 4, gap: 30 minutes }
steps:
  - id: first
    call: hello
    then:
      no_answer: { retry: 2, after: 1 hour }
      failed: { end: unreachable }
      declined: { end: not_interested }
  - id: done
    end: completed
";

/// A Wednesday, noon in Washington.
pub fn noon() -> Instant {
    at("2026-07-15T16:00:00Z")
}

pub fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// The hello flow and `welcome`, which most tests use.
pub fn small_library() -> Library {
    static SMALL: LazyLock<Library> = LazyLock::new(|| library(&[WELCOME]));
    SMALL.clone()
}

/// The hello flow with these cadences; they must have no problems.
pub fn library(cadences: &[&str]) -> Library {
    let paths: Vec<String> = (0..cadences.len()).map(|index| format!("cadences/c{index}.yaml")).collect();
    let files = paths.iter().map(String::as_str).zip(cadences.iter().copied()).chain([
        ("flows/hello.yaml", FLOW),
        ("flows/scripts/hello.yaml", SCRIPT),
        ("flows/scripts/common.yaml", COMMON),
    ]);
    let (library, problems) = Library::from_files(files);
    assert!(problems.is_empty(), "{}", render::terminal(&problems, library.sources(), false));
    library
}

/// Everything one test needs.
pub struct World {
    pub db: TestDb,
    pub clock: Arc<ManualClock>,
    pub engine: Arc<Engine>,
    pub campaign: CampaignId,
    library: Library,
}

impl World {
    /// With the small library, at noon.
    pub async fn open(db: TestDb) -> anyhow::Result<Self> {
        Self::with(db, small_library()).await
    }

    pub async fn with(db: TestDb, library: Library) -> anyhow::Result<Self> {
        Self::starting(db, library, noon()).await
    }

    /// At another time than noon.
    pub async fn starting(db: TestDb, library: Library, start: Instant) -> anyhow::Result<Self> {
        let clock = ManualClock::at(start);
        let engine = engine(&db, &clock, library.clone(), 1);
        let mut world = Self { db, clock, engine, campaign: CampaignId::default(), library };
        world.campaign = world.campaign("welcome", |_| ()).await?;
        Ok(world)
    }

    /// Another campaign, changed as the test wants it.
    pub async fn campaign(
        &self,
        key: &str,
        change: impl FnOnce(&mut Campaign),
    ) -> anyhow::Result<CampaignId> {
        let mut campaign = campaigns::consented(key, VoiceClass::Live, &self.engine.ids, self.now())?;
        change(&mut campaign);
        let mut tx = self.engine.db.begin().await?;
        campaign::create(&mut tx, &campaign).await?;
        tx.commit().await?;
        Ok(campaign.id)
    }

    /// What another process, or this one after a restart, would have: nothing but the database, the clock and the files.
    pub fn restarted(&self, seed: u64) -> Arc<Engine> {
        engine(&self.db, &self.clock, self.library.clone(), seed)
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    pub fn pass(&self, length: TimeDelta) -> Instant {
        self.clock.advance_to(self.now() + length);
        self.now()
    }

    pub async fn lead(&self, number: &str) -> anyhow::Result<LeadId> {
        self.lead_like(NewLead { phone: number.into(), ..NewLead::default() }).await
    }

    pub async fn lead_like(&self, new: NewLead) -> anyhow::Result<LeadId> {
        let id: LeadId = self.engine.ids.next(self.now());
        let lead = prepare(&new, id, self.now()).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        let mut tx = self.engine.db.begin().await?;
        lead::insert_many(&mut tx, std::slice::from_ref(&lead)).await?;
        tx.commit().await?;
        Ok(id)
    }

    pub fn request(&self, lead_id: LeadId, cadence: &str) -> EnrollRequest {
        EnrollRequest {
            lead_id,
            campaign_id: self.campaign,
            cadence: cadence.to_owned(),
            entry_key: String::new(),
            start_at: None,
            variables: json!({}),
        }
    }

    pub async fn try_enroll(
        &self,
        request: EnrollRequest,
    ) -> anyhow::Result<Result<Enrolled, EnrollRefusal>> {
        let answer = self.engine.enroll(vec![request]).await?.pop().context("an answer")?;
        self.sound().await?;
        Ok(answer)
    }

    pub async fn enroll(&self, lead: LeadId, cadence: &str) -> anyhow::Result<EnrollmentId> {
        let answer = self.try_enroll(self.request(lead, cadence)).await?;
        Ok(answer.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?.enrollment_id)
    }

    /// A lead with this number in `welcome`, due now.
    pub async fn welcomed(&self, number: &str) -> anyhow::Result<(LeadId, EnrollmentId)> {
        let lead = self.lead(number).await?;
        Ok((lead, self.enroll(lead, "welcome").await?))
    }

    pub async fn plan(&self) -> anyhow::Result<PlanReport> {
        let report = self.engine.plan(100).await?;
        self.sound().await?;
        Ok(report)
    }

    pub async fn claim(&self, provider: &Fake) -> anyhow::Result<Claimed> {
        let claimed = self.engine.claim(100, provider, "me").await?;
        self.sound().await?;
        Ok(claimed)
    }

    pub async fn place(&self, provider: &Fake, requests: Vec<PlaceRequest>) -> anyhow::Result<PlaceReport> {
        let report = self.engine.place(provider, requests).await?;
        self.sound().await?;
        Ok(report)
    }

    /// Plans, claims and places what is due.
    pub async fn dial(&self, provider: &Fake) -> anyhow::Result<PlaceReport> {
        self.plan().await?;
        let claimed = self.claim(provider).await?;
        self.place(provider, claimed.requests).await
    }

    /// Plans, claims and places for a lead who is due, and answers with the one attempt under way.
    pub async fn dialed(&self, lead: LeadId, provider: &Fake) -> anyhow::Result<AttemptId> {
        self.dial(provider).await?;
        self.last(lead).await.map(|attempt| attempt.id)
    }

    pub async fn record(&self, facts: Vec<ReportedFact>) -> anyhow::Result<RecordReport> {
        let report = self.engine.record(Fake::NAME, facts).await?;
        self.sound().await?;
        Ok(report)
    }

    pub async fn reconcile(&self, provider: &Fake) -> anyhow::Result<ReconcileReport> {
        let report = self.engine.reconcile(provider, 100).await?;
        self.sound().await?;
        Ok(report)
    }

    pub async fn log(&self, lead: LeadId, kind: &str, data: Value) -> anyhow::Result<EventReceipt> {
        self.log_as(NewEvent {
            kind: kind.to_owned(),
            lead_id: lead,
            campaign_id: None,
            at: None,
            data,
            dedupe: None,
        })
        .await
    }

    pub async fn log_as(&self, event: NewEvent) -> anyhow::Result<EventReceipt> {
        let receipt = self.engine.log_events(vec![event]).await?.pop().context("a receipt")?;
        self.sound().await?;
        Ok(receipt)
    }

    /// Everything the lead has walked and walks, oldest first.
    pub async fn walks(&self, lead: LeadId) -> anyhow::Result<Vec<Walk>> {
        let mut tx = self.engine.db.begin_read().await?;
        Ok(walk::all_of_lead(&mut tx, lead).await?)
    }

    /// The lead's one enrollment.
    pub async fn walk(&self, lead: LeadId) -> anyhow::Result<Walk> {
        let mut walks = self.walks(lead).await?;
        anyhow::ensure!(walks.len() == 1, "{} enrollments", walks.len());
        walks.pop().context("an enrollment")
    }

    /// Attempts in the order in which they were made.
    pub async fn attempts(&self, lead: LeadId) -> anyhow::Result<Vec<Attempt>> {
        let mut tx = self.engine.db.begin_read().await?;
        let mut attempts = attempt::of_lead(&mut tx, lead, 100).await?;
        attempts.reverse();
        Ok(attempts)
    }

    /// The newest attempt.
    pub async fn last(&self, lead: LeadId) -> anyhow::Result<Attempt> {
        self.attempts(lead).await?.pop().context("an attempt")
    }

    /// States of the attempts, oldest first.
    pub async fn states(&self, lead: LeadId) -> anyhow::Result<Vec<&'static str>> {
        Ok(self.attempts(lead).await?.iter().map(|attempt| attempt.state.as_str()).collect())
    }

    pub async fn stored_lead(&self, lead: LeadId) -> anyhow::Result<Lead> {
        let mut tx = self.engine.db.begin_read().await?;
        lead::find(&mut tx, lead).await?.context("the lead")
    }

    /// The lead's events, oldest first.
    pub async fn events(&self, lead: LeadId) -> anyhow::Result<Vec<Recorded>> {
        let mut tx = self.engine.db.begin_read().await?;
        let mut events = event_read::timeline(&mut tx, lead, None, 200).await?.items;
        events.reverse();
        Ok(events)
    }

    /// How often an event of this kind was recorded for the lead.
    pub async fn count(&self, lead: LeadId, kind: &str) -> anyhow::Result<usize> {
        Ok(self.events(lead).await?.iter().filter(|found| found.event.kind == kind).count())
    }

    pub async fn sound(&self) -> anyhow::Result<()> {
        sound::check(&self.db.db).await
    }
}

fn engine(db: &TestDb, clock: &Arc<ManualClock>, library: Library, seed: u64) -> Arc<Engine> {
    let (library, ids) = (Arc::new(LibraryHandle::new(library)), Arc::new(IdSource::seeded(seed)));
    Engine::new(db.db.clone(), library, TimeSource::Manual(Arc::clone(clock)), ids)
}
