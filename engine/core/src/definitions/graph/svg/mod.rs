//! The picture as SVG: no script, no font and no image from elsewhere; colours follow the reader's light or dark setting.

mod measure;
mod style;

use std::fmt::Write as _;

pub use self::measure::picture;
use self::measure::{AGAIN, AGAIN_GAP, Block, LABEL_LINE, LINE_HEIGHT, PAD_X, PAD_Y, TAG_LINE, TITLE_LINE};
use super::{Coverage, Edge, Graph, Node, Note, Picture, Rect, Role, Route};

/// The whole document.
pub fn draw(graph: &Graph, picture: &Picture, coverage: Option<&Coverage>) -> String {
    let mut out = String::new();
    let subject = match graph.subject {
        super::Subject::Flow => "flow",
        super::Subject::Cadence => "cadence",
    };
    let (width, height) = (picture.width.ceil(), picture.height.ceil());
    let id = format!("cw-{subject}-{}", graph.key);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cw-graph\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <title id=\"{id}-title\">{} {}: {}</title>\n<desc id=\"{id}-desc\">{}</desc>\n<style>{}</style>\n\
         <rect class=\"cw-ground\" width=\"{width}\" height=\"{height}\"/>\n",
        capital(subject),
        escape(&graph.key),
        escape(&graph.title),
        escape(&graph.sentences().join(" ")),
        style::STYLE,
    );
    header(&mut out, graph, coverage);
    for (index, edge) in graph.edges.iter().enumerate() {
        let covered = coverage.and_then(|coverage| coverage.edge(graph, edge));
        arrow(&mut out, edge, &picture.routes[index], covered);
    }
    for (edge, rect) in graph.edges.iter().zip(&picture.labels) {
        if let Some(rect) = rect {
            label(&mut out, edge, rect);
        }
    }
    for (node, rect) in graph.nodes.iter().zip(&picture.boxes) {
        let covered = coverage.and_then(|coverage| coverage.step(node));
        node_box(&mut out, node, rect, covered);
    }
    for (note, rect) in graph.notes.iter().zip(&picture.notes) {
        note_box(&mut out, note, rect);
    }
    out.push_str("</svg>\n");
    out
}

fn header(out: &mut String, graph: &Graph, coverage: Option<&Coverage>) {
    for (index, (class, line)) in measure::header(graph).into_iter().enumerate() {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            measure::MARGIN,
            n(measure::MARGIN + measure::HEADER_LINE * (index as f64 + 0.7)),
            escape(&line)
        );
    }
    let Some(coverage) = coverage else { return };
    let known = graph.nodes.iter().filter_map(|node| coverage.step(node));
    let (yes, all) = known.fold((0, 0), |(yes, all), covered| (yes + u32::from(covered), all + 1));
    let _ = writeln!(
        out,
        "<text class=\"cw-line\" x=\"{}\" y=\"{}\">✓ gone through, ✗ not: {yes} of {all} steps</text>",
        measure::MARGIN,
        n(measure::MARGIN + measure::header_height(graph) - measure::HEADER_LINE * 0.3)
    );
}

fn arrow(out: &mut String, edge: &Edge, route: &Route, covered: Option<bool>) {
    let Some(first) = route.points.first() else { return };
    let mut path = format!("M{} {}", n(first.0), n(first.1));
    for pair in route.points.windows(2) {
        let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
        if (x - to_x).abs() < 0.05 {
            let _ = write!(path, "V{}", n(to_y));
        } else {
            let middle = n(f64::midpoint(y, to_y));
            let _ = write!(path, "C{} {middle} {} {middle} {} {}", n(x), n(to_x), n(to_x), n(to_y));
        }
    }
    let mark = mark(covered);
    let dashed = if edge.otherwise { " cw-otherwise" } else { "" };
    let _ = writeln!(out, "<path class=\"cw-arrow{dashed}{mark}\" d=\"{path}\"/>");
    let (tip, length) =
        if route.upwards { (first, 7.0) } else { (route.points.last().unwrap_or(first), -7.0) };
    let back = n(tip.1 + length);
    let _ = writeln!(
        out,
        "<path class=\"cw-head{mark}\" d=\"M{} {}L{} {back}H{}Z\"/>",
        n(tip.0),
        n(tip.1),
        n(tip.0 - 4.0),
        n(tip.0 + 4.0)
    );
}

fn label(out: &mut String, edge: &Edge, rect: &Rect) {
    let _ = writeln!(
        out,
        "<rect class=\"cw-label\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>",
        n(rect.x),
        n(rect.y),
        n(rect.width),
        n(rect.height)
    );
    let centre = rect.x + rect.width / 2.0;
    for (index, line) in measure::label_lines(edge).iter().enumerate() {
        let y = rect.y + 2.0 + LABEL_LINE * (index as f64 + 0.78);
        let _ = writeln!(
            out,
            "<text class=\"cw-why\" x=\"{}\" y=\"{}\">{}</text>",
            n(centre),
            n(y),
            escape(line)
        );
    }
}

fn node_box(out: &mut String, node: &Node, rect: &Rect, covered: Option<bool>) {
    let role = match node.role {
        Role::Start => "start",
        Role::Action => "action",
        Role::Decision => "decision",
        Role::Call => "call",
        Role::Wait => "wait",
        Role::End => "end",
    };
    let round = if matches!(node.role, Role::Start | Role::End) { 14 } else { 6 };
    let mark = mark(covered);
    let _ = writeln!(
        out,
        "<g class=\"cw-node cw-{role}{mark}\"><rect class=\"cw-box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
        n(rect.x),
        n(rect.y),
        n(rect.width),
        n(rect.height)
    );
    let block = Block::of(node);
    let left = rect.x + PAD_X;
    let mut y = rect.y + PAD_Y;
    let sign = match covered {
        Some(true) => " ✓",
        Some(false) => " ✗",
        None => "",
    };
    let mut write = |class: &str, height: f64, line: &str| {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            n(left),
            n(y + height * 0.76),
            escape(line)
        );
        y += height;
    };
    write("cw-tag", TAG_LINE, &format!("{}{sign}", node.kind.to_uppercase()));
    block.title.iter().for_each(|line| write("cw-title", TITLE_LINE, line));
    block.lines.iter().for_each(|line| write("cw-line", LINE_HEIGHT, line));
    block.ending.iter().for_each(|line| write("cw-ending", LINE_HEIGHT, line));
    again(out, &block, rect);
    out.push_str("</g>\n");
}

/// A loop at the right side, and why it is taken.
fn again(out: &mut String, block: &Block, rect: &Rect) {
    if block.again.is_empty() {
        return;
    }
    let (x, middle) = (rect.right(), rect.y + rect.height / 2.0);
    let _ = writeln!(
        out,
        "<path class=\"cw-arrow\" d=\"M{} {}C{} {} {} {} {} {}\"/><path class=\"cw-head\" d=\"M{} {}l7 -4v8Z\"/>",
        n(x),
        n(middle - 9.0),
        n(x + 26.0),
        n(middle - 14.0),
        n(x + 26.0),
        n(middle + 14.0),
        n(x + 6.0),
        n(middle + 9.0),
        n(x),
        n(middle + 9.0)
    );
    let top = middle - AGAIN * block.again.len() as f64 / 2.0;
    for (index, line) in block.again.iter().enumerate() {
        let _ = writeln!(
            out,
            "<text class=\"cw-again\" x=\"{}\" y=\"{}\">{}</text>",
            n(x + AGAIN_GAP),
            n(top + AGAIN * (index as f64 + 0.76)),
            escape(line)
        );
    }
}

fn note_box(out: &mut String, note: &Note, rect: &Rect) {
    let _ = writeln!(
        out,
        "<g><rect class=\"cw-note\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
        n(rect.x),
        n(rect.y),
        n(rect.width),
        n(rect.height)
    );
    let mut y = rect.y + PAD_Y;
    for (class, height, line) in measure::note_lines(note) {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            n(rect.x + PAD_X),
            n(y + height * 0.76),
            escape(&line)
        );
        y += height;
    }
    out.push_str("</g>\n");
}

const fn mark(covered: Option<bool>) -> &'static str {
    match covered {
        Some(true) => " cw-yes",
        Some(false) => " cw-no",
        None => "",
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A number as short as its tenth allows.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// For text and attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML, whoever wrote them.
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_authors_write_cannot_leave_its_text() {
        assert_eq!(escape("</text><script>\u{1}\"'&"), "&lt;/text&gt;&lt;script&gt; &quot;&#39;&amp;");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([n(1.0), n(2.26), n(-0.04)], ["1", "2.3", "0"]);
    }

    #[test]
    fn sizes_of_letters_agree_with_the_style() {
        for (class, size) in [
            ("cw-tag", measure::TAG),
            ("cw-title", measure::TITLE),
            ("cw-line", measure::LINE),
            ("cw-why", measure::LABEL),
            ("cw-name", measure::NAME),
        ] {
            let rule =
                style::STYLE.split('}').find(|rule| rule.contains(class) && rule.contains("font-size"));
            assert!(
                rule.is_some_and(|rule| rule.contains(&format!("font-size:{size}px"))),
                "{class}: {rule:?}"
            );
        }
    }
}
