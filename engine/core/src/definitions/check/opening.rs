//! What a called person hears before they can answer for the first time, and when which of it has been told. Words per second
//! are an estimate: this is for laws that count seconds from the first word, not for subtitles.

use std::collections::BTreeMap;

use super::super::compile::include::included;
use super::super::compile::script::COMMON;
use super::super::context;
use super::super::model::flow::{Action, Exit, Flow};
use super::super::template::{RenderLimits, Template};
use super::Scope;
use crate::rules::DisclosureKind;

/// Spoken words in a second: 150 in a minute, an unhurried voice.
const WORDS_PER_SECOND: f64 = 2.5;
/// Ways from the start that are looked at; a flow branches before its first question only on a few conditions.
const MOST_WAYS: usize = 32;

/// One way from the start to the first question, or to the end.
pub struct Way {
    /// Scripts and names of the texts on it, in order.
    texts: Vec<(String, String)>,
    /// Whether it comes to a question, at which people can opt out.
    pub listens: bool,
}

/// When something was told, in seconds from the first word: from when on, and by when it had been said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    pub from: f64,
    pub by: f64,
}

/// All ways of a flow on which something is said.
pub fn ways(scope: &Scope<'_>, flow: &Flow) -> Vec<Way> {
    let mut search = Search { scope, found: Vec::new() };
    search.step(flow, flow.start, Vec::new(), &mut Vec::new());
    search.found.retain(|way| !way.texts.is_empty());
    search.found
}

struct Search<'s, 'w> {
    scope: &'s Scope<'w>,
    found: Vec<Way>,
}

impl Search<'_, '_> {
    fn step(
        &mut self,
        flow: &Flow,
        index: usize,
        mut texts: Vec<(String, String)>,
        seen: &mut Vec<(String, usize)>,
    ) {
        let here = (flow.key.clone(), index);
        let Some(step) = flow.steps.get(index).filter(|_| !seen.contains(&here)) else { return };
        if self.found.len() >= MOST_WAYS {
            return;
        }
        let mut say = |text: &String| texts.push((flow.script.clone(), text.clone()));
        for action in &step.actions {
            if let Action::Say { text } = action {
                say(text);
            }
        }
        match &step.exit {
            Exit::Ask(ask) => say(&ask.text),
            Exit::Consent { words, .. } => say(words),
            Exit::End(ending) => ending.say.iter().for_each(say),
            Exit::Next(_) | Exit::Branch { .. } | Exit::Transfer { .. } | Exit::SubFlow { .. } => {}
        }
        seen.push(here);
        match &step.exit {
            Exit::Ask(_) | Exit::Consent { .. } => self.found.push(Way { texts, listens: true }),
            Exit::Next(next) => self.step(flow, *next, texts, seen),
            Exit::Branch { arms, otherwise } => {
                for next in arms.iter().map(|(_, next)| *next).chain([*otherwise]) {
                    self.step(flow, next, texts.clone(), seen);
                }
            }
            Exit::SubFlow { flow: inner, .. } => {
                // A sub-flow that asks nothing goes on out here; the first question is what is looked for.
                if let Some(inner) = self.scope.flows.get(inner) {
                    self.step(&inner.model, inner.model.start, texts, seen);
                }
            }
            Exit::Transfer { .. } | Exit::End(_) => self.found.push(Way { texts, listens: false }),
        }
        seen.pop();
    }
}

/// What is told on a way in one language, and when for the first time.
pub fn told(scope: &Scope<'_>, way: &Way, language: &str) -> BTreeMap<DisclosureKind, Told> {
    let mut all: BTreeMap<DisclosureKind, Told> = BTreeMap::new();
    let mut words_before = 0;
    for (key, name) in &way.texts {
        let Some(spoken) = Spoken::of(scope, key, language, name) else { continue };
        for (kind, from, by) in spoken.tells(scope) {
            let at = |words: usize| (words_before + words) as f64 / WORDS_PER_SECOND;
            let told = Told { from: at(from), by: at(by) };
            all.entry(kind)
                .and_modify(|known| {
                    if told.by < known.by {
                        *known = told;
                    }
                })
                .or_insert(told);
        }
        words_before += words(&spoken.words);
    }
    all
}

/// A text as it is spoken to the example lead.
struct Spoken<'s> {
    script: &'s str,
    language: &'s str,
    name: &'s str,
    template: &'s Template,
    sample: serde_json::Value,
    words: String,
}

impl<'s> Spoken<'s> {
    fn of(scope: &'s Scope<'_>, script: &'s str, language: &'s str, name: &'s str) -> Option<Self> {
        let template = scope.script(script)?.text(language, name)?;
        let sample = scope.sample_of_script(script);
        let words = render(template, &sample)?;
        Some(Self { script, language, name, template, sample, words })
    }

    /// What it tells, with the numbers of words before and up to the end of the telling.
    fn tells(&self, scope: &Scope<'_>) -> Vec<(DisclosureKind, usize, usize)> {
        let mut found = Vec::new();
        let whole = words(&self.words);
        let variables = self.template.variables();
        let names = |path: &str| variables.iter().any(|each| each == path);
        if names("campaign.company") {
            let company = self.sample["campaign"]["company"].as_str().unwrap_or_default();
            let by = self.words.find(company).map_or(whole, |at| words(&self.words[..at + company.len()]));
            found.push((DisclosureKind::Identity, 0, by));
        }
        if names("agent.number") {
            found.push((DisclosureKind::CallbackNumber, 0, whole));
        }
        for (kind, piece) in self.declared(scope, self.name, 0) {
            let place = piece.as_deref().and_then(|piece| self.words.find(piece).map(|at| (at, piece.len())));
            let (from, by) = place.map_or((0, whole), |(at, length)| {
                (words(&self.words[..at]), words(&self.words[..at + length]))
            });
            found.push((kind, from, by));
        }
        found
    }

    /// What the script says that a text tells, and the texts it includes; with the words of the included piece.
    fn declared(&self, scope: &Scope<'_>, name: &str, depth: usize) -> Vec<(DisclosureKind, Option<String>)> {
        let mut found = Vec::new();
        let keys = [self.script, COMMON];
        let owner = keys
            .into_iter()
            .filter_map(|key| scope.scripts.get(key))
            .find(|file| file.raw.languages.values().any(|words| words.texts.contains_key(name)));
        let Some(owner) = owner else { return found };
        let piece = || {
            let template = scope.script(self.script)?.text(self.language, name)?;
            render(template, &self.sample)
        };
        for kind in
            owner.raw.discloses.iter().flatten().filter(|(text, _)| *text == name).flat_map(|(_, all)| all)
        {
            found.push((*kind, piece().filter(|_| depth > 0)));
        }
        let sources = owner.raw.languages.get(self.language).or_else(|| owner.raw.languages.values().next());
        let source = sources.and_then(|words| words.texts.get(name));
        if let Some(source) = source.filter(|_| depth < 4) {
            for inner in included(source) {
                found.extend(self.declared(scope, inner, depth + 1));
            }
        }
        found
    }
}

fn render(template: &Template, sample: &serde_json::Value) -> Option<String> {
    template.render(&context::value(sample), RenderLimits::default()).ok()
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}
