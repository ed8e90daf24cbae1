//! Every half hour of a year, for numbers of every area code and of the other countries with rules: the gates answer what the
//! files say, read by someone else (GATE-5, I3). `CALLWRIGHT_RULE_NUMBERS` asks about more numbers, such as 20000.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use callwright_engine::clock::Instant;
use callwright_engine::decide::gate::inquiry::{NumberFacts, Standing};
use callwright_engine::decide::snapshot::PhoneFacts;
use callwright_engine::definitions::rule_files;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::phone::zones::us_area_codes;
use callwright_engine::rules::Rules;
use chrono::{NaiveDateTime, TimeDelta};

use super::reader::{Books, OPERATOR};

/// A place as the product sees it: names of zones and jurisdictions.
type Place = (Vec<String>, Vec<String>);

/// Half hours, and half a minute before each: a call that rings a minute later must still be inside.
fn instants() -> Vec<Instant> {
    let start: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
    (0..365 * 48).map(|step| start + TimeDelta::minutes(30 * step)).collect()
}

/// Numbers of all American area codes in turn, and of the other countries that have rules.
fn numbers(count: usize) -> Vec<PhoneNumber> {
    let abroad = ["+9198765", "+1416555", "+3361234", "+6141234"];
    let areas: Vec<u16> = us_area_codes().map(|(code, _)| code).collect();
    let number = |index: usize| {
        let (line, slot) = (index / (areas.len() + abroad.len()), index % (areas.len() + abroad.len()));
        match areas.get(slot) {
            Some(area) => format!("+1{area}{:03}{:04}", 200 + line / 10_000 % 300, line % 10_000),
            None => format!("{}{:05}", abroad[slot - areas.len()], 10_000 + line % 89_000),
        }
    };
    (0..count).filter_map(|index| PhoneNumber::e164_only(&number(index)).ok()).collect()
}

/// Numbers whose zones and jurisdictions are the same are the same question.
fn places(numbers: &[PhoneNumber]) -> BTreeMap<Place, NumberFacts> {
    let mut places = BTreeMap::new();
    for number in numbers {
        let facts = NumberFacts::of(Ok(*number));
        let PhoneFacts::Callable { zones, jurisdictions, .. } = &facts.phone else { continue };
        let names = zones.iter().map(|zone| zone.name().to_owned()).collect();
        let laws = jurisdictions.iter().map(ToString::to_string).collect();
        places.entry((names, laws)).or_insert(facts);
    }
    places
}

/// What the clocks of a zone show at each instant and a minute later.
fn walls(zone: &str, instants: &[Instant]) -> Vec<[NaiveDateTime; 2]> {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let wall = |at: Instant| {
        let local = jiff::Timestamp::from_second(at.timestamp()).unwrap().to_zoned(zone.clone()).datetime();
        let date =
            chrono::NaiveDate::from_ymd_opt(local.year().into(), local.month() as u32, local.day() as u32);
        date.unwrap().and_hms_opt(local.hour() as u32, local.minute() as u32, local.second() as u32).unwrap()
    };
    instants.iter().map(|at| [wall(*at), wall(*at + TimeDelta::seconds(60))]).collect()
}

/// The files' own answer, zone by zone, rule by rule, clock by clock.
fn expected(
    books: &Books,
    clocks: &HashMap<String, Vec<[NaiveDateTime; 2]>>,
    place: &Place,
    voice: VoiceClass,
    steps: usize,
) -> Vec<bool> {
    let (zones, laws) = place;
    if zones.is_empty() {
        return vec![false; steps];
    }
    let mut rules = Vec::new();
    for law in laws {
        let binding = books.binding(law, voice.as_str());
        if binding.is_empty() {
            return vec![false; steps];
        }
        rules.extend(binding);
    }
    let clocks: Vec<_> = zones.iter().map(|zone| &clocks[zone]).collect();
    let is_open = |step: usize| {
        clocks.iter().all(|clock| clock[step].iter().all(|wall| rules.iter().all(|rule| rule.allows(*wall))))
    };
    (0..steps).map(is_open).collect()
}

#[test]
fn decisions_over_a_year_are_those_of_the_files() -> anyhow::Result<()> {
    let count = std::env::var("CALLWRIGHT_RULE_NUMBERS").map_or(Ok(500), |text| text.parse())?;
    let numbers = numbers(count);
    anyhow::ensure!(numbers.len() == count, "{} numbers", numbers.len());
    agree(&Books::read(), Rules::embedded(), &numbers, 1)
}

/// The same with an operator's files over the shipped ones, under each profile; every third half hour.
#[test]
fn decisions_under_an_operators_rules_and_profiles_are_those_of_the_files() -> anyhow::Result<()> {
    let mut numbers: Vec<PhoneNumber> =
        ["+12145550123", "+18502345678", "+13052345678", "+15042345678", "+14012345678", "+14042345678"]
            .iter()
            .chain(&["+5511987654321", "+919876512345"])
            .map(|number| PhoneNumber::e164_only(number))
            .collect::<Result<_, _>>()?;
    numbers.sort_unstable();
    let files = rule_files::read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(OPERATOR))?;
    let review = rule_files::review(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    anyhow::ensure!(review.diagnostics.is_empty(), "{:?}", review.diagnostics);
    for profile in ["strict", "federal-only", "existing-customers"] {
        let rules = review.rules(&profile.parse()?).map_err(anyhow::Error::msg)?;
        agree(&Books::with_operator(profile), &rules, &numbers, 3)?;
    }
    Ok(())
}

/// Every answer of the product is that of the books.
fn agree(books: &Books, rules: &Rules, numbers: &[PhoneNumber], every: usize) -> anyhow::Result<()> {
    let instants: Vec<Instant> = instants().into_iter().step_by(every).collect();
    let places: Vec<(Place, NumberFacts)> = places(numbers).into_iter().collect();
    let zones: std::collections::BTreeSet<&String> =
        places.iter().flat_map(|((zones, _), _)| zones).collect();
    let clocks: HashMap<String, _> =
        zones.into_iter().map(|zone| (zone.clone(), walls(zone, &instants))).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let halves: Vec<_> = places
            .chunks(places.len().div_ceil(2))
            .map(|half| {
                let (clocks, instants) = (&clocks, &instants);
                scope.spawn(move || compare(half, books, rules, clocks, instants))
            })
            .collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    anyhow::ensure!(
        wrong.is_empty(),
        "{} differences, such as\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
    Ok(())
}

fn compare(
    places: &[(Place, NumberFacts)],
    books: &Books,
    rules: &Rules,
    clocks: &HashMap<String, Vec<[NaiveDateTime; 2]>>,
    instants: &[Instant],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (place, facts) in places {
        for voice in VoiceClass::ALL {
            let expected = expected(books, clocks, place, *voice, instants.len());
            let standing = Standing::of(facts);
            for (at, expected) in instants.iter().zip(expected) {
                if standing.may_be_called(*voice, rules, *at) != expected {
                    wrong.push(format!("{voice} voice to {place:?} at {at}: the files say {expected}"));
                }
            }
        }
    }
    wrong
}
