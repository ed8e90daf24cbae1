//! The forgiving reader agrees with the strict one on every correct file, and gets through every broken one.

use super::super::super::embedded;
use super::super::super::source::{Kind, Node, Source};
use super::super::{complete, forgiving, hover, leaf, project::Project};

/// Keys with their places and scalars with their places, without the ends of blocks of text.
fn shape(root: &Node) -> Vec<(Vec<String>, bool, usize, String)> {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\\\", "\\");
    let leaves = leaf::leaves(root).into_iter();
    leaves.map(|leaf| (leaf.path, leaf.is_key, leaf.span.start, plain(&leaf.text))).collect()
}

#[test]
fn correct_files_are_read_as_the_strict_reader_reads_them() {
    for (path, text) in embedded::FILES {
        let strict = Source::parse(path, text).expect("shipped files are YAML").root().clone();
        assert_eq!(shape(&forgiving::read(text)), shape(&strict), "{path}");
    }
}

#[test]
fn styles_of_writing_are_read_as_the_strict_reader_reads_them() {
    let text = "a: hello # note\nb: \"qu: x\"\nc: >-\n  one # not a comment\n\n  two\nd: { e: x1, f: [x, 'y: z', w], g: h }\n\
                l:\n- m: n\n  o: p\n-\n  q: r\n- { s: t,\n    u: v }\nlast: three\n  lines\n'k: y': z\nπ: \"हिन्दी 😀\" # x\n\
                deep:\n  - - a1\n    - b1\n  - [a2, b2]\nend: a:b\n";
    let strict = Source::parse("x", text).expect("YAML").root().clone();
    assert_eq!(shape(&forgiving::read(text)), shape(&strict));
}

#[test]
fn an_open_brace_ends_where_the_next_line_of_its_owner_begins() {
    let root = forgiving::read("steps:\n  greet: { say: greeting, next:\n  bye: { end: done }\n");
    let steps = root.get("steps").expect("steps");
    let names: Vec<&str> = steps.entries().iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(names, ["greet", "bye"]);
    assert!(matches!(&steps.get("greet").expect("greet").kind, Kind::Map(entries) if entries.len() == 2));
}

#[test]
fn half_a_key_does_not_hide_its_neighbours() {
    let root = forgiving::read("flow: a\nti\nsteps:\n  x:\n    say: b\n    ne\n  y: { end: c }\n");
    let keys: Vec<&str> = root.entries().iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["flow", "ti", "steps"]);
    assert_eq!(leaf::text_at(&root, &["steps", "y", "end"]), Some("c"));
    assert!(leaf::node_at(&root, &["steps", "x", "ne"]).is_some());
}

#[test]
fn every_beginning_and_every_gap_of_a_file_is_got_through() {
    for (path, text) in embedded::FILES
        .iter()
        .filter(|(path, _)| path.ends_with("s/new-lead.yaml") && !path.contains("scripts"))
    {
        let mut project = Project::of(embedded::FILES.iter().copied());
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)).step_by(37) {
            let rest = text[at..].find('\n').map_or("", |line| &text[at + line..]);
            for broken in
                [&text[..at], &format!("{}{rest}", &text[..at]), &format!("{}: [{{\"{rest}", &text[..at])]
            {
                project.set(path, broken);
                let _ = complete::complete(&project, path, at);
                let _ = hover::hover(&project, path, at);
            }
        }
    }
}
