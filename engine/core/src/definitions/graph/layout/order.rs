//! The order within layers: each station moves to the mean of its neighbours, downwards and upwards in turn; the order with
//! the fewest crossings is kept.

use super::Layered;

const SWEEPS: usize = 24;

pub fn order(layered: &mut Layered) {
    let (above, below) = layered.neighbours();
    first_order(layered, &below);
    let mut best = (crossings(layered, &below), layered.layers.clone());
    for sweep in 0..SWEEPS {
        if best.0 == 0 {
            break;
        }
        let depth = layered.layers.len();
        if sweep % 2 == 0 {
            (1..depth).for_each(|layer| by_barycentre(layered, layer, &above));
        } else {
            (0..depth - 1).rev().for_each(|layer| by_barycentre(layered, layer, &below));
        }
        let found = crossings(layered, &below);
        if found < best.0 {
            best = (found, layered.layers.clone());
        }
    }
    layered.layers = best.1;
}

/// As a walk from the top meets them: branches stay together.
fn first_order(layered: &mut Layered, below: &[Vec<usize>]) {
    let mut seen = vec![false; layered.stations.len()];
    let mut layers = vec![Vec::new(); layered.layers.len()];
    let roots: Vec<usize> = layered.layers.iter().flatten().copied().collect();
    for root in roots {
        let mut path = vec![root];
        while let Some(station) = path.pop() {
            if std::mem::replace(&mut seen[station], true) {
                continue;
            }
            layers[layered.stations[station].layer].push(station);
            path.extend(below[station].iter().rev());
        }
    }
    layered.layers = layers;
}

fn positions(layered: &Layered) -> Vec<usize> {
    let mut position = vec![0; layered.stations.len()];
    for layer in &layered.layers {
        for (place, station) in layer.iter().enumerate() {
            position[*station] = place;
        }
    }
    position
}

fn by_barycentre(layered: &mut Layered, layer: usize, neighbours: &[Vec<usize>]) {
    let position = positions(layered);
    let centre = |station: usize| {
        let beside = &neighbours[station];
        if beside.is_empty() {
            return position[station] as f64;
        }
        beside.iter().map(|each| position[*each] as f64).sum::<f64>() / beside.len() as f64
    };
    let mut keyed: Vec<(f64, usize)> =
        layered.layers[layer].iter().map(|station| (centre(*station), *station)).collect();
    // Stable: equals stay as they are.
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    layered.layers[layer] = keyed.into_iter().map(|(_, station)| station).collect();
}

/// Pairs of arrows that cross, over all gaps.
fn crossings(layered: &Layered, below: &[Vec<usize>]) -> u64 {
    let position = positions(layered);
    let mut count = 0;
    for (index, layer) in layered.layers.iter().enumerate() {
        let width = layered.layers.get(index + 1).map_or(0, Vec::len);
        let mut tree = vec![0_u64; width + 1];
        let mut passed = 0;
        for station in layer {
            let mut ends: Vec<usize> = below[*station].iter().map(|each| position[*each]).collect();
            ends.sort_unstable();
            // Those that began further left and end further right.
            count += ends.iter().map(|end| passed - sum(&tree, end + 1)).sum::<u64>();
            passed += ends.len() as u64;
            for end in ends {
                add(&mut tree, end + 1);
            }
        }
    }
    count
}

/// A binary indexed tree: how many of the first `index` there are.
fn sum(tree: &[u64], mut index: usize) -> u64 {
    let mut sum = 0;
    while index > 0 {
        sum += tree[index];
        index -= index & index.wrapping_neg();
    }
    sum
}

fn add(tree: &mut [u64], mut index: usize) {
    while index < tree.len() {
        tree[index] += 1;
        index += index & index.wrapping_neg();
    }
}
