//! The consent ledger: who agreed to what, when, how, with which evidence, and when it was revoked (GATE-3).

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{ConsentId, LeadId};

text_enum! {
    /// What a consent permits.
    pub enum Purpose {
        /// Being called at all for the campaign's purpose.
        VoiceContact = "voice_contact",
        /// Being called by an artificial voice.
        AiVoice = "ai_voice",
        /// Being recorded.
        Recording = "recording",
        /// Text messages.
        Sms = "sms",
        Email = "email",
    }
}

text_enum! {
    /// Strength of a consent; a later variant satisfies an earlier one.
    pub enum Form {
        Oral = "oral",
        Express = "express",
        ExpressWritten = "express_written",
    }
}

/// One entry of the ledger.
#[derive(Debug, Clone)]
pub struct Consent {
    pub id: ConsentId,
    pub lead_id: LeadId,
    pub purpose: Purpose,
    pub form: Form,
    pub granted_at: Instant,
    pub revoked_at: Option<Instant>,
    /// Wording shown or spoken.
    pub wording: Option<String>,
    /// Where the proof is: a form submission, a recording, an IP and time.
    pub evidence: Option<String>,
    /// Who recorded it: `crm`, `call`, `import`, `api`, a user.
    pub source: String,
}
