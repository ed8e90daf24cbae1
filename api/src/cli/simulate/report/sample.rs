//! Leads whose timelines a report shows: the one that was asked for, one for each way to end, then the most eventful.

use std::collections::BTreeSet;

use callwright_engine::simulate::story::LeadStory;
use serde::Serialize;

use crate::cli::simulate::version::Version;

/// A timeline as the page shows it.
#[derive(Debug, Serialize)]
pub struct Shown {
    name: String,
    phone: String,
    zone: String,
    /// How it ended, in a few words.
    summary: String,
    /// Local time, kind and sentence.
    moments: Vec<(String, &'static str, String)>,
}

pub fn stories(run: &Version, wanted: Option<&str>, most: usize) -> Vec<Shown> {
    let all = LeadStory::all(&run.facts);
    let mut chosen: Vec<usize> = Vec::new();
    chosen.extend(all.iter().position(|story| wanted == Some(&story.name)));
    let mut endings = BTreeSet::new();
    for (index, story) in all.iter().enumerate() {
        // A way to end that nobody before had.
        if chosen.len() < most && endings.insert(ending(story)) && !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    let mut rest: Vec<usize> = (0..all.len()).filter(|index| !chosen.contains(index)).collect();
    rest.sort_by_key(|index| std::cmp::Reverse(all[*index].moments.len()));
    chosen.extend(rest.into_iter().take(most.saturating_sub(chosen.len())));
    chosen.into_iter().map(|index| shown(&all[index])).collect()
}

fn ending(story: &LeadStory) -> String {
    let ended = story.moments.iter().rev().find(|moment| moment.what == "ended");
    ended.map_or_else(|| "still open".to_owned(), |moment| moment.outcome.clone())
}

fn shown(story: &LeadStory) -> Shown {
    let calls = story.moments.iter().filter(|moment| moment.what == "called").count();
    let word = if calls == 1 { "call" } else { "calls" };
    Shown {
        name: story.name.clone(),
        phone: story.phone.clone(),
        zone: story.zone.clone(),
        summary: format!("{calls} {word}, {}", ending(story)),
        moments: story
            .moments
            .iter()
            .map(|moment| (moment.local.clone(), moment.what, moment.sentence()))
            .collect(),
    }
}
