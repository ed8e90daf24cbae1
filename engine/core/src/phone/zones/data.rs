//! The embedded tables: area codes, countries, states. Written by `engine/numbers/regenerate_number_zones.py`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::rules::Jurisdiction;
use crate::time::zone::Zone;

static EMBEDDED: LazyLock<Places> = LazyLock::new(|| {
    // The tables are part of the program and a test reads them, so this cannot fail in a tested build.
    Places::read(
        include_str!("../../../../numbers/number-zones.yaml"),
        include_str!("../../../../numbers/us-states.yaml"),
    )
    .expect("embedded number tables are valid")
});

/// One area code's place and the zones of all its exchanges.
pub(super) struct Area {
    pub place: Jurisdiction,
    pub zones: Vec<Zone>,
}

pub(super) struct Places {
    areas: BTreeMap<u16, Area>,
    overlays: BTreeMap<u16, u16>,
    countries: BTreeMap<String, Vec<Zone>>,
    states: Vec<State>,
}

struct State {
    place: Jurisdiction,
    name: String,
    postal: Vec<RangeInclusive<u16>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneFile {
    #[serde(rename = "source")]
    _source: String,
    areas: Vec<AreaRow>,
    overlays: BTreeMap<u16, u16>,
    countries: BTreeMap<String, Vec<Zone>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaRow {
    place: Jurisdiction,
    zones: Vec<Zone>,
    codes: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateRow {
    code: String,
    name: String,
    postal: Vec<String>,
}

impl Places {
    pub(super) fn embedded() -> &'static Places {
        &EMBEDDED
    }

    fn read(zones: &str, states: &str) -> Result<Places, String> {
        let file: ZoneFile = serde_yaml::from_str(zones).map_err(|error| error.to_string())?;
        let rows: Vec<StateRow> = serde_yaml::from_str(states).map_err(|error| error.to_string())?;
        let mut areas = BTreeMap::new();
        for row in file.areas {
            for code in row.codes {
                areas.insert(code, Area { place: row.place, zones: row.zones.clone() });
            }
        }
        let states = rows.into_iter().map(State::try_from).collect::<Result<_, _>>()?;
        Ok(Places { areas, overlays: file.overlays, countries: file.countries, states })
    }

    /// Every area code with its place, in order of the codes.
    pub(super) fn areas(&self) -> impl Iterator<Item = (u16, Jurisdiction)> {
        self.areas.iter().map(|(code, area)| (*code, area.place))
    }

    pub(super) fn area(&self, code: u16) -> Option<&Area> {
        self.areas.get(&code)
    }

    /// The older area code that `code` overlays, where that is how its zones are known.
    pub(super) fn overlaid(&self, code: u16) -> Option<u16> {
        self.overlays.get(&code).copied()
    }

    /// All zones of a country. Those of the North American plan are gathered from their area codes.
    pub(super) fn country(&self, code: &str) -> Option<Vec<Zone>> {
        if let Some(zones) = self.countries.get(code) {
            return Some(zones.clone());
        }
        let zones = self.gather(|place| place.country_code() == code);
        (!zones.is_empty()).then_some(zones)
    }

    /// All zones of a state or province.
    pub(super) fn zones_of(&self, place: Jurisdiction) -> Vec<Zone> {
        self.gather(|other| *other == place)
    }

    /// All zones of the North American plan.
    pub(super) fn north_american(&self) -> Vec<Zone> {
        self.gather(|_| true)
    }

    /// All places in which some number keeps the clock of `zone`.
    pub(super) fn places_in(&self, zone: &Zone) -> Vec<Jurisdiction> {
        let keeps = |zones: &[Zone]| zones.iter().any(|other| other.same_clock(zone));
        let areas = self.areas.values().filter(|area| keeps(&area.zones)).map(|area| area.place);
        let countries = self.countries.iter().filter(|(_, zones)| keeps(zones));
        areas.chain(countries.filter_map(|(code, _)| Jurisdiction::country(code).ok())).collect()
    }

    pub(super) fn state(&self, text: &str) -> Option<Jurisdiction> {
        let text = text.trim();
        let by_code =
            |state: &&State| state.place.subdivision().is_some_and(|code| code.eq_ignore_ascii_case(text));
        let by_name = |state: &&State| state.name.eq_ignore_ascii_case(text);
        self.states.iter().find(by_code).or_else(|| self.states.iter().find(by_name)).map(|state| state.place)
    }

    /// Territories have country codes of their own, but their law and numbers are those of the United States.
    pub(super) fn territory(&self, country: &str) -> Option<Jurisdiction> {
        let is_territory =
            ["AS", "GU", "MP", "PR", "VI"].iter().any(|code| code.eq_ignore_ascii_case(country));
        is_territory.then(|| self.state(country)).flatten()
    }

    pub(super) fn state_of_postal(&self, postal: &str) -> Option<Jurisdiction> {
        let digits: String = postal.trim().chars().take_while(char::is_ascii_digit).collect();
        if digits.len() != 5 {
            return None; // not a United States code
        }
        let prefix: u16 = digits.get(..3)?.parse().ok()?;
        let state = self.states.iter().find(|state| state.postal.iter().any(|range| range.contains(&prefix)));
        state.map(|state| state.place)
    }

    fn gather(&self, wanted: impl Fn(&Jurisdiction) -> bool) -> Vec<Zone> {
        let mut zones: Vec<Zone> = Vec::new();
        for area in self.areas.values().filter(|area| wanted(&area.place)) {
            zones.extend(area.zones.iter().cloned());
        }
        zones.sort();
        zones.dedup();
        zones
    }
}

impl TryFrom<StateRow> for State {
    type Error = String;

    fn try_from(row: StateRow) -> Result<Self, String> {
        let range = |text: &String| {
            let (first, last) = text.split_once('-')?;
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        let postal: Option<Vec<_>> = row.postal.iter().map(range).collect();
        let postal = postal.ok_or_else(|| format!("{}: a postal range is written 350-369", row.code))?;
        let place = Jurisdiction::us_state(&row.code).map_err(|error| error.to_string())?;
        Ok(State { place, name: row.name, postal })
    }
}
