//! Protects the called person's right to know who calls, that a machine speaks, how to be left alone and where to call back: what
//! the law of the places that a flow's cadences target wants said (47 CFR 64.1200(b), Public Utilities Code 2874 and others) is
//! said before the first question, and in time. Where cadences name no targets, what the law of whole countries wants is asked
//! for as a warning.

use std::collections::BTreeMap;

use super::super::diagnostic::{Findings, Level, Place};
use super::super::source::escape;
use super::opening::{Told, told, ways};
use super::scope::Audience;
use super::{FlowFile, Scope, ScriptFile};
use crate::rules::{DisclosureKind, Jurisdiction, Rule, Rules, VoiceScope};

/// What "at the start" leaves for a greeting.
const FIRST_WORDS_S: f64 = 10.0;

/// One thing to be said, by the strictest rule that wants it.
struct Need<'r> {
    within_seconds: Option<u32>,
    rule: &'r Rule,
    level: Level,
}

pub fn flow(scope: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let Some(audience) = scope.audiences.get(file.model.key.as_str()) else { return };
    let needs = needs(scope.rules, audience);
    if needs.is_empty() {
        return;
    }
    let Some(script) = scope.script(&file.model.script) else { return };
    let ways = ways(scope, &file.model);
    let start = file.model.steps.get(file.model.start).map_or("", |step| step.name.as_str());
    let place = Place::key(format!("/steps/{}", escape(start)));
    let languages: Vec<(&str, Vec<BTreeMap<DisclosureKind, Told>>)> = script
        .languages
        .keys()
        .map(|language| (language.as_str(), ways.iter().map(|way| told(scope, way, language)).collect()))
        .collect();
    for (what, need) in &needs {
        let mut missing: Vec<&str> = Vec::new();
        let mut late: Vec<(&str, f64)> = Vec::new();
        for (language, told) in &languages {
            let answers = ways.iter().zip(told).map(|(way, told)| answer(*what, need, told, way.listens));
            match answers.reduce(Answer::worse) {
                None | Some(Answer::InTime) => {}
                Some(Answer::Late(seconds)) => late.push((language, seconds)),
                Some(Answer::Missing) => missing.push(language),
            }
        }
        if !missing.is_empty() {
            let message = format!(
                "before its first question this flow does not {} in {}",
                words(*what),
                missing.join(", ")
            );
            tell(findings, "missing-disclosure", need, place.clone(), message, *what);
        }
        if let Some((_, seconds)) = late.iter().copied().reduce(|a, b| if a.1 >= b.1 { a } else { b }) {
            let languages: Vec<&str> = late.iter().map(|(language, _)| *language).collect();
            let message = format!(
                "this flow may take {seconds:.0} s to {} in {}, and the law leaves {} s",
                words(*what),
                languages.join(", "),
                need.within_seconds.unwrap_or_default()
            );
            tell(findings, "late-disclosure", need, place.clone(), message, *what);
        }
    }
}

fn tell(
    findings: &mut Findings<'_>,
    code: &'static str,
    need: &Need<'_>,
    place: Place,
    message: String,
    what: DisclosureKind,
) {
    let found = match need.level {
        Level::Error => findings.error(code, place, message),
        Level::Warning => findings.warning(code, place, message),
    };
    found.label(format!("wanted by {} ({})", need.rule.id, need.rule.citation)).help(remedy(what));
}

/// Texts that a script says tell something must be there.
pub fn script(_: &Scope<'_>, file: &ScriptFile, findings: &mut Findings<'_>) {
    let known: Vec<&str> =
        file.raw.languages.values().flat_map(|words| words.texts.keys()).map(String::as_str).collect();
    for name in file.raw.discloses.iter().flatten().map(|(name, _)| name) {
        if !known.contains(&name.as_str()) {
            let place = Place::key(format!("/discloses/{}", escape(name)));
            findings
                .error(
                    "unknown-text",
                    place,
                    format!("this script has no text `{name}` that could tell anything"),
                )
                .suggest(name, known.iter().copied());
        }
    }
}

/// What the audience's law wants said by an artificial voice, the strictest of each.
fn needs<'r>(rules: &'r Rules, audience: &Audience) -> BTreeMap<DisclosureKind, Need<'r>> {
    let mut all: BTreeMap<DisclosureKind, Need<'r>> = BTreeMap::new();
    for (owner, rule) in rules.rules() {
        let is_target = |place: &Jurisdiction| {
            // A country stands for all its states, and a state keeps its country's law too.
            *place == owner || place.whole_country() == owner || *place == owner.whole_country()
        };
        let level = if audience.places.iter().any(is_target) {
            Level::Error
        } else if audience.is_open && owner.subdivision().is_none() {
            Level::Warning
        } else {
            continue;
        };
        if !rule.binds() || rule.effective.until.is_some() || rule.voice == VoiceScope::Live {
            continue;
        }
        for wanted in rule.disclosures.iter().filter(|each| each.what != DisclosureKind::EndOnRefusal) {
            let need = Need { within_seconds: wanted.within_seconds, rule, level };
            let soon = |need: &Need<'_>| (need.level, need.within_seconds.unwrap_or(u32::MAX));
            match all.get(&wanted.what) {
                Some(known) if soon(known) <= soon(&need) => {}
                _ => drop(all.insert(wanted.what, need)),
            }
        }
    }
    all
}

/// How one way through the opening does.
enum Answer {
    InTime,
    /// So many seconds from when the clock of the law starts.
    Late(f64),
    Missing,
}

impl Answer {
    fn worse(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Missing, _) | (_, Self::InTime) => self,
            (Self::Late(a), Self::Late(b)) if a >= b => self,
            _ => other,
        }
    }
}

fn answer(
    what: DisclosureKind,
    need: &Need<'_>,
    told: &BTreeMap<DisclosureKind, Told>,
    listens: bool,
) -> Answer {
    let Some(said) = told.get(&what) else { return Answer::Missing };
    let Some(within) = need.within_seconds else { return Answer::InTime };
    let limit = if within == 0 { FIRST_WORDS_S } else { f64::from(within) };
    let seconds = match what {
        // Counted from the identification, and worth nothing without a question at which it is heard.
        DisclosureKind::AutomatedOptOut if !listens => return Answer::Missing,
        DisclosureKind::AutomatedOptOut => {
            said.from - told.get(&DisclosureKind::Identity).map_or(0.0, |identity| identity.by)
        }
        _ => said.by,
    };
    if seconds <= limit { Answer::InTime } else { Answer::Late(seconds) }
}

const fn words(what: DisclosureKind) -> &'static str {
    match what {
        DisclosureKind::Identity => "say who is calling",
        DisclosureKind::Purpose => "say what the call is for",
        DisclosureKind::CallbackNumber => "say where to call back",
        DisclosureKind::AutomatedOptOut => "say how to opt out",
        DisclosureKind::ArtificialVoice => "say that an artificial voice speaks",
        DisclosureKind::EndOnRefusal => "end on refusal",
    }
}

const fn remedy(what: DisclosureKind) -> &'static str {
    match what {
        DisclosureKind::Identity => "name {{ campaign.company }} in the first text, or include `opening`",
        DisclosureKind::Purpose => "say it, and note it in the script: `discloses: { TEXT: [purpose] }`",
        DisclosureKind::CallbackNumber => {
            "speak {{ agent.number | phone }} in the first texts, or include `may_stop`"
        }
        DisclosureKind::AutomatedOptOut => {
            "include `may_stop` right behind the opening, or note your own words in the script: `discloses: { TEXT: [automated-opt-out] }`"
        }
        DisclosureKind::ArtificialVoice => {
            "include `opening`, or note your own words in the script: `discloses: { TEXT: [artificial-voice] }`"
        }
        DisclosureKind::EndOnRefusal => "end the call",
    }
}
