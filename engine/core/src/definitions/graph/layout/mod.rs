//! A layered layout, top down (Sugiyama's steps): break cycles, rank by the longest path, order each layer by barycentres, place
//! by least squares, draw arrows through the gaps between layers. Labels are boxes of the layer between two ranks, so nothing
//! can lie over them: arrows run straight down where boxes are, and bend only in the gaps.

mod order;
mod place;
mod rank;
mod route;

use rank::{Layered, Link};

/// A box to place. The axis is where arrows meet it; it may reach further to one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Half the width of the box proper.
    pub half: f64,
    /// What stands beside it on the right: tries and call backs.
    pub aside: f64,
    pub height: f64,
}

/// An arrow to draw, with the size of its label if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    /// Width and height.
    pub label: Option<(f64, f64)>,
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// The way of one arrow: straight pieces and, between them, curves with vertical ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Route {
    /// From the upper end to the lower.
    pub points: Vec<(f64, f64)>,
    /// The arrow head is at the upper end: it leads back.
    pub upwards: bool,
}

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    pub width: f64,
    pub height: f64,
    /// Boxes proper, by node.
    pub boxes: Vec<Rect>,
    /// Boxes with what stands beside them, by node.
    pub outlines: Vec<Rect>,
    /// By edge.
    pub labels: Vec<Option<Rect>>,
    pub routes: Vec<Route>,
    /// By note.
    pub notes: Vec<Rect>,
}

/// Space between two boxes of a layer.
const BETWEEN: f64 = 22.0;
/// Space between parts that no arrow joins.
const APART: f64 = 48.0;

impl Rect {
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Do the two share any area?
    pub fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    fn shift(&mut self, x: f64, y: f64) {
        self.x += x;
        self.y += y;
    }
}

impl Picture {
    /// Moves everything.
    pub fn shift(&mut self, x: f64, y: f64) {
        for rect in self.boxes.iter_mut().chain(&mut self.outlines).chain(self.labels.iter_mut().flatten()) {
            rect.shift(x, y);
        }
        for point in self.routes.iter_mut().flat_map(|route| &mut route.points) {
            point.0 += x;
            point.1 += y;
        }
    }
}

/// Places boxes and arrows; parts that are not joined stand side by side.
pub fn lay_out(sizes: &[Size], arrows: &[Arrow]) -> Picture {
    let mut picture = Picture {
        boxes: vec![Rect::default(); sizes.len()],
        outlines: vec![Rect::default(); sizes.len()],
        labels: vec![None; arrows.len()],
        routes: vec![Route::default(); arrows.len()],
        ..Picture::default()
    };
    let parts = parts(sizes.len(), arrows);
    for part in 0..parts.iter().max().map_or(0, |last| last + 1) {
        let nodes: Vec<usize> = (0..sizes.len()).filter(|node| parts[*node] == part).collect();
        let edges: Vec<usize> = (0..arrows.len()).filter(|edge| parts[arrows[*edge].from] == part).collect();
        let own = |node: usize| nodes.iter().position(|each| *each == node).unwrap_or_default();
        let own_sizes: Vec<Size> = nodes.iter().map(|node| sizes[*node]).collect();
        let own_arrows: Vec<Arrow> = edges
            .iter()
            .map(|edge| Arrow { from: own(arrows[*edge].from), to: own(arrows[*edge].to), ..arrows[*edge] })
            .collect();
        let mut drawn = lay_out_part(&own_sizes, &own_arrows);
        let beside = if picture.width > 0.0 { picture.width + APART } else { 0.0 };
        drawn.shift(beside, 0.0);
        picture.width = beside + drawn.width;
        picture.height = picture.height.max(drawn.height);
        for (index, node) in nodes.iter().enumerate() {
            picture.boxes[*node] = drawn.boxes[index];
            picture.outlines[*node] = drawn.outlines[index];
        }
        for (index, edge) in edges.iter().enumerate() {
            picture.labels[*edge] = drawn.labels[index];
            picture.routes[*edge] = std::mem::take(&mut drawn.routes[index]);
        }
    }
    picture
}

/// The part each node belongs to, numbered in the order of their first nodes.
fn parts(nodes: usize, arrows: &[Arrow]) -> Vec<usize> {
    let mut part: Vec<usize> = (0..nodes).collect();
    loop {
        let mut changed = false;
        for arrow in arrows {
            let least = part[arrow.from].min(part[arrow.to]);
            for end in [arrow.from, arrow.to] {
                changed |= std::mem::replace(&mut part[end], least) != least;
            }
        }
        if !changed {
            break;
        }
    }
    let mut firsts = part.clone();
    firsts.sort_unstable();
    firsts.dedup();
    part.iter().map(|first| firsts.binary_search(first).unwrap_or_default()).collect()
}

fn lay_out_part(sizes: &[Size], arrows: &[Arrow]) -> Picture {
    let mut layered = rank::layers(sizes, arrows);
    order::order(&mut layered);
    let x = place::columns(&layered);
    let rows = place::rows(&layered, &x);
    let mut picture = route::picture(sizes, arrows, &layered, &x, &rows);
    let left = edge_of(&picture, |rect| rect.x, f64::min);
    picture.shift(-left, 0.0);
    picture.width = edge_of(&picture, Rect::right, f64::max);
    picture.height = rows.last().map_or(0.0, |row| row.top + row.height);
    picture
}

fn edge_of(picture: &Picture, side: impl Fn(&Rect) -> f64, best: impl Fn(f64, f64) -> f64) -> f64 {
    let rects = picture.outlines.iter().chain(picture.labels.iter().flatten()).map(side);
    let points = picture.routes.iter().flat_map(|route| &route.points).map(|point| point.0);
    rects.chain(points).reduce(best).unwrap_or(0.0)
}
