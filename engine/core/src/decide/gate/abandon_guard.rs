//! Protects people from being left alone on the line by a flow that hands them over (GATE-10; 16 CFR 310.4(b)(4)(i)). Most of it is
//! pacing's: a campaign is throttled to its agents before too many of its answered calls are abandoned. The gate says so, and
//! puts calls off where there is nothing left to be throttled to. What is not known counts as no call at all.

use chrono::TimeDelta;

use super::look::Moment;
use crate::decide::verdict::{Gate, GateReport, Reason};

/// How often it is looked whether people have said how many agents there are.
const RECHECK: TimeDelta = TimeDelta::minutes(15);

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let pass = GateReport::pass(Gate::AbandonGuard);
    let Some(facts) = moment.snapshot.campaign.as_deref() else { return pass };
    // Only people and other calls clear it, so a search ahead looks at what would bind afterwards.
    if moment.look.assume_cleared {
        return pass;
    }
    let agents = facts.campaign.pacing.agents;
    match facts.abandonment.lines(agents) {
        Some(0) => {
            let words = moment.facts(|| {
                let say =
                    if agents.is_none() { "; say how many agents there are (limits.agents)" } else { "" };
                format!("{}{say}", facts.abandonment.words())
            });
            let until = moment.now + RECHECK;
            GateReport::defer(Gate::AbandonGuard, Reason::AbandonShare, until).because(words)
        }
        Some(lines) if facts.abandonment.abandoned > 0 => {
            pass.because(moment.facts(|| format!("{}: {lines} calls at once", facts.abandonment.words())))
        }
        _ => pass,
    }
}
