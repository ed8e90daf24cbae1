//! How many calls of a campaign may be under way without too many people being left alone on the line (GATE-10).
//!
//! Flows answer at once, so nobody waits for a voice; but a flow may hand a person over to an agent, a queue or a number. A call
//! that a person answered and whose transfer is not bridged within two seconds counts as abandoned. The law allows three
//! percent of the calls that people answered, over a campaign or each thirty days of it (16 CFR 310.4(b)(4)(i); 47 CFR
//! 64.1200(a)(7)).
//!
//! A campaign that says how many agents it has is throttled before that: more calls than agents are under way only while the
//! share would hold if every one of them were abandoned. A call for which an agent is free is not left alone, so that the share
//! is never crossed, whatever happens on the lines. A campaign that does not say has no agents to be throttled to: it
//! goes on until the share is used up, and then waits for the next thirty days, or for somebody who says.
//!
//! Small numbers: of fewer than a hundred answered calls three may be abandoned, the share of a hundred. Nothing could be called
//! at first otherwise.

use chrono::{Days, NaiveDate, TimeDelta};

use crate::clock::Instant;
use crate::flow::session::{Conversation, Effect};
use crate::flow::turn::TransferResult;

/// Percent of answered calls that may be abandoned.
pub const PERCENT: u64 = 3;
/// Of fewer answered calls as many may be abandoned as of these.
const LEAST: u64 = 100;
/// Within which a transfer must be bridged.
const BRIDGED_WITHIN: TimeDelta = TimeDelta::seconds(2);
/// Days that are counted together, from the campaign's first day on.
const PERIOD: u64 = 30;

/// Calls that people answered in the campaign's present thirty days, and those of them that were abandoned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abandonment {
    pub answered: u32,
    pub abandoned: u32,
}

impl Abandonment {
    /// How many more calls may be abandoned, if that is what becomes of each.
    pub fn spare(self) -> u32 {
        let (answered, abandoned) = (u64::from(self.answered), u64::from(self.abandoned));
        // The most n with abandoned + n ≤ 3 % of (answered + n).
        let by_share = (PERCENT * answered).saturating_sub(100 * abandoned) / (100 - PERCENT);
        let of_few = (PERCENT * LEAST / 100).saturating_sub(abandoned);
        u32::try_from(by_share.max(of_few)).unwrap_or(u32::MAX)
    }

    /// How many calls may be under way at once; `None`: as many as one likes.
    pub fn lines(self, agents: Option<u32>) -> Option<u32> {
        match (agents, self.spare()) {
            (Some(agents), spare) => Some(agents.max(spare)),
            (None, 0) => Some(0),
            (None, _) => None,
        }
    }

    /// In words, for people.
    pub fn words(self) -> String {
        let Self { answered, abandoned } = self;
        format!(
            "{abandoned} of {answered} answered calls were abandoned, {PERCENT} % may be (16 CFR 310.4(b)(4))"
        )
    }
}

/// The days, in UTC, that count together with `today`: the first one, and the first of the next thirty.
pub fn period(created_at: Instant, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let first = created_at.date_naive();
    let days = u64::try_from((today - first).num_days()).unwrap_or(0);
    let begins = first + Days::new(days / PERIOD * PERIOD);
    (begins, begins + Days::new(PERIOD))
}

/// Was somebody to be handed over, and was not, in time? A provider that does not say how long it took is taken to have been in time.
pub fn is_abandoned(talk: &Conversation) -> bool {
    let mut transfers = talk.effects.iter().filter_map(|effect| match effect {
        Effect::Transfer { result, after_ms, .. } => Some((result.as_deref(), *after_ms)),
        _ => None,
    });
    let in_time = |(result, after_ms): (Option<&str>, Option<u32>)| {
        let took = after_ms.map_or(TimeDelta::zero(), |ms| TimeDelta::milliseconds(i64::from(ms)));
        result == Some(TransferResult::Bridged.as_str()) && took <= BRIDGED_WITHIN
    };
    transfers.next().is_some_and(|first| !in_time(first) && !transfers.any(in_time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(answered: u32, abandoned: u32) -> Abandonment {
        Abandonment { answered, abandoned }
    }

    #[test]
    fn of_few_calls_three_may_be_abandoned() {
        assert_eq!(counted(0, 0).lines(Some(0)), Some(3));
        assert_eq!(counted(60, 2).lines(Some(0)), Some(1));
        assert_eq!(counted(90, 3).lines(Some(0)), Some(0));
        assert_eq!(counted(90, 3).lines(Some(5)), Some(5), "for whom an agent is free");
        assert_eq!(counted(90, 3).lines(None), Some(0));
        assert_eq!(counted(90, 2).lines(None), None);
    }

    #[test]
    fn of_many_the_share_counts() {
        assert_eq!(counted(10_000, 0).spare(), 309);
        assert_eq!(counted(10_000, 299).spare(), 1);
        assert_eq!(counted(10_000, 300).lines(Some(8)), Some(8));
        assert_eq!(counted(10_000, 300).lines(None), Some(0));
    }

    #[test]
    fn thirty_days_from_the_first_count_together() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let created = "2026-07-15T16:00:00Z".parse().unwrap();
        let of = |text| period(created, day(text));
        assert_eq!(of("2026-07-15"), (day("2026-07-15"), day("2026-08-14")));
        assert_eq!(of("2026-08-13"), (day("2026-07-15"), day("2026-08-14")));
        assert_eq!(of("2026-08-14"), (day("2026-08-14"), day("2026-09-13")));
        assert_eq!(of("2026-07-01"), (day("2026-07-15"), day("2026-08-14")), "before it began");
    }

    #[test]
    fn a_transfer_that_nobody_took_in_time_was_abandoned() {
        let talk = |transfers: &[(Option<&str>, Option<u32>)]| {
            let effect = |(result, after_ms): &(Option<&str>, Option<u32>)| Effect::Transfer {
                target: "agent".to_owned(),
                result: result.map(str::to_owned),
                after_ms: *after_ms,
            };
            is_abandoned(&Conversation {
                effects: transfers.iter().map(effect).collect(),
                ..Conversation::default()
            })
        };
        assert!(!talk(&[]), "a flow without a transfer");
        assert!(!talk(&[(Some("bridged"), None)]) && !talk(&[(Some("bridged"), Some(2_000))]));
        assert!(talk(&[(Some("bridged"), Some(2_001))]));
        assert!(talk(&[(Some("no_answer"), None)]) && talk(&[(None, None)]));
        assert!(
            !talk(&[(Some("busy"), Some(100)), (Some("bridged"), Some(1_500))]),
            "the second came in time"
        );
    }

    /// What becomes of a call that is under way.
    #[derive(Debug, Clone, Copy)]
    enum Turn {
        Dial,
        /// Ends: nobody answered, it went well, or nobody came where an agent was not free.
        End {
            which: usize,
            how: u8,
        },
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let turn = prop_oneof![
            3 => Just(Turn::Dial),
            2 => (any::<usize>(), 0_u8..8).prop_map(|(which, how)| Turn::End { which, how }),
        ];
        prop::collection::vec(turn, 0..1_200)
    }

    /// Follows the guard through calls with the worst that can happen; answers the worst share seen, in basis points of at
    /// least a hundred calls.
    fn worst(turns: Vec<Turn>, agents: u32, is_guarded: bool) -> u64 {
        let mut seen = Abandonment::default();
        // Of each call under way: was there an agent for everybody when it began?
        let mut live: Vec<bool> = Vec::new();
        let mut worst = 0;
        for turn in turns {
            match turn {
                Turn::Dial => {
                    let lines = seen.lines(Some(agents)).filter(|_| is_guarded);
                    if lines.is_none_or(|lines| (live.len() as u32) < lines) {
                        live.push((live.len() as u32) < agents);
                    }
                }
                Turn::End { which, how } if !live.is_empty() => {
                    let has_agent = live.remove(which % live.len());
                    // As long as there are more calls than agents, nobody knows whose the agents are.
                    let is_safe = has_agent && (live.len() as u32) < agents;
                    match how {
                        0 => continue,
                        1..=4 if !is_safe => seen.abandoned += 1,
                        _ => {}
                    }
                    seen.answered += 1;
                    let of = u64::from(seen.answered).max(LEAST);
                    worst = worst.max(u64::from(seen.abandoned) * 10_000 / of);
                }
                Turn::End { .. } => {}
            }
        }
        worst
    }

    proptest! {
        #[test]
        fn the_share_is_never_crossed_whatever_becomes_of_the_calls(turns in turns(), agents in 0_u32..12) {
            prop_assert!(worst(turns, agents, true) <= PERCENT * 100);
        }
    }

    #[test]
    fn without_the_guard_it_would_be() {
        let all = (0..400).flat_map(|_| [Turn::Dial, Turn::Dial, Turn::End { which: 0, how: 1 }]);
        assert!(worst(all.collect(), 4, false) > PERCENT * 100);
    }
}
