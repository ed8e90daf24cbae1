//! The JSON spoken between the dialer and the stand-alone simulated carrier: requests, answers and callbacks. Voice platforms that
//! are sent packages call back in the same words.

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{AnsweredBy, EndStatus};
use callwright_engine::flow::interpreter::{Expect, Input, Prompt, Turn};
use callwright_engine::flow::session::Ended;
use callwright_engine::id::{AttemptId, EnrollmentId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::provider::{CallPurpose, FoundEnd, ListedCall, Package};
use serde::{Deserialize, Serialize};

use super::report::Report;

/// Body of `POST /calls`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallBatch {
    pub calls: Vec<CallRequest>,
}

/// One call to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    pub attempt_id: AttemptId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_id: Option<EnrollmentId>,
    pub to: PhoneNumber,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PhoneNumber>,
    /// Where the carrier reports, and asks what to say.
    pub callback_url: String,
    pub step: String,
    pub visit: u32,
    /// Try of this visit, from 1.
    #[serde(rename = "try")]
    pub attempt: u32,
    pub language: String,
    pub max_duration_s: u32,
}

impl CallRequest {
    pub fn of(package: &Package, callback_url: &str) -> Self {
        Self {
            attempt_id: package.attempt_id,
            enrollment_id: package.enrollment_id,
            to: package.to,
            from: package.from,
            callback_url: callback_url.to_owned(),
            step: package.step.clone(),
            visit: package.visit,
            attempt: package.attempt,
            language: package.language.clone(),
            max_duration_s: package.max_duration_s,
        }
    }
}

/// Answer to `POST /calls`: one per call, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallAnswers {
    pub answers: Vec<CallAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum CallAnswer {
    Accepted { call_id: String },
    Refused { reason: String, retry: bool },
}

/// Answer to `GET /calls?attempt=…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCalls {
    pub calls: Vec<FoundCall>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundCall {
    pub call_id: String,
    pub asked_at: Instant,
    /// `None` while the call goes on.
    pub status: Option<EndStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// Seconds from answer to hang-up.
    #[serde(default)]
    pub talk_s: u32,
}

impl FoundCall {
    /// How it ended, if it has.
    pub fn end(&self) -> Option<FoundEnd> {
        Some(FoundEnd { at: self.ended_at?, status: self.status?, talk_s: i64::from(self.talk_s) })
    }
}

/// Answer to `GET /calls?since=…`: calls in the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallList {
    pub calls: Vec<CallEntry>,
    /// Ask for the page behind this one with `after`; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A call in that list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEntry {
    pub call_id: String,
    pub attempt_id: AttemptId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_id: Option<EnrollmentId>,
    pub number: PhoneNumber,
    pub step: String,
    pub visit: u32,
    /// Try of this visit, from 1.
    #[serde(rename = "try")]
    pub attempt: u32,
    pub asked_at: Instant,
    /// `None` while the call goes on.
    pub status: Option<EndStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// Seconds from answer to hang-up.
    #[serde(default)]
    pub talk_s: u32,
}

impl From<CallEntry> for ListedCall {
    fn from(call: CallEntry) -> Self {
        let end = call.ended_at.zip(call.status);
        let CallEntry { step, visit, attempt, .. } = call;
        Self {
            provider_call_id: call.call_id,
            attempt_id: Some(call.attempt_id),
            number: call.number,
            asked_at: call.asked_at,
            purpose: call.enrollment_id.map(|enrollment_id| CallPurpose {
                enrollment_id,
                step,
                visit,
                attempt,
            }),
            end: end.map(|(at, status)| FoundEnd { at, status, talk_s: i64::from(call.talk_s) }),
        }
    }
}

/// What the carrier posts to the callback URL, signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    pub attempt_id: AttemptId,
    pub call_id: String,
    /// Virtual or real time at the carrier when it happened.
    pub at: Instant,
    #[serde(flatten)]
    pub event: CallbackEvent,
}

/// `answered` and `input` are questions: the answer to them is a [`TurnBody`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum CallbackEvent {
    Ringing,
    Answered {
        answered_by: AnsweredBy,
    },
    Input {
        input: Input,
    },
    Ended {
        status: EndStatus,
        #[serde(default)]
        talk_s: u32,
        /// Of a conversation that the platform held by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<Report>,
    },
}

impl CallbackEvent {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered { .. } => "answered",
            Self::Input { .. } => "input",
            Self::Ended { .. } => "ended",
        }
    }
}

/// What to say now and what to wait for; without `expect` the carrier hangs up afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnBody {
    pub prompts: Vec<Prompt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Set with the last words: the carrier books conversions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl From<Turn> for TurnBody {
    fn from(turn: Turn) -> Self {
        Self { prompts: turn.prompts, expect: turn.expect, ended: turn.session.conversation.ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_request_is_written_as_documented() {
        let json = serde_json::json!({
            "attemptId": "01890a5d-ac96-774b-bcce-b302099a8057",
            "to": "+12125550143",
            "callbackUrl": "http://127.0.0.1:8080/carrier/callback",
            "step": "first", "visit": 1, "try": 2, "language": "en", "maxDurationS": 600,
        });
        let request: CallRequest = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(request).unwrap(), json);
    }

    #[test]
    fn a_callback_carries_its_event_by_name() {
        let callback = Callback {
            attempt_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            call_id: "sim-1".to_owned(),
            at: "2026-07-01T16:00:00Z".parse().unwrap(),
            event: CallbackEvent::Ended { status: EndStatus::Busy, talk_s: 0, report: None },
        };
        let json = serde_json::to_value(&callback).unwrap();
        assert_eq!(
            (&json["event"], &json["status"], &json["talkS"]),
            (&"ended".into(), &"busy".into(), &0.into())
        );
        assert_eq!(serde_json::from_value::<Callback>(json).unwrap(), callback);
    }
}
