//! Protects people who registered since the registry was last loaded. The law's rule where telemarketers must not rely on old
//! data (16 CFR 310.4(b)(3)(iv): 31 days; CRTC Unsolicited Telecommunications Rules, Part II: 31 days; PECR reg. 21: 28). A
//! registry binds in its country from its first declaration or import on; one that was declared and not loaded, or has no
//! data for the number's area code, is as good as stale. It puts off until somebody loads new data. Consent in writing from
//! the person, in the ledger, stands above a registry (47 CFR 64.1200(c)(2)(ii)); the campaign's attested basis and an
//! existing business relationship are not taken for it. Whoever is on a list is stopped by the suppression gate whatever its age.

use chrono::TimeDelta;

use super::GUARD;
use super::consent;
use super::look::Moment;
use crate::clock::Instant;
use crate::decide::snapshot::PhoneFacts;
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::domain::consent::Purpose;
use crate::domain::registry::RegistryList;

/// How often it is looked whether somebody has loaded new data.
const RECHECK: TimeDelta = TimeDelta::minutes(15);

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let pass = GateReport::pass(Gate::RegistryAge);
    let lists = &moment.snapshot.registries;
    // E-mail is no call; a text message is one where the law knows it.
    if moment.look.assume_cleared || lists.is_empty() || moment.look.message == Some(Purpose::Email) {
        return pass;
    }
    let mut ends: Option<Instant> = None;
    for registry in binding(moment) {
        match fresh_until(moment, registry) {
            Some(end) if end > moment.now + GUARD => ends = Some(ends.map_or(end, |known| known.min(end))),
            found => {
                if consent::is_written(moment.snapshot, moment.look.decided_at) {
                    return pass;
                }
                let words = moment.facts(|| words(registry, found));
                return GateReport::defer(Gate::RegistryAge, Reason::RegistryStale, moment.now + RECHECK)
                    .because(words);
            }
        }
    }
    match ends {
        Some(end) => pass.valid_until(end),
        None => pass,
    }
}

/// One list of each registry that the called number's country needs.
fn binding<'m>(moment: &'m Moment<'_>) -> impl Iterator<Item = &'m RegistryList> {
    let lists = &moment.snapshot.registries;
    let places = match &moment.snapshot.phone {
        PhoneFacts::Callable { jurisdictions, .. } => &jurisdictions[..],
        PhoneFacts::None | PhoneFacts::Invalid(_) => &[],
    };
    let binds = move |list: &RegistryList| {
        list.registry.max_age_days.is_some()
            && list
                .registry
                .country
                .as_deref()
                .is_some_and(|country| places.iter().any(|place| place.country_code() == country))
    };
    lists.iter().enumerate().filter_map(move |(index, list)| {
        let is_first = lists[..index].iter().all(|other| other.registry.key != list.registry.key);
        (is_first && binds(list)).then_some(list)
    })
}

/// When the freshest data that covers the number will be too old; `None`: there is none.
fn fresh_until(moment: &Moment<'_>, registry: &RegistryList) -> Option<Instant> {
    let PhoneFacts::Callable { number, .. } = &moment.snapshot.phone else { return None };
    let area = number.us_area_code();
    let covering = moment.snapshot.registries.iter().filter(|list| {
        list.registry.key == registry.registry.key && (list.part.is_none() || list.part == area)
    });
    covering.filter_map(RegistryList::fresh_until).max()
}

fn words(list: &RegistryList, fresh_until: Option<Instant>) -> String {
    let registry = &list.registry;
    let days = registry.max_age_days.unwrap_or_default();
    match fresh_until {
        Some(end) => {
            let of = end - TimeDelta::days(i64::from(days));
            format!(
                "the data of registry {} is of {}; it may be {days} days old",
                registry.key,
                of.date_naive()
            )
        }
        None => {
            format!("registry {} has no data for this number; load it with `callwright import`", registry.key)
        }
    }
}
