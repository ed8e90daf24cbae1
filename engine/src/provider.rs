//! What the engine asks of a company that places calls, and what it must say about itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::clock::Instant;
use crate::decide::verdict::Permit;
use crate::definitions::library::Bundle;
use crate::domain::call::Fact;
use crate::domain::campaign::Pacing;
use crate::id::{AttemptId, CampaignId, EnrollmentId};
use crate::package::Frozen;
use crate::phone::number::PhoneNumber;

pub use callwright_core::answer::{Capabilities, FoundEnd, LookUpResult, Placement};

/// A boxed future, so that providers can be held as `dyn Provider`.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A company that places calls, or the simulated carrier.
pub trait Provider: Send + Sync + std::fmt::Debug {
    fn name(&self) -> &str;

    fn capabilities(&self) -> Capabilities;

    /// How many calls it takes, from all campaigns and workers together.
    fn limits(&self) -> Pacing {
        Pacing::default()
    }

    /// Asks for each call exactly once, no retries inside. Answers in the order of `requests`, one each.
    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>>;

    /// Looks up what became of an attempt whose answer was lost.
    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult>;

    /// Every call it took at or after an instant, oldest first, a page at a time: how a database restored from a backup learns
    /// of the calls after it. Refused requests are left out.
    fn calls_since<'a>(&'a self, _query: &'a CallsSince) -> Answer<'a, Result<Listing, ProviderError>> {
        Box::pin(async { Ok(Listing::NotOffered) })
    }

    /// Ends a call that should not be (late orphan, opt-out in progress). Idempotent.
    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>>;
}

/// One call to place. It cannot be built without a permit.
#[derive(Debug, Clone)]
pub struct PlaceRequest {
    pub permit: Permit,
    /// Of its committed intent.
    pub intent_at: Instant,
    /// Not to be asked for after this instant.
    pub send_by: Instant,
    /// The same by this machine's own steady clock, once it is known.
    pub deadline: Deadline,
    pub package: Package,
}

/// The end of a permit for the last look before bytes leave, when nobody can be asked for the time any more. It passes as well
/// while the process stands still: whoever was stopped in between must not go on as if nothing had been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Option<tokio::time::Instant>);

impl Deadline {
    /// Never passes: time stands still unless a test moves it.
    pub const NEVER: Self = Self(None);

    /// This long after now.
    pub fn after(length: Duration) -> Self {
        Self(Some(tokio::time::Instant::now() + length))
    }

    /// Moved by this much; backwards, too.
    #[must_use]
    pub fn shifted(self, by: TimeDelta) -> Self {
        let length = by.abs().to_std().unwrap_or_default();
        Self(self.0.and_then(|at| {
            if by < TimeDelta::zero() { at.checked_sub(length) } else { at.checked_add(length) }
        }))
    }

    pub fn has_passed(self) -> bool {
        self.0.is_some_and(|at| tokio::time::Instant::now() > at)
    }

    /// The earlier of two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Self(Some(one.min(two))),
            (one, two) => Self(one.or(two)),
        }
    }
}

/// Everything about a call but the permission to make it.
#[derive(Debug, Clone)]
pub struct Package {
    pub attempt_id: AttemptId,
    pub enrollment_id: Option<EnrollmentId>,
    pub campaign_id: CampaignId,
    pub to: PhoneNumber,
    pub from: Option<PhoneNumber>,
    /// Flow to follow and the version it is pinned to.
    pub flow: String,
    pub bundle: Arc<Bundle>,
    pub language: String,
    /// Variables of the call: `lead`, `campaign`, `agent`, `offer`, `product`, …
    pub variables: Value,
    pub max_duration_s: u32,
    pub synthetic: bool,
    /// Which visit, step and try this is: the simulated callee behaves by it.
    pub step: String,
    pub visit: u32,
    pub attempt: u32,
    /// Of a call that a trigger raised, or whose provider takes packages: everything a voice platform needs, byte by byte as it is
    /// kept.
    pub complete: Option<Arc<Frozen>>,
}

impl std::ops::Deref for PlaceRequest {
    type Target = Package;

    fn deref(&self) -> &Package {
        &self.package
    }
}

impl Package {
    /// For people to read: the definitions by the hash of their version.
    pub fn to_json(&self) -> Value {
        json!({
            "attemptId": self.attempt_id, "enrollmentId": self.enrollment_id, "campaignId": self.campaign_id,
            "to": self.to, "from": self.from, "flow": self.flow, "version": self.bundle.hash,
            "language": self.language, "step": self.step, "visit": self.visit, "try": self.attempt,
            "maxDurationS": self.max_duration_s, "synthetic": self.synthetic, "variables": self.variables,
        })
    }
}

/// Finding an attempt again.
#[derive(Debug, Clone)]
pub struct LookUp {
    pub attempt_id: AttemptId,
    pub number: PhoneNumber,
    pub intent_at: Instant,
}

/// Which calls to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallsSince {
    /// By the provider's clock.
    pub since: Instant,
    /// Where the page before this one ended.
    pub after: Option<String>,
}

/// What a provider answers when it is asked for its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// It cannot list calls.
    NotOffered,
    Page {
        calls: Vec<ListedCall>,
        /// `None`: this was the last page.
        next: Option<String>,
    },
}

/// A call as the provider's own list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    pub provider_call_id: String,
    /// Our tag, where the provider gives it back; without it number and time must do.
    pub attempt_id: Option<AttemptId>,
    pub number: PhoneNumber,
    pub asked_at: Instant,
    /// What the request said it was for, where the provider gives that back.
    pub purpose: Option<CallPurpose>,
    /// `None` while the call goes on.
    pub end: Option<FoundEnd>,
}

/// Which execution of which step a call was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPurpose {
    pub enrollment_id: EnrollmentId,
    pub step: String,
    pub visit: u32,
    /// Try of this visit, from 1.
    pub attempt: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("provider: {0}")]
pub struct ProviderError(pub String);

/// One thing a provider told us.
#[derive(Debug, Clone)]
pub struct ReportedFact {
    pub attempt_id: AttemptId,
    pub provider_call_id: Option<String>,
    /// The provider's own id of this report: the same one twice is the same fact.
    pub key: String,
    pub at: Instant,
    pub fact: Fact,
}

impl ReportedFact {
    /// Nothing (more) is known of what was said in a call, and nobody waits for it: a call that was picked up has an outcome
    /// only together with its conversation. A fuller report later on still counts.
    pub fn nothing_said(attempt_id: AttemptId, at: Instant) -> Self {
        let fact = Fact::Conversation { conversation: Box::default() };
        Self { attempt_id, provider_call_id: None, key: "unsaid".to_owned(), at, fact }
    }
}

/// A provider that lives in virtual time: it hands out what happened when it is asked, instead of calling back.
pub trait VirtualCarrier: Provider {
    /// Facts up to `now`, oldest first.
    fn due(&self, now: Instant) -> Vec<ReportedFact>;

    /// When the next fact becomes due.
    fn next_at(&self) -> Option<Instant>;
}
