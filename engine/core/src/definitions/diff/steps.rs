//! Differences of a cadence and its steps.

use super::super::model::cadence::{Cadence, ExitRule, StepIndex};
use super::describe_cadence as describe;
use super::pairing::{Pairing, natural_next};
use super::parts::changed;
use super::{Change, ChangeKind, Part};

pub fn cadence(old: &Cadence, new: &Cadence) -> Vec<Change> {
    let mut changes = changed(Part::Cadence, &new.key, &describe::cadence(old), &describe::cadence(new));
    changes.extend(exits(old, new));
    let pairing = Pairing::of(old, new);
    for (index, step) in old.steps.iter().enumerate() {
        if pairing.new_of(index).is_none() {
            let mut change = Change::whole(Part::Step, step.id.clone(), ChangeKind::Removed);
            change.from = Some(what(old, index));
            changes.push(change);
        }
    }
    for index in 0..new.steps.len() {
        changes.extend(step(old, new, &pairing, index));
    }
    changes
}

fn step(old: &Cadence, new: &Cadence, pairing: &Pairing, index: StepIndex) -> Vec<Change> {
    let id = &new.steps[index].id;
    let Some(before) = pairing.old_of(index) else {
        let mut change = Change::whole(Part::Step, id.clone(), ChangeKind::Added);
        change.to = Some(what(new, index));
        return vec![change];
    };
    let mut changes = Vec::new();
    if pairing.is_moved(before) {
        let place = |index: StepIndex| Some(format!("place {}", index + 1));
        let moved = Change::whole(Part::Step, id.clone(), ChangeKind::Moved);
        let field = Some("place".to_owned());
        changes.push(Change { field, from: place(before), to: place(index), ..moved });
    }
    let name = |target: StepIndex| new.steps.get(target).map_or_else(String::new, |step| step.id.clone());
    // Targets of the old cadence by the names they have now: a shifted number is no change.
    let old_name = |target: StepIndex| match pairing.new_of(target) {
        Some(now) => name(now),
        None => old.steps.get(target).map_or_else(String::new, |step| step.id.clone()),
    };
    let was = describe::step(&old.steps[before], natural_next(old, before), &old_name);
    let is = describe::step(&new.steps[index], natural_next(new, index), &name);
    changes.extend(changed(Part::Step, id, &was, &is));
    changes
}

/// A step in a few words: `wait: 2 days`.
pub fn what(cadence: &Cadence, index: StepIndex) -> String {
    let name = |target: StepIndex| cadence.steps.get(target).map_or_else(String::new, |step| step.id.clone());
    let key = describe::action_key(&cadence.steps[index].action);
    let fields = describe::step(&cadence.steps[index], natural_next(cadence, index), &name);
    let value = fields.get(key).cloned().unwrap_or_default();
    if value.is_empty() { key.to_owned() } else { format!("{key}: {value}") }
}

fn exits(old: &Cadence, new: &Cadence) -> Vec<Change> {
    let texts = |rules: &[ExitRule]| rules.iter().map(describe::exit).collect::<Vec<_>>();
    let (was, is) = (texts(&old.exits), texts(&new.exits));
    let change = |kind, from, to| Change {
        part: Part::Cadence,
        name: new.key.clone(),
        kind,
        field: Some("exit".to_owned()),
        from,
        to,
    };
    let gone = was.iter().filter(|rule| !is.contains(rule));
    let come = is.iter().filter(|rule| !was.contains(rule));
    let mut changes: Vec<Change> =
        gone.map(|rule| change(ChangeKind::Removed, Some(rule.clone()), None)).collect();
    changes.extend(come.map(|rule| change(ChangeKind::Added, None, Some(rule.clone()))));
    let (kept_was, kept_is): (Vec<_>, Vec<_>) = (
        was.iter().filter(|rule| is.contains(rule)).collect(),
        is.iter().filter(|rule| was.contains(rule)).collect(),
    );
    if kept_was != kept_is {
        changes.push(change(
            ChangeKind::Moved,
            Some("one order".to_owned()),
            Some("another order".to_owned()),
        ));
    }
    changes
}
