//! How a run begins: people, campaigns, enrollments, limits, the number of workers and when it all starts, drawn from the seed.

use std::sync::Arc;

use callwright_core::clock::Instant;
use callwright_core::decide::abandonment::Abandonment;
use callwright_core::decide::snapshot::{CampaignFacts, ConsentFact};
use callwright_core::domain::campaign::{Campaign, CampaignStatus, ConsentBasis, Pacing, VoiceClass};
use callwright_core::domain::consent::{Form, Purpose};
use callwright_core::domain::enrollment::{EnrollmentState, Position};
use callwright_core::domain::priority::Priority;
use callwright_core::id::{CampaignId, EnrollmentId, LeadId};
use chrono::TimeDelta;
use uuid::Uuid;

use super::place::{Ground, NUMBERS};
use super::rng::Rng;
use super::rows::{CampaignRow, Counter, Enrollment, Lead, Tables};

/// What does not change during a run.
#[derive(Debug, Clone)]
pub struct Setting {
    pub starts_at: Instant,
    /// From then on nothing goes wrong any more.
    pub calm_from: Instant,
    pub workers: usize,
    /// Can the provider look calls up?
    pub look_up: bool,
    /// Does it say in a look-up how a call ended?
    pub tells_end: bool,
    pub follows_flow: bool,
    pub provider_limits: Pacing,
    /// Offsets of the workers' own clocks, in milliseconds.
    pub skews: Vec<i64>,
}

/// Draws a run.
pub fn draw(ground: &Ground, rng: &mut Rng) -> (Setting, Tables) {
    let (home, schedule, cadence, opens_at) = scene(ground, rng);
    let starts_at = opens_at + TimeDelta::minutes(rng.between(-60, 150));
    let workers = 1 + rng.index(3);
    let setting = Setting {
        starts_at,
        calm_from: starts_at + TimeDelta::minutes(rng.between(3 * 60, 15 * 60)),
        workers,
        look_up: rng.chance(850),
        tells_end: rng.chance(700),
        follows_flow: rng.chance(700),
        provider_limits: if rng.chance(200) { pacing(rng) } else { Pacing::default() },
        skews: (0..workers).map(|_| rng.between(-5 * 3_600_000, 5 * 3_600_000)).collect(),
    };
    let mut tables = Tables { callers: vec![Counter::default(); CALLERS.len()], ..Tables::default() };
    for index in 0..=rng.index(2) {
        let other = rng.index(ground.schedules.len());
        let schedule = if index == 0 { schedule } else { other };
        tables.campaigns.push(campaign(ground, rng, index, schedule, starts_at));
    }
    let leads = 1 + rng.index(3);
    for index in 0..leads {
        // Often neighbours, and often one telephone for two.
        let place = if rng.chance(600) { home } else { rng.index(ground.places.len()) };
        let number = if rng.chance(500) { 0 } else { rng.index(NUMBERS) };
        tables.leads.push(lead(index, place, number, starts_at));
        for walked in 0..ground.cadences.len() {
            if !rng.chance(if walked == cadence { 1_000 } else { 200 }) {
                continue;
            }
            let campaign = if rng.chance(800) { 0 } else { rng.index(tables.campaigns.len()) };
            let due_at = starts_at + TimeDelta::seconds(rng.between(0, 2 * 3_600));
            let next = tables.enrollments.len();
            tables.enrollments.push(enrollment(ground, next, index, campaign, walked, due_at));
        }
    }
    (setting, tables)
}

/// A place, a schedule and a cadence under which somebody may be called soon, and from when on.
fn scene(ground: &Ground, rng: &mut Rng) -> (usize, usize, usize, Instant) {
    loop {
        let start = rng.index(ground.starts.len());
        let place = rng.index(ground.places.len());
        let schedule = rng.index(ground.schedules.len());
        let cadence = rng.index(ground.cadences.len());
        if let Some(opens_at) = ground.opening(start, place, schedule, cadence) {
            return (place, schedule, cadence, opens_at);
        }
    }
}

/// Numbers that campaigns show.
pub const CALLERS: [&str; 2] = ["+12025550190", "+12025550191"];

/// An id that says which row of which table it is.
pub fn id<T: From<Uuid>>(table: u128, index: usize) -> T {
    T::from(Uuid::from_u128((table << 64) | index as u128))
}

fn lead(index: usize, place: usize, number: usize, now: Instant) -> Lead {
    let granted = |purpose| ConsentFact {
        id: None,
        purpose,
        form: Form::ExpressWritten,
        granted_at: now - TimeDelta::days(9),
        revoked_at: None,
    };
    Lead {
        id: id::<LeadId>(1, index),
        place,
        number,
        opted_out: false,
        consents: vec![granted(Purpose::VoiceContact), granted(Purpose::AiVoice)],
        score: 0,
    }
}

fn enrollment(
    ground: &Ground,
    index: usize,
    lead: usize,
    campaign: usize,
    cadence: usize,
    due_at: Instant,
) -> Enrollment {
    Enrollment {
        id: id::<EnrollmentId>(2, index),
        lead,
        campaign,
        cadence,
        state: EnrollmentState::Waiting,
        hold: None,
        position: Position {
            step: ground.cadences[cadence].cadence.steps[0].id.clone(),
            visit: 1,
            attempt: 1,
            due_since: due_at,
            promised: false,
        },
        due_at: Some(due_at),
        wait_event: None,
        placed: 0,
        ended_events: 0,
    }
}

fn campaign(ground: &Ground, rng: &mut Rng, index: usize, schedule: usize, now: Instant) -> CampaignRow {
    let callers = rng.index(CALLERS.len() + 1);
    let basis = rng.chance(300).then(|| ConsentBasis {
        form: Form::ExpressWritten,
        covers_ai_voice: true,
        statement: String::new(),
        attested_by: String::new(),
        attested_at: now - TimeDelta::days(30),
    });
    let campaign = Campaign {
        id: id::<CampaignId>(3, index),
        key: String::new(),
        name: String::new(),
        status: CampaignStatus::Active,
        zone: ground.schedules[schedule].zone.clone(),
        starts_on: None,
        ends_on: None,
        schedule: ground.schedules[schedule].hours.clone(),
        pacing: if rng.chance(500) { pacing(rng) } else { Pacing::default() },
        voice: if rng.chance(700) { VoiceClass::Artificial } else { VoiceClass::Live },
        consent_basis: basis,
        priority: Priority::Medium,
        caller_ids: CALLERS[..callers].iter().map(|number| (*number).to_owned()).collect(),
        caller_pacing: if rng.chance(300) { pacing(rng) } else { Pacing::default() },
        caps: Vec::new(),
        agent_name: String::new(),
        company: String::new(),
        agent_number: None,
        continue_unrecorded: true,
        created_at: now,
        updated_at: now,
    };
    let facts = Arc::new(CampaignFacts { campaign, intents_today: 0, abandonment: Abandonment::default() });
    CampaignRow { schedule, facts, days: std::collections::BTreeMap::new() }
}

fn pacing(rng: &mut Rng) -> Pacing {
    Pacing {
        calls_per_second: rng.chance(600).then(|| rng.between(1, 3) as f64),
        max_concurrent: rng.chance(400).then(|| rng.between(1, 3) as u32),
        max_per_day: rng.chance(400).then(|| rng.between(2, 8) as u32),
        min_interval_s: rng.chance(250).then(|| rng.between(2, 60) as f64),
        agents: None,
    }
}
