//! How long things are kept. What may go at all is the store's to say (`store::retention`); calls and consents never do.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// An age at which something is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    Days(u32),
    Forever,
}

/// Ages of everything that is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Jobs done or cancelled. Failed ones stay until somebody retries or discards them.
    pub jobs: Keep,
    /// Answers kept for repeated requests.
    pub answers: Keep,
    /// Decisions that put a call off or refused it, of leads who are not under way any more.
    pub decisions: Keep,
    /// Events of the machine's own book-keeping, of leads who are not under way any more.
    pub events: Keep,
    /// Variables of ended enrollments.
    pub details: Keep,
    /// Daily counts of campaigns, and counters of numbers that nobody is called from any more.
    pub counters: Keep,
    /// Reports of imports, with what was wrong in their rows.
    pub imports: Keep,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            // Long enough to look into what a job did.
            jobs: Keep::Days(14),
            // Repeats of a request come within days: the longest webhook retries last three.
            answers: Keep::Days(7),
            decisions: Keep::Days(180),
            events: Keep::Days(400),
            details: Keep::Days(400),
            counters: Keep::Days(400),
            imports: Keep::Days(90),
        }
    }
}

/// The shortest age that does no harm: repeats of a request come for three days, a day is over everywhere after two, and late
/// reports of calls are taken for a month.
pub const SHORTEST: Retention = Retention {
    jobs: Keep::Days(1),
    answers: Keep::Days(3),
    decisions: Keep::Days(31),
    events: Keep::Days(31),
    details: Keep::Days(31),
    counters: Keep::Days(2),
    imports: Keep::Days(1),
};

impl Retention {
    /// The first age that is too short, with the shortest allowed.
    pub fn too_short(&self) -> Option<(&'static str, Keep)> {
        let pairs = [
            ("jobs", self.jobs, SHORTEST.jobs),
            ("answers", self.answers, SHORTEST.answers),
            ("decisions", self.decisions, SHORTEST.decisions),
            ("events", self.events, SHORTEST.events),
            ("details", self.details, SHORTEST.details),
            ("counters", self.counters, SHORTEST.counters),
            ("imports", self.imports, SHORTEST.imports),
        ];
        pairs
            .into_iter()
            .find(|(_, age, least)| age.age() < least.age())
            .map(|(name, _, least)| (name, least))
    }
}

impl Keep {
    /// As a length; `None`: forever.
    pub const fn length(self) -> Option<TimeDelta> {
        match self {
            Self::Days(days) => Some(TimeDelta::days(days as i64)),
            Self::Forever => None,
        }
    }

    fn age(self) -> TimeDelta {
        self.length().unwrap_or(TimeDelta::MAX)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}"),
            Self::Forever => f.write_str("forever"),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let days = text.parse().map_err(|_| "write a number of days, or `forever`".to_owned())?;
        // A century: beyond it, dates of the database would run out of calendar.
        if days > 36_525 {
            return Err("that is longer than a century: write `forever`".to_owned());
        }
        Ok(Self::Days(days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_below_what_does_no_harm_are_told() {
        assert_eq!(Retention::default().too_short(), None);
        assert_eq!(SHORTEST.too_short(), None);
        let hasty = Retention { events: Keep::Days(30), ..Retention::default() };
        assert_eq!(hasty.too_short(), Some(("events", Keep::Days(31))));
        let never = Retention { events: Keep::Forever, ..Retention::default() };
        assert_eq!(never.too_short(), None);
    }

    #[test]
    fn ages_are_days_or_forever() {
        assert_eq!("180".parse(), Ok(Keep::Days(180)));
        assert_eq!("forever".parse(), Ok(Keep::Forever));
        assert!(
            "-1".parse::<Keep>().is_err()
                && "soon".parse::<Keep>().is_err()
                && "4000000".parse::<Keep>().is_err()
        );
    }

    #[test]
    fn a_job_written_by_an_older_program_keeps_the_usual_ages() {
        assert_eq!(serde_json::from_str::<Retention>("{}").unwrap(), Retention::default());
    }
}
