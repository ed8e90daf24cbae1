//! Combines the rules of several places into the one that binds a call. Which rules there are is [`super::layers`]' matter.
//!
//! Combining only ever tightens: hours are intersected, caps and disclosures added up, the strongest consent kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;

use super::holidays::Holidays;
use super::jurisdiction::Jurisdiction;
use super::memo::Memo;
use super::profile::Profile;
use super::schema::{ConsentNeed, Disclosure, Grade, LegalCap, RecordingNeed, Rule, RuleFile, VoiceClass};
use crate::time::holiday::HolidayCalendar;
use crate::time::hours::Hours;

/// Why there is no rule for a call. Every one of them means: do not call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRule {
    #[error("it is not known in which country or state the called person is")]
    PlaceUnknown,
    #[error("there are no calling rules for {0}")]
    UnknownJurisdiction(Jurisdiction),
    #[error("calling rules of {0} differ by state, and the state is not known")]
    SubdivisionNeeded(Jurisdiction),
    #[error("no calling hours are known for {jurisdiction} on {on}")]
    NotInForce { jurisdiction: Jurisdiction, on: NaiveDate },
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Citation {
    pub rule_id: String,
    pub citation: String,
    pub grade: Grade,
    pub verified_on: NaiveDate,
}

/// What the law of all the given places together asks of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct LegalRule {
    /// On the called person's clock, in every candidate zone.
    pub hours: Hours,
    /// Days meant by `hours`' holiday rule; empty when no rule minds holidays.
    pub holidays: HolidayCalendar,
    /// All of them hold.
    pub caps: Vec<LegalCap>,
    pub consent: ConsentNeed,
    pub disclosures: Vec<Disclosure>,
    pub recording: Option<RecordingNeed>,
    /// Rules that took part, in the order of the places given.
    pub rule_ids: Vec<String>,
    pub citations: Vec<Citation>,
}

impl LegalRule {
    fn unbound() -> Self {
        LegalRule {
            hours: Hours::always(),
            holidays: HolidayCalendar::none(),
            caps: Vec::new(),
            consent: ConsentNeed::default(),
            disclosures: Vec::new(),
            recording: None,
            rule_ids: Vec::new(),
            citations: Vec::new(),
        }
    }

    fn tighten(&mut self, rule: &Rule) {
        if let Some(hours) = &rule.hours {
            self.hours = self.hours.intersect(hours);
        }
        self.caps
            .extend(rule.caps.iter().filter(|cap| !self.caps.contains(cap)).copied().collect::<Vec<_>>());
        if let Some(consent) = rule.consent {
            self.consent.form = self.consent.form.max(consent.form);
        }
        self.disclosures.extend(rule.disclosures.iter().cloned());
        self.recording = self.recording.max(rule.recording);
        self.rule_ids.push(rule.id.clone());
        self.citations.push(Citation {
            rule_id: rule.id.clone(),
            citation: rule.citation.clone(),
            grade: rule.grade,
            verified_on: rule.verified_on,
        });
    }
}

/// All calling rules, by place, under one profile.
#[derive(Debug, Clone)]
pub struct Rules {
    files: BTreeMap<Jurisdiction, RuleFile>,
    holidays: Holidays,
    version: String,
    profile: Profile,
    memo: Memo,
}

impl Rules {
    pub(super) fn new(
        files: BTreeMap<Jurisdiction, RuleFile>,
        holidays: Holidays,
        version: String,
        profile: Profile,
    ) -> Self {
        Rules { files, holidays, version, profile, memo: Memo::default() }
    }

    /// Twelve hexadecimal digits that change with any rule, holiday or profile; recorded with every decision.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Under which reading of the law they are; recorded with every decision.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The rule that binds calls of `voice` on `on` (a date on the called person's calendar) in all `places` at once.
    ///
    /// A state answers with its country's rules and its own. No place, or a place without rules, is an error, and the
    /// caller must not call. The answer depends only on the arguments: callers may keep it per place and day.
    pub fn for_jurisdictions(
        &self,
        places: &[Jurisdiction],
        voice: VoiceClass,
        on: NaiveDate,
    ) -> Result<LegalRule, NoRule> {
        if places.is_empty() {
            return Err(NoRule::PlaceUnknown);
        }
        let mut legal = LegalRule::unbound();
        let mut holidays = HolidayCalendar::none();
        for place in places {
            let mut has_hours = false;
            for file in self.chain(*place)? {
                for rule in file.rules.iter().filter(|rule| applies(rule, voice, on)) {
                    has_hours |= rule.hours.is_some();
                    if rule.hours.as_ref().is_some_and(Hours::minds_holidays) {
                        holidays = holidays.union(&self.holidays.of(*place));
                    }
                    if !legal.rule_ids.contains(&rule.id) {
                        legal.tighten(rule);
                    }
                }
            }
            if !has_hours {
                return Err(NoRule::NotInForce { jurisdiction: *place, on });
            }
        }
        legal.holidays = holidays;
        Ok(legal)
    }

    /// The single rules behind [`Rules::for_jurisdictions`], with the place whose law each is; a country's before its state's.
    /// Places without rules add none.
    pub fn in_force<'a>(
        &'a self,
        places: &'a [Jurisdiction],
        voice: VoiceClass,
        on: NaiveDate,
    ) -> impl Iterator<Item = (Jurisdiction, &'a Rule)> {
        let files = places.iter().filter_map(|place| self.chain(*place).ok()).flatten();
        files.flat_map(move |file| {
            file.rules
                .iter()
                .filter(move |rule| applies(rule, voice, on))
                .map(|rule| (file.jurisdiction, rule))
        })
    }

    /// [`Rules::for_jurisdictions`], remembered: for the gates, which ask for every due lead.
    pub fn binding(
        &self,
        places: &[Jurisdiction],
        voice: VoiceClass,
        on: NaiveDate,
    ) -> Arc<Result<LegalRule, NoRule>> {
        self.memo.get(places, voice, on, || self.for_jurisdictions(places, voice, on))
    }

    /// Public holidays of a place; a state's include its country's. Empty where none are listed.
    pub fn holidays(&self, place: Jurisdiction) -> HolidayCalendar {
        self.holidays.of(place)
    }

    /// The federal holidays of the United States, by which its rules count business days.
    pub fn federal_holidays(&self) -> HolidayCalendar {
        Jurisdiction::country("US").map(|us| self.holidays.of(us)).unwrap_or_default()
    }

    /// Whether holidays around `date` are listed. Past the end, rules that mind holidays can no longer be trusted.
    pub fn knows_holidays_on(&self, date: NaiveDate) -> bool {
        self.holidays.covers(date)
    }

    /// Places with a file of their own, with their names.
    pub fn places(&self) -> impl Iterator<Item = (Jurisdiction, &str)> {
        self.files.iter().map(|(place, file)| (*place, file.title.as_str()))
    }

    /// Every rule, also those not in force and of grade C, for listings.
    pub fn rules(&self) -> impl Iterator<Item = (Jurisdiction, &Rule)> {
        self.files.iter().flat_map(|(place, file)| file.rules.iter().map(|rule| (*place, rule)))
    }

    /// The file of a place.
    pub fn file(&self, place: Jurisdiction) -> Option<&RuleFile> {
        self.files.get(&place)
    }

    /// The files that bind a place: its country's, then its own.
    fn chain(&self, place: Jurisdiction) -> Result<impl Iterator<Item = &RuleFile>, NoRule> {
        let country = self.files.get(&place.whole_country()).ok_or(NoRule::UnknownJurisdiction(place))?;
        let own = match place.subdivision() {
            None if country.needs_subdivision => return Err(NoRule::SubdivisionNeeded(place)),
            None => None,
            Some(part) => {
                let own = self.files.get(&place);
                if own.is_none() && !country.subdivisions.iter().any(|known| known == part) {
                    return Err(NoRule::UnknownJurisdiction(place));
                }
                own
            }
        };
        Ok(std::iter::once(country).chain(own))
    }
}

fn applies(rule: &Rule, voice: VoiceClass, on: NaiveDate) -> bool {
    rule.binds() && rule.voice.covers(voice) && rule.effective.contains(on)
}

#[cfg(test)]
mod tests;
