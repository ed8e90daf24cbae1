//! What the schema says about a place: the keys it may hold, the words it may be, and what they are for.

use serde_json::Value;

use super::super::schema::{DefinitionKind, schema};

/// A key or word the schema allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    pub name: String,
    pub docs: Option<String>,
    pub is_required: bool,
    /// It holds keys or items of its own.
    pub is_nested: bool,
}

/// Keys that may stand at a path.
pub fn keys(kind: DefinitionKind, path: &[&str]) -> Vec<Allowed> {
    let mut found: Vec<Allowed> = Vec::new();
    for node in at(kind, path) {
        let required: Vec<&str> =
            node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, value) in node["properties"].as_object().into_iter().flatten() {
            if found.iter().any(|known| known.name == *name) {
                continue;
            }
            let shapes = flatten(kind, value);
            found.push(Allowed {
                name: name.clone(),
                docs: docs(value).or_else(|| shapes.iter().find_map(|shape| docs(shape))),
                is_required: required.contains(&name.as_str()),
                is_nested: shapes
                    .iter()
                    .all(|shape| matches!(shape["type"].as_str(), Some("object" | "array"))),
            });
        }
    }
    found
}

/// Words that may be the value at a path.
pub fn words(kind: DefinitionKind, path: &[&str]) -> Vec<Allowed> {
    let mut found = Vec::new();
    let mut add = |value: &Value, docs: Option<String>| {
        let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found.push(Allowed { name, docs, is_required: false, is_nested: false });
    };
    for node in at(kind, path) {
        for word in node["enum"].as_array().into_iter().flatten() {
            add(word, None);
        }
        if let Some(word) = node.get("const") {
            add(word, docs(node));
        }
        if node["type"] == "boolean" {
            add(&Value::Bool(true), None);
            add(&Value::Bool(false), None);
        }
    }
    found
}

/// What a key is for: its own words, or those of the type it holds.
pub fn docs_of_key(kind: DefinitionKind, path: &[&str]) -> Option<String> {
    let (last, owner) = path.split_last()?;
    keys(kind, owner).into_iter().find(|key| key.name == *last)?.docs
}

/// What a mapping or list at a path is, for keys that authors make up.
pub fn docs_of_owner(kind: DefinitionKind, path: &[&str]) -> Option<String> {
    docs_of_key(kind, path).or_else(|| at(kind, path).into_iter().find_map(docs))
}

/// Does a place hold keys?
pub fn holds_keys(kind: DefinitionKind, path: &[&str]) -> bool {
    at(kind, path).iter().any(|node| node["type"] == "object")
}

/// Schema nodes that a path leads to, alternatives side by side.
fn at(kind: DefinitionKind, path: &[&str]) -> Vec<&'static Value> {
    path.iter().fold(flatten(kind, schema(kind)), |nodes, segment| {
        let next = nodes.into_iter().filter_map(|node| {
            let named = node.get("properties").and_then(|properties| properties.get(segment));
            named.or_else(|| match node["type"].as_str() {
                Some("array") => segment.parse::<usize>().ok().and_then(|_| node.get("items")),
                _ => node.get("additionalProperties").filter(|further| further.is_object()),
            })
        });
        next.flat_map(|node| flatten(kind, node)).collect()
    })
}

/// A node with its references followed and its alternatives laid side by side.
fn flatten(kind: DefinitionKind, node: &'static Value) -> Vec<&'static Value> {
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if found.len() > 64 {
            break;
        }
        found.push(node);
        let target = node["$ref"]
            .as_str()
            .and_then(|reference| schema(kind).pointer(reference.trim_start_matches('#')));
        open.extend(target);
        for choice in ["oneOf", "anyOf", "allOf"] {
            open.extend(node[choice].as_array().into_iter().flatten().rev());
        }
    }
    found
}

fn docs(node: &Value) -> Option<String> {
    node["description"].as_str().map(str::to_owned)
}
