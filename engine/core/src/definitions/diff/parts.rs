//! Parts with named fields, and comparing two of the same name.

use std::collections::BTreeMap;

use super::{Change, ChangeKind, Part};

/// Fields of a part in the words of the file. Absent and default are the same.
pub type Fields = BTreeMap<String, String>;

/// Adds a field unless it says nothing.
pub fn put(fields: &mut Fields, name: &str, value: Option<String>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value);
    }
}

/// Field by field.
pub fn changed(part: Part, name: &str, old: &Fields, new: &Fields) -> Vec<Change> {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing = names.into_iter().filter(|field| old.get(*field) != new.get(*field));
    let change = |field: &String| Change {
        part,
        name: name.to_owned(),
        kind: ChangeKind::Changed,
        field: Some(field.clone()),
        from: old.get(field).cloned(),
        to: new.get(field).cloned(),
    };
    differing.map(change).collect()
}

/// Parts by name: those that came, those that went, and what changed in those that stayed.
pub fn by_name(part: Part, old: &BTreeMap<String, Fields>, new: &BTreeMap<String, Fields>) -> Vec<Change> {
    let mut changes = Vec::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        changes.push(Change::whole(part, name.clone(), ChangeKind::Removed));
    }
    for (name, fields) in new {
        match old.get(name) {
            None => changes.push(Change::whole(part, name.clone(), ChangeKind::Added)),
            Some(before) => changes.extend(changed(part, name, before, fields)),
        }
    }
    changes
}
