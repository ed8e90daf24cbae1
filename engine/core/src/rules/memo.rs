//! Remembers combined rules per places, voice and day: the same few sets of places bind every lead of a batch.
//! What is remembered depends only on the rules themselves, so nothing here ever needs to be forgotten for being stale.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use chrono::NaiveDate;

use super::jurisdiction::Jurisdiction;
use super::load::{LegalRule, NoRule};
use super::schema::VoiceClass;

/// A combined rule, or why there is none.
pub(super) type Binding = Arc<Result<LegalRule, NoRule>>;

/// Days kept. Decisions look at today and a few days ahead; more than this is a simulation walking through years.
const MOST_DAYS: usize = 64;

type OfDay = HashMap<Box<[Jurisdiction]>, Binding>;

/// Shared between threads; a clone starts empty.
#[derive(Default)]
pub(super) struct Memo(RwLock<HashMap<(VoiceClass, NaiveDate), OfDay>>);

impl Memo {
    pub(super) fn get(
        &self,
        places: &[Jurisdiction],
        voice: VoiceClass,
        on: NaiveDate,
        combine: impl FnOnce() -> Result<LegalRule, NoRule>,
    ) -> Binding {
        if let Ok(days) = self.0.read()
            && let Some(known) = days.get(&(voice, on)).and_then(|day| day.get(places))
        {
            return Arc::clone(known);
        }
        let fresh = Arc::new(combine());
        if let Ok(mut days) = self.0.write() {
            if days.len() >= MOST_DAYS && !days.contains_key(&(voice, on)) {
                days.clear();
            }
            days.entry((voice, on)).or_default().insert(places.into(), Arc::clone(&fresh));
        }
        fresh
    }
}

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}
