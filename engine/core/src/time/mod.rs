//! Zone arithmetic: windows as interval algebra, business days, preferred times.
//!
//! Everything civil (dates, wall clocks, weekdays) is worked out here with jiff and a bundled IANA database; the rest
//! of the engine sees only UTC instants. What the law allows is data and lives in [`crate::rules`].

pub mod business;
pub mod days;
pub mod duration;
pub mod holiday;
pub mod hours;
pub mod interval;
pub mod local;
pub mod preferred;
mod schema;
pub mod window;
pub mod zone;

pub use business::{add_business_days, next_weekday_at};
pub use days::DaySet;
pub use duration::{Delay, DelayError};
pub use holiday::HolidayCalendar;
pub use hours::{HolidayRule, Hours, HoursError, Span};
pub use interval::{Interval, IntervalSet};
pub use local::{LocalSpan, LocalTime, LocalTimeError};
pub use preferred::{PreferredTime, PreferredTimeError};
pub use window::{Position, SEARCH_HORIZON, position_all};
pub use zone::{LocalDateTime, UnknownZone, Zone, tzdb_packaged_on, tzdb_version};
