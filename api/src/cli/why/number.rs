//! `callwright why NUMBER`: may a number that is no lead's be called at an instant, and by which rule not?

use std::process::ExitCode;

use callwright_engine::clock::Instant;
use callwright_engine::decide::gate::inquiry::{Cause, Inquiry, NumberFacts, inquire};
use callwright_engine::decide::snapshot::SuppressionFact;
use callwright_engine::decide::verdict::Gate;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::emergency::EmergencyStop;
use callwright_engine::domain::registry::RegistryList;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{Db, emergency_stop, erased_number, registry, suppression};
use callwright_engine::time::zone::tzdb_version;
use chrono::SubsecRound as _;
use serde::Serialize;

use super::WhyArgs;
use crate::cli::Global;
use crate::cli::output::{self, Format};

/// The answer, one line of JSON for machines.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// Redacted; `null` for what is no number.
    number: Option<String>,
    at: Instant,
    voices: Vec<VoiceClass>,
    verdict: &'static str,
    until: Option<Instant>,
    zones: Vec<&'static str>,
    reasons: Vec<Cause>,
    left_out: Vec<Gate>,
    tzdata: &'static str,
    rules: String,
    profile: String,
}

/// Is it written like a number, not like an id?
pub(super) fn is_one(subject: &str) -> bool {
    let is_mark = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.');
    subject.trim().strip_prefix('+').is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_mark))
}

pub(super) fn voice(text: &str) -> Result<VoiceClass, String> {
    text.parse().map_err(|_| format!("`{text}` is not a voice: write live or artificial"))
}

pub(super) async fn run(args: &WhyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let number = PhoneNumber::parse(&args.subject, None);
    let at = args.at.map_or_else(|| chrono::Utc::now().trunc_subsecs(0), |at| at.0);
    let mut facts = NumberFacts::of(number);
    if let Ok(number) = number {
        on_file(&mut facts, number, global).await;
    }
    facts.attempts = args.attempts.iter().map(|attempt| attempt.0).collect();
    anyhow::ensure!(
        facts.attempts.iter().all(|attempt| *attempt <= at),
        "an earlier attempt (--attempt) lies after the instant that is asked about"
    );
    let voices = args.voice.map_or_else(|| VoiceClass::ALL.to_vec(), |voice| vec![voice]);
    let rules = args.rules.load()?;
    let Inquiry { verdict, until, reasons, left_out } = inquire(&facts, &voices, &rules, at);
    let answer = Answer {
        number: number.ok().map(|number| number.to_string()),
        at,
        voices,
        verdict,
        until,
        zones: facts.zones(),
        reasons,
        left_out,
        tzdata: tzdb_version(),
        rules: rules.version().to_owned(),
        profile: rules.profile().to_string(),
    };
    match args.format {
        Format::Human => output::print(&answer.text()),
        Format::Json => output::print(&serde_json::to_string(&answer)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is on file about the number, if there is a database to ask; nothing is created or migrated for a question.
async fn on_file(facts: &mut NumberFacts, number: PhoneNumber, global: &Global) {
    if let Some(found) = read(number, global).await {
        facts.suppressions = Some(found.suppressions);
        facts.registries = found.registries.into();
        facts.erased_at = found.erased_at;
        facts.emergency_stops = found.emergency_stops.into();
    }
}

struct Found {
    suppressions: Vec<SuppressionFact>,
    registries: Vec<RegistryList>,
    erased_at: Option<Instant>,
    emergency_stops: Vec<EmergencyStop>,
}

async fn read(number: PhoneNumber, global: &Global) -> Option<Found> {
    let db = Db::open_read_only(&global.database_url).await.ok()?;
    let mut tx = db.begin_read().await.ok()?;
    let entries = suppression::of_numbers(&mut tx, &[number.e164()]).await.ok()?;
    let fact = |entry: callwright_engine::domain::suppression::Suppression| SuppressionFact {
        source: entry.source,
        campaign_id: entry.campaign_id,
        reason: entry.reason,
        created_at: entry.created_at,
        expires_at: entry.expires_at,
    };
    let erased = erased_number::of_numbers(&mut tx, &[number.e164()]).await.ok()?;
    let listed = registry::of_number(&mut tx, number).await.ok()?;
    let suppressions =
        entries.into_iter().map(fact).chain(listed.iter().map(SuppressionFact::listed)).collect();
    Some(Found {
        suppressions,
        registries: registry::lists(&mut tx).await.ok()?,
        erased_at: erased.iter().map(|(_, entry)| entry.erased_at).min(),
        emergency_stops: emergency_stop::in_force(&mut tx).await.ok()?,
    })
}

impl Answer {
    fn text(&self) -> String {
        let verdict = match (self.verdict, self.until) {
            ("proceed", _) => "may be called, as far as the number and the law tell".to_owned(),
            (_, Some(until)) => format!("may not be called before {}", minute(until)),
            _ => "may not be called".to_owned(),
        };
        let number = self.number.as_deref().unwrap_or("This number");
        let voices: Vec<&str> = self.voices.iter().map(|voice| voice.as_str()).collect();
        let mut lines = vec![format!(
            "{number} {verdict}, asked for {} ({} voice).",
            minute(self.at),
            voices.join(" or ")
        )];
        let zones = match self.zones.as_slice() {
            [] => "It may be in no known zone.".to_owned(),
            zones if zones.len() > 6 => format!("It may be in any of {} zones.", zones.len()),
            zones => format!("It may be in {}.", zones.join(", ")),
        };
        lines.push(zones);
        for cause in &self.reasons {
            let until = cause.until.map(|until| format!(" until {}", minute(until))).unwrap_or_default();
            let rule = match (&cause.rule, &cause.citation) {
                (Some(rule), Some(citation)) => format!(" by {rule} ({citation})"),
                _ => String::new(),
            };
            lines.push(format!("  {}: {}{until}{rule}; {}", cause.gate, cause.code, cause.detail));
        }
        let left_out: Vec<&str> = self.left_out.iter().map(|gate| gate.as_str()).collect();
        lines.push(format!("Not asked, for want of a lead or a database: {}.", left_out.join(", ")));
        lines.push(format!(
            "Zone data {}, calling rules {}, profile {}.",
            self.tzdata, self.rules, self.profile
        ));
        lines.join("\n")
    }
}

fn minute(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
