//! Protects from values that YAML silently changes: ` #` ends an unquoted value, and unquoted numbers lose their leading zeros
//! and plus signs.

use serde_json::Value;

use super::super::diagnostic::{Findings, Place};
use super::super::source::{Kind, Node, Source, escape};

/// Looks at every value of a file, whatever its kind.
pub fn file(source: &Source, findings: &mut Findings<'_>) {
    walk(source, source.root(), "", findings);
}

fn walk(source: &Source, node: &Node, pointer: &str, findings: &mut Findings<'_>) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                walk(source, &entry.value, &format!("{pointer}/{}", escape(&entry.key)), findings);
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(source, item, &format!("{pointer}/{index}"), findings);
            }
        }
        Kind::Scalar(Value::String(text)) => comment_inside(source, node, text, pointer, findings),
        Kind::Scalar(Value::Number(_)) => changed_number(source, node, pointer, findings),
        Kind::Scalar(_) => {}
    }
}

/// A comment begins with a space after `#`; without one, or behind an open bracket, it was meant to be part of the value.
fn comment_inside(source: &Source, node: &Node, text: &str, pointer: &str, findings: &mut Findings<'_>) {
    let written = source.text.get(node.span.clone()).unwrap_or_default();
    if written.starts_with(['"', '\'', '|', '>', '*', '&', '!']) || written.contains('\n') {
        return;
    }
    let rest = source.text.get(node.span.start + written.trim_end().len()..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let Some(comment) =
        line.trim_start_matches([' ', '\t']).strip_prefix('#').filter(|_| line.starts_with([' ', '\t']))
    else {
        return;
    };
    let is_open = [('(', ')'), ('{', '}'), ('[', ']')]
        .iter()
        .any(|(open, close)| text.matches(*open).count() > text.matches(*close).count())
        || text.matches('"').count() % 2 == 1;
    if comment.starts_with(|c: char| c.is_alphanumeric() || c == '{') || is_open {
        let lost: String = comment.chars().take(20).collect();
        findings
            .warning(
                "cut-off",
                Place::value(pointer),
                format!("this value ends before `#{lost}`: YAML reads the rest of the line as a comment"),
            )
            .label("ends here")
            .help("put the whole value into quotes; a comment has a space after `#`");
    }
}

fn changed_number(source: &Source, node: &Node, pointer: &str, findings: &mut Findings<'_>) {
    let written = source.text.get(node.span.clone()).unwrap_or_default().trim_end();
    let digits = written.strip_prefix('+').unwrap_or(written);
    let is_whole = digits.len() > 1 && digits.chars().all(|c| c.is_ascii_digit());
    if !is_whole || !(written.starts_with('+') || digits.starts_with('0')) {
        return;
    }
    let is_reported = findings.list.iter().any(|each| each.place == Place::value(pointer));
    // Values are expressions: their texts have quotes of their own.
    let is_value = ["/set/", "/with/", "/update/"].iter().any(|owner| pointer.contains(owner));
    if !is_reported {
        findings
            .warning(
                "unquoted-number",
                Place::value(pointer),
                format!("YAML reads {written} as a number and drops its {}", &written[..1]),
            )
            .label("read as a number")
            .help(if is_value {
                format!("write it in double quotes: \"'{written}'\"")
            } else {
                format!("write it in quotes: \"{written}\"")
            });
    }
}
