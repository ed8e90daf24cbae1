//! Steps as a graph: what the checks about reachability share.

use super::super::model::cadence::{Cadence, StepAction, Then, Wait};
use super::super::model::flow::{Exit, Flow};

/// Steps a flow step may lead to.
pub fn flow_targets(exit: &Exit) -> Vec<usize> {
    match exit {
        Exit::Next(step) => vec![*step],
        Exit::Branch { arms, otherwise } => arms.iter().map(|(_, step)| *step).chain([*otherwise]).collect(),
        Exit::Ask(ask) => ask.then.values().copied().chain([ask.otherwise]).collect(),
        Exit::Consent { granted, otherwise, .. } => vec![*granted, *otherwise],
        Exit::Transfer { then, otherwise, .. } => then.values().copied().chain([*otherwise]).collect(),
        Exit::SubFlow { then, otherwise, .. } => then.values().copied().chain(*otherwise).collect(),
        Exit::End(_) => Vec::new(),
    }
}

/// May the flow end here? A flow that is run inside may end the call when none of its steps follows.
pub const fn may_end(exit: &Exit) -> bool {
    matches!(exit, Exit::End(_) | Exit::SubFlow { otherwise: None, .. })
}

pub fn flow_edges(flow: &Flow) -> Vec<Vec<usize>> {
    flow.steps.iter().map(|step| flow_targets(&step.exit)).collect()
}

/// Where each step of a cadence may lead, and whether the cadence may end there.
pub fn cadence_edges(cadence: &Cadence) -> (Vec<Vec<usize>>, Vec<bool>) {
    let mut ends = vec![false; cadence.steps.len()];
    let edges = cadence.steps.iter().zip(&mut ends).map(|(step, ends)| {
        let mut targets: Vec<Option<usize>> = vec![step.next];
        match &step.action {
            StepAction::Call(call) => {
                for rule in call.outcomes.values() {
                    match &rule.then {
                        Then::Go(step) => targets.push(Some(*step)),
                        Then::End { .. } => *ends = true,
                        Then::Continue | Then::CallBack { .. } => {}
                    }
                }
            }
            StepAction::Branch(arms) => targets.extend(arms.iter().map(|(_, step)| Some(*step))),
            // The split itself always enters an arm; what follows it is where the arms lead.
            StepAction::Split(arms) => targets = arms.iter().map(|arm| Some(arm.first)).collect(),
            StepAction::Wait(Wait::Event { then, on_timeout, .. }) => targets = vec![*then, *on_timeout],
            StepAction::End { .. } | StepAction::Switch { .. } => {
                *ends = true;
                // A step that may be skipped goes on with the following one.
                if step.condition.is_none() {
                    targets.clear();
                }
            }
            _ => {}
        }
        *ends |= targets.contains(&None);
        targets.into_iter().flatten().collect()
    });
    let edges = edges.collect();
    (edges, ends)
}

/// Which steps can be reached from `starts`.
pub fn reachable(edges: &[Vec<usize>], starts: &[usize]) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut open: Vec<usize> = starts.to_vec();
    while let Some(step) = open.pop() {
        if step < seen.len() && !seen[step] {
            seen[step] = true;
            open.extend(&edges[step]);
        }
    }
    seen
}

/// From which steps one of `goals` can be reached.
pub fn can_reach(edges: &[Vec<usize>], goals: &[bool]) -> Vec<bool> {
    let mut back = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        for &to in targets {
            back[to].push(from);
        }
    }
    let starts: Vec<usize> = (0..goals.len()).filter(|step| goals[*step]).collect();
    reachable(&back, &starts)
}

/// A step on a cycle that only uses steps for which `may_pass` holds, if there is one: the first in file order.
pub fn cycle_within(edges: &[Vec<usize>], may_pass: &[bool]) -> Option<usize> {
    let within: Vec<Vec<usize>> = edges
        .iter()
        .enumerate()
        .map(|(from, targets)| targets.iter().copied().filter(|to| may_pass[from] && may_pass[*to]).collect())
        .collect();
    (0..within.len())
        .find(|&step| reachable(&within, &within[step]).get(step).copied().unwrap_or(false) && may_pass[step])
}
