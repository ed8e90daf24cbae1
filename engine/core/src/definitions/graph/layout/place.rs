//! Coordinates. Across: stations move to the weighted mean of their neighbours as far as the order of their layer allows, which
//! is a least-squares problem with a known exact answer (pool adjacent violators). Down: layers as high as their highest box.

use super::{BETWEEN, Layered};

const ROUNDS: usize = 40;
/// Least space between two layers.
const GAP: f64 = 18.0;
/// Arrows that go far sideways get more room to do so.
const GAP_PER_PIXEL: f64 = 0.05;
const LARGEST_GAP: f64 = 44.0;

/// A layer's band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub top: f64,
    pub height: f64,
}

/// The axis of every station.
pub fn columns(layered: &Layered) -> Vec<f64> {
    let (above, below) = layered.neighbours();
    let mut x = vec![0.0; layered.stations.len()];
    for layer in &layered.layers {
        let apart = distances(layered, layer);
        let mut at = 0.0;
        for (place, station) in layer.iter().enumerate() {
            at += apart[place];
            x[*station] = at;
        }
    }
    for round in 0..ROUNDS {
        let down: Vec<usize> = (0..layered.layers.len()).collect();
        let order = if round % 2 == 0 { down } else { down.into_iter().rev().collect() };
        for layer in order {
            let stations = &layered.layers[layer];
            let wishes: Vec<(f64, f64)> =
                stations.iter().map(|station| wish(layered, *station, &above, &below, &x)).collect();
            let placed = spread(&wishes, &distances(layered, stations));
            stations.iter().zip(placed).for_each(|(station, at)| x[*station] = at);
        }
    }
    straighten(layered, &mut x);
    x
}

/// Where a station wants to be, and how much. Long arrows want to be straight more than boxes want to be centred.
fn wish(
    layered: &Layered,
    station: usize,
    above: &[Vec<usize>],
    below: &[Vec<usize>],
    x: &[f64],
) -> (f64, f64) {
    let is_node = |each: usize| layered.stations[each].is_node;
    let (mut sum, mut weight) = (0.0, 0.0);
    for each in above[station].iter().chain(&below[station]) {
        let pull = match (is_node(station), is_node(*each)) {
            (false, false) => 8.0,
            (true, true) => 1.0,
            _ => 2.0,
        };
        sum += pull * x[*each];
        weight += pull;
    }
    if weight > 0.0 { (sum / weight, weight) } else { (x[station], 0.1) }
}

/// Least distances from each station to the one before it; 0 for the first.
fn distances(layered: &Layered, layer: &[usize]) -> Vec<f64> {
    let mut apart = vec![0.0];
    apart.extend(layer.windows(2).map(|pair| {
        let (left, right) = (&layered.stations[pair[0]], &layered.stations[pair[1]]);
        left.right + BETWEEN + right.left
    }));
    apart
}

/// The places nearest to the wishes (value, weight) that keep these distances.
pub fn spread(wishes: &[(f64, f64)], apart: &[f64]) -> Vec<f64> {
    // Measured from where the least distances alone would put it, the places only have to be in order.
    let offsets: Vec<f64> = apart
        .iter()
        .scan(0.0, |sum, distance| {
            *sum += distance;
            Some(*sum)
        })
        .collect();
    // Blocks of stations that touch: mean, weight, how many.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(wishes.len());
    for ((value, weight), offset) in wishes.iter().zip(&offsets) {
        let mut block = (value - offset, *weight, 1);
        while let Some(last) = blocks.pop_if(|last| last.0 > block.0) {
            let weight = last.1 + block.1;
            block = ((last.0 * last.1 + block.0 * block.1) / weight, weight, last.2 + block.2);
        }
        blocks.push(block);
    }
    let means = blocks.iter().flat_map(|(mean, _, count)| std::iter::repeat_n(*mean, *count));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

/// Draws the stations of each arrow into one line, as far as their neighbours leave room.
fn straighten(layered: &Layered, x: &mut [f64]) {
    let mut room = vec![(f64::MIN, f64::MAX); x.len()];
    for _ in 0..6 {
        for link in layered.links.iter().filter(|link| link.stations.len() > 3) {
            let chain = &link.stations[1..link.stations.len() - 1];
            limits(layered, x, &mut room);
            let (low, high) = chain.iter().fold((f64::MIN, f64::MAX), |so_far: (f64, f64), station| {
                (so_far.0.max(room[*station].0), so_far.1.min(room[*station].1))
            });
            let mut places: Vec<f64> = chain.iter().map(|station| x[*station]).collect();
            places.sort_by(f64::total_cmp);
            let middle = places[places.len() / 2];
            for station in chain {
                let (least, most) = if low <= high { (low, high) } else { room[*station] };
                x[*station] = middle.max(least).min(most);
            }
        }
    }
}

/// How far each station may move without touching its neighbours.
fn limits(layered: &Layered, x: &[f64], room: &mut [(f64, f64)]) {
    for layer in &layered.layers {
        let apart = distances(layered, layer);
        for (place, station) in layer.iter().enumerate() {
            let least = place.checked_sub(1).map_or(f64::MIN, |before| x[layer[before]] + apart[place]);
            let most = layer.get(place + 1).map_or(f64::MAX, |after| x[*after] - apart[place + 1]);
            room[*station] = (least, most);
        }
    }
}

/// The bands of the layers, from the top.
pub fn rows(layered: &Layered, x: &[f64]) -> Vec<Row> {
    let mut farthest = vec![0.0_f64; layered.layers.len()];
    for pair in layered.links.iter().flat_map(|link| link.stations.windows(2)) {
        let layer = layered.stations[pair[0]].layer;
        farthest[layer] = farthest[layer].max((x[pair[0]] - x[pair[1]]).abs());
    }
    let mut top = 0.0;
    let mut rows = Vec::with_capacity(layered.layers.len());
    for (index, layer) in layered.layers.iter().enumerate() {
        let height = layer.iter().map(|station| layered.stations[*station].height).fold(0.0, f64::max);
        rows.push(Row { top, height });
        top += height + (GAP + farthest[index] * GAP_PER_PIXEL).min(LARGEST_GAP);
    }
    rows
}
