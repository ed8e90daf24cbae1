//! The text that Prometheus reads. The library writes OpenMetrics, its successor, which names the family of a counter without
//! `_total`; tools that know only the older format would take such a counter for something untyped.

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

pub(super) fn render(registry: &Registry) -> String {
    let mut open = String::new();
    if encode_registry(&mut open, registry).is_err() {
        // A `String` takes everything that is written to it.
        return String::new();
    }
    let mut text = String::with_capacity(open.len() + 1_024);
    let mut lines = open.lines().peekable();
    while let Some(line) = lines.next() {
        let renamed = match (line.strip_prefix("# HELP "), line.strip_prefix("# TYPE ")) {
            (Some(help), _) => {
                let is_counter = lines
                    .peek()
                    .is_some_and(|next| next.starts_with("# TYPE ") && next.ends_with(" counter"));
                is_counter.then(|| total("# HELP ", help))
            }
            (_, Some(kind)) => kind.ends_with(" counter").then(|| total("# TYPE ", kind)),
            _ => None,
        };
        text.push_str(renamed.as_deref().unwrap_or(line));
        text.push('\n');
    }
    text
}

/// `name rest` as `name_total rest`.
fn total(head: &str, line: &str) -> String {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    format!("{head}{name}_total {rest}")
}
