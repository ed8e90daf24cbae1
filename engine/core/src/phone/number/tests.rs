//! What is accepted as a number to call, what is refused and why, and that numbers stay hidden.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn e164(text: &str, region: Option<&str>) -> Result<String, PhoneReason> {
    PhoneNumber::parse(text, region).map(PhoneNumber::e164).map_err(|error| error.reason)
}

#[rstest]
#[case::ten_digits("4155552671", Some("US"), "+14155552671")]
#[case::eleven_digits("14155552671", Some("US"), "+14155552671")]
#[case::ten_digits_no_region("4155552671", None, "+14155552671")]
#[case::eleven_digits_no_region("1-415-555-2671", None, "+14155552671")]
#[case::written_nicely("(415) 555-2671", Some("US"), "+14155552671")]
#[case::international("+1 415 555 2671", Some("IN"), "+14155552671")]
#[case::tel_uri("tel:+1-415-555-2671", None, "+14155552671")]
#[case::indian("98765 43210", Some("IN"), "+919876543210")]
#[case::indian_starting_with_91("9123456789", Some("IN"), "+919123456789")]
#[case::indian_with_code("919876543210", Some("IN"), "+919876543210")]
#[case::indian_trunk_zero("098765 43210", Some("in"), "+919876543210")]
#[case::british("020 7946 0958", Some("GB"), "+442079460958")]
#[case::toll_free("+1 800 234 5678", None, "+18002345678")]
#[case::fictional_exchange("+12025550123", None, "+12025550123")]
fn accepts(#[case] text: &str, #[case] region: Option<&str>, #[case] expected: &str) {
    assert_eq!(e164(text, region), Ok(expected.to_owned()));
}

#[rstest]
#[case("", Some("US"), PhoneReason::Empty)]
#[case("call me", Some("US"), PhoneReason::NotANumber)]
#[case("4155552671 ext. 5", Some("US"), PhoneReason::NotANumber)]
#[case("5551234567", Some("US"), PhoneReason::BlockedAreaCode)]
#[case("+1 555 123 4567", None, PhoneReason::BlockedAreaCode)]
#[case("15551234567", None, PhoneReason::BlockedAreaCode)]
#[case("+1555123", None, PhoneReason::BlockedAreaCode)]
#[case("9115551234", Some("US"), PhoneReason::BlockedAreaCode)]
#[case("0005551234", Some("US"), PhoneReason::BlockedAreaCode)]
#[case("1115551234", None, PhoneReason::BlockedAreaCode)]
#[case("911", Some("US"), PhoneReason::ShortCode)]
#[case("12345", Some("US"), PhoneReason::ShortCode)]
#[case("1909", Some("IN"), PhoneReason::ShortCode)]
#[case("+19002345678", None, PhoneReason::PremiumRate)]
#[case("5552671", Some("US"), PhoneReason::InvalidForRegion)]
#[case("+12121234567", None, PhoneReason::InvalidForRegion)]
#[case("0000000000", Some("IN"), PhoneReason::InvalidForRegion)]
#[case("+12002345678", None, PhoneReason::InvalidForRegion)]
#[case("4155552671999", Some("US"), PhoneReason::TooLong)]
#[case("98765432", None, PhoneReason::UnknownCountry)]
#[case("+999123456789", None, PhoneReason::UnknownCountry)]
#[case("4155552671", Some("XX"), PhoneReason::UnknownCountry)]
fn refuses(#[case] text: &str, #[case] region: Option<&str>, #[case] reason: PhoneReason) {
    assert_eq!(e164(text, region), Err(reason));
}

#[rstest]
#[case("+919876543210", LineType::Mobile)]
#[case("+442079460958", LineType::Landline)]
#[case("+18002345678", LineType::TollFree)]
#[case("+14155552671", LineType::Unknown)]
fn tells_the_line_type(#[case] text: &str, #[case] line: LineType) {
    assert_eq!(PhoneNumber::e164_only(text).unwrap().line_type(), line);
}

#[rstest]
#[case("+14155552671", Some("US"), Some(415))]
#[case("+14165552671", Some("CA"), Some(416))]
#[case("+17875552671", Some("PR"), Some(787))]
#[case("+919876543210", Some("IN"), None)]
#[case("+33612345678", Some("FR"), None)]
fn tells_region_and_area_code(#[case] text: &str, #[case] region: Option<&str>, #[case] area: Option<u16>) {
    let number = PhoneNumber::e164_only(text).unwrap();
    assert_eq!(number.region().as_deref(), region);
    assert_eq!(number.us_area_code(), area);
}

#[rstest]
#[case("+14155552671", "+1•••••••671")]
#[case("+919876543210", "+91•••••••210")]
#[case("+35312345678", "+353•••••678")]
fn shows_only_the_ends(#[case] text: &str, #[case] shown: &str) {
    let number = PhoneNumber::e164_only(text).unwrap();
    assert_eq!(number.to_string(), shown);
    assert_eq!(format!("{number:?}"), format!("PhoneNumber({shown})"));
}

#[rstest]
#[case("4155552671", PhoneReason::UnknownCountry)]
#[case("+04155552671", PhoneReason::NotANumber)]
#[case("+1415", PhoneReason::TooShort)]
#[case("+1234567890123456", PhoneReason::TooLong)]
#[case("+1415555267x", PhoneReason::NotANumber)]
fn caller_ids_need_the_e164_form(#[case] text: &str, #[case] reason: PhoneReason) {
    assert_eq!(PhoneNumber::e164_only(text), Err(PhoneError { reason }));
}

#[test]
fn serde_keeps_the_whole_number() {
    let number = PhoneNumber::e164_only("+14155552671").unwrap();
    let json = serde_json::to_string(&number).unwrap();
    assert_eq!(json, "\"+14155552671\"");
    assert_eq!(serde_json::from_str::<PhoneNumber>(&json).unwrap(), number);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_answered_without_panic(text in "[+0-9 ().x-]{0,24}|.{0,40}") {
        for region in [None, Some("US"), Some("IN")] {
            if let Ok(number) = PhoneNumber::parse(&text, region) {
                prop_assert_eq!(PhoneNumber::parse(&number.e164(), None), Ok(number));
            }
        }
    }

    #[test]
    fn shown_form_hides_the_middle(digits in "[1-9][0-9]{7,14}") {
        let number = PhoneNumber::e164_only(&format!("+{digits}")).unwrap();
        let shown = number.to_string().chars().filter(char::is_ascii_digit).count();
        prop_assert!(shown <= 6);
    }
}
