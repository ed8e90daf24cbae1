//! When a customer is best called, in the words of their own clock: `2:00 PM - 4:00 PM EST`.

use crate::clock::Instant;
use crate::time::hours::{Hours, Span};
use crate::time::local::LocalTime;
use crate::time::zone::Zone;

/// The stretches of the day of `now`, or of the first day that has any.
pub(super) fn words(hours: &Hours, zone: &Zone, now: Instant) -> Option<String> {
    let spans = hours.spans();
    let today = zone.local(now).weekday;
    let on_day: Vec<&Span> = spans.iter().filter(|span| span.days.contains(today)).collect();
    let shown = if on_day.is_empty() { spans.iter().take(1).collect() } else { on_day };
    if shown.is_empty() {
        return None;
    }
    let stretches: Vec<String> =
        shown.iter().map(|span| format!("{} - {}", twelve(span.from), twelve(span.until))).collect();
    Some(format!("{} {}", stretches.join(", "), zone.abbreviation(now)))
}

/// `14:30` as `2:30 PM`; the end of the day is midnight.
fn twelve(time: LocalTime) -> String {
    let (hour, minute) = (time.minutes() / 60 % 24, time.minutes() % 60);
    let half = if hour < 12 { "AM" } else { "PM" };
    let shown = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{shown}:{minute:02} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::preferred::PreferredTime;

    fn said(text: &str, at: &str) -> Option<String> {
        let wish = PreferredTime::parse(text, Some("US"), None).unwrap();
        words(&wish.hours, &Zone::find("America/New_York").unwrap(), at.parse().unwrap())
    }

    #[test]
    fn hours_are_said_by_the_clock_of_the_season() {
        assert_eq!(said("2pm-4pm", "2024-01-11T15:00:00Z").as_deref(), Some("2:00 PM - 4:00 PM EST"));
        assert_eq!(said("2pm-4pm", "2024-07-11T15:00:00Z").as_deref(), Some("2:00 PM - 4:00 PM EDT"));
    }

    #[test]
    fn the_hours_of_today_are_said_and_else_the_next_ones() {
        // A Saturday, then a Thursday.
        let text = "mon-fri 9-5, sat 10-2";
        assert_eq!(said(text, "2024-01-13T15:00:00Z").as_deref(), Some("10:00 AM - 2:00 PM EST"));
        assert_eq!(said(text, "2024-01-11T15:00:00Z").as_deref(), Some("9:00 AM - 5:00 PM EST"));
        assert_eq!(said("sat 10-2", "2024-01-11T15:00:00Z").as_deref(), Some("10:00 AM - 2:00 PM EST"));
    }
}
