//! The records that a seller in the United States has to keep for five years, made readable by others: each call with what it
//! rested on, each consent, each revocation (16 CFR 310.5(a), 47 CFR 64.1200(a)(10)). Reads only, page by page.

use std::collections::HashMap;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::batch::distinct;
use super::{Engine, EngineError};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::decide::abandonment;
use crate::decide::verdict::{Permit, ReliedOn};
use crate::domain::campaign::{Campaign, VoiceClass};
use crate::domain::consent::{Consent, Form, Purpose};
use crate::domain::revocation::Revocation;
use crate::domain::text_enum::text_enum;
use crate::flow::session::{Conversation, Effect};
use crate::id::{CampaignId, ConsentId};
use crate::store::record::{self, After, Between, CallRow};
use crate::store::{Tx, campaign, lead_change};

text_enum! {
    /// What a record is about, in the order in which they are listed.
    pub enum RecordKind {
        Call = "call",
        Consent = "consent",
        /// A revocation: an opt-out, or one purpose taken back.
        Stop = "stop",
    }
}

/// What a call rested on when it was asked for; kept with its intent, because campaigns change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    pub seller: String,
    /// Who spoke, by the name given to the person.
    pub caller_name: String,
    /// What the call was for: the campaign's name.
    pub purpose: String,
    pub voice: VoiceClass,
    pub consent: Option<ReliedOn>,
}

impl Terms {
    pub(super) fn of(campaign: Option<&Campaign>, permit: &Permit) -> Self {
        let text = |pick: fn(&Campaign) -> &String| campaign.map(pick).cloned().unwrap_or_default();
        Self {
            seller: text(|campaign| &campaign.company),
            caller_name: text(|campaign| &campaign.agent_name),
            purpose: text(|campaign| &campaign.name),
            voice: campaign.map_or(VoiceClass::Artificial, |campaign| campaign.voice),
            consent: permit.relied_on(),
        }
    }
}

/// One record.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    Call(Box<CallRecord>),
    Consent(Box<ConsentRecord>),
    Stop(Box<StopRecord>),
}

/// A call: 16 CFR 310.5(a)(2).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    pub id: String,
    pub lead_id: String,
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub seller: String,
    pub caller_name: String,
    pub campaign: String,
    pub purpose: String,
    pub direction: &'static str,
    pub voice: VoiceClass,
    pub caller_number: Option<String>,
    pub called_number: String,
    pub placed_at: Instant,
    pub answered_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub seconds: i64,
    pub answered_by: Option<String>,
    pub state: String,
    pub outcome: Option<String>,
    pub disposition: Option<String>,
    pub flow: String,
    pub script_version: String,
    pub recorded: bool,
    pub transferred_to: Option<String>,
    pub transfer_result: Option<String>,
    /// Answered by a person and left: a transfer was asked for and not bridged within two seconds.
    pub abandoned: bool,
    /// `ledger`, `campaign_basis` or `none`.
    pub consent_source: &'static str,
    pub consent_id: Option<ConsentId>,
    pub consent_form: Option<Form>,
    pub consent_at: Option<Instant>,
    pub consent_wording: Option<String>,
    pub provider: Option<String>,
    pub provider_call_id: Option<String>,
}

/// A consent: 16 CFR 310.5(a)(5).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentRecord {
    pub id: String,
    pub lead_id: String,
    pub external_id: Option<String>,
    pub name: Option<String>,
    /// Numbers of the lead, or the one it is for; separated by spaces.
    pub numbers: String,
    pub seller: Option<String>,
    pub purpose: Purpose,
    pub form: Form,
    pub channel: Option<&'static str>,
    pub language: Option<String>,
    pub wording: Option<String>,
    pub evidence: Option<String>,
    pub evidence_url: Option<String>,
    pub evidence_sha256: Option<String>,
    pub granted_at: Instant,
    pub revoked_at: Option<Instant>,
    pub source: String,
    pub recorded_at: Option<Instant>,
    pub recorded_by: Option<String>,
}

/// A revocation, and by when the law wanted it honored.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StopRecord {
    pub id: String,
    pub lead_id: String,
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub numbers: String,
    /// `null`: every call and message.
    pub purpose: Option<Purpose>,
    pub channel: &'static str,
    pub language: Option<String>,
    pub words: Option<String>,
    pub received_at: Instant,
    pub due_on: NaiveDate,
    pub honored_at: Instant,
    pub source: String,
    pub recorded_by: Option<String>,
    pub attempt_id: Option<String>,
}

/// Which records.
#[derive(Debug, Clone)]
pub struct RecordQuery {
    pub from: Instant,
    /// Excluded.
    pub until: Instant,
    /// All kinds when empty.
    pub kinds: Vec<RecordKind>,
}

/// A position in the list, opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCursor {
    kind: RecordKind,
    campaign: String,
    after: After,
}

/// A page; `next` is `None` on the last.
#[derive(Debug, Clone)]
pub struct RecordPage {
    pub items: Vec<Record>,
    pub next: Option<RecordCursor>,
}

impl Engine {
    /// Up to `limit` records: calls by campaign and time, then consents, then revocations, by time.
    pub async fn records(
        &self,
        query: &RecordQuery,
        cursor: Option<RecordCursor>,
        limit: u32,
    ) -> Result<RecordPage, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let between = Between { from: query.from, until: query.until };
        let mut at = cursor.unwrap_or_else(|| RecordCursor::start(RecordKind::Call));
        let mut items = Vec::new();
        let next = loop {
            let left = limit.saturating_sub(items.len() as u32);
            if left == 0 {
                break Some(at);
            }
            let is_wanted = query.kinds.is_empty() || query.kinds.contains(&at.kind);
            let more = if is_wanted {
                self.read_on(&mut tx, between, &mut at, left, &mut items).await?
            } else {
                false
            };
            if more {
                continue;
            }
            match at.kind {
                RecordKind::Call => at = RecordCursor::start(RecordKind::Consent),
                RecordKind::Consent => at = RecordCursor::start(RecordKind::Stop),
                RecordKind::Stop => break None,
            }
        };
        tx.rollback().await?;
        Ok(RecordPage { items, next })
    }

    /// How many records of each kind there are, in the order of the kinds.
    pub async fn count_records(&self, query: &RecordQuery) -> Result<[u64; 3], EngineError> {
        let mut tx = self.db.begin_read().await?;
        let counts = record::counts(&mut tx, Between { from: query.from, until: query.until }).await?;
        tx.rollback().await?;
        Ok(counts)
    }

    /// Reads up to `limit` records of the cursor's kind and moves it; answers whether there may be more of that kind.
    async fn read_on(
        &self,
        tx: &mut Tx,
        between: Between,
        at: &mut RecordCursor,
        limit: u32,
        items: &mut Vec<Record>,
    ) -> Result<bool, EngineError> {
        match at.kind {
            RecordKind::Call => read_calls(tx, between, at, limit, items).await,
            RecordKind::Consent => {
                let found = record::consents(tx, between, &at.after, limit).await?;
                at.after_last(found.last().map(|entry| (entry.granted_at, entry.id.to_string())));
                let more = found.len() as u32 == limit;
                let people = People::of(tx, found.iter().map(|entry| entry.lead_id.to_string())).await?;
                items.extend(found.into_iter().map(|entry| Record::Consent(Box::new(people.consent(entry)))));
                Ok(more)
            }
            RecordKind::Stop => {
                let found = record::revocations(tx, between, &at.after, limit).await?;
                at.after_last(found.last().map(|taken| (taken.received_at, taken.id.to_string())));
                let more = found.len() as u32 == limit;
                let people = People::of(tx, found.iter().map(|taken| taken.lead_id.to_string())).await?;
                items.extend(found.into_iter().map(|taken| Record::Stop(Box::new(people.stop(taken)))));
                Ok(more)
            }
        }
    }
}

/// Campaign by campaign, each in the order of its index.
async fn read_calls(
    tx: &mut Tx,
    between: Between,
    at: &mut RecordCursor,
    limit: u32,
    items: &mut Vec<Record>,
) -> Result<bool, EngineError> {
    let mut left = limit;
    for id in record::campaigns(tx, &at.campaign).await? {
        if id.to_string() != at.campaign {
            *at = RecordCursor { campaign: id.to_string(), ..RecordCursor::start(RecordKind::Call) };
        }
        let rows = record::calls(tx, id, between, &at.after, left).await?;
        if rows.is_empty() {
            continue;
        }
        at.after_last(rows.last().map(|row| (instant_from_micros(row.intent_at), row.id.clone())));
        let is_full = rows.len() as u32 == left;
        left -= rows.len() as u32;
        items.extend(call_records(tx, id, rows).await?);
        if is_full {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn call_records(tx: &mut Tx, id: CampaignId, rows: Vec<CallRow>) -> Result<Vec<Record>, EngineError> {
    let campaign = campaign::find(tx, id).await?;
    let read = |row: CallRow| {
        let terms = row.terms.as_deref().and_then(|text| serde_json::from_str::<Terms>(text).ok());
        (row, terms)
    };
    let rows: Vec<(CallRow, Option<Terms>)> = rows.into_iter().map(read).collect();
    let relied_on = rows.iter().filter_map(|(_, terms)| terms.as_ref()?.consent?.consent_id);
    let ids = distinct(relied_on);
    let known: HashMap<ConsentId, Consent> =
        record::consents_by_ids(tx, &ids).await?.into_iter().map(|entry| (entry.id, entry)).collect();
    let record = |(row, terms)| Record::Call(Box::new(call_record(row, terms, campaign.as_ref(), &known)));
    Ok(rows.into_iter().map(record).collect())
}

fn call_record(
    row: CallRow,
    terms: Option<Terms>,
    campaign: Option<&Campaign>,
    known: &HashMap<ConsentId, Consent>,
) -> CallRecord {
    // Calls from before terms were kept, and those of outside dialers: by what the campaign says now.
    let now = |pick: fn(&Campaign) -> &String| campaign.map(pick).cloned().unwrap_or_default();
    let terms = terms.unwrap_or_else(|| Terms {
        seller: now(|campaign| &campaign.company),
        caller_name: now(|campaign| &campaign.agent_name),
        purpose: now(|campaign| &campaign.name),
        voice: campaign.map_or(VoiceClass::Artificial, |campaign| campaign.voice),
        consent: None,
    });
    let consent_id = terms.consent.and_then(|relied| relied.consent_id);
    let statement = || Some(campaign?.consent_basis.as_ref()?.statement.clone());
    let wording = match (terms.consent, consent_id) {
        (None, _) => None,
        (Some(_), Some(id)) => known.get(&id).and_then(|entry| entry.wording.clone()),
        (Some(_), None) => statement(),
    };
    let talk = row.conversation.as_deref().and_then(|text| serde_json::from_str::<Conversation>(text).ok());
    let transfer = talk.iter().flat_map(|talk| &talk.effects).rev().find_map(|effect| match effect {
        Effect::Transfer { target, result, .. } => Some((target.clone(), result.clone())),
        _ => None,
    });
    let (transferred_to, transfer_result) = transfer.unzip();
    let transfer_result = transfer_result.flatten();
    let is_left = talk.as_ref().is_some_and(abandonment::is_abandoned);
    CallRecord {
        name: full_name(row.first_name.as_deref(), row.last_name.as_deref()),
        seller: terms.seller,
        caller_name: terms.caller_name,
        campaign: now(|campaign| &campaign.key),
        purpose: terms.purpose,
        direction: "outbound",
        voice: terms.voice,
        caller_number: row.caller,
        called_number: row.number,
        placed_at: instant_from_micros(row.intent_at),
        answered_at: row.answered_at.map(instant_from_micros),
        ended_at: row.ended_at.map(instant_from_micros),
        seconds: row.talk_s.unwrap_or(0),
        abandoned: is_left && row.answered_by.as_deref() != Some("machine"),
        answered_by: row.answered_by,
        state: row.state,
        outcome: row.outcome,
        disposition: row.disposition,
        flow: row.flow,
        script_version: row.version,
        recorded: row.recorded == Some(1),
        transferred_to,
        transfer_result,
        consent_source: match (terms.consent, consent_id) {
            (None, _) => "none",
            (Some(_), Some(_)) => "ledger",
            (Some(_), None) => "campaign_basis",
        },
        consent_id,
        consent_form: terms.consent.map(|relied| relied.form),
        consent_at: terms.consent.map(|relied| relied.at),
        consent_wording: wording,
        provider: row.provider,
        provider_call_id: row.provider_call_id,
        id: row.id,
        lead_id: row.lead_id,
        external_id: row.external_id,
    }
}

/// Names and numbers of the leads of a page.
struct People {
    names: HashMap<String, (Option<String>, Option<String>)>,
    numbers: HashMap<String, Vec<String>>,
}

impl People {
    async fn of(tx: &mut Tx, leads: impl Iterator<Item = String>) -> Result<Self, EngineError> {
        let leads = distinct(leads);
        let mut numbers: HashMap<String, Vec<String>> = HashMap::new();
        for (lead, number) in lead_change::numbers(tx, &leads).await? {
            numbers.entry(lead).or_default().push(number);
        }
        let names = lead_change::names(tx, &leads).await?.into_iter();
        let names = names.map(|(id, external, first, last)| {
            (id, (external, full_name(first.as_deref(), last.as_deref())))
        });
        Ok(Self { names: names.collect(), numbers })
    }

    /// Id of the other system, name, numbers.
    fn about(&self, lead: &str, only: Option<String>) -> (Option<String>, Option<String>, String) {
        let (external, name) = self.names.get(lead).cloned().unwrap_or_default();
        let numbers = only.or_else(|| Some(self.numbers.get(lead)?.join(" "))).unwrap_or_default();
        (external, name, numbers)
    }

    fn consent(&self, entry: Consent) -> ConsentRecord {
        let lead_id = entry.lead_id.to_string();
        let details = entry.details;
        let (external_id, name, numbers) =
            self.about(&lead_id, details.number.map(super::super::phone::number::PhoneNumber::e164));
        ConsentRecord {
            id: entry.id.to_string(),
            lead_id,
            external_id,
            name,
            numbers,
            seller: details.seller,
            purpose: entry.purpose,
            form: entry.form,
            channel: details.channel.map(super::super::domain::consent::Channel::as_str),
            language: details.language,
            wording: entry.wording,
            evidence: entry.evidence,
            evidence_url: details.evidence_url,
            evidence_sha256: details.evidence_sha256,
            granted_at: entry.granted_at,
            revoked_at: entry.revoked_at,
            source: entry.source,
            recorded_at: details.recorded_at,
            recorded_by: details.recorded_by,
        }
    }

    fn stop(&self, taken: Revocation) -> StopRecord {
        let lead_id = taken.lead_id.to_string();
        let (external_id, name, numbers) = self.about(&lead_id, taken.number);
        StopRecord {
            id: taken.id.to_string(),
            lead_id,
            external_id,
            name,
            numbers,
            purpose: taken.purpose,
            channel: taken.channel.as_str(),
            language: taken.language,
            words: taken.words,
            received_at: taken.received_at,
            due_on: taken.due_on,
            honored_at: taken.honored_at,
            source: taken.source,
            recorded_by: taken.recorded_by,
            attempt_id: taken.attempt_id.map(|id| id.to_string()),
        }
    }
}

fn full_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let name = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

impl RecordCursor {
    fn start(kind: RecordKind) -> Self {
        Self { kind, campaign: String::new(), after: After { at: i64::MIN, id: String::new() } }
    }

    fn after_last(&mut self, last: Option<(Instant, String)>) {
        if let Some((at, id)) = last {
            self.after = After { at: micros(at), id };
        }
    }
}

impl std::fmt::Display for RecordCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, campaign, after } = self;
        write!(f, "{kind}.{campaign}.{}.{}", after.at, after.id)
    }
}

/// A text that is no position in the list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a page position; use `next` of the previous page")]
pub struct RecordCursorError;

impl FromStr for RecordCursor {
    type Err = RecordCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(RecordCursorError);
        let (kind, campaign, at, id) = (part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(RecordCursorError);
        }
        Ok(Self {
            kind: kind.parse().map_err(|_| RecordCursorError)?,
            campaign: campaign.to_owned(),
            after: After { at: at.parse().map_err(|_| RecordCursorError)?, id: id.to_owned() },
        })
    }
}
