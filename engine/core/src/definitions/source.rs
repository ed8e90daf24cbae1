//! One file's text as a tree that knows where every key and value stands. No meaning, no schema.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_yaml::{Budget, DuplicateKeyPolicy, MergeKeyPolicy, Options, Spanned};

use super::diagnostic::{Diagnostic, Place};
use super::{scalar, yaml_errors};

/// Largest file that is read.
pub const MAX_FILE_BYTES: usize = 1 << 20;
pub(super) const MAX_NODES: usize = 20_000;
pub(super) const MAX_ALIASES: usize = 50;
pub(super) const MAX_DEPTH: usize = 32;

/// A parsed file. Copies share its text and its tree.
#[derive(Debug, Clone)]
pub struct Source {
    /// Relative path with forward slashes; how messages name the file.
    pub path: String,
    pub text: Arc<str>,
    tree: Arc<OnceLock<Node>>,
}

/// A value with its bytes in the text.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Null, boolean, number or text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value, in the order of the file.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Source {
    /// Reads YAML within strict budgets. Aliases that multiply, deep nesting, duplicate keys and large files are refused.
    pub fn parse(path: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        if text.len() > MAX_FILE_BYTES {
            let message = format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", text.len());
            return Err(Box::new(Diagnostic::error("file-too-large", path, Place::Bytes(0..0), message)));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match serde_yaml::from_str_with_options::<Tree>(text, options()) {
            Ok(Tree(root)) => {
                Ok(Self { path: path.to_owned(), text: text.into(), tree: Arc::new(root.into()) })
            }
            Err(error) => Err(Box::new(yaml_errors::explain(path, text, error.without_snippet()))),
        }
    }

    /// A file that is part of the program and known to be readable. It is parsed once somebody asks where something stands.
    pub(super) fn shipped(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.into(), tree: Arc::default() }
    }

    pub fn root(&self) -> &Node {
        self.tree.get_or_init(|| {
            let Tree(root) = serde_yaml::from_str_with_options(&self.text, options())
                .expect("shipped files can be read, as a test proves");
            root
        })
    }

    /// The bytes a place stands for. A list or mapping is shown by its key: underlining all of it helps nobody.
    pub fn span(&self, place: &Place) -> Range<usize> {
        match place {
            Place::Bytes(range) => range.clone(),
            Place::Key(pointer) => self.locate(pointer, true),
            Place::Value(pointer) => self.locate(pointer, false),
            Place::Within(pointer, bytes) => {
                self.within(pointer, bytes).unwrap_or_else(|| self.locate(pointer, false))
            }
        }
    }

    /// Part of a text, where the file writes it.
    fn within(&self, pointer: &str, bytes: &Range<usize>) -> Option<Range<usize>> {
        let node = self.root().pointer(pointer)?;
        let Kind::Scalar(Value::String(value)) = &node.kind else { return None };
        let span = scalar::written(&self.text, node.span.clone(), value, bytes)?;
        Some(self.first_line(span))
    }

    /// What the file writes for the value at a pointer, when it is written on one line.
    pub fn written(&self, pointer: &str) -> Option<&str> {
        let text = self.text.get(self.root().pointer(pointer)?.span.clone())?.trim();
        (!text.is_empty() && !text.contains('\n')).then_some(text)
    }

    fn locate(&self, pointer: &str, want_key: bool) -> Range<usize> {
        let mut node = self.root();
        let mut key = None;
        for segment in pointer.split('/').skip(1).map(unescape) {
            match &node.kind {
                Kind::Map(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == segment) else { break };
                    key = Some(entry.key_span.clone());
                    node = &entry.value;
                }
                Kind::List(items) => {
                    let Some(item) = segment.parse().ok().and_then(|index: usize| items.get(index)) else {
                        break;
                    };
                    key = None;
                    node = item;
                }
                Kind::Scalar(_) => break,
            }
        }
        let own = match &node.kind {
            Kind::Scalar(Value::Null) => None,
            Kind::Scalar(_) => Some(node.span.clone()),
            Kind::List(items) => items.first().map(|_| node.span.clone()),
            Kind::Map(entries) => entries.first().map(|entry| entry.key_span.clone()),
        };
        let is_scalar = matches!(&node.kind, Kind::Scalar(value) if !value.is_null());
        let chosen = if want_key || !is_scalar { key.or(own) } else { own.or(key) };
        self.first_line(chosen.unwrap_or(0..0))
    }

    /// Cuts a span at its first line, so that a block of text is not underlined as a whole.
    fn first_line(&self, span: Range<usize>) -> Range<usize> {
        let end = self.text.floor_char_boundary(span.end);
        let start = self.text.floor_char_boundary(span.start.min(end));
        let line = self.text[start..end].find('\n').map_or(end, |at| start + at);
        start..line.max(start)
    }
}

impl Node {
    pub fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    pub fn items(&self) -> &[Node] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// The node that a JSON pointer names.
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        let mut node = self;
        for segment in pointer.split('/').skip(1).map(unescape) {
            node = match &node.kind {
                Kind::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index))?,
                _ => node.get(&segment)?,
            };
        }
        Some(node)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Keys of the mapping at a pointer, in the order of the file.
    pub fn keys_at(&self, pointer: &str) -> Vec<&str> {
        let mut node = self;
        for segment in pointer.split('/').skip(1).map(unescape) {
            let next = match &node.kind {
                Kind::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index)),
                _ => node.get(&segment),
            };
            let Some(next) = next else { return Vec::new() };
            node = next;
        }
        node.entries().iter().map(|entry| entry.key.as_str()).collect()
    }

    /// The same without places; keys keep their order.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
        }
    }
}

/// Escapes one segment of a JSON pointer.
pub fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_nodes = MAX_NODES;
    budget.max_aliases = MAX_ALIASES;
    budget.max_anchors = MAX_ALIASES;
    budget.max_depth = MAX_DEPTH;
    budget.flow_nesting_limit = MAX_DEPTH;
    budget.max_documents = 1;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.merge_keys = MergeKeyPolicy::Error;
    options.strict_booleans = true;
    options.with_snippet = false;
    options
}

struct Tree(Node);
struct Bare(Kind);
struct KeyText(String);

fn range_of<T>(spanned: &Spanned<T>) -> Range<usize> {
    let span = spanned.referenced.span();
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => start as usize..(start + length) as usize,
        _ => 0..0,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Bare>::deserialize(deserializer)?;
        Ok(Self(Node { span: range_of(&spanned), kind: spanned.value.0 }))
    }
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

struct BareVisitor;

macro_rules! scalars {
    ($($method:ident($type:ty)),+) => {$(
        fn $method<E>(self, value: $type) -> Result<Kind, E> {
            Ok(Kind::Scalar(Value::from(value)))
        }
    )+};
}

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    scalars!(
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64),
        visit_str(&str),
        visit_string(String)
    );

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Bare::deserialize(deserializer).map(|bare| bare.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(Tree(node)) = list.next_element()? {
            items.push(node);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<KeyText>>()? {
            let key_span = range_of(&key);
            let Tree(value) = map.next_value()?;
            entries.push(Entry { key: key.value.0, key_span, value });
        }
        Ok(Kind::Map(entries))
    }
}
