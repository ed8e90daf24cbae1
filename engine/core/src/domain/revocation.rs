//! Taking a consent back: what was said, how, when, and by when the law wants it honored (47 CFR 64.1200(a)(10)).
//! What words mean it is [`crate::flow::revocation`]'s; what follows from it is the engine's.

use chrono::NaiveDate;

use super::consent::{Channel, Purpose};
use crate::clock::Instant;
use crate::id::{AttemptId, LeadId, RevocationId};
use crate::time::business::is_business_day;
use crate::time::holiday::HolidayCalendar;
use crate::time::zone::Zone;

/// Business days within which a request must be honored at the latest: 47 CFR 64.1200(a)(10), in force since 11 April 2025.
pub const MOST_BUSINESS_DAYS: usize = 10;
/// Where that stands, for explanations.
pub const CITATION: &str = "47 CFR 64.1200(a)(10)";

/// What a person took back. Kept whether or not anything was on file, and never changed.
#[derive(Debug, Clone)]
pub struct Revocation {
    pub id: RevocationId,
    pub lead_id: LeadId,
    /// E.164; `None`: the person, whatever the number.
    pub number: Option<String>,
    /// `None`: every call and message.
    pub purpose: Option<Purpose>,
    pub channel: Channel,
    /// As said or written.
    pub words: Option<String>,
    pub language: Option<String>,
    pub received_at: Instant,
    /// Last day on which the law lets it be honored: see [`due_on`].
    pub due_on: NaiveDate,
    /// When calls and messages stopped for it: with the commit that recorded it.
    pub honored_at: Instant,
    /// Where it comes from: `call`, `api`, `import`, `event`, a person.
    pub source: String,
    /// The user or key that put it on file.
    pub recorded_by: Option<String>,
    pub attempt_id: Option<AttemptId>,
}

/// The tenth business day after the request was received, by the calendar of `holidays` (the federal one for the United
/// States). Days are those of Washington, D.C.; the day of the request does not count.
pub fn due_on(received_at: Instant, holidays: &HolidayCalendar) -> NaiveDate {
    let in_utc = received_at.date_naive();
    let received_on = Zone::find("America/New_York").map_or(in_utc, |zone| zone.local(received_at).date);
    let mut business_days = received_on.iter_days().skip(1).filter(|date| is_business_day(*date, holidays));
    business_days.nth(MOST_BUSINESS_DAYS - 1).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::rules::{Jurisdiction, Rules};

    fn federal() -> HolidayCalendar {
        Rules::embedded().holidays("US".parse::<Jurisdiction>().unwrap())
    }

    // 47 CFR 64.1200(a)(10): "within a reasonable time … not to exceed ten business days".
    #[rstest]
    #[case::two_plain_weeks("2026-03-02T15:00:00Z", "2026-03-16")]
    #[case::on_a_weekend("2026-03-07T15:00:00Z", "2026-03-20")]
    #[case::over_independence_day("2026-06-25T15:00:00Z", "2026-07-10")]
    #[case::over_thanksgiving("2026-11-20T15:00:00Z", "2026-12-07")]
    #[case::over_christmas_and_new_year("2026-12-21T15:00:00Z", "2027-01-06")]
    #[case::late_evening_in_the_east_is_that_day("2026-03-03T02:00:00Z", "2026-03-16")]
    fn ten_business_days_are_counted_over_federal_holidays(#[case] received_at: &str, #[case] due: &str) {
        assert_eq!(due_on(received_at.parse().unwrap(), &federal()), due.parse::<NaiveDate>().unwrap());
    }

    #[test]
    fn without_holidays_it_is_two_weeks() {
        let due = due_on("2026-12-21T15:00:00Z".parse().unwrap(), &HolidayCalendar::none());
        assert_eq!(due.to_string(), "2027-01-04");
    }
}
