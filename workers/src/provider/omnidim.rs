//! OmniDimension's dispatch API: each call is one dispatch with the package as its context. Its webhook after a call is not signed
//! and does not name the dispatch, so nothing in it is believed but the id of its log, which is read from OmniDimension itself.
//!
//! Only documented fields are read. There is no way to find a dispatch whose answer was lost, nor to end a call.

use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{AnsweredBy, EndStatus, Fact};
use callwright_engine::engine::{Engine, EngineError, RecordReport};
use callwright_engine::id::AttemptId;
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
    ReportedFact,
};
use callwright_engine::store::call;
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::asking::{self, Rest, describe};
use super::http;
use super::report::Report;

/// Which agent calls, and how its account is reached.
#[derive(Clone)]
pub struct OmnidimOptions {
    /// Base URL of the API, `https://backend.omnidim.io/api/v1`.
    pub url: Url,
    pub key: String,
    /// The agent that speaks.
    pub agent_id: u64,
    /// The number it calls from; the agent's own, when left out.
    pub from_number_id: Option<u64>,
    /// The last part of the webhook's address, which nobody else knows.
    pub callback_token: String,
    /// After this long the answer counts as lost.
    pub timeout: Duration,
}

impl std::fmt::Debug for OmnidimOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OmnidimOptions").field("agent_id", &self.agent_id).finish_non_exhaustive()
    }
}

impl OmnidimOptions {
    pub const URL: &'static str = "https://backend.omnidim.io/api/v1";
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    /// Shortest token of a webhook's address.
    pub const TOKEN_CHARS: usize = 24;
}

/// OmniDimension as a provider.
#[derive(Debug)]
pub struct Omnidim {
    options: OmnidimOptions,
    client: reqwest::Client,
    rest: Rest,
}

/// Body of `POST /calls/dispatch`.
#[derive(Debug, Serialize)]
struct Dispatch<'a> {
    agent_id: u64,
    to_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_number_id: Option<u64>,
    /// The package; its `call_id` is the attempt's.
    call_context: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct Dispatched {
    success: bool,
    #[serde(rename = "requestId")]
    request_id: Text,
}

/// Body of the webhook: only the id of the log is used.
#[derive(Debug, Deserialize)]
struct PostCall {
    call_id: Text,
}

/// Answer of `GET /calls/logs/{id}`.
#[derive(Debug, Deserialize)]
struct LogAnswer {
    call_log_data: OneRow,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneRow {
    Rows(Vec<Log>),
    Row(Box<Log>),
}

/// What is read of a log.
#[derive(Debug, Clone, Deserialize)]
struct Log {
    /// The `requestId` that the dispatch answered with.
    call_request_id: Text,
    call_status: String,
    #[serde(default)]
    call_duration_in_seconds: Value,
    #[serde(default)]
    is_voicemail: Value,
    /// As the agent is configured; ours are `outcome` and `call_back`.
    #[serde(default)]
    extracted_variables: Value,
}

/// An id, whether it is written as a text or as a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(serde_json::Number),
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// Why a webhook was not followed.
#[derive(Debug, thiserror::Error)]
pub enum PostCallError {
    #[error("the webhook cannot be read: {0}")]
    Body(#[from] serde_json::Error),
    /// Worth another try: OmniDimension did not say what became of the call.
    #[error("the log of the call could not be read: {0}")]
    Log(#[from] ProviderError),
    /// A call that somebody else made with the same account.
    #[error("no call of ours has this log")]
    NotOurs,
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Dispatches at the same time.
const AT_A_TIME: usize = 32;
/// Nothing can be looked up; a dispatch in doubt keeps its line until it must be over.
const OVER_WITHIN: TimeDelta = TimeDelta::minutes(15);

impl Omnidim {
    /// The provider's name, stored with each call.
    pub const NAME: &'static str = "omnidim";

    pub fn new(options: OmnidimOptions) -> Result<Self, ProviderError> {
        let client = http::ask_once(options.timeout).map_err(|error| ProviderError(describe(&error)))?;
        Ok(Self { options, client, rest: Rest::default() })
    }

    async fn ask(&self, request: PlaceRequest) -> Placement {
        let refused = |reason: &str| Placement::Refused { reason: reason.to_owned(), retry: false };
        let package = match asking::real(&request) {
            Ok(package) => package,
            Err(refusal) => return refusal,
        };
        if let Some(busy) = self.rest.busy() {
            return busy;
        }
        let Ok(call_context) = serde_json::from_str(&package.body) else {
            return refused("the package is not JSON");
        };
        let OmnidimOptions { agent_id, from_number_id, .. } = self.options;
        let to_number = request.to.e164();
        let dispatch = Dispatch { agent_id, to_number: &to_number, from_number_id, call_context };
        let Ok(url) = self.url(&["calls", "dispatch"]) else {
            return refused("the provider's URL cannot be used");
        };
        let post = self.client.post(url).bearer_auth(&self.options.key).json(&dispatch);
        let answer = match asking::send(&self.client, post, request.deadline, &self.rest).await {
            Ok(answer) => answer,
            Err(placement) => return placement,
        };
        match asking::read_json::<Dispatched>(answer).await {
            Ok(Dispatched { success: true, request_id }) => asking::accepted(&request_id.to_string()),
            // What a success that is none means is not documented.
            Ok(_) => Placement::Unknown { reason: "the answer says `success: false`".to_owned() },
            Err(ProviderError(reason)) => Placement::Unknown { reason },
        }
    }

    /// Is this the address that OmniDimension was told?
    pub fn admits(&self, token: &str) -> bool {
        self.options.callback_token.as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// Follows a webhook: its log is read, and what that says is recorded. Repeats change nothing.
    pub async fn receive(&self, engine: &Engine, body: &[u8]) -> Result<RecordReport, PostCallError> {
        let PostCall { call_id } = serde_json::from_slice(body)?;
        let log = self.log(&call_id.to_string()).await?;
        let mut tx = engine.db.begin_read().await.map_err(EngineError::from)?;
        let now = engine.time.now(&mut tx).await.map_err(EngineError::from)?;
        let request = log.call_request_id.to_string();
        let attempt =
            call::by_provider_call(&mut tx, Self::NAME, &request).await.map_err(EngineError::from)?;
        tx.rollback().await.map_err(EngineError::from)?;
        let attempt = attempt.ok_or(PostCallError::NotOurs)?;
        Ok(engine.record(Self::NAME, facts(&log, attempt, &request, now)).await?)
    }

    async fn log(&self, call_id: &str) -> Result<Log, ProviderError> {
        let url = self.url(&["calls", "logs", call_id])?;
        let answer = self.client.get(url).bearer_auth(&self.options.key).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| ProviderError(describe(&error)))?;
        let row = match asking::read_json::<LogAnswer>(answer).await?.call_log_data {
            OneRow::Rows(rows) => rows.into_iter().next(),
            OneRow::Row(row) => Some(*row),
        };
        row.ok_or_else(|| ProviderError("there is no such log".to_owned()))
    }

    fn url(&self, parts: &[&str]) -> Result<Url, ProviderError> {
        let mut url = self.options.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().extend(parts)),
            Err(()) => return Err(ProviderError("the URL of the API cannot be used".to_owned())),
        }
        Ok(url)
    }
}

/// What a log says about the call; nothing while it is not over. Its time carries no zone, so the call ended when we heard of it.
fn facts(log: &Log, attempt_id: AttemptId, request: &str, now: Instant) -> Vec<ReportedFact> {
    let status = match log.call_status.as_str() {
        "completed" => EndStatus::Completed,
        "busy" => EndStatus::Busy,
        "no-answer" => EndStatus::NoAnswer,
        "failed" => EndStatus::Failed,
        _ => return Vec::new(),
    };
    let fact = |key: &str, fact: Fact| ReportedFact {
        attempt_id,
        provider_call_id: Some(request.to_owned()),
        key: key.to_owned(),
        at: now,
        fact,
    };
    let mut facts = Vec::with_capacity(3);
    if status == EndStatus::Completed {
        let is_machine = log.is_voicemail == Value::Bool(true);
        let by = if is_machine { AnsweredBy::Machine } else { AnsweredBy::Unknown };
        facts.push(fact("answered", Fact::Answered { by }));
        let told = report(&log.extracted_variables).map(|report| Box::new(report.conversation()));
        facts.push(match told {
            Some(conversation) => fact("report", Fact::Conversation { conversation }),
            None => ReportedFact::nothing_said(attempt_id, now),
        });
    }
    let talk_s = log.call_duration_in_seconds.as_f64().filter(|length| *length > 0.0);
    let talk_s = talk_s.map_or(0, |length| length.round() as i64);
    facts.push(fact("ended", Fact::Ended { status, talk_s }));
    facts
}

/// What the agent was told to extract: the outcome in our words, and when to call back.
fn report(extracted: &Value) -> Option<Report> {
    let text = |name: &str| {
        let text = extracted.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    Report::of(&text("outcome")?, text("call_back"))
}

impl Provider for Omnidim {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: false,
            conclusive_after: OVER_WITHIN,
            follows_flow: true,
            packages: true,
            simulated: false,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        let asked = stream::iter(requests).map(|request| self.ask(request)).buffered(AT_A_TIME);
        Box::pin(asked.collect())
    }

    fn look_up<'a>(&'a self, _: &'a LookUp) -> Answer<'a, LookUpResult> {
        let reason = "OmniDimension's logs do not name the dispatch".to_owned();
        Box::pin(async { LookUpResult::Failed { reason } })
    }

    fn hang_up<'a>(&'a self, _: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(async { Err(ProviderError("OmniDimension documents no way to end a call".to_owned())) })
    }
}
