//! Priority of a call: a class people choose and an order in the queue.

use super::text_enum::text_enum;

text_enum! {
    /// Class of urgency.
    pub enum Priority {
        High = "high",
        Medium = "medium",
        Low = "low",
    }
}

impl Priority {
    /// Column value: smaller goes first.
    pub const fn rank(self) -> i64 {
        match self {
            Self::High => 0,
            Self::Medium => 1,
            Self::Low => 2,
        }
    }

    pub const fn from_rank(rank: i64) -> Self {
        match rank {
            0 => Self::High,
            1 => Self::Medium,
            _ => Self::Low,
        }
    }
}
