//! The words of a file: every key and every plain value with the path that leads to it.

use std::ops::Range;

use super::super::source::{Kind, Node};

/// A key or a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// From the root: keys, and positions in lists as numbers. Of a key: including the key.
    pub path: Vec<String>,
    pub is_key: bool,
    pub span: Range<usize>,
    /// Without quotes; empty where nothing is written.
    pub text: String,
}

impl Leaf {
    /// The path for matching.
    pub fn steps(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// All leaves in the order of the file.
pub fn leaves(root: &Node) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(root, &mut Vec::new(), &mut found);
    found
}

/// The leaf an offset touches; a key goes before an empty value.
pub fn leaf_at(root: &Node, offset: usize) -> Option<Leaf> {
    let touching =
        leaves(root).into_iter().filter(|leaf| leaf.span.start <= offset && offset <= leaf.span.end);
    touching.max_by_key(|leaf| (!leaf.span.is_empty(), leaf.is_key))
}

/// The value at a path.
pub fn node_at<'n>(root: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, segment| match &node.kind {
        Kind::List(items) => items.get(segment.parse::<usize>().ok()?),
        _ => node.get(segment),
    })
}

/// The text at a path.
pub fn text_at<'n>(root: &'n Node, path: &[&str]) -> Option<&'n str> {
    text_of(node_at(root, path)?)
}

/// The text of a scalar.
pub fn text_of(node: &Node) -> Option<&str> {
    if let Kind::Scalar(value) = &node.kind { value.as_str() } else { None }
}

fn collect(node: &Node, path: &mut Vec<String>, found: &mut Vec<Leaf>) {
    match &node.kind {
        Kind::Scalar(value) => {
            let text = value.as_str().map_or_else(
                || if value.is_null() { String::new() } else { value.to_string() },
                str::to_owned,
            );
            found.push(Leaf { path: path.clone(), is_key: false, span: node.span.clone(), text });
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                collect(item, path, found);
                path.pop();
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                let (span, text) = (entry.key_span.clone(), entry.key.clone());
                found.push(Leaf { path: path.clone(), is_key: true, span, text });
                collect(&entry.value, path, found);
                path.pop();
            }
        }
    }
}
