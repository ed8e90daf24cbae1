//! What people and other systems do meanwhile: opt-outs by every way, imports, pauses, edits, publications, events that come twice.

use std::sync::Arc;

use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::domain::consent::Purpose;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::publication::{MapTo, Mode, StepMap};
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::publish::PublishRequest;
use callwright_engine::engine::{Engine, EngineError, EnrollRequest, NewEvent};
use callwright_engine::id::{CampaignId, EnrollmentId, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{consent, lead, suppression};
use callwright_workers::jobs::{Retention, keep_house};
use serde_json::json;

use crate::dice::Dice;
use crate::world::{KEY, OTHER_NUMBERS, World};

/// One act. Repeating it does no harm, so a person who got no answer does it again.
#[derive(Debug, Clone)]
pub enum Act {
    OptOut(LeadId),
    OptOutByEvent(LeadId, String),
    DoNotCall(LeadId),
    Suppress(String, Option<CampaignId>),
    Revoke(LeadId),
    PauseCampaign(CampaignId),
    ResumeCampaign(CampaignId),
    Pause(EnrollmentId),
    Resume(EnrollmentId),
    Skip(EnrollmentId),
    End(EnrollmentId),
    EnrollAgain(LeadId, CampaignId),
    Rezone(LeadId, &'static str),
    Renumber(LeadId, &'static str),
    /// An event of the CRM: kind and sender's key.
    Event(LeadId, &'static str, String),
    OutsideCall(LeadId),
    Publish(Mode),
    KeepHouse,
}

impl Act {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OptOut(_) => "opt-out",
            Self::OptOutByEvent(..) => "opt-out by event",
            Self::DoNotCall(_) => "do not call",
            Self::Suppress(_, None) => "suppression imported",
            Self::Suppress(_, Some(_)) => "suppression of a campaign",
            Self::Revoke(_) => "consent revoked",
            Self::PauseCampaign(_) => "campaign paused",
            Self::ResumeCampaign(_) => "campaign resumed",
            Self::Pause(_) => "enrollment paused",
            Self::Resume(_) => "enrollment resumed",
            Self::Skip(_) => "step skipped",
            Self::End(_) => "enrollment cancelled",
            Self::EnrollAgain(..) => "enrolled again",
            Self::Rezone(..) => "zone edited",
            Self::Renumber(..) => "number edited",
            Self::Event(..) => "event",
            Self::OutsideCall(_) => "outside call",
            Self::Publish(Mode::Follow) => "published to follow",
            Self::Publish(Mode::Migrate) => "published to migrate",
            Self::Publish(_) => "published for new people",
            Self::KeepHouse => "house kept",
        }
    }

    /// Every name, for the proof that each has happened.
    pub const NAMES: [&'static str; 21] = [
        "opt-out",
        "opt-out by event",
        "do not call",
        "suppression imported",
        "suppression of a campaign",
        "consent revoked",
        "campaign paused",
        "campaign resumed",
        "enrollment paused",
        "enrollment resumed",
        "step skipped",
        "enrollment cancelled",
        "enrolled again",
        "zone edited",
        "number edited",
        "event",
        "outside call",
        "published to follow",
        "published to migrate",
        "published for new people",
        "house kept",
    ];

    pub fn drawn(world: &World, enrollments: &[EnrollmentId], dice: &mut Dice) -> Self {
        let lead = world.leads[dice.below(world.leads.len() as u64) as usize];
        let campaign = world.campaigns[dice.below(2) as usize];
        let enrollment = dice.pick(enrollments).copied().unwrap_or_default();
        let key = format!("key-{}", dice.below(12));
        match dice.weighted(&[2, 2, 1, 2, 2, 3, 4, 6, 5, 8, 4, 2, 8, 3, 4, 10, 2, 2, 3, 4, 3]) {
            0 => Self::OptOut(lead),
            1 => Self::OptOutByEvent(lead, format!("stop-{key}-{lead}")),
            2 => Self::DoNotCall(lead),
            3 => Self::Suppress((*dice.pick(&OTHER_NUMBERS).unwrap_or(&OTHER_NUMBERS[0])).to_owned(), None),
            4 => Self::Suppress("+12134561111".to_owned(), Some(campaign)),
            5 => Self::Revoke(lead),
            6 => Self::PauseCampaign(campaign),
            7 => Self::ResumeCampaign(campaign),
            8 => Self::Pause(enrollment),
            9 => Self::Resume(enrollment),
            10 => Self::Skip(enrollment),
            11 => Self::End(enrollment),
            12 => Self::EnrollAgain(lead, campaign),
            13 => Self::Rezone(
                lead,
                ["America/New_York", "America/Phoenix", "Pacific/Honolulu"][dice.below(3) as usize],
            ),
            14 => Self::Renumber(lead, OTHER_NUMBERS[dice.below(3) as usize]),
            15 if dice.chance(0.2) => Self::Event(lead, "PAYMENT_RECEIVED", format!("paid-{key}")),
            15 => Self::Event(lead, "MESSAGE_RECEIVED", key),
            16 => Self::OutsideCall(lead),
            17 => Self::Publish(Mode::Follow),
            18 => Self::Publish(Mode::Migrate),
            19 => Self::Publish(Mode::Pin),
            _ => Self::KeepHouse,
        }
    }

    /// Does it, as the API would. Refusals are answers like any other.
    pub async fn done(self, desk: Arc<Engine>) -> Result<String, EngineError> {
        let refused = |answer: Result<String, EngineError>| match answer {
            Err(EngineError::Store(error)) => Err(EngineError::Store(error)),
            Err(error) => Ok(format!("refused: {error}")),
            Ok(text) => Ok(text),
        };
        refused(self.try_done(&desk).await)
    }

    async fn try_done(self, desk: &Engine) -> Result<String, EngineError> {
        match self {
            Self::OptOut(lead) => desk.opt_out(lead, "asked", "api").await?,
            Self::OptOutByEvent(lead, key) => log(desk, lead, "OPTOUT_REQUESTED", Some(key)).await?,
            Self::Event(lead, kind, key) => log(desk, lead, kind, Some(key)).await?,
            Self::OutsideCall(lead) => log(desk, lead, "CALL_PLACED", None).await?,
            Self::DoNotCall(lead) => {
                edit(desk, lead, NewLead { do_not_call: Some(true), ..NewLead::default() }).await?;
            }
            Self::Rezone(lead, zone) => {
                edit(desk, lead, NewLead { zone: zone.into(), ..NewLead::default() }).await?;
            }
            Self::Renumber(lead, number) => {
                edit(desk, lead, NewLead { phone: number.into(), ..NewLead::default() }).await?;
            }
            Self::Suppress(number, campaign) => suppress(desk, &number, campaign).await?,
            Self::Revoke(lead) => {
                let mut tx = desk.db.begin().await?;
                let now = desk.time.now(&mut tx).await?;
                consent::revoke_purpose(&mut tx, lead, Purpose::VoiceContact, now).await?;
                tx.commit().await?;
            }
            Self::PauseCampaign(id) => desk.set_campaign_status(id, CampaignStatus::Paused).await?,
            Self::ResumeCampaign(id) => desk.set_campaign_status(id, CampaignStatus::Active).await?,
            Self::Pause(id) => return Ok(desk.pause(id).await?.state.to_owned()),
            Self::Resume(id) => return Ok(desk.resume(id).await?.state.to_owned()),
            Self::Skip(id) => return Ok(desk.skip_step(id).await?.step),
            Self::End(id) => return Ok(desk.end_enrollment(id, "by_hand").await?.state.to_owned()),
            Self::EnrollAgain(lead_id, campaign_id) => {
                let request = EnrollRequest {
                    lead_id,
                    campaign_id,
                    cadence: KEY.to_owned(),
                    entry_key: String::new(),
                    start_at: None,
                    variables: json!({}),
                };
                let answer = desk.enroll(vec![request]).await?.pop();
                return Ok(answer.map_or_else(String::new, |answer| match answer {
                    Ok(enrolled) => enrolled.enrollment_id.to_string(),
                    Err(refusal) => refusal.reason,
                }));
            }
            Self::Publish(mode) => return publish(desk, mode).await,
            Self::KeepHouse => drop(keep_house::tidy(desk, &Retention::default(), 10).await?),
        }
        Ok("done".to_owned())
    }
}

async fn log(desk: &Engine, lead_id: LeadId, kind: &str, key: Option<String>) -> Result<(), EngineError> {
    let event = NewEvent {
        kind: kind.to_owned(),
        lead_id,
        campaign_id: None,
        at: None,
        data: json!({"key": key}),
        dedupe: key,
    };
    // The sender's own retry, within one request.
    let events = if kind == "MESSAGE_RECEIVED" { vec![event.clone(), event] } else { vec![event] };
    desk.log_events(events).await.map(|_| ())
}

async fn edit(desk: &Engine, id: LeadId, change: NewLead) -> Result<(), EngineError> {
    let mut tx = desk.db.begin().await?;
    let now = desk.time.now(&mut tx).await?;
    lead::update(&mut tx, id, &change, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn suppress(desk: &Engine, number: &str, campaign_id: Option<CampaignId>) -> Result<(), EngineError> {
    let mut tx = desk.db.begin().await?;
    let now = desk.time.now(&mut tx).await?;
    let number = PhoneNumber::e164_only(number)
        .map_err(|e| EngineError::Invalid { field: "number".to_owned(), message: e.to_string() })?;
    let entry = Suppression {
        id: desk.ids.next(now),
        number,
        source: if campaign_id.is_some() { Source::Campaign } else { Source::NationalRegistry },
        campaign_id,
        reason: "registry file".to_owned(),
        added_by: String::new(),
        created_at: now,
        expires_at: None,
    };
    suppression::import_many(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(())
}

async fn publish(desk: &Engine, mode: Mode) -> Result<String, EngineError> {
    let mut steps = StepMap::new();
    if mode == Mode::Migrate {
        steps.insert("tell".to_owned(), MapTo::new("pause"));
    }
    let request = PublishRequest { cadence: KEY.to_owned(), to: None, mode, steps, rate: 60 };
    let plan = desk.plan_publication(&request).await?;
    let Some(token) = plan.token else { return Ok(format!("refused: {:?}", plan.problems)) };
    desk.apply_publication(&token).await?;
    Ok(plan.to)
}
