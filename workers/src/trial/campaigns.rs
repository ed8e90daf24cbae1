//! Campaigns for trials: active, consented, and paced as asked.

use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::{Campaign, CampaignStatus, ConsentBasis, Pacing, VoiceClass};
use callwright_engine::domain::consent::Form;
use callwright_engine::domain::priority::Priority;
use callwright_engine::id::IdSource;
use callwright_engine::time::zone::{UnknownZone, Zone};

/// An active campaign whose leads agreed in writing, with no schedule of its own: the law and the cadence decide.
pub fn consented(
    key: &str,
    voice: VoiceClass,
    ids: &IdSource,
    now: Instant,
) -> Result<Campaign, UnknownZone> {
    Ok(Campaign {
        id: ids.next(now),
        key: key.to_owned(),
        name: key.replace('-', " "),
        status: CampaignStatus::Active,
        zone: Zone::find("America/New_York")?,
        starts_on: None,
        ends_on: None,
        schedule: None,
        pacing: Pacing::default(),
        voice,
        consent_basis: Some(ConsentBasis {
            form: Form::ExpressWritten,
            covers_ai_voice: true,
            statement: "Synthetic leads of a trial; nobody is really called.".to_owned(),
            attested_by: "trial".to_owned(),
            attested_at: now,
        }),
        priority: Priority::Medium,
        caller_ids: vec!["+12025550100".to_owned()],
        caller_pacing: Pacing::default(),
        caps: Vec::new(),
        agent_name: "Rachel".to_owned(),
        company: "Callwright Trials".to_owned(),
        agent_number: None,
        continue_unrecorded: true,
        created_at: now,
        updated_at: now,
    })
}
