//! The ways of the arrows: out of a box at its lower edge, straight down through every layer, bending only between them.

use super::place::{Row, spread};
use super::{Arrow, Layered, Link, Picture, Rect, Route, Size};

/// Space between two arrows at one edge of a box.
const PORTS: f64 = 16.0;
/// Corners of boxes have no arrows.
const CORNER: f64 = 14.0;

pub fn picture(sizes: &[Size], arrows: &[Arrow], layered: &Layered, x: &[f64], rows: &[Row]) -> Picture {
    let row = |station: usize| rows[layered.stations[station].layer];
    let boxes: Vec<Rect> = sizes
        .iter()
        .enumerate()
        .map(|(node, size)| Rect {
            x: x[node] - size.half,
            y: row(node).top,
            width: size.half * 2.0,
            height: size.height,
        })
        .collect();
    let outlines = boxes
        .iter()
        .zip(sizes)
        .map(|(rect, size)| Rect { width: rect.width + size.aside, ..*rect })
        .collect();
    let labels = layered
        .links
        .iter()
        .zip(arrows)
        .map(|(link, arrow)| {
            let (station, (width, height)) = (link.label?, arrow.label?);
            let band = row(station);
            let y = band.top + (band.height - height) / 2.0;
            Some(Rect { x: x[station] - width / 2.0, y, width, height })
        })
        .collect();
    let (out, into) = (ports(sizes, &layered.links, x, true), ports(sizes, &layered.links, x, false));
    let routes = layered
        .links
        .iter()
        .zip(out.into_iter().zip(into))
        .map(|(link, (out, into))| route(link, out, into, &boxes, x, &row))
        .collect();
    Picture { boxes, outlines, labels, routes, ..Picture::default() }
}

fn route(link: &Link, out: f64, into: f64, boxes: &[Rect], x: &[f64], row: &impl Fn(usize) -> Row) -> Route {
    let (Some(upper), Some(lower)) = (link.stations.first(), link.stations.last()) else {
        return Route::default();
    };
    let mut points = vec![(out, boxes[*upper].bottom())];
    let band = row(*upper);
    push(&mut points, (out, band.top + band.height));
    for station in &link.stations[1..link.stations.len() - 1] {
        let band = row(*station);
        push(&mut points, (x[*station], band.top));
        push(&mut points, (x[*station], band.top + band.height));
    }
    push(&mut points, (into, boxes[*lower].y));
    Route { points: without_detours(points), upwards: link.reversed }
}

fn push(points: &mut Vec<(f64, f64)>, point: (f64, f64)) {
    let is_new =
        points.last().is_none_or(|last| (last.0 - point.0).abs() > 0.05 || (last.1 - point.1).abs() > 0.05);
    if is_new {
        points.push(point);
    }
}

/// Points on a straight way down say nothing.
fn without_detours(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::with_capacity(points.len());
    for point in points {
        if let [.., before, last] = kept.as_slice()
            && (before.0 - last.0).abs() < 0.05
            && (last.0 - point.0).abs() < 0.05
        {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

/// Where each arrow meets its upper (`out`) or lower box: below or above where it goes on, side by side with the others.
fn ports(sizes: &[Size], links: &[Link], x: &[f64], out: bool) -> Vec<f64> {
    let ends = |link: &Link| {
        let count = link.stations.len();
        let (own, next) = if out { (0, 1) } else { (count.checked_sub(1)?, count.checked_sub(2)?) };
        Some((*link.stations.get(own)?, *link.stations.get(next)?))
    };
    let mut ports = vec![0.0; links.len()];
    for (node, size) in sizes.iter().enumerate() {
        let mut here: Vec<(f64, usize)> = links
            .iter()
            .enumerate()
            .filter_map(|(index, link)| {
                ends(link).filter(|(own, _)| *own == node).map(|(_, next)| (x[next], index))
            })
            .collect();
        here.sort_by(|a, b| a.0.total_cmp(&b.0));
        let reach = (size.half - CORNER).max(0.0);
        let (least, most) = (x[node] - reach, x[node] + reach);
        let between = (reach * 2.0 / here.len().saturating_sub(1).max(1) as f64).min(PORTS);
        let wishes: Vec<(f64, f64)> = here.iter().map(|(wish, _)| (wish.clamp(least, most), 1.0)).collect();
        let apart: Vec<f64> = (0..here.len()).map(|place| if place == 0 { 0.0 } else { between }).collect();
        let mut placed = spread(&wishes, &apart);
        // Pushed over the corner: back, all together.
        let over = placed.last().map_or(0.0, |last| (last - most).max(0.0))
            - placed.first().map_or(0.0, |first| (least - first).max(0.0));
        for port in &mut placed {
            *port = (*port - over).clamp(least, most);
        }
        for ((_, index), port) in here.iter().zip(placed) {
            ports[*index] = port;
        }
    }
    ports
}
