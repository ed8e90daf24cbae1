//! What the gates look at: the snapshot, the instant, and the legal rules that bind there and then.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::clock::Instant;
use crate::decide::snapshot::{PhoneFacts, Snapshot};
use crate::domain::campaign::VoiceClass;
use crate::domain::consent::Purpose;
use crate::rules::{LegalRule, NoRule, Rules};
use crate::time::holiday::HolidayCalendar;
use crate::time::zone::Zone;

/// One question to the gates.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub snapshot: &'a Snapshot,
    pub rules: &'a Rules,
    /// The instant the snapshot is of; a search for the next opening looks further ahead.
    pub decided_at: Instant,
    /// Whose voice the called person would hear.
    pub voice: VoiceClass,
    /// A message of this purpose instead of a call.
    pub message: Option<Purpose>,
    pub windows: bool,
    /// Write facts for whatever does not pass.
    pub explain: bool,
    /// Pretend that what only people or other calls can clear has been cleared: a search ahead cannot know.
    pub assume_cleared: bool,
}

/// The question at one instant.
pub(super) struct Moment<'a> {
    pub look: &'a Look<'a>,
    pub snapshot: &'a Snapshot,
    pub now: Instant,
    legal: [Option<Binding>; 2],
}

type Binding = Arc<Result<LegalRule, NoRule>>;

impl<'a> Look<'a> {
    pub fn call(snapshot: &'a Snapshot, rules: &'a Rules, now: Instant) -> Self {
        // The more protected voice when there is no campaign to ask.
        let voice = snapshot.campaign.as_ref().map_or(VoiceClass::Artificial, |facts| facts.campaign.voice);
        Self {
            snapshot,
            rules,
            decided_at: now,
            voice,
            message: None,
            windows: true,
            explain: true,
            assume_cleared: false,
        }
    }

    pub fn at(&'a self, now: Instant) -> Moment<'a> {
        Moment { look: self, snapshot: self.snapshot, now, legal: self.bindings(now) }
    }

    /// Rules change at local midnight, and where zones disagree about the date the rules of both dates bind.
    fn bindings(&self, now: Instant) -> [Option<Binding>; 2] {
        let PhoneFacts::Callable { zones, jurisdictions, .. } = &self.snapshot.phone else {
            return [None, None];
        };
        let binding = |on| self.rules.binding(jurisdictions, self.voice, on);
        let (first, other) = dates(zones, now);
        [Some(binding(first)), other.map(binding)]
    }
}

impl<'a> Moment<'a> {
    /// Rules that all bind now: one, or two while the called person's zones are on different dates. None without a number.
    pub fn legal(&self) -> impl Iterator<Item = &Result<LegalRule, NoRule>> {
        self.legal.iter().flatten().map(Arc::as_ref)
    }

    /// Zones the called person may be in.
    pub fn zones(&self) -> &'a [Zone] {
        match &self.snapshot.phone {
            PhoneFacts::Callable { zones, .. } => zones,
            PhoneFacts::None | PhoneFacts::Invalid(_) => &[],
        }
    }

    /// Public holidays of everywhere the called person may be.
    pub fn holidays(&self) -> HolidayCalendar {
        let PhoneFacts::Callable { jurisdictions, .. } = &self.snapshot.phone else {
            return HolidayCalendar::none();
        };
        let calendars = jurisdictions.iter().map(|place| self.look.rules.holidays(*place));
        calendars.reduce(|all, next| all.union(&next)).unwrap_or_default()
    }

    /// Facts for the explanation, written only when someone will read them.
    pub fn facts(&self, words: impl FnOnce() -> String) -> String {
        if self.look.explain { words() } else { String::new() }
    }
}

/// The date where the called person may be, or the two dates where their zones disagree.
pub(super) fn dates(zones: &[Zone], now: Instant) -> (NaiveDate, Option<NaiveDate>) {
    let mut dates = zones.iter().map(|zone| zone.local(now).date);
    let first = dates.next().unwrap_or_else(|| now.date_naive());
    (first, dates.find(|date| *date != first))
}

/// Zone names for an explanation.
pub(super) fn names(zones: &[Zone]) -> String {
    zones.iter().map(Zone::name).collect::<Vec<_>>().join(", ")
}
