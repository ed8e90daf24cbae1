//! The lines of every box and how much room they take; what the layout works with.

use super::super::layout::{Arrow, Size, lay_out};
use super::super::text::{BOLD, width, wrap};
use super::super::{Edge, Graph, Node, Note, Picture, Rect};

/// Sizes of letters, the same as in the style.
pub const TAG: f64 = 10.0;
pub const TITLE: f64 = 14.0;
pub const LINE: f64 = 12.0;
pub const LABEL: f64 = 11.5;
pub const NAME: f64 = 18.0;
/// Heights of lines.
pub const TAG_LINE: f64 = 14.0;
pub const TITLE_LINE: f64 = 19.0;
pub const LINE_HEIGHT: f64 = 16.0;
pub const LABEL_LINE: f64 = 14.5;
pub const AGAIN: f64 = 15.0;
pub const HEADER_LINE: f64 = 24.0;
pub const PAD_X: f64 = 12.0;
pub const PAD_Y: f64 = 8.0;
/// From a box to the text beside its loop.
pub const AGAIN_GAP: f64 = 28.0;
/// Around everything.
pub const MARGIN: f64 = 20.0;

const WIDEST_LINE: f64 = 250.0;
const WIDEST_LABEL: f64 = 160.0;
const WIDEST_AGAIN: f64 = 190.0;
const WIDEST_NOTE: f64 = 400.0;
const NARROWEST: f64 = 96.0;
/// The header and the notes have at least this room, however narrow the graph is.
const PAGE: f64 = 480.0;

/// The lines of a box.
#[derive(Debug)]
pub struct Block {
    pub title: Vec<String>,
    pub lines: Vec<String>,
    pub ending: Vec<String>,
    pub again: Vec<String>,
}

impl Block {
    pub fn of(node: &Node) -> Self {
        let lines = |text: &String| hanging(text, LINE, WIDEST_LINE);
        Self {
            title: wrap(&node.title, TITLE * BOLD, WIDEST_LINE),
            lines: node.lines.iter().flat_map(lines).collect(),
            ending: node
                .ending
                .iter()
                .flat_map(|ending| wrap(&format!("■ {ending}"), LINE * BOLD, WIDEST_LINE))
                .collect(),
            again: node
                .again
                .iter()
                .flat_map(|line| hanging(&format!("• {line}"), LABEL, WIDEST_AGAIN))
                .collect(),
        }
    }

    fn size(&self, node: &Node) -> Size {
        let widest =
            |lines: &[String], size: f64| lines.iter().map(|line| width(line, size)).fold(0.0, f64::max);
        // Room for the sign of coverage, whether it is there or not.
        let tag = width(&format!("{} ✓", node.kind.to_uppercase()), TAG * BOLD);
        let text = [
            tag,
            widest(&self.title, TITLE * BOLD),
            widest(&self.lines, LINE),
            widest(&self.ending, LINE * BOLD),
        ];
        let own = text.into_iter().fold(NARROWEST - PAD_X * 2.0, f64::max) + PAD_X * 2.0;
        let below = (self.lines.len() + self.ending.len()) as f64 * LINE_HEIGHT;
        let height = PAD_Y * 2.0 + TAG_LINE + self.title.len() as f64 * TITLE_LINE + below;
        let beside = self.again.len() as f64 * AGAIN;
        let aside = if self.again.is_empty() { 0.0 } else { AGAIN_GAP + widest(&self.again, LABEL) };
        Size { half: own / 2.0, aside, height: height.max(beside) }
    }
}

/// Lines after the first begin further in.
fn hanging(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines = wrap(text, size, most);
    // A no-break space: SVG drops ordinary ones at the beginning.
    lines.iter_mut().skip(1).for_each(|line| line.insert_str(0, "\u{a0}\u{a0}"));
    lines
}

pub fn label_lines(edge: &Edge) -> Vec<String> {
    edge.labels
        .iter()
        .enumerate()
        .flat_map(|(index, label)| {
            let comma = if index + 1 < edge.labels.len() { "," } else { "" };
            wrap(&format!("{label}{comma}"), LABEL, WIDEST_LABEL)
        })
        .collect()
}

/// Class and text of each line of the header.
pub fn header(graph: &Graph) -> Vec<(&'static str, String)> {
    let name = wrap(&graph.key, NAME * BOLD, PAGE);
    let mut lines: Vec<(&'static str, String)> = name.into_iter().map(|line| ("cw-name", line)).collect();
    lines.extend(wrap(&graph.title, TITLE, PAGE).into_iter().map(|line| ("cw-sub", line)));
    lines
}

/// With a line for coverage.
pub fn header_height(graph: &Graph) -> f64 {
    HEADER_LINE * (header(graph).len() as f64 + 1.0)
}

/// Class, height and text of each line of a note.
pub fn note_lines(note: &Note) -> Vec<(&'static str, f64, String)> {
    let title = wrap(&note.title, LINE * BOLD, WIDEST_NOTE);
    let lines = note.lines.iter().flat_map(|line| hanging(&format!("• {line}"), LINE, WIDEST_NOTE));
    title
        .into_iter()
        .map(|line| ("cw-ending", TITLE_LINE, line))
        .chain(lines.map(|line| ("cw-line", LINE_HEIGHT, line)))
        .collect()
}

/// Where everything stands.
pub fn picture(graph: &Graph) -> Picture {
    let sizes: Vec<Size> = graph.nodes.iter().map(|node| Block::of(node).size(node)).collect();
    let arrows: Vec<Arrow> = graph
        .edges
        .iter()
        .map(|edge| {
            let lines = label_lines(edge);
            let widest = lines.iter().map(|line| width(line, LABEL)).fold(0.0, f64::max);
            let size = (widest + 8.0, lines.len() as f64 * LABEL_LINE + 4.0);
            Arrow { from: edge.from, to: edge.to, label: (!lines.is_empty()).then_some(size) }
        })
        .collect();
    let mut picture = lay_out(&sizes, &arrows);
    let top = MARGIN + header_height(graph);
    let bottom = top + picture.height;
    picture.shift(MARGIN, top);
    picture.width = picture.width.max(PAGE) + MARGIN * 2.0;
    picture.height = bottom;
    add_notes(graph, &mut picture);
    picture.height += MARGIN;
    picture
}

/// Below the graph, side by side while there is room.
fn add_notes(graph: &Graph, picture: &mut Picture) {
    let (mut x, mut y, mut tallest) = (MARGIN, picture.height + 28.0, 0.0_f64);
    for note in &graph.notes {
        let lines = note_lines(note);
        let widest = lines
            .iter()
            .map(|(class, _, line)| width(line, if *class == "cw-ending" { LINE * BOLD } else { LINE }));
        let wide = widest.fold(NARROWEST, f64::max) + PAD_X * 2.0;
        let high = lines.iter().map(|(_, height, _)| height).sum::<f64>() + PAD_Y * 2.0;
        if x > MARGIN && x + wide > picture.width - MARGIN {
            (x, y, tallest) = (MARGIN, y + tallest + 14.0, 0.0);
        }
        picture.notes.push(Rect { x, y, width: wide, height: high });
        x += wide + 14.0;
        tallest = tallest.max(high);
        picture.height = picture.height.max(y + high);
    }
}
