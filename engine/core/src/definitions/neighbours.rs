//! Which files the problems of one file can depend on. Found by words alone, before anything is parsed: a name that stands
//! anywhere in a file counts as a reference, so that too much may be read, never too little. For `check FILE` on every save.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::DefinitionKind;

/// With more files above a file than this, everything is read: telling them apart would take longer.
const MOST_ABOVE: usize = 40;

/// A file by path and text.
type File<'a> = (&'a str, &'a str);

/// What to read for one file, and what merely exists.
#[derive(Debug, Default)]
pub(super) struct Neighbours<'a> {
    /// In the order given.
    pub read: Vec<File<'a>>,
    /// Kind, key and path of the others; tests have no key.
    pub exist: Vec<(DefinitionKind, &'a str, &'a str)>,
}

impl<'a> Neighbours<'a> {
    /// Everything.
    pub fn all(files: Vec<File<'a>>) -> Self {
        Self { read: files, exist: Vec::new() }
    }

    /// What `path` can depend on.
    pub fn of(files: Vec<File<'a>>, path: &str) -> Self {
        let Some(own) = files.iter().position(|(each, _)| *each == path) else { return Self::all(files) };
        let headings: Vec<Option<Heading<'a>>> = files.iter().map(|(_, text)| heading(text)).collect();
        let Some(wanted) = wanted(&files, &headings, own) else { return Self::all(files) };
        let mut neighbours = Self::default();
        for (index, file) in files.iter().enumerate() {
            match headings[index] {
                Some(found) if !wanted.contains(&index) => {
                    neighbours.exist.push((found.kind, found.key, file.0));
                }
                // One that does not say what it is on its first line is read to see.
                _ => neighbours.read.push(*file),
            }
        }
        neighbours
    }
}

/// What a file says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heading<'a> {
    kind: DefinitionKind,
    /// Empty for tests.
    key: &'a str,
}

/// `None`: only parsing would tell.
fn heading(text: &str) -> Option<Heading<'_>> {
    let text = text.trim_start_matches('\u{feff}');
    let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']))?;
    let (name, value) = line.split_once(':')?;
    let kind: DefinitionKind = name.parse().ok()?;
    if kind == DefinitionKind::Test {
        return Some(Heading { kind, key: "" });
    }
    let key = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']);
    (!key.is_empty() && key.chars().all(is_word)).then_some(Heading { kind, key })
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// Indexes of the files to read; `None`: all of them.
fn wanted(files: &[File<'_>], headings: &[Option<Heading<'_>>], own: usize) -> Option<BTreeSet<usize>> {
    let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, found) in headings.iter().enumerate() {
        let key = found.map(|found| found.key).filter(|key| !key.is_empty());
        by_key.entry(key.unwrap_or_default()).or_default().push(index);
    }
    by_key.remove("");
    let mut wanted = above(files, headings, own)?;
    // What it names, what that names, and so on.
    let mut open = vec![own];
    while let Some(index) = open.pop() {
        for named in words(files[index].1).filter_map(|word| by_key.get(word)).flatten() {
            if wanted.insert(*named) {
                open.push(*named);
            }
        }
    }
    wanted.insert(own);
    wanted.extend(shared_by_all(files, headings, own));
    Some(wanted)
}

/// Who names it, who names that, and so on: callers bring variables, and speakers use up words.
fn above(files: &[File<'_>], headings: &[Option<Heading<'_>>], own: usize) -> Option<BTreeSet<usize>> {
    let mut found = BTreeSet::new();
    let mut open = vec![own];
    while let Some(index) = open.pop() {
        let heading = headings[index]?;
        let is_named = matches!(heading.kind, DefinitionKind::Flow | DefinitionKind::Script) || index == own;
        if heading.key.is_empty() || !is_named {
            continue;
        }
        for (other, (_, text)) in files.iter().enumerate() {
            let names = || text.contains(heading.key) && words(text).any(|word| word == heading.key);
            if other != index && !found.contains(&other) && names() {
                found.insert(other);
                open.push(other);
                if found.len() > MOST_ABOVE {
                    return None;
                }
            }
        }
    }
    Some(found)
}

/// What holds for all files together: answers that any call learns, fields of events, fixtures of tests, the shared words.
fn shared_by_all<'f>(
    files: &'f [File<'_>],
    headings: &'f [Option<Heading<'_>>],
    own: usize,
) -> impl Iterator<Item = usize> + 'f {
    let text = files[own].1;
    let asks_answers = text.contains("answers");
    let asks_events = text.contains("event");
    let is_test = headings[own].is_some_and(|heading| heading.kind == DefinitionKind::Test);
    let is_shared = move |index: &usize| {
        let (_, other) = files[*index];
        headings[*index].is_some_and(|heading| heading.key == super::compile::script::COMMON)
            || (asks_answers && (other.contains("save_as") || other.contains("set")))
            || (asks_events && records(other).any(|event| text.contains(event)))
            || (is_test && other.contains("fixtures"))
    };
    (0..files.len()).filter(is_shared)
}

/// Events that a file records.
fn records(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("record_event").filter_map(|(at, name)| words(&text[at + name.len()..]).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(files: &[File<'a>], path: &str) -> Vec<&'a str> {
        Neighbours::of(files.to_vec(), path).read.into_iter().map(|(path, _)| path).collect()
    }

    const FILES: [File<'_>; 6] = [
        ("cadences/a.yaml", "cadence: a\nsteps:\n  - { id: one, call: offer }\n"),
        ("cadences/b.yaml", "cadence: b\nsteps:\n  - { id: one, call: other }\n"),
        ("flows/offer.yaml", "flow: offer\nscript: words\nsteps: {}\n"),
        ("flows/other.yaml", "flow: other\nsteps: {}\n"),
        ("flows/scripts/other.yaml", "# Words\nscript: other\nlanguages: {}\n"),
        ("flows/scripts/words.yaml", "script: words\nlanguages: {}\n"),
    ];

    #[test]
    fn a_cadence_needs_its_flows_and_their_scripts() {
        let wanted = ["cadences/a.yaml", "flows/offer.yaml", "flows/scripts/words.yaml"];
        assert_eq!(read(&FILES, "cadences/a.yaml"), wanted);
    }

    #[test]
    fn a_script_needs_who_speaks_it_and_who_calls_them() {
        let wanted = ["cadences/b.yaml", "flows/other.yaml", "flows/scripts/other.yaml"];
        assert_eq!(read(&FILES, "flows/scripts/other.yaml"), wanted);
    }

    #[test]
    fn the_others_are_known_by_name() {
        let neighbours = Neighbours::of(FILES.to_vec(), "cadences/a.yaml");
        let names: Vec<_> = neighbours.exist.iter().map(|(kind, key, _)| (*kind, *key)).collect();
        assert_eq!(
            names,
            [
                (DefinitionKind::Cadence, "b"),
                (DefinitionKind::Flow, "other"),
                (DefinitionKind::Script, "other")
            ]
        );
    }

    #[test]
    fn a_file_that_does_not_begin_with_its_name_is_read() {
        let mut files = FILES.to_vec();
        files.push(("flows/odd.yaml", "title: Odd\nflow: odd\n"));
        assert!(read(&files, "cadences/a.yaml").contains(&"flows/odd.yaml"));
    }
}
