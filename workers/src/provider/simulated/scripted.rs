//! Faults by number: with `bySuffix` a number with certain last digits always brings a certain fault, so that a person can try
//! one out without rates or seeds. Placement faults strike the first request of a step only; the next one gets through.

use super::behaviour::CallKey;
use super::faults::{Faults, PlacementFault};

/// What the last four digits of a number bring, in words; shown by `callwright carrier --help`.
pub const TABLE: &[(&str, &str)] = &[
    ("9001", "refused with a rate-limit reason"),
    ("9002", "429 with Retry-After: 20"),
    ("9003", "no answer, no call"),
    ("9004", "no answer, but a call"),
    ("9005", "500, no call"),
    ("9006", "500, but a call"),
    ("9007", "the connection breaks, no call"),
    ("9008", "the connection breaks, but a call"),
    ("9009", "no answer, and a call a minute later"),
    ("9010", "the answer trickles in too slowly; a call"),
    ("9021", "every callback two or three times"),
    ("9022", "callbacks out of order"),
    ("9023", "callbacks up to half an hour late"),
    ("9024", "callbacks lost until a look-up"),
    ("9025", "a callback before the request is answered"),
    ("9026", "a wrong signature first"),
    ("9031", "look-ups fail now and then"),
    ("9032", "listed some seconds after it began"),
    ("9033", "look-ups show the list as it was"),
];

/// The table as lines for a help text.
pub fn table() -> String {
    let lines: Vec<String> = TABLE.iter().map(|(suffix, what)| format!("  …{suffix}  {what}")).collect();
    lines.join("\n")
}

fn suffix(key: &CallKey<'_>) -> String {
    let digits = key.number.e164();
    digits.get(digits.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

/// What happens to the first request of a step for this number.
pub(super) fn placement(key: &CallKey<'_>) -> Option<PlacementFault> {
    if key.visit > 1 || key.attempt > 1 {
        return None;
    }
    Some(match suffix(key).as_str() {
        "9001" => PlacementFault::Refuse,
        "9002" => PlacementFault::TooManyRequests { retry_after_s: 20 },
        "9003" => PlacementFault::TimeoutBeforeAccept,
        "9004" => PlacementFault::TimeoutAfterAccept,
        "9005" => PlacementFault::ErrorBeforeAccept,
        "9006" => PlacementFault::ErrorAfterAccept,
        "9007" => PlacementFault::ResetBeforeAccept,
        "9008" => PlacementFault::ResetAfterAccept,
        "9009" => PlacementFault::LateAccept { by_s: 60 },
        "9010" => PlacementFault::SlowAnswer,
        _ => return None,
    })
}

/// The rates at which callbacks of this number go wrong.
pub(super) fn callbacks(key: &CallKey<'_>) -> Option<Faults> {
    let none = Faults::default();
    Some(match suffix(key).as_str() {
        "9021" => Faults { duplicate_callback: 1.0, ..none },
        "9022" => Faults { reorder_callback: 1.0, ..none },
        "9023" => Faults { late_callback: 1.0, ..none },
        "9024" => Faults { lose_callback: 1.0, ..none },
        "9025" => Faults { early_callback: 1.0, ..none },
        "9026" => Faults { forge_callback: 1.0, ..none },
        _ => return None,
    })
}

/// The rates at which look-ups of this number go wrong.
pub(super) fn look_ups(key: &CallKey<'_>) -> Option<Faults> {
    let none = Faults::default();
    Some(match suffix(key).as_str() {
        "9031" => Faults { fail_look_up: 0.5, ..none },
        "9032" => Faults { lag_look_up: 1.0, ..none },
        "9033" => Faults { stale_look_up: 1.0, ..none },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use callwright_engine::clock::instant_from_micros;
    use callwright_engine::phone::number::PhoneNumber;

    use super::*;

    fn key(suffix: &str, visit: u32) -> CallKey<'static> {
        let number = PhoneNumber::e164_only(&format!("+1212456{suffix}")).unwrap();
        CallKey { number, step: "first", visit, attempt: 1 }
    }

    #[test]
    fn every_number_of_the_table_brings_something_and_others_do_not() {
        let faults = Faults { by_suffix: true, ..Faults::default() };
        for (suffix, what) in TABLE {
            let key = key(suffix, 1);
            let at = |second: i64| instant_from_micros(second * 1_000_000);
            let brings = faults.placement(1, &key, at(1)) != PlacementFault::None
                || faults.callback(1, &key, "ended").delays_s != [0]
                || faults.callback(1, &key, "ended").forged
                || faults.is_early(1, &key)
                || faults.listed_after_s(1, &key) > 0
                || (0..20).any(|second| {
                    faults.look_up(1, &key, at(second)) != super::super::faults::LookUpFault::default()
                });
            assert!(brings, "{suffix} {what}");
        }
        assert_eq!(faults.placement(1, &key("4111", 1), instant_from_micros(1)), PlacementFault::None);
    }

    #[test]
    fn the_second_request_gets_through_and_without_the_switch_the_first_does() {
        let faults = Faults { by_suffix: true, ..Faults::default() };
        assert_eq!(faults.placement(1, &key("9003", 2), instant_from_micros(1)), PlacementFault::None);
        let off = Faults::default();
        assert_eq!(off.placement(1, &key("9003", 1), instant_from_micros(1)), PlacementFault::None);
    }
}
