//! One module per family of routes.

pub mod crm;
pub mod definitions;
pub mod emergency_stops;
pub mod jobs;
