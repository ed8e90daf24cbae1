//! Which step of the old cadence is which of the new one.
//!
//! A name that the author gave (`id:`) is the same step wherever it stands. Steps without one are called by kind and place
//! (`wait-2`), which shifts with every edit above them; they are matched by what they do, in order.

use std::collections::BTreeSet;

use super::super::model::cadence::{Cadence, CadenceStep, StepIndex};
use super::describe_cadence::{action_key, step};
use super::parts::Fields;

/// Old steps and what has become of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    to_new: Vec<Option<StepIndex>>,
    /// Old steps that stand in another order now.
    moved: BTreeSet<StepIndex>,
}

/// What two steps have in common: enough for the longest common run to prefer names, then content, then kind.
const SAME_NAME: u32 = 16;
const SAME_CONTENT: u32 = 12;
const NAMED_SINCE: u32 = 8;
const SAME_KIND: u32 = 2;

impl Pairing {
    pub fn of(old: &Cadence, new: &Cadence) -> Self {
        let (before, after) = (traits(old), traits(new));
        let mut pairing = Self { to_new: vec![None; before.len()], moved: BTreeSet::new() };
        for (from, to) in in_order(&before, &after) {
            pairing.to_new[from] = Some(to);
        }
        // What is left by name, or unnamed and word for word the same, stands elsewhere now.
        let mut taken: BTreeSet<StepIndex> = pairing.to_new.iter().copied().flatten().collect();
        for (from, step) in
            before.iter().enumerate().filter(|(_, step)| step.is_named).chain(unnamed(&before))
        {
            if pairing.to_new[from].is_some() {
                continue;
            }
            let same = |(at, other): &(StepIndex, &Traits)| {
                !taken.contains(at) && likeness(step, other) >= SAME_CONTENT
            };
            if let Some((to, _)) = after.iter().enumerate().find(same) {
                taken.insert(to);
                pairing.to_new[from] = Some(to);
                pairing.moved.insert(from);
            }
        }
        pairing
    }

    /// The same step in the new cadence; `None`: it was removed.
    pub fn new_of(&self, old: StepIndex) -> Option<StepIndex> {
        self.to_new.get(old).copied().flatten()
    }

    /// The same step in the old cadence; `None`: it was added.
    pub fn old_of(&self, new: StepIndex) -> Option<StepIndex> {
        self.to_new.iter().position(|to| *to == Some(new))
    }

    /// Does the step stand in another order now?
    pub fn is_moved(&self, old: StepIndex) -> bool {
        self.moved.contains(&old)
    }
}

fn unnamed(steps: &[Traits]) -> impl Iterator<Item = (StepIndex, &Traits)> {
    steps.iter().enumerate().filter(|(_, step)| !step.is_named)
}

/// What steps are told by.
struct Traits {
    id: String,
    is_named: bool,
    /// Path of the split arm it stands in, without the numbers of unnamed steps.
    scope: String,
    kind: &'static str,
    content: Fields,
}

fn traits(cadence: &Cadence) -> Vec<Traits> {
    let unnamed: Vec<bool> = cadence.steps.iter().map(is_unnamed).collect();
    let name = |index: StepIndex| match cadence.steps.get(index) {
        Some(step) if !unnamed[index] => step.id.clone(),
        _ => "·".to_owned(),
    };
    let traits = cadence.steps.iter().enumerate().map(|(index, each)| Traits {
        id: each.id.clone(),
        is_named: !unnamed[index],
        scope: scope(&each.id).split('/').map(without_number).collect::<Vec<_>>().join("/"),
        kind: action_key(&each.action),
        content: step(each, natural_next(cadence, index), &name),
    });
    traits.collect()
}

/// Is the id one that the compiler made of kind and place?
pub fn is_unnamed(step: &CadenceStep) -> bool {
    let last = step.id.rsplit('/').next().unwrap_or_default();
    let number = last.strip_prefix(action_key(&step.action)).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn without_number(segment: &str) -> &str {
    match segment.rsplit_once('-') {
        Some((kind, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => kind,
        _ => segment,
    }
}

fn scope(id: &str) -> &str {
    id.rfind('/').map_or("", |at| &id[..=at])
}

/// Where a step leads when nothing is said: to the next one of its own list, or of the nearest list around it.
pub fn natural_next(cadence: &Cadence, index: StepIndex) -> Option<StepIndex> {
    let own = scope(&cadence.steps.get(index)?.id);
    let arms = format!("{}/", cadence.steps[index].id);
    let rest = cadence.steps.iter().enumerate().skip(index + 1);
    rest.filter(|(_, step)| !step.id.starts_with(&arms))
        .find(|(_, step)| own.starts_with(scope(&step.id)))
        .map(|(at, _)| at)
}

fn likeness(old: &Traits, new: &Traits) -> u32 {
    match (old.is_named, new.is_named) {
        (true, true) if old.id == new.id => SAME_NAME,
        (true, true) => 0,
        _ if old.kind != new.kind || old.scope != new.scope => 0,
        (false, false) if old.content == new.content => SAME_CONTENT,
        (false, false) => SAME_KIND,
        // The author has given the step a name, or taken it away.
        _ if old.content == new.content => NAMED_SINCE,
        _ => 0,
    }
}

/// The pairs of the best alignment that keeps both orders.
fn in_order(old: &[Traits], new: &[Traits]) -> Vec<(StepIndex, StepIndex)> {
    let width = new.len() + 1;
    // best[i * width + j]: the best that the steps from `i` and `j` on can reach.
    let mut best = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let pair = likeness(&old[i], &new[j]);
            let with = if pair > 0 { pair + best[(i + 1) * width + j + 1] } else { 0 };
            best[i * width + j] = with.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        let here = best[i * width + j];
        let pair = likeness(&old[i], &new[j]);
        if pair > 0 && here == pair + best[(i + 1) * width + j + 1] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if here == best[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
