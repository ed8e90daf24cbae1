//! What kind of value each variable holds. The list of the variables themselves stands in `context`.

use crate::domain::lead::{LeadStatus, Segment};
use crate::domain::vocabulary::FieldKind;

/// The kind of a value, as far as it is known before anybody is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    /// A text out of a closed set.
    Word(Words),
    Number,
    /// A number that may arrive as a text: `"150.00"`, `"20%"`.
    Amount,
    Truth,
    /// A date, or a date and time, as text: `2026-03-01T10:00:00Z`.
    Instant,
    List,
    Map,
    Anything,
}

/// Closed sets of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    LeadStatus,
    Segment,
}

impl Words {
    pub fn all(self) -> Vec<&'static str> {
        match self {
            Self::LeadStatus => LeadStatus::ALL.iter().map(|each| each.as_str()).collect(),
            Self::Segment => Segment::ALL.iter().map(|each| each.as_str()).collect(),
        }
    }
}

impl Type {
    /// With its article, for messages.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Text | Self::Word(_) => "a text",
            Self::Number => "a number",
            Self::Amount => "an amount",
            Self::Truth => "true or false",
            Self::Instant => "a date",
            Self::List => "a list",
            Self::Map => "a mapping",
            Self::Anything => "anything",
        }
    }

    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Word(_) | Self::Instant)
    }
}

impl From<FieldKind> for Type {
    fn from(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Text => Self::Text,
            FieldKind::Texts => Self::List,
            FieldKind::Flag => Self::Truth,
            FieldKind::Amount => Self::Amount,
            FieldKind::Score => Self::Number,
        }
    }
}

/// The type of a variable of `context`; what lies beyond the list may hold anything.
pub fn type_of(path: &str) -> Type {
    match path {
        "lead.status" => Type::Word(Words::LeadStatus),
        "lead.segment" => Type::Word(Words::Segment),
        "lead.score" | "cadence.placed" | "offer.percent" => Type::Number,
        "lead.tags" => Type::List,
        "lead.synthetic" | "lead.doNotCall" | "campaign.continueUnrecorded" => Type::Truth,
        "offer.savings" | "product.oldPrice" | "product.newPrice" => Type::Amount,
        "offer.expiresAt" | "product.purchasedAt" => Type::Instant,
        "lead.firstName" | "lead.lastName" | "lead.fullName" | "lead.company" | "lead.language"
        | "lead.email" | "lead.zone" | "lead.country" | "lead.region" | "campaign.key" | "campaign.name"
        | "campaign.company" | "agent.name" | "agent.number" | "offer.type" | "offer.title"
        | "offer.coupon" | "offer.description" | "offer.currency" | "product.name" | "product.currency"
        | "product.sku" | "product.category" | "product.url" | "currency" | "event.type" | "cadence.key"
        | "cadence.step" => Type::Text,
        "lead" | "lead.custom" | "campaign" | "agent" | "offer" | "product" | "answers" | "event"
        | "cadence" => Type::Map,
        _ => Type::Anything,
    }
}

/// Fields that every lead, campaign and cadence has: a text may speak them without asking first.
pub fn is_always_there(path: &str) -> bool {
    matches!(
        path,
        "lead.status"
            | "lead.score"
            | "lead.tags"
            | "lead.custom"
            | "lead.synthetic"
            | "lead.doNotCall"
            | "lead.language"
    ) || !path.starts_with("lead.")
}
