//! The fields of the events of the CRM's vocabulary: what may be posted, and what conditions may ask about.

use super::event::kinds;

/// What a field of an event must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Texts,
    Flag,
    /// Not negative; a numeric text is accepted, as the source documents `"seconds"` and `"percentage"`.
    Amount,
    /// A whole number from 0 to 100.
    Score,
}

/// Names and kinds of fields.
pub type Fields = &'static [(&'static str, FieldKind)];

/// Fields that any event may carry.
pub const EVERY: Fields =
    &[("agentId", FieldKind::Text), ("flowId", FieldKind::Text), ("note", FieldKind::Text)];

/// Every type of the vocabulary with the fields it knows. Other fields are kept as they are.
pub const VOCABULARY: &[(&str, Fields)] = &[
    (kinds::CALL_PLACED, &[]),
    (kinds::CALL_ANSWERED, &[("callDuration", FieldKind::Amount), ("flowNodesTraversed", FieldKind::Texts)]),
    (kinds::CALL_NO_ANSWER, &[("attemptNumber", FieldKind::Amount), ("voicemail", FieldKind::Flag)]),
    (kinds::TRIAL_SIGNUP_OFFERED, &[("agentAccepted", FieldKind::Flag)]),
    (
        kinds::QUALIFICATION_RESULT,
        &[
            ("painPoints", FieldKind::Texts),
            ("segment", FieldKind::Text),
            ("leadScore", FieldKind::Score),
            ("nextAction", FieldKind::Text),
        ],
    ),
    (
        kinds::UPGRADE_OFFERED,
        &[
            ("currentPlan", FieldKind::Text),
            ("proposedPlan", FieldKind::Text),
            ("discount", FieldKind::Amount),
            ("accepted", FieldKind::Flag),
        ],
    ),
    (kinds::OFFER_ACCEPTED, &[]),
    (kinds::OPTOUT_REQUESTED, &[("reason", FieldKind::Text), ("source", FieldKind::Text)]),
    (kinds::WRONG_NUMBER, &[]),
    (kinds::CALLBACK_REQUESTED, &[("requestedTime", FieldKind::Text)]),
    (
        kinds::REPLY_RECEIVED,
        &[("text", FieldKind::Text), ("channel", FieldKind::Text), ("language", FieldKind::Text)],
    ),
    (
        kinds::COUPON_REDEEMED,
        &[
            ("code", FieldKind::Text),
            ("orderId", FieldKind::Text),
            ("amount", FieldKind::Amount),
            ("value", FieldKind::Amount),
            ("currency", FieldKind::Text),
        ],
    ),
];

/// The fields of a type of the vocabulary; `None` for types that authors and outside systems made up.
pub fn fields_of(kind: &str) -> Option<impl Iterator<Item = (&'static str, FieldKind)>> {
    let (_, own) = VOCABULARY.iter().find(|(name, _)| *name == kind)?;
    Some(own.iter().chain(EVERY).copied())
}
