//! The graph as a Mermaid flowchart, for wikis and pull requests that draw it themselves.

use std::fmt::Write as _;

use super::{Coverage, Graph, Node, Role, Subject};

pub fn draw(graph: &Graph, coverage: Option<&Coverage>) -> String {
    let subject = match graph.subject {
        Subject::Flow => "flow",
        Subject::Cadence => "cadence",
    };
    // A JSON string is a YAML string.
    let title = serde_json::Value::from(format!("{subject} {}: {}", graph.key, graph.title));
    let mut out = format!("---\ntitle: {title}\n---\nflowchart TD\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let (open, close) = match node.role {
            Role::Start => ("([", "])"),
            Role::Decision => ("{{", "}}"),
            Role::Call => ("[[", "]]"),
            Role::Wait => ("[/", "/]"),
            Role::End => ("(", ")"),
            Role::Action => ("[", "]"),
        };
        let _ = writeln!(out, "  n{index}{open}\"{}\"{close}", words(node));
        for line in &node.again {
            let _ = writeln!(out, "  n{index} -->|\"{}\"| n{index}", escape(line));
        }
    }
    for edge in &graph.edges {
        let line = if edge.otherwise { "-.->" } else { "-->" };
        let label = if edge.labels.is_empty() {
            String::new()
        } else {
            let labels: Vec<String> = edge.labels.iter().map(|label| escape(label)).collect();
            format!("|\"{}\"|", labels.join("<br>"))
        };
        let _ = writeln!(out, "  n{} {line}{label} n{}", edge.from, edge.to);
    }
    for (index, note) in graph.notes.iter().enumerate() {
        let lines: Vec<String> = note.lines.iter().map(|line| escape(line)).collect();
        let _ = writeln!(
            out,
            "  note{index}[\"<b>{}</b><br>{}\"]:::note",
            escape(&note.title),
            lines.join("<br>")
        );
    }
    out.push_str("  classDef note stroke-dasharray:2\n");
    if let Some(coverage) = coverage {
        classes(&mut out, graph, coverage);
    }
    out
}

fn words(node: &Node) -> String {
    let ending = node.ending.iter().map(|ending| format!("■ {ending}"));
    let lines = node.lines.iter().cloned().chain(ending).map(|line| format!("<br>{}", escape(&line)));
    format!("<b>{}</b>{}", escape(&node.title), lines.collect::<String>())
}

fn classes(out: &mut String, graph: &Graph, coverage: &Coverage) {
    out.push_str("  classDef covered fill:#dcfce7,stroke:#15803d,color:#1e293b\n");
    out.push_str("  classDef missed fill:#f1f5f9,stroke:#b91c1c,color:#1e293b,stroke-dasharray:6\n");
    for (class, wanted) in [("covered", true), ("missed", false)] {
        let nodes: Vec<String> = graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| coverage.step(node) == Some(wanted))
            .map(|(index, _)| format!("n{index}"))
            .collect();
        if !nodes.is_empty() {
            let _ = writeln!(out, "  class {} {class}", nodes.join(","));
        }
    }
    // Arrows have numbers in the order of the text; loops come before the others.
    let loops: usize = graph.nodes.iter().map(|node| node.again.len()).sum();
    for (index, edge) in graph.edges.iter().enumerate() {
        let colour = match coverage.edge(graph, edge) {
            Some(true) => "#15803d",
            Some(false) => "#b91c1c",
            None => continue,
        };
        let _ = writeln!(out, "  linkStyle {} stroke:{colour}", loops + index);
    }
}

/// Mermaid reads some characters as its own; their codes are safe.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            '|' => out.push_str("#124;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}
