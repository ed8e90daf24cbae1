//! Protects the callee from half sentences: every placeholder of a text must name something that exists, be guarded when it
//! may be missing, and the whole text must render on sample data.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::context;
use super::super::diagnostic::{Findings, Place};
use super::super::language::Mistake;
use super::super::language::infer::{Event, Inference, Names};
use super::super::language::text::{self, Piece};
use super::super::language::tree::{Kind, Node, Operator};
use super::super::language::types::{Type, is_always_there};
use super::super::source::escape;
use super::super::template::{RenderLimits, Template};
use super::{Scope, ScriptFile};

pub fn script(scope: &Scope<'_>, file: &ScriptFile, findings: &mut Findings<'_>) {
    let key = &file.model.key;
    let names =
        Names { further: scope.variables_of_script(key), answers: Some(&scope.answers), event: Event::Any };
    let sample = scope.sample_of_script(key);
    for (code, words) in &file.raw.languages {
        for (name, source) in &words.texts {
            let pointer = format!("/languages/{}/texts/{}", escape(code), escape(name));
            // One that could not be read has been reported.
            let Ok(read) = text::parse(source, true) else { continue };
            let mut walk = Walk {
                inference: Inference::new(&names),
                optional: scope.optional_of_script(key),
                guarded: Vec::new(),
            };
            walk.pieces(&read.pieces);
            let mut mistakes = walk.inference.mistakes;
            mistakes
                .extend(read.words.iter().filter_map(|words| single_braces(source, words.start, words.end)));
            let is_sound =
                !mistakes.iter().any(|mistake| mistake.level == super::super::diagnostic::Level::Error);
            for mistake in mistakes {
                findings.mistake(&pointer, mistake);
            }
            let template = file.model.languages.get(code).and_then(|words| words.texts.get(name));
            if let Some(template) = template.filter(|_| is_sound) {
                renders(findings, &pointer, template, &sample);
            }
        }
    }
}

fn renders(findings: &mut Findings<'_>, pointer: &str, template: &Template, sample: &serde_json::Value) {
    let variables = template.variables();
    let mut sample = sample.clone();
    for variable in variables.iter().filter_map(|path| path.strip_prefix("answers.")) {
        sample["answers"][variable] = json!("sample");
    }
    if let Err(error) = template.render(&context::value(&sample), RenderLimits::default()) {
        let missing =
            variables.iter().find(|path| sample.pointer(&format!("/{}", path.replace('.', "/"))).is_none());
        let what = missing.filter(|_| error.missing).map_or_else(String::new, |path| format!(" (`{path}`)"));
        let name = template.name();
        findings.error(
            "text-does-not-render",
            Place::value(pointer),
            format!("text `{name}` fails on sample data: {}{what}", error.message),
        );
    }
}

/// `{ lead.firstName }` would be read out with its braces.
fn single_braces(source: &str, from: usize, until: usize) -> Option<Mistake> {
    let words = &source[from..until];
    if let Some(at) = words.find("}}").or_else(|| words.find("%}")) {
        let at = from + at;
        return Some(
            Mistake::warning("stray-braces", at..at + 2, "these braces close nothing, and would be read out")
                .label("closes nothing")
                .help("open them before the name: {{"),
        );
    }
    let open = words.find(['{', '<'])?;
    let inside = &words[open + 1..];
    let close = inside.find(if words[open..].starts_with('{') { '}' } else { '>' })?;
    let name = inside[..close].trim();
    let looks_like_a_name = !name.is_empty()
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    looks_like_a_name.then(|| {
        let at = from + open..from + open + close + 2;
        let known = context::paths();
        let full = known.iter().find(|path| path.split_once('.').is_some_and(|(_, field)| field == name));
        let name = full.map_or(name, String::as_str);
        Mistake::warning("stray-braces", at, "this is no placeholder, and would be read out as it stands")
            .label("read out")
            .help(format!("write {{{{ {name} }}}}"))
    })
}

struct Walk<'n> {
    inference: Inference<'n>,
    optional: &'n BTreeSet<String>,
    /// Paths that a condition around here has asked about.
    guarded: Vec<String>,
}

impl Walk<'_> {
    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Output(node) => self.output(node),
                Piece::If(arms) => self.choice(arms),
                Piece::For { head, body } => {
                    self.inference.value(&head.over);
                    let (locals, guards) = (self.inference.local.len(), self.guarded.len());
                    self.inference.local.extend(head.names.iter().cloned());
                    self.guarded.extend(head.over.paths());
                    if let Some(condition) = &head.condition {
                        self.inference.condition(condition);
                        self.guarded.extend(condition.paths());
                    }
                    self.pieces(body);
                    self.inference.local.truncate(locals);
                    self.guarded.truncate(guards);
                }
                Piece::Include(_) => {}
            }
        }
    }

    fn choice(&mut self, arms: &[(Option<Node>, Vec<Piece>)]) {
        let before = self.guarded.len();
        for (condition, body) in arms {
            if let Some(condition) = condition {
                self.inference.condition(condition);
                // A later arm knows what the earlier ones asked.
                self.guarded.extend(condition.paths());
            }
            self.pieces(body);
        }
        self.guarded.truncate(before);
    }

    fn output(&mut self, node: &Node) {
        let before = self.inference.mistakes.len();
        let found = self.inference.value(node);
        if self.inference.mistakes.len() > before {
            return;
        }
        if matches!(found, Type::List | Type::Map | Type::Truth) {
            let help = match (found, node.path()) {
                (Type::List, Some(path)) => format!("write {path} | join(\", \")"),
                (Type::Truth, Some(path)) => format!("say it in words: {{% if {path} %}}…{{% endif %}}"),
                _ => "speak one of its fields".to_owned(),
            };
            let message = format!("{} cannot be spoken", found.words());
            self.inference.mistakes.push(
                Mistake::error("not-speakable", node.at.clone(), message).label("not a text").help(help),
            );
            return;
        }
        self.unguarded(node);
    }

    /// Reports what may be missing when this is spoken.
    fn unguarded(&mut self, node: &Node) {
        if let Some(path) = node.path() {
            return self.report_unguarded(node, &path);
        }
        match &node.kind {
            Kind::Filter { name, .. } if name == "default" => {}
            Kind::Binary { operator: Operator::Or, right, .. } => self.unguarded(right),
            Kind::Test { .. } | Kind::Not(_) => {}
            Kind::Choice { condition, first, otherwise } => {
                let before = self.guarded.len();
                self.guarded.extend(condition.paths());
                self.unguarded(first);
                if let Some(otherwise) = otherwise {
                    self.unguarded(otherwise);
                }
                self.guarded.truncate(before);
            }
            _ => {
                for child in node.children() {
                    self.unguarded(child);
                }
            }
        }
    }

    fn report_unguarded(&mut self, node: &Node, path: &str) {
        let root = path.split('.').next().unwrap_or_default();
        if self.inference.local.iter().any(|name| name == root)
            || self.guarded.iter().any(|known| {
                known == path || path.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
        {
            return;
        }
        let why = if self.optional.contains(root) {
            format!("a cadence may start without `{root}`")
        } else if !is_always_there(path) {
            "not every lead has it".to_owned()
        } else {
            return;
        };
        let message = format!("`{path}` may be missing, and then this text cannot be spoken");
        self.inference.mistakes.push(
            Mistake::warning("unguarded-variable", node.at.clone(), message).label(why).help(format!(
                "write {path} | default(\"…\"), or put {{% if {path} %}}…{{% endif %}} around it"
            )),
        );
    }
}
