//! A second reader of the rule files that shares nothing with the product's: no intervals, no search, only "what does the clock
//! on the wall say, and does any line of the file allow it".

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use serde_json::Value;

/// Hours of one rule, as minutes of the day by weekday (Monday first).
#[derive(Debug, Clone)]
pub struct Rule {
    id: String,
    voice: String,
    binds: bool,
    usual: Vec<Span>,
    holidays: OnHolidays,
    dates: BTreeSet<NaiveDate>,
}

#[derive(Debug, Clone)]
struct Span {
    days: BTreeSet<u32>,
    from: u32,
    until: u32,
}

#[derive(Debug, Clone)]
enum OnHolidays {
    AsUsual,
    Never,
    Only(Vec<Span>),
}

/// All files: rules with hours by place.
#[derive(Debug)]
pub struct Books(BTreeMap<String, Vec<Rule>>);

/// Rules of an operator, as `--rules` takes them.
pub const OPERATOR: &str = "suites/rules/operator";

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Books {
    pub fn read() -> Self {
        Self::of(&["../engine/rules"], "strict")
    }

    /// The shipped files with those of an operator over them: what holds always first, then what the profile changes.
    pub fn with_operator(profile: &str) -> Self {
        Self::of(&["../engine/rules", OPERATOR], profile)
    }

    fn of(folders: &[&str], profile: &str) -> Self {
        let folders: Vec<PathBuf> =
            folders.iter().map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).collect();
        let holidays: Vec<Value> = folders.iter().map(|folder| yaml(&folder.join("holidays.yaml"))).collect();
        let mut books: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
        for (folder, is_shipped) in folders.iter().zip([true, false]) {
            let mut files: Vec<Value> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
                .map(|path| yaml(&path))
                .filter(|file| file["jurisdiction"].is_string())
                .filter(|file| file["profile"].as_str().is_none_or(|name| name == profile))
                .collect();
            files.sort_by_key(|file| file["profile"].is_string());
            for file in files {
                let place = file["jurisdiction"].as_str().unwrap();
                let book = books.entry(place.to_owned()).or_default();
                if is_shipped && profile == "federal-only" && place.starts_with("US-") {
                    continue;
                }
                let dates = holidays.iter().flat_map(|file| dates(file, place)).collect();
                for rule in file["rules"].as_array().unwrap().iter().filter(|rule| !rule["hours"].is_null()) {
                    let rule = Rule::read(rule, &dates);
                    book.retain(|known| known.id != rule.id);
                    book.push(rule);
                }
            }
        }
        Self(books)
    }

    /// Rules with hours for a call of `voice` to `place`: the country's and the state's. None at all means no call.
    pub fn binding(&self, place: &str, voice: &str) -> Vec<&Rule> {
        let country = place.split('-').next().unwrap();
        let mut places = vec![country];
        if place != country {
            places.push(place);
        }
        let rules = places.iter().filter_map(|place| self.0.get(*place)).flatten();
        rules.filter(|rule| (rule.voice == voice || rule.voice == "any") && rule.binds).collect()
    }
}

impl Rule {
    fn read(rule: &Value, dates: &BTreeSet<NaiveDate>) -> Self {
        let hours = &rule["hours"];
        let holidays = match &hours["holidays"] {
            Value::Null => OnHolidays::AsUsual,
            Value::String(word) if word == "skip" => OnHolidays::Never,
            other => OnHolidays::Only(spans(&other["only"])),
        };
        Self {
            id: rule["id"].as_str().unwrap().to_owned(),
            voice: rule["voice"].as_str().unwrap_or("any").to_owned(),
            binds: rule["grade"] != "C" && rule["applied"] != false,
            usual: spans(&hours["spans"]),
            holidays,
            dates: dates.clone(),
        }
    }

    /// Does this rule allow a call when the clock on the wall shows this?
    pub fn allows(&self, wall: NaiveDateTime) -> bool {
        let spans = match (&self.holidays, self.dates.contains(&wall.date())) {
            (OnHolidays::AsUsual, _) | (_, false) => &self.usual,
            (OnHolidays::Never, true) => return false,
            (OnHolidays::Only(spans), true) => spans,
        };
        let (day, minute) = (wall.weekday().num_days_from_monday(), wall.hour() * 60 + wall.minute());
        spans.iter().any(|span| span.days.contains(&day) && (span.from..span.until).contains(&minute))
    }
}

fn yaml(path: &Path) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Holidays of a place: its own and its country's.
fn dates(holidays: &Value, place: &str) -> BTreeSet<NaiveDate> {
    let country = place.split('-').next().unwrap();
    let calendars = [country, place].into_iter().filter_map(|name| holidays["calendars"][name].as_object());
    let days = calendars.flat_map(|calendar| calendar.values()).filter_map(Value::as_array).flatten();
    days.map(|day| day.as_str().unwrap().parse().unwrap()).collect()
}

fn spans(list: &Value) -> Vec<Span> {
    let minute = |text: &Value| {
        let (hours, minutes) = text.as_str().unwrap().split_once(':').unwrap();
        hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap()
    };
    let span = |span: &Value| Span {
        days: days(span["days"].as_str().unwrap()),
        from: minute(&span["from"]),
        until: minute(&span["until"]),
    };
    list.as_array().unwrap().iter().map(span).collect()
}

fn days(text: &str) -> BTreeSet<u32> {
    if text == "daily" {
        return (0..7).collect();
    }
    let number = |name: &str| DAYS.iter().position(|day| *day == name.trim()).unwrap() as u32;
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => (number(first)..=number(last)).collect::<Vec<_>>(),
        None => vec![number(part)],
    };
    text.split(',').flat_map(range).collect()
}
