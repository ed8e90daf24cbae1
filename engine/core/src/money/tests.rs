//! Laws of money, and the texts that people and systems write.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn currency(code: &str) -> Currency {
    Currency::find(code).unwrap()
}

fn money(minor: i64, code: &str) -> Money {
    Money::of_minor(minor, currency(code)).unwrap()
}

#[rstest]
#[case("849.99", "USD", 84_999)]
#[case("1,234.50", "USD", 123_450)]
#[case("12,34,567.00", "INR", 123_456_700)]
#[case("12,34,567", "INR", 123_456_700)]
#[case("-0.05", "EUR", -5)]
#[case("500", "JPY", 500)]
#[case("500.00", "JPY", 500)]
#[case("1.250", "KWD", 1_250)]
#[case("2.5500", "GBP", 255)]
#[case("8.5e2", "USD", 85_000)]
#[case("85000e-2", "USD", 85_000)]
fn amounts_are_read_to_the_digit(#[case] text: &str, #[case] code: &str, #[case] minor: i64) {
    assert_eq!(Money::parse(text, currency(code)), Ok(money(minor, code)));
}

#[rstest]
#[case("1.001", "USD", "1.001 is finer than USD has: at most 2 digits after the point")]
#[case("0.5", "JPY", "0.5 is finer than JPY has: at most 0 digits after the point")]
#[case("1,2,3", "USD", "`1,2,3` is not an amount; write digits and a point, for example 849.99")]
#[case("£5", "GBP", "`£5` is not an amount; write digits and a point, for example 849.99")]
#[case("", "GBP", "`` is not an amount; write digits and a point, for example 849.99")]
#[case("1.2.3", "GBP", "`1.2.3` is not an amount; write digits and a point, for example 849.99")]
#[case("1e400", "USD", "the amount is too large")]
#[case("99999999999999999999999999999", "USD", "the amount is too large")]
#[case("10000000000000.01", "USD", "the amount is too large")]
fn what_is_no_amount_is_refused_in_words(#[case] text: &str, #[case] code: &str, #[case] message: &str) {
    assert_eq!(Money::parse(text, currency(code)).unwrap_err().to_string(), message);
}

#[rstest]
#[case(123_456_700, "INR", "₹ 12,34,567.00", "₹ 12,34,567")]
#[case(123_456_789, "INR", "₹ 12,34,567.89", "₹ 12,34,567.89")]
#[case(123_450, "USD", "$1,234.50", "$1,234.50")]
#[case(-500, "JPY", "-¥500", "-¥500")]
#[case(1_250, "KWD", "KWD 1.250", "KWD 1.250")]
#[case(0, "EUR", "€0.00", "€0.00")]
fn people_read_and_hear_their_own_grouping(
    #[case] minor: i64,
    #[case] code: &str,
    #[case] written: &str,
    #[case] spoken: &str,
) {
    assert_eq!(money(minor, code).written(), written);
    assert_eq!(money(minor, code).spoken(), spoken);
}

#[rstest]
#[case(1, 2, 1)]
#[case(-1, 2, -1)]
#[case(1, 3, 0)]
#[case(2, 3, 1)]
#[case(149, 100, 1)]
#[case(150, 100, 2)]
fn a_half_goes_away_from_zero(#[case] numerator: i128, #[case] denominator: i128, #[case] nearest: i128) {
    assert_eq!(round_half_up(numerator, denominator), nearest);
}

#[test]
fn json_numbers_keep_digits_that_a_float_would_lose() {
    #[derive(Deserialize, Serialize)]
    struct Body {
        price: Number,
    }
    let text = r#"{"price":9999999999999.99}"#;
    let body: Body = serde_json::from_str(text).unwrap();
    assert_eq!(body.price.of(Currency::USD), Ok(money(999_999_999_999_999, "USD")));
    assert_eq!(serde_json::to_string(&body).unwrap(), text);
    // 0.1 + 0.2, the classic.
    let sum = money(10, "USD").checked_add(money(20, "USD")).unwrap();
    assert_eq!(serde_json::to_string(&sum.number()).unwrap(), "0.30");
}

#[test]
fn json_texts_are_amounts_and_other_values_are_not() {
    let read = |json: &str| serde_json::from_str::<Number>(json).map(|number| number.0.to_string());
    assert_eq!(read(r#""12.50""#).unwrap(), "12.50");
    for wrong in ["true", "null", "[]", "{}", r#""""#, r#""12 USD""#] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn different_currencies_do_not_mix() {
    let error = money(1, "USD").checked_add(money(1, "INR")).unwrap_err();
    assert_eq!(error.to_string(), "USD and INR are different currencies");
}

#[rstest]
#[case("15", 1_500)]
#[case("12.5%", 1_250)]
#[case("0.01", 1)]
#[case("100 %", 10_000)]
fn percentages_are_read(#[case] text: &str, #[case] points: u16) {
    let percent: Percent = text.parse().unwrap();
    assert_eq!(percent.basis_points(), points);
}

#[rstest]
#[case("100.01")]
#[case("-1")]
#[case("0.001")]
#[case("ten")]
fn what_is_no_percentage_is_refused(#[case] text: &str) {
    assert!(text.parse::<Percent>().is_err());
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(minor in -1_000_000_000_000_000_i64..=1_000_000_000_000_000, code in "USD|JPY|KWD|INR|CLF") {
        let money = money(minor, &code);
        prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
        let json = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        let number = serde_json::to_string(&money.number()).unwrap();
        prop_assert_eq!(serde_json::from_str::<Number>(&number).unwrap().of(money.currency()), Ok(money));
        // As people write it, without the sign of the currency.
        let written = money.written();
        let digits: String = written.chars().filter(|c| c.is_ascii_digit() || "-,.".contains(*c)).collect();
        prop_assert_eq!(Money::parse(&digits, money.currency()), Ok(money));
    }

    #[test]
    fn parts_sum_to_the_whole(minor in -1_000_000_000_i64..1_000_000_000, weights in prop::collection::vec(0_u32..1_000, 1..20)) {
        let whole = money(minor, "USD");
        let parts = whole.split(&weights);
        if weights.iter().all(|weight| *weight == 0) {
            prop_assert!(parts.is_empty());
        } else {
            prop_assert_eq!(parts.iter().map(|part| part.minor()).sum::<i64>(), minor);
            // Nobody is more than one minor unit away from the exact share.
            let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(minor) * i128::from(*weight);
                prop_assert!((i128::from(part.minor()) * total - exact).abs() < total);
            }
        }
    }

    #[test]
    fn a_share_is_nearest_and_within_the_whole(minor in 0_i64..1_000_000_000_000_000, points in 0_u16..=10_000) {
        let part = money(minor, "USD").share(Percent::of_basis_points(points).unwrap()).minor();
        prop_assert!((0..=minor).contains(&part));
        let distance = (i128::from(part) * 10_000 - i128::from(minor) * i128::from(points)).abs();
        prop_assert!(distance <= 5_000);
    }
}
