//! Pictures of all shipped definitions and of made-up ones: nothing overlaps, nothing leaves the picture, nothing changes.

use proptest::prelude::*;

use super::layout::{Arrow, Size, lay_out};
use super::*;
use crate::definitions::library::Library;

fn shipped() -> Vec<Graph> {
    let library = Library::embedded();
    let flows = library.flows().map(|flow| Graph::of_flow(flow));
    flows.chain(library.cadences().map(|cadence| Graph::of_cadence(cadence))).collect()
}

/// Everything that must keep clear of everything else.
fn clear(picture: &Picture) -> Result<(), String> {
    let rects: Vec<&Rect> =
        picture.outlines.iter().chain(picture.labels.iter().flatten()).chain(&picture.notes).collect();
    for (index, one) in rects.iter().enumerate() {
        let inside = one.x >= -0.01
            && one.y >= -0.01
            && one.right() <= picture.width + 0.01
            && one.bottom() <= picture.height + 0.01;
        if !inside {
            return Err(format!("{one:?} leaves {} × {}", picture.width, picture.height));
        }
        if let Some(other) = rects[index + 1..].iter().find(|other| one.overlaps(other)) {
            return Err(format!("{one:?} lies on {other:?}"));
        }
    }
    Ok(())
}

/// No arrow lies over a box or over the label of another: sampled along the drawn curves.
fn uncrossed(picture: &Picture) -> Result<(), String> {
    for (edge, route) in picture.routes.iter().enumerate() {
        for pair in route.points.windows(2) {
            let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
            for step in 1..40 {
                let t = f64::from(step) / 40.0;
                // The curve has vertical ends: across it eases in and out, down it does so as well.
                let ease = t * t * (3.0 - 2.0 * t);
                let down = if (x - to_x).abs() < 0.05 { t } else { 1.5 * t - 1.5 * t * t + t * t * t };
                let (at_x, at_y) = (x + (to_x - x) * ease, y + (to_y - y) * down);
                let hit = |rect: &Rect| {
                    at_x > rect.x + 0.1
                        && at_x < rect.right() - 0.1
                        && at_y > rect.y + 0.1
                        && at_y < rect.bottom() - 0.1
                };
                if let Some(rect) = picture.outlines.iter().find(|rect| hit(rect)) {
                    return Err(format!("arrow {edge} runs through {rect:?} at {at_x:.1},{at_y:.1}"));
                }
                let foreign = picture.labels.iter().enumerate().filter(|(other, _)| *other != edge);
                if let Some(rect) = foreign.filter_map(|(_, rect)| rect.as_ref()).find(|rect| hit(rect)) {
                    return Err(format!("arrow {edge} runs through the label {rect:?}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn nothing_overlaps_in_the_pictures_of_all_shipped_definitions() {
    let graphs = shipped();
    assert!(graphs.len() > 15, "{}", graphs.len());
    for graph in graphs {
        let picture = graph.picture();
        clear(&picture)
            .and_then(|()| uncrossed(&picture))
            .unwrap_or_else(|why| panic!("{}: {why}", graph.key));
    }
}

#[test]
fn the_same_definition_makes_the_same_picture() {
    for (one, other) in shipped().iter().zip(shipped()) {
        assert_eq!(one.svg(None), other.svg(None));
        assert_eq!(one.mermaid(None), other.mermaid(None));
    }
}

#[test]
fn pictures_name_themselves_and_load_nothing() {
    for graph in shipped() {
        let svg = graph.svg(None);
        for part in ["role=\"img\"", "<title id=", "<desc id=", "prefers-color-scheme:dark"] {
            assert!(svg.contains(part), "{}: no {part}", graph.key);
        }
        let rest = svg.replace("http://www.w3.org/2000/svg", "");
        for foreign in ["http:", "https:", "url(", "@import", "<script", "<image", "href"] {
            assert!(!rest.contains(foreign), "{}: {foreign}", graph.key);
        }
    }
}

#[test]
fn every_step_has_a_box_and_every_answer_an_arrow() {
    let library = Library::embedded();
    let flow = library.flow("price-drop").unwrap();
    let graph = Graph::of_flow(flow);
    for step in &flow.steps {
        assert_eq!(graph.nodes.iter().filter(|node| node.id == step.name).count(), 1, "{}", step.name);
    }
    insta::assert_snapshot!("price-drop-flow", graph.sentences().join("\n"));
    insta::assert_snapshot!("price-drop-mermaid", graph.mermaid(None));
    let cadence = Graph::of_cadence(library.cadence("new-lead").unwrap());
    insta::assert_snapshot!("new-lead-cadence", cadence.sentences().join("\n"));
}

#[test]
fn a_split_shows_its_shares_and_an_event_wait_both_its_ways() {
    let graph = Graph::of_cadence(Library::embedded().cadence("trial-nurture").unwrap());
    let labels: Vec<&str> = graph.edges.iter().flat_map(|edge| &edge.labels).map(String::as_str).collect();
    for label in ["call: 50 %", "message: 50 %"] {
        assert!(labels.contains(&label), "{label} is not among {labels:?}");
    }
    let graph = Graph::of_cadence(Library::embedded().cadence("new-lead").unwrap());
    assert!(graph.sentences().iter().any(|sentence| sentence.contains("at most 3 days")));
}

#[test]
fn coverage_marks_what_was_gone_through_and_what_was_not() {
    let graph = Graph::of_flow(Library::embedded().flow("price-drop").unwrap());
    let plain = graph.svg(None);
    let coverage = Coverage {
        steps: [("greet".to_owned(), true), ("refund".to_owned(), false)].into(),
        edges: [(("offer".to_owned(), "refund".to_owned()), false)].into(),
    };
    let shaded = graph.svg(Some(&coverage));
    assert!(shaded.contains("1 of 2 steps") && !plain.contains("of 2 steps"));
    assert_eq!(shaded.matches("cw-action cw-yes\"").count(), 1, "greet");
    assert_eq!(shaded.matches("cw-end cw-no\"").count(), 1, "refund");
    assert_eq!(shaded.matches("cw-arrow cw-no\"").count(), 1, "the arrow between");
    let mermaid = graph.mermaid(Some(&coverage));
    assert!(mermaid.contains(" covered\n") && mermaid.contains(" missed\n") && mermaid.contains("linkStyle"));
}

prop_compose! {
    fn any_graph()(nodes in 1_usize..24)(
        sizes in prop::collection::vec((30.0..140.0_f64, prop_oneof![Just(0.0), 40.0..200.0_f64], 40.0..160.0_f64), nodes),
        arrows in prop::collection::vec((0..nodes, 0..nodes, prop::option::of((20.0..160.0_f64, 18.0..60.0_f64))), 0..48),
    ) -> (Vec<Size>, Vec<Arrow>) {
        let sizes = sizes.into_iter().map(|(half, aside, height)| Size { half, aside, height }).collect();
        let mut arrows: Vec<Arrow> = arrows.into_iter().map(|(from, to, label)| Arrow { from, to, label }).collect();
        arrows.retain(|arrow| arrow.from != arrow.to);
        (sizes, arrows)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_graph_is_drawn_without_overlaps((sizes, arrows) in any_graph()) {
        let picture = lay_out(&sizes, &arrows);
        prop_assert_eq!(clear(&picture), Ok(()));
        prop_assert_eq!(uncrossed(&picture), Ok(()));
        prop_assert!(picture.routes.iter().all(|route| route.points.len() >= 2));
    }
}
