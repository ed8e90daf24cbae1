//! Who is called first (ENG-9): points from what triggered the call, what the customer is worth, how old the reason is and how
//! often it was tried. Gates remove, they never demote; this only orders what may be called.
//!
//! ```text
//! points = 100 · trigger · value · max(0.25, 0.5^(age / half-life)) · (1 − 0.5 · attempts / cap)  + 1 per waited hour, ≤ 10
//! ```
//!
//! `trigger` and its half-life, `value` and the class limits come from [`Weights`], which a deployment may change.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::priority::Priority;
use crate::domain::text_enum::text_enum;

text_enum! {
    /// What raised a call.
    pub enum Trigger {
        PriceDrop = "price_drop",
        Cart = "cart",
        Restock = "restock",
        Renewal = "renewal",
        Qualification = "qualification",
        Promo = "promo",
        Winback = "winback",
    }
}

text_enum! {
    /// What a customer is worth, by percentile of lifetime value.
    pub enum ValueClass {
        Vip = "vip",
        High = "high",
        Mid = "mid",
        Low = "low",
    }
}

impl ValueClass {
    /// The class of a percentile from 0 to 100: vip from 95, high from 75, mid from 40.
    pub const fn of_percentile(percentile: u8) -> Self {
        match percentile {
            95.. => Self::Vip,
            75.. => Self::High,
            40.. => Self::Mid,
            _ => Self::Low,
        }
    }
}

/// Weight of one trigger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerWeight {
    /// 0..1.
    pub base: f64,
    /// Hours after which the reason to call counts half.
    pub half_life_hours: f64,
}

/// Everything about the formula that a deployment may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Weights {
    pub triggers: BTreeMap<Trigger, TriggerWeight>,
    /// 0..1.
    pub values: BTreeMap<ValueClass, f64>,
    /// Points from which a call is high priority.
    pub high_from: u8,
    pub medium_from: u8,
}

impl Default for Weights {
    fn default() -> Self {
        let triggers = [
            (Trigger::PriceDrop, 0.90, 24.0),
            (Trigger::Cart, 0.85, 12.0),
            (Trigger::Restock, 0.80, 24.0),
            (Trigger::Renewal, 0.70, 120.0),
            (Trigger::Qualification, 0.65, 48.0),
            (Trigger::Promo, 0.50, 72.0),
            (Trigger::Winback, 0.40, 336.0),
        ];
        let values = [
            (ValueClass::Vip, 1.0),
            (ValueClass::High, 0.85),
            (ValueClass::Mid, 0.70),
            (ValueClass::Low, 0.55),
        ];
        Self {
            triggers: triggers
                .into_iter()
                .map(|(trigger, base, half_life_hours)| (trigger, TriggerWeight { base, half_life_hours }))
                .collect(),
            values: values.into_iter().collect(),
            high_from: 60,
            medium_from: 30,
        }
    }
}

/// What is known about the customer's worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    Class(ValueClass),
    /// Lead score 0..100, for leads who have bought nothing yet; never counts less than a low-value customer.
    LeadScore(u8),
}

/// What the formula looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub trigger: Trigger,
    pub worth: Worth,
    /// Since the trigger happened.
    pub age: TimeDelta,
    /// Calls already placed for it, and how many there may be.
    pub attempts: u32,
    pub cap: u32,
    /// How long the call has been due.
    pub waited: TimeDelta,
}

/// Points from 0 to 100 and the class they fall into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    pub points: u8,
    pub class: Priority,
}

/// Calls that may be made for one trigger, where the cadence does not say.
pub const USUAL_CAP: u32 = 4;

/// The parts of a score, as the formula multiplies and adds them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub trigger: Trigger,
    /// Weight of the trigger.
    pub base: f64,
    /// Weight of the customer.
    pub value: f64,
    /// How fresh the reason is: 1 now, ½ after the half-life, never below ¼.
    pub freshness: f64,
    /// 1 before the first try, ½ after the last.
    pub tries: f64,
    /// A point per hour of waiting, at most 10.
    pub waited: u8,
    pub points: u8,
    pub class: Priority,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trigger, base, value, freshness, tries, waited, points, class } = self;
        write!(
            f,
            "{class}: 100 × {base:.2} ({trigger}) × {value:.2} (customer) × {freshness:.2} (freshness) × {tries:.2} (tries) \
             + {waited} (waited) = {points}"
        )
    }
}

/// Scores one call.
pub fn score(facts: &Facts, weights: &Weights) -> Score {
    let Explanation { points, class, .. } = explain(facts, weights);
    Score { points, class }
}

/// The same with its parts.
pub fn explain(facts: &Facts, weights: &Weights) -> Explanation {
    let trigger = weights
        .triggers
        .get(&facts.trigger)
        .copied()
        .unwrap_or(TriggerWeight { base: 0.5, half_life_hours: 72.0 });
    let low = weights.values.get(&ValueClass::Low).copied().unwrap_or(0.55);
    let value = match facts.worth {
        Worth::Class(class) => weights.values.get(&class).copied().unwrap_or(low),
        Worth::LeadScore(points) => (f64::from(points.min(100)) / 100.0).max(low),
    };
    let age_hours = hours(facts.age);
    let freshness = if trigger.half_life_hours > 0.0 {
        0.5_f64.powf(age_hours / trigger.half_life_hours).max(0.25)
    } else {
        0.25
    };
    let tries = 1.0 - 0.5 * f64::from(facts.attempts.min(facts.cap)) / f64::from(facts.cap.max(1));
    let raw = (100.0 * trigger.base * value * freshness * tries).round();
    let waited = hours(facts.waited).floor().min(10.0);
    let points = (raw + waited).clamp(0.0, 100.0) as u8;
    let class = if points >= weights.high_from {
        Priority::High
    } else if points >= weights.medium_from {
        Priority::Medium
    } else {
        Priority::Low
    };
    let waited = waited as u8;
    Explanation { trigger: facts.trigger, base: trigger.base, value, freshness, tries, waited, points, class }
}

fn hours(length: TimeDelta) -> f64 {
    (length.num_seconds().max(0) as f64) / 3_600.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn facts(trigger: Trigger, class: ValueClass, age_hours: i64, attempts: u32) -> Facts {
        Facts {
            trigger,
            worth: Worth::Class(class),
            age: TimeDelta::hours(age_hours),
            attempts,
            cap: 3,
            waited: TimeDelta::zero(),
        }
    }

    #[rstest]
    #[case::fresh_vip_price_drop(Trigger::PriceDrop, ValueClass::Vip, 0, 0, 90, Priority::High)]
    #[case::a_day_later_half(Trigger::PriceDrop, ValueClass::Vip, 24, 0, 45, Priority::Medium)]
    #[case::low_value(Trigger::PriceDrop, ValueClass::Low, 0, 0, 50, Priority::Medium)]
    #[case::tried_once(Trigger::Restock, ValueClass::High, 6, 1, 48, Priority::Medium)]
    #[case::old_promo_tried_twice(Trigger::Promo, ValueClass::Low, 72, 2, 9, Priority::Low)]
    #[case::qualification(Trigger::Qualification, ValueClass::Mid, 2, 0, 44, Priority::Medium)]
    fn worked_examples(
        #[case] trigger: Trigger,
        #[case] class: ValueClass,
        #[case] age: i64,
        #[case] attempts: u32,
        #[case] points: u8,
        #[case] priority: Priority,
    ) {
        let scored = score(&facts(trigger, class, age, attempts), &Weights::default());
        assert_eq!(scored, Score { points, class: priority });
    }

    #[test]
    fn a_score_says_what_it_is_made_of() {
        let tried = Facts { waited: TimeDelta::hours(3), ..facts(Trigger::Restock, ValueClass::High, 6, 1) };
        let explained = explain(&tried, &Weights::default());
        assert_eq!(
            explained.to_string(),
            "medium: 100 × 0.80 (restock) × 0.85 (customer) × 0.84 (freshness) × 0.83 (tries) + 3 (waited) = 51"
        );
        let Explanation { base, value, freshness, tries, waited, points, .. } = explained;
        assert_eq!(points, (100.0 * base * value * freshness * tries).round() as u8 + waited);
    }

    #[test]
    fn waiting_lifts_by_a_point_an_hour_up_to_ten() {
        let at = |hours| {
            let waited =
                Facts { waited: TimeDelta::hours(hours), ..facts(Trigger::Promo, ValueClass::Low, 72, 2) };
            score(&waited, &Weights::default()).points
        };
        assert_eq!((at(0), at(3), at(10), at(500)), (9, 12, 19, 19));
    }

    #[test]
    fn a_lead_score_never_counts_less_than_a_low_value_customer() {
        let base = facts(Trigger::Qualification, ValueClass::Low, 0, 0);
        let poor = Facts { worth: Worth::LeadScore(3), ..base };
        assert_eq!(score(&poor, &Weights::default()), score(&base, &Weights::default()));
    }

    #[test]
    fn weights_are_read_from_configuration() {
        let weights: Weights = serde_json::from_str(r#"{"highFrom": 40}"#).unwrap();
        assert_eq!(score(&facts(Trigger::PriceDrop, ValueClass::Vip, 24, 0), &weights).class, Priority::High);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn older_or_more_tried_never_scores_higher(age in 0i64..1_000, more in 0i64..1_000, tries in 0u32..5) {
            let weights = Weights::default();
            let earlier = score(&facts(Trigger::Cart, ValueClass::High, age, tries), &weights);
            let later = score(&facts(Trigger::Cart, ValueClass::High, age + more, tries + 1), &weights);
            prop_assert!(later.points <= earlier.points);
        }
    }
}
