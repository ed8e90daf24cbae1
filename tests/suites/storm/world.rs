//! What a storm rages over: a database, a carrier, three workers, a desk for people, two campaigns and a handful of leads whose
//! zones, numbers and consents are chosen to get in each other's way.

use std::sync::{Arc, LazyLock};

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::definitions::render;
use callwright_engine::domain::campaign::{Campaign, Pacing, VoiceClass};
use callwright_engine::domain::consent::{Consent, Details, Form, Purpose};
use callwright_engine::domain::new_lead::{NewLead, prepare};
use callwright_engine::engine::{Engine, EnrollRequest, ManualClock, Outlets, TimeSource};
use callwright_engine::id::{CampaignId, IdSource, LeadId};
use callwright_engine::provider::PlaceRequest;
use callwright_engine::store::{Db, campaign, consent, lead};
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::provider::simulated::faults::Faults;
use callwright_workers::provider::simulated::in_process::SimulatedCarrier;
use callwright_workers::trial::campaigns;
use serde_json::json;

use crate::bugs::Bug;
use crate::dice::Dice;
use crate::line::Watch;

const CADENCE: &str = include_str!("definitions/storm.cadence.yaml");
const FLOW: &str = include_str!("../engine/definitions/hello.flow.yaml");
const SCRIPT: &str = include_str!("../engine/definitions/hello.script.yaml");
const COMMON: &str = include_str!("../../../flows/scripts/common.yaml");

/// The cadence's three editions: as it is, with another wait, and without a step on which people may stand.
static EDITIONS: LazyLock<[Library; 3]> = LazyLock::new(|| {
    [
        library(CADENCE),
        library(&CADENCE.replace("wait: 3 hours", "wait: 90 minutes")),
        library(&CADENCE.replace("  - id: tell\n    webhook: crm\n", "")),
    ]
});

pub const KEY: &str = "storm";

fn library(cadence: &str) -> Library {
    let (library, problems) = Library::from_files([
        ("cadences/storm.yaml", cadence),
        ("flows/hello.yaml", FLOW),
        ("flows/scripts/hello.yaml", SCRIPT),
        ("flows/scripts/common.yaml", COMMON),
    ]);
    assert!(problems.is_empty(), "{}", render::terminal(&problems, library.sources(), false));
    library
}

pub fn edition(index: usize) -> Library {
    EDITIONS[index % EDITIONS.len()].clone()
}

/// Instants around which clocks jump, and two plain ones.
const STARTS: [&str; 8] = [
    "2026-03-07T15:00:00Z",
    "2026-03-08T09:30:00Z",
    "2026-06-01T16:00:00Z",
    "2026-07-15T13:00:00Z",
    "2026-10-31T18:00:00Z",
    "2026-11-01T08:30:00Z",
    "2026-12-31T20:00:00Z",
    "2026-05-04T03:30:00Z",
];

/// Numbers and who they belong to: two share one, one lies in a state of two zones, one abroad.
const PEOPLE: [(&str, Option<&str>); 9] = [
    ("+12024561111", None),
    ("+12134561111", Some("America/Los_Angeles")),
    ("+12024561111", None),
    ("+16024561111", None),
    ("+12084561111", None),
    ("+919876543210", None),
    ("+17734561111", None),
    ("+13034561111", None),
    ("+14044561111", Some("America/New_York")),
];

/// Numbers that people change to.
pub const OTHER_NUMBERS: [&str; 3] = ["+12124561212", "+17734561313", "+12024561111"];

/// One process of the product.
#[derive(Debug)]
pub struct Worker {
    pub engine: Arc<Engine>,
    pub owner: String,
    /// Next verb of its dial loop.
    pub verb: usize,
    /// Claimed and not placed yet: lost when the process dies.
    pub hand: Vec<PlaceRequest>,
    /// It does nothing until then, and goes on with what it has in hand.
    pub asleep_until: Option<Instant>,
}

/// Everything of one run.
#[derive(Debug)]
pub struct World {
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub carrier: Arc<SimulatedCarrier>,
    pub watch: Arc<Watch>,
    pub workers: Vec<Worker>,
    /// Where people's acts come in.
    pub desk: Arc<Engine>,
    pub leads: Vec<LeadId>,
    pub campaigns: Vec<CampaignId>,
    pub bug: Option<Bug>,
    seed: u64,
    boots: u64,
    /// Edition of the cadence in everybody's files.
    pub edition: usize,
}

impl World {
    /// A fresh world in an emptied database.
    pub async fn open(db: Db, seed: u64, bug: Option<Bug>, dice: &mut Dice) -> anyhow::Result<Self> {
        let start: Instant = STARTS[dice.below(STARTS.len() as u64) as usize].parse()?;
        let clock = ManualClock::at(start);
        let profile = Profile {
            answer: 0.45,
            no_answer: 0.3,
            opt_out: 0.04,
            decline: 0.3,
            accept: 0.1,
            talk_s: (15, 120),
            ..Profile::default()
        };
        let now = Arc::clone(&clock);
        let carrier = SimulatedCarrier::new(
            Arc::new(move || now.now()),
            seed,
            Seeded { seed, profile },
            Faults::default(),
        );
        let mut world = Self {
            desk: engine(&db, &clock, seed, 0, bug, 0),
            carrier: Arc::new(carrier),
            watch: Arc::default(),
            workers: Vec::new(),
            leads: Vec::new(),
            campaigns: Vec::new(),
            db,
            clock,
            bug,
            seed,
            boots: 0,
            edition: 0,
        };
        for _ in 0..3 {
            let worker = world.booted();
            world.workers.push(worker);
        }
        world.desk.publish().await?;
        world.add_campaigns().await?;
        world.add_people().await?;
        Ok(world)
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A process that has just started: nothing but the database, the clock and the files.
    pub fn booted(&mut self) -> Worker {
        self.boots += 1;
        Worker {
            engine: engine(&self.db, &self.clock, self.seed, self.boots, self.bug, self.edition),
            owner: format!("boot-{}", self.boots),
            verb: 0,
            hand: Vec::new(),
            asleep_until: None,
        }
    }

    async fn add_campaigns(&mut self) -> anyhow::Result<()> {
        for (key, voice) in [("live", VoiceClass::Live), ("artificial", VoiceClass::Artificial)] {
            let mut campaign: Campaign = campaigns::consented(key, voice, &self.desk.ids, self.now())?;
            campaign.pacing = Pacing { max_concurrent: Some(3), ..Pacing::default() };
            let mut tx = self.db.begin().await?;
            campaign::create(&mut tx, &campaign).await?;
            tx.commit().await?;
            self.campaigns.push(campaign.id);
        }
        Ok(())
    }

    async fn add_people(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        for (index, (number, zone)) in PEOPLE.iter().enumerate() {
            let id: LeadId = self.desk.ids.next(now);
            let mut new = NewLead { phone: (*number).into(), synthetic: true, ..NewLead::default() };
            if let Some(zone) = zone {
                new.zone = (*zone).into();
            }
            let lead = prepare(&new, id, now).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
            let mut tx = self.db.begin().await?;
            lead::insert_many(&mut tx, std::slice::from_ref(&lead)).await?;
            consent::add_many(&mut tx, &[self.consent(id, now)]).await?;
            tx.commit().await?;
            self.leads.push(id);
            self.desk.enroll(vec![self.request(index, index % 2)]).await?;
        }
        Ok(())
    }

    pub fn consent(&self, lead_id: LeadId, now: Instant) -> Consent {
        Consent {
            id: self.desk.ids.next(now),
            lead_id,
            purpose: Purpose::VoiceContact,
            form: Form::ExpressWritten,
            granted_at: now,
            revoked_at: None,
            wording: None,
            evidence: None,
            source: "storm".to_owned(),
            details: Details::default(),
        }
    }

    pub fn request(&self, lead: usize, campaign: usize) -> EnrollRequest {
        EnrollRequest {
            lead_id: self.leads[lead],
            campaign_id: self.campaigns[campaign],
            cadence: KEY.to_owned(),
            entry_key: String::new(),
            start_at: None,
            variables: json!({}),
        }
    }
}

fn engine(
    db: &Db,
    clock: &Arc<ManualClock>,
    seed: u64,
    boot: u64,
    bug: Option<Bug>,
    edition_now: usize,
) -> Arc<Engine> {
    let library = Arc::new(LibraryHandle::new(edition(edition_now)));
    let ids = Arc::new(IdSource::seeded(seed.wrapping_mul(10_000).wrapping_add(boot)));
    let time = TimeSource::Manual(Arc::clone(clock));
    let engine = Engine::with_safeguards(db.clone(), library, time, ids, Bug::safeguards(bug));
    engine.set_outlets(Outlets { messages: true, endpoints: ["crm".to_owned()].into() });
    engine
}
