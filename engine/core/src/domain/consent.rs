//! The consent ledger: who agreed to what, when, how, with which evidence, and when it was revoked (GATE-3).

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{ConsentId, LeadId};
use crate::phone::number::PhoneNumber;

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

text_enum! {
    /// The way a person said it: granting as well as taking back.
    pub enum Channel {
        Web = "web",
        Paper = "paper",
        /// Spoken in a call.
        Call = "call",
        /// A key pressed in a call.
        Keypress = "keypress",
        Sms = "sms",
        Email = "email",
        Chat = "chat",
        InPerson = "in_person",
        /// A letter.
        Post = "post",
        /// Another system says so: a CRM, an import.
        System = "system",
    }
}

/// One entry of the ledger. Nothing of it ever changes but `revoked_at`, once.
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
    /// What proves it: a text, a form submission, a recording, an IP and time.
    pub evidence: Option<String>,
    /// Where it comes from: `crm`, `call`, `import`, `api`, a person.
    pub source: String,
    pub details: Details,
}

/// What else is known of a consent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// It is for this number only; `None`: for the person, whatever the number.
    pub number: Option<PhoneNumber>,
    pub channel: Option<Channel>,
    /// The seller it was given to, as named to the person.
    pub seller: Option<String>,
    /// Language of the wording.
    pub language: Option<String>,
    /// Where a copy of the request as shown is kept.
    pub evidence_url: Option<String>,
    /// SHA-256 of that copy, in hexadecimal.
    pub evidence_sha256: Option<String>,
    pub recorded_at: Option<Instant>,
    /// The user or key that put it on file.
    pub recorded_by: Option<String>,
}
