//! May an intent still be sent? The second look, after the claim's commit and right before the provider is asked (I2).

use crate::clock::Instant;
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::CampaignStatus;
use crate::domain::text_enum::text_enum;

text_enum! {
    /// Why an intent is not sent after all.
    pub enum HeldBack {
        CampaignPaused = "campaign-paused",
        OptedOut = "opted-out",
        Suppressed = "suppressed",
        /// Somebody stopped all such calls at once.
        EmergencyStop = "emergency-stop",
        /// The database was restored and is not reconciled.
        Recovering = "recovering",
        /// The attempt has been moved on by somebody else.
        ClaimLost = "claim-lost",
        /// Its permit has run out: what it was decided on may have changed.
        TooLate = "too-late",
    }
}

/// What is on file at the second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnFile {
    pub campaign: CampaignStatus,
    /// The lead's do-not-call flag or status.
    pub opted_out: bool,
    /// An entry forbids the number to this campaign now.
    pub suppressed: bool,
    /// An emergency stop holds for it.
    pub stopped: bool,
    pub attempt: AttemptState,
}

/// Why an intent that had to be sent by `send_by` is held back at `now`; `None`: it goes out.
pub fn held_back(on_file: &OnFile, send_by: Instant, now: Instant) -> Option<HeldBack> {
    if on_file.campaign != CampaignStatus::Active {
        return Some(HeldBack::CampaignPaused);
    }
    if on_file.opted_out {
        return Some(HeldBack::OptedOut);
    }
    if on_file.suppressed {
        return Some(HeldBack::Suppressed);
    }
    if on_file.stopped {
        return Some(HeldBack::EmergencyStop);
    }
    if on_file.attempt != AttemptState::Dialing {
        return Some(HeldBack::ClaimLost);
    }
    (now > send_by).then_some(HeldBack::TooLate)
}
