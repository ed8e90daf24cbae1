//! What decides when people may be called, and grows old by itself: zone data, calling rules, holidays.

use callwright_engine::time::zone::{tzdb_packaged_on, tzdb_version};
use chrono::{Months, NaiveDate};

use super::super::rules::RulesArgs;
use super::{Finding, State, finding};

/// Zones change several times a year, often announced weeks before.
const ZONES_GOOD_FOR: Months = Months::new(6);
/// Rules that mind holidays allow no call beyond the lists: time enough for an update.
const HOLIDAYS_AHEAD: Months = Months::new(12);

pub(super) fn all(args: &RulesArgs, today: NaiveDate) -> Vec<Finding> {
    vec![zones(tzdb_version(), tzdb_packaged_on(), today), rules(args, today)]
}

fn zones(version: &str, packaged_on: Option<NaiveDate>, today: NaiveDate) -> Finding {
    match packaged_on {
        Some(day) if day.checked_add_months(ZONES_GOOD_FOR).is_some_and(|end| today <= end) => {
            finding("time zones", State::Fine, format!("database {version} of {day}"))
        }
        Some(day) => {
            let message = format!("database {version} of {day} is older than six months; update Callwright");
            finding("time zones", State::Warning, message)
        }
        None => {
            let message = format!("it is not known how old database {version} is; update Callwright");
            finding("time zones", State::Warning, message)
        }
    }
}

fn rules(args: &RulesArgs, today: NaiveDate) -> Finding {
    const WHAT: &str = "calling rules";
    let rules = match args.review().and_then(|review| {
        let errors = review.diagnostics.iter().filter(|each| each.is_error()).count();
        anyhow::ensure!(
            errors == 0,
            "{errors} errors in the files of --rules; `callwright check` shows them"
        );
        review.rules(&args.rules_profile).map_err(|problem| anyhow::anyhow!(problem))
    }) {
        Ok(rules) => rules,
        Err(error) => return finding(WHAT, State::Bad, format!("{error:#}")),
    };
    let (version, profile) = (rules.version(), rules.profile());
    if !profile.is_strict() {
        let message = format!(
            "{version}, profile {profile}: less than the strict reading of the law; every decision records it"
        );
        return finding(WHAT, State::Warning, message);
    }
    let soon = today.checked_add_months(HOLIDAYS_AHEAD).unwrap_or(today);
    if !rules.knows_holidays_on(soon) {
        let message = format!("{version}: holidays are not listed for {soon}; update Callwright");
        return finding(WHAT, State::Warning, message);
    }
    finding(WHAT, State::Fine, format!("{version}, profile {profile}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn zone_data_is_stale_after_six_months() {
        let state = |today: &str| zones("2026e", Some(day("2026-09-30")), day(today)).state;
        assert_eq!(state("2026-10-01"), State::Fine);
        assert_eq!(state("2027-03-30"), State::Fine);
        assert_eq!(state("2027-03-31"), State::Warning);
        assert_eq!(zones("2026e", None, day("2026-10-01")).state, State::Warning);
    }

    #[test]
    fn another_profile_than_the_strict_one_is_a_warning() {
        let of = |profile: &str| {
            let args = RulesArgs { rules: None, rules_profile: profile.parse().unwrap() };
            rules(&args, day("2026-11-20"))
        };
        assert_eq!(of("strict").state, State::Fine);
        assert_eq!(of("federal-only").state, State::Warning);
        let unknown = of("federal-onyl");
        assert_eq!(unknown.state, State::Bad);
        assert!(unknown.message.contains("did you mean `federal-only`"), "{}", unknown.message);
    }

    #[test]
    fn holidays_that_end_within_a_year_are_a_warning() {
        let args = RulesArgs { rules: None, rules_profile: "strict".parse().unwrap() };
        assert_eq!(rules(&args, day("2029-12-31")).state, State::Fine);
        assert_eq!(rules(&args, day("2030-01-02")).state, State::Warning);
    }
}
