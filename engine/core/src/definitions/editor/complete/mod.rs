//! What may stand at the cursor. The text is read with a mark put in at the cursor, so that half-written lines and open braces
//! show what is being typed.

mod inside;
mod place;

use std::ops::Range;

use super::forgiving;
use super::leaf::{Leaf, leaves};
use super::project::{File, Project};
use super::shape::{self, Allowed};
use super::slot::slot_of;

/// One suggestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub label: String,
    pub kind: Suggests,
    /// A few words beside the label.
    pub detail: Option<String>,
    /// Markdown.
    pub docs: Option<String>,
    /// The bytes it replaces.
    pub replace: Range<usize>,
    pub insert: String,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suggests {
    Key,
    Word,
    /// A step, flow, script, text, …: something defined elsewhere.
    Name,
    Variable,
    Filter,
}

/// Stands at the cursor while the text is read. No author writes it.
const MARK: &str = "\u{e000}";

/// Suggestions for an offset, the most fitting first.
pub fn complete(project: &Project, path: &str, offset: usize) -> Vec<Completion> {
    let Some(file) = project.file(path) else { return Vec::new() };
    let (Some(before), Some(after)) = (file.text.get(..offset), file.text.get(offset..)) else {
        return Vec::new();
    };
    let root = forgiving::read(&format!("{before}{MARK}{after}"));
    let Some(leaf) = leaves(&root).into_iter().find(|leaf| leaf.text.contains(MARK)) else {
        return Vec::new();
    };
    let cursor = Cursor { project, file, root: &root, offset };
    let mut path = leaf.steps();
    if leaf.is_key {
        path.pop();
        return cursor.keys(&path, &leaf, true);
    }
    let slot = slot_of(file.kind, &root, &path, false);
    if let Some(found) = inside::complete(&cursor, slot, &leaf) {
        return found;
    }
    let mut found = cursor.values(slot, &path, &leaf);
    // A lone word under a key may become a key of its own.
    if shape::holds_keys(file.kind, &path) {
        found.extend(cursor.keys(&path, &leaf, false));
    }
    found
}

/// Where the cursor is.
struct Cursor<'p> {
    project: &'p Project,
    file: &'p File,
    /// The tree with the mark in it; its places beyond the cursor are off by the mark.
    root: &'p super::super::source::Node,
    offset: usize,
}

impl Cursor<'_> {
    /// The bytes that are being typed, from the start of the word to the cursor.
    fn typed(&self, leaf: &Leaf) -> Range<usize> {
        let raw = self.file.text.get(leaf.span.start..self.offset).unwrap_or_default();
        leaf.span.start + usize::from(raw.starts_with(['"', '\'']))..self.offset
    }

    /// Keys of the mapping at `path`: those of the schema that are not there yet, and those authors make up.
    fn keys(&self, path: &[&str], leaf: &Leaf, has_siblings: bool) -> Vec<Completion> {
        let replace = self.typed(leaf);
        let owner = super::leaf::node_at(self.root, path).filter(|_| has_siblings);
        let is_new = |name: &str| owner.is_none_or(|owner| owner.get(name).is_none());
        let has_colon = self.file.text.get(self.offset..).is_some_and(|rest| {
            rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-')).starts_with(':')
        });
        let colon = if has_colon { "" } else { ": " };
        // Where names go that exist elsewhere, those that exist here go before all that the schema can imagine.
        let made_up = place::made_up_keys(self, path);
        let of_schema = if made_up.is_empty() { shape::keys(self.file.kind, path) } else { Vec::new() };
        let of_schema = of_schema.into_iter().filter(|key| is_new(&key.name));
        let mut keys: Vec<(Allowed, Suggests)> = of_schema.map(|key| (key, Suggests::Key)).collect();
        keys.sort_by_key(|(key, _)| !key.is_required);
        let made_up = made_up.into_iter().filter(|(name, _)| is_new(name));
        keys.extend(made_up.map(|(name, docs)| {
            (Allowed { name, docs, is_required: false, is_nested: false }, Suggests::Name)
        }));
        let completions = keys.into_iter().map(|(key, kind)| Completion {
            insert: format!("{}{colon}", key.name),
            label: key.name,
            kind,
            detail: key.is_required.then(|| "required".to_owned()),
            docs: key.docs,
            replace: replace.clone(),
        });
        completions.collect()
    }

    fn values(&self, slot: super::slot::Slot, path: &[&str], leaf: &Leaf) -> Vec<Completion> {
        let replace = self.typed(leaf);
        let names = place::names(self, slot, path).into_iter().map(|name| (name, Suggests::Name));
        let words = shape::words(self.file.kind, path)
            .into_iter()
            .map(|word| (place::Named { name: word.name, detail: None, docs: word.docs }, Suggests::Word));
        let completions = names.chain(words).map(|(named, kind)| Completion {
            insert: named.name.clone(),
            label: named.name,
            kind,
            detail: named.detail,
            docs: named.docs,
            replace: replace.clone(),
        });
        completions.collect()
    }
}
