//! Synthetic people: valid numbers that nobody dials, spread over every US state and India; a pure function of seed and index.
//! They are always marked synthetic, so that real providers refuse them.

use crate::phone::number::PhoneNumber;
use crate::phone::zones::us_area_codes;
use crate::rules::Jurisdiction;
use crate::scatter::scatter;

/// One made-up person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub external_id: String,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub company: Option<String>,
    pub number: PhoneNumber,
    /// Language code.
    pub language: &'static str,
    /// ISO 3166 country.
    pub country: &'static str,
    /// US state.
    pub region: Option<String>,
    pub preferred_time: Option<&'static str>,
}

const US_FIRST: &[&str] = &[
    "Alice", "Marcus", "Elena", "James", "Priya", "Wei", "Sofia", "Daniel", "Grace", "Omar", "Hannah", "Luis",
];
const US_LAST: &[&str] =
    &["Johnson", "Rivera", "Chen", "Walker", "Novak", "Brooks", "Kim", "Osei", "Fischer", "Lopez", "Reed"];
const IN_FIRST: &[&str] =
    &["Aarav", "Ananya", "Rohan", "Kavya", "Vikram", "Meera", "Arjun", "Isha", "Sanjay", "Divya"];
const IN_LAST: &[&str] = &["Sharma", "Patel", "Iyer", "Reddy", "Gupta", "Nair", "Joshi", "Das", "Kulkarni"];
const COMPANIES: &[&str] =
    &["Northwind Studio", "Blue Fern", "Harbor & Pine", "Quartz Labs", "Sunbeam Retail", "Ledgerly"];
const PREFERENCES: &[&str] = &["weekday mornings", "2:00 PM - 5:00 PM", "9am-5pm", "after 6"];

/// Makes people from a seed.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    states: Vec<(Jurisdiction, Vec<u16>)>,
    /// Every so many is in India; 0: nobody.
    india_every: u64,
}

impl Population {
    /// Everyone in the United States, evenly over its states.
    pub fn united_states(seed: u64) -> Self {
        let mut states: Vec<(Jurisdiction, Vec<u16>)> = Vec::new();
        for (code, place) in us_area_codes() {
            match states.iter_mut().find(|(known, _)| *known == place) {
                Some((_, codes)) => codes.push(code),
                None => states.push((place, vec![code])),
            }
        }
        Self { seed, states, india_every: 0 }
    }

    /// One in `every` lives in India.
    #[must_use]
    pub fn with_india(mut self, every: u64) -> Self {
        self.india_every = every;
        self
    }

    /// The person at an index; different indexes have different numbers.
    pub fn person(&self, index: u64) -> Person {
        if self.india_every > 0 && index % self.india_every == self.india_every - 1 {
            return self.in_india(index);
        }
        let (place, number) = self.us_number(index);
        Person {
            external_id: format!("synthetic_{index}"),
            first_name: pick(US_FIRST, self.draw(index, 1)),
            last_name: pick(US_LAST, self.draw(index, 2)),
            company: self
                .draw(index, 3)
                .is_multiple_of(3)
                .then(|| pick(COMPANIES, self.draw(index, 4)).to_owned()),
            number,
            language: "en",
            country: "US",
            region: place.subdivision().map(str::to_owned),
            preferred_time: self
                .draw(index, 5)
                .is_multiple_of(12)
                .then(|| pick(PREFERENCES, self.draw(index, 6))),
        }
    }

    fn in_india(&self, index: u64) -> Person {
        Person {
            external_id: format!("synthetic_{index}"),
            first_name: pick(IN_FIRST, self.draw(index, 1)),
            last_name: pick(IN_LAST, self.draw(index, 2)),
            company: None,
            number: number(&format!("+9198{:08}", 10_000_000 + index % 80_000_000)),
            language: if self.draw(index, 7).is_multiple_of(4) { "en" } else { "hi-Latn" },
            country: "IN",
            region: None,
            preferred_time: None,
        }
    }

    /// A valid number of the `index`-th state in turn. Unique for as many people as the plan has numbers to give.
    fn us_number(&self, index: u64) -> (Jurisdiction, PhoneNumber) {
        let states = self.states.len() as u64;
        let (place, codes) = &self.states[(index % states) as usize];
        let turn = index / states;
        let code = codes[(turn % codes.len() as u64) as usize];
        let serial = turn / codes.len() as u64;
        // Exchanges 230–298 are ordinary ones everywhere: no N11 service code, no 555.
        let exchange = 230 + (serial / 10_000) % 69;
        (*place, number(&format!("+1{code}{exchange}{:04}", serial % 10_000)))
    }

    /// A well-mixed number for one property of one person.
    fn draw(&self, index: u64, property: u64) -> u64 {
        scatter(self.seed ^ scatter(index.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ property))
    }
}

fn pick(from: &'static [&'static str], draw: u64) -> &'static str {
    from[(draw % from.len() as u64) as usize]
}

fn number(e164: &str) -> PhoneNumber {
    PhoneNumber::e164_only(e164).expect("synthetic numbers are built in E.164 form")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_valid_unique_and_reach_every_state() {
        let people = Population::united_states(1);
        let mut numbers = BTreeSet::new();
        let mut states = BTreeSet::new();
        for index in 0..5_000 {
            let person = people.person(index);
            assert!(PhoneNumber::parse(&person.number.e164(), None).is_ok(), "index {index}");
            assert!(numbers.insert(person.number.e164()), "index {index} repeats a number");
            states.extend(person.region);
        }
        assert!(states.len() >= 51, "{} places", states.len());
    }

    #[test]
    fn the_same_seed_makes_the_same_people() {
        let (one, two) =
            (Population::united_states(7).with_india(4), Population::united_states(7).with_india(4));
        for index in 0..200 {
            assert_eq!(one.person(index), two.person(index));
        }
        assert_eq!(one.person(3).country, "IN");
    }
}
