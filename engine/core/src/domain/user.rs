//! Users and API keys: who may speak to the product.

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{ApiKeyId, UserId};

text_enum! {
    /// What a user may do.
    pub enum Role {
        Agent = "agent",
        Manager = "manager",
        SuperAdmin = "super_admin",
    }
}

/// A person, or the built-in AI agent that owns what the machine does.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub is_active: bool,
    pub created_at: Instant,
}

/// An API key as stored: its digest, never its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    /// Public part, shown in lists.
    pub prefix: String,
    pub role: Role,
    pub created_at: Instant,
    pub last_used_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
}
