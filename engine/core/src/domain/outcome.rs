//! The one vocabulary of what happened, mapped once: cadence outcome, CRM event, call status, class, lead status.

use super::lead::LeadStatus;
use super::text_enum::text_enum;

text_enum! {
    /// How an attempt ended, as a cadence sees it.
    pub enum Outcome {
        Answered = "answered",
        Converted = "converted",
        Voicemail = "voicemail",
        NoAnswer = "no_answer",
        Busy = "busy",
        Failed = "failed",
        OptedOut = "opted_out",
        WrongNumber = "wrong_number",
        CallbackRequested = "callback_requested",
    }
}

text_enum! {
    /// Disposition class of an outcome.
    pub enum Class {
        Positive = "positive",
        Neutral = "neutral",
        Negative = "negative",
    }
}

impl Outcome {
    /// Outcome of a flow ending that names no outcome of its own: well-known words map, everything else was answered.
    pub fn of_ending(disposition: &str) -> Self {
        match disposition {
            "converted" | "accepted" => Self::Converted,
            "opted_out" => Self::OptedOut,
            "wrong_number" => Self::WrongNumber,
            "callback_requested" => Self::CallbackRequested,
            "voicemail" | "voicemail_left" => Self::Voicemail,
            _ => Self::Answered,
        }
    }

    /// Event type that the CRM knows for this outcome.
    pub const fn crm_event(self) -> &'static str {
        match self {
            Self::Answered | Self::Converted => "CALL_ANSWERED",
            Self::Voicemail | Self::NoAnswer | Self::Busy | Self::Failed => "CALL_NO_ANSWER",
            Self::OptedOut => "OPTOUT_REQUESTED",
            Self::WrongNumber => "WRONG_NUMBER",
            Self::CallbackRequested => "CALLBACK_REQUESTED",
        }
    }

    /// Status of the call as providers and call logs name it.
    pub const fn call_status(self) -> &'static str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            _ => "completed",
        }
    }

    /// Class when the flow says nothing finer.
    pub const fn class(self) -> Class {
        match self {
            Self::Converted => Class::Positive,
            Self::OptedOut | Self::WrongNumber => Class::Negative,
            _ => Class::Neutral,
        }
    }

    /// Did a person pick up?
    pub const fn is_human(self) -> bool {
        matches!(
            self,
            Self::Answered | Self::Converted | Self::OptedOut | Self::WrongNumber | Self::CallbackRequested
        )
    }

    /// Status the lead gets, if it changes. Opted out absorbs; conversion status comes from the flow's own event.
    pub const fn lead_status(self, before: LeadStatus) -> Option<LeadStatus> {
        match (self, before) {
            (_, LeadStatus::OptedOut) => None,
            (Self::OptedOut, _) => Some(LeadStatus::OptedOut),
            (
                Self::Answered | Self::Converted | Self::CallbackRequested,
                LeadStatus::Cold | LeadStatus::Unresponsive,
            ) => Some(LeadStatus::Contacted),
            _ => None,
        }
    }
}
