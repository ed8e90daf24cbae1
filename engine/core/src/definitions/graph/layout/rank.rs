//! Layers: arrows that lead back are turned round, nodes are ranked by the longest path, and long arrows become chains of
//! stations, one per layer they pass. Nodes have even layers; labels the odd ones between.

use super::{Arrow, Size};

/// Something with a place in a layer: a node, or a station of an arrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Station {
    /// From the axis to the left edge.
    pub left: f64,
    pub right: f64,
    pub height: f64,
    pub layer: usize,
    pub is_node: bool,
}

/// One arrow between two layers or more: its stations from the upper node to the lower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub stations: Vec<usize>,
    /// Turned round: the arrow head is at the upper end.
    pub reversed: bool,
    /// The station that carries the label.
    pub label: Option<usize>,
}

/// All stations by layer, nodes first in [`Layered::stations`].
#[derive(Debug, Clone)]
pub struct Layered {
    pub stations: Vec<Station>,
    /// In order, from left to right.
    pub layers: Vec<Vec<usize>>,
    /// By arrow. An arrow from a node to itself has no stations.
    pub links: Vec<Link>,
}

impl Layered {
    /// Neighbours of every station in the layer above and below.
    pub fn neighbours(&self) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
        let mut above = vec![Vec::new(); self.stations.len()];
        let mut below = above.clone();
        for pair in self.links.iter().flat_map(|link| link.stations.windows(2)) {
            above[pair[1]].push(pair[0]);
            below[pair[0]].push(pair[1]);
        }
        (above, below)
    }
}

pub fn layers(sizes: &[Size], arrows: &[Arrow]) -> Layered {
    let reversed = back_arrows(sizes.len(), arrows);
    let rank = ranks(sizes.len(), arrows, &reversed);
    let mut stations: Vec<Station> = sizes
        .iter()
        .zip(&rank)
        .map(|(size, rank)| Station {
            left: size.half,
            right: size.half + size.aside,
            height: size.height,
            layer: rank * 2,
            is_node: true,
        })
        .collect();
    let mut links = Vec::with_capacity(arrows.len());
    for (arrow, reversed) in arrows.iter().zip(&reversed) {
        let (upper, lower) = if *reversed { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
        let mut link = Link { stations: Vec::new(), reversed: *reversed, label: None };
        if upper == lower {
            links.push(link);
            continue;
        }
        let (first, last) = (rank[upper] * 2 + 1, rank[lower] * 2 - 1);
        // Beside the node that decides.
        let labelled = if *reversed { last } else { first };
        link.stations.push(upper);
        for layer in first..=last {
            let label = arrow.label.filter(|_| layer == labelled);
            let (width, height) = label.unwrap_or((0.0, 0.0));
            link.label = label.map_or(link.label, |_| Some(stations.len()));
            link.stations.push(stations.len());
            stations.push(Station { left: width / 2.0, right: width / 2.0, height, layer, is_node: false });
        }
        link.stations.push(lower);
        links.push(link);
    }
    let depth = stations.iter().map(|station| station.layer).max().unwrap_or(0);
    let mut layers = vec![Vec::new(); depth + 1];
    for (index, station) in stations.iter().enumerate() {
        layers[station.layer].push(index);
    }
    Layered { stations, layers, links }
}

/// Arrows that close a cycle on the way from the first node.
fn back_arrows(nodes: usize, arrows: &[Arrow]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; nodes];
    let mut back = vec![false; arrows.len()];
    for root in 0..nodes {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::Open;
        // Node, and the next arrow to look at: definitions may be deeper than the machine's stack.
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(edge) = (*next..arrows.len()).find(|edge| arrows[*edge].from == *node) else {
                marks[*node] = Mark::Done;
                path.pop();
                continue;
            };
            *next = edge + 1;
            let to = arrows[edge].to;
            match marks[to] {
                Mark::New => {
                    marks[to] = Mark::Open;
                    path.push((to, 0));
                }
                Mark::Open => back[edge] = true,
                Mark::Done => {}
            }
        }
    }
    back
}

/// The length of the longest way to each node.
fn ranks(nodes: usize, arrows: &[Arrow], reversed: &[bool]) -> Vec<usize> {
    let mut rank = vec![0; nodes];
    // Without cycles no way is longer than the number of nodes.
    for _ in 0..nodes {
        let mut changed = false;
        for (arrow, reversed) in arrows.iter().zip(reversed) {
            let (upper, lower) = if *reversed { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
            if upper != lower && rank[lower] <= rank[upper] {
                rank[lower] = rank[upper] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    rank
}
