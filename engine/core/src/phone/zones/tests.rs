//! Candidates by number and by what is known of the lead.

use super::*;
use rstest::rstest;

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::e164_only(text).unwrap()
}

fn shown(candidates: &Candidates) -> (Vec<&str>, Vec<String>) {
    let places = candidates.jurisdictions.iter().map(ToString::to_string).collect();
    (candidates.zone_names().collect(), places)
}

fn in_zone(name: &str) -> LeadPlace {
    LeadPlace { zone: Some(Zone::find(name).unwrap()), ..LeadPlace::default() }
}

fn in_state(state: &str) -> LeadPlace {
    LeadPlace { us_state: Some(state.to_owned()), ..LeadPlace::default() }
}

fn in_country(code: &str) -> LeadPlace {
    LeadPlace { country: Some(code.to_owned()), ..LeadPlace::default() }
}

const EASTERN: &str = "America/New_York";
const CENTRAL: &str = "America/Chicago";
const PACIFIC: &str = "America/Los_Angeles";

#[rstest]
#[case::new_york("+12125552671", &[EASTERN], &["US-NY"])]
#[case::florida_panhandle("+18502345678", &[CENTRAL, EASTERN], &["US-FL"])]
#[case::its_overlay("+14482345678", &[CENTRAL, EASTERN], &["US-FL"])]
#[case::orlando_overlay("+16892345678", &[EASTERN], &["US-FL"])]
#[case::idaho("+12082345678", &["America/Boise", "America/Denver", PACIFIC], &["US-ID"])]
#[case::south_dakota("+16052345678", &[CENTRAL, "America/Denver", "America/North_Dakota/Center"], &["US-SD"])]
#[case::toronto("+14165552671", &["America/Toronto"], &["CA-ON"])]
#[case::puerto_rico("+17875552671", &["America/Puerto_Rico"], &["US-PR"])]
#[case::jamaica("+18765552671", &["America/Jamaica"], &["JM"])]
#[case::india("+919876543210", &["Asia/Kolkata"], &["IN"])]
#[case::spain("+34612345678", &["Atlantic/Canary", "Europe/Madrid"], &["ES"])]
fn a_number_alone(#[case] text: &str, #[case] zones: &[&str], #[case] places: &[&str]) {
    let found = candidates(number(text), &LeadPlace::default());
    let places = places.iter().map(ToString::to_string).collect();
    assert_eq!(shown(&found), (zones.to_vec(), places));
    assert_eq!(found.problem, None);
}

#[test]
fn a_toll_free_number_has_no_place() {
    let found = candidates(number("+18002345678"), &LeadPlace::default());
    assert_eq!(found, Candidates { problem: Some(NoZone::NotGeographic), ..Candidates::default() });
}

#[test]
fn a_zone_gives_a_toll_free_number_every_place_on_that_clock() {
    let found = candidates(number("+18002345678"), &in_zone("America/Phoenix"));
    assert_eq!(shown(&found), (vec!["America/Phoenix"], vec!["US-AZ".to_owned()]));
}

#[rstest]
#[case::inside_replaces("+18502345678", in_zone(CENTRAL), &[CENTRAL], &["US-FL"])]
#[case::outside_joins("+12125552671", in_zone(PACIFIC), &[PACIFIC, EASTERN], &["US-NY"])]
#[case::alias_is_inside("+919876543210", in_zone("Asia/Calcutta"), &["Asia/Calcutta"], &["IN"])]
#[case::state_inside("+18502345678", in_state("Florida"), &[CENTRAL, EASTERN], &["US-FL"])]
#[case::state_outside("+12125552671", in_state("ca"), &[PACIFIC, EASTERN], &["US-CA", "US-NY"])]
#[case::state_unknown_is_ignored("+12125552671", in_state("Atlantis"), &[EASTERN], &["US-NY"])]
#[case::state_settles_toll_free("+18002345678", in_state("NY"), &[EASTERN], &["US-NY"])]
#[case::country_outside("+12125552671", in_country("IN"), &[EASTERN, "Asia/Kolkata"], &["IN", "US-NY"])]
#[case::country_inside("+919876543210", in_country("in"), &["Asia/Kolkata"], &["IN"])]
#[case::country_of_a_province("+14165552671", in_country("CA"), &["America/Toronto"], &["CA-ON"])]
#[case::territory_as_country("+17875552671", in_country("PR"), &["America/Puerto_Rico"], &["US-PR"])]
#[case::country_alone_adds_nothing("+12125552671", in_country("US"), &[EASTERN], &["US-NY"])]
fn a_number_and_its_lead(
    #[case] text: &str,
    #[case] lead: LeadPlace,
    #[case] zones: &[&str],
    #[case] places: &[&str],
) {
    let found = candidates(number(text), &lead);
    assert_eq!(shown(&found), (zones.to_vec(), places.iter().map(ToString::to_string).collect()));
}

#[test]
fn the_country_alone_does_not_settle_a_toll_free_number() {
    let found = candidates(number("+18002345678"), &in_country("US"));
    assert_eq!(found.problem, Some(NoZone::NotGeographic));
}

#[test]
fn a_foreign_number_of_an_american_lead_still_needs_the_state() {
    let found = candidates(number("+919876543210"), &in_country("US"));
    assert_eq!(found.jurisdictions, ["IN".parse().unwrap(), "US".parse().unwrap()]);
    assert!(found.zones.iter().any(|zone| zone.name() == "Pacific/Honolulu"));
}

#[rstest]
#[case("90210", "US-CA")]
#[case("02139-4307", "US-MA")]
#[case("00901", "US-PR")]
fn a_postal_code_tells_the_state(#[case] postal: &str, #[case] state: &str) {
    let lead = LeadPlace { postal: Some(postal.to_owned()), ..LeadPlace::default() };
    let found = candidates(number("+18002345678"), &lead);
    assert_eq!(found.jurisdictions, [state.parse().unwrap()]);
}

#[test]
fn evidence_names_the_overlaid_code() {
    let found = candidates(number("+14482345678"), &in_zone(CENTRAL));
    let code = Evidence::AreaCode { code: 448, overlay_of: Some(850) };
    assert_eq!(found.evidence, [Evidence::LeadZone, code]);
}

#[test]
fn stored_names_read_back() {
    let found = candidates(number("+18502345678"), &LeadPlace::default());
    assert_eq!(candidates_from_names(found.zone_names()), Ok(found.zones));
    assert!(candidates_from_names(["Mars/Olympus"]).is_err());
}

#[test]
fn every_postal_code_belongs_to_at_most_one_state() {
    let places = Places::embedded();
    assert_eq!(places.state("District of Columbia"), places.state_of_postal("20500"));
    assert_eq!(places.state_of_postal("SW1A 1AA"), None);
}
