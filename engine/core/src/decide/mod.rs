//! The functional core: may this lead be contacted now, and what comes next? Pure functions of explicit inputs and an instant.

pub mod abandonment;
pub mod advance;
pub mod eligibility;
pub mod estimate;
pub mod gate;
pub mod migrate;
pub mod pacing;
pub mod protocol;
pub mod recording;
pub mod recurrence;
pub mod score;
pub mod snapshot;
pub mod verdict;
